import * as Duration from "effect/Duration"
import type { Resolved } from "../../SocketOptions.ts"
import type { Agenda, Appointment } from "./agenda.ts"

/** The heartbeats of one side of a connection (RFC 37): its pings, and how long it bears to hear nothing. */
export class Pulse {
  private readonly agenda: Agenda
  private readonly heartbeat: Resolved["heartbeat"]
  private readonly sendPing: () => void
  private readonly onSilence: () => void
  private nextPing: Appointment | undefined = undefined
  /** Until when something must come in: after a ping, and by the peer's `timeToLive`. */
  private answer: Appointment | undefined = undefined
  private life: Appointment | undefined = undefined

  constructor(agenda: Agenda, heartbeat: Resolved["heartbeat"], sendPing: () => void, onSilence: () => void) {
    this.agenda = agenda
    this.heartbeat = heartbeat
    this.sendPing = sendPing
    this.onSilence = onSilence
  }

  /** Whether it need not be: by default, where whatever is sent is answered within so many milliseconds. */
  isSpared(within: number): boolean {
    const { heartbeat } = this
    return heartbeat === undefined || (heartbeat.tcpOnly && within < Duration.toMillis(heartbeat.timeout))
  }

  /** What its pings tell the peer, in milliseconds; 0 for nothing. */
  get timeToLive(): number {
    const { timeToLive } = this.heartbeat ?? {}
    return timeToLive === undefined ? 0 : Duration.toMillis(timeToLive)
  }

  /**
   * Sends pings from now on, at the times of a connection since `upAt`; answers for how many milliseconds the peer still
   * lives by the last one, which it has.
   */
  start(upAt: number): number {
    if (this.heartbeat === undefined || this.nextPing !== undefined) return 0
    const { agenda, timeToLive } = this
    const interval = Duration.toMillis(this.heartbeat.interval)
    const last = upAt + Math.floor((agenda.now - upAt) / interval) * interval
    this.ping(last + interval, interval, Duration.toMillis(this.heartbeat.timeout))
    return last === upAt ? 0 : Math.max(0, last + timeToLive - agenda.now)
  }

  /** Something must come in within so many milliseconds; 0 stands for ever. */
  live(within: number): void {
    const { agenda } = this
    if (within > 0) this.life ??= agenda.at(agenda.now + within, this.onSilence)
  }

  /** Something came in. */
  hear(): void {
    if (this.answer === undefined && this.life === undefined) return
    this.agenda.callOff(this.answer)
    this.agenda.callOff(this.life)
    this.answer = undefined
    this.life = undefined
  }

  /** Sends no pings, and waits for none of their answers. */
  pause(): void {
    this.agenda.callOff(this.answer)
    this.agenda.callOff(this.nextPing)
    this.answer = undefined
    this.nextPing = undefined
  }

  stop(): void {
    this.hear()
    this.pause()
  }

  private ping(time: number, interval: number, timeout: number): void {
    this.nextPing = this.agenda.at(time, () => {
      this.answer ??= this.agenda.at(time + timeout, this.onSilence)
      this.ping(time + interval, interval, timeout)
      this.sendPing()
    })
  }
}

/**
 * The heartbeats of a connection: when to ping, and what silence means.
 *
 * Those that a program asks for are sent and judged by the clock. Those that are the default must not cost a message, and
 * there are two ways in which they would:
 *
 * - A peer whose queue is full reads nothing, not even a ping. So its silence counts only when it has answered a ping that
 *   was sent behind all messages: then none of them can be unread on its side.
 * - Who pings a peer that has left has the system drop what the peer had sent and is still on its way. So it is sent only
 *   when the connection is read from, and nothing has come for as long as a ping takes.
 *
 * The queues of REQ and REP are never full: there the default is as strict.
 */
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import type { SocketType } from "@effect-zmq/core/SocketType"
import * as Duration from "effect/Duration"
import { after, nextTurn } from "./net.ts"
import { encodePing } from "./protocol/command.ts"

/** The connection. */
export interface Subject {
  /** How often something was heard. */
  readonly heard: number
  /** Whether it is not read from at the moment: then nothing can be heard. */
  readonly isPaused: boolean
  /** How many messages were written to it. */
  readonly messages: number
  /** Whether a command can be written now. */
  readonly isReady: boolean
  readonly write: (command: Uint8Array) => void
  /** Nothing was heard for too long. */
  readonly silent: () => void
}

const alternating: ReadonlySet<SocketType> = new Set<SocketType>(["REQ", "REP"])

export class Heartbeats {
  private readonly subject: Subject
  private readonly interval: number
  private readonly timeout: number
  private readonly timeToLive: number
  private readonly isGentle: boolean
  private isOver = false
  private callOffPing = (): void => {}
  private callOffAnswer: (() => void) | undefined = undefined
  /** How much was heard but for heartbeats, and was written, when that was looked at last. */
  private heard = 0
  private messages = 0
  /** Of the last ping: its number, and how much was written before it. And how much of that is surely read. */
  private number = 0
  private before = 0
  private read = 0

  constructor(heartbeat: NonNullable<Resolved["heartbeat"]>, type: SocketType, subject: Subject) {
    this.subject = subject
    this.interval = Duration.toMillis(heartbeat.interval)
    this.timeout = Duration.toMillis(heartbeat.timeout)
    this.timeToLive = heartbeat.timeToLive === undefined ? 0 : Duration.toMillis(heartbeat.timeToLive)
    this.isGentle = heartbeat.tcpOnly && !alternating.has(type)
    this.beaten()
    this.next(this.timeout)
  }

  stop(): void {
    this.isOver = true
    this.callOffPing()
    this.callOffAnswer?.()
  }

  /** What was heard last is a heartbeat. */
  beaten(): void {
    this.heard = this.subject.heard
  }

  /** The answer to a ping. */
  answered(context: Uint8Array): void {
    this.beaten()
    if (context.length === 4 && numberOf(context) === this.number) this.read = this.before
  }

  private next(timeout: number): void {
    this.callOffPing = after(this.interval, () => {
      if (this.isGentle && this.isBusy()) {
        // It will have been quiet for as long as an interval by then.
        this.next(Math.max(this.timeout - this.interval, this.interval))
        return
      }
      const { subject } = this
      if (subject.isReady) this.ping()
      if (subject.isReady || !this.isGentle) this.await(timeout)
      this.next(this.timeout)
    })
  }

  private ping(): void {
    const { subject } = this
    if (this.isGentle) {
      this.number = (this.number + 1) % 2 ** 32
      this.before = subject.messages
      subject.write(encodePing(this.timeToLive, contextOf(this.number)))
    } else subject.write(encodePing(this.timeToLive))
  }

  /** Whether there is no need to ask: it is paused, or messages came or went since the last time. */
  private isBusy(): boolean {
    const { heard, isPaused, messages } = this.subject
    const isBusy = isPaused || heard !== this.heard || messages !== this.messages
    this.heard = heard
    this.messages = messages
    return isBusy
  }

  private await(timeout: number): void {
    if (this.callOffAnswer !== undefined) return
    const isSilent = silence(this.subject)
    this.callOffAnswer = after(timeout, () => {
      this.callOffAnswer = undefined
      const isGone = () => isSilent() && (!this.isGentle || this.read === this.subject.messages)
      confirm(
        () => !this.isOver && isGone(),
        this.subject.silent,
        () => {}
      )
    })
  }
}

/** Whether nothing was heard since now. Who is not read from is not silent. */
export const silence = (subject: Pick<Subject, "heard" | "isPaused">): (() => boolean) => {
  const { heard } = subject
  return () => heard === subject.heard && !subject.isPaused
}

/** Looks again when the event loop has read what came while it was held up. */
export const confirm = (isSilent: () => boolean, silent: () => void, otherwise: () => void): void => {
  if (isSilent()) nextTurn(() => (isSilent() ? silent() : otherwise()))
  else otherwise()
}

const contextOf = (number: number): Uint8Array => {
  const context = new Uint8Array(4)
  new DataView(context.buffer).setUint32(0, number)
  return context
}

const numberOf = (context: Uint8Array): number => new DataView(context.buffer, context.byteOffset, 4).getUint32(0)

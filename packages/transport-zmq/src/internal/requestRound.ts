/**
 * The connections of a REQ, whose requests go round them.
 *
 * When a request is withdrawn all of them are opened anew, and a reply that comes over an old one is never seen. The next
 * request is to go to the endpoint after the one that the withdrawn one went to; so that endpoint is the only one to be
 * connected until it has answered. By then libzmq has taken the old connections out of its round, and the order of the new
 * ones is known: it begins with who answered.
 */
import { attempt } from "./addon.ts"
import type { NativeSocket } from "./nativeSocket.ts"

export class RequestRound {
  private readonly native: NativeSocket
  private readonly connect: (address: string) => void
  /** To which connection the first request went since they were all opened, and how many have gone since. */
  private first = 0
  private requests = 0
  /** What is to be connected again. */
  private reopening: ReadonlyArray<string> = []

  constructor(native: NativeSocket, connect: (address: string) => void) {
    this.native = native
    this.connect = connect
  }

  /** Whether an address is to be connected again later. */
  isWaiting(address: string): boolean {
    return this.reopening.includes(address)
  }

  sent(): void {
    this.requests++
  }

  /** There is no room: it may be at one of those that are not connected. */
  refused(): void {
    this.requests--
    this.reopen()
  }

  withdraw(connected: ReadonlyArray<string>): void {
    for (const address of connected) {
      if (!this.reopening.includes(address)) attempt(() => this.native.abandon(address))
    }
    this.first = (this.first + this.requests) % Math.max(1, connected.length)
    this.requests = 0
    const [next, ...others] = [...connected.slice(this.first), ...connected.slice(0, this.first)]
    if (next !== undefined) this.connect(next)
    this.reopening = others
  }

  /** Connects those that are not connected yet. */
  reopen(): void {
    if (this.reopening.length === 0) return
    for (const address of this.reopening) this.connect(address)
    this.reopening = []
    this.requests = 0
  }
}

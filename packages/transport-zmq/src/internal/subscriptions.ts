/** Subscriptions: those of a SUB and an XSUB, and those that an XPUB confirms for its subscribers. */
import type { Message } from "@effect-zmq/core/Message"
import type { SocketType } from "@effect-zmq/core/SocketType"
import { InvalidState, type Reason } from "@effect-zmq/core/ZmqError"
import * as Effect from "effect/Effect"
import type { NativeSocket } from "./nativeSocket.ts"

export class Subscriptions {
  /** Of an XPUB: whether libzmq may have another subscriber in mind than the one whose subscription was read last. */
  private mixed = false
  private trusted = true
  private readonly type: SocketType
  private readonly native: () => NativeSocket

  constructor(type: SocketType, native: () => NativeSocket) {
    this.type = type
    this.native = native
  }

  add(prefix: Uint8Array): void {
    if (this.type === "XSUB") this.native().tellSubscription(1, prefix)
    else this.native().subscribe(prefix)
  }

  remove(prefix: Uint8Array): void {
    if (this.type === "XSUB") this.native().tellSubscription(0, prefix)
    else this.native().unsubscribe(prefix)
  }

  /**
   * Waits until it is known whether one can be confirmed. libzmq confirms it for the subscriber whose subscription was read
   * last: so not where the next was read already, for someone who waits.
   */
  get confirmable(): Effect.Effect<void, Reason> {
    if (this.type !== "XPUB") return Effect.void
    const { reader } = this.native()
    return Effect.flatMap(
      Effect.callback<void>((resume) => reader.onceLanded(() => resume(Effect.void))),
      () => (!reader.isEmpty ? Effect.fail(readOn) : this.trusted ? Effect.void : Effect.fail(mixedUp))
    )
  }

  /**
   * Looks at what an XPUB with `manual` has read. libzmq remembers the subscribers behind one another, and takes one off
   * with each message: also with one of an XSUB, behind which there was none. It is right again when all has been read.
   */
  readonly admits = ([first, ...more]: Message): boolean => {
    const isLast = !this.native().readable
    if (more.length > 0 || first[0] === undefined || first[0] > 1) this.mixed = true
    else this.trusted = !this.mixed || isLast
    if (isLast) this.mixed = false
    return true
  }
}

const readOn = new InvalidState({
  problem:
    "another fiber waits to receive, and the next subscription was read for it: receive and confirm in one and the same"
})

const mixedUp = new InvalidState({
  problem:
    "libzmq no longer knows whose subscription this is, for messages of XSUB sockets came between: it holds when it is made anew"
})

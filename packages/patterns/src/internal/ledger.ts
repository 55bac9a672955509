/**
 * The sockets of a transport that are open, and what those that were closed dropped: what can be said about the losses of a
 * process that ends now.
 */
import * as Endpoint from "@effect-zmq/core/Endpoint"
import type { SocketType } from "@effect-zmq/core/SocketType"
import { type Handle, Transport } from "@effect-zmq/core/Transport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

interface Entry {
  readonly type: SocketType
  readonly handle: Handle
}

/** How many sockets are named. */
const named = 8

export class Ledger {
  private readonly open = new Set<Entry>()
  private dropped = 0
  /** Sockets that were closed, and could not say how many messages they dropped. */
  private vague = 0

  /** The transport, whose sockets are known here from now on. */
  watch(transport: Transport["Service"]): Transport["Service"] {
    return Transport.of({
      ...transport,
      open: (type, options) =>
        Effect.gen({ self: this }, function* () {
          let entry: Entry | undefined
          // Added before the transport's own, and so run after it: the socket is closed then.
          yield* Effect.addFinalizer(() => (entry === undefined ? Effect.void : this.closed(entry)))
          const handle = yield* transport.open(type, options)
          entry = { type, handle }
          this.open.add(entry)
          return handle
        })
    })
  }

  private closed(entry: Entry): Effect.Effect<void> {
    // The report of the close: it is closed already.
    return Effect.map(entry.handle.drain(Duration.zero), ({ dropped, flushed }) => {
      this.open.delete(entry)
      if (dropped !== undefined) this.dropped += dropped
      else if (!flushed) this.vague++
    })
  }

  /** What is lost, in words. */
  get losses(): string {
    const left = [...this.open]
    const names = left.slice(0, named).map(nameOf)
    if (left.length > named) names.push(`${left.length - named} more`)
    const open =
      left.length === 0
        ? "All its sockets were closed."
        : `${plural(left.length, "socket")} not closed, whose unsent messages are lost: ${names.join(", ")}.`
    const dropped =
      this.dropped === 0 ? "" : ` ${plural(this.dropped, "message")} dropped unsent by those that were closed.`
    const vague = this.vague === 0 ? "" : ` ${plural(this.vague, "socket")} closed without having delivered everything.`
    return `${open}${dropped}${vague}`
  }
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

const nameOf = ({ handle, type }: Entry): string => {
  const endpoints = Effect.runSyncExit(handle.endpoints)
  const texts = Exit.isSuccess(endpoints) ? endpoints.value.map(Endpoint.format) : []
  return texts.length === 0 ? type : `${type} of ${texts.join(" and ")}`
}

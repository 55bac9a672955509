/** What is told of a connection to who looks at the network. */
import type { Message } from "../../Message.ts"
import { type Depth, type Connection as Description, TraceEntry } from "../../Network.ts"
import type { Ends } from "./ends.ts"
import type { Side } from "./side.ts"

export const describe = (name: string, ends: Ends): Description => {
  const { acceptor, dialer } = ends
  const depth = (side: Side, far: Side): Depth => {
    const isGone = side.phase === "gone"
    const inLane = side.lane.messages
    const own = isGone ? 0 : ends.behind(side)
    const ownInLane = Math.min(own, inLane)
    const pending = far.phase === "gone" ? 0 : (far.pipe?.pending ?? 0)
    const waiting = isGone || side.phase === "up" ? 0 : (side.pipe?.unsent.queued ?? 0)
    return {
      unsent: own + waiting,
      inFlight: inLane - ownInLane,
      received: pending - (own - ownInLane),
      dropped: isGone ? 0 : (side.pipe?.missed ?? 0)
    }
  }
  return {
    name,
    state: ends.state,
    from: dialer.party.name,
    to: acceptor.party.name,
    endpoint: dialer.endpoint,
    forward: depth(dialer, acceptor),
    backward: depth(acceptor, dialer)
  }
}

/** The entry of a message that has arrived. */
export const arrival = (
  connection: string,
  from: Side,
  to: Side,
  message: Message,
  sent: number,
  time: number
): TraceEntry =>
  TraceEntry.Message({
    time,
    sent,
    connection,
    from: from.party.name,
    to: to.party.name,
    frames: message.length,
    bytes: message.reduce((sum, frame) => sum + frame.length, 0),
    head: (message[message.length - 1] ?? message[0]).slice(0, 16)
  })

/**
 * Chat rooms: what can be asked of one, and what answers.
 *
 * A room is an entity: it opens when somebody comes, keeps who is there in a variable, and closes when nobody has been there
 * for a while. To be in it is to read its stream: whoever stops reading, for whatever reason, has left.
 */

import { Console, Effect, PubSub, Schema, Stream } from "effect"
import { Entity } from "effect/cluster"
import { Rpc, RpcGroup } from "effect/rpc"

/** A name of one line. */
const Name = Schema.String.check(Schema.isPattern(/^[^\p{Cc}]{1,100}$/u))

export class Rooms extends RpcGroup.make(
  Rpc.make("Join", { payload: { room: Name, name: Name }, success: Schema.String, stream: true }),
  Rpc.make("Say", { payload: { room: Name, name: Name, text: Schema.String } })
) {}

export const Room = Entity.fromRpcGroup("Room", Rooms)

/** The handlers of one room. */
export const handlers = Rooms.toLayer(
  Effect.gen(function* () {
    const { entityId: room } = yield* Entity.CurrentAddress
    yield* Effect.acquireRelease(Console.log(`${room} opens`), () => Console.log(`${room} closes`))
    // Who reads slowly misses the oldest: nobody waits for it.
    const said = yield* PubSub.sliding<string>(1000)

    const stay = Effect.fnUntraced(function* (name: string) {
      const lines = yield* PubSub.subscribe(said)
      yield* PubSub.publish(said, `· ${name} is here`)
      yield* Effect.addFinalizer(() => PubSub.publish(said, `· ${name} has left`))
      return Stream.fromSubscription(lines)
    })
    return Rooms.of({
      // A call that stays is beside the others, which are made one after the other.
      Join: ({ name }) => Rpc.fork(Stream.unwrap(stay(name))),
      Say: ({ name, text }) => Effect.asVoid(PubSub.publish(said, `${name}: ${text}`))
    })
  })
)

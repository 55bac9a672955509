/**
 * The chat, the server: what one says, everyone in the room hears.
 *
 *     npx --yes pnpm@12 exec node examples/chat/server.ts
 *
 * It keeps no list of anybody. An XPUB is a PUB that hears of subscriptions, and of their end: who subscribes is here, and
 * whose subscription ends has left, whether by Ctrl-C, or because the machine lost its power.
 */
import { type Endpoint, Pull, Socket, XPub } from "@effect-zmq/core"
import { Console, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { bind, main } from "../main.ts"
import { printable, skip } from "../messages.ts"
import { arrival, departure, expected, member, Saying, topic } from "./messages.ts"

export const server = Effect.fnUntraced(function* (options: {
  /** Where to hear what is said, and where to say something. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
}) {
  // Every arrival is told, also of a second one of the same name.
  const members = yield* XPub.make({ bind: options.bind[0], verbosity: "subscriptions" })
  const sayings = yield* Pull.make({ bind: options.bind[1] })
  yield* Console.log(
    `Clients listen to ${yield* Socket.endpoints(members)}, and speak to ${yield* Socket.endpoints(sayings)}`
  )

  const say = ([room, name, text]: typeof Saying.Type) =>
    Effect.andThen(
      Console.log(printable(`${room} ${name === "" ? text : `${name}: ${text}`}`)),
      XPub.send(members, [room, name, text])
    )
  const announce = (subscription: Uint8Array, text: (name: string) => string) => {
    const who = member(subscription)
    return who === undefined ? Effect.void : say([topic(who.room), "", text(who.name)])
  }

  const presence = XPub.runForEach(members, (event) => {
    if (event._tag === "Message") return skip("a subscription")(event.message)
    return announce(event.topic, event._tag === "Subscribe" ? arrival : departure)
  })
  const echo = Pull.streamSchema(sayings, Saying, { onMalformed: skip(expected) }).pipe(Stream.runForEach(say))
  yield* Effect.all([presence, echo], { concurrency: "unbounded" })
}, Effect.scoped)

main(
  import.meta,
  Command.make("server", { bind: bind("tcp://127.0.0.1:5571", "tcp://127.0.0.1:5572") }, server).pipe(
    Command.withDescription("Tells everyone in a room what each of them says.")
  )
)

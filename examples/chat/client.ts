/**
 * The chat, a client: what you type, everyone in the room reads, and what they type appears above your line.
 *
 *     npx --yes pnpm@12 exec node examples/chat/client.ts --name ada
 *
 * It has two sockets, one that listens and one that speaks. Lines may be piped into it, too.
 */
import { type Endpoint, Message, Push, Socket, Sub } from "@effect-zmq/core"
import { Effect, Latch, Stream } from "effect"
import { Command } from "effect/cli"
import { connect, main } from "../main.ts"
import { arrival, expected, label, Saying, topic } from "./messages.ts"
import * as Prompt from "./prompt.ts"

export const client = Effect.fnUntraced(function* (options: {
  /** Where the server says something, and where it hears what is said. */
  readonly connect: readonly [Endpoint.Input, Endpoint.Input]
  readonly name: string
  readonly room: string
  readonly prompt: Prompt.Prompt
}) {
  const { name, prompt, room } = options
  const ears = yield* Sub.make({ connect: options.connect[0], subscribe: [topic(room), topic(room, name)] })
  const mouth = yield* Push.make({ connect: options.connect[1] })
  yield* prompt.show(`Joining ${room} as ${name}, once ${yield* Socket.endpoint(ears)} is there`)

  const joined = yield* Latch.make()
  // Closed while something said by this client has not come back.
  const heard = yield* Latch.make(true)
  let underWay = 0

  const skip = (message: Message.Message) => prompt.show(`Skipped ${Message.inspect(message)}: expected ${expected}`)
  /** Says when the server is lost, and when it is back. What was under way is gone, and one is to be let in anew. */
  const watch = Socket.changes(ears).pipe(
    Stream.map(({ peers }) => peers > 0),
    Stream.changes,
    Stream.dropUntil((isThere) => isThere),
    Stream.runForEach((isThere) =>
      Effect.gen(function* () {
        yield* prompt.show(isThere ? "· the server is back" : "· the server is lost: waiting for it")
        if (isThere) return
        underWay = 0
        yield* joined.close
        yield* heard.open
      })
    )
  )
  const listen = Sub.streamSchema(ears, Saying, { onMalformed: skip }).pipe(
    Stream.runForEach(([, who, text]) =>
      Effect.gen(function* () {
        yield* prompt.show(who === "" ? `· ${text}` : `${who}: ${text}`)
        if (who === "" && text === arrival(name)) yield* joined.open
        if (who === name && underWay > 0 && --underWay === 0) yield* heard.open
      })
    )
  )
  const speak = prompt.lines.pipe(
    Stream.filter((line) => line.trim() !== ""),
    Stream.runForEach((line) =>
      Effect.gen(function* () {
        // What is said before one hears, one does not hear.
        yield* joined.await
        underWay++
        yield* heard.close
        yield* Push.send(mouth, [topic(room), name, line])
      })
    ),
    Effect.andThen(Effect.timeoutOption(heard.await, "1 second"))
  )
  yield* Effect.raceAllFirst([listen, speak, Effect.andThen(watch, Effect.never)])
}, Effect.scoped)

main(
  import.meta,
  Command.make(
    "client",
    {
      connect: connect("tcp://127.0.0.1:5571", "tcp://127.0.0.1:5572"),
      name: label("name", "what you are called", `guest-${process.pid}`),
      room: label("room", "where you chat", "lobby")
    },
    (options) =>
      Prompt.make.pipe(
        Effect.flatMap((prompt) => client({ ...options, prompt })),
        Effect.scoped
      )
  ).pipe(Command.withDescription("Says what you type to everyone in the room, and shows what they say."))
)

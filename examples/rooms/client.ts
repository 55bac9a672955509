/**
 * Chat rooms, a client: what you type, everyone in the room reads.
 *
 *     npx --yes pnpm@12 exec node examples/rooms/client.ts --name ada
 *
 * The room is a stream to read, and a call to make: this program knows nothing of entities, nor of ZeroMQ but an address.
 */
import type { Endpoint } from "@effect-zmq/core"
import { ZmqRpcClient } from "@effect-zmq/patterns"
import { Effect, Latch, Layer, Schedule, Stream } from "effect"
import { Command } from "effect/cli"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { label } from "../chat/messages.ts"
import * as Prompt from "../chat/prompt.ts"
import { connect, main } from "../main.ts"
import { Rooms } from "./rooms.ts"

export const client = Effect.fnUntraced(
  function* (options: {
    readonly connect: Endpoint.Input
    readonly name: string
    readonly room: string
    readonly prompt: Prompt.Prompt
  }) {
    const { name, prompt, room } = options
    const rooms = yield* RpcClient.make(Rooms)
    yield* prompt.show(`Joining ${room} as ${name}`)
    const joined = yield* Latch.make()

    const listen = rooms.Join({ room, name }).pipe(
      Stream.runForEach((line) => Effect.andThen(prompt.show(line), joined.open)),
      Effect.tapError(() => Effect.andThen(joined.close, prompt.show("· the room is lost: waiting for it"))),
      Effect.retry(Schedule.spaced("500 millis"))
    )
    const speak = prompt.lines.pipe(
      Stream.filter((line) => line.trim() !== ""),
      Stream.runForEach((text) =>
        joined
          .whenOpen(rooms.Say({ room, name, text }))
          .pipe(Effect.catchTag("RpcClientError", () => prompt.show(`· not heard: ${text}`)))
      )
    )
    yield* Effect.raceFirst(listen, speak)
  },
  Effect.scoped,
  (effect, { connect }) =>
    Effect.provide(effect, ZmqRpcClient.layerProtocol({ connect }).pipe(Layer.provide(RpcSerialization.layerJson)))
)

main(
  import.meta,
  Command.make(
    "client",
    {
      connect: connect("tcp://127.0.0.1:5575"),
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

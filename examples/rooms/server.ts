/**
 * Chat rooms, the server: a runner with all rooms, and what clients connect to.
 *
 *     npx --yes pnpm@12 exec node examples/rooms/server.ts
 *
 * Handlers that are written once, and a line that makes a room of them for each name: there is no table of rooms to keep.
 */
import { type Endpoint, Socket } from "@effect-zmq/core"
import { ZmqRpcServer, ZmqRunner } from "@effect-zmq/patterns"
import { Console, Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { MessageStorage } from "effect/cluster"
import { RpcSerialization } from "effect/rpc"
import { bind, main } from "../main.ts"
import { handlers, Room, Rooms } from "./rooms.ts"

export const server = (options: { readonly bind: Endpoint.Input }) => {
  const rooms = ZmqRunner.layerEntity(Room, handlers, { maxIdleTime: "30 seconds", disableFatalDefects: true }).pipe(
    Layer.provideMerge(ZmqRunner.layer({ bind: "tcp://127.0.0.1:*" })),
    Layer.provide([ZmqRunner.layerStorageMemory, MessageStorage.layerNoop])
  )
  const front = ZmqRpcServer.layer(Rooms).pipe(
    Layer.provide(ZmqRunner.layerRouted(Rooms, Room, ({ room }) => room)),
    Layer.provide(rooms),
    Layer.provideMerge(ZmqRpcServer.layerProtocol({ bind: options.bind }))
  )
  const open = Effect.gen(function* () {
    const { socket } = yield* ZmqRpcServer.ZmqRpcServer
    yield* Console.log(`Rooms are at ${yield* Socket.endpoint(socket)}`)
  })
  return Layer.effectDiscard(open).pipe(Layer.provide(front), Layer.provide(RpcSerialization.layerJson), Layer.launch)
}

main(
  import.meta,
  Command.make("server", { bind: bind("tcp://127.0.0.1:5575") }, server).pipe(
    Command.withDescription("Has chat rooms: one for each name that somebody joins.")
  )
)

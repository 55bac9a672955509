/**
 * A served group and its client, a process each: over ZeroMQ, and over the TCP socket protocol of `effect/rpc` itself. Both
 * have the same group, the same handlers, the same client program and the same codec.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import type { Endpoint } from "@effect-zmq/core"
import { Socket } from "@effect-zmq/core"
import { ZmqRpcClient, ZmqRpcServer } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { ZmtpTransport } from "@effect-zmq/transport-zmtp"
import { Array as Arr, Cause, Effect, Fiber, Layer, Queue, Schema, Stream } from "effect"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import { SocketServer } from "effect/socket"

export interface Service {
  readonly kind: "raw" | "ours"
  readonly role: "server" | "client"
  /** Which transport ours has. */
  readonly transport: "zmq" | "zmtp"
  readonly codec: "json" | "binary"
  readonly measure: "unary" | "streams" | "stalled"
  /** How many calls are under way at once; of streams, how many elements a chunk has. */
  readonly width: number
  /** How many calls, or elements. */
  readonly count: number
  /** Where a client connects: an endpoint, or a port. */
  readonly connect?: string
}

/** What a client prints: for how long it took, or of each call, in milliseconds. */
export interface Served {
  readonly seconds: number
  readonly count: number
  readonly calls: ReadonlyArray<number>
}

// What ../services.ts hands over.
const { codec, connect, count, kind, measure, role, transport, width } = JSON.parse(process.argv[2] ?? "{}") as Service

const Group = RpcGroup.make(
  Rpc.make("Add", { payload: { a: Schema.Int, b: Schema.Int }, success: Schema.Int }),
  Rpc.make("Numbers", { payload: { count: Schema.Int, chunk: Schema.Int }, success: Schema.Int, stream: true })
)

const handlers = Group.toLayer({
  Add: ({ a, b }) => Effect.succeed(a + b),
  Numbers: ({ chunk, count }) => {
    const values = Arr.makeBy(chunk, (i) => i)
    let left = count / chunk
    return Stream.fromPull(Effect.succeed(Effect.suspend(() => (left-- > 0 ? Effect.succeed(values) : Cause.done()))))
  }
})

// Over TCP, JSON needs frames.
const serialization = {
  json: kind === "raw" ? RpcSerialization.layerNdjson : RpcSerialization.layerJson,
  binary: RpcSerialization.layerSchemaBinary()
}[codec]

const transports = { zmq: ZmqTransport.layer, zmtp: ZmtpTransport.layer }

const say = (value: unknown) => Effect.sync(() => console.log(JSON.stringify(value)))

const options = { disableFatalDefects: true, disableTracing: true } as const

const server: Record<Service["kind"], Layer.Layer<never, unknown>> = {
  raw: RpcServer.layer(Group, options).pipe(
    Layer.provide(handlers),
    Layer.provide(RpcServer.layerProtocolSocketServer),
    Layer.merge(
      Layer.effectDiscard(
        Effect.flatMap(SocketServer.SocketServer, ({ address }) =>
          say({ endpoint: "port" in address ? String(address.port) : "" })
        )
      )
    ),
    Layer.provide(NodeSocketServer.layer({ host: "127.0.0.1", port: 0 })),
    Layer.provide(serialization)
  ),
  ours: RpcServer.layer(Group, options).pipe(
    Layer.provide(handlers),
    Layer.merge(
      Layer.effectDiscard(
        Effect.gen(function* () {
          const { socket } = yield* ZmqRpcServer.ZmqRpcServer
          yield* say({ endpoint: yield* Socket.endpoint(socket) })
        })
      )
    ),
    Layer.provide(ZmqRpcServer.layerProtocol({ bind: "tcp://127.0.0.1:*" })),
    Layer.provide([transports[transport], serialization])
  )
}

const protocol: Record<Service["kind"], () => Layer.Layer<RpcClient.Protocol, unknown>> = {
  raw: () =>
    RpcClient.layerProtocolSocket().pipe(
      Layer.provide(NodeSocket.layerNet({ host: "127.0.0.1", port: Number(connect) })),
      Layer.provide(serialization)
    ),
  ours: () =>
    // What the server has printed.
    ZmqRpcClient.layerProtocol({ connect: connect as Endpoint.Text }).pipe(
      Layer.provide([transports[transport], serialization])
    )
}

const client = Effect.gen(function* () {
  const rpc = yield* RpcClient.make(Group, { disableTracing: true })
  const calls: Array<number> = []
  const callers = (width: number, count: number) =>
    Effect.forEach(
      Array.from({ length: width }),
      () =>
        Effect.gen(function* () {
          for (let i = 0; i < count / width; i++) {
            const start = performance.now()
            const sum = yield* rpc.Add({ a: i, b: 1 })
            calls.push(performance.now() - start)
            if (sum !== i + 1) return yield* Effect.die("a wrong sum")
          }
        }),
      { concurrency: "unbounded", discard: true }
    )
  const stream = (count: number) => {
    let got = 0
    return Stream.runForEachArray(rpc.Numbers({ count, chunk: width }, { streamBufferSize: 4096 }), (values) =>
      Effect.sync(() => {
        got += values.length
      })
    ).pipe(Effect.andThen(Effect.suspend(() => (got === count ? Effect.void : Effect.die(`${got} of ${count}`)))))
  }
  const timed = Effect.fnUntraced(function* (work: Effect.Effect<unknown, unknown>) {
    const start = performance.now()
    yield* work
    return { seconds: (performance.now() - start) / 1000, count, calls }
  })
  switch (measure) {
    case "unary":
      yield* callers(width, Math.min(count / 4, 10_000))
      calls.length = 0
      return yield* timed(callers(width, count))
    case "streams":
      yield* stream(width * Math.ceil(count / width / 10))
      return yield* timed(stream(count))
    case "stalled": {
      yield* callers(8, 4000)
      calls.length = 0
      const stalled = yield* rpc.Numbers({ count: 10_000_000, chunk: 128 }, { asQueue: true, streamBufferSize: 16 })
      yield* Queue.take(stalled) // it has begun, and nobody reads on
      const working = yield* Effect.forkChild(timed(callers(8, count)))
      // Over what stalls with the stream, none of the calls would end.
      yield* Effect.sleep("5 seconds").pipe(
        Effect.andThen(Effect.sync(() => calls.push(5000))),
        Effect.race(Fiber.await(working))
      )
      return { seconds: 0, count: calls.length, calls }
    }
  }
}).pipe(Effect.scoped, Effect.provide(Layer.suspend(protocol[kind])), Effect.flatMap(say))

NodeRuntime.runMain<unknown, unknown>(role === "server" ? Layer.launch(server[kind]) : client)

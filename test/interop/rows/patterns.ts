/** What the patterns put on the wire is for programs in any language. */
import { assert } from "@effect/vitest"
import { Endpoint, Message, Socket } from "@effect-zmq/core"
import { Broker, Topic } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Result, Schema, Stream } from "effect"
import { peer } from "../python.ts"
import { row } from "../roles.ts"

const Weather = Topic.make("weather", {
  schema: Schema.Struct({ zip: Schema.String, temperature: Schema.Int }),
  key: ({ zip }) => zip
})

const anyPort = "tcp://127.0.0.1:*"

/** What Python says that it is bound to. */
const endpointOf = (text: string): Endpoint.Endpoint => Result.getOrThrow(Endpoint.parseConnect(text))

row({ example: "Topic", python: ["subscriber"], ours: ["publisher"] }, (watched) =>
  Effect.gen(function* () {
    const publisher = yield* Topic.publisher(Weather, { bind: anyPort })
    const endpoint = yield* Socket.endpoint(publisher.socket)
    const subscribers = yield* Effect.forEach(["10001", "1000"], (key) =>
      peer("topic_subscriber", "--connect", endpoint, "--key", key)
    )
    watched.push(...subscribers)
    yield* Topic.awaitSubscribers(publisher, 2)
    yield* Topic.publish(publisher, { zip: "10001", temperature: 71 })
    yield* Topic.publish(publisher, { zip: "1000", temperature: -3 })
    const ended = yield* Effect.forEach(subscribers, ({ ended }) => ended)
    assert.deepStrictEqual(
      ended.map(({ code, stderr, stdout }) => ({ code, stderr, stdout })),
      [
        { code: 0, stderr: "", stdout: '{"temperature": 71, "zip": "10001"}\n' },
        { code: 0, stderr: "", stdout: '{"temperature": -3, "zip": "1000"}\n' }
      ]
    )
  }).pipe(Effect.provide(ZmqTransport.layer))
)

row({ example: "Topic", python: ["publisher"], ours: ["subscriber"] }, (watched) =>
  Effect.gen(function* () {
    const publisher = yield* peer("topic_publisher", "--bind", anyPort)
    watched.push(publisher)
    const [, endpoint = ""] = yield* publisher.prints(/^bound (\S+)$/m)
    const subscriber = yield* Topic.subscriber(Weather, { connect: endpointOf(endpoint), keys: "10001" })
    const values = yield* Stream.runCollect(Stream.take(Topic.stream(subscriber), 2))
    assert.deepStrictEqual(values, [
      { zip: "10001", temperature: 71 },
      { zip: "10001", temperature: -3 }
    ])
  }).pipe(Effect.provide(ZmqTransport.layer))
)

const tenReplies = /^Received reply 10 \[b'World']$/m

row({ example: "Broker", python: ["client", "worker"], ours: ["broker"] }, (watched) =>
  Effect.gen(function* () {
    const broker = yield* Broker.make({ frontend: anyPort, backend: anyPort })
    const worker = yield* peer("ready_worker", "--connect", yield* Socket.endpoint(broker.backend))
    const client = yield* peer("broker_client", "--connect", yield* Socket.endpoint(broker.frontend))
    watched.push(worker, client)
    yield* client.prints(tenReplies)
    yield* worker.prints(/^(Received request: b'Hello'\n){10}$/)
  }).pipe(Effect.provide(ZmqTransport.layer))
)

const answer = (request: Message.Message) =>
  Effect.succeed(Message.text(request) === "Hello" ? "World" : "not quite Hello")

row({ example: "Broker", python: ["client"], ours: ["broker", "worker"] }, (watched) =>
  Effect.gen(function* () {
    const broker = yield* Broker.make({ frontend: anyPort, backend: anyPort })
    yield* Effect.forkScoped(Broker.serve(answer, { connect: yield* Socket.endpoint(broker.backend) }))
    const client = yield* peer("broker_client", "--connect", yield* Socket.endpoint(broker.frontend))
    watched.push(client)
    yield* client.prints(tenReplies)
  }).pipe(Effect.provide(ZmqTransport.layer))
)

row({ example: "Broker", python: ["client", "broker"], ours: ["worker"] }, (watched) =>
  Effect.gen(function* () {
    const broker = yield* peer("ready_broker", "--bind", anyPort, "--bind", anyPort)
    watched.push(broker)
    const [, frontend = "", backend = ""] = yield* broker.prints(/^bound (\S+)\nbound (\S+)$/m)
    yield* Effect.forkScoped(Broker.serve(answer, { connect: endpointOf(backend) }))
    const client = yield* peer("broker_client", "--connect", frontend)
    watched.push(client)
    yield* client.prints(tenReplies)
  }).pipe(Effect.provide(ZmqTransport.layer))
)

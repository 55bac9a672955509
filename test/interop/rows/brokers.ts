/** What stands between clients and workers, or between others who both connect to it. */
import { assert } from "@effect/vitest"
import { Endpoint, Message, Pull, Push } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Effect, Result, Stream } from "effect"
import { example } from "../../examples/program.ts"
import { peer } from "../python.ts"
import { mixed, type Role, row } from "../roles.ts"
import { weatherPublisher, weatherSubscriber } from "./publishSubscribe.ts"

const tenReplies = Array.from({ length: 10 }, (_, i) => i + 1)

const client: Role = {
  ours: { program: "broker/client", did: new RegExp(tenReplies.map((i) => `^${i}: World\n`).join(""), "m") },
  python: {
    program: "broker_client",
    did: new RegExp(`^${tenReplies.map((i) => `Received reply ${i} \\[b'World']\n`).join("")}$`)
  }
}

const worker: Role = {
  ours: { program: "broker/worker", did: /^(Got "Hello"\n){10}/m },
  python: { program: "broker_worker", did: /^(Received request: b'Hello'\n){10}/m }
}

const broker = (ours: string, python: string): Role => ({
  ours: {
    program: ours,
    bound: [/^Clients connect to (\S+), workers to \S+$/m, /^Clients connect to \S+, workers to (\S+)$/m],
    did: /^Clients connect/
  },
  python: { program: python, did: /bound/ }
})

for (const [title, role, options] of [
  ["broker", broker("broker/broker", "broker"), { python: [["client"], ["broker"], ["worker"], ["client", "worker"]] }],
  ["broker, the proxy", broker("broker/proxy", "broker_proxy"), { python: [["broker"], ["client", "worker"]] }]
] as const) {
  mixed(
    title,
    { client, broker: role, worker },
    (cast) =>
      Effect.gen(function* () {
        const broker = yield* cast.broker({ bind: 2 })
        const [clients = "", workers = ""] = broker.endpoints
        const client = yield* cast.client({ connect: [clients] })
        const worker = yield* cast.worker({ connect: [workers] })
        yield* client.ended
        yield* worker.did
      }),
    options
  )
}

const asyncServer: Role = {
  ours: {
    program: "async-server/server",
    flags: ["--workers", "2"],
    bound: [/^Listening on (\S+)$/m],
    did: /^Worker \d got "request #1" from "ada"$/m
  },
  python: { program: "async_server", did: /^Worker#\d received b'request #1' from b'ada'$/m }
}

for (const [title, program] of [
  ["async-server", "async-server/client"],
  ["async-server, the threaded client", "async-server/threaded-client"]
] as const) {
  mixed(
    title,
    {
      server: asyncServer,
      client: {
        ours: { program, flags: ["--id", "ada"], did: /^ada received "request #1"$/m },
        python: {
          program: "async_client",
          flags: ["--id", "ada"],
          did: /^(?=[\s\S]*#1'])(?=[\s\S]*#5'])Client ada started\n(Client ada received: \[b'request #\d']\n){5}$/
        }
      }
    },
    (cast) =>
      Effect.gen(function* () {
        const server = yield* cast.server({ bind: 1 })
        const client = yield* cast.client({ connect: server.endpoints })
        yield* client.did
        yield* server.did
      }),
    title === "async-server" ? {} : { python: [["server"]] }
  )
}

mixed(
  "forwarder",
  {
    publisher: weatherPublisher,
    proxy: {
      ours: { program: "forwarder/proxy", bound: [/^Forwarding \S+ to (\S+)$/m], did: /^Forwarding/ },
      python: { program: "forwarder", did: /bound/ }
    },
    subscriber: weatherSubscriber
  },
  (cast) =>
    Effect.gen(function* () {
      const publisher = yield* cast.publisher({ bind: 1 })
      const proxy = yield* cast.proxy({ bind: 1, connect: publisher.endpoints })
      const subscriber = yield* cast.subscriber({ connect: proxy.endpoints })
      yield* subscriber.ended
    }),
  // Not our publisher for our subscriber: it has the weather of the whole country, and the other waits for that of one place.
  { python: [["publisher"], ["publisher", "proxy"], ["publisher", "subscriber"], ["proxy", "subscriber"]] }
)

// Its tasks are numbered, those of the pipeline are not: our programs beside it are in test/examples/proxies.test.ts.
row({ example: "streamer", python: ["ventilator", "worker"], ours: ["proxy"] }, (watched) =>
  Effect.gen(function* () {
    const any = ["--bind", "tcp://127.0.0.1:*"]
    const proxy = yield* example("streamer/proxy", ...any, ...any)
    watched.push(proxy)
    const [, frontend = "", backend = ""] = yield* proxy.prints(/^Ventilators connect to (\S+), workers to (\S+)$/m)
    const ventilator = yield* peer("streamer_ventilator", "--connect", frontend)
    const worker = yield* peer("streamer_worker", "--connect", backend)
    watched.push(ventilator, worker)
    const { code, stderr, stdout } = yield* worker.ended
    assert.deepStrictEqual(
      { code, stderr, stdout },
      { code: 0, stderr: "", stdout: "Took 100 tasks, in their order\n" }
    )
  })
)

row({ example: "streamer", python: ["proxy"], ours: ["ventilator", "worker"] }, (watched) =>
  Effect.gen(function* () {
    const any = ["--bind", "tcp://127.0.0.1:*"]
    const proxy = yield* peer("streamer", ...any, ...any)
    watched.push(proxy)
    const [, frontend = "", backend = ""] = yield* proxy.prints(/^bound (\S+)\nbound (\S+)$/m)
    const tasks = Array.from({ length: 100 }, (_, i) => [`${i}`, ""] as const)
    const ventilator = yield* Push.make({ connect: Result.getOrThrow(Endpoint.parseConnect(frontend)) })
    yield* Push.sendAll(ventilator, tasks)
    const worker = yield* Pull.make({ connect: Result.getOrThrow(Endpoint.parseConnect(backend)) })
    const taken = yield* Stream.runCollect(Stream.take(Pull.stream(worker), tasks.length))
    assert.deepStrictEqual(
      taken.map((message) => message.map((frame) => Message.text([frame]))),
      tasks.map((task) => [...task])
    )
  }).pipe(Effect.provide(ZmqTransport.layer))
)

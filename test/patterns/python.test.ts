/** Peers in Python, as the Guide has them: workers and clients of the broker, and subscribers to a topic. */
import { spawnSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import * as Message from "@effect-zmq/core/Message"
import * as Req from "@effect-zmq/core/Req"
import * as Socket from "@effect-zmq/core/Socket"
import * as Broker from "@effect-zmq/patterns/Broker"
import * as Topic from "@effect-zmq/patterns/Topic"
import * as ZmqTransport from "@effect-zmq/transport-zmq/ZmqTransport"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { start } from "../examples/program.ts"
import { endpointOf } from "./targets.ts"

/** A Python that has pyzmq (Debian: python3-zmq). */
const python = ["/usr/bin/python3", "python3"].find((file) => spawnSync(file, ["-c", "import zmq"]).status === 0)
if (python === undefined) console.log("skipped: no python3 here has zmq; Debian's package is python3-zmq")

const py = (program: string, ...args: ReadonlyArray<string>) =>
  start(
    python ?? "",
    "-u",
    "-c",
    `import sys, time, zmq\ncontext = zmq.Context()\nargs = sys.argv[1:]\n${program}`,
    ...args
  )

const any = "tcp://127.0.0.1:*"

const startBroker = Effect.gen(function* () {
  const broker = yield* Broker.make({ frontend: any, backend: any })
  const [frontend, backend] = [yield* Socket.endpoint(broker.frontend), yield* Socket.endpoint(broker.backend)]
  return { broker, frontend, backend }
})

/** The Guide's worker, which answers `count` requests. */
const worker = `worker = context.socket(zmq.REQ)
worker.connect(args[0])
worker.send(b"READY")
for i in range(int(args[1])):
    client, empty, request = worker.recv_multipart()
    assert empty == b""
    worker.send_multipart([client, b"", b"Python did " + request])
if len(args) > 2: sys.stdin.read()
context.destroy()
`

describe.runIf(python !== undefined)("with peers in Python", { concurrent: true }, () => {
  it.live("the broker gives requests to a REQ worker of the Guide, and our clients get its replies", () =>
    Effect.gen(function* () {
      const { backend, broker, frontend } = yield* startBroker
      yield* py(worker, backend, "100", "stay")
      yield* broker.awaitStats(({ ready }) => ready === 1)
      const req = yield* Req.make({ connect: frontend })
      for (const i of [1, 2, 3]) {
        assert.strictEqual(Message.text(yield* Req.request(req, `task ${i}`)), `Python did task ${i}`)
      }
    }).pipe(Effect.provide(ZmqTransport.layer))
  )

  it.live("the broker gives requests of REQ and DEALER clients in Python to our workers", () =>
    Effect.gen(function* () {
      const { backend, broker, frontend } = yield* startBroker
      const serve = Broker.serve((request) => Effect.succeed(`${Message.text(request)} done`), {
        connect: backend,
        concurrency: 2
      })
      yield* Effect.forkScoped(serve)
      const client = yield* py(
        `req = context.socket(zmq.REQ)
req.connect(args[0])
for i in range(3):
    req.send(b"r%i" % i)
    print(req.recv().decode())
dealer = context.socket(zmq.DEALER)
dealer.connect(args[0])
for i in range(3): dealer.send_multipart([b"", b"d%i" % i])
print(sorted(dealer.recv_multipart() for i in range(3)))
`,
        frontend
      )
      const { code, stderr, stdout } = yield* client.ended
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.strictEqual(
        stdout,
        "r0 done\nr1 done\nr2 done\n[[b'', b'd0 done'], [b'', b'd1 done'], [b'', b'd2 done']]\n"
      )
      assert.deepInclude(yield* broker.stats, { requests: 6, replies: 6, malformed: 0, late: 0 })
    }).pipe(Effect.provide(ZmqTransport.layer))
  )

  it.live("a worker in Python that is killed with a request is counted, and the others go on", () =>
    Effect.gen(function* () {
      const { backend, broker, frontend } = yield* startBroker
      const stuck = yield* py(
        `worker = context.socket(zmq.REQ)
worker.connect(args[0])
worker.send(b"READY")
print(worker.recv_multipart()[2].decode())
sys.stdin.read()
`,
        backend
      )
      yield* broker.awaitStats(({ ready }) => ready === 1)
      const req = yield* Req.make({ connect: frontend, linger: 0 })
      yield* Effect.forkScoped(Req.request(req, "fatal"))
      yield* stuck.prints(/fatal/)
      yield* stuck.signal("SIGKILL")
      yield* broker.awaitStats(({ lost }) => lost === 1)
      yield* py(worker, backend, "1", "stay")
      const other = yield* Req.make({ connect: frontend })
      assert.strictEqual(Message.text(yield* Req.request(other, "harmless")), "Python did harmless")
    }).pipe(Effect.provide(ZmqTransport.layer))
  )

  const Weather = Topic.make("weather", {
    schema: Schema.Struct({ zip: Schema.String, temperature: Schema.Int }),
    key: (report) => report.zip
  })

  it.live("a topic's key, and value, and count: SUBs in Python, plain, and such that say that they are there", () =>
    Effect.gen(function* () {
      const publisher = yield* Topic.publisher(Weather, { bind: any })
      const endpoint = yield* Socket.endpoint(publisher.socket)
      const subscriber = `import json, uuid
sub = context.socket(zmq.SUB)
me = b"weather/" + uuid.uuid4().hex.encode() + b"/"
prefixes = [b"weather/" + key.encode() + b"/" for key in args[1].split(",")]
is_counted = len(args) > 2
for prefix in prefixes if is_counted else []: sub.subscribe(b"\\x00" + me + prefix)
for prefix in prefixes: sub.subscribe(prefix)
if is_counted: sub.subscribe(b"\\xff" + me)
sub.connect(args[0])
while True:
    key, body = sub.recv_multipart()
    report = json.loads(body)
    print(key.decode(), report["zip"], report["temperature"])
    if report["temperature"] == 99: break
`
      const plain = [yield* py(subscriber, endpoint, "10001"), yield* py(subscriber, endpoint, "10001")]
      yield* Topic.awaitSubscribers(publisher, 2)
      const counted = yield* py(subscriber, endpoint, "10001,1000,20500", "counted")
      yield* Topic.awaitSubscribers(publisher, 3)
      // One that is killed is one less.
      const doomed = yield* py(subscriber, endpoint, "77,10001", "counted")
      yield* Topic.awaitSubscribers(publisher, 4)
      yield* doomed.signal("SIGKILL")
      yield* Stream.runDrain(Stream.takeUntil(Topic.subscriberChanges(publisher), (now) => now === 3))
      const ours = yield* Topic.subscriber(Weather, { connect: yield* endpointOf(publisher.socket), keys: "1000" })
      yield* Topic.awaitSubscribers(publisher, 4)
      assert.strictEqual(yield* Topic.subscribers(publisher), 4)
      yield* Topic.publishAll(publisher, [
        { zip: "1000", temperature: 1 },
        { zip: "10001", temperature: 99 }
      ])
      for (const one of plain) assert.strictEqual((yield* one.ended).stdout, "weather/10001/ 10001 99\n")
      assert.strictEqual((yield* counted.ended).stdout, "weather/1000/ 1000 1\nweather/10001/ 10001 99\n")
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(Topic.stream(ours), 1)), [
        { zip: "1000", temperature: 1 }
      ])
      // They have ended, and are counted no more.
      yield* Stream.runDrain(Stream.takeUntil(Topic.subscriberChanges(publisher), (now) => now === 1))
    }).pipe(Effect.provide(ZmqTransport.layer))
  )

  it.live("a publisher in Python is read by our subscriber", () =>
    Effect.gen(function* () {
      const publisher = yield* py(`pub = context.socket(zmq.XPUB)
port = pub.bind_to_random_port("tcp://127.0.0.1")
print(port)
while pub.recv() != b"\\x01weather/10001/": pass
pub.send_multipart([b"weather/10001/", b'{"zip":"10001","temperature":71}'])
sys.stdin.read()
`)
      const [port] = yield* publisher.prints(/^\d+\n/)
      const connect = `tcp://127.0.0.1:${port.trim()}` as const
      const reports = yield* Topic.subscribe(Weather, { connect, keys: "10001" }).pipe(
        Stream.take(1),
        Stream.runCollect
      )
      assert.deepStrictEqual(reports, [{ zip: "10001", temperature: 71 }])
    }).pipe(Effect.provide(ZmqTransport.layer))
  )
})

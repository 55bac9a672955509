/** Programs in Python, in the shape of the tutorials' and with their wire formats, mixed with ours. */
import { spawnSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { example, freeEndpoint, run, start } from "./program.ts"

/** A Python that has pyzmq (Debian: python3-zmq). */
const python = ["/usr/bin/python3", "python3"].find((file) => spawnSync(file, ["-c", "import zmq"]).status === 0)
if (python === undefined) console.log("skipped: no python3 here has zmq; Debian's package is python3-zmq")

/** Runs a program in Python, with a context, and with its arguments as `a`, `b`, …; its output is not buffered. */
const py = (program: string, ...args: ReadonlyArray<string>) =>
  start(
    python ?? "",
    "-u",
    "-c",
    `import random, sys, time, zmq\ncontext = zmq.Context()\nargs = sys.argv[1:]\n${program}`,
    ...args
  )

describe.runIf(python !== undefined)("with the tutorials' programs in Python", () => {
  it.live("hello: our client and a Python server", () =>
    Effect.gen(function* () {
      const endpoint = yield* freeEndpoint
      yield* py(
        `socket = context.socket(zmq.REP)
socket.bind(args[0])
while True:
    message = socket.recv()
    print("Received request: %s" % message)
    socket.send(b"World")`,
        endpoint
      )
      const client = yield* run("hello/client", "--connect", endpoint, "--count", "2")
      assert.include(client.stdout, "1: World\n2: World\n")
    })
  )

  it.live("hello: our server and a Python client", () =>
    Effect.gen(function* () {
      const server = yield* example("hello/server", "--bind", "tcp://127.0.0.1:*", "--delay", "1 millis")
      const [, endpoint = ""] = yield* server.prints(/^Listening on (.+)$/m)
      const client = yield* py(
        `socket = context.socket(zmq.REQ)
socket.connect(args[0])
for request in range(3):
    socket.send(b"Hello")
    print("Received reply %s [ %s ]" % (request, socket.recv()))`,
        endpoint
      )
      const { code, stdout } = yield* client.ended
      assert.strictEqual(code, 0)
      assert.strictEqual(stdout, [0, 1, 2].map((i) => `Received reply ${i} [ b'World' ]\n`).join(""))
    })
  )

  it.live("weather: our subscriber and a Python publisher", () =>
    Effect.gen(function* () {
      const endpoint = yield* freeEndpoint
      yield* py(
        `socket = context.socket(zmq.PUB)
socket.bind(args[0])
while True:
    zipcode = random.randrange(10000, 10010)
    temperature = random.randrange(-80, 135)
    relhumidity = random.randrange(10, 60)
    socket.send_string("%i %i %i" % (zipcode, temperature, relhumidity))`,
        endpoint
      )
      const { code, stdout } = yield* run("weather/subscriber", "--connect", endpoint)
      assert.strictEqual(code, 0)
      assert.match(stdout, /The average temperature in 10001 was -?\d+ °F, over 20 reports\n$/)
      assert.notInclude(stdout, "Skipped")
    })
  )

  it.live("weather: our publisher and a Python subscriber", () =>
    Effect.gen(function* () {
      const publisher = yield* example("weather/publisher", "--bind", "tcp://127.0.0.1:*")
      const [, endpoint = ""] = yield* publisher.prints(/^Publishing the weather on (.+)$/m)
      const subscriber = yield* py(
        `socket = context.socket(zmq.SUB)
socket.connect(args[0])
socket.setsockopt_string(zmq.SUBSCRIBE, "10001")
for update in range(3):
    zipcode, temperature, relhumidity = socket.recv_string().split()
    print(zipcode, int(temperature), int(relhumidity))`,
        endpoint
      )
      const { code, stdout } = yield* subscriber.ended
      assert.strictEqual(code, 0)
      assert.match(stdout, /^(10001 -?\d+ \d+\n){3}$/)
    })
  )

  it.live("pipeline: our worker between a Python ventilator and a Python sink", () =>
    Effect.gen(function* () {
      const [tasks, results] = [yield* freeEndpoint, yield* freeEndpoint]
      const sink = yield* py(
        `receiver = context.socket(zmq.PULL)
receiver.bind(args[0])
print("ready")
assert receiver.recv() == b"0"
for task in range(20):
    assert receiver.recv() == b""
print("done")`,
        results
      )
      yield* sink.prints(/ready/)
      yield* py(
        `sender = context.socket(zmq.PUSH)
sender.bind(args[0])
sink = context.socket(zmq.PUSH)
sink.connect(args[1])
sink.send(b"0")
for task in range(20):
    sender.send_string("%i" % random.randint(1, 100))
sys.stdin.read()`,
        tasks,
        results
      )
      yield* example("pipeline/worker", "--connect", tasks, "--connect", results)
      const { code, stdout, stderr } = yield* sink.ended
      assert.deepStrictEqual({ code, stdout, stderr }, { code: 0, stdout: "ready\ndone\n", stderr: "" })
    })
  )

  it.live("pipeline: a Python worker between our ventilator and our sink", () =>
    Effect.gen(function* () {
      const sink = yield* example("pipeline/sink", "--bind", "tcp://127.0.0.1:*", "--tasks", "10")
      const [, results = ""] = yield* sink.prints(/^Collecting results on (.+)$/m)
      const ventilator = yield* example(
        "pipeline/ventilator",
        "--bind",
        "tcp://127.0.0.1:*",
        "--connect",
        results,
        "--tasks",
        "10",
        "--yes"
      )
      const [, tasks = ""] = yield* ventilator.prints(/^Handing out tasks on (.+)$/m)
      yield* py(
        `receiver = context.socket(zmq.PULL)
receiver.connect(args[0])
sender = context.socket(zmq.PUSH)
sender.connect(args[1])
while True:
    time.sleep(int(receiver.recv()) * 0.001)
    sender.send(b"")`,
        tasks,
        results
      )
      const { code, stdout, stderr } = yield* sink.ended
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.match(stdout, /\n\.{9}:\nTotal elapsed time: \d+ ms\n$/)
    })
  )
})

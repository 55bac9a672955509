import { createServer, type Server } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, Message, Pub, Push, Req, Sub } from "@effect-zmq/core"
import { Effect, Fiber, Option, Schedule, Stream } from "effect"
import { TestClock } from "effect/testing"
import { parse } from "../../examples/peer-to-peer/hosts.ts"
import { endpoints, nameserver } from "../../examples/peer-to-peer/nameserver.ts"
import { peer } from "../../examples/peer-to-peer/peer.ts"
import { inMemory, printed } from "./inMemory.ts"
import { example, run } from "./program.ts"

const port = 9001
const hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]

/** Peers print to one console: each is told by what only it says. */
const join = (name: string, host = "127.0.0.1") =>
  Effect.forkScoped(peer({ name, bind: Endpoint.tcp(host, port), hosts }))

const count = (line: string) => Effect.map(printed, (lines) => lines.filter((other) => other === line).length)

/** Lets the time go by, until a line was printed so many times. */
const printsWithin = (seconds: number, line: string, times = 1) =>
  Effect.gen(function* () {
    for (let tenth = 0; tenth < seconds * 10; tenth++) {
      if ((yield* count(line)) >= times) return
      yield* TestClock.adjust(100)
    }
    assert.isAtLeast(yield* count(line), times, `${line}\n${(yield* printed).join("\n")}`)
  })

describe("peer-to-peer, in memory", () => {
  it.effect("who finds no nameserver takes the role; the next finds it, and they find each other", () =>
    Effect.gen(function* () {
      yield* join("ada")
      yield* printsWithin(4, "I am the nameserver, at 127.0.0.1")
      yield* join("bob", "127.0.0.2")
      yield* printsWithin(2, "The nameserver is at 127.0.0.1")
      yield* printsWithin(5, "bob (127.0.0.2) is here")
      yield* printsWithin(5, "ada (127.0.0.1) is here")
      yield* printsWithin(60, "← (bob,127.0.0.2:ON)")
      yield* printsWithin(60, "← (ada,127.0.0.1:OFF)")
      assert.strictEqual(yield* count("I am the nameserver, at 127.0.0.2"), 0)
    }).pipe(inMemory)
  )

  it.effect("who leaves is missed by all", () =>
    Effect.gen(function* () {
      yield* join("ada")
      yield* printsWithin(4, "I am the nameserver, at 127.0.0.1")
      const bob = yield* join("bob")
      yield* join("eve", "127.0.0.3")
      yield* printsWithin(8, "bob (127.0.0.1) is here", 2)
      yield* Fiber.interrupt(bob)
      yield* printsWithin(6, "bob (127.0.0.1) has left", 2)
    }).pipe(inMemory)
  )

  it.effect("when the nameserver dies, one other takes the role, and the rest follow", () =>
    Effect.gen(function* () {
      const ada = yield* join("ada")
      yield* printsWithin(4, "I am the nameserver, at 127.0.0.1")
      yield* join("bob", "127.0.0.2")
      yield* join("eve", "127.0.0.2")
      yield* printsWithin(8, "ada (127.0.0.1) is here", 2)
      yield* Fiber.interrupt(ada)
      yield* printsWithin(5, "The nameserver at 127.0.0.1 is gone", 2)
      yield* printsWithin(4, "I am the nameserver, at 127.0.0.2")
      yield* printsWithin(5, "The nameserver is at 127.0.0.2")
      yield* printsWithin(6, "ada (127.0.0.1) has left", 2)
      // They did not lose sight of each other.
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* count("bob (127.0.0.2) has left"), 0)
      assert.strictEqual(yield* count("eve (127.0.0.2) has left"), 0)
      assert.strictEqual(yield* count("I am the nameserver, at 127.0.0.2"), 1)
    }).pipe(inMemory)
  )

  it.effect("of two nameservers, the one of the lower address keeps the role, and all come to it", () =>
    Effect.gen(function* () {
      const beacons = yield* Sub.make({
        connect: hosts.map((host) => endpoints(host, port).beacon),
        subscribe: "NAMESERVER:"
      })
      yield* Effect.forkScoped(nameserver({ host: "127.0.0.3", port, beacons, meanwhile: Effect.never }))
      yield* join("bob", "127.0.0.2")
      yield* printsWithin(4, "The nameserver is at 127.0.0.3")
      // One that could not hear the other.
      const deaf = yield* Sub.make({ subscribe: [] })
      yield* Effect.forkScoped(nameserver({ host: "127.0.0.1", port, beacons: deaf, meanwhile: Effect.never }))
      yield* printsWithin(3, "There is another nameserver: I leave the role to it")
      yield* printsWithin(6, "The nameserver is at 127.0.0.1")
    }).pipe(inMemory)
  )

  it.effect("who is too late to take the role follows who was faster", () =>
    Effect.gen(function* () {
      const pub = yield* Pub.make({ bind: endpoints("127.0.0.1", port).beacon })
      const ada = yield* join("ada")
      // By now it has looked for a nameserver, heard none, and tried to be it.
      yield* TestClock.adjust("3500 millis")
      yield* Effect.forkScoped(Effect.repeat(Pub.send(pub, "NAMESERVER:127.0.0.1"), Schedule.spaced("1 second")))
      yield* printsWithin(3, "The nameserver is at 127.0.0.1")
      assert.isUndefined(ada.pollUnsafe())
    }).pipe(inMemory)
  )

  it.effect("a port that another program has is told, and not tried for ever", () =>
    Effect.gen(function* () {
      yield* Pub.make({ bind: Endpoint.tcp("127.0.0.1", port + 2) })
      const ada = yield* join("ada")
      yield* TestClock.adjust("10 seconds")
      const error = yield* Effect.flip(Fiber.join(ada))
      assert.strictEqual(error._tag === "ZmqError" && error.reason._tag, "AddressInUse")
      assert.include(error._tag === "ZmqError" ? error.reason.message : "", "tcp://127.0.0.1:9003")
    }).pipe(inMemory)
  )

  it.effect("programs in any language can take part: each message is one frame of text", () =>
    Effect.gen(function* () {
      yield* join("ada")
      yield* printsWithin(4, "I am the nameserver, at 127.0.0.1")
      const at = endpoints("127.0.0.1", port)
      const beacon = yield* Sub.make({ connect: at.beacon, subscribe: "NAMESERVER:" })
      const relay = yield* Sub.make({ connect: at.relay, subscribe: "RELAY:(zoe" })
      const registry = yield* Req.make({ connect: at.registry })
      const collector = yield* Push.make({ connect: at.collector })
      const next = Effect.map(Effect.forkScoped(Stream.runHead(Sub.stream(beacon))), Fiber.join)
      const heard = yield* next
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(Option.map(yield* heard, Message.text), Option.some("NAMESERVER:127.0.0.1"))

      assert.strictEqual(Message.text(yield* Req.request(registry, "127.0.0.9:zoe")), "ok")
      yield* printsWithin(3, "zoe (127.0.0.9) is here")
      assert.match(Message.text(yield* Req.request(registry, "zoe")), /^expected <ip>:<name>/)

      const relayed = yield* Effect.forkScoped(Sub.receive(relay))
      yield* Push.send(collector, "(zoe,127.0.0.9:ON)")
      yield* printsWithin(1, "← (zoe,127.0.0.9:ON)")
      assert.strictEqual(Message.text(yield* Fiber.join(relayed)), "RELAY:(zoe,127.0.0.9:ON)")
    }).pipe(inMemory)
  )

  it("hosts are addresses and ranges of them, each once, lowest first", () => {
    assert.deepStrictEqual(
      parse("10.0.0.9-11,10.0.0.7, 9.255.0.1,10.0.0.10"),
      Option.some(["9.255.0.1", "10.0.0.7", "10.0.0.9", "10.0.0.10", "10.0.0.11"])
    )
    for (const wrong of [
      "",
      "localhost",
      "10.0.0",
      "10.0.0.9-7",
      "10.0.0.256",
      "300.0.0.1",
      "10.0.0.1-256",
      "10.0.0.1,"
    ]) {
      assert.isTrue(Option.isNone(parse(wrong)), wrong)
    }
  })
})

/** Four ports, one after the other, that are free on some hosts at the moment: the first of them. */
const freePorts = (hosts: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.gen(function* () {
    const listen = (host: string, port: number) =>
      Effect.acquireRelease(
        Effect.callback<Server | undefined>((resume) => {
          const server = createServer()
          server.once("error", () => resume(Effect.succeed(undefined)))
          server.listen(port, host, () => resume(Effect.succeed(server)))
        }),
        (server) =>
          Effect.callback<void>((resume) => void (server?.close(() => resume(Effect.void)) ?? resume(Effect.void)))
      )
    const first = (yield* listen("127.0.0.1", 0))?.address()
    const port = typeof first === "object" && first !== null ? first.port : 0
    for (const host of hosts) {
      for (let i = host === "127.0.0.1" ? 1 : 0; i < 4; i++) {
        if ((yield* listen(host, port + i)) === undefined) return yield* freePorts(hosts)
      }
    }
    return port
  }).pipe(Effect.scoped)

describe("peer-to-peer", () => {
  it.live(
    "peers find each other, and talk; the nameserver is killed, and another takes over; Ctrl-C ends each in peace",
    () =>
      Effect.gen(function* () {
        const [one, two] = ["127.0.0.1", "127.0.0.2"] as const
        const port = yield* freePorts([one, two])
        const join = (name: string, host: string) =>
          example("peer-to-peer/peer", "--name", name, "--bind", `tcp://${host}:${port}`, "--hosts", "127.0.0.1-3")
        const ada = yield* join("ada", one)
        yield* ada.prints(
          /^I am ada \(127\.0\.0\.1\), and look for peers at 3 addresses\nI am the nameserver, at 127\.0\.0\.1$/m
        )
        const bob = yield* join("bob", two)
        const eve = yield* join("eve", two)
        for (const peer of [bob, eve]) {
          yield* peer.prints(/^The nameserver is at 127\.0\.0\.1$/m)
          yield* peer.prints(/^ada \(127\.0\.0\.1\) is here$/m)
          yield* peer.prints(/^← \(ada,127\.0\.0\.1:(ON|OFF)\)$/m)
        }
        yield* ada.prints(/^← \(bob,127\.0\.0\.2:(ON|OFF)\)$/m)

        yield* ada.signal("SIGKILL")
        const takesRole = /^I am the nameserver, at 127\.0\.0\.2$/m
        const other = yield* Effect.raceFirst(
          Effect.as(bob.prints(takesRole), eve),
          Effect.as(eve.prints(takesRole), bob)
        )
        yield* other.prints(/^The nameserver at 127\.0\.0\.1 is gone\n(.+\n)*The nameserver is at 127\.0\.0\.2$/m)
        for (const peer of [bob, eve]) yield* peer.prints(/^ada \(127\.0\.0\.1\) has left$/m)

        for (const peer of [bob, eve]) yield* peer.signal("SIGINT")
        for (const peer of [bob, eve]) {
          const { code, stderr } = yield* peer.ended
          assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
        }
      }),
    // Most of it is the silence that they wait for.
    40_000
  )

  it.live("what cannot be is a line that says what to do, and exit code 1", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [flags: ReadonlyArray<string>, says: string]> = [
        [
          ["--bind", "tcp://127.0.0.9:9001"],
          "tcp://127.0.0.9:9001 is not where others look: add 127.0.0.9 to --hosts\n"
        ],
        [
          ["--bind", "tcp://127.0.0.1:*"],
          "tcp://127.0.0.1:* is no place for a peer: it must be tcp, with a port from 1 to 65532"
        ],
        [["--hosts", "everywhere"], `--hosts must be IPv4 addresses, such as "192.168.1.1-254"`],
        [["--name", "a:b"], `one line, not empty, and without ":" and ","`]
      ]
      const results = Effect.forEach(cases, ([flags]) => run("peer-to-peer/peer", ...flags), { concurrency: 2 })
      for (const [i, { code, stderr, stdout }] of (yield* results).entries()) {
        assert.include(stderr, cases[i]?.[1] ?? "no such case")
        assert.notMatch(stderr, /\n\s+at /, "no stack trace")
        assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
      }
    })
  )
})

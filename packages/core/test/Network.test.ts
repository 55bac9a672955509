import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as MemoryTransport from "../src/MemoryTransport.ts"
import * as Message from "../src/Message.ts"
import * as Network from "../src/Network.ts"
import * as Pub from "../src/Pub.ts"
import * as Pull from "../src/Pull.ts"
import * as Push from "../src/Push.ts"
import * as Rep from "../src/Rep.ts"
import * as Req from "../src/Req.ts"
import * as Simulation from "../src/Simulation.ts"
import * as Socket from "../src/Socket.ts"
import { events } from "../src/Socket.ts"
import type { SocketEvent } from "../src/SocketEvent.ts"
import * as Sub from "../src/Sub.ts"
import type { Transport } from "../src/Transport.ts"
import * as XSub from "../src/XSub.ts"

type Services = Network.Network | Scope.Scope | Transport

const run = <A>(body: Effect.Effect<A, unknown, Services>, seed: number | string = 1): A => {
  const program = body.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer, { local: true }))
  const exit = Simulation.run({ seed, program })
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  return exit.value
}

const virtually = (title: string, body: Effect.Effect<unknown, unknown, Services>, seeds = 1): void =>
  it(title, () => {
    for (let seed = 1; seed <= seeds; seed++) run(body, seed)
  })

const endpoint = "tcp://127.0.0.1:5555"
const name = `a/PUSH → b/PULL ${endpoint}`

/** A PUSH on host `a`, connected with a PULL on host `b`. */
const pipeline = (options: Omit<Push.Options & Pull.Options, "highWaterMark"> & { readonly marks?: number } = {}) =>
  Effect.gen(function* () {
    const { marks = 1000, ...others } = options
    const pull = yield* Network.on(Pull.make({ ...others, bind: endpoint, highWaterMark: { receive: marks } }), "b")
    const push = yield* Network.on(Push.make({ ...others, connect: endpoint, highWaterMark: { send: marks } }), "a")
    return { push, pull }
  })

const now = Clock.currentTimeMillis

/** Lets everyone run who can, without letting time pass. */
const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

/** What is there without waiting. */
const here = (pull: Pull.Pull | Sub.Sub) =>
  Effect.gen(function* () {
    const texts: Array<string> = []
    for (;;) {
      const next = yield* Pull.poll(pull as Pull.Pull) // both have it
      if (Option.isNone(next)) return texts
      texts.push(Message.text(next.value))
    }
  })

const texts = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `${from + i}`)

const receive = (pull: Pull.Pull) => Effect.map(Pull.receive(pull), Message.text)

const eventsOf = (socket: Socket.Socket) =>
  Effect.gen(function* () {
    const seen: Array<SocketEvent> = []
    yield* Effect.forkScoped(
      Stream.runForEach(events(socket), (event) => Effect.sync(() => seen.push(event))),
      { startImmediately: true }
    )
    return Effect.map(settle, () => seen.map(({ _tag }) => _tag).join(" "))
  })

const sum = (dropped: Network.Dropped) => Object.values(dropped).reduce((a, b) => a + b, 0)

const queued = Effect.map(Network.connections, (all) =>
  all
    .flatMap(({ backward, forward }) => [forward, backward])
    .reduce((total, { inFlight, received, unsent }) => total + unsent + inFlight + received, 0)
)

const states = Effect.map(Network.connections, (all) => all.map(({ name, state }) => `${state} ${name}`))

/** A socket in a scope of its own. */
const alone = <A, E, R>(make: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Effect.scope)
    return { socket: yield* Scope.provide(make, scope), close: Scope.close(scope, Exit.void) }
  })

describe("names", () => {
  virtually(
    "sockets are called by their host and type, connections by who connects and who is bound; a name that is free is given anew",
    Effect.gen(function* () {
      const pull = yield* Network.on(Pull.make({ bind: "tcp://127.0.0.1:*" }), "sink")
      const first = yield* alone(Network.on(Push.make({ connect: "tcp://127.0.0.1:49152" }), "worker-1"))
      const second = yield* Network.on(Push.make({ connect: "tcp://127.0.0.1:49152" }), "worker-1")
      const elsewhere = yield* Push.make({ connect: "tcp://127.0.0.1:1" })
      assert.strictEqual(yield* Network.nameOf(pull), "sink/PULL")
      assert.strictEqual(yield* Network.nameOf(second), "worker-1/PUSH#2")
      assert.strictEqual(yield* Network.nameOf(elsewhere), "localhost/PUSH")
      assert.deepStrictEqual(yield* states, [
        "Connected worker-1/PUSH → sink/PULL tcp://127.0.0.1:49152",
        "Connected worker-1/PUSH#2 → sink/PULL tcp://127.0.0.1:49152",
        "Connecting localhost/PUSH → tcp://127.0.0.1:1"
      ])
      yield* first.close
      const third = yield* Network.on(
        Push.make({ connect: ["tcp://127.0.0.1:49152", "tcp://127.0.0.1:49152"] }),
        "worker-1"
      )
      assert.strictEqual(yield* Network.nameOf(third), "worker-1/PUSH")
      assert.include(yield* states, "Connected worker-1/PUSH → sink/PULL tcp://127.0.0.1:49152 #2")
      assert.deepStrictEqual(
        (yield* Network.sockets).map(({ name }) => name),
        ["sink/PULL", "worker-1/PUSH#2", "localhost/PUSH", "worker-1/PUSH"]
      )
    })
  )
})

describe("partition", () => {
  for (const cut of [
    Network.partition("a", "b"),
    Network.partition("b/PULL", "*"),
    Network.partition("a", "b", { oneWay: true })
  ]) {
    virtually(
      "holds every message back, and loses none: they arrive in their order when it heals, without time passing",
      Effect.gen(function* () {
        const { pull, push } = yield* pipeline({ heartbeat: false })
        yield* Push.send(push, "before")
        yield* cut
        yield* Push.sendAll(push, texts(500))
        yield* Effect.sleep("10 minutes")
        assert.deepStrictEqual(yield* here(pull), ["before"])
        const [connection] = yield* Network.connections
        assert.deepStrictEqual(connection?.forward, { unsent: 0, inFlight: 500, received: 0, dropped: 0 })
        const before = yield* now
        yield* Network.inject(Network.Fault.Heal({ between: undefined }))
        assert.deepStrictEqual(yield* here(pull), texts(500))
        assert.strictEqual(yield* now, before)
        assert.strictEqual(sum(yield* Network.dropped), 0)
        yield* Push.send(push, "after")
        assert.deepStrictEqual(yield* here(pull), ["after"])
      })
    )
  }

  virtually(
    "one way, the other direction still passes",
    Effect.gen(function* () {
      const rep = yield* Network.on(Rep.make({ bind: endpoint, heartbeat: false }), "b")
      const req = yield* Network.on(Req.make({ connect: endpoint, heartbeat: false }), "a")
      yield* Network.partition("b", "a", { oneWay: true })
      const reply = yield* Effect.forkChild(Req.request(req, "question"), { startImmediately: true })
      assert.strictEqual(Message.text(yield* Rep.receive(rep)), "question")
      yield* Rep.reply(rep, "answer")
      yield* Effect.sleep("1 minute")
      assert.isUndefined(reply.pollUnsafe())
      yield* Network.heal("a", "b")
      assert.strictEqual(Message.text(yield* Fiber.join(reply)), "answer")
    })
  )

  virtually(
    "leaves alone who it does not name, and is healed by the names that it was made by",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline()
      const other = yield* Network.on(Push.make({ connect: endpoint }), "c")
      yield* Network.partition("a", "b")
      yield* Push.send(push, "cut off")
      yield* Push.send(other, "heard")
      assert.deepStrictEqual(yield* here(pull), ["heard"])
      yield* Network.heal("c", "b")
      assert.deepStrictEqual(yield* here(pull), [])
      yield* Network.heal("b", "a")
      assert.deepStrictEqual(yield* here(pull), ["cut off"])
    })
  )

  virtually(
    "a sender waits when both high-water marks are full, and goes on after it heals",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({ marks: 5, heartbeat: false })
      yield* Network.partition("a", "b")
      yield* Push.sendAll(push, texts(10))
      const waiting = yield* Effect.forkChild(Push.sendAll(push, texts(10, 10)), { startImmediately: true })
      yield* Effect.sleep("1 minute")
      assert.isUndefined(waiting.pollUnsafe())
      yield* Network.heal()
      assert.deepStrictEqual(yield* Effect.replicateEffect(receive(pull), 20), texts(20))
      yield* Fiber.join(waiting)
    })
  )

  virtually(
    "heartbeats end the connection, and it is made again after it heals: what was on its way is lost and counted, the rest arrives",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({ marks: 3, heartbeat: { interval: 1000, timeout: 2000 } })
      const ofPush = yield* eventsOf(push)
      const ofPull = yield* eventsOf(pull)
      yield* Effect.sleep(1500)
      yield* Network.partition("a", "b")
      yield* Push.sendAll(push, texts(6))
      yield* Effect.sleep(2499) // the ping at 2 s, and 2 s of silence
      assert.strictEqual(yield* ofPush, "Connecting Connected HandshakeSucceeded")
      yield* Effect.sleep(1)
      assert.strictEqual(yield* ofPush, "Connecting Connected HandshakeSucceeded Dropped Disconnected Reconnecting")
      assert.strictEqual(yield* ofPull, "Listening Accepted HandshakeSucceeded Disconnected")
      assert.strictEqual((yield* Network.dropped).disconnected, 3)
      yield* Effect.sleep("1 minute")
      assert.strictEqual(
        yield* ofPush,
        "Connecting Connected HandshakeSucceeded Dropped Disconnected Reconnecting Connecting"
      )
      yield* Network.heal()
      assert.deepStrictEqual(yield* here(pull), texts(3, 3))
      assert.include(yield* ofPush, "Reconnecting Connecting Connected HandshakeSucceeded")
    })
  )

  virtually(
    "a side without heartbeats is not told, until the other's timeToLive is over",
    Effect.gen(function* () {
      const pull = yield* Network.on(Pull.make({ bind: endpoint, heartbeat: false }), "b")
      yield* Network.on(
        Push.make({ connect: endpoint, heartbeat: { interval: 1000, timeout: 10_000, timeToLive: 3000 } }),
        "a"
      )
      const ofPull = yield* eventsOf(pull)
      yield* Effect.sleep(1500)
      yield* Network.partition("a", "b")
      yield* Effect.sleep(2499) // the last ping was at 1 s
      assert.strictEqual(yield* ofPull, "Listening Accepted HandshakeSucceeded")
      yield* Effect.sleep(1)
      assert.strictEqual(yield* ofPull, "Listening Accepted HandshakeSucceeded Disconnected")
    })
  )

  virtually(
    "heartbeats of one side end it for that side: what it had on its way never arrives, and the peer learns when it heals",
    Effect.gen(function* () {
      const highWaterMark = { send: 5, receive: 5 }
      const heartbeat = { interval: 1000, timeout: 2000 }
      const push = yield* Network.on(Push.make({ bind: endpoint, highWaterMark, heartbeat }), "a")
      const pull = yield* Network.on(Pull.make({ connect: endpoint, highWaterMark, heartbeat: false }), "b")
      const ofPull = yield* eventsOf(pull)
      const losses = Effect.map(ofPull, (events) => events.split("Disconnected").length - 1)
      for (let i = 0; i < 5; i++) {
        yield* Network.partition("a", "b")
        yield* Push.sendAll(push, texts(10))
        yield* Effect.sleep(5000)
        assert.strictEqual((yield* Network.dropped).disconnected, 10 * (i + 1))
        assert.strictEqual(yield* losses, i)
        yield* Network.heal()
        yield* Effect.sleep(1000)
        assert.strictEqual(yield* losses, i + 1)
        assert.deepStrictEqual(yield* here(pull), [])
        // The new connection has all its room.
        yield* Effect.timeout(Push.sendAll(push, texts(10, 100)), 0)
        assert.deepStrictEqual(yield* Effect.replicateEffect(receive(pull), 10), texts(10, 100))
      }
    })
  )

  virtually(
    "is noticed after 8 seconds over tcp by default, by both sides; over ipc, and with heartbeat: false, never",
    Effect.gen(function* () {
      const silent = [
        ["ipc:///tmp/quiet", {}],
        ["tcp://127.0.0.1:5556", { heartbeat: false }]
      ] as const
      const { pull, push } = yield* pipeline()
      const others: Array<Socket.Socket> = []
      for (const [at, options] of silent) {
        others.push(yield* Network.on(Pull.make({ ...options, bind: at }), "b"))
        others.push(yield* Network.on(Push.make({ ...options, connect: at }), "a"))
      }
      const peers = (sockets: ReadonlyArray<Socket.Socket>) =>
        Effect.forEach(sockets, (socket) => Effect.map(Socket.state(socket), ({ peers }) => peers))
      // It is counted from the connection on.
      yield* Effect.sleep(1999)
      yield* Network.partition("a", "b")
      yield* Effect.sleep(6000)
      assert.deepStrictEqual(yield* peers([pull, push]), [1, 1])
      yield* Effect.sleep(1)
      assert.deepStrictEqual(yield* peers([pull, push]), [0, 0])
      assert.strictEqual((yield* Socket.state(push)).status, "Reconnecting")
      yield* Effect.sleep("30 minutes")
      assert.deepStrictEqual(yield* peers(others), [1, 1, 1, 1])
      yield* Network.heal()
      yield* Socket.awaitConnected(push)
    })
  )

  it("that only delays needs no heartbeats by default: a deadlock behind it is one", () => {
    const program = Effect.gen(function* () {
      yield* Network.latency("a", "b", 500)
      const { push } = yield* pipeline()
      yield* Socket.awaitConnected(push)
      yield* Effect.never
    }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer, { local: true }))
    const exit = Simulation.run({ seed: 1, program })
    assert.include(Exit.isFailure(exit) ? Cause.squash(exit.cause) : {}, { problem: "Deadlock" })
  })

  virtually(
    "shorter than the timeout, it is survived, and heartbeats go on",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({ heartbeat: { interval: 1000, timeout: 2000 } })
      const ofPush = yield* eventsOf(push)
      for (let i = 0; i < 10; i++) {
        yield* Network.partition("a", "b")
        yield* Push.send(push, `${i}`)
        yield* Effect.sleep(1500)
        yield* Network.heal()
        yield* Effect.sleep(10_000)
        assert.deepStrictEqual(yield* here(pull), [`${i}`])
      }
      assert.strictEqual(yield* ofPush, "Connecting Connected HandshakeSucceeded")
    })
  )

  virtually(
    "connecting waits, up to connectTimeout; where it heals before, the connection is made",
    Effect.gen(function* () {
      yield* Network.partition("a", "b")
      yield* Network.on(Pull.make({ bind: endpoint }), "b")
      const patient = yield* Network.on(Push.make({ connect: endpoint }), "a")
      const hasty = yield* Network.on(Push.make({ connect: endpoint, connectTimeout: "1 second" }), "a")
      const ofPatient = yield* eventsOf(patient)
      const ofHasty = yield* eventsOf(hasty)
      yield* Effect.sleep(999)
      assert.strictEqual(yield* ofHasty, "Connecting")
      yield* Effect.sleep(1)
      assert.strictEqual(yield* ofHasty, "Connecting Reconnecting")
      yield* Effect.sleep("1 minute")
      assert.strictEqual(yield* ofPatient, "Connecting")
      yield* Network.heal()
      assert.strictEqual(yield* ofPatient, "Connecting Connected HandshakeSucceeded")
    })
  )

  virtually(
    "in the middle of a handshake, the handshake fails after handshakeInterval, for both",
    Effect.gen(function* () {
      yield* Network.latency("a", "b", 100)
      const pull = yield* Network.on(Pull.make({ bind: endpoint, handshakeInterval: 1000 }), "b")
      const push = yield* Network.on(Push.make({ connect: endpoint, handshakeInterval: 1000, reconnect: false }), "a")
      const ofPush = yield* eventsOf(push)
      const ofPull = yield* eventsOf(pull)
      yield* Effect.sleep(250)
      yield* Network.partition("a", "b")
      yield* Effect.sleep(2000)
      assert.strictEqual(yield* ofPush, "Connecting Connected HandshakeFailed Disconnected Abandoned")
      assert.strictEqual(yield* ofPull, "Listening Accepted HandshakeFailed Disconnected")
    })
  )

  virtually(
    "who was in the handshake with a socket that is closed begins again, with whoever is bound next",
    Effect.gen(function* () {
      yield* Network.latency("a", "b", 100)
      const closed = yield* alone(Network.on(Pull.make({ bind: endpoint }), "b"))
      const push = yield* Network.on(Push.make({ connect: endpoint }), "a")
      const ofPush = yield* eventsOf(push)
      yield* Effect.sleep(250)
      yield* closed.close
      const pull = yield* Network.on(Pull.make({ bind: endpoint }), "b")
      yield* Push.send(push, "x")
      assert.strictEqual(yield* receive(pull), "x")
      assert.match(
        yield* ofPush,
        /^Connecting Connected HandshakeFailed Disconnected Reconnecting Connecting Connected/
      )
    })
  )

  virtually(
    "room that a reader makes while the handshake goes on is known to the writer",
    Effect.gen(function* () {
      const push = yield* Network.on(Push.make({ bind: endpoint, highWaterMark: { send: 1 } }), "a")
      const options = { connect: endpoint, highWaterMark: { receive: 10 }, reconnect: { initial: 1 } } as const
      const pull = yield* Network.on(Pull.make(options), "b")
      yield* Push.sendAll(push, texts(10))
      yield* Network.latency("a", "b", 100)
      yield* Network.disconnect("a", "b")
      const sending = yield* Effect.forkChild(Push.sendAll(push, texts(10, 10)), { startImmediately: true })
      yield* Effect.sleep(350)
      assert.strictEqual((yield* Network.connections)[0]?.backward.unsent, 1)
      assert.deepStrictEqual(yield* here(pull), texts(10))
      assert.deepStrictEqual(yield* Effect.replicateEffect(receive(pull), 10), texts(10, 10))
      yield* Fiber.join(sending)
    })
  )

  virtually(
    "who closes behind it is gone; what it had handed over still arrives, and the peer learns last",
    Effect.gen(function* () {
      const pull = yield* Network.on(Pull.make({ bind: endpoint, heartbeat: false }), "b")
      const ofPull = yield* eventsOf(pull)
      const push = yield* alone(Network.on(Push.make({ connect: endpoint, heartbeat: false }), "a"))
      yield* Network.partition("a", "b")
      yield* Push.sendAll(push.socket, texts(5))
      yield* push.close
      yield* Effect.sleep("1 minute")
      assert.deepStrictEqual(yield* states, [`HalfOpen ${name}`])
      assert.strictEqual(yield* ofPull, "Listening Accepted HandshakeSucceeded")
      yield* Network.heal()
      assert.strictEqual(yield* ofPull, "Listening Accepted HandshakeSucceeded Disconnected")
      assert.deepStrictEqual(yield* here(pull), texts(5))
      assert.strictEqual(sum(yield* Network.dropped), 0)
    })
  )
})

describe("latency", () => {
  virtually(
    "makes a message take that long, a connection three times, and stays out of the way of everybody else",
    Effect.gen(function* () {
      yield* Network.latency("a", "b", "50 millis")
      const { pull, push } = yield* pipeline()
      const ofPush = yield* eventsOf(push)
      assert.strictEqual(yield* ofPush, "Connecting")
      yield* Effect.sleep(99)
      assert.strictEqual(yield* ofPush, "Connecting")
      yield* Effect.sleep(2)
      assert.strictEqual(yield* ofPush, "Connecting Connected")
      yield* Effect.sleep(98)
      assert.strictEqual(yield* ofPush, "Connecting Connected")
      yield* Effect.sleep(2)
      assert.strictEqual(yield* ofPush, "Connecting Connected HandshakeSucceeded")
      const before = yield* now
      yield* Push.send(push, "slow")
      assert.strictEqual(yield* receive(pull), "slow")
      assert.strictEqual((yield* now) - before, 50)
      yield* Network.latency("a", "b", 0)
      yield* Push.send(push, "fast")
      assert.strictEqual(yield* receive(pull), "fast")
      assert.strictEqual((yield* now) - before, 50)
    })
  )

  for (const delay of [
    Network.Delay.Uniform({ minimum: Duration.millis(0), maximum: Duration.millis(100) }),
    Network.Delay.Exponential({ mean: Duration.millis(20) })
  ]) {
    virtually(
      `by chance (${delay._tag}), nothing overtakes anything, and whole milliseconds pass`,
      Effect.gen(function* () {
        const { pull, push } = yield* pipeline()
        yield* Network.latency("*", "*", delay)
        yield* Effect.forkChild(
          Effect.forEach(texts(200), (text) => Effect.andThen(Push.send(push, text), Effect.sleep(7)), {
            discard: true
          })
        )
        const times = new Set<number>()
        for (const text of texts(200)) {
          assert.strictEqual(yield* receive(pull), text)
          const time = yield* now
          assert.isTrue(Number.isInteger(time))
          times.add(time)
        }
        assert.isAbove(times.size, 20)
      }),
      5
    )
  }

  virtually(
    "of a connection by its name, and one way",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline()
      const other = yield* Network.on(Push.make({ connect: endpoint }), "a")
      yield* Network.inject(
        Network.Fault.Latency({
          between: name,
          oneWay: true,
          delay: Network.Delay.Fixed({ duration: Duration.seconds(1) })
        })
      )
      yield* Push.send(push, "slow")
      yield* Push.send(other, "fast")
      assert.strictEqual(yield* receive(pull), "fast")
      assert.strictEqual(yield* now, 0)
      assert.strictEqual(yield* receive(pull), "slow")
      assert.strictEqual(yield* now, 1000)
    })
  )

  virtually(
    "shorter than the heartbeat's timeout, it ends none, though pings are sent before others are answered",
    Effect.gen(function* () {
      const heartbeat = { interval: 1000, timeout: 3000, timeToLive: 3000 }
      yield* Network.on(Pull.make({ bind: endpoint }), "b")
      const push = yield* Network.on(Push.make({ connect: endpoint, heartbeat }), "a")
      const ofPush = yield* eventsOf(push)
      yield* Network.latency("a", "b", 750)
      yield* Effect.sleep(60_000)
      assert.strictEqual(yield* ofPush, "Connecting Connected HandshakeSucceeded")
    })
  )

  virtually(
    "longer than the heartbeat's timeout, it ends connections again and again",
    Effect.gen(function* () {
      const { push } = yield* pipeline({ heartbeat: { interval: 1000, timeout: 100 } })
      const ofPush = yield* eventsOf(push)
      yield* Network.latency("a", "b", 100)
      yield* Effect.sleep(20_000)
      assert.match(yield* ofPush, /(Connected HandshakeSucceeded Disconnected Reconnecting Connecting ?){5}/)
    })
  )
})

describe("bandwidth", () => {
  virtually(
    "lets so many bytes pass a second, each way by itself",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline()
      yield* Network.bandwidth("a", "b", 1000)
      yield* Push.sendAll(
        push,
        Array.from({ length: 10 }, () => new Uint8Array(98))
      ) // and 2 of the frame
      for (let i = 1; i <= 10; i++) {
        yield* Pull.receive(pull)
        assert.strictEqual(yield* now, i * 100)
      }
      yield* Network.bandwidth("a", "b", Number.POSITIVE_INFINITY)
      yield* Push.send(push, new Uint8Array(10_000))
      yield* Pull.receive(pull)
      assert.strictEqual(yield* now, 1000)
    })
  )

  virtually(
    "begins with an empty line, whatever was on it under a limit that is lifted",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline()
      yield* Network.bandwidth("a", "b", 1)
      yield* Push.send(push, new Uint8Array(998))
      yield* Network.bandwidth("a", "b", Number.POSITIVE_INFINITY)
      yield* Network.bandwidth("a", "b", 1000)
      yield* Push.send(push, new Uint8Array(98))
      yield* Pull.receive(pull)
      yield* Pull.receive(pull)
      assert.strictEqual(yield* now, 100)
    })
  )

  virtually(
    "of 0 lets no message pass, on a connection made under it neither, until there is more",
    Effect.gen(function* () {
      yield* Network.bandwidth("a", "b", 0)
      const { pull, push } = yield* pipeline({ heartbeat: false })
      yield* Push.sendAll(
        push,
        Array.from({ length: 2 }, () => new Uint8Array(98))
      )
      yield* Effect.sleep("1 minute")
      assert.isTrue(Option.isNone(yield* Pull.poll(pull)))
      yield* Network.bandwidth("a", "b", 1000)
      for (let i = 1; i <= 2; i++) {
        yield* Pull.receive(pull)
        assert.strictEqual(yield* now, 60_000 + i * 100)
      }
    })
  )

  virtually(
    "that is raised or lifted lets what waits for it go, also where everything takes time",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({ heartbeat: false })
      yield* Network.latency("a", "b", 10)
      for (const bytesPerSecond of [1000, Number.POSITIVE_INFINITY]) {
        const from = yield* now
        yield* Network.bandwidth("a", "b", 1)
        yield* Push.sendAll(
          push,
          Array.from({ length: 2 }, () => new Uint8Array(98))
        )
        yield* Network.bandwidth("a", "b", bytesPerSecond)
        for (let i = 1; i <= 2; i++) {
          yield* Pull.receive(pull)
          assert.strictEqual((yield* now) - from, 10 + (i * 100_000) / bytesPerSecond)
        }
      }
    })
  )
})

describe("disconnect", () => {
  virtually(
    "of one of several connections to an endpoint leaves the others in the state of the socket, also where it is given up",
    Effect.gen(function* () {
      yield* Pull.make({ bind: endpoint })
      const push = yield* Push.make({ connect: [endpoint, endpoint], reconnect: false })
      const ofPush = yield* eventsOf(push)
      const [one] = yield* Network.connections
      assert.strictEqual(yield* Network.disconnect(one?.name ?? ""), 1)
      const { endpoints, peers, status } = yield* Socket.state(push)
      assert.deepStrictEqual([status, peers, endpoints.length], ["Connected", 1, 1])
      assert.match(yield* ofPush, /Disconnected$/)
      yield* Socket.disconnect(push, endpoint)
      assert.deepStrictEqual((yield* Socket.state(push)).endpoints, [])
      assert.match(yield* ofPush, /Disconnected Abandoned$/)
    })
  )

  virtually(
    "breaks connections for both sides at once; they are made again, and what was on its way is lost and counted",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({ marks: 10 })
      const ofPush = yield* eventsOf(push)
      const ofPull = yield* eventsOf(pull)
      yield* Network.latency("a", "b", 1000)
      yield* Push.sendAll(push, texts(15))
      assert.strictEqual(yield* Network.disconnect("a", "b"), 1)
      assert.strictEqual(yield* ofPush, "Connecting Connected HandshakeSucceeded Dropped Disconnected Reconnecting")
      assert.strictEqual(yield* ofPull, "Listening Accepted HandshakeSucceeded Disconnected")
      assert.strictEqual((yield* Network.dropped).disconnected, 10)
      yield* Effect.sleep("10 seconds")
      assert.deepStrictEqual(yield* here(pull), texts(5, 10))
      assert.strictEqual(yield* Network.disconnect(name), 1)
      assert.strictEqual(yield* Network.disconnect("a", "nobody"), 0)
    })
  )

  virtually(
    "without latency, what has arrived is not lost, and what is behind the receiver's mark is kept",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({ marks: 10 })
      yield* Push.sendAll(push, texts(15))
      yield* Network.disconnect("a", "b")
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(
        (yield* here(pull))
          .map(Number)
          .sort((a, b) => a - b)
          .map(String),
        texts(15)
      )
      assert.strictEqual(sum(yield* Network.dropped), 0)
    })
  )

  virtually(
    "does not reach connections over inproc, nor does any other fault but kill",
    Effect.gen(function* () {
      const pull = yield* Network.on(Pull.make({ bind: "inproc://x" }), "b")
      const push = yield* Network.on(Push.make({ connect: "inproc://x" }), "a")
      assert.strictEqual(yield* Network.disconnect("*", "*"), 0)
      yield* Network.partition("*", "*")
      yield* Network.latency("*", "*", 1000)
      yield* Network.refuse("inproc://x")
      yield* Push.send(push, "through")
      assert.deepStrictEqual(yield* here(pull), ["through"])
    })
  )
})

describe("kill", () => {
  virtually(
    "a socket is gone without a word: its peers see a broken connection, and who waits on it fails with Closed",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({ marks: 3 })
      const neighbour = yield* Network.on(Pull.make({ bind: "tcp://127.0.0.1:6666" }), "b")
      const ofPush = yield* eventsOf(push)
      const waiting = yield* Effect.forkChild(Effect.flip(Pull.receive(pull)), { startImmediately: true })
      assert.strictEqual(yield* Network.kill(pull), 1)
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "Closed")
      assert.strictEqual(yield* ofPush, "Connecting Connected HandshakeSucceeded Disconnected Reconnecting")
      assert.deepStrictEqual(
        (yield* Network.sockets).map(({ name }) => name),
        ["a/PUSH", "b/PULL#2"]
      )
      yield* Push.send(push, "kept")
      const restarted = yield* Network.on(Pull.make({ bind: endpoint }), "b")
      assert.strictEqual(yield* receive(restarted), "kept")
      yield* Push.make({ connect: "tcp://127.0.0.1:6666" }).pipe(
        Effect.flatMap((push) => Push.send(push, "to the neighbour"))
      )
      assert.strictEqual(yield* receive(neighbour), "to the neighbour")
    })
  )

  virtually(
    "who comes after it has its name, whatever becomes of the killed one",
    Effect.gen(function* () {
      const killed = yield* alone(Network.on(Pull.make({ bind: endpoint }), "b"))
      yield* Network.kill("b/PULL")
      yield* Network.on(Pull.make({ bind: endpoint }), "b")
      yield* killed.close
      yield* Network.on(Pull.make({}), "b")
      assert.deepStrictEqual(
        (yield* Network.sockets).map(({ name }) => name),
        ["b/PULL", "b/PULL#2"]
      )
    })
  )

  virtually(
    "of a host, all its sockets; a socket that lingers too, and then nothing of its queue is delivered",
    Effect.gen(function* () {
      yield* Network.on(Pull.make({ bind: endpoint }), "a")
      const closing = yield* alone(Network.on(Push.make({ connect: "tcp://127.0.0.1:1", linger: "1 hour" }), "a"))
      yield* Push.sendAll(closing.socket, texts(7))
      const closed = yield* Effect.forkChild(closing.close, { startImmediately: true })
      yield* Effect.sleep("1 minute")
      assert.isUndefined(closed.pollUnsafe())
      assert.strictEqual(yield* Network.kill("a"), 2)
      yield* Fiber.join(closed)
      assert.strictEqual(yield* now, 60_000)
      assert.strictEqual((yield* Network.dropped).unsent, 7)
      assert.deepStrictEqual(yield* Network.connections, [])
    })
  )

  virtually(
    "behind a partition nobody learns of it but by heartbeats",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({ heartbeat: false })
      const other = yield* Network.on(
        Push.make({ connect: endpoint, heartbeat: { interval: 1000, timeout: 1000 } }),
        "a"
      )
      const ofPush = yield* eventsOf(push)
      const ofOther = yield* eventsOf(other)
      yield* Network.partition("a", "b")
      yield* Network.kill(pull)
      yield* Push.sendAll(push, texts(10))
      yield* Effect.sleep(2001)
      assert.strictEqual(yield* ofPush, "Connecting Connected HandshakeSucceeded")
      assert.match(yield* ofOther, /HandshakeSucceeded Disconnected Reconnecting/)
      yield* Network.heal()
      assert.match(yield* ofPush, /HandshakeSucceeded Dropped Disconnected Reconnecting/)
      assert.strictEqual((yield* Network.dropped).disconnected, 10)
    })
  )
})

describe("refuse, rejectHandshake", () => {
  virtually(
    "connections are refused, or fail in the handshake, until that is allowed again; those that are there stay",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline()
      for (const [fault, expected] of [
        [Network.refuse(endpoint), "Connecting Reconnecting"],
        [Network.rejectHandshake(endpoint), "Connecting Connected HandshakeFailed Disconnected Reconnecting"]
      ] as const) {
        yield* fault
        const other = yield* alone(Network.on(Push.make({ connect: endpoint }), "c"))
        const ofOther = yield* eventsOf(other.socket)
        assert.strictEqual(yield* ofOther, expected)
        yield* Push.send(other.socket, "late")
        yield* Push.send(push, "in time")
        assert.strictEqual(yield* receive(pull), "in time")
        yield* Effect.sleep("10 seconds")
        assert.notInclude(yield* ofOther, "HandshakeSucceeded")
        yield* Network.allow(endpoint)
        assert.strictEqual(yield* receive(pull), "late")
        yield* other.close
      }
    })
  )
})

describe("a connection that is on its way", () => {
  virtually(
    "is refused, where it arrives after that was told",
    Effect.gen(function* () {
      yield* Network.latency("a", "b", 100)
      const { push } = yield* pipeline()
      const ofPush = yield* eventsOf(push)
      yield* Effect.sleep(50)
      yield* Network.refuse(endpoint)
      yield* Effect.sleep(151)
      assert.strictEqual(yield* ofPush, "Connecting Reconnecting")
    })
  )
})

describe("corrupt", () => {
  virtually(
    "ends a connection for both, which is made again",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline()
      const ofPush = yield* eventsOf(push)
      assert.strictEqual(yield* Network.corrupt("a", "b"), 1)
      assert.strictEqual(yield* ofPush, "Connecting Connected HandshakeSucceeded Disconnected Reconnecting")
      yield* Push.send(push, "again")
      assert.strictEqual(yield* receive(pull), "again")
    })
  )
})

describe("injectScoped", () => {
  virtually(
    "a fault lasts as long as its scope",
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline()
      const during = (fault: Network.Fault) =>
        Effect.scoped(
          Effect.andThen(Network.injectScoped(fault), Effect.andThen(Push.send(push, "x"), Effect.sleep(10)))
        )
      yield* during(Network.Fault.Partition({ between: ["a", "b"], oneWay: false }))
      assert.deepStrictEqual(yield* here(pull), ["x"])
      yield* during(
        Network.Fault.Latency({
          between: ["a", "b"],
          oneWay: false,
          delay: Network.Delay.Fixed({ duration: Duration.hours(1) })
        })
      )
      assert.deepStrictEqual(yield* here(pull), ["x"])
    })
  )

  virtually(
    "clear ends everything that lasts",
    Effect.gen(function* () {
      yield* Network.partition("*", "*")
      yield* Network.latency("*", "*", "1 hour")
      yield* Network.bandwidth("*", "*", 1)
      yield* Network.refuse(endpoint)
      const { pull, push } = yield* pipeline()
      yield* Push.send(push, "x")
      yield* Network.clear
      assert.strictEqual(yield* receive(pull), "x")
      assert.isBelow(yield* now, 1000)
    })
  )
})

describe("dropped", () => {
  virtually(
    "a publisher's messages count for each subscriber: delivered, without room, or without anybody",
    Effect.gen(function* () {
      const pub = yield* Pub.make({ bind: endpoint, highWaterMark: { send: 5 } })
      yield* Pub.sendAll(pub, texts(3))
      const quick = yield* Sub.make({ connect: endpoint, subscribe: ["", "1"], highWaterMark: { receive: 1000 } })
      const slow = yield* Sub.make({ connect: endpoint, subscribe: ["", "1"], highWaterMark: { receive: 5 } })
      yield* Pub.sendAll(pub, texts(100))
      assert.deepStrictEqual(yield* here(quick), texts(100))
      const dropped = yield* Network.dropped
      assert.strictEqual(dropped.noSubscriber, 3)
      assert.strictEqual(dropped.queueFull, 90)
      assert.strictEqual((yield* Network.connections)[1]?.backward.dropped, 90)
      assert.deepStrictEqual(yield* here(slow), texts(10))
      assert.strictEqual(yield* Network.delivered, 110)
      assert.strictEqual(sum(yield* Network.dropped), 93)
    })
  )

  virtually(
    "what a closing socket has not delivered, what nobody took, what a newer one replaced, what is too large",
    Effect.gen(function* () {
      const unsent = yield* alone(Push.make({ connect: "tcp://127.0.0.1:1", linger: 0 }))
      yield* Push.sendAll(unsent.socket, texts(4))
      yield* unsent.close
      assert.strictEqual((yield* Network.dropped).unsent, 4)
      const unread = yield* alone(Pull.make({ bind: endpoint }))
      const push = yield* Push.make({ connect: endpoint })
      yield* Push.sendAll(push, texts(6))
      yield* unread.close
      assert.strictEqual((yield* Network.dropped).unread, 6)
      const newest = yield* Pull.make({ bind: "tcp://127.0.0.1:2", conflate: true })
      const conflating = yield* Push.make({ connect: "tcp://127.0.0.1:2", conflate: true })
      yield* Push.sendAll(conflating, texts(8))
      assert.strictEqual((yield* Network.dropped).conflated, 7)
      assert.deepStrictEqual(yield* here(newest), ["7"])
      yield* Pull.make({ bind: "tcp://127.0.0.1:3", maxMessageSize: 10 })
      const large = yield* Push.make({ connect: "tcp://127.0.0.1:3" })
      yield* Push.sendAll(large, [new Uint8Array(11), "behind"])
      assert.strictEqual((yield* Network.dropped).tooLarge, 2)
      const delivered = yield* Network.delivered
      yield* Pub.make({ bind: "tcp://127.0.0.1:4" })
      const xsub = yield* XSub.make({ connect: "tcp://127.0.0.1:4" })
      yield* XSub.send(xsub, "which a PUB does not read")
      assert.strictEqual((yield* Network.dropped).unread, 7)
      assert.strictEqual(yield* Network.delivered, delivered)
    })
  )

  /** Faults at random, for a while. */
  const chaos = (faults: number) =>
    Effect.gen(function* () {
      const hosts = ["a", "b", "c", "*"]
      for (let i = 0; i < faults; i++) {
        const between: Network.Between = [yield* Random.choice(hosts), yield* Random.choice(hosts)]
        const oneWay = yield* Random.nextBoolean
        const delay = Network.Delay.Uniform({ minimum: Duration.zero, maximum: Duration.millis(300) })
        yield* Network.inject(
          yield* Random.choice([
            Network.Fault.Partition({ between, oneWay }),
            Network.Fault.Heal({ between: undefined }),
            Network.Fault.Latency({ between, oneWay, delay }),
            Network.Fault.Bandwidth({ between, oneWay, bytesPerSecond: 500 }),
            Network.Fault.Disconnect({ between }),
            Network.Fault.Corrupt({ between }),
            Network.Fault.Refuse({ endpoint }),
            Network.Fault.RejectHandshake({ endpoint }),
            Network.Fault.Kill({ of: "c" }),
            Network.Fault.Clear()
          ])
        )
        yield* Effect.sleep(yield* Random.nextIntBetween(1, 2000))
      }
      yield* Network.clear
    })

  const reconnect = { initial: 50, maximum: 200 } as const
  const heartbeat = { interval: 500, timeout: 700 } as const
  const pause = Effect.flatMap(Random.nextIntBetween(1, 60), Effect.sleep)

  virtually(
    "every message that was sent is delivered once, queued, or counted, at any time and whatever faults there are",
    Effect.gen(function* () {
      const marks = yield* Random.nextIntBetween(1, 30)
      const settings = { reconnect, heartbeat, linger: yield* Random.choice([0, 100]) }
      const highWaterMark = { send: marks, receive: marks }
      const workersBind = yield* Random.nextBoolean
      if (yield* Random.nextBoolean) yield* Network.trace
      const endpoints = { b: "tcp://127.0.0.1:1", c: "tcp://127.0.0.1:2" } as const
      const workers = Object.values(endpoints)
      const got: Array<string> = []
      let sent = 0
      const worker = (host: "b" | "c") =>
        Effect.gen(function* () {
          const place: Pull.Options = workersBind ? { bind: endpoints[host] } : { connect: endpoint }
          const pull = yield* Pull.make({ ...settings, highWaterMark, ...place })
          const take = (message: Message.Message) => Effect.sync(() => got.push(Message.text(message)))
          yield* Pull.runForEach(pull, (message) => Effect.andThen(take(message), pause))
        }).pipe(Effect.scoped, Effect.andThen(Effect.sleep(300)), Effect.forever, Network.on(host))
      const push = yield* Network.on(
        Push.make({ ...settings, highWaterMark, ...(workersBind ? { connect: workers } : { bind: endpoint }) }),
        "a"
      )
      for (const host of ["b", "c"] as const) yield* Effect.forkScoped(worker(host))
      const send = Effect.suspend(() => Push.send(push, `${sent}`))
      const sending = yield* Effect.forkScoped(
        Effect.forever(
          Effect.andThen(
            Effect.map(send, () => sent++),
            pause
          )
        )
      )
      const check = Effect.gen(function* () {
        const delivered = yield* Network.delivered
        assert.strictEqual((yield* queued) + delivered + sum(yield* Network.dropped), sent)
        assert.strictEqual(delivered, got.length)
      })
      const checking = yield* Effect.forkChild(Effect.forever(Effect.andThen(check, Effect.sleep(97))))
      yield* chaos(25)
      yield* Effect.sleep("5 seconds")
      yield* Fiber.interruptAll([sending, checking])
      yield* Effect.sleep("1 minute")
      yield* check
      assert.strictEqual(yield* queued, 0)
      assert.strictEqual(new Set(got).size, got.length)
      assert.isAbove(got.length, 100)
    }),
    60
  )

  virtually(
    "of what is published, every copy is delivered in order, queued, or counted, whatever faults there are; and in the end all is heard again",
    Effect.gen(function* () {
      const highWaterMark = { send: 5, receive: 5 }
      const pub = yield* Network.on(Pub.make({ bind: endpoint, reconnect, heartbeat, highWaterMark }), "a")
      let published = 0
      const heard: Array<number> = []
      const subscriber = Effect.gen(function* () {
        const sub = yield* Sub.make({ connect: endpoint, subscribe: "", reconnect, heartbeat, highWaterMark })
        yield* Sub.runForEach(sub, (message) =>
          Effect.andThen(
            Effect.sync(() => heard.push(Number(Message.text(message)))),
            pause
          )
        )
      })
      yield* Effect.forkScoped(Network.on(subscriber, "b"))
      const publishing = yield* Effect.forkScoped(
        Effect.forever(
          Effect.andThen(
            Effect.suspend(() => Pub.send(pub, `${published++}`)),
            Effect.sleep(20)
          )
        )
      )
      yield* chaos(25)
      yield* Effect.sleep("5 seconds")
      const before = heard.length
      yield* Effect.sleep("5 seconds")
      assert.isAbove(heard.length, before)
      yield* Fiber.interrupt(publishing)
      yield* Effect.sleep("1 minute")
      assert.strictEqual((yield* Network.delivered) + sum(yield* Network.dropped), published)
      assert.strictEqual(yield* Network.delivered, heard.length)
      assert.deepStrictEqual(
        heard,
        [...new Set(heard)].sort((a, b) => a - b)
      )
    }),
    40
  )

  virtually(
    "a request is answered in the end, by its own reply, whatever faults there were",
    Effect.gen(function* () {
      const serve = Effect.gen(function* () {
        const rep = yield* Rep.make({ bind: endpoint, reconnect, heartbeat, linger: 0 })
        yield* Rep.serve(rep, (request) => Effect.as(pause, `re ${Message.text(request)}`))
      }).pipe(Effect.scoped, Effect.andThen(Effect.sleep(100)), Effect.forever, Network.on("c"))
      yield* Effect.forkScoped(serve)
      const req = yield* Network.on(Req.make({ connect: endpoint, reconnect, heartbeat, linger: 0 }), "a")
      const faults = yield* Effect.forkChild(chaos(20))
      for (let i = 0; i < 100; i++) {
        const request = Effect.timeout(Req.request(req, `${i}`), 1000)
        const reply = yield* Effect.retry(request, { times: 100 })
        assert.strictEqual(Message.text(reply), `re ${i}`)
        yield* pause
      }
      yield* Fiber.interrupt(faults)
    }),
    20
  )
})

describe("trace", () => {
  const traced = Effect.gen(function* () {
    const trace = yield* Network.trace
    yield* Network.latency("*", "*", Network.Delay.Exponential({ mean: Duration.millis(50) }))
    const { pull, push } = yield* pipeline()
    yield* Push.sendAll(push, texts(20))
    yield* Effect.sleep(1000)
    yield* Network.disconnect("a", "b")
    yield* Push.send(push, ["two", "frames"])
    yield* Effect.sleep(1000)
    yield* here(pull)
    return (yield* trace).map(Network.formatEntry).join("\n")
  })

  it("is the same, byte for byte, for the same seed, and another one for another", () => {
    const one = run(traced, "x")
    assert.strictEqual(run(traced, "x"), one)
    assert.notStrictEqual(run(traced, "y"), one)
  })

  virtually(
    "tells of each message its time, its ends, its size and how it begins; of faults; and ends with its scope",
    Effect.gen(function* () {
      const entries = yield* Effect.scoped(
        Effect.gen(function* () {
          const { push } = yield* pipeline()
          const trace = yield* Network.trace
          yield* Network.partition("a", "b", { oneWay: true })
          yield* Push.send(push, ["head", "a body of more than 16 bytes"])
          yield* Push.send(push, new Uint8Array([0, 1, 255]))
          yield* Effect.sleep(250)
          yield* Network.heal()
          yield* Network.disconnect("a", "b")
          return yield* trace
        })
      )
      assert.deepStrictEqual(entries.map(Network.formatEntry), [
        "0 ms  fault: partition a -> b",
        "250 ms  fault: heal everything",
        `250 ms  ${name}  "a body of more t" (32 bytes, 2 frames, sent at 0 ms)`,
        `250 ms  ${name}  0x0001ff (3 bytes, sent at 0 ms)`,
        "250 ms  fault: disconnect a <-> b",
        `250 ms  ${name}  b/PULL is disconnected`,
        `250 ms  ${name}  a/PUSH is disconnected`
      ])
    })
  )

  virtually(
    "changes nothing of what happens, over inproc too",
    Effect.gen(function* () {
      const trace = yield* Network.trace
      const pull = yield* Pull.make({ bind: "inproc://x" })
      const push = yield* Push.make({ connect: "inproc://x" })
      yield* Push.sendAll(push, texts(3))
      assert.deepStrictEqual(yield* here(pull), texts(3))
      assert.lengthOf((yield* trace).filter(Network.TraceEntry.$is("Message")), 3)
    })
  )
})

describe("a fault in one line", () => {
  it("says what, between whom, and how much", () => {
    const between = ["a", "b"] as const
    const { Fault } = Network
    const delay = Network.Delay.Uniform({ minimum: Duration.millis(5), maximum: Duration.seconds(1) })
    const lines = [
      Fault.Partition({ between, oneWay: false }),
      Fault.Partition({ between: name, oneWay: true }),
      Fault.Heal({ between }),
      Fault.Latency({ between, oneWay: true, delay }),
      Fault.Bandwidth({ between, oneWay: false, bytesPerSecond: 1000 }),
      Fault.Disconnect({ between: name }),
      Fault.Corrupt({ between }),
      Fault.Kill({ of: "a/PUSH" }),
      Fault.Refuse({ endpoint }),
      Fault.RejectHandshake({ endpoint }),
      Fault.Allow({ endpoint }),
      Fault.Clear()
    ].map(Network.formatFault)
    assert.deepStrictEqual(lines, [
      "partition a <-> b",
      `partition [${name}], forward`,
      "heal a <-> b",
      "latency a -> b 5ms to 1s",
      "bandwidth a <-> b 1000 bytes/s",
      `disconnect [${name}]`,
      "corrupt a <-> b",
      "kill a/PUSH",
      `refuse ${endpoint}`,
      `reject handshakes ${endpoint}`,
      `allow ${endpoint}`,
      "clear"
    ])
  })
})

describe("time", () => {
  virtually(
    "nothing waits for a time once faults are cleared, with heartbeats too: what cannot happen any more is a deadlock",
    Effect.gen(function* () {
      const inner = Effect.gen(function* () {
        const { pull, push } = yield* pipeline({ heartbeat: { interval: 1000, timeout: 2000 } })
        yield* Network.partition("a", "b")
        yield* Network.latency("a", "b", 10)
        yield* Push.send(push, "x")
        yield* Effect.sleep(1500)
        yield* Network.clear
        yield* Pull.receive(pull)
        yield* Pull.receive(pull) // which never comes
      }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer, { local: true }))
      const exit = Simulation.run({ seed: 1, program: inner })
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(error, Simulation.SimulationError)
      assert.strictEqual((error as Simulation.SimulationError).problem, "Deadlock")
      assert.strictEqual(Duration.toMillis((error as Simulation.SimulationError).elapsed), 1500)
    })
  )
})

describe("Observer", () => {
  it("reaches the network of a program that knows nothing of it", () => {
    const seen: Array<Effect.Effect<ReadonlyArray<Network.TraceEntry>>> = []
    const program = Effect.gen(function* () {
      const { pull, push } = yield* pipeline()
      yield* Push.send(push, "x")
      yield* receive(pull)
      return yield* seen[0] ?? Effect.die("nobody was told")
    }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer, { local: true }))
    const observe: Network.Observe = (network) => Effect.map(network.trace, (trace) => void seen.push(trace))
    const exit = Simulation.run({ seed: 1, program: Effect.provideService(program, Network.Observer, observe) })
    if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
    assert.deepStrictEqual(Exit.isSuccess(exit) && exit.value.map(({ _tag }) => _tag), [
      "Connected",
      "Connected",
      "Message"
    ])
  })
})

describe("the example of the module", () => {
  virtually(
    "gives what it says",
    Effect.gen(function* () {
      const sink = yield* Network.on(Pull.make({ bind: "tcp://127.0.0.1:5558" }), "sink")
      const worker = yield* Network.on(Push.make({ connect: "tcp://127.0.0.1:5558" }), "worker-1")
      yield* Network.partition("worker-1", "sink")
      yield* Push.send(worker, "a result")
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(Pull.receive(sink), "5 seconds")))
      yield* Network.heal("worker-1", "sink")
      assert.strictEqual(Message.text(yield* Pull.receive(sink)), "a result")
    })
  )
})

describe("a peer that was connected to before it was bound", () => {
  it("is reached as soon as it appears, also where that is between the attempt and the wait for it", () => {
    const program = Effect.gen(function* () {
      yield* Effect.forkScoped(Effect.flatMap(Push.make({ connect: endpoint }), (push) => Push.send(push, "task")))
      for (let n = yield* Random.nextIntBetween(0, 30); n > 0; n--) yield* Effect.yieldNow
      yield* Pull.receive(yield* Pull.make({ bind: endpoint }))
      assert.strictEqual(yield* now, 0)
    })
    for (let seed = 0; seed < 200; seed++) Effect.runSync(Simulation.run({ seed, program, preemption: 0.2 }))
  })
})

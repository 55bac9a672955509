/** What the sockets promise, in large counts, on every transport. */
import * as fs from "node:fs"
import { MemoryTransport, Message, Pull, Push, Rep, Req, Socket, type Transport, type ZmqError } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { ZmtpTransport } from "@effect-zmq/transport-zmtp"
import { Effect, Exit, Fiber, type Layer, Option, Random, type Scope } from "effect"
import { prove } from "./table.ts"

const targets: ReadonlyArray<readonly [string, Layer.Layer<Transport.Transport>, "tcp://127.0.0.1:*" | "ipc://*"]> = [
  ["memory", MemoryTransport.layer, "tcp://127.0.0.1:*"],
  ["zmq, tcp", ZmqTransport.layer, "tcp://127.0.0.1:*"],
  ["zmq, ipc", ZmqTransport.layer, "ipc://*"],
  ["zmtp, tcp", ZmtpTransport.layer, "tcp://127.0.0.1:*"],
  ["zmtp, ipc", ZmtpTransport.layer, "ipc://*"]
]

const test = prove("The sockets, in large counts")

for (const [name, layer, bind] of targets) {
  const on = <A, E>(body: Effect.Effect<A, E, Transport.Transport | Scope.Scope>) =>
    body.pipe(Effect.scoped, Effect.provide(layer, { local: true }))

  const pipeline = Effect.gen(function* () {
    const pull = yield* Pull.make({ bind, linger: 0 })
    const [connect = "inproc://nowhere"] = yield* Socket.endpoints(pull)
    return { pull, push: yield* Push.make({ connect, linger: 0 }) }
  })

  /** Receives under what may end it early, until so many receives were ended early; counts what that has cost. */
  const spoiled = (
    what: string,
    count: number,
    spoil: (receive: Effect.Effect<void, ZmqError.ZmqError>) => Effect.Effect<boolean, ZmqError.ZmqError>
  ) =>
    on(
      Effect.gen(function* () {
        const { pull, push } = yield* pipeline
        let sent = 0
        yield* Effect.forkScoped(
          Effect.forever(
            Effect.gen(function* () {
              yield* Push.send(push, `${sent++}`)
              if (sent % 64 === 0) yield* Effect.sleep(yield* Random.nextIntBetween(0, 2))
            })
          )
        )
        let expected = 0
        let wrong = 0
        const one = Effect.map(Pull.receive(pull), (message) => {
          if (Number(Message.text(message)) !== expected) wrong++
          expected = Number(Message.text(message)) + 1
        })
        let spoils = 0
        while (spoils < count) if (yield* spoil(one)) spoils++
        return { what: `${what} on ${name}`, count: spoils, zero: { "lost, doubled or out of order": wrong } }
      })
    )

  test(
    `${name}: interrupted receives lose nothing`,
    spoiled("receives interrupted", 100_000, (receive) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(receive, { startImmediately: true })
        for (let turns = yield* Random.nextIntBetween(0, 4); turns > 0; turns--) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        return Exit.isFailure(yield* Fiber.await(fiber))
      })
    )
  )

  test(
    `${name}: timed-out receives lose nothing`,
    spoiled("receives timed out", 10_000, (receive) =>
      Effect.gen(function* () {
        return Option.isNone(yield* Effect.timeoutOption(receive, yield* Random.nextIntBetween(0, 3)))
      })
    )
  )

  test(
    `${name}: a loop of receives that is interrupted under flood loses nothing`,
    on(
      Effect.gen(function* () {
        const { pull, push } = yield* pipeline
        let sent = 0
        const batch = () => Array.from({ length: 100 }, () => `${sent++}`)
        yield* Effect.forkScoped(
          Effect.forever(
            Effect.suspend(() => Push.sendAll(push, batch())),
            { disableYield: true }
          )
        )
        let expected = 0
        let wrong = 0
        let interruptions = 0
        while (interruptions < 2000) {
          const fiber = yield* Effect.forkChild(
            Effect.forever(
              Effect.map(Pull.receive(pull), (message) => {
                if (Number(Message.text(message)) !== expected++) wrong++
              }),
              { disableYield: true }
            )
          )
          for (let turns = yield* Random.nextIntBetween(1, 6); turns > 0; turns--) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          interruptions++
        }
        return {
          what: `loops interrupted under flood, ${expected.toLocaleString("en-US")} received, on ${name}`,
          count: interruptions,
          zero: { "lost, doubled or out of order": wrong }
        }
      })
    )
  )

  test(
    `${name}: requests that are timed out never get a stale reply, and never get stuck`,
    on(
      Effect.gen(function* () {
        const rep = yield* Rep.make({ bind, linger: 0 })
        const [connect = "inproc://nowhere"] = yield* Socket.endpoints(rep)
        const req = yield* Req.make({ connect, linger: 0 })
        yield* Effect.forkScoped(
          Rep.serve(rep, (request) =>
            Effect.gen(function* () {
              yield* Effect.sleep(yield* Random.nextIntBetween(0, 5))
              return request
            })
          )
        )
        let stale = 0
        let stuck = 0
        let late = 0
        for (let i = 0; i < 5000; i++) {
          const reply = yield* Effect.timeoutOption(Req.request(req, `${i}`), yield* Random.nextIntBetween(1, 5))
          if (Option.isNone(reply)) late++
          else if (Message.text(reply.value) !== `${i}`) stale++
        }
        const last = yield* Effect.timeoutOption(Req.request(req, "last"), "5 seconds")
        if (Option.isNone(last)) stuck++
        return { what: `requests, ${late} of them timed out, on ${name}`, count: 5000, zero: { stale, stuck } }
      })
    )
  )

  test(
    `${name}: an address is free when its socket is closed`,
    on(
      Effect.gen(function* () {
        const first = yield* Effect.scoped(
          Effect.flatMap(Pull.make({ bind, linger: 0 }), (pull) => Socket.endpoints(pull))
        )
        const [address = "inproc://nowhere"] = first
        let inUse = 0
        for (let i = 0; i < 2000; i++) {
          const exit = yield* Effect.exit(
            Effect.scoped(
              Effect.gen(function* () {
                const pull = yield* Pull.make({ bind: address, linger: 0 })
                if (i % 2 === 0) return
                const push = yield* Push.make({ connect: address, linger: 0 })
                yield* Push.send(push, "live")
                yield* Pull.receive(pull)
              })
            )
          )
          if (Exit.isFailure(exit)) inUse++
        }
        return { what: `times bound, closed and bound again, on ${name}`, count: 2000, zero: { failed: inUse } }
      })
    )
  )
}

test(
  "zmq: sockets opened and closed in turn leave nothing behind",
  Effect.gen(function* () {
    const count = (path: string) => fs.readdirSync(path).length
    const open = Effect.scoped(Push.make({ bind: "tcp://127.0.0.1:*", linger: 0 }))
    for (let i = 0; i < 1000; i++) yield* open
    yield* Effect.sleep("100 millis")
    const before = {
      files: count("/proc/self/fd"),
      threads: count("/proc/self/task"),
      memory: process.memoryUsage.rss()
    }
    for (let i = 0; i < 50_000; i++) yield* open
    yield* Effect.sleep("100 millis")
    const memory = (process.memoryUsage.rss() - before.memory) / 1e6
    return {
      what: `sockets opened and closed in turn, ${memory.toFixed(1)} MB more`,
      count: 50_000,
      zero: {
        "descriptors left": Math.max(0, count("/proc/self/fd") - before.files - 16),
        "threads left": Math.max(0, count("/proc/self/task") - before.threads),
        "MB above 20": Math.max(0, Math.ceil(memory - 20))
      }
    }
  }).pipe(Effect.provide(ZmqTransport.layer))
)

import { assert, describe } from "@effect/vitest"
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as SocketOptions from "@effect-zmq/core/SocketOptions"
import { Transport } from "@effect-zmq/core/Transport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Naive from "./naive.ts"
import { live, naively, pipeline } from "./sockets.ts"

interface Pipe<E> {
  readonly send: (body: string) => Effect.Effect<void, E>
  readonly receive: Effect.Effect<string, E>
}

const ours = Effect.map(pipeline({ push: { linger: 0 } }), ({ pull, push }) => ({
  send: (body: string) => Push.send(push, body),
  receive: Effect.map(Pull.receive(pull), Message.text)
}))

const naive = Effect.gen(function* () {
  const pull = yield* Naive.pull
  const push = yield* Naive.push(pull.socket.lastEndpoint ?? "")
  return { send: push.send, receive: pull.receive }
})

/** Receives `count` messages, `spoil`ing receives on the way; answers what was received, in its order. */
const spoiled = <E>(
  { receive, send }: Pipe<E>,
  count: number,
  spoil: (receive: Effect.Effect<number, E>) => Effect.Effect<Option.Option<number>, E>
) =>
  Effect.gen(function* () {
    const received: Array<number> = []
    const one = Effect.map(receive, (body) => {
      received.push(Number(body))
      return Number(body)
    })
    yield* Effect.forkChild(
      Effect.gen(function* () {
        for (let i = 0; i < count; i++) {
          yield* send(`${i}`)
          if (i % 50 === 0) yield* Effect.sleep(yield* Random.nextIntBetween(0, 2))
        }
      })
    )
    let spoils = 0
    while (received.length < count) {
      if (Option.isNone(yield* spoil(one))) spoils++
    }
    return { received, spoils }
  })

const inOrder = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

/** Interrupts the receive after up to three turns, or lets it be. */
const interrupted = <E>(receive: Effect.Effect<number, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(receive, { startImmediately: true })
    for (let turns = yield* Random.nextIntBetween(0, 4); turns > 0; turns--) yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
    const exit = yield* Fiber.await(fiber)
    if (Exit.isSuccess(exit)) return Option.some(exit.value)
    return Exit.hasInterrupts(exit) ? Option.none<number>() : yield* Effect.failCause(exit.cause)
  })

const timedOut = <E>(receive: Effect.Effect<number, E>) =>
  Effect.flatMap(Random.nextIntBetween(0, 3), (millis) => Effect.timeoutOption(receive, millis))

describe("receiving", () => {
  live("10,000 receives interrupted at random moments lose nothing, give nothing twice, and keep the order", () =>
    Effect.gen(function* () {
      const pipe = yield* ours
      let spoils = 0
      while (spoils < 10_000) {
        const result = yield* spoiled(pipe, 2000, interrupted)
        assert.deepStrictEqual(result.received, inOrder(2000))
        spoils += result.spoils
      }
    })
  )

  live("10,000 receives timed out at random moments lose nothing, give nothing twice, and keep the order", () =>
    Effect.gen(function* () {
      // Many sockets at once, for most of the time is spent waiting.
      const results = yield* Effect.all(
        Array.from({ length: 40 }, () =>
          Effect.gen(function* () {
            const pipe = yield* ours
            let spoils = 0
            while (spoils < 250) {
              const result = yield* spoiled(pipe, 500, timedOut)
              assert.deepStrictEqual(result.received, inOrder(500))
              spoils += result.spoils
            }
            return spoils
          })
        ),
        { concurrency: "unbounded" }
      )
      assert.isAtLeast(
        results.reduce((a, b) => a + b),
        10_000
      )
    })
  )

  naively("the addon as it is: an interrupted receive takes the next message with it", () =>
    Effect.gen(function* () {
      const result = yield* spoiled(yield* naive, 200, interrupted)
      assert.deepStrictEqual(result.received, inOrder(200))
    })
  )

  live("what a consumer did not see, the next one gets: take, takeUntil, runHead, interruption of a stream", () =>
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({ push: { linger: 0 } })
      yield* Push.sendAll(
        push,
        Array.from({ length: 1000 }, (_, i) => `${i}`)
      )
      const seen: Array<string> = []
      const bodies = Stream.map(Pull.stream(pull), (message) => {
        const body = Message.text(message)
        seen.push(body)
        return body
      })
      yield* Stream.runDrain(Stream.take(bodies, 1))
      yield* Stream.runDrain(Stream.takeUntil(bodies, (body) => body === "9"))
      yield* Stream.runHead(bodies)
      const fiber = yield* Effect.forkChild(Stream.runDrain(bodies))
      while (seen.length < 100) yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      yield* Stream.runDrain(Stream.takeUntil(bodies, (body) => body === "999"))
      assert.deepStrictEqual(seen.map(Number), inOrder(1000))
    })
  )

  live(
    "20 fibers receive and 200 send 500 messages each at once: nothing is lost, nothing busy, order per fiber kept",
    () =>
      Effect.gen(function* () {
        const pipe = yield* ours
        assert.deepStrictEqual(yield* crowd(pipe), [])
      })
  )

  naively("the addon as it is: EBUSY", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* crowd(yield* naive), [])
    })
  )

  live("reads ahead of demand at most one batch: back-pressure reaches the sender while nobody receives", () =>
    Effect.gen(function* () {
      const { pull, push } = yield* pipeline({
        pull: { highWaterMark: { receive: 1 } },
        push: { highWaterMark: { send: 1 }, linger: 0 }
      })
      const body = new Uint8Array(64 * 1024)
      let sent = 0
      const sender = yield* Effect.forkChild(Effect.forever(Effect.map(Push.send(push, body), () => sent++)))
      // One is received, and then nobody waits: what libzmq and the system hold is all that is taken in.
      yield* Pull.receive(pull)
      let last = -1
      while (last !== sent) {
        last = sent
        yield* Effect.sleep(50)
      }
      yield* Fiber.interrupt(sender)
      assert.isBelow(sent, 500)
    })
  )

  live("refresh brings in what has arrived, also past a receive that was abandoned", () =>
    Effect.gen(function* () {
      const transport = yield* Transport
      const options = Result.getOrThrow(SocketOptions.resolve({}, false))
      const pull = yield* transport.open("PULL", options)
      const endpoint = yield* pull.bind(Endpoint.tcp("127.0.0.1", 0))
      const abandoned = yield* Effect.forkChild(pull.readable, { startImmediately: true })
      yield* Fiber.interrupt(abandoned)
      const peer = yield* Push.make({ connect: endpoint, linger: 0 })
      yield* Push.sendAll(peer, ["a", "b", "c"])
      const seen: Array<string> = []
      while (seen.length < 3) {
        yield* pull.refresh
        seen.push(...pull.receiveUnsafe(10).map(Message.text))
        yield* Effect.yieldNow
      }
      assert.deepStrictEqual(seen, ["a", "b", "c"])
      yield* pull.refresh
      assert.deepStrictEqual(pull.receiveUnsafe(10), [])
    })
  )
})

/** What went wrong when 200 fibers send and 20 receive. */
const crowd = <E>({ receive, send }: Pipe<E>) =>
  Effect.gen(function* () {
    const fibers = 200
    const each = 500
    const wrong: Array<string> = []
    const last = new Map<string, number>()
    let received = 0
    const receiver = Effect.gen(function* () {
      while (received < fibers * each) {
        const [fiber = "", index] = (yield* receive).split(":")
        received++
        const expected = (last.get(fiber) ?? -1) + 1
        if (Number(index) !== expected) wrong.push(`fiber ${fiber}: ${index} instead of ${expected}`)
        last.set(fiber, Number(index))
      }
    })
    const receivers = yield* Effect.forkChild(Effect.raceAllFirst(Array.from({ length: 20 }, () => receiver)))
    const sender = (fiber: number) =>
      Effect.gen(function* () {
        for (let i = 0; i < each; i++) yield* send(`${fiber}:${i}`)
      })
    yield* Effect.forEach(
      Array.from({ length: fibers }, (_, i) => i),
      sender,
      { concurrency: "unbounded", discard: true }
    )
    yield* Fiber.join(receivers)
    if (received !== fibers * each) wrong.push(`${received} received`)
    return wrong
  })

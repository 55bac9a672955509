import { assert, describe } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { message } from "./pipes.ts"
import {
  accepts,
  at,
  elapsed,
  eventsOf,
  failure,
  here,
  isDone,
  open,
  openAlone,
  receive,
  receiveMany,
  schemes,
  send,
  settle,
  start,
  tagsOf,
  virtually
} from "./sockets.ts"

const highWaterMark = (send: number, receive: number) => ({ highWaterMark: { send, receive } })

const last = <A>(items: ReadonlyArray<A>): A | undefined => items[items.length - 1]

describe("closing", () => {
  for (const { endpoint, scheme } of schemes) {
    virtually(
      `over ${scheme}, waits for an absent peer for exactly linger, and counts what it dropped`,
      Effect.gen(function* () {
        const push = yield* openAlone("PUSH", { connect: endpoint, linger: "1 second" })
        assert.strictEqual(accepts(push.handle), 1000)
        const [time] = yield* elapsed(push.close)
        assert.strictEqual(time, 1000)
        assert.deepInclude(last(yield* eventsOf(push.handle)), { _tag: "Closed", flushed: false, dropped: 1000 })
      })
    )

    virtually(
      `over ${scheme}, a peer that appears within linger gets everything, and the close returns then`,
      Effect.gen(function* () {
        const push = yield* openAlone("PUSH", { connect: endpoint, linger: "10 seconds" })
        assert.strictEqual(accepts(push.handle), 1000)
        const closing = yield* start(elapsed(push.close))
        yield* Effect.sleep("3 seconds")
        const pull = yield* open("PULL", { bind: endpoint })
        const [time] = yield* Fiber.join(closing)
        assert.strictEqual(time, 3000)
        assert.strictEqual((yield* receiveMany(pull, 1000)).length, 1000)
        assert.deepInclude(last(yield* eventsOf(push.handle)), { _tag: "Closed", flushed: true, dropped: 0 })
      })
    )

    virtually(
      `over ${scheme}, delivers what is queued for a peer that is there, without waiting for time`,
      Effect.gen(function* () {
        const pull = yield* open("PULL", { bind: endpoint })
        const push = yield* openAlone("PUSH", { connect: endpoint })
        assert.strictEqual(accepts(push.handle, 900), 900)
        const [time] = yield* elapsed(push.close)
        assert.strictEqual(time, 0)
        assert.strictEqual(here(pull).length, 900)
        yield* settle
        assert.deepInclude(last(yield* eventsOf(push.handle)), { _tag: "Closed", flushed: true, dropped: 0 })
      })
    )
  }

  virtually(
    "with no linger drops at once; with infinite linger waits for ever",
    Effect.gen(function* () {
      const none = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5555", linger: 0 })
      yield* send(none.handle, "a", "b", "c")
      const [time] = yield* elapsed(none.close)
      assert.strictEqual(time, 0)
      assert.deepInclude(last(yield* eventsOf(none.handle)), { flushed: false, dropped: 3 })
      const forEver = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5555", linger: "Infinity" })
      yield* send(forEver.handle, "a")
      const closing = yield* start(forEver.close)
      yield* Effect.sleep("30 minutes")
      assert.isFalse(isDone(closing))
      const pull = yield* open("PULL", { bind: "tcp://127.0.0.1:5555" })
      yield* Fiber.join(closing)
      assert.deepStrictEqual(here(pull), ["a"])
    })
  )

  virtually(
    "over tcp, what is behind the receiver's mark is still the sender's: linger waits for it, and what is left is dropped",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: "tcp://127.0.0.1:5555", ...highWaterMark(4, 4) })
      const push = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5555", ...highWaterMark(4, 4) })
      assert.strictEqual(accepts(push.handle), 8)
      const closing = yield* start(elapsed(push.close))
      yield* Effect.sleep("100 millis")
      assert.strictEqual(yield* receive(pull), "0")
      yield* Effect.sleep("100 millis")
      assert.isFalse(isDone(closing))
      const [time] = yield* Fiber.join(closing)
      assert.strictEqual(time, 1000)
      assert.deepInclude(last(yield* eventsOf(push.handle)), { flushed: false, dropped: 3 })
      assert.deepStrictEqual(here(pull), ["1", "2", "3", "4"])
    })
  )

  virtually(
    "over tcp, the close returns when the receiver has room for the last message, whatever the marks",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: "tcp://127.0.0.1:5555", ...highWaterMark(8, 8) })
      const again = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5555", ...highWaterMark(4, 4) })
      assert.strictEqual(accepts(again.handle), 12)
      const flushing = yield* start(elapsed(again.close))
      yield* Effect.sleep("100 millis")
      assert.strictEqual((yield* receiveMany(pull, 4)).join(""), "0123")
      assert.strictEqual((yield* Fiber.join(flushing))[0], 100)
      assert.strictEqual(here(pull).join(""), "4567891011")
    })
  )

  virtually(
    "the close waits for those who wait to send, and returns when they have sent or given up",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: "tcp://127.0.0.1:5555", ...highWaterMark(3, 3) })
      const push = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5555", ...highWaterMark(4, 4) })
      assert.strictEqual(accepts(push.handle), 7)
      yield* start(send(push.handle, "7", "8", "9", "10"))
      const closing = yield* start(elapsed(push.close))
      yield* Effect.sleep("100 millis")
      assert.strictEqual((yield* receiveMany(pull, 11)).join(""), "012345678910")
      assert.strictEqual((yield* Fiber.join(closing))[0], 100)

      const big = yield* open("PULL", { bind: "tcp://127.0.0.1:5556", ...highWaterMark(8, 8) })
      const small = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5556", ...highWaterMark(2, 2) })
      assert.strictEqual(accepts(small.handle), 10)
      yield* start(send(small.handle, "10", "11"))
      const flushing = yield* start(elapsed(small.close))
      yield* Effect.sleep("100 millis")
      assert.strictEqual((yield* receiveMany(big, 2)).join(""), "01")
      yield* Effect.sleep("100 millis")
      assert.isFalse(isDone(flushing))
      assert.strictEqual((yield* receiveMany(big, 2)).join(""), "23")
      assert.strictEqual((yield* Fiber.join(flushing))[0], 200)

      const other = yield* openAlone("PUSH", { connect: "inproc://nobody", immediate: true })
      const waiting = yield* start(send(other.handle, "a"))
      const ending = yield* start(elapsed(other.close))
      yield* Effect.sleep("100 millis")
      yield* Fiber.interrupt(waiting)
      assert.strictEqual((yield* Fiber.join(ending))[0], 100)
    })
  )

  virtually(
    "a socket that is done closing runs on in its own time, never within the receive that let it be",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: "tcp://127.0.0.1:5555", ...highWaterMark(1, 1) })
      const push = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5555", ...highWaterMark(1, 1) })
      assert.strictEqual(accepts(push.handle), 2)
      let isClosed = false
      yield* start(
        Effect.andThen(
          push.close,
          Effect.sync(() => {
            isClosed = true
          })
        )
      )
      yield* settle
      pull.receiveOneUnsafe()
      assert.isFalse(isClosed)
      yield* settle
      assert.isTrue(isClosed)
    })
  )

  virtually(
    "does not wait for a connection that was ended when its peer has left",
    Effect.gen(function* () {
      const pull = yield* openAlone("PULL", { bind: "tcp://127.0.0.1:5555", ...highWaterMark(1, 1) })
      const push = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5555", ...highWaterMark(1, 1) })
      assert.strictEqual(accepts(push.handle), 2)
      yield* push.handle.disconnect(at("tcp://127.0.0.1:5555"))
      yield* pull.close
      assert.deepStrictEqual(yield* elapsed(push.handle.drain(Duration.seconds(1))), [
        0,
        { flushed: false, dropped: 1, losses: { unsent: 1 } }
      ])
    })
  )

  virtually(
    "over inproc, what was sent to a peer that is there is the peer's",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: "inproc://a", ...highWaterMark(4, 4) })
      const push = yield* openAlone("PUSH", { connect: "inproc://a", ...highWaterMark(4, 4), linger: 0 })
      assert.strictEqual(accepts(push.handle), 8)
      yield* push.close
      assert.strictEqual(here(pull).join(""), "01234567")
    })
  )

  virtually(
    "ends a suspended send with Closed after linger, unless it is sent within it; new ones at once",
    Effect.gen(function* () {
      const push = yield* openAlone("PUSH", { bind: "tcp://127.0.0.1:5555" })
      const nobody = yield* start(failure(send(push.handle, "for nobody")))
      const [time] = yield* elapsed(push.close)
      assert.strictEqual(time, 0, "nobody can come any more")
      assert.strictEqual(yield* Fiber.join(nobody), "Closed")

      const pull = yield* open("PULL", { bind: "tcp://127.0.0.1:5555", ...highWaterMark(1, 1) })
      const full = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5555", ...highWaterMark(1, 1) })
      assert.strictEqual(accepts(full.handle), 2)
      const waiting = yield* start(send(full.handle, "2"))
      const tooLate = yield* start(failure(send(full.handle, "3", "4", "5", "6")))
      const closing = yield* start(elapsed(full.close))
      yield* settle
      assert.isFalse(full.handle.sendUnsafe(message("new")))
      assert.strictEqual(yield* failure(send(full.handle, "new")), "Closed")
      yield* Effect.sleep("500 millis")
      assert.strictEqual((yield* receiveMany(pull, 3)).join(""), "012")
      yield* Fiber.join(waiting)
      assert.strictEqual((yield* Fiber.join(closing))[0], 1000)
      assert.strictEqual(yield* Fiber.join(tooLate), "Closed")
      assert.deepStrictEqual(here(pull), ["3"])
    })
  )

  virtually(
    "drain ends a socket early, and tells how: the same to all who ask, then and later",
    Effect.gen(function* () {
      const push = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5555", linger: "10 seconds" })
      yield* send(push.handle, "a", "b")
      const first = yield* start(elapsed(push.handle.drain(Duration.seconds(2))))
      const second = yield* start(push.handle.drain(Duration.seconds(60)))
      const report = { flushed: false, dropped: 2, losses: { unsent: 2 } }
      assert.deepStrictEqual(yield* Fiber.join(first), [2000, report])
      assert.deepStrictEqual(yield* Fiber.join(second), report)
      const [time] = yield* elapsed(push.close)
      assert.strictEqual(time, 0)
      assert.deepStrictEqual(yield* push.handle.drain(Duration.zero), report)
      assert.strictEqual(yield* tagsOf(push.handle).pipe(Effect.map((tags) => tags.split(" ").pop())), "Closed")
    })
  )

  virtually(
    "an interrupted drain has closed the socket all the same",
    Effect.gen(function* () {
      const push = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5555", linger: "10 seconds" })
      yield* send(push.handle, "a")
      const draining = yield* start(push.handle.drain(Duration.seconds(5)))
      yield* Effect.sleep("1 second")
      const [time] = yield* elapsed(Fiber.interrupt(draining))
      assert.strictEqual(time, 0)
      assert.deepInclude(last(yield* eventsOf(push.handle)), { flushed: false, dropped: 1 })
    })
  )

  virtually(
    "ends a fiber's scope within linger although its finalizers cannot be interrupted",
    Effect.gen(function* () {
      const fiber = yield* start(
        Effect.scoped(
          Effect.gen(function* () {
            const push = yield* open("PUSH", { connect: "tcp://127.0.0.1:5555", linger: "500 millis" })
            yield* send(push, "a")
            yield* Effect.never
          })
        )
      )
      const [time] = yield* elapsed(Fiber.interrupt(fiber))
      assert.strictEqual(time, 500)
    })
  )

  virtually(
    "a lingering socket whose peer goes away counts what was left, and keeps it for the next one if it connects",
    Effect.gen(function* () {
      const first = yield* openAlone("PULL", { bind: "tcp://127.0.0.1:5555", ...highWaterMark(4, 4) })
      const push = yield* openAlone("PUSH", { connect: "tcp://127.0.0.1:5555", ...highWaterMark(4, 4) })
      assert.strictEqual(accepts(push.handle), 8)
      const closing = yield* start(push.close)
      yield* settle
      yield* first.close
      const second = yield* open("PULL", { bind: "tcp://127.0.0.1:5555", ...highWaterMark(4, 4) })
      yield* Fiber.join(closing)
      assert.deepStrictEqual(here(second), ["4", "5", "6", "7"])

      const bound = yield* openAlone("PUSH", { bind: "tcp://127.0.0.1:5556", ...highWaterMark(4, 4) })
      const pull = yield* openAlone("PULL", { connect: "tcp://127.0.0.1:5556", ...highWaterMark(4, 4) })
      assert.strictEqual(accepts(bound.handle), 8)
      const ending = yield* start(elapsed(bound.close))
      yield* settle
      yield* pull.close
      assert.strictEqual((yield* Fiber.join(ending))[0], 0)
      assert.deepInclude(last(yield* eventsOf(bound.handle)), { flushed: false, dropped: 4 })
    })
  )

  virtually(
    "what a peer that left had sent can still be received, and then the receiver waits",
    Effect.gen(function* () {
      for (const bind of ["tcp://127.0.0.1:5555", "inproc://a"] as const) {
        const push = yield* openAlone("PUSH", { bind })
        const pull = yield* open("PULL", { connect: bind })
        yield* send(push.handle, "a", "b", "c")
        yield* push.close
        assert.strictEqual((yield* receiveMany(pull, 3)).join(""), "abc")
        const waiting = yield* start(receive(pull))
        yield* settle
        assert.isFalse(isDone(waiting))
        const next = yield* openAlone("PUSH", { bind })
        yield* send(next.handle, "d")
        assert.strictEqual(yield* Fiber.join(waiting), "d")
        yield* next.close
      }
    })
  )

  virtually(
    "keeps nothing of 10,000 sockets that were opened and closed in turn: no fiber, no timer",
    Effect.gen(function* () {
      const [time] = yield* elapsed(
        Effect.gen(function* () {
          const pull = yield* open("PULL", { bind: "inproc://a" })
          for (let i = 0; i < 10_000; i++) {
            const scope = yield* Scope.make()
            const push = yield* Scope.provide(open("PUSH", { connect: "inproc://a" }), scope)
            yield* send(push, "a")
            yield* Scope.close(scope, Exit.void)
            assert.deepStrictEqual(here(pull), ["a"])
          }
        })
      )
      assert.strictEqual(time, 0)
    })
  )
})

describe("connecting again", () => {
  virtually(
    "tells the same story as tcp: lost, retried, connected",
    Effect.gen(function* () {
      const first = yield* openAlone("PULL", { bind: "tcp://127.0.0.1:5555" })
      const push = yield* open("PUSH", { connect: "tcp://127.0.0.1:5555" })
      yield* first.close
      yield* Effect.sleep("90 millis")
      yield* open("PULL", { bind: "tcp://127.0.0.1:5555" })
      yield* Effect.sleep("5 seconds")
      const tags = (yield* tagsOf(push)).replace(/( Reconnecting Connecting)+/, "$1")
      assert.strictEqual(
        tags,
        "Connecting Connected HandshakeSucceeded Disconnected Reconnecting Connecting Connected HandshakeSucceeded"
      )
    })
  )

  virtually(
    "waits 100 ms, doubling to 5 seconds, a little less by chance, in whole milliseconds; and begins anew after a connection",
    Effect.gen(function* () {
      const push = yield* open("PUSH", { connect: "tcp://127.0.0.1:5555" })
      yield* Effect.sleep("1 minute")
      const delays = Effect.map(eventsOf(push), (events) =>
        events.flatMap((event) => (event._tag === "Reconnecting" ? [Duration.toMillis(event.after)] : []))
      )
      const seen = yield* delays
      assert.isAbove(seen.length, 12)
      seen.forEach((delay, attempt) => {
        const most = Math.min(100 * 2 ** attempt, 5000)
        assert.isTrue(Number.isInteger(delay))
        assert.isAtMost(delay, most)
        assert.isAtLeast(delay, most * 0.75)
      })
      assert.isAbove(new Set(seen.slice(6)).size, 1)
      const pull = yield* openAlone("PULL", { bind: "tcp://127.0.0.1:5555" })
      yield* settle
      yield* pull.close
      yield* settle
      assert.isAtMost(last(yield* delays) ?? 0, 100)
    }),
    5
  )

  virtually(
    "keeps what was queued, and what the lost peer had no room for; over inproc too, as soon as there is somebody",
    Effect.gen(function* () {
      for (const endpoint of ["tcp://127.0.0.1:5555", "ipc:///tmp/a", "inproc://a"] as const) {
        const isInproc = endpoint.startsWith("inproc")
        const first = yield* openAlone("PULL", { bind: endpoint, ...highWaterMark(2, 2) })
        const push = yield* open("PUSH", { connect: endpoint, ...highWaterMark(2, 2) })
        assert.strictEqual(accepts(push), 4)
        yield* first.close
        const pull = yield* open("PULL", { bind: endpoint, ...highWaterMark(2, 2) })
        yield* send(push, "next")
        if (!isInproc) yield* Effect.sleep("1 second")
        assert.deepStrictEqual(here(pull), isInproc ? ["next"] : ["2", "3", "next"])
      }
    })
  )

  virtually(
    "does not with reconnect: false: the peer is given up",
    Effect.gen(function* () {
      const first = yield* openAlone("PULL", { bind: "tcp://127.0.0.1:5555" })
      const push = yield* open("PUSH", { connect: "tcp://127.0.0.1:5555", reconnect: false })
      yield* first.close
      yield* settle
      yield* open("PULL", { bind: "tcp://127.0.0.1:5555" })
      yield* Effect.sleep("1 minute")
      assert.strictEqual(accepts(push), 0)
      assert.deepStrictEqual(yield* push.endpoints, [])
    })
  )

  virtually(
    "200 times on one address, with a peer that lives: never AddressInUse, and each message arrives",
    Effect.gen(function* () {
      const push = yield* open("PUSH", { connect: "tcp://127.0.0.1:5555" })
      for (let i = 0; i < 200; i++) {
        const pull = yield* openAlone("PULL")
        yield* pull.handle.bind(at("tcp://127.0.0.1:5555"))
        yield* send(push, `${i}`)
        assert.strictEqual(yield* receive(pull.handle), `${i}`)
        yield* pull.close
      }
    })
  )
})

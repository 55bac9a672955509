import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Message from "../src/Message.ts"
import * as Poller from "../src/Poller.ts"
import * as Pull from "../src/Pull.ts"
import * as Socket from "../src/Socket.ts"
import { makeDice, numbered, numberOf, open, range, type Script } from "./ScriptedTransport.ts"

const openPull = (script: Script = {}) =>
  Effect.map(open(Pull.make({}), script), ({ handle, socket }) => ({ handle, pull: socket }))

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

type Item = { readonly _tag: string; readonly value: Message.Message }

/** Collects what a poller gives, as "name number". */
const collect = (stream: Stream.Stream<Item>, seen: Array<string>) =>
  Stream.runForEach(stream, ({ _tag, value }) => Effect.sync(() => seen.push(`${_tag} ${Message.text(value)}`)))

/** Both ways to poll. */
const polls: Readonly<Record<string, (a: Pull.Pull, b: Pull.Pull) => Stream.Stream<Item>>> = {
  merge: (a, b) => Poller.merge({ a, b }),
  prioritize: (a, b) =>
    Poller.prioritize([
      ["a", a],
      ["b", b]
    ])
}

const sorted = (numbers: ReadonlyArray<number>) => [...numbers].sort((a, b) => a - b)

/** Takes what is left in a socket. */
const rest = Effect.fnUntraced(function* (pull: Pull.Pull) {
  const left: Array<number> = []
  while (true) {
    const message = yield* Pull.poll(pull)
    if (Option.isNone(message)) return left
    left.push(numberOf(message.value))
  }
})

describe("Poller.merge", () => {
  it.effect("gives each message with the name of its socket", () =>
    Effect.gen(function* () {
      const a = yield* openPull()
      const b = yield* openPull()
      const seen: Array<string> = []
      yield* start(collect(Poller.merge({ task: a.pull, weather: b.pull }), seen))
      yield* settle
      a.handle.deliver("1")
      yield* settle
      b.handle.deliver("2")
      b.handle.deliver("3")
      a.handle.deliver("4")
      yield* settle
      assert.deepStrictEqual([...seen].sort(), ["task 1", "task 4", "weather 2", "weather 3"])
    })
  )

  it.effect("lets the sockets take turns under flood", () =>
    Effect.gen(function* () {
      const [a, b, c] = [yield* openPull(), yield* openPull(), yield* openPull()]
      for (const { handle } of [a, b, c]) handle.deliver(...numbered(0, 1000))
      const seen: Array<string> = []
      yield* collect(Stream.take(Poller.merge({ a: a.pull, b: b.pull, c: c.pull }), 900), seen)
      const names = seen.map((one) => one[0])
      for (const i of range(0, 300)) assert.deepStrictEqual(names.slice(3 * i, 3 * i + 3), ["a", "b", "c"])
    })
  )

  for (const wake of ["now", "soon"] as const) {
    it.effect(`lets them take turns when the flood begins while it waits, too (woken ${wake})`, () =>
      Effect.gen(function* () {
        const [a, b] = [yield* openPull({ wake }), yield* openPull({ wake })]
        const seen: Array<string> = []
        yield* start(collect(Poller.merge({ a: a.pull, b: b.pull }), seen))
        yield* settle
        a.handle.deliver(...numbered(0, 1000))
        b.handle.deliver(...numbered(0, 1000))
        while (seen.length < 1000) yield* Effect.yieldNow
        const fromA = seen.slice(0, 1000).filter((one) => one.startsWith("a")).length
        // Woken at once, it has given what `a` had before `b` had anything.
        if (wake === "soon") assert.approximately(fromA, 500, 1)
      })
    )
  }

  it.effect("of no sockets ends at once", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Stream.runCollect(Poller.merge({})), [])
    })
  )
})

describe("Poller.prioritize", () => {
  it.effect("gives a message of a later socket only when the sockets before it have nothing", () =>
    Effect.gen(function* () {
      const [a, b, c] = [yield* openPull(), yield* openPull(), yield* openPull()]
      const seen: Array<string> = []
      c.handle.deliver("1", "2", "3")
      b.handle.deliver("1", "2")
      const poller = Poller.prioritize([
        ["a", a.pull],
        ["b", b.pull],
        ["c", c.pull]
      ])
      yield* collect(
        Stream.take(
          Stream.tap(poller, ({ _tag, value }) =>
            Effect.sync(() => {
              if (_tag === "b" && numberOf(value) === 1) a.handle.deliver("1", "2")
              if (_tag === "c" && numberOf(value) === 2) b.handle.deliver("3")
            })
          ),
          8
        ),
        seen
      )
      assert.deepStrictEqual(seen, ["b 1", "a 1", "a 2", "b 2", "c 1", "c 2", "b 3", "c 3"])
    })
  )

  for (const refresh of ["now", "soon"] as const) {
    it.effect(`looks for what has only just arrived (refresh ${refresh})`, () =>
      Effect.gen(function* () {
        const [a, b] = [yield* openPull({ refresh }), yield* openPull({ refresh })]
        b.handle.deliver("1", "2")
        const seen: Array<string> = []
        yield* collect(
          Stream.take(
            Stream.tap(
              Poller.prioritize([
                ["a", a.pull],
                ["b", b.pull]
              ]),
              () => Effect.sync(() => a.handle.arrive("1"))
            ),
            4
          ),
          seen
        )
        assert.deepStrictEqual(seen, ["b 1", "a 1", "a 1", "a 1"])
      })
    )
  }

  it.effect("keeps the order where several sockets wake it in one moment, whichever is first", () =>
    Effect.gen(function* () {
      const [a, b, c] = [yield* openPull(), yield* openPull(), yield* openPull()]
      const seen: Array<string> = []
      yield* start(
        collect(
          Poller.prioritize([
            ["a", a.pull],
            ["b", b.pull],
            ["c", c.pull]
          ]),
          seen
        )
      )
      for (const _ of range(0, 5)) {
        yield* settle
        seen.length = 0
        c.handle.deliver("1", "2")
        b.handle.deliver("1", "2")
        a.handle.deliver("1", "2")
        yield* settle
        assert.deepStrictEqual(seen, ["a 1", "a 2", "b 1", "b 2", "c 1", "c 2"])
      }
    })
  )

  it.effect("sees a message for a socket whose watcher has not been resumed yet", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* openPull(), yield* openPull({ wake: "now" })]
      const seen: Array<string> = []
      yield* start(
        collect(
          Stream.tap(
            Poller.prioritize([
              ["a", a.pull],
              ["b", b.pull]
            ]),
            ({ value }) =>
              // In the middle of what b has, a gets something; its wake-up is only a task to come.
              Effect.sync(() => numberOf(value) === 2 && a.handle.deliver("9"))
          ),
          seen
        )
      )
      yield* settle
      b.handle.deliver("1", "2", "3", "4")
      yield* settle
      assert.deepStrictEqual(seen, ["b 1", "b 2", "a 9", "b 3", "b 4"])
    })
  )
})

for (const [name, poll] of Object.entries(polls)) {
  describe(`Poller.${name}`, () => {
    it.effect("takes nothing before it is asked: what a consumer did not see is still in the sockets", () =>
      Effect.gen(function* () {
        const [a, b] = [yield* openPull(), yield* openPull()]
        a.handle.deliver(...numbered(0, 10))
        b.handle.deliver(...numbered(0, 10))
        const seen: Array<string> = []
        yield* collect(Stream.take(poll(a.pull, b.pull), 3), seen)
        yield* collect(
          Stream.takeUntil(poll(a.pull, b.pull), ({ value }) => numberOf(value) === 3),
          seen
        )
        yield* Stream.runHead(poll(a.pull, b.pull)).pipe(
          Effect.map((head) =>
            seen.push(...Option.toArray(head).map(({ _tag, value }) => `${_tag} ${numberOf(value)}`))
          )
        )
        yield* settle
        for (const [tag, { pull }] of Object.entries({ a, b })) {
          const mine = seen.filter((one) => one.startsWith(tag)).map((one) => Number(one.slice(2)))
          assert.deepStrictEqual([...mine, ...(yield* rest(pull))], range(0, 10))
        }
      })
    )

    for (const wake of ["now", "soon"] as const) {
      it.effect(
        `loses nothing when it is interrupted at random, beside receivers of the same sockets (woken ${wake})`,
        () =>
          Effect.gen(function* () {
            const dice = makeDice(5)
            const sources = [yield* openPull({ wake }), yield* openPull({ wake })]
            const [a, b] = sources as [(typeof sources)[0], (typeof sources)[0]]
            const seen: Record<string, Array<number>> = { a: [], b: [] }
            const sent = { a: 0, b: 0 }
            const note = ({ _tag, value }: Item) => Effect.sync(() => void seen[_tag]?.push(numberOf(value)))
            const polling = Stream.runForEach(poll(a.pull, b.pull), note)
            const receiving = Effect.flatMap(Pull.receive(a.pull), (value) => note({ _tag: "a", value }))
            const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
            for (const _ of range(0, 6000)) {
              switch (dice(6)) {
                case 0:
                  fibers.push(yield* start(dice(3) === 0 ? receiving : polling))
                  break
                case 1: {
                  const [fiber] = fibers.splice(dice(fibers.length + 1), 1)
                  if (fiber !== undefined) yield* Fiber.interrupt(fiber)
                  break
                }
                case 2:
                  for (const _ of range(0, dice(4))) a.handle.deliver(String(sent.a++))
                  break
                case 3:
                  for (const _ of range(0, dice(4))) b.handle.deliver(String(sent.b++))
                  break
                default:
                  yield* Effect.yieldNow
              }
            }
            yield* Fiber.interruptAll(fibers)
            seen.a?.push(...(yield* rest(a.pull)))
            seen.b?.push(...(yield* rest(b.pull)))
            assert.deepStrictEqual(seen, { a: range(0, sent.a), b: range(0, sent.b) })
            assert.isAbove(sent.a, 1000)
            assert.isFalse(a.handle.isWaitedFor || b.handle.isWaitedFor)
          })
      )
    }

    it.effect("stands in line like any receiver: who asked before is served before", () =>
      Effect.gen(function* () {
        const [a, b] = [yield* openPull(), yield* openPull()]
        const seen: Array<string> = []
        const receive = (who: string) =>
          start(Effect.map(Pull.receive(a.pull), (message) => void seen.push(`${who} ${numberOf(message)}`)))
        yield* receive("first")
        yield* settle
        yield* start(collect(Stream.take(poll(a.pull, b.pull), 1), seen))
        yield* settle
        yield* receive("last")
        yield* settle
        a.handle.deliver("1", "2", "3")
        yield* settle
        assert.deepStrictEqual(seen, ["first 1", "a 2", "last 3"])
      })
    )

    it.effect("holds up nobody while its consumer is busy", () =>
      Effect.gen(function* () {
        const [a, b] = [yield* openPull(), yield* openPull()]
        yield* start(Stream.runForEach(poll(a.pull, b.pull), () => Effect.never))
        yield* settle
        b.handle.deliver("1")
        yield* settle
        // The consumer is busy for ever; what comes to `a` is for others.
        const receiver = yield* start(Pull.receive(a.pull))
        yield* settle
        a.handle.deliver("2")
        assert.strictEqual(numberOf(yield* Fiber.join(receiver)), 2)
      })
    )

    it.effect("goes on with the sockets that are left when one closes, and ends with the last", () =>
      Effect.gen(function* () {
        const [a, b] = [yield* openPull(), yield* openPull()]
        const seen: Array<string> = []
        const fiber = yield* start(collect(poll(a.pull, b.pull), seen))
        yield* settle
        yield* Socket.drain(a.pull, 0)
        b.handle.deliver("1")
        yield* settle
        b.handle.deliver("2")
        yield* settle
        assert.deepStrictEqual(seen, ["b 1", "b 2"])
        assert.isUndefined(fiber.pollUnsafe())
        yield* Socket.drain(b.pull, 0)
        yield* Fiber.join(fiber)
      })
    )

    it.effect("ends when the sockets close while its consumer is busy", () =>
      Effect.gen(function* () {
        const [a, b] = [yield* openPull(), yield* openPull()]
        const fiber = yield* start(Stream.runForEach(poll(a.pull, b.pull), () => settle))
        yield* settle
        a.handle.deliver("1")
        yield* Effect.yieldNow
        yield* Socket.drain(a.pull, 0)
        yield* Socket.drain(b.pull, 0)
        yield* Fiber.join(fiber)
      })
    )

    it.effect("of one socket given twice gives each message once", () =>
      Effect.gen(function* () {
        const { handle, pull } = yield* openPull()
        const seen: Array<string> = []
        const fiber = yield* start(collect(poll(pull, pull), seen))
        for (const n of range(0, 50)) {
          handle.deliver(String(n))
          if (n % 3 === 0) yield* settle
        }
        yield* settle
        yield* Socket.drain(pull, 0)
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(sorted(seen.map((one) => Number(one.slice(2)))), range(0, 50))
      })
    )

    it.effect("leaves no fiber when it ends, however it ends", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const [a, b] = [yield* Scope.provide(openPull(), scope), yield* Scope.provide(openPull(), scope)]
        a.handle.deliver("1", "2")
        yield* Stream.runDrain(Stream.take(poll(a.pull, b.pull), 1))
        yield* Effect.flip(Stream.runForEach(poll(a.pull, b.pull), () => Effect.fail("no")))
        const waiting = yield* start(Stream.runDrain(poll(a.pull, b.pull)))
        yield* settle
        assert.isTrue(a.handle.isWaitedFor && b.handle.isWaitedFor)
        yield* Fiber.interrupt(waiting)
        assert.isFalse(a.handle.isWaitedFor || b.handle.isWaitedFor)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(yield* Stream.runCollect(poll(a.pull, b.pull)), [])
      })
    )
  })
}

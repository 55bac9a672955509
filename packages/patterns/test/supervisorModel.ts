/** Supervisors beside a naive model of OTP's: the same random lives of children, the same history, to the millisecond. */
import * as Simulation from "@effect-zmq/core/Simulation"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import * as Supervisor from "../src/Supervisor.ts"

/** A life of a child: how long, how it ends, and how long it takes to stop when it is interrupted. */
interface Life {
  readonly millis: number
  readonly end: "success" | "failure" | "defect" | "interruption"
  readonly stop: number
}

interface Script {
  readonly children: ReadonlyArray<{
    readonly name: string
    readonly restart: Supervisor.Restart
    readonly deadline: number
    /** One after the other, from the first on again. */
    readonly lives: ReadonlyArray<Life>
  }>
  readonly strategy: Supervisor.Strategy
  readonly restarts: number
  readonly within: number
  readonly backoff: "none" | "spaced" | "exponential"
  /** When all is stopped. */
  readonly until: number
}

const random = (seed: number) => {
  // mulberry32
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const below = (n: number) => Math.floor(next() * n)
  return {
    between: (from: number, to: number) => from + below(to - from + 1),
    // There is one of each.
    one: <A>(values: readonly [A, ...ReadonlyArray<A>]) => values[below(values.length)] as A,
    list: <A>(count: number, make: (i: number) => A) => Array.from({ length: count }, (_, i) => make(i))
  }
}

const scriptOf = (seed: number): Script => {
  const { between, list, one } = random(seed)
  return {
    children: list(between(1, 5), (i) => ({
      name: "abcde".charAt(i),
      restart: one(["permanent", "permanent", "transient", "temporary"]),
      deadline: one([2_003, 5_003, 30_011]),
      lives: list(between(1, 4), () => ({
        millis: between(1, one([3_000, 30_000, 300_000])),
        end: one(["success", "failure", "failure", "defect", "interruption"]),
        stop: one([0, between(1, 100), between(1, 10_000)])
      }))
    })),
    strategy: one(["one-for-one", "one-for-all", "rest-for-one"]),
    restarts: one([0, 1, 3, 10, 1_000]),
    within: between(1_000, 60_000),
    backoff: one(["none", "spaced", "exponential"]),
    until: between(1, 600_000)
  }
}

/** What happens, in words, and when. */
export type History = ReadonlyArray<string>

// -----------------------------------------------------------------------------
// The model
// -----------------------------------------------------------------------------

/** Two things happen at once: which is the first is not said. */
class Tie {}

const delayOf = (script: Script, failures: number): number =>
  script.backoff === "none" ? 0 : script.backoff === "spaced" ? 700 : 100 * 2 ** failures

/** One supervisor, one clock, one thing after the other. */
const model = (script: Script, preemption: number): History => {
  const history: Array<string> = []
  let now = 0
  let restarts: Array<number> = []
  const children = script.children.map((child) => ({
    ...child,
    life: -1,
    is: "new" as "new" | "up" | "down" | "waiting",
    startedAt: 0,
    /** When it ends by itself, or is to be started again. */
    at: 0,
    endedAt: 0,
    gone: false,
    starts: 0,
    failures: 0,
    /** The child whose end it waits with. */
    group: -1
  }))
  type One = (typeof children)[number]
  // A list of lives has one.
  const lifeOf = (one: One): Life => one.lives[one.life % one.lives.length] as Life
  const say = (what: string) => history.push(`${now} ${what}`)
  const start = (one: One) => {
    one.life++
    Object.assign(one, { is: "up", startedAt: now, at: now + lifeOf(one).millis })
    if (one.restart === "temporary") one.gone = true
    say(one.starts === 0 ? `Started ${one.name}` : `Restarted ${one.name} ${one.starts} ${now - one.endedAt}`)
    one.starts++
  }
  const ended = (one: One) => {
    one.is = "down"
    one.endedAt = one.at
    say(`${lifeOf(one).end === "success" ? "Completed" : "Failed"} ${one.name}`)
  }
  const stop = (one: One) => {
    if (one.is === "waiting") one.is = "down"
    if (one.is !== "up") return
    if (one.at === now) throw new Tie()
    if (one.at < now) return ended(one)
    // Whether it has come so far as to have something to stop.
    if (preemption > 0 && one.startedAt === now) throw new Tie()
    const { stop } = lifeOf(one)
    const isTooSlow = stop > one.deadline
    now += isTooSlow ? one.deadline : stop
    one.is = "down"
    one.endedAt = now
    say(`${isTooSlow ? "Unstopped" : "Stopped"} ${one.name}`)
  }
  const stopAll = () => {
    for (const one of children.toReversed()) stop(one)
    say("Closed")
    return history
  }

  for (const one of children) start(one)
  for (;;) {
    const next = children.filter(({ is }) => is === "up" || is === "waiting").toSorted((a, b) => a.at - b.at)
    const [first] = next
    if (first === undefined) return stopAll()
    if (next.some((one) => one !== first && one.at === first.at && (one.group !== first.group || one.is === "up"))) {
      throw new Tie()
    }
    if (first.at === script.until || now === script.until) throw new Tie()
    // Told to stop while it was at something: it stops from there on.
    if (now > script.until) throw new Tie()
    if (first.at > script.until) {
      now = script.until
      return stopAll()
    }
    now = Math.max(now, first.at)

    if (first.is === "waiting") {
      for (const one of children.filter(({ group, is }) => is === "waiting" && group === first.group)) start(one)
      continue
    }
    ended(first)
    const isFailure = lifeOf(first).end !== "success"
    if (first.restart === "temporary" || (first.restart === "transient" && !isFailure)) continue

    restarts = [...restarts.filter((at) => at >= now - script.within), now]
    if (restarts.length > script.restarts) {
      say(`Escalated ${first.name} ${restarts.length}`)
      return stopAll()
    }
    if (first.endedAt - first.startedAt >= script.within) first.failures = 0
    const delay = delayOf(script, first.failures++)
    const index = children.indexOf(first)
    const group =
      script.strategy === "one-for-one" ? [first] : script.strategy === "one-for-all" ? children : children.slice(index)
    for (const one of group.toReversed()) stop(one)
    const again = group.filter(({ gone }) => !gone)
    if (delay === 0) for (const one of again) start(one)
    else for (const one of again) Object.assign(one, { is: "waiting", at: now + delay, group: index })
  }
}

// -----------------------------------------------------------------------------
// The real one
// -----------------------------------------------------------------------------

const ends = {
  success: Effect.void,
  failure: Effect.fail("broken"),
  defect: Effect.die("broken"),
  interruption: Effect.interrupt
}

const schedules = {
  none: undefined,
  spaced: Schedule.spaced(700),
  exponential: Schedule.exponential(100)
}

const words = (event: Supervisor.Event): string => {
  switch (event._tag) {
    case "Closed":
      return "Closed"
    case "Restarted":
      return `Restarted ${event.child} ${event.attempt} ${Duration.toMillis(event.after)}`
    case "Escalated":
      return `Escalated ${event.child} ${event.error.restarts}`
    default:
      return `${event._tag} ${event.child}`
  }
}

const real = (script: Script, preemption: number) => {
  let running = 0
  let abandoned = 0
  const program = Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    const history: Array<string> = []
    const children = script.children.map(({ deadline, lives, name, restart }) => {
      let life = -1
      const effect = Effect.suspend(() => {
        life++
        // A list of lives has one.
        const { end, millis, stop } = lives[life % lives.length] as Life
        if (stop > deadline) abandoned += stop
        const sleep = Effect.onInterrupt(Effect.sleep(millis), () => Effect.sleep(stop))
        return Effect.acquireUseRelease(
          Effect.sync(() => running++),
          () => Effect.andThen(sleep, ends[end]),
          () => Effect.sync(() => running--)
        )
      })
      return Supervisor.child(name, effect, { restart, shutdown: deadline })
    })
    const scope = yield* Scope.make()
    const supervisor = yield* Scope.provide(
      Supervisor.make(children, {
        strategy: script.strategy,
        intensity: { restarts: script.restarts, within: script.within },
        backoff: schedules[script.backoff]
      }),
      scope
    )
    const listening = Stream.runForEach(supervisor.events, (event) =>
      Effect.map(Clock.currentTimeMillis, (now) => history.push(`${now - began} ${words(event)}`))
    )
    const stopping = Effect.andThen(Effect.sleep(script.until), Scope.close(scope, Exit.void))
    yield* Effect.raceFirst(listening, Effect.andThen(stopping, Effect.never))
    yield* Effect.sleep(abandoned) // Who has not stopped in time stops by itself.
    assert.strictEqual(running, 0)
    return history
  })
  const limits = { virtualTime: "1 day" } as const
  return Simulation.run({ seed: 1, program: Effect.provide(program, Logger.layer([])), preemption, limits })
}

/**
 * Runs the script of a seed both ways, and fails where the histories differ. `undefined` where the script leaves open what
 * happens first; otherwise what happened, in words.
 */
export const compare = (seed: number, preemption: number): History | undefined => {
  const script = scriptOf(seed)
  let expected: History
  try {
    expected = model(script, preemption)
  } catch (tie) {
    if (tie instanceof Tie) return undefined
    throw tie
  }
  const exit = real(script, preemption)
  const info = `seed ${seed}: ${JSON.stringify(script, undefined, 1)}`
  if (Exit.isFailure(exit)) assert.fail(`${info}\n${exit.cause}`)
  // What happens in one millisecond is in no order then: a child that is still starting is not waited for.
  const inOrder = (history: History) => (preemption > 0 ? history.toSorted() : history)
  assert.deepStrictEqual(inOrder(exit.value), inOrder(expected), info)
  return expected
}

/**
 * A pipeline: a source hands tasks to two workers, and collects their results. PUSH and PULL promise nothing for what is
 * under way when a connection is lost, so the source hands out again what has had no result for a while, and takes one
 * result for each task.
 *
 * It promises: one result for each task of each of two rounds, in the order of the tasks.
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import * as Message from "../../src/Message.ts"
import * as Pull from "../../src/Pull.ts"
import * as Push from "../../src/Push.ts"
import type { ZmqError } from "../../src/ZmqError.ts"
import type { Bug } from "./bugs.ts"

const tasksAt = "tcp://127.0.0.1:5557"
const resultsAt = "tcp://127.0.0.1:5558"
const rounds = ["red", "green"]
const tasks = [0, 1, 2, 3, 4, 5, 6, 7]
const patience = "100 millis"

const worker = Effect.gen(function* () {
  const inbox = yield* Pull.make({ connect: tasksAt })
  const outbox = yield* Push.make({ connect: resultsAt, linger: 0 })
  yield* Pull.runForEach(inbox, (message) => {
    const [round = "", task = ""] = Message.text(message).split(" ")
    return Effect.andThen(Effect.sleep("5 millis"), Push.send(outbox, `${round} ${task} done in ${round}`))
  })
})

const source = Effect.fnUntraced(function* (bug?: Bug) {
  const outbox = yield* Push.make({ bind: tasksAt, linger: 0 })
  const inbox = yield* Pull.make({ bind: resultsAt })
  const collected: Array<string> = []

  for (const round of rounds) {
    const order = [...tasks]
    const results = new Map(tasks.map((task) => [task, [] as Array<string>]))
    const done = new Map(tasks.map((task) => [task, Deferred.makeUnsafe<void>()]))
    const window = yield* Semaphore.make(3)

    const collector = yield* Effect.forkChild(
      Pull.runForEach(inbox, (message) => {
        const [of = "", id = "", ...rest] = Message.text(message).split(" ")
        const task = Number(id)
        if (of !== round && bug !== "stale reply") return Effect.void
        const known = results.get(task) ?? []
        if (known.length === 0 || bug === "doubled on requeue") known.push(rest.join(" "))
        return Effect.fromNullishOr(done.get(task)).pipe(Effect.flatMap((done) => Deferred.succeed(done, undefined)))
      })
    )

    const handOut = (task: number) =>
      Effect.andThen(
        Push.send(outbox, `${round} ${task}`),
        Effect.flatMap(Effect.fromNullishOr(done.get(task)), Deferred.await)
      )
    const inWindow = (task: number) =>
      bug === "leak on interruption"
        ? window.take(1).pipe(
            Effect.andThen(handOut(task)),
            Effect.tap(() => window.release(1))
          )
        : window.withPermit(handOut(task))
    const finish = (task: number): Effect.Effect<void, Cause.NoSuchElementError | ZmqError> =>
      bug === "lost on reconnect"
        ? inWindow(task)
        : Effect.flatMap(Effect.timeoutOption(inWindow(task), patience), (result) => {
            if (Option.isSome(result)) return Effect.void
            if (bug === "order swapped") order.push(...order.splice(order.indexOf(task), 1))
            return finish(task)
          })
    yield* Effect.forEach(tasks, finish, { concurrency: 3, discard: true })
    yield* Fiber.interrupt(collector)
    collected.push(...order.flatMap((task) => (results.get(task) ?? []).map((result) => `${task} ${result}`)))
  }
  return collected
})

export const pipeline = (bug?: Bug) =>
  Effect.gen(function* () {
    yield* Effect.forkScoped(worker)
    yield* Effect.forkScoped(worker)
    return yield* source(bug)
  })

export const expected: ReadonlyArray<string> = rounds.flatMap((round) =>
  tasks.map((task) => `${task} done in ${round}`)
)

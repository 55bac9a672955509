/**
 * A subscriber that misses nothing: it hears updates from a PUB, and asks a REP for those that it has missed (the Guide's
 * Clone pattern).
 *
 * It promises: whatever happens on the way, it hears again; it has every update, once and in order; what it shows as the
 * newest never goes back.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Message from "../../src/Message.ts"
import * as Pub from "../../src/Pub.ts"
import * as Rep from "../../src/Rep.ts"
import * as Req from "../../src/Req.ts"
import * as Sub from "../../src/Sub.ts"
import type { Bug } from "./bugs.ts"

const updatesAt = "tcp://127.0.0.1:5560"
const missedAt = "tcp://127.0.0.1:5561"
const last = 30
const patience = "150 millis"

/** Publishes 1, 2, 3, …, one each 10 milliseconds, and tells what there was since any of them. */
const publisher = Effect.gen(function* () {
  const pub = yield* Pub.make({ bind: updatesAt, linger: 0 })
  const rep = yield* Rep.make({ bind: missedAt, linger: 0 })
  let published = 0
  yield* Effect.forkScoped(
    Rep.serve(rep, (request) =>
      Effect.sync(() => {
        const from = Number(Message.text(request))
        return Array.from({ length: Math.max(0, published - from + 1) }, (_, i) => from + i).join(" ")
      })
    )
  )
  yield* Effect.sleep("100 millis")
  while (published < last) {
    published += 1
    yield* Pub.send(pub, `update ${published}`)
    yield* Effect.sleep("10 millis")
  }
  yield* Effect.never
})

interface Heard {
  readonly updates: Array<number>
  /** What was shown as the newest, one after the other. */
  readonly shown: Array<number>
}

const subscriber = Effect.fnUntraced(function* (bug?: Bug) {
  const sub = yield* Sub.make({ connect: updatesAt, subscribe: "update " })
  const req = yield* Req.make({ connect: missedAt, linger: 0 })
  const heard: Heard = { updates: [], shown: [] }
  const { shown, updates } = heard
  let newest = 0
  let isAsking = false

  const show = (update: number) => {
    if (update === newest || (update < newest && bug !== "stale reply")) return
    newest = update
    shown.push(update)
  }
  const add = (update: number) => {
    if (bug !== "doubled on requeue" && updates.includes(update)) return
    updates.push(update)
    if (bug !== "order swapped") updates.sort((a, b) => a - b)
  }
  const firstMissing = () => {
    const known = new Set(updates)
    let next = 1
    while (known.has(next)) next += 1
    return next
  }

  const catchUp = Effect.gen(function* () {
    if (isAsking) return
    isAsking = true
    const from = bug === "lost on reconnect" ? newest + 1 : firstMissing()
    const reply = Message.text(yield* Req.request(req, String(from)))
    const missed = reply === "" ? [] : reply.split(" ").map(Number)
    for (const update of missed) add(update)
    const [latest] = missed.slice(-1)
    if (latest !== undefined) show(latest)
    isAsking = false
  })
  const tidily =
    bug === "leak on interruption"
      ? catchUp
      : Effect.onInterrupt(catchUp, () => Effect.sync(() => void (isAsking = false)))

  yield* Effect.gen(function* () {
    if (firstMissing() <= newest) yield* Effect.timeoutOption(tidily, patience)
  }).pipe(Effect.repeat(Schedule.spaced("20 millis")), Effect.forkScoped)

  while (firstMissing() <= last) {
    const message = yield* Effect.timeoutOption(Sub.receive(sub), patience)
    if (Option.isSome(message)) {
      const update = Number(Message.text(message.value).split(" ")[1])
      add(update)
      show(update)
    } else {
      // Silence: what it has missed may be the last.
      yield* Effect.timeoutOption(tidily, patience)
    }
  }
  return heard
})

export const subscribing = (bug?: Bug) =>
  Effect.gen(function* () {
    yield* Effect.forkScoped(publisher)
    return yield* subscriber(bug)
  })

/** Whether it kept what it promises. */
export const kept = ({ shown, updates }: Heard): boolean =>
  updates.join() === Array.from({ length: last }, (_, i) => i + 1).join() &&
  shown.every((update, i) => i === 0 || update > (shown[i - 1] as number))

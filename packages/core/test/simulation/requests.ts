/**
 * A client that asks a server to add to an account, over a DEALER with several requests under way, and asks again what has
 * had no reply for a while. The server applies each request once, in the order of their numbers.
 *
 * It promises: every request ends, with its own reply; each was applied once, in order; nothing is left behind.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Dealer from "../../src/Dealer.ts"
import * as Message from "../../src/Message.ts"
import * as Rep from "../../src/Rep.ts"
import type { ZmqError } from "../../src/ZmqError.ts"
import type { Bug } from "./bugs.ts"

const address = "tcp://127.0.0.1:5555"
const requests = [1, 2, 3, 4, 5, 6, 7, 8]
const patience = "100 millis"

const server = Effect.fnUntraced(function* (applied: Array<number>, bug?: Bug) {
  const rep = yield* Rep.make({ bind: address, linger: 0 })
  yield* Rep.serve(rep, (request) =>
    Effect.sync(() => {
      const [id = 0, attempt] = Message.text(request).split(" ").map(Number)
      const isNew = bug === "doubled on requeue" || !applied.includes(id)
      if (isNew && bug !== "order swapped" && id > applied.length + 1) return `${id} ${attempt} later`
      if (isNew) applied.push(id)
      return `${id} ${attempt} has ${id * 10}`
    })
  )
})

const client = Effect.fnUntraced(function* (bug?: Bug) {
  const dealer = yield* Dealer.make({ connect: address, linger: 0 })
  /** By request and attempt. */
  const pending = new Map<string, Deferred.Deferred<string>>()

  yield* Effect.forkScoped(
    Dealer.runForEach(dealer, (message) => {
      const [id = "", attempt = "", ...rest] = Message.text(message).split(" ")
      const [oldest = ""] = pending.keys()
      const asker = pending.get(bug === "stale reply" ? oldest : `${id} ${attempt}`)
      const reply = rest.join(" ")
      return asker === undefined || reply === "later" ? Effect.void : Deferred.succeed(asker, `${id} ${reply}`)
    })
  )

  const ask = Effect.fnUntraced(function* (text: string) {
    const reply = yield* Deferred.make<string>()
    pending.set(text, reply)
    yield* Dealer.send(dealer, ["", text])
    return yield* Deferred.await(reply)
  })
  const cleanly = (text: string) => {
    const forget = Effect.sync(() => pending.delete(text))
    return bug === "leak on interruption" ? Effect.tap(ask(text), forget) : Effect.ensuring(ask(text), forget)
  }
  const request = (id: number, attempt: number): Effect.Effect<string, ZmqError> => {
    const asked = cleanly(`${id} ${attempt}`)
    if (bug === "lost on reconnect") return asked
    return Effect.flatMap(Effect.timeoutOption(asked, patience), (reply) => {
      if (Option.isSome(reply)) return Effect.succeed(reply.value)
      // The last attempt gives up, and says so.
      return attempt === 200 ? Effect.succeed(`${id} unanswered`) : request(id, attempt + 1)
    })
  }
  const replies = yield* Effect.forEach(requests, (id) => request(id, 1), { concurrency: 3 })
  return { replies, pending: pending.size }
})

export const requesting = (bug?: Bug) =>
  Effect.gen(function* () {
    const applied: Array<number> = []
    yield* Effect.forkScoped(server(applied, bug))
    const { pending, replies } = yield* client(bug)
    return { replies, pending, applied }
  })

export const expected = { replies: requests.map((id) => `${id} has ${id * 10}`), pending: 0, applied: requests }

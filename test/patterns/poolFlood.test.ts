/** Clients of a pool that ask and do not read: they cost it a limited memory, and nobody else anything. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as WorkerPool from "@effect-zmq/patterns/WorkerPool"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { assert } from "vitest"
import { Flag, Kind, Packer, read } from "../../packages/patterns/src/internal/records.ts"
import { endpointOf, type Place, suite } from "./targets.ts"

class Echo extends RpcGroup.make(Rpc.make("Echo")) {}

const maxInFlight = 500

/** A pool whose sockets take little, and a worker that answers at length. */
const start = (place: Place, answer: number) =>
  Effect.gen(function* () {
    const pool = yield* WorkerPool.make(Echo, {
      frontend: place(),
      backend: place(),
      maxInFlight,
      drain: 10,
      frontendOptions: { highWaterMark: { send: 1, receive: 100 } }
    })
    const connect = yield* endpointOf(pool.backend)
    const body = new Uint8Array(answer)
    yield* Layer.build(
      WorkerPool.layerWorkerBytes({ connect, credit: 256, handler: () => Effect.succeed(body), drain: 10 })
    )
    yield* pool.awaitStatus(({ workers }) => workers.length === 1)
    const clientOf = Effect.map(endpointOf(pool.frontend), (connect) => ({
      connect,
      highWaterMark: { send: 100, receive: 1 },
      linger: 0
    })).pipe(Effect.flatMap(Dealer.make))
    return { pool, clientOf }
  })

const messages = function* (from: number, to: number, body: Uint8Array) {
  const packer = new Packer()
  for (let id = from; id <= to; id++) {
    packer.add({ kind: Kind.Request, flags: Flag.Encoded, id, epoch: 1, instance: 9, sequence: id }, "Echo", body)
    const message = id === to || packer.size >= 60_000 ? packer.take() : undefined
    if (message !== undefined) yield message
  }
}

/** What it is told: of so many calls how they ended. */
const answersTo = (dealer: Dealer.Dealer, count: number) =>
  Effect.gen(function* () {
    const told: Array<number> = []
    while (told.length < count) {
      for (const { id, kind } of read(yield* Dealer.receive(dealer)).records) if (kind === Kind.Exit) told.push(id)
    }
    return told
  })

const ask = (dealer: Dealer.Dealer, id: number) =>
  Effect.andThen(Dealer.sendAll(dealer, messages(id, id, new Uint8Array(10))), answersTo(dealer, 1))

suite(
  "a worker pool whose client does not read",
  {
    "keeps no more than so many answers of it, serves all others, and gives it each answer once when it reads": (
      place
    ) =>
      Effect.gen(function* () {
        const { clientOf, pool } = yield* start(place, 1_000)
        const [lazy, other] = [yield* clientOf, yield* clientOf]
        const count = 100_000
        yield* Dealer.sendAll(lazy, messages(1, count, new Uint8Array(10)))
        for (let id = 1; id <= 20; id++) assert.deepStrictEqual(yield* ask(other, id), [id])
        // Until nothing happens to it any more: all that it may have under way is answered, and the rest is held.
        let before = 0
        const { answered, clients, held, submitted } = yield* pool.awaitStatus((status) => {
          const isStill = status.submitted === before && status.submitted - status.answered === 0
          before = status.submitted
          return isStill && status.held + status.submitted === count + 20
        })
        assert.strictEqual(clients, 2)
        assert.strictEqual(submitted, answered)
        assert.isAbove(held, 1_000)
        for (let id = 21; id <= 40; id++) assert.deepStrictEqual(yield* ask(other, id), [id])
        assert.strictEqual((yield* pool.status).held, held)
        const told = yield* answersTo(lazy, count)
        assert.strictEqual(new Set(told).size, count)
        const after = yield* pool.awaitStatus(({ answered }) => answered === count + 40)
        assert.deepInclude(after, { held: 0, queued: 0, running: 0, cancelled: 0, refused: 0 })
      }),

    "gives up one that asks on and on, serves all others, and takes it back when it begins anew": (place) =>
      Effect.gen(function* () {
        const { clientOf, pool } = yield* start(place, 4_000)
        const [hostile, other] = [yield* clientOf, yield* clientOf]
        const body = new Uint8Array(4_000)
        let id = 0
        let asked = 0
        let most = 0
        while ((yield* pool.status).cancelled === 0) {
          assert.isBelow(id, 25_000)
          yield* Dealer.sendAll(hostile, messages(id + 1, (id += 100), body))
          most = Math.max(most, (yield* pool.status).held)
          asked++
          assert.deepStrictEqual(yield* ask(other, asked), [asked])
        }
        // 16 MiB, and what comes in at once.
        assert.isBelow(most, 6_000)
        // Nothing of it is kept, nor taken any more.
        const { held, submitted } = yield* pool.status
        assert.strictEqual(held, 0)
        yield* Dealer.sendAll(hostile, messages(id + 1, (id += 1_000), body))
        asked++
        assert.deepStrictEqual(yield* ask(other, asked), [asked])
        assert.deepInclude(yield* pool.status, { held: 0, submitted: submitted + 1 })
        let last: number = Kind.Exit
        while (last === Kind.Exit) for (const { kind } of read(yield* Dealer.receive(hostile)).records) last = kind
        assert.strictEqual(last, Kind.Stale)
        const packer = new Packer()
        packer.add({ kind: Kind.Request, flags: Flag.Encoded, id: 1, epoch: 2, instance: 9, sequence: 1 }, "Echo")
        yield* Dealer.send(hostile, packer.take() ?? assert.fail())
        assert.deepStrictEqual(yield* answersTo(hostile, 1), [1])
      })
  },
  ["memory", "zmq, tcp", "zmtp, tcp"]
)

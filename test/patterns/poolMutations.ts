/** What a pool and its workers are sent that they cannot want: nearly right messages and random bytes, through sockets. */
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Router from "@effect-zmq/core/Router"
import * as WorkerPool from "@effect-zmq/patterns/WorkerPool"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { Kind, Packer, packHello, read } from "../../packages/patterns/src/internal/records.ts"
import { below, chance, mutate, randomBytes } from "../../packages/patterns/test/mutations.ts"
import { endpointOf, type Place } from "./targets.ts"

class Echo extends RpcGroup.make(Rpc.make("Echo")) {}

const pack = (write: (packer: Packer) => void): Uint8Array => {
  const packer = new Packer()
  write(packer)
  return packer.take() ?? new Uint8Array(0)
}

const hello = (role: "client" | "worker") =>
  pack((packer) => packHello(packer, { epoch: 1, instance: 7, sequence: 1 }, { role, codec: "x", credit: 3 }, "rogue"))

/** One of each kind, and several in one. */
const right: ReadonlyArray<Uint8Array> = [
  hello("client"),
  hello("worker"),
  ...Object.values(Kind).map((kind) =>
    pack((packer) => packer.add({ kind, id: 1, epoch: 1, instance: 7, sequence: 1 }, "Echo", "body"))
  ),
  pack((packer) => {
    for (let id = 1; id < 6; id++) packer.add({ kind: Kind.Request, id, epoch: 1, instance: 7, sequence: id }, "Echo")
  })
]

const wrong = (random: () => number): Message.Input => {
  const message = (): Uint8Array =>
    random() < 0.2
      ? randomBytes(random, 1 + below(random, 80))
      : mutate(random, right[below(random, right.length)] ?? hello("client"), right)
  return random() < 0.05 ? [message(), message()] : message()
}

const batch = 50

/** Sends a dispatcher so many, half to each side: a good submitter is answered by a good worker all the while. */
export const mutateDispatcher = (place: Place, count: number) =>
  Effect.gen(function* () {
    const random = chance(count)
    const pool = yield* WorkerPool.make(Echo, {
      frontend: place(),
      backend: place(),
      heartbeat: 20,
      silence: 100,
      maxAttempts: 1_000,
      drain: 10
    })
    const [frontend, backend] = [yield* endpointOf(pool.frontend), yield* endpointOf(pool.backend)]
    yield* Layer.build(
      WorkerPool.layerWorkerBytes({ connect: backend, credit: 8, handler: ({ body }) => Effect.succeed(body) })
    )
    let answered = 0
    for (let sent = 0; sent < count; sent += batch) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          for (const connect of [frontend, backend]) {
            const dealer = yield* Dealer.make({ connect })
            for (let i = 0; i < batch / 2; i++) yield* Dealer.send(dealer, wrong(random))
          }
        })
      )
      const number = new Uint8Array([sent >> 8, sent & 0xff])
      const answer = yield* pool.submit("Echo", number)
      if (answer.length === 2 && answer[0] === number[0] && answer[1] === number[1]) answered++
    }
    const { malformed } = yield* pool.status
    return { unanswered: count / batch - answered, malformed }
  })

/** Sends a worker so many, from a dispatcher that is none: it still answers a call that is one, or hands it back. */
export const mutateWorker = (place: Place, count: number) =>
  Effect.gen(function* () {
    const random = chance(count + 1)
    const router = yield* Router.make({ bind: place() })
    yield* Layer.build(
      WorkerPool.layerWorkerBytes({
        connect: yield* endpointOf(router),
        credit: 8,
        drain: 10,
        handler: ({ body }) => Effect.succeed(body)
      })
    )
    const { from } = yield* Router.receive(router)
    for (let i = 0; i < count; i++) yield* Router.send(router, { to: from, message: wrong(random) })
    // With another epoch than the last one it begins anew; the second time it is at it.
    const request = pack((packer) => {
      for (const id of [91, 92])
        packer.add({ kind: Kind.Request, id, epoch: 99, instance: 9, sequence: id }, "Echo", "ok")
    })
    yield* Router.send(router, { to: from, message: request })
    for (;;) {
      const { message } = yield* Router.receive(router)
      for (const record of read(message).records) {
        if (record.id !== 92) continue
        if (record.kind === Kind.Exit) return Message.text([record.body])
        // One of them told it to leave.
        if (record.kind === Kind.Refused) return "handed back"
      }
    }
  })

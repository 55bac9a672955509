/** How calls that are made together travel: few messages, and neither end waits for the other. */
import * as MemoryTransport from "@effect-zmq/core/MemoryTransport"
import type * as Message from "@effect-zmq/core/Message"
import * as Router from "@effect-zmq/core/Router"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import { assert, describe, it } from "vitest"
import { Kind, Packer, type Record, read } from "../src/internal/records.ts"
import { packBody } from "../src/internal/rpc/bodies.ts"
import * as ZmqRpcClient from "../src/ZmqRpcClient.ts"

const Group = RpcGroup.make(Rpc.make("Echo", { success: Schema.Int }))

const requests = ({ message }: { readonly message: Message.Message }): ReadonlyArray<Record> =>
  read(message).records.filter(({ kind }) => kind === Kind.Request)

/** What each message of a client has asked, while so many callers ask twice, and are answered in one message each time. */
const messages = (callers: number) =>
  Effect.gen(function* () {
    const router = yield* Router.make({ bind: "tcp://127.0.0.1:6001" })
    const protocol = Layer.provide(
      ZmqRpcClient.layerProtocol({ connect: "tcp://127.0.0.1:6001" }),
      RpcSerialization.layerJson
    )
    const client = yield* Effect.provideContext(RpcClient.make(Group), yield* Layer.build(protocol))
    const asking = yield* Effect.forEach(
      Array.from({ length: callers }),
      () => Effect.andThen(client.Echo(), client.Echo()),
      { concurrency: "unbounded" }
    ).pipe(Effect.forkChild)
    const sizes: Array<Array<number>> = []
    for (let round = 0; round < 2; round++) {
      const asked: Array<Record> = []
      const counts: Array<number> = []
      const answers = new Packer()
      let from: Router.Received["from"] | undefined
      while (asked.length < callers) {
        const received = yield* Router.receive(router)
        const some = requests(received)
        if (some.length > 0) counts.push(some.length)
        asked.push(...some)
        from = received.from
      }
      for (const { epoch, id } of asked)
        packBody(answers, { kind: Kind.Exit, id, epoch }, { _tag: "Success", value: 1 })
      const message = answers.take()
      if (from !== undefined && message !== undefined) yield* Router.send(router, { to: from, message })
      sizes.push(counts)
    }
    yield* Fiber.join(asking)
    return sizes
  }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer), Effect.runPromise)

describe("calls that are made together", () => {
  it("travel as one message when they are made in one turn, and half by half when they are made as others are answered", async () => {
    assert.deepStrictEqual(await messages(64), [[64], [32, 32]])
  })

  it("travel as one message where that is few", async () => {
    assert.deepStrictEqual(await messages(10), [[10], [10]])
  })
})

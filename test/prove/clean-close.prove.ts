/** What arrives of senders that close, with their default linger, while their receiver is behind: on both transports. */
import { type Endpoint, Pull, Push, Socket } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { ZmtpTransport } from "@effect-zmq/transport-zmtp"
import { Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import { prove } from "./table.ts"

const test = prove("Clean closes under back-pressure")

const closes = 10

const sides = [
  ["zmtp", "tcp", ZmtpTransport.layer, "tcp://127.0.0.1:*"],
  ["zmq", "tcp", ZmqTransport.layer, "tcp://127.0.0.1:*"],
  ["zmtp", "ipc", ZmtpTransport.layer, "ipc://*"],
  ["zmq", "ipc", ZmqTransport.layer, "ipc://*"]
] as const

/** Sends so many messages, each with its number, and closes; tells how it closed. */
const sending = Effect.fnUntraced(function* (connect: Endpoint.Text, count: number, size: number) {
  const scope = yield* Scope.make()
  const push = yield* Scope.provide(Push.make({ connect }), scope)
  for (let n = 0; n < count; n++) {
    const body = new Uint8Array(size)
    new DataView(body.buffer).setUint32(0, n)
    yield* Push.send(push, body)
  }
  yield* Scope.close(scope, Exit.void)
  const closed = yield* Socket.events(push).pipe(
    Stream.filter((event) => event._tag === "Closed"),
    Stream.runHead
  )
  return Option.getOrThrow(closed)
})

/** One sender that closes; its receiver is slow all the time, and has a short queue. */
const close = Effect.fnUntraced(function* (bind: Endpoint.Text, count: number, size: number) {
  const pull = yield* Pull.make({ bind, highWaterMark: { receive: 10 }, linger: 0 })
  const connect = (yield* Socket.endpoint(pull)) as Endpoint.Text // resolved
  const sender = yield* Effect.forkChild(sending(connect, count, size))
  let [received, expected, disordered] = [0, 0, 0]
  while (received < count) {
    const message = yield* Effect.timeoutOption(Pull.receive(pull), "2 seconds")
    if (Option.isNone(message)) {
      // It is not to come any more, once the sender has closed.
      if (sender.pollUnsafe() !== undefined) break
      continue
    }
    const [{ buffer, byteOffset }] = message.value
    const n = new DataView(buffer, byteOffset).getUint32(0)
    if (n < expected) disordered++
    expected = n + 1
    received++
    if (received % 50 === 0) yield* Effect.sleep("2 millis")
  }
  // On a busy machine the receiver may take longer than linger. Then the sender has told of the rest, and it is no loss.
  const { dropped: told = 0 } = yield* Fiber.join(sender)
  const missing = count - received
  return { lost: Math.max(0, missing - told), told: Math.min(told, missing), disordered }
})

for (const [size, count] of [
  [16, 10_000],
  [1000, 10_000],
  [20_000, 2000]
] as const) {
  for (const [side, scheme, layer, bind] of sides) {
    test(
      `${side}, ${scheme}, ${size} bytes: senders that close while their receiver is behind`,
      Effect.gen(function* () {
        let [lost, losing, told, disordered] = [0, 0, 0, 0]
        for (let n = 0; n < closes; n++) {
          const one = yield* Effect.scoped(close(bind, count, size))
          lost += one.lost
          told += one.told
          disordered += one.disordered
          if (one.lost > 0) losing++
        }
        const share = ((100 * lost) / (closes * count)).toFixed(2)
        const late = told === 0 ? "" : `; ${told} told of at the end of linger`
        return {
          what: `messages of ${size} bytes, ${closes} closes, ${side}, ${scheme}: ${lost} lost (${share} %), by ${losing} closes${late}`,
          count: closes * count,
          // What libzmq loses is shown, and is not ours to promise.
          zero: side === "zmtp" ? { lost, "out of order": disordered } : {}
        }
      }).pipe(Effect.provide(layer, { local: true }))
    )
  }
}

/** High-water marks in bytes: how much is between two sockets, whatever the network does. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Message from "../../src/Message.ts"
import * as Network from "../../src/Network.ts"
import type { Handle } from "../../src/Transport.ts"
import { connection, repeat } from "./pipes.ts"
import { type Options, open, virtually } from "./sockets.ts"

const endpoint = "tcp://127.0.0.1:5555"

/** A number in four bytes, and some more; some of them in frames of one byte. */
const messageOf = (number: number, size: number): Message.Message => {
  const head = new Uint8Array(4)
  new DataView(head.buffer).setUint32(0, number)
  const more = size % 3 === 0 ? Array.from({ length: size % 5 }, () => new Uint8Array(1)) : [new Uint8Array(size)]
  return [head, ...more]
}

const numberOf = ([head]: Message.Message): number => new DataView(head.buffer, head.byteOffset).getUint32(0)

const weightOf = (messages: ReadonlyArray<Message.Message>): number =>
  messages.reduce((sum, message) => sum + Message.weight(message), 0)

/** All but the newest of them are less than the mark. */
const isWithin = (messages: ReadonlyArray<Message.Message>, mark: number): void =>
  assert.isTrue(messages.length === 0 || weightOf(messages.slice(0, -1)) < mark)

const gauges = (handle: Handle) => {
  const { queued } = handle.gaugesUnsafe?.() ?? {}
  return { sent: queued?.send ?? Number.NaN, received: queued?.receive ?? Number.NaN }
}

describe("Message.weight", () => {
  it("is the size of a message, and 128 for each frame after the first", () => {
    assert.strictEqual(Message.weight([new Uint8Array(7)]), 7)
    assert.strictEqual(Message.weight([new Uint8Array(0)]), 0)
    assert.strictEqual(Message.weight([new Uint8Array(7), new Uint8Array(0), new Uint8Array(5)]), 7 + 5 + 2 * 128)
  })
})

describe("a pipe with a mark in bytes", () => {
  it("has room while it has fewer, and tells who was refused when half of it is free", () => {
    repeat(300, (random) => {
      const mark = 1 + random.below(2000)
      let told = 0
      const { far, near } = connection("p", { inBytes: mark, near: { writeActivated: () => told++ } })
      const naive: Array<Message.Message> = []
      let isRefused = false
      for (let step = 0; step < 300; step++) {
        if (random.chance(0.55)) {
          const message = messageOf(step, random.below(random.chance(0.1) ? 3 * mark : mark / 4 + 1))
          const hasRoom = weightOf(naive) < mark
          assert.strictEqual(near.write(message), hasRoom)
          if (hasRoom) naive.push(message)
          else isRefused = true
        } else {
          const count = 1 + random.below(5)
          const taken = random.chance(0.5) ? far.take(count) : Array.from({ length: count }, () => far.takeOne())
          const expected = naive.splice(0, count)
          assert.deepStrictEqual(
            taken.filter((one) => one !== undefined),
            expected
          )
          const isTold = isRefused && weightOf(naive) <= mark / 2
          assert.strictEqual(told, isTold ? 1 : 0)
          if (isTold) isRefused = false
          told = 0
        }
      }
    })
  })
})

describe("sockets with marks in bytes", () => {
  for (const place of [endpoint, "inproc://a"] as const) {
    virtually(
      `${place.slice(0, place.indexOf(":"))}: neither queue ever has more than its mark and one message, and all arrives in order`,
      Effect.gen(function* () {
        const sendBytes = yield* Random.nextIntBetween(1, 2000)
        const receiveBytes = yield* Random.nextIntBetween(1, 2000)
        const marks = { sendBytes, receiveBytes, send: 20, receive: 20 }
        const pull = yield* open("PULL", { bind: place, highWaterMark: marks })
        const push = yield* open("PUSH", { connect: place, highWaterMark: marks })
        const delay = yield* Random.nextIntBetween(0, 3)
        if (delay > 0) {
          const between = ["*", "*"] as const
          yield* Network.inject(
            Network.Fault.Latency({
              between,
              oneWay: false,
              delay: Network.Delay.Fixed({ duration: Duration.millis(delay) })
            })
          )
        }
        const waiting: Array<Message.Message> = []
        let next = 0
        for (let step = 0; step < 400; step++) {
          const choice = yield* Random.nextIntBetween(0, 5)
          if (choice < 3) {
            const message = messageOf(next, yield* Random.nextIntBetween(0, (yield* Random.nextBoolean) ? 30 : 2500))
            if (push.sendUnsafe(message)) {
              isWithin(waiting.concat([message]), sendBytes + receiveBytes)
              waiting.push(message)
              next++
            } else assert.isNotEmpty(waiting)
          } else if (choice === 3) {
            for (const message of pull.receiveUnsafe(1 + (step % 4))) {
              assert.strictEqual(numberOf(message), numberOf(waiting.shift() as Message.Message))
            }
          } else yield* Effect.sleep(1)
          const { received, sent } = gauges(pull)
          assert.strictEqual(sent, 0)
          if (place === endpoint) {
            // What is on its way counts with what has arrived.
            isWithin(waiting.slice(0, waiting.length - gauges(push).sent), receiveBytes)
            isWithin(waiting.slice(waiting.length - gauges(push).sent), sendBytes)
          } else isWithin(waiting.slice(0, received), sendBytes + receiveBytes)
        }
        while (waiting.length > 0) {
          yield* Effect.sleep(5)
          for (const message of pull.receiveUnsafe(3)) {
            assert.strictEqual(numberOf(message), numberOf(waiting.shift() as Message.Message))
          }
        }
      }),
      60
    )
  }

  virtually(
    "whatever the network does, every message is received or counted as lost, and the room is what it was",
    Effect.gen(function* () {
      const marks = { sendBytes: 1000, receiveBytes: 1500 }
      const ends: [Options, Options] = [{ bind: endpoint }, { connect: endpoint, reconnect: { initial: 1 } }]
      const [puller, pusher] = (yield* Random.nextBoolean) ? ends : [ends[1], ends[0]]
      const pull = yield* open("PULL", { ...puller, highWaterMark: marks })
      const push = yield* open("PUSH", { ...pusher, highWaterMark: marks })
      const sent: Array<Message.Message> = []
      const received = new Set<number>()
      const send = (size: number): boolean => {
        const message = messageOf(sent.length, size)
        const isTaken = push.sendUnsafe(message)
        if (isTaken) sent.push(message)
        return isTaken
      }
      const read = (max: number) => {
        for (const message of pull.receiveUnsafe(max)) received.add(numberOf(message))
      }
      /** How much goes in, with nobody reading; and then it is read. */
      const room = Effect.gen(function* () {
        let count = 0
        while (send(100)) count++
        while (gauges(push).sent + gauges(pull).received > 0) read(1)
        return count
      })
      yield* Effect.sleep(1)
      const before = yield* room
      const between = ["*", "*"] as const
      for (let step = 0; step < 150; step++) {
        const size = yield* Random.nextIntBetween(0, 400)
        send(size)
        // What is the sender's still is the newest.
        isWithin(sent.slice(sent.length - gauges(push).sent), marks.sendBytes)
        const choice = yield* Random.nextIntBetween(0, 12)
        if (choice < 3) read(1 + choice)
        else if (choice === 3) yield* Network.inject(Network.Fault.Disconnect({ between }))
        else if (choice === 4) {
          const delay = Network.Delay.Fixed({ duration: Duration.millis(size % 4) })
          yield* Network.inject(Network.Fault.Latency({ between, oneWay: false, delay }))
        } else if (choice === 5) yield* Network.inject(Network.Fault.Partition({ between, oneWay: size % 2 === 0 }))
        else if (choice === 6) yield* Network.inject(Network.Fault.Heal({ between: undefined }))
        else if (choice < 10) yield* Effect.sleep(choice - 6)
      }
      yield* Network.inject(Network.Fault.Clear())
      while (gauges(push).sent + gauges(pull).received > 0) {
        yield* Effect.sleep(1)
        read(5)
      }
      yield* Effect.sleep(30_000)
      read(Number.POSITIVE_INFINITY)
      assert.strictEqual(yield* room, before)
      const lost = yield* Effect.map(Network.dropped, (dropped) => Object.values(dropped).reduce((a, b) => a + b, 0))
      assert.strictEqual(received.size + lost, sent.length)
    }),
    60
  )

  virtually(
    "a sender that closes has delivered all when the receiver has room for it by either mark",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: endpoint, highWaterMark: { receiveBytes: 1000 } })
      const scope = yield* Scope.make()
      const push = yield* Scope.provide(open("PUSH", { connect: endpoint, linger: "1 minute" }), scope)
      for (const size of [5000, 1, 1, 1, 1]) assert.isTrue(push.sendUnsafe([new Uint8Array(size)]))
      assert.deepStrictEqual([gauges(pull).received, gauges(push).sent], [1, 4])
      const closing = yield* Effect.forkChild(push.drain(Duration.minutes(1)))
      yield* Effect.sleep(10)
      assert.isUndefined(closing.pollUnsafe())
      pull.receiveOneUnsafe()
      yield* Effect.sleep(1)
      assert.isDefined(closing.pollUnsafe())
      assert.strictEqual(pull.receiveUnsafe(9).length, 4)
    }),
    1
  )
})

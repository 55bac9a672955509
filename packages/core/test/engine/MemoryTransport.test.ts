import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { TestClock } from "effect/testing"
import * as Endpoint from "../../src/Endpoint.ts"
import * as MemoryTransport from "../../src/MemoryTransport.ts"
import * as SocketType from "../../src/SocketType.ts"
import { Transport } from "../../src/Transport.ts"
import { message, texts } from "./pipes.ts"
import {
  accepts,
  at,
  elapsed,
  eventsOf,
  failure,
  frames,
  here,
  isDone,
  open,
  openAlone,
  receive,
  receiveMany,
  schemes,
  send,
  settle,
  start,
  tagsOf,
  virtually
} from "./sockets.ts"

const highWaterMark = (send: number, receive: number) => ({ highWaterMark: { send, receive } })

describe("the transport", () => {
  virtually(
    "says what it is and what it can do",
    Effect.gen(function* () {
      const transport = yield* Transport
      const path = new URL("../../package.json", import.meta.url)
      assert.strictEqual(transport.name, "memory")
      assert.strictEqual(transport.version, JSON.parse(readFileSync(path, "utf8")).version)
      assert.sameMembers(
        [...transport.capabilities],
        [...SocketType.all, "curve", "inproc", "ipc", "null", "plain", "tcp"]
      )
    })
  )

  virtually(
    "refuses endpoints of schemes that it lacks",
    Effect.gen(function* () {
      const pull = yield* open("PULL")
      assert.strictEqual(yield* failure(pull.bind(at("udp://127.0.0.1:5555"))), "Unsupported")
    })
  )

  it.effect("is a new network for each build of its layer", () =>
    Effect.gen(function* () {
      const bound = Effect.asVoid(open("PULL", { bind: "tcp://127.0.0.1:5555" })).pipe(
        Effect.andThen(Effect.never),
        Effect.scoped,
        Effect.provide(MemoryTransport.layer, { local: true })
      )
      const one = yield* start(bound)
      const two = yield* start(bound)
      assert.isFalse(isDone(one) || isDone(two))
      yield* Fiber.interruptAll([one, two])
    })
  )
})

for (const { endpoint, scheme, wildcard } of schemes) {
  describe(`over ${scheme}`, () => {
    virtually(
      "a message arrives, whole, whoever binds and whoever connects",
      Effect.gen(function* () {
        const pull = yield* open("PULL", { bind: endpoint })
        const push = yield* open("PUSH", { connect: endpoint })
        yield* send(push, "a|b|")
        assert.strictEqual(yield* receive(pull), "a|b|")
        const back = yield* open("PUSH", { bind: endpoint.replace("5555", "5556").replace("e", "f") as "tcp://a:1" })
        const pull2 = yield* open("PULL", {
          connect: endpoint.replace("5555", "5556").replace("e", "f") as "tcp://a:1"
        })
        yield* send(back, "c")
        assert.strictEqual(yield* receive(pull2), "c")
      })
    )

    it.effect(
      "a peer that is connected to before it is bound is reached when it appears, without waiting for time",
      () =>
        Effect.gen(function* () {
          const push = yield* open("PUSH", { connect: endpoint })
          yield* send(push, "early")
          const pull = yield* open("PULL", { bind: endpoint })
          assert.strictEqual(yield* receive(pull), "early")
        }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
    )

    virtually(
      "what is taken fails AddressInUse, naming it, and is free when the close returns",
      Effect.gen(function* () {
        for (let i = 0; i < 200; i++) {
          const one = yield* openAlone("PULL", { bind: endpoint })
          const peer = yield* openAlone("PUSH", { connect: endpoint })
          const other = yield* open("PULL")
          const reason = yield* Effect.flip(other.bind(at(endpoint)))
          assert.strictEqual(reason._tag, "AddressInUse")
          assert.include(reason.message, endpoint)
          assert.strictEqual(yield* tagsOf(other), "BindFailed")
          yield* one.close
          yield* peer.close
        }
      })
    )

    if (wildcard !== undefined) {
      virtually(
        "what is left open is resolved, differently each time",
        Effect.gen(function* () {
          const pull = yield* open("PULL")
          const bound = [yield* pull.bind(at(wildcard)), yield* pull.bind(at(wildcard))].map(Endpoint.format)
          assert.strictEqual(new Set(bound).size, 2)
          assert.deepStrictEqual((yield* pull.endpoints).map(Endpoint.format), bound)
          for (const one of bound) {
            assert.notInclude(one, "*")
            const push = yield* open("PUSH", { connect: one as "tcp://a:1" })
            yield* send(push, one)
            assert.strictEqual(yield* receive(pull), one)
          }
        })
      )
    }

    virtually(
      "between two sockets there is room for both marks together: 4+4 is 8, 1+1 is 2, 10+10 is 20; either unlimited is unlimited",
      Effect.gen(function* () {
        for (const [send, receive, room] of [
          [4, 4, 8],
          [1, 1, 2],
          [10, 10, 20],
          ["unlimited", 5, 10_000],
          [5, "unlimited", 10_000]
        ] as const) {
          const pull = yield* openAlone("PULL", { bind: endpoint, highWaterMark: { receive } })
          const push = yield* openAlone("PUSH", { connect: endpoint, highWaterMark: { send }, linger: 0 })
          assert.strictEqual(accepts(push.handle), room)
          yield* push.close
          yield* pull.close
        }
      })
    )

    virtually(
      "a full socket has room again after half of the mark was taken: 8 to 4, 2 to 1, 20 to 10",
      Effect.gen(function* () {
        for (const mark of [4, 1, 10]) {
          const pull = yield* openAlone("PULL", { bind: endpoint, ...highWaterMark(mark, mark) })
          const push = yield* openAlone("PUSH", { connect: endpoint, ...highWaterMark(mark, mark), linger: 0 })
          assert.strictEqual(accepts(push.handle), 2 * mark)
          yield* receiveMany(pull.handle, mark - 1)
          assert.strictEqual(accepts(push.handle), 0)
          yield* receive(pull.handle)
          assert.strictEqual(accepts(push.handle), mark)
          yield* push.close
          yield* pull.close
        }
      })
    )

    virtually(
      "a connecting socket queues as many as its own mark says before there is a peer, and delivers them first",
      Effect.gen(function* () {
        const push = yield* open("PUSH", { connect: endpoint, ...highWaterMark(10, 1) })
        assert.strictEqual(accepts(push), 10)
        const waiting = yield* start(send(push, "10"))
        yield* settle
        assert.isFalse(isDone(waiting))
        const pull = yield* open("PULL", { bind: endpoint, ...highWaterMark(1, 10) })
        yield* Fiber.join(waiting)
        assert.deepStrictEqual(
          yield* receiveMany(pull, 11),
          Array.from({ length: 11 }, (_, i) => `${i}`)
        )
      })
    )

    virtually(
      "types that do not go together are refused, tell so, and no message passes; the right one is found later",
      Effect.gen(function* () {
        const rep = yield* openAlone("REP", { bind: endpoint })
        const push = yield* open("PUSH", { connect: endpoint })
        yield* send(push, "not for you")
        yield* settle
        assert.deepStrictEqual(here(rep.handle), [])
        assert.strictEqual(yield* tagsOf(rep.handle), "Listening Accepted HandshakeFailed Disconnected")
        assert.strictEqual(yield* tagsOf(push), "Connecting Connected HandshakeFailed Disconnected Reconnecting")
        yield* rep.close
        const pull = yield* open("PULL", { bind: endpoint })
        assert.strictEqual(yield* receive(pull), "not for you")
      })
    )

    virtually(
      "events tell of both sides, from before the first bind or connect to Closed",
      Effect.gen(function* () {
        const pull = yield* openAlone("PULL", { bind: endpoint })
        const push = yield* openAlone("PUSH", { connect: endpoint })
        assert.strictEqual(yield* tagsOf(push.handle), "Connecting Connected HandshakeSucceeded")
        yield* push.close
        assert.strictEqual(yield* tagsOf(push.handle), "Connecting Connected HandshakeSucceeded Closed")
        assert.strictEqual(yield* tagsOf(pull.handle), "Listening Accepted HandshakeSucceeded Disconnected")
        yield* pull.close
        const all = yield* eventsOf(pull.handle)
        assert.strictEqual(
          all.map(({ _tag }) => _tag).join(" "),
          "Listening Accepted HandshakeSucceeded Disconnected Unbound Closed"
        )
        assert.isTrue(all.every((event) => !("endpoint" in event) || event.endpoint === endpoint))
      })
    )

    virtually(
      "unbind ends the accepting of peers and frees the address; those that are connected stay",
      Effect.gen(function* () {
        const pull = yield* open("PULL", { bind: endpoint })
        const push = yield* open("PUSH", { connect: endpoint })
        yield* pull.unbind(at(endpoint))
        yield* send(push, "still")
        assert.strictEqual(yield* receive(pull), "still")
        assert.deepStrictEqual(yield* pull.endpoints, [])
        const other = yield* open("PULL", { bind: endpoint })
        const late = yield* open("PUSH", { connect: endpoint })
        yield* send(late, "for the other")
        assert.strictEqual(yield* receive(other), "for the other")
        assert.strictEqual(yield* failure(pull.unbind(at(endpoint))), "UnknownEndpoint")
      })
    )

    virtually(
      "disconnect delivers what was sent, ends the connection, and connects no more",
      Effect.gen(function* () {
        const pull = yield* open("PULL", { bind: endpoint, ...highWaterMark(5, 5) })
        const push = yield* open("PUSH", { connect: endpoint, ...highWaterMark(5, 5) })
        assert.strictEqual(accepts(push, 7), 7)
        yield* push.disconnect(at(endpoint))
        assert.strictEqual(accepts(push), 0)
        assert.strictEqual((yield* receiveMany(pull, 7)).join(""), "0123456")
        yield* settle
        assert.strictEqual(yield* tagsOf(push), "Connecting Connected HandshakeSucceeded Abandoned")
        assert.include(yield* tagsOf(pull), "Disconnected")
        yield* Effect.sleep("1 minute")
        assert.strictEqual(accepts(push), 0)
        assert.strictEqual(yield* failure(push.disconnect(at(endpoint))), "UnknownEndpoint")
      })
    )

    virtually(
      "connecting twice to one endpoint is once for SUB, PUB and REQ, and twice for PUSH",
      Effect.gen(function* () {
        const cases = [
          ["PULL", "PUSH", 2],
          ["PUB", "SUB", 1],
          ["SUB", "PUB", 1],
          ["REP", "REQ", 1]
        ] as const
        for (const [bound, connecting, times] of cases) {
          const one = yield* openAlone(bound, { bind: endpoint })
          const other = yield* openAlone(connecting, { connect: [endpoint, endpoint] })
          const accepted = (yield* tagsOf(one.handle)).split(" ").filter((tag) => tag === "Accepted")
          assert.strictEqual(accepted.length, times)
          yield* other.close
          yield* one.close
        }
      })
    )
  })
}

describe("addresses", () => {
  virtually(
    "every interface is every address of a port, in bind and for those who connect",
    Effect.gen(function* () {
      const pull = yield* open("PULL")
      assert.strictEqual(Endpoint.format(yield* pull.bind(at("tcp://*:5555"))), "tcp://0.0.0.0:5555")
      assert.strictEqual(yield* failure(pull.bind(at("tcp://127.0.0.1:5555"))), "AddressInUse")
      yield* pull.bind(at("tcp://127.0.0.1:5556"))
      assert.strictEqual(yield* failure(pull.bind(at("tcp://*:5556"))), "AddressInUse")
      for (const to of [
        "tcp://127.0.0.1:5555",
        "tcp://localhost:5555",
        "tcp://some.host:5555",
        "tcp://localhost:5556"
      ]) {
        const push = yield* open("PUSH", { connect: to as "tcp://a:1" })
        yield* send(push, to)
        assert.strictEqual(yield* receive(pull), to)
      }
    })
  )

  virtually(
    "one port of two addresses is two endpoints",
    Effect.gen(function* () {
      const one = yield* open("PULL", { bind: "tcp://10.0.0.1:5555" })
      const two = yield* open("PULL", { bind: "tcp://10.0.0.2:5555" })
      const push = yield* open("PUSH", { connect: "tcp://10.0.0.2:5555" })
      yield* send(push, "two")
      assert.strictEqual(yield* receive(two), "two")
      assert.deepStrictEqual(here(one), [])
    })
  )
})

describe("PUSH and PULL", () => {
  virtually(
    "three preloaded pushers are taken from in turn: a0 b0 c0 a1 b1 c1 a2 b2 c2",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: "inproc://a" })
      for (const name of ["a", "b", "c"]) {
        const push = yield* open("PUSH", { connect: "inproc://a" })
        yield* send(push, `${name}0`, `${name}1`, `${name}2`)
      }
      assert.strictEqual((yield* receiveMany(pull, 9)).join(" "), "a0 b0 c0 a1 b1 c1 a2 b2 c2")
    })
  )

  virtually(
    "three pullers get 036, 147 and 258, whoever binds",
    Effect.gen(function* () {
      const endpoints = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3"] as const
      const pulls = yield* Effect.forEach(endpoints, (bind) => open("PULL", { bind }))
      const push = yield* open("PUSH", { connect: endpoints })
      for (let i = 0; i < 9; i++) yield* send(push, `${i}`)
      assert.deepStrictEqual(
        pulls.map((pull) => here(pull).join("")),
        ["036", "147", "258"]
      )
      const bound = yield* open("PUSH", { bind: "inproc://push" })
      const connected = yield* Effect.forEach(endpoints, () => open("PULL", { connect: "inproc://push" }))
      for (let i = 0; i < 9; i++) yield* send(bound, `${i}`)
      assert.deepStrictEqual(
        connected.map((pull) => here(pull).join("")),
        ["036", "147", "258"]
      )
    })
  )

  virtually(
    "senders wait in line, and are served in their order when there is room; sendUnsafe does not pass them",
    Effect.gen(function* () {
      const push = yield* open("PUSH", { bind: "inproc://a", ...highWaterMark(1, 1) })
      const sent: Array<string> = []
      for (const name of ["a", "b", "c", "d"]) {
        yield* start(
          Effect.andThen(
            send(push, `${name}0`, `${name}1`),
            Effect.sync(() => sent.push(name))
          )
        )
      }
      const pull = yield* open("PULL", { connect: "inproc://a", ...highWaterMark(1, 1) })
      assert.isFalse(push.sendUnsafe(message("out of turn")))
      assert.strictEqual((yield* receiveMany(pull, 8)).join(" "), "a0 a1 b0 b1 c0 c1 d0 d1")
      yield* settle
      assert.strictEqual(sent.join(""), "abcd")
      assert.isTrue(push.sendUnsafe(message("in turn")))
    })
  )

  virtually(
    "a sender does not pass those who wait in line, not even when there is room and they have not been served yet",
    Effect.gen(function* () {
      const push = yield* open("PUSH", { bind: "inproc://a", ...highWaterMark(1, 1) })
      const pull = yield* open("PULL", { connect: "inproc://a", ...highWaterMark(1, 1) })
      assert.strictEqual(accepts(push), 2)
      yield* start(send(push, "2"))
      assert.strictEqual(yield* receive(pull), "0")
      const next = yield* start(send(push, "3"))
      assert.isFalse(push.sendUnsafe(message("out of turn")))
      assert.strictEqual((yield* receiveMany(pull, 3)).join(""), "123")
      yield* Fiber.join(next)
    })
  )

  virtually(
    "a sender that waits for a full connection goes on when it is lost: what it sends is queued for the next",
    Effect.gen(function* () {
      const pull = yield* openAlone("PULL", { bind: "inproc://a", ...highWaterMark(1, 1) })
      const push = yield* open("PUSH", { connect: "inproc://a", ...highWaterMark(1, 1), linger: 0 })
      assert.strictEqual(accepts(push), 2)
      const waiting = yield* start(send(push, "2"))
      yield* pull.close
      yield* Fiber.join(waiting)
    })
  )

  virtually(
    "a mark is counted anew with each connection, whatever was taken before",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { connect: "tcp://127.0.0.1:5555", ...highWaterMark(1, 1) })
      const first = yield* openAlone("PUSH", { bind: "tcp://127.0.0.1:5555", highWaterMark: { send: "unlimited" } })
      yield* Effect.sleep("1 second")
      assert.strictEqual(accepts(first.handle, 499), 499)
      assert.strictEqual(here(pull).length, 499)
      yield* first.close
      const second = yield* open("PUSH", { bind: "tcp://127.0.0.1:5555", ...highWaterMark(1, 1) })
      yield* Effect.sleep("1 second")
      assert.strictEqual(accepts(second), 2)
    })
  )

  virtually(
    "an interrupted sender has sent a prefix of its messages, each whole, and leaves the line to the others",
    Effect.gen(function* () {
      const push = yield* open("PUSH", { bind: "inproc://a", ...highWaterMark(1, 1) })
      const pull = yield* open("PULL", { connect: "inproc://a", ...highWaterMark(1, 1) })
      const first = yield* start(send(push, "a0|x", "a1|x", "a2|x", "a3|x"))
      const second = yield* start(send(push, "b0"))
      assert.strictEqual(yield* receive(pull), "a0|x")
      yield* Fiber.interrupt(first)
      yield* settle
      assert.strictEqual((yield* receiveMany(pull, 2)).join(" "), "a1|x b0")
      yield* Fiber.join(second)
    })
  )

  virtually(
    "a receiver that waits is woken by what arrives, and by a peer that brings what it had queued",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: "tcp://127.0.0.1:5555" })
      const first = yield* start(receive(pull))
      const push = yield* open("PUSH", { connect: ["tcp://127.0.0.1:5556", "tcp://127.0.0.1:5555"] })
      yield* send(push, "queued for 5556", "now")
      assert.strictEqual(yield* Fiber.join(first), "now")
      const second = yield* start(receive(pull))
      yield* settle
      yield* pull.bind(at("tcp://127.0.0.1:5556"))
      assert.strictEqual(yield* Fiber.join(second), "queued for 5556")
    })
  )

  virtually(
    "nobody runs within another one's call: a receiver that waits gets what was sent up to its turn in one batch, and so do senders",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: "inproc://a", ...highWaterMark(100, 100) })
      const push = yield* open("PUSH", { connect: "inproc://a", ...highWaterMark(100, 100) })
      const batches: Array<number> = []
      yield* start(Effect.forever(Effect.map(pull.readable, () => batches.push(pull.receiveUnsafe(1000).length))))
      assert.strictEqual(accepts(push), 200)
      assert.deepStrictEqual(batches, [])
      const sender = yield* start(send(push, "200"))
      yield* settle
      assert.deepStrictEqual(batches, [200, 1])
      yield* Fiber.join(sender)
    })
  )

  virtually(
    "waiting takes nothing: one that is interrupted while it waits loses nothing, a thousand times",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: "inproc://a" })
      const push = yield* open("PUSH", { connect: "inproc://a" })
      const got: Array<string> = []
      for (let i = 0; i < 1000; i++) {
        const waiting = yield* start(Effect.map(receive(pull), (text) => got.push(text)))
        if (i % 3 === 0) yield* settle
        push.sendUnsafe(message(`${i}`))
        if (i % 2 === 0) yield* Effect.yieldNow
        yield* Fiber.interrupt(waiting)
        got.push(...here(pull))
      }
      assert.deepStrictEqual(
        got,
        Array.from({ length: 1000 }, (_, i) => `${i}`)
      )
    })
  )

  virtually(
    "reads nothing ahead of demand: one that waits returns no room",
    Effect.gen(function* () {
      const pull = yield* open("PULL", { bind: "inproc://a", ...highWaterMark(1, 1) })
      const waiting = yield* start(pull.readable)
      const push = yield* open("PUSH", { connect: "inproc://a", ...highWaterMark(1, 1) })
      assert.strictEqual(accepts(push), 2)
      yield* Fiber.join(waiting)
      yield* pull.readable
      assert.strictEqual(accepts(push), 0)
    })
  )

  virtually(
    "with immediate nothing is queued for a peer that is not there, and what waits goes to one that is",
    Effect.gen(function* () {
      const push = yield* open("PUSH", {
        connect: ["tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556"],
        immediate: true
      })
      assert.strictEqual(accepts(push), 0)
      const waiting = yield* start(send(push, "a", "b", "c"))
      const pull = yield* openAlone("PULL", { bind: "tcp://127.0.0.1:5555" })
      yield* Fiber.join(waiting)
      assert.strictEqual((yield* receiveMany(pull.handle, 3)).join(""), "abc")
      yield* pull.close
      assert.strictEqual(accepts(push), 0)
      const again = yield* open("PULL", { bind: "tcp://127.0.0.1:5555" })
      yield* send(push, "d")
      assert.strictEqual(yield* receive(again), "d")
    })
  )

  virtually(
    "with immediate, over inproc too, a peer that comes back is reached",
    Effect.gen(function* () {
      const push = yield* open("PUSH", { connect: "inproc://a", immediate: true })
      for (const text of ["a", "b", "c"]) {
        const pull = yield* openAlone("PULL", { bind: "inproc://a" })
        yield* send(push, text)
        assert.strictEqual(yield* receive(pull.handle), text)
        yield* pull.close
        assert.strictEqual(accepts(push), 0)
      }
    })
  )

  virtually(
    "with conflate, of either side, only the newest message is kept, and the sender never waits; of one frame",
    Effect.gen(function* () {
      for (const [sender, receiver] of [
        [true, false],
        [false, true],
        [true, true]
      ] as const) {
        const pull = yield* openAlone("PULL", { bind: "inproc://a", conflate: receiver, ...highWaterMark(1, 1) })
        const push = yield* openAlone("PUSH", { connect: "inproc://a", conflate: sender, ...highWaterMark(1, 1) })
        assert.strictEqual(accepts(push.handle, 10), 10)
        assert.deepStrictEqual(here(pull.handle), ["9"])
        if (sender) {
          assert.isFalse(push.handle.sendUnsafe(frames("a|b")))
          assert.strictEqual(yield* failure(send(push.handle, "a|b")), "InvalidMessage")
        }
        yield* push.close
        yield* pull.close
      }
      const push = yield* open("PUSH", { connect: "inproc://late", conflate: true })
      assert.strictEqual(accepts(push, 10), 10)
      const pull = yield* open("PULL", { bind: "inproc://late" })
      assert.deepStrictEqual(here(pull), ["9"])
    })
  )

  virtually(
    "a frame larger than the receiver allows ends the connection, and it is made again, whoever connects",
    Effect.gen(function* () {
      for (const [pulls, pushes] of [
        ["bind", "connect"],
        ["connect", "bind"]
      ] as const) {
        const pull = yield* openAlone("PULL", { [pulls]: "tcp://127.0.0.1:5555", maxMessageSize: 6 })
        const push = yield* openAlone("PUSH", { [pushes]: "tcp://127.0.0.1:5555" })
        yield* send(push.handle, "ok", "sixsix|sixsix", "too large", "behind")
        assert.deepStrictEqual(yield* receiveMany(pull.handle, 2), ["ok", "sixsix|sixsix"])
        yield* settle
        assert.include(yield* tagsOf(pull.handle), "Disconnected")
        yield* Effect.sleep("1 second")
        yield* send(push.handle, "again")
        assert.strictEqual(yield* receive(pull.handle), "again")
        yield* push.close
        yield* pull.close
      }
    })
  )

  virtually(
    "nobody is left waiting, whenever fibers yield: a wake-up is not lost between looking and waiting",
    Effect.gen(function* () {
      for (let operations = 3; operations <= 16; operations++) {
        const body = Effect.gen(function* () {
          const pull = yield* openAlone("PULL", { bind: "inproc://a", ...highWaterMark(1, 1) })
          const push = yield* openAlone("PUSH", { connect: "inproc://a", ...highWaterMark(1, 1) })
          const sending = yield* start(
            Effect.forEach(Array.from({ length: 50 }), (_, i) => send(push.handle, `${i}`), { discard: true })
          )
          const got: Array<string> = []
          while (got.length < 50) {
            got.push(...here(pull.handle))
            if (got.length < 50) yield* pull.handle.readable
          }
          yield* Fiber.join(sending)
          assert.deepStrictEqual(
            got,
            Array.from({ length: 50 }, (_, i) => `${i}`)
          )
          yield* push.close
          yield* pull.close
        })
        yield* Effect.provideService(body, Scheduler.MaxOpsBeforeYield, operations)
      }
    })
  )

  virtually(
    "nothing is lost, given twice or out of a sender's order among many fibers that send, receive and are interrupted",
    Effect.gen(function* () {
      const pulls = yield* Effect.forEach([1, 2, 3], (port) =>
        open("PULL", { bind: `tcp://127.0.0.1:${port}`, ...highWaterMark(3, 3) })
      )
      const push = yield* open("PUSH", {
        connect: ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3"],
        ...highWaterMark(3, 3)
      })
      const senders = yield* Effect.forEach(Array.from({ length: 20 }), (_, name) =>
        start(Effect.forEach(Array.from({ length: 25 }), (_, i) => send(push, `${name} ${i}|body`), { discard: true }))
      )
      const got: Array<Array<string>> = [[], [], []]
      const receivers = yield* Effect.forEach(pulls, (pull, i) =>
        start(
          Effect.forever(
            Effect.gen(function* () {
              const taken = pull.receiveUnsafe(1 + (i % 3))
              if (taken.length > 0) got[i]?.push(...texts(taken).map(String))
              else yield* Effect.timeoutOption(pull.readable, 1 + i)
            })
          )
        )
      )
      yield* Fiber.joinAll(senders)
      yield* Effect.sleep("1 second")
      yield* Fiber.interruptAll(receivers)
      const all = got.flat()
      assert.strictEqual(all.length, 500)
      assert.strictEqual(new Set(all).size, 500)
      for (const one of got) {
        const last = new Map<string, number>()
        for (const text of one) {
          const [name = "", i = ""] = text.split("|")[0]?.split(" ") ?? []
          assert.isAbove(Number(i), last.get(name) ?? -1)
          last.set(name, Number(i))
        }
      }
    }),
    20
  )
})

describe("PUB and SUB", () => {
  const bytes = (text: string) => new TextEncoder().encode(text)

  virtually(
    "a subscriber gets what begins with what it subscribes to, each once, from then on and no longer",
    Effect.gen(function* () {
      const pub = yield* open("PUB", { bind: "inproc://a" })
      const sub = yield* open("SUB", { connect: "inproc://a", subscribe: [bytes("a"), bytes("ab")] })
      yield* send(pub, "abc|1", "b|2", "a|3")
      assert.deepStrictEqual(here(sub), ["abc|1", "a|3"])
      yield* sub.subscribe(bytes("b"))
      yield* send(pub, "b|4")
      yield* sub.unsubscribe(bytes("a"))
      assert.deepStrictEqual(here(sub), ["b|4"])
      yield* send(pub, "a|5", "abc|6")
      assert.deepStrictEqual(here(sub), ["abc|6"])
    })
  )

  virtually(
    "subscribed twice and unsubscribed once is still subscribed",
    Effect.gen(function* () {
      const pub = yield* open("PUB", { bind: "inproc://a" })
      const sub = yield* open("SUB", { connect: "inproc://a", subscribe: [bytes("a"), bytes("a")] })
      yield* sub.unsubscribe(bytes("a"))
      yield* send(pub, "a")
      assert.deepStrictEqual(here(sub), ["a"])
      yield* sub.unsubscribe(bytes("a"))
      yield* send(pub, "a")
      assert.deepStrictEqual(here(sub), [])
    })
  )

  virtually(
    "what was under way when a subscription ended is not received",
    Effect.gen(function* () {
      const pub = yield* open("PUB", { bind: "inproc://a" })
      const sub = yield* open("SUB", { connect: "inproc://a", subscribe: [bytes("")] })
      yield* send(pub, "a", "b")
      yield* sub.readable
      yield* sub.unsubscribe(bytes(""))
      yield* sub.subscribe(bytes("b"))
      assert.deepStrictEqual(texts(sub.receiveUnsafe(10)), ["b"])
    })
  )

  virtually(
    "what woke a subscriber that waited is what it receives, and batches are filtered too",
    Effect.gen(function* () {
      const pub = yield* open("PUB", { bind: "inproc://a" })
      const sub = yield* open("SUB", { connect: "inproc://a", subscribe: [bytes("a"), bytes("b")] })
      const waiting = yield* start(receive(sub))
      yield* send(pub, "a1", "a2", "b1", "a3", "b2")
      assert.strictEqual(yield* Fiber.join(waiting), "a1")
      yield* sub.readable
      yield* sub.unsubscribe(bytes("a"))
      assert.deepStrictEqual(texts(sub.receiveUnsafe(10)), ["b1", "b2"])
    })
  )

  virtually(
    "with marks of 5 and 5 exactly the first 10 of 100 are delivered, and the publisher never waits",
    Effect.gen(function* () {
      const pub = yield* open("PUB", { bind: "inproc://a", ...highWaterMark(5, 5) })
      const sub = yield* open("SUB", { connect: "inproc://a", subscribe: [bytes("")], ...highWaterMark(5, 5) })
      for (let i = 0; i < 100; i++) yield* send(pub, `${i}|body`)
      assert.deepStrictEqual(
        here(sub),
        Array.from({ length: 10 }, (_, i) => `${i}|body`)
      )
      yield* send(pub, "next|body")
      assert.deepStrictEqual(here(sub), ["next|body"])
    })
  )

  virtually(
    "with noDrop the publisher waits for the slowest that it sends to, and all get everything",
    Effect.gen(function* () {
      const pub = yield* open("PUB", { bind: "inproc://a", noDrop: true, ...highWaterMark(5, 5) })
      const slow = yield* openAlone("SUB", { connect: "inproc://a", subscribe: [bytes("")], ...highWaterMark(5, 5) })
      const other = yield* open("SUB", { connect: "inproc://a", subscribe: [bytes("x")], ...highWaterMark(5, 5) })
      const publishing = yield* start(
        Effect.forEach(Array.from({ length: 100 }), (_, i) => send(pub, `${i}`), { discard: true })
      )
      yield* settle
      assert.isFalse(isDone(publishing))
      assert.deepStrictEqual(here(other), [])
      assert.strictEqual((yield* receiveMany(slow.handle, 50)).length, 50)
      yield* slow.close
      yield* Fiber.join(publishing)
    })
  )

  virtually(
    "with invertMatching a subscriber gets what does not match",
    Effect.gen(function* () {
      const pub = yield* open("PUB", { bind: "inproc://a", invertMatching: true })
      const sub = yield* open("SUB", { connect: "inproc://a", invertMatching: true, subscribe: [bytes("a")] })
      yield* send(pub, "a1", "b1", "c1", "a2")
      assert.deepStrictEqual(here(sub), ["b1", "c1"])
    })
  )

  virtually(
    "a publisher without subscribers drops, and one that connects finds them",
    Effect.gen(function* () {
      const pub = yield* open("PUB", { connect: "tcp://127.0.0.1:5555" })
      yield* send(pub, "for nobody")
      const sub = yield* open("SUB", { bind: "tcp://127.0.0.1:5555", subscribe: [bytes("")] })
      yield* settle
      yield* send(pub, "for you")
      assert.deepStrictEqual(here(sub), ["for you"])
      assert.deepStrictEqual(yield* pub.drain(Duration.zero), {
        flushed: true,
        dropped: 0,
        losses: { noSubscriber: 1 }
      })
    })
  )

  virtually(
    "subscriptions survive reconnection, and those of before are not doubled",
    Effect.gen(function* () {
      const first = yield* openAlone("PUB", { bind: "tcp://127.0.0.1:5555" })
      const sub = yield* open("SUB", { connect: "tcp://127.0.0.1:5555", subscribe: [bytes("a")] })
      yield* send(first.handle, "a1", "b1")
      yield* first.close
      const second = yield* open("PUB", { bind: "tcp://127.0.0.1:5555" })
      yield* sub.unsubscribe(bytes("a"))
      yield* sub.subscribe(bytes("b"))
      yield* Effect.sleep("1 second")
      yield* send(second, "a2", "b2")
      assert.deepStrictEqual(here(sub), ["b2"], "a1 was filtered here: it is not subscribed to any more")
    })
  )
})

describe("time", () => {
  it.effect("nothing moves before the clock does: a connection that was lost is made again when it is time", () =>
    Effect.gen(function* () {
      const first = yield* openAlone("PULL", { bind: "tcp://127.0.0.1:5555" })
      const push = yield* open("PUSH", { connect: "tcp://127.0.0.1:5555" })
      yield* first.close
      const pull = yield* open("PULL", { bind: "tcp://127.0.0.1:5555" })
      yield* send(push, "queued")
      yield* settle
      assert.deepStrictEqual(here(pull), [])
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(here(pull), ["queued"])
      const [time] = yield* elapsed(Effect.void)
      assert.strictEqual(time, 0)
    }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
  )

  it.effect("a peer that was there once is reached again when it is time, not when it appears", () =>
    Effect.gen(function* () {
      const first = yield* openAlone("PULL", { bind: "tcp://127.0.0.1:5555" })
      const push = yield* open("PUSH", { connect: "tcp://127.0.0.1:5555" })
      yield* first.close
      yield* TestClock.adjust("110 millis")
      const pull = yield* open("PULL", { bind: "tcp://127.0.0.1:5555" })
      yield* send(push, "queued")
      yield* settle
      assert.deepStrictEqual(here(pull), [])
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(here(pull), ["queued"])
    }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
  )

  it.effect("closing a PULL ends its suspended receive with Closed at once", () =>
    Effect.gen(function* () {
      const pull = yield* openAlone("PULL", { bind: "tcp://127.0.0.1:5555" })
      const receiving = yield* start(failure(receive(pull.handle)))
      assert.isFalse(isDone(receiving))
      yield* pull.close
      assert.isTrue(isDone(receiving))
      assert.strictEqual(yield* Fiber.join(receiving), "Closed")
      assert.strictEqual(yield* failure(receive(pull.handle)), "Closed")
      assert.strictEqual(yield* failure(pull.handle.bind(at("inproc://a"))), "Closed")
    }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
  )
})

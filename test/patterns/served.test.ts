/** A group of RPCs, served: `ZmqRpcServer` and `ZmqRpcClient` on each transport. */
import * as Dealer from "@effect-zmq/core/Dealer"
import type * as Message from "@effect-zmq/core/Message"
import * as Router from "@effect-zmq/core/Router"
import * as Socket from "@effect-zmq/core/Socket"
import type { Transport } from "@effect-zmq/core/Transport"
import * as ZmqRpcClient from "@effect-zmq/patterns/ZmqRpcClient"
import type * as ZmqRpcServer from "@effect-zmq/patterns/ZmqRpcServer"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { RpcClientError } from "effect/rpc/RpcClientError"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import { between, clientHearsGarbage, serverHearsGarbage } from "./garbage.ts"
import { binary, clientOf, json, serve, TooMuch } from "./service.ts"
import { endpointOf, type Place, suite } from "./targets.ts"

const failureOf = (exit: Exit.Exit<unknown, unknown>): ZmqRpcClient.ServerLost => {
  assert.isTrue(Exit.isFailure(exit))
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(error, RpcClientError)
  const lost = ZmqRpcClient.serverLost(error as RpcClientError)
  return lost ?? assert.fail(`it says nothing of a server: ${error}`)
}

const rows = Object.entries({ json, binary }).flatMap(([name, serialization]) => {
  const body: Record<string, (place: Place) => Effect.Effect<unknown, unknown, Transport | Scope.Scope>> = {
    [`${name}: answers calls, with values, bytes, nothing, and typed errors`]: (place) =>
      Effect.gen(function* () {
        const { connect } = yield* serve(place, serialization)
        const client = yield* clientOf(serialization, { connect })
        assert.strictEqual(yield* client.Double({ n: 21 }), 42)
        assert.deepStrictEqual(yield* client.Echo({ bytes: Uint8Array.of(0, 255, 7) }), Uint8Array.of(0, 255, 7))
        assert.isUndefined(yield* client.Nothing())
        assert.deepStrictEqual(yield* Effect.flip(client.Double({ n: 1001 })), new TooMuch({ most: 1000 }))
        const all = yield* Effect.forEach(
          Array.from({ length: 500 }, (_, n) => n),
          (n) => client.Double({ n }),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          all,
          Array.from({ length: 500 }, (_, n) => 2 * n)
        )
      }),

    [`${name}: answers with streams, whole and in order, and with their errors`]: (place) =>
      Effect.gen(function* () {
        const { connect } = yield* serve(place, serialization, { streamWindow: 2 })
        const client = yield* clientOf(serialization, { connect })
        const got = yield* Effect.forEach(
          [1, 7, 128],
          (chunk) => Stream.runCollect(client.Count({ to: 1000, chunk })),
          { concurrency: "unbounded" }
        )
        for (const all of got)
          assert.deepStrictEqual(
            all,
            Array.from({ length: 1000 }, (_, n) => n + 1)
          )
        assert.deepStrictEqual(
          yield* Effect.flip(Stream.runDrain(client.Count({ to: 100_001, chunk: 1 }))),
          new TooMuch({ most: 100_000 })
        )
      })
  }
  return Object.entries(body)
})

suite("a served group", {
  ...Object.fromEntries(rows),

  "answers any number of calls at once within a limit of the size of messages, at both ends": (place) =>
    Effect.gen(function* () {
      const limits = { maxMessageSize: 70_000 }
      const { connect } = yield* serve(place, json, limits)
      const client = yield* clientOf(json, { connect, ...limits })
      const all = yield* Effect.forEach(Array.from({ length: 3_000 }), (_, n) => client.Double({ n: n % 1_000 }), {
        concurrency: "unbounded"
      })
      assert.lengthOf(all, 3_000)
    }),

  "carries headers and the trace of the caller": (place) =>
    Effect.gen(function* () {
      const { connect } = yield* serve(place, json)
      const client = yield* clientOf(json, { connect })
      assert.strictEqual(yield* client.Header({ name: "who" }, { headers: { who: "me, ümlaut" } }), "me, ümlaut")
      assert.isNull(yield* client.Header({ name: "who" }))
      const [ours, theirs] = yield* Effect.gen(function* () {
        const span = yield* Effect.currentSpan
        return [span.traceId, yield* client.Trace()] as const
      }).pipe(Effect.withSpan("test"))
      assert.strictEqual(theirs, ours)
    }),

  "interrupts the handler of a call that is interrupted, and of a stream whose reader has gone": (place) =>
    Effect.gen(function* () {
      const { connect, happenings, server } = yield* serve(place, json)
      const client = yield* clientOf(json, { connect })
      const waiting = yield* Effect.forkChild(client.Wait({ name: "call" }))
      assert.strictEqual(yield* Queue.take(happenings.began), "call")
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(yield* Queue.take(happenings.ended), "call")
      assert.lengthOf(yield* Stream.runCollect(Stream.take(client.Endless({ name: "stream" }), 25)), 25)
      assert.strictEqual(yield* Queue.take(happenings.ended), "stream")
      assert.strictEqual(yield* client.Double({ n: 1 }), 2)
      assert.strictEqual((yield* server.status).calls, 0)
    }),

  "keeps a stream that nobody reads from holding up any other call": (place) =>
    Effect.gen(function* () {
      const { connect, happenings } = yield* serve(place, json)
      const client = yield* clientOf(json, { connect })
      const stalled = yield* client.Endless({ name: "stalled" }, { asQueue: true, streamBufferSize: 1 })
      assert.strictEqual(yield* Queue.take(happenings.began), "stalled")
      for (let n = 0; n < 200; n++) assert.strictEqual(yield* client.Double({ n }), 2 * n)
      assert.strictEqual((yield* Stream.runCollect(client.Count({ to: 5000, chunk: 100 }))).length, 5000)
      assert.strictEqual(yield* Queue.take(stalled), 0)
    }),

  "is not ahead of the reader of a stream by more than the window": (place) =>
    Effect.gen(function* () {
      const { connect, happenings } = yield* serve(place, json, { streamWindow: 3 })
      const client = yield* clientOf(json, { connect })
      const stalled = yield* client.Endless({ name: "stalled" }, { asQueue: true, streamBufferSize: 10 })
      assert.strictEqual(yield* Queue.take(happenings.began), "stalled")
      for (let n = 0; n < 100; n++) yield* client.Double({ n })
      // One is in the buffer, and its reader has not taken any of the next; one more may be made, and not sent.
      assert.isAtLeast(happenings.sent.chunks, 3)
      assert.isAtMost(happenings.sent.chunks, 5)
      for (let chunk = 0; chunk < 20; chunk++) assert.lengthOf(yield* Queue.takeN(stalled, 10), 10)
      for (let n = 0; n < 100; n++) yield* client.Double({ n })
      assert.isAtLeast(happenings.sent.chunks, 20)
      assert.isAtMost(happenings.sent.chunks, 25)
    }),

  "takes no answer to what was asked in another life": (place) =>
    Effect.gen(function* () {
      const { connect } = yield* serve(place, json)
      const line = yield* between(place, connect, (message) => [otherEpoch(message)])
      const client = yield* clientOf(json, { connect: line.connect, ping: "20 millis", timeout: "60 millis" })
      assert.strictEqual(failureOf(yield* Effect.exit(client.Double({ n: 1 }))).why, "silent")
      assert.isAbove(line.answered.length, 0)
    }),

  "fails the one call whose handler dies, and no other": (place) =>
    Effect.gen(function* () {
      const { connect, happenings } = yield* serve(place, json)
      const client = yield* clientOf(json, { connect })
      const waiting = yield* Effect.forkChild(client.Wait({ name: "another" }))
      yield* Queue.take(happenings.began)
      const exit = yield* Effect.exit(client.Die({ message: "so it goes" }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.include(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), "so it goes")
      yield* Deferred.succeed(happenings.open, undefined)
      assert.strictEqual(yield* Fiber.join(waiting), "another")
    }),

  "acknowledges a call that is discarded when it begins": (place) =>
    Effect.gen(function* () {
      const { connect, happenings } = yield* serve(place, json)
      const client = yield* clientOf(json, { connect })
      assert.isUndefined(yield* client.Wait({ name: "discarded" }, { discard: true }))
      assert.strictEqual(yield* Queue.take(happenings.began), "discarded")
    }),

  "serves many clients, each its own, also where their calls have the same numbers": (place) =>
    Effect.gen(function* () {
      const { connect, server } = yield* serve(place, json)
      const clients = yield* Effect.forEach(Array.from({ length: 8 }), () => clientOf(json, { connect }))
      const all = yield* Effect.forEach(
        clients,
        (client, i) => Effect.forEach([1, 2, 3], (n) => client.Double({ n: 10 * i + n }), { concurrency: "unbounded" }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        all,
        clients.map((_, i) => [1, 2, 3].map((n) => 2 * (10 * i + n)))
      )
      assert.strictEqual((yield* server.status).clients, 8)
    }),

  "interrupts the handlers of a client that goes away, and of no other": (place) =>
    Effect.gen(function* () {
      const { connect, happenings, server } = yield* serve(place, json)
      const client = yield* clientOf(json, { connect })
      const staying = yield* Effect.forkChild(client.Wait({ name: "stays" }))
      assert.strictEqual(yield* Queue.take(happenings.began), "stays")
      // A socket that says what a client does, and no goodbye.
      const leaving = yield* Scope.make()
      const other = yield* Scope.provide(clientOf(json, { connect, linger: 0 }), leaving)
      const lost = yield* Effect.forkChild(Effect.exit(other.Wait({ name: "leaves" })))
      assert.strictEqual(yield* Queue.take(happenings.began), "leaves")
      yield* Scope.close(leaving, Exit.void)
      assert.strictEqual(yield* Queue.take(happenings.ended), "leaves")
      yield* Fiber.await(lost)
      yield* Deferred.succeed(happenings.open, undefined)
      assert.strictEqual(yield* Fiber.join(staying), "stays")
      assert.strictEqual((yield* server.status).calls, 0)
    }),

  "fails the calls under way at a server that ends, each with a typed error, and no others": (place) =>
    Effect.gen(function* () {
      const servers = { one: yield* serve(place, json), two: yield* serve(place, json) }
      const client = yield* clientOf(json, { connect: [servers.one.connect, servers.two.connect] })
      const calls = { one: [], two: [] } as Record<"one" | "two", Array<Fiber.Fiber<Exit.Exit<string, unknown>>>>
      // Until both have some: whoever is there first gets the first.
      for (let n = 0; calls.one.length < 2 || calls.two.length < 2; n++) {
        const call = yield* Effect.forkChild(Effect.exit(client.Wait({ name: "a call" })))
        const began = (name: "one" | "two") => Effect.as(Queue.take(servers[name].happenings.began), name)
        calls[yield* Effect.raceFirst(began("one"), began("two"))].push(call)
        assert.isBelow(n, 1000)
      }
      yield* servers.one.end
      for (const call of calls.one) failureOf(yield* Fiber.join(call))
      // What follows goes to who is there.
      assert.strictEqual(yield* client.Double({ n: 4 }), 8)
      yield* Deferred.succeed(servers.two.happenings.open, undefined)
      for (const call of calls.two) assert.deepStrictEqual(yield* Fiber.join(call), Exit.succeed("a call"))
    }),

  "is served by who is there, of several servers": (place) =>
    Effect.gen(function* () {
      const away = yield* Effect.scoped(Effect.flatMap(Dealer.make({ bind: place() }), endpointOf))
      const { connect } = yield* serve(place, json)
      const client = yield* clientOf(json, { connect: [away, connect] })
      const all = yield* Effect.forEach([1, 2, 3, 4], (n) => client.Double({ n }), { concurrency: "unbounded" })
      assert.deepStrictEqual(all, [2, 4, 6, 8])
      const nobody = yield* clientOf(json, { connect: [away, away], ping: "20 millis", timeout: "60 millis" })
      assert.strictEqual(failureOf(yield* Effect.exit(nobody.Double({ n: 1 }))).why, "silent")
    }),

  "fails the stream that is being read when its server ends": (place) =>
    Effect.gen(function* () {
      const { connect, end } = yield* serve(place, json)
      const client = yield* clientOf(json, { connect })
      let seen = 0
      const exit = yield* Effect.exit(
        Stream.runForEach(client.Endless({ name: "stream" }), () =>
          seen++ === 50 ? Effect.forkChild(end) : Effect.void
        )
      )
      failureOf(exit)
      assert.isAbove(seen, 50)
    }),

  "refuses who speaks another serialization, and says so": (place) =>
    Effect.gen(function* () {
      const { connect } = yield* serve(place, json)
      const client = yield* clientOf(binary, { connect })
      const lost = failureOf(yield* Effect.exit(client.Double({ n: 1 })))
      assert.strictEqual(lost.why, "refused")
      assert.include(lost.message, "serialization")
    }),

  "has no more calls under way than maxInFlight": (place) =>
    Effect.gen(function* () {
      const { connect, happenings, server } = yield* serve(place, json)
      const client = yield* clientOf(json, { connect, maxInFlight: 2 })
      const calls = yield* Effect.forEach(["a", "b", "c", "d"], (name) => Effect.forkChild(client.Wait({ name })))
      yield* Queue.take(happenings.began)
      yield* Queue.take(happenings.began)
      assert.strictEqual((yield* server.status).calls, 2)
      yield* Fiber.interrupt(calls[3] as (typeof calls)[number])
      yield* Deferred.succeed(happenings.open, undefined)
      for (const [i, call] of calls.slice(0, 3).entries()) assert.strictEqual(yield* Fiber.join(call), "abc"[i])
      assert.strictEqual(yield* client.Double({ n: 1 }), 2)
    }),

  "fails calls to where nobody is after the timeout": (place) =>
    Effect.gen(function* () {
      const away = yield* Effect.scoped(
        Effect.gen(function* () {
          return yield* endpointOf(yield* Dealer.make({ bind: place() }))
        })
      )
      const client = yield* clientOf(json, { connect: away, ping: "20 millis", timeout: "60 millis", linger: 0 })
      const lost = failureOf(yield* Effect.exit(client.Double({ n: 1 })))
      assert.strictEqual(lost.why, "silent")
    })
})

/** The same records, of an epoch that was never there. */
const otherEpoch = (message: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(message)
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < bytes.length; at += view.getUint32(at)) view.setUint32(at + 12, view.getUint32(at + 12) ^ 1)
  return bytes
}

/** The same records, the last of them with another id. */
const numbered = (message: Uint8Array, id: number): Uint8Array => {
  const bytes = new Uint8Array(message)
  new DataView(bytes.buffer).setUint32(lastOf(bytes) + 8, id)
  return bytes
}

/** Where the last record begins. */
const lastOf = (bytes: Uint8Array<ArrayBuffer>): number => {
  const view = new DataView(bytes.buffer)
  let last = 0
  for (let at = 0; at < bytes.length; at += view.getUint32(at)) last = at
  return last
}

const everywhere = ["memory", "zmq, tcp", "zmq, ipc", "zmtp"]

// libzmq connects no inproc socket again whose peer has gone.
suite(
  "a server that has gone",
  {
    "is called again when it is back, by a client that came first": (place) =>
      Effect.gen(function* () {
        const first = yield* serve(place, json)
        const client = yield* clientOf(json, { connect: first.connect })
        const waiting = yield* Effect.forkChild(Effect.exit(client.Wait({ name: "lost" })))
        yield* Queue.take(first.happenings.began)
        yield* first.end
        failureOf(yield* Fiber.join(waiting))
        const late = yield* Effect.forkChild(client.Double({ n: 8 }))
        const second = yield* serve(() => first.connect, json)
        assert.strictEqual(yield* Fiber.join(late), 16)
        assert.strictEqual(yield* client.Double({ n: 9 }), 18)
        assert.strictEqual((yield* second.server.status).calls, 0)
      }),

    "without a goodbye is noticed by its connection": (place) =>
      Effect.gen(function* () {
        const { calls, client, end, heard } = yield* silentServer(place)
        const call = yield* Effect.forkChild(Effect.exit(client.Double({ n: 1 })))
        yield* heard
        yield* end
        assert.strictEqual(failureOf(yield* Fiber.join(call)).why, "disconnected")
        assert.isAbove(calls.length, 0)
      })
  },
  everywhere
)

/** A socket that takes calls, and never says a word. */
const silentServer = Effect.fnUntraced(function* (place: Place, options?: Partial<ZmqRpcClient.Options>) {
  const scope = yield* Scope.make()
  const router = yield* Scope.provide(Router.make({ bind: place(), linger: 0 }), scope)
  const connect = yield* endpointOf(router)
  const client = yield* clientOf(json, { connect, ...options })
  const calls: Array<Router.Received> = []
  return {
    router,
    client,
    calls,
    heard: Effect.map(Effect.orDie(Router.receive(router)), (received) => {
      calls.push(received)
      return received
    }),
    end: Scope.close(scope, Exit.void)
  }
})

/** A socket that calls, and says no word after that: with what a client has said through it. */
const silentClient = Effect.fnUntraced(function* (place: Place, server: ZmqRpcServer.Options["bind"], name: string) {
  const { client, heard } = yield* silentServer(place)
  yield* Effect.forkScoped(Effect.ignoreCause(client.Wait({ name })))
  const { message } = yield* heard
  const scope = yield* Scope.make()
  const dealer = yield* Scope.provide(Dealer.make({ connect: server, linger: 0 }), scope)
  yield* Dealer.send(dealer, message)
  return { dealer, leave: Scope.close(scope, Exit.void) }
})

suite("a served group, of those who are silent", {
  "fails the calls at a server that says nothing any more": (place) =>
    Effect.gen(function* () {
      const { client } = yield* silentServer(place, { ping: "20 millis", timeout: "60 millis" })
      const lost = failureOf(yield* Effect.exit(client.Double({ n: 1 })))
      assert.strictEqual(lost.why, "silent")
      assert.include(lost.message, "gave no sign of life")
    }),

  "keeps the calls at a server that takes long, and answers pings": (place) =>
    Effect.gen(function* () {
      const { connect, happenings } = yield* serve(place, json, { idleTimeout: "500 millis" })
      const client = yield* clientOf(json, { connect, ping: "50 millis", timeout: "500 millis" })
      const call = yield* Effect.forkChild(client.Wait({ name: "long" }))
      yield* Queue.take(happenings.began)
      yield* Effect.sleep("800 millis")
      yield* Deferred.succeed(happenings.open, undefined)
      assert.strictEqual(yield* Fiber.join(call), "long")
    }),

  "serves others while a client reads none of its answers, and forgets it when it leaves": (place) =>
    Effect.gen(function* () {
      const { connect, server } = yield* serve(place, json, { highWaterMark: { send: 2, receive: 1000 } })
      // What a client asks first: a Hello, and the call, whose id is 1.
      const asker = yield* silentServer(place)
      yield* Effect.forkScoped(Effect.ignoreCause(asker.client.Echo({ bytes: new Uint8Array(20_000) })))
      const { message } = yield* asker.heard
      const scope = yield* Scope.make()
      const bad = yield* Scope.provide(
        Dealer.make({ connect, linger: 0, highWaterMark: { send: 1000, receive: 1 } }),
        scope
      )
      const count = 300
      for (let id = 1; id <= count; id++) yield* Dealer.send(bad, numbered(message[0], id))
      const good = yield* clientOf(json, { connect })
      for (let n = 0; n < 200; n++) assert.strictEqual(yield* good.Double({ n }), 2 * n)
      assert.strictEqual((yield* server.status).clients, 2)
      yield* Scope.close(scope, Exit.void)
      const left = Stream.filter(Socket.events(server.socket), ({ _tag }) => _tag === "PeerLeft")
      yield* Stream.runHead(left)
      assert.strictEqual(yield* good.Double({ n: 1 }), 2)
      assert.deepInclude(yield* server.status, { clients: 1, calls: 0 })
    }),

  "interrupts the handlers of a client that leaves without a goodbye": (place) =>
    Effect.gen(function* () {
      const { connect, happenings, server } = yield* serve(place, json)
      const { leave } = yield* silentClient(place, connect, "gone")
      assert.strictEqual(yield* Queue.take(happenings.began), "gone")
      yield* leave
      assert.strictEqual(yield* Queue.take(happenings.ended), "gone")
      assert.strictEqual((yield* server.status).calls, 0)
    }),

  "interrupts the handlers of a client that says nothing for the idleTimeout": (place) =>
    Effect.gen(function* () {
      const { connect, happenings, server } = yield* serve(place, json, { idleTimeout: "80 millis" })
      yield* silentClient(place, connect, "idle")
      assert.strictEqual(yield* Queue.take(happenings.began), "idle")
      assert.strictEqual(yield* Queue.take(happenings.ended), "idle")
      assert.strictEqual((yield* server.status).clients, 0)
    })
})

/** The first records as they are, and the last one changed. */
const changed = (message: Uint8Array, change: (record: DataView) => void): Uint8Array => {
  const bytes = new Uint8Array(message)
  change(new DataView(bytes.buffer, lastOf(bytes)))
  return bytes
}

suite("a served group, among garbage", {
  "counts what it drops by why, and answers what it can": (place) =>
    Effect.gen(function* () {
      const { connect, server } = yield* serve(place, json)
      const asker = yield* silentServer(place)
      yield* Effect.forkScoped(Effect.ignoreCause(asker.client.Double({ n: 4 })))
      const call = (yield* asker.heard).message[0]
      const dealer = yield* Dealer.make({ connect, linger: 0 })
      const messages: ReadonlyArray<Message.Input> = [
        "",
        "x",
        [call, call],
        changed(call, (record) => record.setUint32(0, 1)),
        changed(call, (record) => record.setUint8(4, 99)),
        changed(call, (record) => record.setUint8(6, 200)),
        changed(call, (record) => record.setUint8(16, 1)),
        changed(call, (record) => record.setUint8(4, 10)),
        numbered(call, 1),
        numbered(call, 1),
        changed(numbered(call, 2), (record) => record.setUint8(5, 1)),
        changed(numbered(call, 3), (record) => record.setUint32(28 + record.getUint8(6) + 2, 0xffff)),
        changed(numbered(call, 4), (record) => record.setUint8(record.byteLength - 1, 0)),
        numbered(call, 5)
      ]
      for (const message of messages) yield* Dealer.send(dealer, message)
      const answers: Array<string> = []
      const kinds: Record<number, string> = { 10: "Exit", 12: "Pong", 13: "Refused" }
      yield* Stream.runDrain(
        Stream.takeUntil(Dealer.stream(dealer), ([message]) => {
          const view = new DataView(new Uint8Array(message).buffer)
          for (let at = 0; at < message.length; at += view.getUint32(at)) {
            const kind = kinds[view.getUint8(at + 4)]
            if (kind !== "Pong") answers.push(`${kind} of ${view.getUint32(at + 8)}`)
          }
          return answers.at(-1) === "Exit of 5"
        })
      )
      assert.deepStrictEqual(answers, ["Exit of 1", "Refused of 2", "Refused of 3", "Refused of 4", "Exit of 5"])
      assert.deepStrictEqual(Object.fromEntries((yield* server.status).drops), {
        truncated: 2,
        frames: 1,
        length: 1,
        kind: 1,
        tag: 1,
        instance: 1,
        unexpected: 1,
        repeated: 1,
        codec: 1,
        prefix: 1,
        json: 1
      })
    }),

  "fails a call whose answer cannot be read, and no other": (place) =>
    Effect.gen(function* () {
      const { connect } = yield* serve(place, json)
      let isBad = true
      const line = yield* between(place, connect, (message) => [
        isBad ? changed(message, (record) => record.setUint8(record.byteLength - 1, 0)) : message
      ])
      const client = yield* clientOf(json, { connect: line.connect })
      assert.strictEqual(failureOf(yield* Effect.exit(client.Double({ n: 1 }))).why, "unreadable")
      isBad = false
      assert.strictEqual(yield* client.Double({ n: 1 }), 2)
    }),

  "serves a good client while another sends random and mutated messages": (place) => serverHearsGarbage(place, 1000, 1),
  "has every call answered, or failed, for a client that is sent random and mutated messages": (place) =>
    clientHearsGarbage(place, 1000, 2)
})

/** Topics: typed values, whole keys, and publishers that know who listens. */
import * as Message from "@effect-zmq/core/Message"
import * as Poller from "@effect-zmq/core/Poller"
import * as Pub from "@effect-zmq/core/Pub"
import * as Socket from "@effect-zmq/core/Socket"
import * as Sub from "@effect-zmq/core/Sub"
import * as XPub from "@effect-zmq/core/XPub"
import * as XSub from "@effect-zmq/core/XSub"
import * as Topic from "@effect-zmq/patterns/Topic"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import { endpointOf, suite } from "./targets.ts"

const Weather = Topic.make("weather", {
  schema: Schema.Struct({ zip: Schema.String, temperature: Schema.Int }),
  key: (report) => report.zip
})

const Chat = Topic.make("chat", { schema: Schema.String })

const report = (zip: string, temperature = 70) => ({ zip, temperature })

const take = <A, E, R>(stream: Stream.Stream<A, E, R>, count: number) => Stream.runCollect(Stream.take(stream, count))

/** Waits until there are exactly so many, now or later. */
const counted = <S extends Topic.AnySchema>(publisher: Topic.Publisher<S>, count: number) =>
  Stream.runDrain(Stream.takeUntil(Topic.subscriberChanges(publisher), (now) => now === count))

suite("a topic", {
  "gives subscribers the values of their keys, typed, and of no other key": (place) =>
    Effect.gen(function* () {
      const publisher = yield* Topic.publisher(Weather, { bind: place() })
      const connect = yield* endpointOf(publisher.socket)
      const one = yield* Topic.subscriber(Weather, { connect, keys: "1000" })
      const two = yield* Topic.subscriber(Weather, { connect, keys: ["10001", "20002"] })
      const some = yield* Topic.subscriber(Weather, { connect, keys: Topic.prefix("1000") })
      const all = yield* Topic.subscriber(Weather, { connect, keys: Topic.all })
      yield* Topic.awaitSubscribers(publisher, 4)
      const reports = ["10001", "1000", "2", "20002", "end"].map((zip, i) => report(zip, i))
      yield* Topic.publish(publisher, report("10001", 0))
      yield* Topic.publishAll(publisher, reports.slice(1))
      for (const [subscriber, zips] of [
        [one, ["1000"]],
        [two, ["10001", "20002"]],
        [some, ["10001", "1000"]],
        [all, ["10001", "1000", "2", "20002", "end"]]
      ] as const) {
        const got = yield* take(Topic.stream(subscriber), zips.length)
        assert.deepStrictEqual(
          got,
          reports.filter(({ zip }) => (zips as ReadonlyArray<string>).includes(zip))
        )
      }
      // And nothing else: what comes next is what is sent next.
      yield* Topic.publish(publisher, report("1000", 99))
      assert.deepStrictEqual(yield* take(Topic.stream(one), 1), [report("1000", 99)])
    }),

  "loses no first message after awaitSubscribers, and does not wait for more": (place) =>
    Effect.forEach(
      [1, 2, 3, 4, 5],
      (round) =>
        Effect.gen(function* () {
          const publisher = yield* Topic.publisher(Chat, { bind: place() })
          const connect = yield* endpointOf(publisher.socket)
          const listening = yield* Effect.forEach([1, 2, 3, 4, 5], () =>
            Effect.forkChild(take(Topic.subscribe(Chat, { connect, keys: ["lobby", "kitchen"] }), 2))
          )
          yield* Topic.awaitSubscribers(publisher, 5)
          yield* Topic.publishAs(publisher, "kitchen", `first of ${round}`)
          yield* Topic.publishAs(publisher, "lobby", "second")
          for (const heard of yield* Fiber.joinAll(listening)) {
            assert.deepStrictEqual(heard, [`first of ${round}`, "second"])
          }
        }).pipe(Effect.scoped),
      { discard: true }
    ),

  "counts peers, not keys; also those that leave, and come back": (place) =>
    Effect.gen(function* () {
      const publisher = yield* Topic.publisher(Weather, { bind: place() })
      const connect = yield* endpointOf(publisher.socket)
      const open = (keys: Topic.Keys) =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          yield* Scope.provide(Topic.subscriber(Weather, { connect, keys, linger: 0 }), scope)
          return Scope.close(scope, Exit.void)
        })
      assert.strictEqual(yield* Topic.subscribers(publisher), 0)
      const leaves = yield* Effect.forEach([["1", "2", "3"], "1", Topic.all, ["1", Topic.prefix("1")]] as const, open)
      yield* counted(publisher, 4)
      yield* leaves[0] ?? Effect.void
      yield* counted(publisher, 3)
      yield* leaves[2] ?? Effect.void
      yield* counted(publisher, 2)
      yield* open("1")
      yield* counted(publisher, 3)
      for (const leave of leaves) yield* leave
      yield* counted(publisher, 1)
    }),

  "counts plain SUBs of the same key each, and is heard by them": (place) =>
    Effect.gen(function* () {
      const publisher = yield* Topic.publisher(Weather, { bind: place() })
      const connect = yield* endpointOf(publisher.socket)
      const ours = yield* Topic.subscriber(Weather, { connect, keys: "10001" })
      const plain = yield* Effect.forEach([1, 2, 3], () => Sub.make({ connect, subscribe: "weather/10001/" }))
      yield* Sub.make({ connect, subscribe: "chat/" }) // of another topic
      yield* counted(publisher, 4)
      yield* Topic.publish(publisher, report("10001", 7))
      for (const sub of plain) {
        const [key, body] = yield* Sub.receive(sub)
        assert.strictEqual(Message.text([key]), "weather/10001/")
        assert.deepStrictEqual(JSON.parse(Message.text([body ?? key])), report("10001", 7))
      }
      assert.deepStrictEqual(yield* take(Topic.stream(ours), 1), [report("10001", 7)])
      // Others than those that are alike cannot be told apart: they are one, or several.
      yield* Sub.make({ connect, subscribe: ["weather/1/", "weather/2/"] })
      yield* Sub.make({ connect, subscribe: "" })
      yield* Sub.make({ connect, subscribe: "" })
      yield* Sub.make({ connect, subscribe: "" })
      yield* Sub.make({ connect, subscribe: "" })
      yield* counted(publisher, 5)
    }),

  "says that it is there after it has subscribed, so that who is counted hears": (place) =>
    Effect.gen(function* () {
      const xpub = yield* XPub.make({ bind: place(), verbosity: "all" })
      const connect = yield* endpointOf(xpub)
      for (const keys of [["1", "2", "3"], Topic.all, ["z", Topic.prefix("a"), "m"]] as const) {
        const scope = yield* Scope.make()
        yield* Scope.provide(Topic.subscriber(Weather, { connect, keys, linger: 0 }), scope)
        const count = Array.isArray(keys) ? 3 : 1
        const told = yield* take(XPub.stream(xpub), 2 * count + 1)
        const kinds = told.map((event) => {
          const first = event._tag === "Subscribe" ? event.topic[0] : undefined
          return first === 0 ? "claim" : first === 0xff ? "presence" : "key"
        })
        const each = (kind: string) => Array.from({ length: count }, () => kind)
        assert.deepStrictEqual(kinds, [...each("claim"), ...each("key"), "presence"])
        yield* Scope.close(scope, Exit.void)
        yield* take(XPub.stream(xpub), 2 * count + 1)
      }
    }),

  "reads a plain PUB, and drops and counts what is none of its messages": (place) =>
    Effect.gen(function* () {
      const pub = yield* Pub.make({ bind: place() })
      const connect = yield* endpointOf(pub)
      const subscriber = yield* Topic.subscriber(Weather, { connect, keys: Topic.all })
      const good = ["weather/1/", '{"zip":"1","temperature":1}'] as const
      const wrong: ReadonlyArray<Message.Input> = [
        "weather/1/",
        ["weather/1/", "{"],
        ["weather/1/", '{"zip":"1"}'],
        ["weather/1/2/", good[1]],
        ["weather//", good[1]],
        ["weather/1", good[1]],
        ["weather/", good[1]],
        [...good, "more"]
      ]
      // A PUB does not tell when it is subscribed to: it is asked until an answer comes.
      const asking = yield* Effect.forkChild(
        Effect.forever(Effect.andThen(Pub.send(pub, good), Effect.sleep("5 millis")))
      )
      yield* take(Topic.stream(subscriber), 1)
      yield* Fiber.interrupt(asking)
      const seen: Array<string> = []
      const until = { zip: "end", temperature: 0 }
      yield* Pub.sendAll(pub, [...wrong, ["weather/end/", JSON.stringify(until)]])
      yield* subscriber.pipe(
        (self) =>
          Topic.entries(self, { onMalformed: (message) => Effect.sync(() => seen.push(Message.inspect(message))) }),
        Stream.takeUntil(({ key }) => key === "end"),
        Stream.runDrain
      )
      assert.deepStrictEqual(
        seen,
        wrong.map((message) => Message.inspect(Message.make(message)))
      )
      yield* Pub.send(pub, ["weather/1/", "?"])
      const failure = yield* Effect.flip(Stream.runHead(Topic.stream(subscriber, { onMalformed: "fail" })))
      assert.strictEqual(failure._tag, "SchemaError")
    }),

  "is heard from several publishers, each of which counts the subscriber": (place) =>
    Effect.gen(function* () {
      const publishers = yield* Effect.forEach([1, 2, 3], () => Topic.publisher(Chat, { bind: place() }))
      const connect = yield* Effect.forEach(publishers, ({ socket }) => endpointOf(socket))
      const subscriber = yield* Topic.subscriber(Chat, { connect, keys: "lobby" })
      for (const [i, publisher] of publishers.entries()) {
        yield* Topic.awaitSubscribers(publisher, 1)
        yield* Topic.publishAs(publisher, "lobby", `from ${i}`)
      }
      const heard = yield* take(Topic.entries(subscriber), 3)
      assert.sameDeepMembers(
        [...heard],
        [0, 1, 2].map((i) => ({ key: "lobby", value: `from ${i}` }))
      )
    }),

  "counts subscribers behind a forwarder, too": (place) =>
    Effect.gen(function* () {
      const front = yield* XSub.make({ bind: place() })
      const back = yield* XPub.make({ bind: place() })
      yield* Effect.forkScoped(
        Stream.runForEach(Poller.merge({ front, back }), (polled) => {
          if (polled._tag === "front") return XPub.send(back, polled.value)
          const event = polled.value
          if (event._tag === "Subscribe") return XSub.subscribe(front, event.topic)
          return event._tag === "Unsubscribe" ? XSub.unsubscribe(front, event.topic) : Effect.void
        })
      )
      const connect = yield* endpointOf(back)
      const publisher = yield* Topic.publisher(Chat, { connect: yield* endpointOf(front) })
      const subscribers = yield* Effect.forEach([1, 2, 3], () => Topic.subscriber(Chat, { connect, keys: "lobby" }))
      yield* Topic.awaitSubscribers(publisher, 3)
      yield* Topic.publishAs(publisher, "lobby", "all of you")
      for (const subscriber of subscribers) {
        assert.deepStrictEqual(yield* take(Topic.stream(subscriber), 1), ["all of you"])
      }
    }),

  "is a service, made by layers": (place) =>
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const publishing = yield* Layer.buildWithScope(Weather.layerPublisher({ bind: place() }), scope)
      const publisher = yield* Effect.provide(Weather.Publisher, publishing)
      const connect = yield* endpointOf(publisher.socket)
      const both = yield* Layer.buildWithScope(Weather.layerSubscriber({ connect, keys: "1" }), scope)
      const program = Effect.gen(function* () {
        const publisher = yield* Weather.Publisher
        yield* Topic.awaitSubscribers(publisher, 1)
        yield* Topic.publish(publisher, report("1"))
        return yield* take(Topic.stream(yield* Weather.Subscriber), 1)
      })
      assert.deepStrictEqual(yield* program.pipe(Effect.provide(publishing), Effect.provide(both)), [report("1")])
    }),

  "tells who waits for subscribers that the publisher is closed": (place) =>
    Effect.gen(function* () {
      const publisher = yield* Topic.publisher(Chat, { bind: place() })
      const waiting = yield* Effect.forkChild(Effect.flip(Topic.awaitSubscribers(publisher, 1)), {
        startImmediately: true
      })
      yield* Socket.drain(publisher.socket, 0)
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "Closed")
      const failure = yield* Effect.flip(Topic.publishAs(publisher, "lobby", "?"))
      assert.strictEqual(failure._tag, "ZmqError")
    })
})

/**
 * What our sockets put before a socket of another type is, frame by frame, what libzmq puts there: recorded from pyzmq by
 * `record.py`. Who watches ours is not ours: over libzmq it is the addon alone, in memory the bare handle of the transport.
 */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, MemoryTransport, type Message, SocketOptions, type SocketType, Transport } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Duration, Effect, type Layer, Result, Schedule, type Scope } from "effect"
import * as Addon from "zeromq"
import { type FramesScenario, frames, fromHex, nonEmpty, shown, subject } from "./scenarios.ts"

/** A socket that watches ours. */
interface Observer {
  readonly endpoint: Endpoint.Input
  readonly receive: Effect.Effect<ReadonlyArray<Uint8Array>>
  readonly send: (message: Message.Message) => Effect.Effect<void>
  /** A socket of libzmq learns of its connections when it is called; what it has to say to them may wait for that. */
  readonly pump: () => void
}

type Observe = (type: SocketType.SocketType) => Effect.Effect<Observer, never, Transport.Transport | Scope.Scope>

const targets: ReadonlyArray<{
  readonly name: string
  readonly layer: Layer.Layer<Transport.Transport>
  readonly observe: Observe
}> = [
  {
    name: "memory",
    layer: MemoryTransport.layer,
    observe: (type) =>
      Effect.gen(function* () {
        const transport = yield* Transport.Transport
        const hasId = type === "ROUTER" || type === "DEALER" || type === "REQ"
        const options = SocketOptions.resolve({ linger: 0, ...(hasId && { routingId: "observer" }) }, false)
        const handle = yield* transport.open(type, Result.getOrThrow(options))
        const bound = yield* handle.bind(Result.getOrThrow(Endpoint.parseBind("tcp://127.0.0.1:*")))
        return {
          endpoint: bound,
          receive: Effect.andThen(
            handle.readable,
            Effect.sync(() => handle.receiveOneUnsafe() ?? assert.fail("readable, and nothing is there"))
          ).pipe(Effect.orDie),
          send: (message: Message.Message) => {
            const [first] = message
            if (type === "SUB") return Effect.orDie(handle.subscribe(first))
            if (type !== "XSUB" || first[0] === undefined || first[0] > 1) return Effect.orDie(handle.send([message]))
            return Effect.orDie((first[0] === 1 ? handle.subscribe : handle.unsubscribe)(first.subarray(1)))
          },
          pump: () => {}
        }
      }).pipe(Effect.orDie)
  },
  {
    name: "zmq",
    layer: ZmqTransport.layer,
    observe: (type) =>
      Effect.gen(function* () {
        const socket = yield* Effect.acquireRelease(
          Effect.sync(() => open(type)),
          (socket) => Effect.sync(() => socket.close())
        )
        yield* Effect.promise(() => socket.bind("tcp://127.0.0.1:*"))
        return {
          endpoint: Result.getOrThrow(Endpoint.parseConnect(socket.lastEndpoint ?? "")),
          receive: Effect.promise(() => ("receive" in socket ? socket.receive() : assert.fail("it cannot receive"))),
          send: (message) =>
            socket instanceof Addon.Subscriber
              ? Effect.sync(() => socket.subscribe(Buffer.from(message[0])))
              : Effect.promise(() =>
                  "send" in socket ? socket.send(message.map(copy)) : assert.fail("it cannot send")
                ),
          pump: () => void ("readable" in socket && socket.readable)
        }
      })
  }
]

/** The addon's socket of a type, whose routing id, where it has one, is `observer`. */
const open = (type: SocketType.SocketType) => {
  const linger = { linger: 0 }
  const named = { linger: 0, routingId: "observer" }
  switch (type) {
    case "REQ":
      return new Addon.Request(named)
    case "REP":
      return new Addon.Reply(linger)
    case "DEALER":
      return new Addon.Dealer(named)
    case "ROUTER":
      return new Addon.Router({ ...named, mandatory: true })
    case "PUB":
      return new Addon.Publisher(linger)
    case "SUB":
      return new Addon.Subscriber(linger)
    case "XPUB":
      return new Addon.XPublisher(linger)
    case "XSUB":
      return new Addon.XSubscriber(linger)
    case "PUSH":
      return new Addon.Push(linger)
    case "PULL":
      return new Addon.Pull(linger)
    case "PAIR":
      return new Addon.Pair(linger)
  }
}

const copy = (frame: Uint8Array): Buffer => Buffer.from(frame)

/** Does something again and again, until an effect ends. */
const meanwhile = <A, E, R, R2>(effect: Effect.Effect<A, E, R>, again: Effect.Effect<unknown, never, R2>) =>
  Effect.raceFirst(effect, Effect.andThen(Effect.repeat(again, Schedule.spaced(Duration.millis(1))), Effect.never))

const play = Effect.fnUntraced(function* (
  { observer: observing, options, steps, type }: FramesScenario,
  observe: Observe
) {
  const observer = yield* observe(observing)
  const socket = yield* subject(type, options, { connect: observer.endpoint })
  const pump = Effect.sync(observer.pump)
  let again: Effect.Effect<unknown, never, Scope.Scope> = Effect.void
  for (const step of steps) {
    if (step.who === "observer") {
      if (step.does === "sends") {
        yield* observer.send(nonEmpty(step.frames.map(fromHex)))
      } else {
        const seen = yield* meanwhile(observer.receive, again)
        assert.deepStrictEqual(shown(seen, step.frames), step.frames, "what the observer sees")
        again = Effect.void
      }
    } else if (step.does === "receives") {
      const received = yield* meanwhile(socket.receive, pump)
      assert.deepStrictEqual(shown(received, step.frames), step.frames, "what the socket receives")
    } else if (step.does === "sends until it is seen") {
      again = Effect.andThen(pump, Effect.orDie(socket.does(step)))
    } else {
      yield* socket.does(step)
    }
  }
})

for (const { name, layer, observe } of targets) {
  describe(`golden frames, ${name}`, () => {
    for (const scenario of frames) {
      it.live(`${scenario.title} (${scenario.type} at ${scenario.observer})`, () =>
        play(scenario, observe).pipe(Effect.provide(layer))
      )
    }
  })
}

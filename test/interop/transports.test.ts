/** Sockets of one transport talk to those of another: each pair of types, either side bound, over every network. */

import { assert, describe, it } from "@effect/vitest"
import {
  Dealer,
  type Endpoint,
  Message,
  Pair,
  Pub,
  Pull,
  Push,
  Rep,
  Req,
  Router,
  Socket,
  type SocketOptions,
  Sub,
  Transport,
  XPub,
  XSub,
  type ZmqError
} from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { ZmtpTransport } from "@effect-zmq/transport-zmtp"
import { Context, Effect, Layer, type Scope, Stream } from "effect"

const layers = { zmq: ZmqTransport.layer, zmtp: ZmtpTransport.layer }

type Name = keyof typeof layers

const crossings: ReadonlyArray<readonly [Name, Name]> = [
  ["zmq", "zmtp"],
  ["zmtp", "zmq"],
  ["zmtp", "zmtp"]
]

type Where = Pick<SocketOptions.Options, "bind" | "connect">
type Make<S> = (where: Where) => Effect.Effect<S, ZmqError.ZmqError, Transport.Transport | Scope.Scope>

interface Talk {
  readonly title: string
  /** Opens both, and has them talk; the first is the one that the title names first. */
  readonly talk: (
    open: <A extends Socket.Socket, B extends Socket.Socket>(
      one: Make<A>,
      other: Make<B>
    ) => Effect.Effect<readonly [A, B], ZmqError.ZmqError, Scope.Scope>
  ) => Effect.Effect<unknown, unknown, Scope.Scope>
}

const sorts: ReadonlyArray<Message.Message> = [
  "plain",
  "",
  "x".repeat(255),
  "y".repeat(256),
  new Uint8Array(9_000).fill(9),
  new Uint8Array(300_000).fill(7),
  ["one", "", "three"],
  [new Uint8Array(70_000), "", new Uint8Array(20_000), "tail"]
].map((input) => Message.make(input as Message.Input))

const plain = (message: Message.Message): ReadonlyArray<string> =>
  message.map((frame) => Buffer.from(frame).toString("hex"))

const same = (received: ReadonlyArray<Message.Message>, sent: ReadonlyArray<Message.Message>) =>
  assert.deepStrictEqual(received.map(plain), sent.map(plain))

const many: ReadonlyArray<Message.Message> = Array.from({ length: 5000 }, (_, index) =>
  Message.make(`message ${index}`)
)

const talks: ReadonlyArray<Talk> = [
  {
    title: "PUSH to PULL",
    talk: (open) =>
      Effect.gen(function* () {
        const [push, pull] = yield* open(Push.make, Pull.make)
        for (const all of [sorts, many]) {
          yield* Effect.forkChild(Push.sendAll(push, all as readonly [Message.Message]))
          same(yield* Stream.runCollect(Stream.take(Pull.stream(pull), all.length)), all)
        }
      })
  },
  {
    title: "REQ to REP",
    talk: (open) =>
      Effect.gen(function* () {
        const [req, rep] = yield* open(
          // Bound, it has to tell late replies from others.
          ({ bind, connect }) => Req.make(bind === undefined ? { connect } : { bind, correlate: true }),
          Rep.make
        )
        yield* Effect.forkChild(Rep.serve(rep, (request) => Effect.succeed(request)))
        for (const message of sorts) same([yield* Req.request(req, message)], [message])
      })
  },
  {
    title: "DEALER to ROUTER",
    talk: (open) =>
      Effect.gen(function* () {
        const [dealer, router] = yield* open(
          (where) => Dealer.make({ ...where, routingId: "dealer" }),
          (where) => Router.make(where)
        )
        yield* Effect.forkChild(Dealer.sendAll(dealer, sorts as unknown as readonly [Message.Message]))
        for (const message of sorts) {
          const received = yield* Router.receive(router)
          same([received.message, [received.from]], [message, Message.make("dealer")])
          yield* Router.send(router, { to: received.from, message: received.message })
        }
        same(yield* Stream.runCollect(Stream.take(Dealer.stream(dealer), sorts.length)), sorts)
      })
  },
  {
    title: "PUB to SUB",
    talk: (open) =>
      Effect.gen(function* () {
        const [pub, sub] = yield* open(Pub.make, (where) => Sub.make({ ...where, subscribe: ["a", "last"] }))
        const publishing = yield* Effect.forkChild(
          Effect.forever(Effect.andThen(Pub.send(pub, "a probe"), Effect.sleep("5 millis")))
        )
        yield* Sub.receive(sub)
        publishing.interruptUnsafe()
        yield* Effect.sleep("20 millis")
        for (const text of ["ab", "b", "a", "c", "last"]) yield* Pub.send(pub, text)
        const texts = yield* Sub.stream(sub).pipe(
          Stream.map(Message.text),
          Stream.filter((text) => text !== "a probe"),
          Stream.take(3),
          Stream.runCollect
        )
        assert.deepStrictEqual(texts, ["ab", "a", "last"])
      })
  },
  {
    title: "XSUB to XPUB",
    talk: (open) =>
      Effect.gen(function* () {
        const [xsub, xpub] = yield* open(XSub.make, XPub.make)
        yield* XSub.subscribe(xsub, "topic")
        const one = yield* XPub.receive(xpub)
        assert.strictEqual(one._tag === "Subscribe" ? Message.text([one.topic]) : "", "topic")
        yield* XPub.send(xpub, ["topic", "body"])
        same([yield* XSub.receive(xsub)], [Message.make(["topic", "body"])])
        yield* XSub.send(xsub, "upstream")
        const two = yield* XPub.receive(xpub)
        assert.strictEqual(two._tag === "Message" ? Message.text(two.message) : "", "upstream")
        yield* XSub.unsubscribe(xsub, "topic")
        assert.strictEqual((yield* XPub.receive(xpub))._tag, "Unsubscribe")
      })
  },
  {
    title: "PAIR to PAIR",
    talk: (open) =>
      Effect.gen(function* () {
        const [one, other] = yield* open(Pair.make, Pair.make)
        yield* Effect.forkChild(Pair.sendAll(one, sorts as unknown as readonly [Message.Message]))
        yield* Effect.forkChild(Pair.sendAll(other, many as unknown as readonly [Message.Message]))
        same(yield* Stream.runCollect(Stream.take(Pair.stream(other), sorts.length)), sorts)
        same(yield* Stream.runCollect(Stream.take(Pair.stream(one), many.length)), many)
      })
  }
]

const transportOf = (name: Name): Effect.Effect<Transport.Transport["Service"], never, Scope.Scope> =>
  Effect.map(Layer.build(layers[name]), (context) => Context.get(context, Transport.Transport))

const anyOf = { tcp: "tcp://127.0.0.1:*", ipc: "ipc://*" } as const

for (const [first, second] of crossings) {
  for (const scheme of ["tcp", "ipc"] as const) {
    describe(`${first} to ${second}, ${scheme}`, { concurrent: true }, () => {
      for (const { talk, title } of talks) {
        for (const bound of ["first", "second"] as const) {
          it.live(`${title}, the ${bound} one bound`, () =>
            Effect.gen(function* () {
              const [one, other] = [yield* transportOf(first), yield* transportOf(second)]
              const provided = <S>(make: Make<S>, transport: Transport.Transport["Service"], where: Where) =>
                Effect.provideService(make({ ...where }), Transport.Transport, transport)
              yield* talk((makeOne, makeOther) =>
                Effect.gen(function* () {
                  const bind = anyOf[scheme]
                  // What a socket is bound to is an endpoint.
                  const whereOf = (socket: Socket.Socket) =>
                    Effect.map(Socket.endpoint(socket), (connect) => ({ connect: connect as Endpoint.Text }))
                  if (bound === "first") {
                    const a = yield* provided(makeOne, one, { bind })
                    return [a, yield* provided(makeOther, other, yield* whereOf(a))] as const
                  }
                  const b = yield* provided(makeOther, other, { bind })
                  return [yield* provided(makeOne, one, yield* whereOf(b)), b] as const
                })
              )
            }).pipe(Effect.scoped, Effect.timeout("10 seconds"))
          )
        }
      }
    })
  }
}

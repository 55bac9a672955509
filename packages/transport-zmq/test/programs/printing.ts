/**
 * Prints all that can be printed: logs of all levels in all formats, spans, events, errors, values, a defect at the end. Its
 * secrets come by the environment, and are not to be in it.
 */
import { inspect } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Curve from "@effect-zmq/core/Curve"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Pull from "@effect-zmq/core/Pull"
import * as Push from "@effect-zmq/core/Push"
import * as Router from "@effect-zmq/core/Router"
import * as Security from "@effect-zmq/core/Security"
import * as Socket from "@effect-zmq/core/Socket"
import { Transport } from "@effect-zmq/core/Transport"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { ZmqTransport } from "../../src/index.ts"

const secret = (name: string) => Redacted.make(process.env[name] ?? "")

const everything = { depth: 12, showHidden: true, getters: true, maxStringLength: null } as const

/** In every way that a value becomes text. */
const show = (name: string, value: unknown) =>
  Effect.gen(function* () {
    const ways = [
      () => String(value),
      () => JSON.stringify(value),
      () => inspect(value, everything),
      // Around what a value says of itself.
      () => inspect(Object.values(Object(value)), everything)
    ]
    for (const way of ways) yield* Effect.ignore(Effect.flatMap(Effect.try(way), (text) => Console.log(name, text)))
    yield* Effect.log(name, value)
    yield* Effect.annotateLogs(Effect.logDebug(name), { value })
  }).pipe(Effect.withSpan(name, { attributes: { value } }))

/** A program whose failures are shown. */
const failing = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) =>
  Effect.sandbox(effect).pipe(
    Effect.withSpan(name),
    Effect.catch((cause) => show(name, cause))
  )

/** Shows a socket, and all that happens to it until it is told of a handshake. */
const showSocket = (name: string, socket: Socket.Socket) =>
  Effect.gen(function* () {
    const events = Socket.events(socket).pipe(
      Stream.takeUntil(({ _tag }) => _tag === "HandshakeFailed" || _tag === "HandshakeSucceeded"),
      Stream.runForEach((event) => show(`${name}: event`, event))
    )
    yield* Effect.timeoutOption(events, "1 second")
    yield* show(name, socket)
  })

const program = Effect.gen(function* () {
  const server = yield* Curve.keyPairOf(secret("SERVER"))
  const client = yield* Curve.keyPairOf(secret("CLIENT"))
  const password = secret("PASSWORD")
  yield* show("transport", yield* Transport)
  const bind = "tcp://127.0.0.1:*"
  const authentications: ReadonlyArray<Security.Authenticate<Security.Request>> = [
    (request) => Effect.as(show("request", request), { id: "user" }),
    (request) => Effect.andThen(show("request", request), Security.denied("no")),
    (request) => Effect.die(request)
  ]
  for (const authenticate of authentications) {
    for (const [ours, theirs] of [
      [
        Security.curve({ keyPair: server, authenticate }),
        Security.curve({ keyPair: client, serverKey: server.publicKey })
      ],
      [
        Security.curve({ keyPair: server, authenticate }),
        Security.curve({ keyPair: client, serverKey: client.publicKey })
      ],
      [Security.plain({ authenticate }), Security.plain({ username: "alice", password })],
      [Security.curve({ keyPair: server, authenticate }), Security.plain({ username: "alice", password })]
    ] as const) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const options = { bind, security: ours, linger: 0 } as const
          yield* show("options", options)
          const router = yield* Router.make(options)
          const dealer = yield* Dealer.make({ connect: yield* Socket.endpoint(router), security: theirs, linger: 0 })
          yield* Effect.all([showSocket("router", router), showSocket("dealer", dealer)])
          yield* show("dealer's security", theirs)
          const { from } = yield* Router.receive(router).pipe(
            Effect.raceFirst(Effect.andThen(Dealer.send(dealer, "hello"), Effect.never)),
            Effect.timeout("100 millis")
          )
          yield* failing("unroutable", Router.send(router, { to: "nobody", message: "?" }))
          yield* Router.send(router, { to: from, message: "hello" })
        })
      ).pipe((effect) => failing("pair", effect))
    }
  }
  // What untyped code may give: secrets where they do not belong.
  const wrong: ReadonlyArray<unknown> = [
    Redacted.value(password),
    { password: Redacted.value(password) },
    { _tag: "Plain", role: "client", username: "alice", password: Redacted.value(password) },
    { _tag: "Plain", role: "client", username: "alice", password: Redacted.make(Redacted.value(password).repeat(50)) },
    {
      _tag: "Curve",
      role: "client",
      keyPair: { ...client, secretKey: process.env.CLIENT },
      serverKey: server.publicKey
    },
    { _tag: "Curve", role: "client", keyPair: { ...client, publicKey: `${process.env.CLIENT}!` }, serverKey: "" },
    { _tag: "Curve", role: "client", keyPair: client, serverKey: `${process.env.SERVER}!` }
  ]
  for (const security of wrong) {
    // It is none, on purpose.
    yield* failing("wrong", Push.make({ connect: "tcp://127.0.0.1:1", security: security as Security.Security }))
  }
  yield* failing("not a key", Curve.keyPairOf(Redacted.make(`${process.env.SERVER}\0`)))
  yield* failing(
    "taken",
    Pull.make({
      bind: "inproc://zeromq.zap.01",
      security: Security.plain({ authenticate: () => Effect.die(password) })
    })
  )
  return yield* Effect.die({ server, client, password })
}).pipe(Effect.scoped, Effect.withSpan("program"))

/** Prints each span when it ends. */
const printing = Tracer.make({
  span: (options) => {
    const span = new Tracer.NativeSpan(options)
    const end = span.end.bind(span)
    span.end = (time, exit) => {
      end(time, exit)
      console.log("span", inspect(span, { depth: 20, showHidden: true, getters: true }))
    }
    return span
  }
})

program.pipe(
  Effect.provide([
    ZmqTransport.layer,
    Logger.layer([Logger.consolePretty(), Logger.consoleJson, Logger.consoleLogFmt, Logger.consoleStructured]),
    Layer.succeed(References.MinimumLogLevel, "All"),
    Layer.succeed(Tracer.Tracer, printing)
  ]),
  NodeRuntime.runMain
)

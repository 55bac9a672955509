/**
 * The doctor: a small system with a fault of your choice, and what is found.
 *
 *     npx --yes pnpm@12 exec node examples/doctor/main.ts --fault subscription
 *
 * Weather is published, tasks are worked on, and requests are answered; one of it goes wrong, in silence, as it does in life.
 * `Doctor.layer` is all that is added, and the sockets know nothing of it. It ends with the first finding, or, without a
 * fault, when there was none for a while.
 */
import { type Endpoint, Pub, Pull, Push, Rep, Req, Socket, Sub, Transport } from "@effect-zmq/core"
import { Doctor } from "@effect-zmq/patterns"
import { Console, Deferred, Duration, Effect, Layer, Logger, Option, Schedule, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { duration, main } from "../main.ts"

/** What goes wrong, by the names of `--fault`. */
const faults = {
  none: "Nothing is wrong",
  subscription: "The subscriber of the weather has a typo in its subscription",
  address: "The workers look for tasks at a wrong address",
  server: "The server ends in the middle of a request, and does not come back",
  worker: "One worker is there before the other when the tasks are sent"
} as const

export type Fault = keyof typeof faults

const free = "tcp://127.0.0.1:*"

/** In the background, as long as the system runs. */
const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect)

const every = Schedule.spaced("100 millis")

const weather = Effect.fnUntraced(function* (fault: Fault) {
  const station = yield* Pub.make({ name: "weather station", bind: free })
  const subscribe = fault === "subscription" ? "wether/" : "weather/"
  const listener = yield* Sub.make({ name: "listener", connect: yield* Socket.endpoint(station), subscribe })
  yield* background(Sub.runForEach(listener, () => Effect.void))
  yield* Socket.awaitPeers(station, 1)
  yield* background(Effect.repeat(Pub.send(station, "weather/10001 71 °F"), every))
})

const tasks = Effect.fnUntraced(function* (fault: Fault) {
  const ventilator = yield* Push.make({ name: "ventilator", bind: free, linger: 0 })
  const right = yield* Socket.endpoint(ventilator)
  const connect = fault === "address" ? yield* nobodys : right
  const worker = Effect.fnUntraced(function* (name: string, connect: Endpoint.Input) {
    const pull = yield* Pull.make({ name, connect })
    yield* background(Pull.runForEach(pull, () => Effect.sleep(fault === "worker" ? "1 second" : "1 millis")))
  })
  yield* worker("ada", connect)
  if (fault === "address") return yield* worker("bob", connect)
  if (fault !== "worker") yield* worker("bob", connect)
  yield* Socket.awaitPeers(ventilator, fault === "worker" ? 1 : 2)
  yield* Push.sendAll(
    ventilator,
    Array.from({ length: 20 }, (_, n) => `task ${n + 1}`)
  )
  if (fault === "worker") yield* worker("bob", connect)
})

/** An address that was bound, and is no more. */
const nobodys = Effect.scoped(Effect.flatMap(Pull.make({ bind: free }), Socket.endpoint))

const requests = Effect.fnUntraced(function* (fault: Fault) {
  const asked = yield* Deferred.make<void>()
  const address = yield* Deferred.make<Endpoint.Text>()
  const server = Effect.gen(function* () {
    const rep = yield* Rep.make({ name: "server", bind: free })
    yield* Deferred.succeed(address, yield* Socket.endpoint(rep))
    const answer = fault === "server" ? Effect.never : Effect.succeed("World")
    yield* Rep.serve(rep, () => Effect.andThen(Deferred.succeed(asked, undefined), answer))
  }).pipe(Effect.scoped)
  yield* background(fault === "server" ? Effect.raceFirst(server, Deferred.await(asked)) : server)
  const client = yield* Req.make({ name: "client", connect: yield* Deferred.await(address) })
  yield* background(Effect.repeat(Req.request(client, "Hello"), every))
})

export const sick = Effect.fnUntraced(function* (options: {
  readonly fault: Fault
  readonly grace: Duration.Duration
}) {
  const transport = Layer.succeed(Transport.Transport, yield* Transport.Transport)
  const system = Effect.gen(function* () {
    yield* Console.log(`${faults[options.fault]}.\n`)
    yield* Effect.all([weather(options.fault), tasks(options.fault), requests(options.fault)])
    const patience = Duration.times(options.grace, options.fault === "none" ? 2 : 10)
    const finding = yield* Stream.runHead(Doctor.findings).pipe(Effect.timeoutOption(patience))
    yield* Console.log(
      Option.match(Option.flatten(finding), {
        onNone: () => "✓ Nothing is found",
        onSome: Doctor.render
      })
    )
  })
  yield* system.pipe(
    Effect.scoped,
    Effect.provide(Doctor.layerWith({ grace: options.grace }).pipe(Layer.provide(transport))),
    // It would say the same again.
    Effect.provide(Logger.layer([]))
  )
})

main(
  import.meta,
  Command.make(
    "doctor",
    {
      // The keys are the names.
      fault: Flag.Literals("fault", Object.keys(faults) as Array<Fault>).pipe(
        Flag.withDefault<Fault>("subscription"),
        Flag.withDescription("what is wrong with the system (default: subscription)")
      ),
      grace: duration("grace", "for how long something has to be wrong before it is found", Duration.seconds(2))
    },
    sick
  ).pipe(Command.withDescription("A small system with a fault, and what the doctor finds."))
)

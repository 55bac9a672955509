/**
 * A peer among equals: finds the others, talks to them, and misses who has left. There is no server but one of them.
 *
 *     npx --yes pnpm@12 exec node examples/peer-to-peer/peer.ts --name ada
 *     npx --yes pnpm@12 exec node examples/peer-to-peer/peer.ts --name bob
 *
 * Whoever finds no nameserver takes the role: to be bound to its port is to have it. When it goes silent, another one
 * takes over. On several machines, each says where it is, and all where to look:
 *
 *     … peer.ts --name ada --bind tcp://192.168.1.7:9001 --hosts 192.168.1.1-254
 */
import { Endpoint, Push, Req, Sub } from "@effect-zmq/core"
import { Console, Data, Duration, Effect, Option, Random, Result, Schedule, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { bind, main } from "../main.ts"
import { printable } from "../messages.ts"
import { hosts, isBefore } from "./hosts.ts"
import { after, beacon, describe, interval, isName, relayed, silence, user, users } from "./messages.ts"
import { endpoints, nameserver } from "./nameserver.ts"

export const peer = Effect.fnUntraced(function* (options: {
  readonly name: string
  /** Where this peer is, and the first of the four ports that nameservers have. */
  readonly bind: Endpoint.Input
  readonly hosts: ReadonlyArray<string>
}) {
  const { host, port } = yield* place(options.bind, options.hosts)
  const self = user(host, options.name)
  yield* Console.log(`I am ${describe(self)}, and look for peers at ${options.hosts.length} addresses`)

  // Most of them are nobody, and tried again and again: a nameserver is found soon after it is there.
  const beacons = yield* Sub.make({
    connect: options.hosts.map((host) => endpoints(host, port).beacon),
    subscribe: beacon,
    reconnect: { initial: "100 millis", maximum: "500 millis" }
  })
  const nameservers = Stream.filterMap(Sub.stream(beacons), (message) =>
    Result.fromNullishOr(
      options.hosts.find((host) => host === after(beacon, message)),
      () => message
    )
  )

  /** Who else is here, as far as this peer was told. */
  let here: ReadonlySet<string> = new Set()
  const meet = (present: ReadonlySet<string>) => {
    const came = [...present].filter((user) => !here.has(user)).map((user) => `${describe(user)} is here`)
    const left = [...here].filter((user) => !present.has(user)).map((user) => `${describe(user)} has left`)
    here = present
    return Effect.forEach([...came, ...left], (line) => Console.log(printable(line)), { discard: true })
  }

  /** Takes part in what the peers of a nameserver do, for as long as others do not come first. */
  const takePart = Effect.fnUntraced(function* (nameserver: string) {
    const at = endpoints(nameserver, port)
    // What is for a nameserver that has gone is not for the next one.
    const toNameserver = { immediate: true, linger: 0 }
    const registry = yield* Req.make({ connect: at.registry, ...toNameserver })
    const collector = yield* Push.make({ connect: at.collector, ...toNameserver })
    const relay = yield* Sub.make({ connect: at.relay, subscribe: [relayed, users] })

    const register = Req.request(registry, self).pipe(
      Effect.timeoutOption(interval),
      Effect.repeat(Schedule.spaced(interval))
    )
    const listen = Sub.runForEach(relay, (message) => {
      const present = after(users, message)
      if (present !== undefined) return meet(new Set(present.split(",").filter((user) => user !== self && user !== "")))
      const saying = after(relayed, message) ?? ""
      return saying.startsWith(`(${options.name},${host}:`) ? Effect.void : Console.log(`← ${printable(saying)}`)
    })
    const talk = Effect.gen(function* () {
      const roll = yield* Random.nextIntBetween(1, 100)
      if (roll >= 10 && roll <= 90) return
      const saying = `(${options.name},${host}:${roll < 10 ? "ON" : "OFF"})`
      yield* Push.send(collector, saying)
      yield* Console.log(`→ ${saying}`)
    }).pipe(Effect.repeat(Schedule.spaced(Duration.divideUnsafe(interval, 10))))
    return yield* Effect.raceAllFirst([register, listen, talk])
  }, Effect.scoped)

  /** Ends when a nameserver has gone silent, or when one comes that has the older right. */
  const watch = (nameserver: string): Effect.Effect<void> =>
    nameservers.pipe(
      Stream.filter((host) => host === nameserver || isBefore(host, nameserver)),
      Stream.runHead,
      Effect.timeoutOption(silence),
      Effect.flatMap(
        Option.match({
          onNone: () => Console.log(`The nameserver at ${nameserver} is gone`),
          onSome: (next) => (Option.contains(next, nameserver) ? watch(nameserver) : Effect.void)
        })
      )
    )

  let refused = false
  while (true) {
    // Not all at the same time: whoever is first has the role.
    const patience = Duration.times(interval, 2 + (yield* Random.next))
    const found = Option.flatten(yield* Effect.timeoutOption(Stream.runHead(nameservers), patience))
    if (Option.isSome(found)) {
      yield* Console.log(`The nameserver is at ${found.value}`)
      yield* Effect.raceFirst(watch(found.value), takePart(found.value))
      refused = false
    } else {
      refused = yield* nameserver({ host, port, beacons, meanwhile: takePart(host) }).pipe(
        Effect.as(false),
        // By a peer that was faster, which is heard soon. Twice in a row it is another program.
        Effect.catchReason("ZmqError", "AddressInUse", (_, error) =>
          refused ? Effect.fail(error) : Effect.succeed(true)
        )
      )
    }
  }
}, Effect.scoped)

/** This host, and the first port of a nameserver. */
const place = (bind: Endpoint.Input, hosts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const endpoint = Endpoint.isEndpoint(bind) ? bind : yield* Effect.fromResult(Endpoint.parseBind(bind))
    const text = Endpoint.format(endpoint)
    if (endpoint._tag !== "Tcp" || endpoint.port === 0 || endpoint.port > 65_532) {
      return yield* new NoPlace({
        problem: `${text} is no place for a peer: it must be tcp, with a port from 1 to 65532`
      })
    }
    if (!hosts.includes(endpoint.host)) {
      return yield* new NoPlace({ problem: `${text} is not where others look: add ${endpoint.host} to --hosts` })
    }
    return endpoint
  })

/** Nobody would find this peer. */
class NoPlace extends Data.TaggedError("NoPlace")<{ readonly problem: string }> {
  override get message(): string {
    return this.problem
  }
}

main(
  import.meta,
  Command.make(
    "peer",
    {
      name: Flag.String("name").pipe(
        Flag.filter(isName, () => `one line, not empty, and without ":" and ","`),
        Flag.withDefault(`peer-${process.pid}`),
        Flag.withMetavar("TEXT"),
        Flag.withDescription("what the others call you (default: by the process id)")
      ),
      bind: bind("tcp://127.0.0.1:9001").pipe(
        Flag.withDescription(
          "your address, and the first of the four ports of whoever is the nameserver (default: tcp://127.0.0.1:9001)"
        )
      ),
      hosts: hosts("127.0.0.1-4")
    },
    peer
  ).pipe(Command.withDescription("Finds peers, talks to them, and misses who has left."))
)

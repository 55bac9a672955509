/**
 * The role that one of the peers has: it tells where it is, knows who is here, and passes on what they say.
 */
import { Endpoint, Message, Pub, Pull, Rep, Sub } from "@effect-zmq/core"
import { Clock, Console, Duration, Effect, Schedule, Stream } from "effect"
import { isBefore } from "./hosts.ts"
import { after, beacon, interval, isUser, relayed, silence, users } from "./messages.ts"

/** The endpoints of a nameserver: its host, and four ports, one after the other. */
export const endpoints = (host: string, port: number) => ({
  beacon: Endpoint.tcp(host, port),
  registry: Endpoint.tcp(host, port + 1),
  relay: Endpoint.tcp(host, port + 2),
  collector: Endpoint.tcp(host, port + 3)
})

/**
 * Has the role until a nameserver of a lower address is heard. Fails with `AddressInUse` where another peer of this host
 * has it.
 */
export const nameserver = Effect.fnUntraced(function* <A, E, R>(options: {
  readonly host: string
  readonly port: number
  /** Hears the beacons of all hosts. */
  readonly beacons: Sub.Sub
  /** What this peer does as any other, while it has the role. */
  readonly meanwhile: Effect.Effect<A, E, R>
}) {
  const at = endpoints(options.host, options.port)
  const beaconing = yield* Pub.make({ bind: at.beacon })
  const registry = yield* Rep.make({ bind: at.registry })
  const relay = yield* Pub.make({ bind: at.relay })
  const collector = yield* Pull.make({ bind: at.collector })
  yield* Console.log(`I am the nameserver, at ${options.host}`)

  const again = Effect.repeat(Schedule.spaced(interval))
  /** When each was heard last. */
  const heard = new Map<string, number>()

  const register = (request: Message.Message) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const user = Message.text(request)
      if (!isUser(user)) return "expected <ip>:<name>, of a name without : and ,"
      heard.set(user, now)
      return "ok"
    })
  const publishUsers = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    for (const [user, at] of heard) if (now - at > Duration.toMillis(silence)) heard.delete(user)
    yield* Pub.send(relay, `${users}${[...heard.keys()].join(",")}`)
  })

  yield* Effect.raceAllFirst([
    again(Pub.send(beaconing, `${beacon}${options.host}`)),
    Rep.serve(registry, register),
    // Not before all have had the time to register: those who are missing then have left.
    Effect.andThen(Effect.sleep(silence), again(publishUsers)),
    Pull.runForEach(collector, (message) => Pub.send(relay, `${relayed}${Message.text(message)}`)),
    // Two who took the role at once: the first address keeps it.
    Sub.stream(options.beacons).pipe(
      Stream.filter((message) => isBefore(after(beacon, message) ?? options.host, options.host)),
      Stream.runHead,
      Effect.andThen(Console.log("There is another nameserver: I leave the role to it"))
    ),
    options.meanwhile
  ])
}, Effect.scoped)

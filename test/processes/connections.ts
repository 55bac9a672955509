/**
 * What becomes of connections whose other end is killed, stopped or cut off, with real processes; how often and how soon
 * is for who calls: a few times in the short tier, many in the long one.
 */
import { execFileSync } from "node:child_process"
import * as path from "node:path"
import {
  Dealer,
  type Endpoint,
  Message,
  Pair,
  Pull,
  Push,
  Rep,
  Req,
  Router,
  Security,
  Socket,
  type SocketState,
  Sub,
  XPub
} from "@effect-zmq/core"
import { Duration, Effect, Fiber, Option, Redacted, Stream } from "effect"
import { start } from "../examples/program.ts"

export const peerProgram = path.join(import.meta.dirname, "programs/peer.ts")

const now = Effect.sync(() => performance.now())

const anyPort = "tcp://127.0.0.1:*"

/** Starts a peer, and waits until it is bound. */
const peer = (type: "pull" | "rep", endpoint: Endpoint.Text, ...before: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const [command = process.execPath, ...args] = [...before, process.execPath, peerProgram, type, endpoint]
    const program = yield* start(command, ...args)
    const [, bound] = yield* program.prints(/^bound (.+)$/m)
    return { program, endpoint: bound as Endpoint.Text } // as it prints it
  })

const until = (socket: Socket.Socket, is: (state: SocketState.SocketState) => boolean) =>
  Stream.runDrain(Stream.takeUntil(Socket.changes(socket), is))

const isDown = ({ peers }: SocketState.SocketState) => peers === 0

/** Kills and restarts a peer; how long, in milliseconds, its client takes each time once the peer is bound again. */
export const killed = (count: number) =>
  Effect.gen(function* () {
    let { endpoint, program } = yield* peer("pull", anyPort)
    const push = yield* Push.make({ connect: endpoint, reconnect: { maximum: "500 millis" }, linger: 0 })
    const taken: Array<number> = []
    for (let n = 0; n < count; n++) {
      yield* Socket.awaitConnected(push)
      yield* program.signal("SIGKILL")
      yield* until(push, isDown)
      yield* program.ended
      const next = yield* peer("pull", endpoint)
      program = next.program
      const bound = yield* now
      const back = yield* Effect.timeoutOption(Socket.awaitConnected(push), "10 seconds")
      if (Option.isSome(back)) taken.push((yield* now) - bound)
    }
    return taken
  }).pipe(Effect.scoped)

/** Stops so many peers at once; how long, in milliseconds, each of their clients takes to notice. */
export const stopped = (count: number, heartbeat?: NonNullable<Push.Options["heartbeat"]>) =>
  Effect.gen(function* () {
    const peers = yield* Effect.replicateEffect(peer("pull", anyPort), count, { concurrency: 4 })
    const clients = yield* Effect.forEach(peers, ({ endpoint }) =>
      Push.make({ connect: endpoint, linger: 0, ...(heartbeat && { heartbeat }) })
    )
    for (const client of clients) yield* Socket.awaitConnected(client)
    for (const { program } of peers) yield* program.signal("SIGSTOP")
    return yield* noticed(clients)
  }).pipe(Effect.scoped)

/** How long each socket takes to see that its peer is gone; for at most a minute. */
const noticed = (sockets: ReadonlyArray<Socket.Socket>) =>
  Effect.gen(function* () {
    const begun = yield* now
    const all = yield* Effect.forEach(
      sockets,
      (socket) => Effect.andThen(Effect.timeoutOption(until(socket, isDown), "1 minute"), now),
      { concurrency: "unbounded" }
    )
    return all.map((time) => time - begun)
  })

let links = 0

/** A link between this process and a peer in a network namespace of its own, which can be unplugged. */
const link = Effect.acquireRelease(
  Effect.sync(() => {
    // The system lets go of a name a moment later.
    const name = `ez${process.pid}x${links++}`
    const ip = (...args: ReadonlyArray<string>) => execFileSync("ip", args, { stdio: "ignore" })
    const inside = ["netns", "exec", name, "ip"] as const
    ip("netns", "add", name)
    ip("link", "add", `${name}a`, "type", "veth", "peer", "name", `${name}b`, "netns", name)
    ip("addr", "add", "10.254.97.1/30", "dev", `${name}a`)
    ip("link", "set", `${name}a`, "up")
    ip(...inside, "addr", "add", "10.254.97.2/30", "dev", `${name}b`)
    ip(...inside, "link", "set", `${name}b`, "up")
    return {
      enter: ["ip", "netns", "exec", name],
      unplug: Effect.sync(() => ip(...inside, "link", "set", `${name}b`, "down")),
      plug: Effect.sync(() => ip(...inside, "link", "set", `${name}b`, "up")),
      remove: Effect.sync(() => ip("netns", "del", name))
    }
  }),
  ({ remove }) => remove
)

/** Why no link can be unplugged here; `undefined` where one can. */
export const whyNoLink = (): string | undefined => {
  const name = `ezmqtry${process.pid}`
  try {
    execFileSync("ip", ["netns", "add", name], { stdio: "ignore" })
    execFileSync("ip", ["netns", "del", name], { stdio: "ignore" })
    return undefined
  } catch {
    return "network namespaces are not permitted here: it takes `ip netns`, and root"
  }
}

/** Unplugs the link of so many connections; how long each takes to notice, and whether all are back when it is mended. */
export const unplugged = (count: number, heartbeat?: NonNullable<Push.Options["heartbeat"]>) =>
  Effect.gen(function* () {
    const { enter, plug, unplug } = yield* link
    const { endpoint } = yield* peer("pull", "tcp://10.254.97.2:*", ...enter)
    const clients = yield* Effect.replicateEffect(
      Push.make({
        connect: endpoint,
        linger: 0,
        reconnect: { maximum: "500 millis" },
        connectTimeout: "1 second",
        ...(heartbeat && { heartbeat })
      }),
      count
    )
    for (const client of clients) yield* Socket.awaitConnected(client)
    // TCP's own acknowledgements are through: it asks only after those that have nothing on their way.
    yield* Effect.sleep("200 millis")
    yield* unplug
    const taken = yield* noticed(clients)
    yield* plug
    const back = yield* Effect.forEach(
      clients,
      (client) => Effect.timeoutOption(Socket.awaitConnected(client), "20 seconds"),
      { concurrency: "unbounded" }
    )
    return { taken, back: back.filter(Option.isSome).length }
  }).pipe(Effect.scoped)

/** How many connections are lost on so many idle sockets in so long, with the event loop stalled for a second in the middle. */
export const falseAlarms = (count: number, idle: Duration.Input, heartbeat?: NonNullable<Push.Options["heartbeat"]>) =>
  Effect.gen(function* () {
    const options = { linger: 0, ...(heartbeat && { heartbeat }) }
    const pull = yield* Pull.make({ bind: anyPort, ...options })
    const connect = yield* Socket.endpoint(pull)
    const clients = yield* Effect.replicateEffect(Push.make({ connect, ...options }), count)
    for (const client of clients) yield* Socket.awaitConnected(client)
    yield* Socket.awaitPeers(pull, count)
    let alarms = 0
    for (const socket of [pull, ...clients]) {
      yield* Effect.forkScoped(
        Stream.runForEach(Socket.events(socket), ({ _tag }) =>
          Effect.sync(() => {
            if (_tag === "Disconnected") alarms++
          })
        )
      )
    }
    const half = Duration.millis(Duration.toMillis(Duration.fromInputUnsafe(idle)) / 2)
    yield* Effect.sleep(half)
    yield* Effect.sync(() => {
      for (const end = performance.now() + 1000; performance.now() < end; );
    })
    yield* Effect.sleep(half)
    return alarms
  }).pipe(Effect.scoped)

/**
 * Receivers that read nothing for so long, while their queues and the system's are full: how many messages they then lack
 * or have out of order, and how many connections are lost meanwhile.
 */
export const paused = (pause: Duration.Input, count: number) =>
  Effect.gen(function* () {
    const linger = "1 minute"
    const receivers = {
      PULL: yield* Pull.make({ bind: anyPort }),
      SUB: yield* Sub.make({ bind: anyPort, subscribe: "" }),
      DEALER: yield* Dealer.make({ bind: anyPort }),
      PAIR: yield* Pair.make({ bind: anyPort }),
      ROUTER: yield* Router.make({ bind: anyPort })
    }
    const { DEALER: dealer, PAIR: pair, PULL: pull, ROUTER: router, SUB: sub } = receivers
    const bodies = Array.from({ length: count }, (_, n) => `${n}`.padEnd(100))
    const xpub = yield* XPub.make({ connect: yield* Socket.endpoint(sub), noDrop: true, linger })
    yield* XPub.receive(xpub) // the subscription
    const senders = [
      XPub.sendAll(xpub, bodies),
      Effect.flatMap(Push.make({ connect: yield* Socket.endpoint(pull), linger }), Push.sendAll(bodies)),
      Effect.flatMap(Dealer.make({ connect: yield* Socket.endpoint(dealer), linger }), Dealer.sendAll(bodies)),
      Effect.flatMap(Pair.make({ connect: yield* Socket.endpoint(pair), linger }), Pair.sendAll(bodies)),
      Effect.flatMap(Dealer.make({ connect: yield* Socket.endpoint(router), linger }), Dealer.sendAll(bodies))
    ]
    let alarms = 0
    for (const receiver of Object.values(receivers)) {
      yield* Effect.forkScoped(
        Stream.runForEach(Socket.events(receiver), ({ _tag }) =>
          Effect.sync(() => {
            if (_tag === "Disconnected") alarms++
          })
        )
      )
    }
    for (const sender of senders) yield* Effect.forkScoped(sender)
    yield* Effect.sleep(pause)
    const whilePaused = alarms
    const readers = [
      Pull.stream(pull),
      Sub.stream(sub),
      Dealer.stream(dealer),
      Pair.stream(pair),
      Stream.map(Router.stream(router), ({ message }) => message)
    ]
    const inOrder = yield* Effect.forEach(
      readers,
      (messages) =>
        messages.pipe(
          Stream.take(count),
          Stream.timeout("5 seconds"),
          Stream.runFold(
            () => 0,
            (next, message) => (Message.text(message) === bodies[next] ? next + 1 : next)
          )
        ),
      { concurrency: "unbounded" }
    )
    return { alarms: whilePaused, lost: inOrder.reduce((sum, got) => sum + count - got, 0) }
  }).pipe(Effect.scoped)

/**
 * Asks a server that is killed with the request in hand; by how many milliseconds each request outlives its timeout, or a
 * bare timer of the same time, where the machine has that one late.
 */
export const killedWhileAsked = (count: number, timeout: number) =>
  Effect.gen(function* () {
    let { endpoint, program } = yield* peer("rep", anyPort)
    const req = yield* Req.make({ connect: endpoint, reconnect: { maximum: "500 millis" }, linger: 0 })
    const late: Array<number> = []
    for (let n = 0; n < count; n++) {
      yield* Socket.awaitConnected(req)
      const server = program
      yield* Effect.forkScoped(Effect.andThen(server.prints(/asked/), server.signal("SIGKILL")))
      const begun = yield* now
      const timer = yield* Effect.forkChild(Effect.andThen(Effect.sleep(timeout), now), { startImmediately: true })
      const reply = yield* Effect.timeoutOption(Req.request(req, "to nobody"), timeout)
      const ended = yield* now
      const rung = Math.max(begun + timeout, yield* Fiber.join(timer))
      late.push(Option.isSome(reply) ? Number.NaN : ended - rung)
      yield* server.ended
      program = (yield* peer("rep", endpoint)).program
    }
    return late
  }).pipe(Effect.scoped)

/** Why a handshake fails for good. */
export const causes = ["another type", "another security mechanism", "not let in"] as const

/**
 * Has so many clients fail their handshakes until their pauses are the longest, and then makes their servers right: how
 * many milliseconds each takes from there.
 */
export const revived = (count: number, cause: (typeof causes)[number]) =>
  Effect.gen(function* () {
    const alice = Security.plain({ username: "alice", password: Redacted.make("open sesame") })
    let knows = false
    const authenticate = () => (knows ? Effect.succeed({ id: "alice" }) : Security.denied("not yet"))
    const security = cause === "another type" ? undefined : Security.plain({ authenticate })
    const one = Effect.gen(function* () {
      const wrong = yield* cause === "another type"
        ? Rep.make({ bind: anyPort, linger: 0 })
        : Pull.make({ bind: anyPort, linger: 0, ...(cause === "not let in" && { security }) })
      const endpoint = yield* Socket.endpoint(wrong)
      const push = yield* Push.make({
        connect: endpoint,
        linger: 0,
        ...(security && { security: alice })
      })
      return { wrong, endpoint, push }
    })
    const all = yield* Effect.replicateEffect(one, count)
    // The seventh pause is the longest: 100 ms doubled six times is more than that.
    for (const { push } of all) {
      const failures = Stream.filter(Socket.events(push), ({ _tag }) => _tag === "Disconnected")
      yield* Stream.runDrain(Stream.take(failures, 7))
    }
    return yield* Effect.forEach(
      all,
      ({ endpoint, push, wrong }) =>
        Effect.gen(function* () {
          if (cause === "not let in") knows = true
          else {
            yield* Socket.drain(wrong, 0)
            yield* Pull.make({ bind: endpoint, linger: 0, ...(security && { security }) })
            knows = true
          }
          const right = yield* now
          const back = yield* Effect.timeoutOption(Socket.awaitConnected(push), "20 seconds")
          return Option.isSome(back) ? (yield* now) - right : Number.POSITIVE_INFINITY
        }),
      { concurrency: "unbounded" }
    )
  }).pipe(Effect.scoped)

/** The value below which so many of a hundred are. */
export const percentile = (values: ReadonlyArray<number>, percent: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil((values.length * percent) / 100) - 1] ?? Number.NaN

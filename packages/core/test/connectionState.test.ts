import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as EventLog from "../src/EventLog.ts"
import * as connectionState from "../src/internal/connectionState.ts"
import { SocketEvent } from "../src/SocketEvent.ts"
import { EndpointState } from "../src/SocketState.ts"

const a = "tcp://127.0.0.1:1"
const b = "tcp://127.0.0.1:2"
const at = DateTime.makeUnsafe

const E = SocketEvent
const connecting = (endpoint = a) => E.Connecting({ endpoint })
const up = (endpoint = a) => [E.Connected({ endpoint }), E.HandshakeSucceeded({ endpoint })]
const lost = (endpoint = a) => E.Disconnected({ endpoint })
const again = (attempt: number, endpoint = a) => E.Reconnecting({ endpoint, after: Duration.millis(1), attempt })
const refused = (endpoint = a) => E.HandshakeFailed({ endpoint, problem: "authentication", detail: "not known" })
const listening = (endpoint = b) => E.Listening({ endpoint })
const accepted = (endpoint = b) => E.Accepted({ endpoint })
const shaken = (endpoint = b) => E.HandshakeSucceeded({ endpoint })

/** The state after events, of which each happens a millisecond after the one before, from 0 on. */
const after = (...events: ReadonlyArray<SocketEvent>) =>
  connectionState.stateOf(events.reduce(connectionState.step, connectionState.none))

describe("the state of connections", () => {
  it("without endpoints is Idle", () => {
    assert.deepStrictEqual(after(), { status: "Idle", peers: 0, endpoints: [], closed: undefined })
  })

  it("is Connecting from the first attempt on, through all that fail, and counts them", () => {
    const state = after(connecting(), again(2), connecting(), again(3))
    assert.strictEqual(state.status, "Connecting")
    assert.deepStrictEqual(state.endpoints, [EndpointState.Connecting({ endpoint: a, since: at(0), attempt: 3 })])
  })

  it("is Connected when the handshake has succeeded, and not before", () => {
    assert.strictEqual(after(connecting(), E.Connected({ endpoint: a })).status, "Connecting")
    const state = after(connecting(), ...up())
    assert.strictEqual(state.status, "Connected")
    assert.deepStrictEqual(state.endpoints, [EndpointState.Connected({ endpoint: a, since: at(2), peers: 1 })])
  })

  it("is Reconnecting since the connection was lost, with the attempt that comes", () => {
    const events = [connecting(), ...up(), lost()]
    const expected = (attempt: number) => [EndpointState.Reconnecting({ endpoint: a, since: at(3), attempt })]
    assert.deepStrictEqual(after(...events).endpoints, expected(1))
    assert.deepStrictEqual(after(...events, again(1), connecting()).endpoints, expected(1))
    assert.deepStrictEqual(after(...events, again(1), connecting(), again(2)).endpoints, expected(2))
    assert.strictEqual(after(...events, again(1), connecting(), ...up()).status, "Connected")
  })

  it("is HandshakeFailed, with the cause, until it succeeds or nobody is there any more", () => {
    const events = [connecting(), E.Connected({ endpoint: a }), refused(), lost()]
    const expected = (attempt: number) => [
      EndpointState.HandshakeFailed({
        endpoint: a,
        since: at(2),
        attempt,
        problem: "authentication",
        detail: "not known"
      })
    ]
    assert.strictEqual(after(...events).status, "HandshakeFailed")
    assert.deepStrictEqual(after(...events).endpoints, expected(1))
    const second = [...events, again(2), connecting(), E.Connected({ endpoint: a })]
    assert.deepStrictEqual(after(...second).endpoints, expected(2))
    assert.deepStrictEqual(after(...second, refused(), lost(), again(3)).endpoints, expected(3))
    assert.strictEqual(after(...second, E.HandshakeSucceeded({ endpoint: a })).status, "Connected")
    assert.strictEqual(after(...events, again(2), connecting(), again(3)).status, "Connecting")
  })

  it("takes an end in the handshake without a word for a failed one: of another type libzmq says no more", () => {
    const [endpoint] = after(connecting(), E.Connected({ endpoint: a }), lost()).endpoints
    assert.deepInclude(endpoint, { _tag: "HandshakeFailed", problem: "protocol" })
  })

  it("tells a bound endpoint with its peers, and forgets it when it is unbound and they have left", () => {
    const events = [listening(), accepted(), accepted(), shaken()]
    assert.deepStrictEqual(after(listening()).endpoints, [EndpointState.Listening({ endpoint: b, peers: 0 })])
    assert.strictEqual(after(listening()).status, "Listening")
    assert.deepStrictEqual(after(...events).endpoints, [EndpointState.Listening({ endpoint: b, peers: 1 })])
    assert.strictEqual(after(...events, shaken()).peers, 2)
    const unbound = [...events, shaken(), lost(b), E.Unbound({ endpoint: b })]
    assert.deepInclude(after(...unbound), { peers: 1, endpoints: [] })
    assert.deepInclude(after(...unbound, lost(b)), { peers: 0, status: "Idle" })
    assert.deepInclude(after(...unbound, listening(), lost(b)), { peers: 0, status: "Listening" })
  })

  it("is that of the connected endpoint that is worst off", () => {
    const other = "tcp://127.0.0.1:3"
    const state = after(listening(), connecting(), ...up(), connecting(other), ...up(other), lost(other))
    assert.strictEqual(state.status, "Reconnecting")
    assert.strictEqual(state.peers, 1)
    assert.deepStrictEqual(
      state.endpoints.map(({ _tag }) => _tag),
      ["Listening", "Connected", "Reconnecting"]
    )
  })

  it("forgets an endpoint that the socket connects to no longer", () => {
    assert.deepInclude(after(connecting(), ...up(), E.Abandoned({ endpoint: a })), { status: "Idle", peers: 0 })
  })

  it("of a socket that is connected to itself counts both ends", () => {
    const all = [listening(), connecting(b), E.Connected({ endpoint: b }), accepted(), shaken(), shaken()]
    assert.strictEqual(after(...all).peers, 2)
    assert.strictEqual(after(...all, lost(b), lost(b)).peers, 0)
  })

  it("is Closed for ever after", () => {
    const closed = E.Closed({ flushed: false, dropped: 3 })
    const state = after(connecting(), ...up(), closed, connecting(), ...up())
    assert.deepStrictEqual(state, {
      status: "Closed",
      peers: 0,
      endpoints: [],
      closed: { flushed: false, dropped: 3 }
    })
  })
})

// -----------------------------------------------------------------------------
// Random sequences
// -----------------------------------------------------------------------------

/** Draws numbers, the same ones for a seed. */
const draws = (seed: number) => {
  let state = seed
  return (most: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * most)
  }
}

/** What connections at a bound endpoint go through, of which `talks` tells whether the handshakes that fail are told of. */
const lives = (seed: number, talks: boolean) => {
  const draw = draws(seed)
  const greeting: Array<boolean> = []
  let upNow = 0
  const events: Array<SocketEvent> = [listening()]
  const finish = () => {
    const succeeds = greeting.shift()
    if (succeeds === undefined) return
    if (succeeds) {
      upNow++
      events.push(shaken())
    } else {
      if (talks) events.push(refused(b))
      events.push(lost(b))
    }
  }
  for (let n = 0; n < 60; n++) {
    const what = draw(4)
    if (what === 0) {
      greeting.push(draw(3) > 0)
      events.push(accepted())
    } else if (what < 3) finish()
    else if (upNow > 0) {
      upNow--
      events.push(lost(b))
    }
  }
  while (greeting.length > 0) finish()
  return { events, peers: upNow }
}

const everything = (seed: number): ReadonlyArray<SocketEvent> => {
  const draw = draws(seed)
  const endpoint = () => [a, b, "inproc://c"][draw(3)] ?? a
  const make: ReadonlyArray<() => SocketEvent> = [
    () => listening(endpoint()),
    () => E.Unbound({ endpoint: endpoint() }),
    () => accepted(endpoint()),
    () => connecting(endpoint()),
    () => E.Connected({ endpoint: endpoint() }),
    () => shaken(endpoint()),
    () => refused(endpoint()),
    () => lost(endpoint()),
    () => again(1, endpoint()),
    () => E.Abandoned({ endpoint: endpoint() }),
    () => E.BindFailed({ endpoint: endpoint(), problem: "taken" })
  ]
  return Array.from({ length: 80 }, () => make[draw(make.length)]?.() ?? connecting())
}

describe("the state of connections, after random events", () => {
  for (const [talks, title] of [
    [true, "counts the peers that there are, however connections come and go at once"],
    [false, "counts them where handshakes that fail say nothing, once no handshake is under way"]
  ] as const) {
    it(title, () => {
      for (let seed = 1; seed <= 2000; seed++) {
        const { events, peers } = lives(seed, talks)
        assert.strictEqual(after(...events).peers, peers, `seed ${seed}`)
      }
    })
  }

  it("has no negative counts, no endpoint twice, and peers that add up, whatever happens", () => {
    for (let seed = 1; seed <= 1000; seed++) {
      let connections = connectionState.none
      for (const [time, event] of everything(seed).entries()) {
        connections = connectionState.step(connections, event, time)
        const { endpoints, peers, status } = connectionState.stateOf(connections)
        const names = endpoints.map(({ _tag, endpoint }) => `${_tag === "Listening"} ${endpoint}`)
        assert.strictEqual(new Set(names).size, names.length, `seed ${seed}`)
        let sum = 0
        for (const one of endpoints) {
          if ("peers" in one) sum += one.peers
          if ("attempt" in one) assert.isAtLeast(one.attempt, 1)
          if (one._tag === "Connected") assert.isAtLeast(one.peers, 1)
          if (one._tag === "Listening") assert.isAtLeast(one.peers, 0)
        }
        assert.isAtLeast(peers, sum)
        const connected = endpoints.filter(({ _tag }) => _tag !== "Listening")
        if (connected.length > 0) {
          assert.strictEqual(
            status === "Connected",
            connected.every(({ _tag }) => _tag === "Connected")
          )
        }
      }
    }
  })
})

// -----------------------------------------------------------------------------
// As a log tells it
// -----------------------------------------------------------------------------

describe("EventLog, of the state", () => {
  it.effect("is right for who comes late, also where the events are forgotten", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.make
      for (const event of [connecting(), ...up()]) log.addUnsafe(event)
      yield* TestClock.adjust(1000)
      for (let n = 0; n < 3000; n++) log.addUnsafe(E.BindFailed({ endpoint: b, problem: "taken" }))
      const state = yield* log.state
      assert.deepStrictEqual(state.endpoints, [EndpointState.Connected({ endpoint: a, since: at(0), peers: 1 })])
      assert.deepStrictEqual(yield* Stream.runHead(log.states), Option.some(state))
    })
  )

  it.effect("tells each change once, the state at hand first, and ends after Closed", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.make
      const seen = yield* Effect.forkChild(Stream.runCollect(log.states), { startImmediately: true })
      for (const event of [connecting(), ...up(), lost(), again(1), E.Closed({ flushed: true, dropped: 0 })]) {
        log.addUnsafe(event)
      }
      const all = yield* Fiber.join(seen)
      assert.deepStrictEqual(
        all.map(({ status }) => status),
        ["Idle", "Connecting", "Connected", "Reconnecting", "Closed"]
      )
      assert.deepStrictEqual(
        (yield* Stream.runCollect(log.states)).map(({ status }) => status),
        ["Closed"]
      )
    })
  )
})

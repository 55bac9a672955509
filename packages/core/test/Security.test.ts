import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import * as Curve from "../src/Curve.ts"
import type * as Endpoint from "../src/Endpoint.ts"
import { Warned } from "../src/internal/security.ts"
import * as MemoryTransport from "../src/MemoryTransport.ts"
import * as Pull from "../src/Pull.ts"
import * as Push from "../src/Push.ts"
import * as RoutingId from "../src/RoutingId.ts"
import * as Security from "../src/Security.ts"
import * as Socket from "../src/Socket.ts"
import * as SocketOptions from "../src/SocketOptions.ts"
import * as Transport from "../src/Transport.ts"

const { publicKey: alice, secretKey } = await Effect.runPromise(Curve.keyPair)
const { publicKey: bob } = await Effect.runPromise(Curve.keyPair)
const keyPair: Curve.KeyPair = { publicKey: alice, secretKey }
const secret = Redacted.value(secretKey)
const password = Redacted.make("open sesame")

const asking = { domain: "global", address: "127.0.0.1", routingId: undefined }
const byKey = (publicKey: Curve.PublicKey): Security.CurveRequest => ({ _tag: "Curve", ...asking, publicKey })
const byPassword = (username: string, text: string): Security.PlainRequest => ({
  _tag: "Plain",
  ...asking,
  username,
  password: Redacted.make(text)
})
const anyone: Security.NullRequest = { _tag: "Null", ...asking }

/** What is logged while an effect runs, as everything that a logger could print. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ cause, logLevel, message }) => {
      lines.push(
        [
          logLevel,
          ...[message].flat().map((part) => (typeof part === "string" ? part : inspect(part))),
          inspect(cause)
        ].join(" ")
      )
    })
    return Effect.map(Effect.provide(effect, Logger.layer([logger])), (value) => ({ value, lines }))
  })

describe("policies", () => {
  it.effect("allow lets in those who have one of the keys, under their names, or under their keys", () =>
    Effect.gen(function* () {
      const named = Security.allow({ alice })
      assert.deepStrictEqual(yield* named(byKey(alice)), { id: "alice" })
      const denial = yield* Effect.flip(named(byKey(bob)))
      assert.instanceOf(denial, Security.Denied)
      assert.strictEqual(denial.reason, `the public key ${bob} is not allowed`)
      assert.deepStrictEqual(yield* Security.allow(alice, bob)(byKey(bob)), { id: bob })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Security.allow()(byKey(alice)))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Security.allow({})(byKey(alice)))))
    })
  )

  it.effect("passwords lets in those who have a name and its password, and does not tell which of them was wrong", () =>
    Effect.gen(function* () {
      const policy = Security.passwords({ alice: password, empty: Redacted.make("") })
      assert.deepStrictEqual(yield* policy(byPassword("alice", "open sesame")), { id: "alice" })
      assert.deepStrictEqual(yield* policy(byPassword("empty", "")), { id: "empty" })
      for (const [name, text] of [
        ["alice", "open sesam"],
        ["alice", "open sesame "],
        ["alice", "Open sesame"],
        ["alice", ""],
        ["empty", "open sesame"],
        ["Alice", "open sesame"],
        ["", "open sesame"],
        ["", ""],
        ["constructor", "open sesame"],
        ["__proto__", ""]
      ] as const) {
        const denial = yield* Effect.flip(policy(byPassword(name, text)))
        assert.strictEqual(denial.reason, "the name or the password is wrong", `${name}: ${text}`)
      }
    })
  )

  it.effect("denied says why, or that it is so", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(Security.denied("too late"))).message, "too late")
      assert.strictEqual((yield* Effect.flip(Security.denied())).message, "not allowed")
    })
  )
})

describe("judge", () => {
  const second = Duration.seconds(1)
  const judge = (authenticate: Security.Authenticate<Security.NullRequest>) =>
    logged(Security.judge(Security.null({ authenticate }), anyone, second))

  it.effect("answers 200 with the user, and 400 with why not", () =>
    Effect.gen(function* () {
      const user = yield* judge(() => Effect.succeed({ id: "me" }))
      assert.deepStrictEqual(user, { value: { status: 200, user: { id: "me" } }, lines: [] })
      const denied = yield* judge(() => Security.denied("no"))
      assert.deepStrictEqual(denied, { value: { status: 400, problem: "no" }, lines: [] })
    })
  )

  it.effect("answers 500 where there is no answer, and logs why", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [string, Security.Authenticate<Security.NullRequest>]> = [
        ["authenticate died", () => Effect.die(new Error("broken"))],
        [
          "authenticate died",
          () => {
            throw new Error("broken")
          }
        ],
        ["authenticate died", () => Effect.interrupt],
        ["authenticate died", () => Effect.fail(Object("not a Denied"))],
        ["authenticate gave a user without an id", () => Effect.succeed({ id: "" })],
        ["authenticate gave a user without an id", () => Effect.succeed(Object(undefined))]
      ]
      for (const [problem, authenticate] of cases) {
        const { lines, value } = yield* judge(authenticate)
        assert.deepStrictEqual(value, { status: 500, problem })
        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], `a client at 127.0.0.1 is not let in to "global": ${problem}`)
      }
    })
  )

  it.effect("waits for four fifths of the handshake interval, and then interrupts authenticate", () =>
    Effect.gen(function* () {
      let interrupted = false
      const hang = Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true)))
      const judging = yield* Effect.forkChild(judge(() => hang))
      yield* TestClock.adjust("799 millis")
      assert.isUndefined(judging.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual((yield* Fiber.join(judging)).value, {
        status: 500,
        problem: "authenticate gave no answer within 800ms"
      })
      assert.isTrue(interrupted)
    })
  )

  it.effect("of a ROUTER gives a routing id to the user who came with it first, and to no other", () =>
    Effect.gen(function* () {
      const id = RoutingId.make("worker")
      const server = Security.plain({ authenticate: ({ username }) => Effect.succeed({ id: username }) })
      const refused: Security.Verdict = { status: 400, problem: "the routing id is another user's" }
      const router = Security.makeJudge("ROUTER", server, second)
      const come = (name: string, routingId = id) => router({ ...byPassword(name, ""), routingId })
      for (const name of ["alice", "alice"]) assert.strictEqual((yield* come(name)).status, 200)
      assert.deepStrictEqual(yield* come("bob"), refused)
      assert.strictEqual((yield* come("bob", RoutingId.make("other"))).status, 200)
      assert.deepStrictEqual(yield* come("alice", RoutingId.make("other")), refused)
      assert.strictEqual((yield* router(byPassword("bob", ""))).status, 200)
      // Who comes with ever new ids loses the oldest of his own, and takes no room but for 1,024.
      for (let index = 0; index < 1023; index++) yield* come("alice", RoutingId.make(`alice ${index}`))
      assert.deepStrictEqual(yield* come("bob"), refused)
      yield* come("alice", RoutingId.make("one more"))
      assert.strictEqual((yield* come("bob")).status, 200)
      const rep = Security.makeJudge("REP", server, second)
      for (const name of ["alice", "bob"]) {
        assert.strictEqual((yield* rep({ ...byPassword(name, ""), routingId: id })).status, 200)
      }
    })
  )
})

describe("the option security", () => {
  const authenticate = Security.allow(alice)
  const problem = (security: unknown) => {
    const result = SocketOptions.resolve({ security: security as Security.Security }, false)
    return Result.isFailure(result) ? result.failure : assert.fail(`it should have failed: ${inspect(security)}`)
  }

  it("is taken as it is made", () => {
    const all = [
      Security.curve({ keyPair, serverKey: bob }),
      Security.curve({ keyPair, authenticate, domain: "staff" }),
      Security.plain({ username: "alice", password }),
      Security.plain({ authenticate: Security.passwords({}) }),
      Security.null({ authenticate: () => Security.denied() })
    ]
    for (const security of all) {
      assert.strictEqual(Result.getOrThrow(SocketOptions.resolve({ security }, false)).security, security)
    }
    assert.deepStrictEqual(
      all.map((security) => [security._tag, security.role, security.role === "server" ? security.domain : undefined]),
      [
        ["Curve", "client", undefined],
        ["Curve", "server", "staff"],
        ["Plain", "client", undefined],
        ["Plain", "server", "global"],
        ["Null", "server", "global"]
      ]
    )
  })

  it("says what is wrong with what untyped code gives, without saying what was given", () => {
    const client = Security.curve({ keyPair, serverKey: bob })
    const server = Security.curve({ keyPair, authenticate })
    const plain = Security.plain({ username: "alice", password })
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [secret, ""],
      [{ mechanism: "curve", password: secret }, ""],
      [null, ""],
      [{ ...client, keyPair: undefined }, ".keyPair.publicKey"],
      [{ ...client, keyPair: { ...keyPair, publicKey: `${secret}x` } }, ".keyPair.publicKey"],
      [{ ...client, keyPair: { publicKey: alice, secretKey: secret } }, ".keyPair.secretKey"],
      [{ ...client, keyPair: { publicKey: alice, secretKey: Redacted.make(`${secret}x`) } }, ".keyPair.secretKey"],
      [{ ...client, serverKey: undefined }, ".serverKey"],
      [{ ...client, serverKey: `${secret.slice(1)}"` }, ".serverKey"],
      [{ ...client, serverKey: "#".repeat(40) }, ".serverKey"],
      [{ ...server, authenticate: secret }, ".authenticate"],
      [{ ...server, domain: "" }, ".domain"],
      [{ ...server, domain: secret.repeat(7) }, ".domain"],
      [{ ...plain, username: `${secret.repeat(7)}` }, ".username"],
      [{ ...plain, username: undefined }, ".username"],
      [{ ...plain, password: secret }, ".password"],
      [{ ...plain, password: Redacted.make("é".repeat(128)) }, ".password"]
    ]
    for (const [security, option] of cases) {
      const error = problem(security)
      assert.strictEqual(error.option, `security${option}`)
      assert.notInclude(
        `${error.message} ${inspect(error, { depth: 9 })} ${JSON.stringify(error)}`,
        secret.slice(1, 20)
      )
    }
    assert.strictEqual(
      problem({ ...plain, password: secret }).message,
      "the option security.password cannot be what was given: it must be text of at most 255 bytes, and Redacted"
    )
  })

  it.effect("is refused, by name, where the transport lacks the mechanism", () =>
    Effect.gen(function* () {
      const transport = yield* Transport.Transport
      const lacking = Layer.succeed(Transport.Transport, {
        ...transport,
        capabilities: new Set([...transport.capabilities].filter((one) => !["null", "plain", "curve"].includes(one)))
      })
      const all = {
        "CURVE security": Security.curve({ keyPair, authenticate }),
        "PLAIN security": Security.plain({ username: "alice", password }),
        "authentication by address (Security.null)": Security.null({ authenticate: () => Security.denied() })
      }
      for (const [feature, security] of Object.entries(all)) {
        const error = yield* Effect.flip(Effect.provide(Pull.make({ security }), lacking))
        assert.strictEqual(error.reason._tag, "Unsupported")
        assert.include(error.message, `does not support ${feature}`)
      }
    }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))
  )
})

describe("binding beyond loopback", () => {
  const warnings = (effect: Effect.Effect<unknown, unknown, Transport.Transport>) =>
    logged(effect).pipe(
      Effect.map(({ lines }) => lines),
      Effect.provide(MemoryTransport.layer),
      Effect.provideService(Warned, new Set())
    )
  const bind = (bind: Endpoint.Input, security?: Security.Security) => Effect.scoped(Pull.make({ bind, security }))

  it.effect("without CURVE and PLAIN is warned of, by name, once", () =>
    Effect.gen(function* () {
      const lines = yield* warnings(
        Effect.gen(function* () {
          yield* bind("tcp://*:5555")
          yield* bind("tcp://0.0.0.0:5555")
          yield* bind("tcp://10.0.0.1:5556", Security.null({ authenticate: () => Security.denied() }))
          const push = yield* Push.make({ bind: "tcp://127.0.0.1:5557" })
          yield* Socket.bind(push, "tcp://[::]:5558")
        }).pipe(Effect.scoped)
      )
      assert.strictEqual(lines.length, 3)
      assert.include(
        lines[0],
        "tcp://0.0.0.0:5555 can be reached from other machines, and the PULL socket bound to it has neither CURVE nor PLAIN security"
      )
      assert.include(lines[1], "tcp://10.0.0.1:5556")
      assert.include(lines[2], "tcp://[::]:5558 can be reached from other machines, and the PUSH socket")
    })
  )

  it.effect("is not warned of with CURVE or PLAIN, nor is what only this machine reaches", () =>
    Effect.gen(function* () {
      const lines = yield* warnings(
        Effect.gen(function* () {
          yield* bind("tcp://*:5555", Security.curve({ keyPair, authenticate: Security.allow() }))
          yield* bind("tcp://*:5555", Security.plain({ authenticate: Security.passwords({}) }))
          for (const one of ["tcp://127.0.0.1:*", "tcp://127.1.2.3:*", "tcp://[::1]:*", "tcp://localhost:*"] as const)
            yield* bind(one)
          for (const one of ["ipc://*", "inproc://a"] as const) yield* bind(one)
        })
      )
      assert.deepStrictEqual(lines, [])
    })
  )
})

/** Who sent a message, as the authentication of its connection has it. Who is let in at all: `../security`. */
import * as Curve from "@effect-zmq/core/Curve"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as RoutingId from "@effect-zmq/core/RoutingId"
import * as Security from "@effect-zmq/core/Security"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { assert } from "vitest"
import { dealer, endpointOf, rep, req, router } from "../steps.ts"
import { suite } from "../suite.ts"

const [server, alice, bob] = await Effect.runPromise(Effect.all([Curve.keyPair, Curve.keyPair, Curve.keyPair]))

const password = Redacted.make("open sesame")

/** A server that knows alice and bob, and each of them as its client, by mechanism. */
const mechanisms = {
  CURVE: {
    server: Security.curve({
      keyPair: server,
      authenticate: Security.allow({ alice: alice.publicKey, bob: bob.publicKey })
    }),
    alice: Security.curve({ keyPair: alice, serverKey: server.publicKey }),
    bob: Security.curve({ keyPair: bob, serverKey: server.publicKey })
  },
  PLAIN: {
    server: Security.plain({ authenticate: Security.passwords({ alice: password, bob: password }) }),
    alice: Security.plain({ username: "alice", password }),
    bob: Security.plain({ username: "bob", password })
  }
} as const

export const users = suite(
  "who sent a message",
  (test) => {
    for (const mechanism of ["CURVE", "PLAIN"] as const) {
      test(`a ROUTER tells which user of ${mechanism} has sent a message`, (place) =>
        Effect.gen(function* () {
          const { server, ...clients } = mechanisms[mechanism]
          const bound = yield* router({ bind: place.any(), security: server })
          for (const name of ["alice", "bob"] as const) {
            const client = yield* dealer({ connect: yield* endpointOf(bound), security: clients[name] })
            yield* Dealer.send(client, "hello")
            const { from, user } = yield* Router.receive(bound)
            assert.strictEqual(user?.id, name)
            yield* Router.send(bound, { to: from, message: name })
            assert.strictEqual(Message.text(yield* Dealer.receive(client)), name)
          }
        }))
    }

    test("a ROUTER calls a user of CURVE by the routing id that its client announces", (place) =>
      Effect.gen(function* () {
        const { server, alice } = mechanisms.CURVE
        const bound = yield* router({ bind: place.any(), security: server })
        const client = yield* dealer({ connect: yield* endpointOf(bound), security: alice, routingId: "worker" })
        yield* Dealer.send(client, "hello")
        const { from, user } = yield* Router.receive(bound)
        assert.deepStrictEqual(
          [RoutingId.toHex(from), user?.id],
          [RoutingId.toHex(new TextEncoder().encode("worker")), "alice"]
        )
      }))

    test("a REP tells who has asked", (place) =>
      Effect.gen(function* () {
        const { server, alice } = mechanisms.CURVE
        const bound = yield* rep({ bind: place.any(), security: server })
        const client = yield* req({ connect: yield* endpointOf(bound), security: alice })
        yield* Effect.forkChild(Req.request(client, "hello"))
        yield* Rep.receive(bound)
        assert.strictEqual(Option.getOrUndefined(yield* Rep.user(bound))?.id, "alice")
        yield* Rep.reply(bound, "hello, alice")
      }))

    test("of a socket that does not authenticate, a ROUTER tells nobody", (place) =>
      Effect.gen(function* () {
        const bound = yield* router({ bind: place.any() })
        const client = yield* dealer({ connect: yield* endpointOf(bound), routingId: "alice" })
        yield* Dealer.send(client, "hello")
        assert.isUndefined((yield* Router.receive(bound)).user)
      }))
  },
  ["ROUTER", "DEALER"]
)

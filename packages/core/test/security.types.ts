/** What compiles of security, as what, and what does not: see api.types.ts. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Curve from "../src/Curve.ts"
import * as Pub from "../src/Pub.ts"
import * as Rep from "../src/Rep.ts"
import * as Router from "../src/Router.ts"
import * as Security from "../src/Security.ts"

declare const keyPair: Curve.KeyPair
declare const key: Curve.PublicKey
declare const router: Router.Router
declare const rep: Rep.Rep
const password = Redacted.make("open sesame")

// The role follows from what is given.
export const curveClient: Security.CurveClient = Security.curve({ keyPair, serverKey: key })
export const curveServer: Security.CurveServer = Security.curve({ keyPair, authenticate: Security.allow(key) })
export const plainClient: Security.PlainClient = Security.plain({ username: "alice", password })
export const plainServer: Security.PlainServer = Security.plain({
  authenticate: Security.passwords({ alice: password }),
  domain: "staff"
})
export const nullServer: Security.NullServer = Security.null({
  authenticate: ({ address }) => (address === "127.0.0.1" ? Effect.succeed({ id: "me" }) : Security.denied())
})
export const all = [curveClient, curveServer, plainClient, plainServer, nullServer].map((security) =>
  Pub.make({ security })
)

// A server says how it authenticates.
// @ts-expect-error
Security.curve({ keyPair })
// @ts-expect-error
Security.plain({})
// @ts-expect-error
Security.null({})
// @ts-expect-error: one or the other
Security.curve({ keyPair, serverKey: key, authenticate: Security.allow(key) })

// A policy is of its mechanism, and fails in no other way.
// @ts-expect-error
Security.plain({ authenticate: Security.allow(key) })
// @ts-expect-error
Security.curve({ keyPair, authenticate: Security.passwords({}) })
// @ts-expect-error
Security.plain({ authenticate: () => Effect.fail("no") })
// @ts-expect-error
Security.plain({ authenticate: () => Effect.succeed("alice") })

// Secrets are Redacted, and keys are checked.
// @ts-expect-error
Security.plain({ username: "alice", password: "open sesame" })
// @ts-expect-error
Security.curve({ keyPair, serverKey: "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7" })
// @ts-expect-error
Security.allow("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7")
// @ts-expect-error
Pub.make({ security: "curve" })

// Who sent it.
export const fromRouter: Effect.Effect<void> = Router.runForEach(router, ({ user }) => Effect.log(user?.id))
export const fromRep = Rep.serve(rep, (_, { user }) => Effect.succeed(user?.id ?? "nobody"))
export const fromRepLast = rep.pipe(Rep.serve((_, { user }) => Effect.succeed(user?.id ?? "nobody")))

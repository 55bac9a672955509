/**
 * What a proxy joins, and what does not compile; as in `api.types.ts`.
 */
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Dealer from "../src/Dealer.ts"
import type * as Pair from "../src/Pair.ts"
import * as Proxy from "../src/Proxy.ts"
import type * as Pub from "../src/Pub.ts"
import * as Pull from "../src/Pull.ts"
import * as Push from "../src/Push.ts"
import type * as Rep from "../src/Rep.ts"
import type * as Req from "../src/Req.ts"
import type * as Router from "../src/Router.ts"
import type * as Socket from "../src/Socket.ts"
import type * as Sub from "../src/Sub.ts"
import type { Transport } from "../src/Transport.ts"
import type * as XPub from "../src/XPub.ts"
import type * as XSub from "../src/XSub.ts"
import type { ZmqError } from "../src/ZmqError.ts"

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

declare const is: <A>(value: A) => { readonly as: <B>(...proof: Same<A, B> extends true ? [] : [expected: B]) => void }

declare const req: Req.Req
declare const rep: Rep.Rep
declare const dealer: Dealer.Dealer
declare const router: Router.Router
declare const pub: Pub.Pub
declare const sub: Sub.Sub
declare const xpub: XPub.XPub
declare const xsub: XSub.XSub
declare const push: Push.Push
declare const pull: Pull.Pull
declare const pair: Pair.Pair
declare const any: Socket.Socket

// -----------------------------------------------------------------------------
// What can be joined, either way round
// -----------------------------------------------------------------------------

is(Proxy.run(router, dealer)).as<Effect.Effect<never, ZmqError>>()
is(Proxy.make(router, dealer)).as<Effect.Effect<Proxy.Proxy, ZmqError, Scope.Scope>>()
Proxy.run(dealer, router)
Proxy.run(xsub, xpub)
Proxy.run(xpub, xsub)
Proxy.run(pull, push)
Proxy.run(push, pull)
Proxy.run(pull, pub)
Proxy.run(sub, push)
Proxy.run(sub, pub)
Proxy.run(pair, dealer)
Proxy.run(pair, pair)
Proxy.run(dealer, dealer)
Proxy.run(xsub, pair)
Proxy.run(pair, xpub)
Proxy.run(router, push)
Proxy.run(pull, router)

// With itself.
Proxy.run(rep, rep)
Proxy.run(router, router)

// -----------------------------------------------------------------------------
// What cannot
// -----------------------------------------------------------------------------

// @ts-expect-error both only receive
Proxy.run(pull, pull)
// @ts-expect-error both only receive
Proxy.run(pull, sub)
// @ts-expect-error both only send
Proxy.run(push, push)
// @ts-expect-error both only send
Proxy.run(push, pub)
// @ts-expect-error they take turns with one peer at a time
Proxy.run(rep, req)
// @ts-expect-error a REQ begins with a send
Proxy.run(req, req)
// @ts-expect-error replies would find no way back
Proxy.run(router, rep)
// @ts-expect-error an XPUB has subscriptions to pass on, and a SUB passes on none
Proxy.run(sub, xpub)
// @ts-expect-error a subscription is nothing to publish
Proxy.run(xpub, xpub)
// @ts-expect-error nobody knows which they are
Proxy.run(any, any)
// @ts-expect-error a PULL sends nothing: it cannot capture
Proxy.run(router, dealer, { capture: pull })
// @ts-expect-error drop or wait
Proxy.run(router, dealer, { onStalled: "fail" })

// -----------------------------------------------------------------------------
// Layers
// -----------------------------------------------------------------------------

is(Proxy.layer(Pull.make({}), Push.make({}))).as<Layer.Layer<never, ZmqError, Transport>>()
is(Proxy.layerQueue({ frontend: {}, backend: {}, capture: Push.make({}) })).as<
  Layer.Layer<never, ZmqError, Transport>
>()
// @ts-expect-error both only receive
Proxy.layer(Pull.make({}), Pull.make({}))
// @ts-expect-error subscriptions are the frontend's
Proxy.layerForwarder({ frontend: {}, backend: { subscribe: "a" } })

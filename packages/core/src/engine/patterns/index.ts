/**
 * The socket types, as patterns.
 *
 * @since 0.1.0
 */
import type { SocketType } from "../../SocketType.ts"
import type { Options, Pattern } from "../Pattern.ts"
import { Dealer } from "./dealer.ts"
import { Pair } from "./pair.ts"
import { Pub } from "./pub.ts"
import { Pull } from "./pull.ts"
import { Push } from "./push.ts"
import { Rep } from "./rep.ts"
import { Req } from "./req.ts"
import { Router } from "./router.ts"
import { Sub } from "./sub.ts"
import { XPub } from "./xpub.ts"
import { XSub } from "./xsub.ts"

const constructors: { readonly [Type in SocketType]: new (options: Options) => Pattern } = {
  DEALER: Dealer,
  PAIR: Pair,
  PUB: Pub,
  PULL: Pull,
  PUSH: Push,
  REP: Rep,
  REQ: Req,
  ROUTER: Router,
  SUB: Sub,
  XPUB: XPub,
  XSUB: XSub
}

/**
 * A socket of a type, without any peer yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (type: SocketType, options: Options): Pattern => new constructors[type](options)

export { Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub }

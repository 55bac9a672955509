/**
 * The socket types, as patterns.
 *
 * @since 0.1.0
 */
import type { SocketType } from "../../SocketType.ts"
import type { Options, Pattern } from "../Pattern.ts"
import { Pub } from "./pub.ts"
import { Pull } from "./pull.ts"
import { Push } from "./push.ts"
import { Rep } from "./rep.ts"
import { Req } from "./req.ts"
import { Sub } from "./sub.ts"

const constructors = { PUB: Pub, PULL: Pull, PUSH: Push, REP: Rep, REQ: Req, SUB: Sub } satisfies Partial<
  Record<SocketType, new (options: Options) => Pattern>
>

/**
 * A socket type that there is a pattern for.
 *
 * @category models
 * @since 0.1.0
 */
export type Type = keyof typeof constructors

/**
 * The socket types that there are patterns for.
 *
 * @category models
 * @since 0.1.0
 */
// The keys of `constructors`.
export const types: ReadonlyArray<Type> = Object.keys(constructors) as Array<Type>

/**
 * Tells whether there is a pattern for a socket type.
 *
 * @category guards
 * @since 0.1.0
 */
export const isType = (type: SocketType): type is Type => Object.hasOwn(constructors, type)

/**
 * A socket of a type, without any peer yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (type: Type, options: Options): Pattern => new constructors[type](options)

export { Pub, Pull, Push, Rep, Req, Sub }

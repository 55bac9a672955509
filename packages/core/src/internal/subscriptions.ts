/** What SUB and XSUB share: prefixes, given as text or bytes. */
import { dual } from "effect/Function"
import type { Socket } from "../Socket.ts"
import { handleOf, mapReason } from "./socket.ts"

export type Prefix = string | Uint8Array

const encoder = new TextEncoder()

export const toBytes = (prefix: Prefix): Uint8Array => (typeof prefix === "string" ? encoder.encode(prefix) : prefix)

export const toPrefixes = (prefixes: Prefix | ReadonlyArray<Prefix>): ReadonlyArray<Uint8Array> =>
  (typeof prefixes === "string" || prefixes instanceof Uint8Array ? [prefixes] : prefixes).map(toBytes)

export const subscribe = dual(2, (self: Socket, prefix: Prefix) =>
  mapReason(self, "subscribe")(handleOf(self).subscribe(toBytes(prefix)))
)

export const unsubscribe = dual(2, (self: Socket, prefix: Prefix) =>
  mapReason(self, "unsubscribe")(handleOf(self).unsubscribe(toBytes(prefix)))
)

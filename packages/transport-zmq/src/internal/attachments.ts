/** What a socket is bound and connected to, by the names that libzmq has for it. */
import * as Endpoint from "@effect-zmq/core/Endpoint"
import type { RoutingId } from "@effect-zmq/core/RoutingId"
import * as Result from "effect/Result"
import type { NativeEvent } from "./addon.ts"
import type { End } from "./inproc.ts"
import type { Owned } from "./ipcFile.ts"
import { plain } from "./monitor.ts"
import type { Relay } from "./socks.ts"

/** What a socket is bound or connected to; `address` is how libzmq knows it. */
export interface Attachment {
  readonly role: "bound" | "connected"
  readonly endpoint: Endpoint.Endpoint
  readonly address: string
  readonly file?: Owned | undefined
  /** What carries it by a proxy. */
  readonly relay?: Relay | undefined
  /** What a ROUTER calls the peer. */
  readonly routingId?: RoutingId | undefined
  /** Its place among the names of inproc. */
  readonly end?: End | undefined
}

/**
 * What an event is about. libzmq calls a wildcard by the address that a peer came to, and a host name, or an endpoint with
 * a source, by the address that it was resolved to.
 */
export const attachmentOf = (all: ReadonlyArray<Attachment>, event: NativeEvent): Attachment | undefined => {
  if (!("address" in event) || event.address === undefined) return undefined
  const { address } = event
  const role = event.type.startsWith("accept") ? "bound" : event.type.startsWith("connect") ? "connected" : undefined
  const candidates = all.filter((one) => role === undefined || one.role === role)
  const exact = candidates.filter((one) => one.address === address)
  return (
    exact.find((one) => one.role === "connected") ??
    exact[0] ??
    candidates.find((one) => isAlias(one.endpoint, address))
  )
}

const isAlias = (endpoint: Endpoint.Endpoint, address: string): boolean => {
  if (endpoint._tag !== "Tcp" || !address.startsWith("tcp:")) return false
  const actual = Result.getOrUndefined(Endpoint.parse(plain(address)))
  if (actual?._tag !== "Tcp" || actual.port !== endpoint.port) return false
  return endpoint.host === actual.host || endpoint.source !== undefined || isName(endpoint.host)
}

/** Whether it stands for other addresses than itself. */
const isName = (host: string): boolean => host === "0.0.0.0" || host === "::" || !/^[0-9.]+$|:/.test(host)

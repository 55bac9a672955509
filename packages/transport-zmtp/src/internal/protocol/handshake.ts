/**
 * The handshake of a connection (RFC 37): greetings, then commands of the mechanism, until both sides know each other. Bytes
 * and verdicts go in, steps come out.
 */
import type { RoutingId } from "@effect-zmq/core/RoutingId"
import { isCompatible, type SocketType, all as socketTypes } from "@effect-zmq/core/SocketType"
import { concat, type Properties } from "./command.ts"
import { COMMAND, encodeFrame, LONG, longestHeader, MORE, readLength } from "./frame.ts"
import { decodeGreeting, encodeGreeting, type Greeting, greetingProblem, greetingSize } from "./greeting.ts"
import type { Credentials, Mechanism, Reply } from "./mechanism.ts"

/** The other side, as it has said. */
export interface Peer {
  readonly type: SocketType
  readonly routingId: Uint8Array | undefined
  readonly properties: Properties
  /** Of its version of ZMTP 3. */
  readonly minor: number
}

export type Step =
  | { readonly _tag: "Send"; readonly bytes: Uint8Array }
  | { readonly _tag: "Ask"; readonly credentials: Credentials }
  /** `rest` is what came behind the handshake. */
  | { readonly _tag: "Done"; readonly peer: Peer; readonly rest: Uint8Array }
  | {
      readonly _tag: "Failed"
      readonly problem: "protocol" | "authentication"
      readonly detail: string
      /** The limit that the peer has exceeded, where it is that. */
      readonly limit?: "handshakeBytes"
    }

/** What the socket says of itself, in this order. */
export const ownProperties = (
  type: SocketType,
  routingId: Uint8Array | undefined,
  metadata: Iterable<readonly [string, Uint8Array]> = []
): Array<readonly [string, Uint8Array]> => {
  const properties: Array<readonly [string, Uint8Array]> = [["Socket-Type", new TextEncoder().encode(type)]]
  if (named.has(type)) properties.push(["Identity", routingId ?? new Uint8Array(0)])
  return [...properties, ...metadata]
}

/** What the peer says of itself to the program. What the library says of itself is none of its business. */
export const introduction = ({ properties, routingId, type }: Peer) => ({
  type,
  routingId: routingId as RoutingId | undefined, // it has 1 to 255 bytes
  metadata: Object.fromEntries(
    Array.from(properties).filter(([name]) => name.startsWith("x-") && !name.startsWith(reserved))
  )
})

/** How the names begin that the library has for itself. */
export const reserved = "x-effect-zmq"

/** The types that a ROUTER can be sent to by. */
const named: ReadonlySet<SocketType> = new Set<SocketType>(["REQ", "DEALER", "ROUTER"])

export class Handshake {
  private readonly type: SocketType
  private readonly routingIdLength: number
  private readonly mechanism: Mechanism
  private readonly limit: number
  private received: Uint8Array = new Uint8Array(0)
  private greeting: Greeting | undefined = undefined
  private total = 0
  private state: "going" | "asking" | "over" = "going"

  /** `limit` is of the bytes that the peer may take for it. */
  constructor(type: SocketType, routingId: Uint8Array | undefined, mechanism: Mechanism, limit: number) {
    this.type = type
    this.routingIdLength = routingId?.length ?? 0
    this.mechanism = mechanism
    this.limit = limit
  }

  start(): ReadonlyArray<Step> {
    const { name, role } = this.mechanism
    return [{ _tag: "Send", bytes: encodeGreeting(name, role === "server", this.routingIdLength) }]
  }

  receive(bytes: Uint8Array): ReadonlyArray<Step> {
    if (this.state === "over") return []
    this.received = this.received.length === 0 ? bytes : concat([this.received, bytes])
    return this.advance()
  }

  /** The verdict that was asked for. */
  answer(status: number, problem: string): ReadonlyArray<Step> {
    if (this.state !== "asking") return []
    this.state = "going"
    const steps = this.follow(this.mechanism.answer(status, problem))
    return [...steps, ...this.advance()]
  }

  private advance(): ReadonlyArray<Step> {
    const steps: Array<Step> = []
    // Another one is set by what is called.
    const isGoing = () => this.state === "going"
    while (isGoing()) {
      const next = this.greeting === undefined ? this.greet() : this.converse()
      if (next === undefined) break
      steps.push(...next)
    }
    return steps
  }

  /** `undefined` where more has to come. */
  private greet(): ReadonlyArray<Step> | undefined {
    const problem = greetingProblem(this.received)
    if (problem !== undefined) return this.fail("protocol", problem)
    if (this.received.length < greetingSize) return undefined
    const greeting = decodeGreeting(this.take(greetingSize))
    this.greeting = greeting
    const { name, role } = this.mechanism
    if (greeting.mechanism !== name) {
      return this.fail("protocol", `this socket has the mechanism ${name}, and its peer ${printed(greeting.mechanism)}`)
    }
    // Of two clients one notices by the other's HELLO: libzmq's servers do not say that they are.
    if (role === "server" && greeting.asServer) {
      return this.fail("protocol", `both sockets are the server of ${name}`)
    }
    return this.follow(this.mechanism.start())
  }

  private converse(): ReadonlyArray<Step> | undefined {
    const { received } = this
    const flags = received[0]
    if (flags === undefined) return undefined
    if ((flags & COMMAND) === 0 || (flags & ~(COMMAND | LONG)) !== 0) {
      const what = (flags & ~(MORE | LONG)) === 0 ? "a message" : `a frame with the flags ${flags}`
      return this.fail("protocol", `${what} before the end of the handshake`)
    }
    const size = (flags & LONG) === 0 ? 2 : longestHeader
    if (received.length < size) return undefined
    const length = size === 2 ? (received[1] as number) : readLength(received, 1) // so many are there
    if (this.total + size + length > this.limit) {
      return this.fail("protocol", `a handshake of more than ${this.limit} bytes`, "handshakeBytes")
    }
    if (received.length < size + length) return undefined
    return this.follow(this.mechanism.receive(this.take(size + length).subarray(size)))
  }

  private follow({ ask, failed, ready, send = [] }: Reply): ReadonlyArray<Step> {
    const steps: Array<Step> = send.map((body) => ({ _tag: "Send", bytes: encodeFrame(COMMAND, body) }))
    if (failed !== undefined) steps.push(...this.fail(failed.problem, failed.detail))
    else if (ask !== undefined) {
      this.state = "asking"
      steps.push({ _tag: "Ask", credentials: ask })
    } else if (ready !== undefined) steps.push(...this.conclude(ready))
    return steps
  }

  private conclude(properties: Properties): ReadonlyArray<Step> {
    const text = new TextDecoder("latin1").decode(properties.get("socket-type") ?? new Uint8Array(0))
    const type = socketTypes.find((type) => type === text)
    if (type === undefined || !isCompatible(this.type, type)) {
      return this.fail("protocol", `a ${this.type} socket cannot be connected with a ${printed(text)} socket`)
    }
    const id = properties.get("identity")
    if (id !== undefined && id.length > 255) return this.fail("protocol", "a routing id of more than 255 bytes")
    this.state = "over"
    const peer: Peer = {
      type,
      routingId: id === undefined || id.length === 0 || !named.has(type) ? undefined : id,
      properties,
      minor: this.greeting?.minor ?? 0
    }
    return [{ _tag: "Done", peer, rest: this.received }]
  }

  private fail(problem: "protocol" | "authentication", detail: string, limit?: "handshakeBytes"): ReadonlyArray<Step> {
    this.state = "over"
    return [{ _tag: "Failed", problem, detail, ...(limit === undefined ? {} : { limit }) }]
  }

  private take(count: number): Uint8Array {
    const taken = this.received.slice(0, count)
    this.received = this.received.subarray(count)
    this.total += count
    return taken
  }
}

/** What a stranger calls itself. */
const printed = (text: string): string => (/^[\x20-\x7e]{1,20}$/.test(text) ? text : JSON.stringify(text.slice(0, 20)))

/**
 * Who the peers of a ROUTER are. libzmq tells of them by messages, among the others, of one frame behind the routing id:
 *
 * - of who came to a bound endpoint over tcp or ipc, by an empty one, before all that the peer sends (`ZMQ_ROUTER_NOTIFY`);
 * - of who left a bound endpoint, by one that we choose, after all that the peer has sent (`ZMQ_DISCONNECT_MSG`): random
 *   bytes, which nobody else can send.
 *
 * So an empty message is an arrival exactly where its peer was not here yet. Of who was not announced, because it came
 * over inproc or was connected to, the first message is the arrival too, and is kept.
 *
 * libzmq ends the process where it is to give an id to what it connects to, and a peer with that id has come at that very
 * moment. So there it gets one that nobody else can have, which stands for the id in all that is sent and received. Who
 * comes with that id itself is not heard, as where any id is taken; with `handover` it takes the id over.
 */
import { randomBytes } from "node:crypto"
import type { Endpoint } from "@effect-zmq/core/Endpoint"
import type { Message } from "@effect-zmq/core/Message"
import { type RoutingId, toHex } from "@effect-zmq/core/RoutingId"
import { SocketEvent } from "@effect-zmq/core/SocketEvent"
import { InvalidOption, PeerFull, type Reason, Unroutable } from "@effect-zmq/core/ZmqError"
import { type Failure, hasDrafts, type Setting, ZMQ_CONNECT_ROUTING_ID, ZMQ_ROUTER_NOTIFY } from "./addon.ts"
import { later } from "./eventLoop.ts"

/** What libzmq is to say of a peer that has left. */
export const departure: Uint8Array = randomBytes(32)

export class Peers {
  /** How many news of peers are on their way, as far as can be told. */
  owed = 0
  /** Whether any that come are announced. */
  private announced = false
  private readonly present = new Map<string, RoutingId>()
  /** Those that were given an id here, by the address that they were connected to. */
  private readonly named = new Map<string, RoutingId>()
  /** What libzmq knows these by, by their ids; and the other way round, `undefined` for those that were taken over. */
  private readonly aliases = new Map<string, Uint8Array>()
  private readonly aliased = new Map<string, RoutingId | undefined>()
  private readonly handover: boolean
  /** Those that have left, until libzmq has let go of their ids. */
  private readonly leaving = new Map<string, RoutingId>()
  private readonly tell: (event: SocketEvent) => void
  private readonly call: () => void

  /**
   * With `handover`, who comes with the id of another would be announced by what the other may have sent: nobody is.
   * `call` lets libzmq do what it only does when the socket is called.
   */
  constructor(handover: boolean, tell: (event: SocketEvent) => void, call: () => void) {
    this.handover = handover
    this.tell = tell
    this.call = call
  }

  get all(): ReadonlyArray<RoutingId> {
    return [...this.present.values()]
  }

  /** Looks at a message that has arrived. Whether it is one, and not news of a peer. */
  readonly admits = (message: Message): boolean => {
    if (this.isFromPeer(message) && this.isMessage(message)) return true
    if (this.owed > 0) this.owed--
    return false
  }

  /** Gives the sender its id, where libzmq has another for it. Whether it has an id that is not taken. */
  private isFromPeer(message: Message): boolean {
    if (this.aliased.size === 0) return true
    const key = keyOf(message[0])
    if (this.aliased.has(key)) {
      const routingId = this.aliased.get(key)
      // The addon made the array for this message.
      if (routingId !== undefined) (message as unknown as Array<Uint8Array>)[0] = routingId
      return routingId !== undefined
    }
    const alias = this.aliases.get(key)
    if (alias === undefined) return true
    if (!this.handover) return false
    this.aliases.delete(key)
    this.aliased.set(keyOf(alias), undefined)
    return true
  }

  /** The message, to whom libzmq has it. */
  readonly addressed = (message: Message): Message => {
    if (this.aliases.size === 0) return message
    const alias = this.aliases.get(keyOf(message[0]))
    const [, ...body] = message
    return alias === undefined ? message : [alias, ...body]
  }

  private isMessage([id, body, ...more]: Message): boolean {
    const only = more.length === 0 ? body : undefined
    if (only !== undefined && isDeparture(only)) {
      this.left(id)
      return false
    }
    return !(this.joined(id) && this.announced && only?.length === 0)
  }

  // ---------------------------------------------------------------------------
  // Endpoints
  // ---------------------------------------------------------------------------

  /** What a bind goes by. */
  forBind(endpoint: Endpoint): ReadonlyArray<Setting> {
    if (endpoint._tag === "Inproc" || this.handover || !hasDrafts) return []
    this.announced = true
    return [[ZMQ_ROUTER_NOTIFY, 1]]
  }

  /** What a connect goes by. */
  forConnect(routingId: RoutingId | undefined): ReadonlyArray<Setting> {
    const settings: Array<Setting> = []
    if (this.announced) settings.push([ZMQ_ROUTER_NOTIFY, 0])
    if (routingId !== undefined) settings.push([ZMQ_CONNECT_ROUTING_ID, this.alias(routingId)])
    return settings
  }

  private alias(routingId: RoutingId): Uint8Array {
    // Those that begin with 0 are libzmq's own.
    const alias = Uint8Array.of(1, ...randomBytes(16))
    this.aliases.set(keyOf(routingId), alias)
    this.aliased.set(keyOf(alias), routingId)
    const [oldest] = this.aliased.keys()
    if (this.aliased.size > mostAliases && oldest !== undefined) this.aliased.delete(oldest)
    return alias
  }

  /** Whether a peer is known to have this id. */
  has(routingId: RoutingId): boolean {
    const key = keyOf(routingId)
    return this.present.has(key) || [...this.named.values()].some((id) => keyOf(id) === key)
  }

  /** It could not be connected to. */
  unnamed(routingId: RoutingId): void {
    this.aliases.delete(keyOf(routingId))
  }

  name(address: string, routingId: RoutingId): void {
    this.named.set(address, routingId)
  }

  disconnected(address: string): void {
    const routingId = this.named.get(address)
    this.named.delete(address)
    if (routingId === undefined) return
    // What it has sent may still be waiting.
    this.aliases.delete(keyOf(routingId))
    this.left(routingId)
  }

  /** A connection came, or went. Of those to bound endpoints the inbox tells. */
  follow({ _tag, endpoint }: SocketEvent & { readonly _tag: "HandshakeSucceeded" | "Disconnected" }): void {
    const routingId = this.named.get(endpoint)
    if (routingId === undefined) this.owe()
    else if (_tag === "HandshakeSucceeded") this.joined(routingId)
    else this.left(routingId)
  }

  /** Why a message was refused. */
  problemOf({ code }: Failure, message: Message | undefined): Reason | undefined {
    if (message === undefined || (code !== "EAGAIN" && code !== "EHOSTUNREACH")) return undefined
    const routingId = toHex(message[0])
    if (code === "EAGAIN") return new PeerFull({ routingId })
    this.left(message[0])
    return new Unroutable({ routingId })
  }

  /** Not every connection is news: one that failed in its handshake is not. */
  private owe(): void {
    this.owed++
    later(owedMillis, () => {
      if (this.owed > 0) this.owed--
    })
  }

  /** Whether it was not here. */
  private joined(id: Uint8Array): boolean {
    const key = keyOf(id)
    if (this.present.has(key)) return false
    this.gone(key)
    const routingId = id as RoutingId // libzmq's are of 1 to 255 bytes
    this.present.set(key, routingId)
    this.tell(SocketEvent.PeerJoined({ routingId }))
    return true
  }

  private left(id: Uint8Array): void {
    const key = keyOf(id)
    const routingId = this.present.get(key)
    if (routingId === undefined) return
    this.present.delete(key)
    this.leaving.set(key, routingId)
    for (const millis of leavingMillis) later(millis, this.call)
    later(leftMillis, () => this.gone(key))
  }

  /** Tells of who has left, at the latest now. */
  flush(): void {
    for (const key of this.leaving.keys()) this.gone(key)
  }

  private gone(key: string): void {
    const routingId = this.leaving.get(key)
    if (routingId === undefined) return
    this.leaving.delete(key)
    this.tell(SocketEvent.PeerLeft({ routingId }))
  }
}

export const taken = (routingId: RoutingId): InvalidOption =>
  new InvalidOption({
    option: "routingId",
    value: toHex(routingId),
    problem: "another peer of this socket has it"
  })

const owedMillis = 1000

/** How many are remembered, of which most are gone. */
const mostAliases = 65_536

/**
 * Who comes with the id of a peer that libzmq has not let go of yet is not heard, ever. For that it wants the socket to be
 * called, its own thread to answer, and the socket to be called again: so the departure is told a little later.
 */
const leavingMillis = [0, 2, 10, 25]
const leftMillis = 30

const isDeparture = (frame: Uint8Array): boolean =>
  frame.length === departure.length && departure.every((byte, index) => frame[index] === byte)

/** A character for each byte. */
export const keyOf = (id: Uint8Array): string => String.fromCharCode(...id)

import type { Message } from "../../Message.ts"
import { FairQueue } from "../FairQueue.ts"
import { Greeting } from "../Greeting.ts"
import { DROPPED, FULL, type Options, Pattern, PEER_FULL, SENT, type Sent, UNROUTABLE } from "../Pattern.ts"
import type { Pipe } from "../Pipe.ts"
import { probe } from "./dealer.ts"

/**
 * ROUTER (RFC 28): takes the messages of all peers, one of each in turn, behind a frame with the peer's routing id, and
 * sends each message to the peer that its first frame names.
 *
 * A peer is known by the id it announces, or by one that is made up: a zero byte and a number. Two that announce the same
 * are no two peers: the second one is left aside, or, with `handover`, the first. Who has left, and is read to the end
 * only, does not stand in the way of who comes with its id.
 *
 * @category patterns
 * @since 0.1.0
 */
export class Router extends Pattern {
  private readonly in = new FairQueue()
  /** By routing id. Those who have one are read from, too. */
  private readonly out = new Map<string, Pipe>()
  private readonly present = new Set<Pipe>()
  /** By the very frame that a message begins with: ids can be given to another peer, when messages of the last one wait. */
  private readonly users = new WeakMap<Uint8Array, Pipe["user"]>()
  private readonly greeting: Greeting
  private readonly options: Options
  /** What the next peer without an id is called: only the low 32 bits are sent. */
  private next: number

  constructor(options: Options) {
    super()
    this.options = options
    this.next = options.first
    this.greeting = new Greeting(options.probeRouter ? probe : undefined)
  }

  /** Until it is connected nobody knows its id, unless it was given one. */
  override attach(pipe: Pipe): void {
    const id = pipe.routingId
    if (id !== undefined && !this.isFree(id, pipe)) {
      this.driver.leaveAside(pipe)
      return
    }
    this.greeting.attach(pipe)
    if (id !== undefined) this.name(pipe, id)
  }

  override detach(pipe: Pipe): void {
    this.disconnected(pipe)
    this.greeting.detach(pipe)
    const id = pipe.routingId
    if (id === undefined) return
    if (this.out.get(keyOf(id)) === pipe) this.out.delete(keyOf(id))
    this.in.detach(pipe)
  }

  override connected(pipe: Pipe): void {
    this.greeting.connected(pipe)
    // A peer that connects again is taken for the same one, whatever it announces.
    const id = pipe.routingId ?? this.identify(pipe)
    if (id === undefined) this.driver.leaveAside(pipe)
    else {
      this.know(pipe, id)
      this.present.add(pipe)
      this.driver.joined(id, pipe)
    }
  }

  override disconnected(pipe: Pipe): void {
    if (this.present.delete(pipe) && pipe.routingId !== undefined) this.driver.left(pipe.routingId)
  }

  override get peers(): ReadonlyArray<Uint8Array> {
    return Array.from(this.present, ({ routingId }) => routingId as Uint8Array) // who is present has one
  }

  override readActivated(pipe: Pipe): void {
    if (pipe.routingId !== undefined) this.in.activated(pipe)
  }

  override send(message: Message): Sent {
    const pipe = this.destination(message)
    if (pipe === undefined || !pipe.open) return UNROUTABLE
    if (message.length === 1) return DROPPED
    // Frames follow the id.
    if (pipe.write(message.slice(1) as unknown as Message)) return SENT
    return this.options.onFull === "suspend" ? FULL : PEER_FULL
  }

  override destination([id]: Message): Pipe | undefined {
    return id.length <= longest ? this.out.get(keyOf(id)) : undefined
  }

  override hasIn(): boolean {
    return this.in.hasIn()
  }

  override takeOne(): Message | undefined {
    const message = this.in.takeOne()
    // Of a pipe that is read from, which has an id.
    return message && [this.in.last?.routingId as Uint8Array, ...message]
  }

  override take(max: number): ReadonlyArray<Message> {
    const out: Array<Message> = []
    while (out.length < max) {
      const message = this.takeOne()
      if (message === undefined) break
      out.push(message)
    }
    return out
  }

  override userOf([id]: Message): Pipe["user"] {
    return this.users.get(id)
  }

  private know(pipe: Pipe, id: Uint8Array): void {
    if (pipe.user === undefined || this.users.get(id) === pipe.user) return
    pipe.routingId = id.slice()
    this.users.set(pipe.routingId, pipe.user)
  }

  /** The id of a peer that has none yet; `undefined` where another peer has it. */
  private identify(pipe: Pipe): Uint8Array | undefined {
    const id = pipe.announced ?? this.makeUp()
    if (!this.isFree(id, pipe)) return undefined
    this.name(pipe, id)
    return id
  }

  /** Whether no other peer has the id, or, by handover, has it any more. */
  private isFree(id: Uint8Array, pipe: Pipe): boolean {
    const other = this.out.get(keyOf(id))
    if (!other?.open) return true
    // Nobody takes over what is another user's.
    if (!this.options.handover || other.user?.id !== pipe.user?.id) return false
    this.detach(other)
    other.routingId = undefined
    this.driver.leaveAside(other)
    return true
  }

  private name(pipe: Pipe, id: Uint8Array): void {
    pipe.routingId = id
    this.out.set(keyOf(id), pipe)
    this.in.attach(pipe)
  }

  private makeUp(): Uint8Array {
    const id = new Uint8Array(5)
    do new DataView(id.buffer).setUint32(1, this.next++)
    while (this.out.has(keyOf(id)))
    return id
  }
}

/** How many bytes an id has at most (RFC 37). */
const longest = 255

/** A character for each byte. */
const keyOf = (id: Uint8Array): string => String.fromCharCode(...id)

import type { SchedulerDispatcher } from "effect/Scheduler"
import { type Message, weight } from "../../Message.ts"
import { SocketEvent } from "../../SocketEvent.ts"
import { LinkDown, type Port } from "../Link.ts"
import { type Command, Pipe, type Unsent } from "../Pipe.ts"
import type { Connection } from "./connection.ts"
import { Filling } from "./filling.ts"
import type { MemoryLink } from "./memoryLink.ts"

/**
 * One end of a connection in memory. What is written is in the peer's queue at once, or travels by the `Connection`.
 *
 * That one queue stands for two: the receiver's, up to its high-water marks, and behind it the sender's. So it holds as much
 * as both together, and where there is a network between them (tcp, ipc), what is behind the receiver's marks is still the
 * sender's: unsent, and kept if the connection is lost. Over inproc all of it is the receiver's.
 */
export class MemoryPipe extends Pipe {
  readonly link: MemoryLink
  readonly port: Port
  readonly endpoint: string
  /** Whether it connects, and so will be connected again. */
  readonly isDialer: boolean
  /** The one that it is part of, from the first attempt to its end. */
  connection: Connection | undefined = undefined
  private readonly isNetworked: boolean
  /** The other end, where what is written goes to it directly. */
  private peer: MemoryPipe | undefined = undefined
  /** What carries it there otherwise. */
  private via: Connection | undefined = undefined
  /** Written without a connection. */
  private outbox: Array<Message> = []
  private outboxBytes = 0
  /** Commands that came while the connection was being made; until it is, patterns are not ready for them. */
  private early: Array<readonly [Command, Uint8Array]> | undefined = undefined
  private conflating = false
  private refused = false
  private lingering = false
  /** Whether a frame too large came in: nothing behind it does. */
  private broken = false
  /** How many messages its socket took from it to drop them. */
  private discarded = 0
  /** Of the fiber that connects, and keeps the connection. */
  private dispatcher: SchedulerDispatcher | undefined = undefined
  private onDown: ((down: LinkDown) => void) | undefined = undefined

  constructor(link: MemoryLink, port: Port, endpoint: string, isNetworked: boolean, isDialer: boolean) {
    super(port, port.options.highWaterMark.receive, port.options.highWaterMark.receiveBytes)
    this.link = link
    this.port = port
    this.endpoint = endpoint
    this.isNetworked = isNetworked
    this.isDialer = isDialer
  }

  /** Tells `onDown` when the connection to be made is lost, or the pipe is closed. */
  dial(dispatcher: SchedulerDispatcher, onDown: (down: LinkDown) => void): void {
    this.dispatcher = dispatcher
    this.onDown = onDown
  }

  // ---------------------------------------------------------------------------
  // What a connection does with its ends
  // ---------------------------------------------------------------------------

  /** Connects with the other end, directly. */
  connect(accepted: MemoryPipe): void {
    const ends: ReadonlyArray<readonly [MemoryPipe, MemoryPipe]> = [
      [accepted, this],
      [this, accepted]
    ]
    for (const [end, peer] of ends) {
      end.peer = peer
      end.prepare(peer)
      end.early = []
    }
    for (const message of this.emptied()) accepted.receive(message)
    for (const [end] of ends) {
      end.port.log(SocketEvent.HandshakeSucceeded({ endpoint: end.endpoint, peer: end.introduced }))
      end.port.connected(end)
    }
    for (const [end] of ends) {
      const commands = end.early ?? []
      end.early = undefined
      for (const [command, body] of commands) end.port.command(end, command, body)
    }
    this.wakeWriter()
    this.watch()
  }

  /** For a connection with this one. */
  prepare(peer: MemoryPipe): void {
    const { metadata, routingId } = peer.port.options
    this.announced = routingId
    this.introduced = {
      type: peer.port.type,
      routingId,
      metadata: Object.fromEntries(metadata.map(([name, value]) => [name.toLowerCase(), value]))
    }
    this.dispatcher ??= peer.dispatcher
    this.broken = false
    this.conflating = this.port.options.conflate || peer.port.options.conflate
    const { bytes, messages } = peer.roomAt(this.port)
    this.restart(messages, bytes)
  }

  /** The handshake has succeeded. */
  rise(via: Connection): void {
    this.via = via
    for (const message of this.emptied()) via.send(this, message)
    this.port.log(SocketEvent.HandshakeSucceeded({ endpoint: this.endpoint, peer: this.introduced }))
    this.port.connected(this)
    this.wakeWriter()
    this.watch()
  }

  goVia(via: Connection): void {
    this.peer = undefined
    this.via = via
  }

  goDirect(accepted: MemoryPipe): void {
    this.via = undefined
    this.peer = accepted
    accepted.via = undefined
    accepted.peer = this
  }

  /** Is part of no connection any more, and has this to send instead of what waits. */
  detach(unsent: Array<Message> | undefined): void {
    this.connection = undefined
    this.peer = undefined
    this.via = undefined
    this.early = undefined
    if (unsent === undefined) return
    this.emptied()
    for (const message of unsent) this.keep(message)
  }

  /** The connection that it had is lost. */
  lost(): void {
    const { onDown } = this
    this.port.log(SocketEvent.Disconnected({ endpoint: this.endpoint }))
    this.port.disconnected(this)
    if (this.isDialer) this.wakeWriter()
    onDown?.(this.down)
  }

  /** The connection to be made is not. */
  failed(problem: string): void {
    this.onDown?.(new LinkDown({ problem }))
  }

  /** Whoever connects gives it up. */
  abandon(): void {
    if (this.peer !== undefined || this.via !== undefined) this.connection?.cut(this)
    else this.connection?.close(this)()
  }

  /** A message comes in. */
  receive(message: Message): void {
    const { maxMessageSize } = this.port.options
    if (this.broken) this.link.count("tooLarge", 1, this)
    else if (maxMessageSize !== Number.POSITIVE_INFINITY && message.some(({ length }) => length > maxMessageSize)) {
      this.breakOff()
    } else if (this.conflating) {
      if (this.pending > 0) this.link.count("conflated", 1, this)
      this.replace(message)
    } else this.push(message)
  }

  /** So many more messages, of so many bytes, are on their way here, and have their room; or fewer. */
  expect(messages: number, bytes: number): void {
    this.received += messages
    this.coming += bytes
  }

  /** Gives back the newest messages, oldest first. */
  giveBack(count: number): Array<Message> {
    return count === 0 ? [] : this.unpush(count)
  }

  /** Gives back what is still the sender's. */
  giveUp(): Array<Message> {
    return this.giveBack(this.behindMark)
  }

  /** There may be room for what was refused. */
  wakeWriter(): void {
    if (!this.refused || !this.open || !this.hasRoom()) return
    this.refused = false
    this.port.writeActivated(this)
  }

  get isRoomy(): boolean {
    return this.hasSpace
  }

  get isConflating(): boolean {
    return this.conflating
  }

  /** How many messages there can be between this end and a receiver, and below how many bytes there is room for one. */
  roomAt(receiver: Port): { readonly messages: number; readonly bytes: number } {
    if (this.conflating || receiver.options.conflate || this.port.options.conflate) return endless
    const there = receiver.options.highWaterMark
    const here = this.port.options.highWaterMark
    return { messages: there.receive + here.send, bytes: there.receiveBytes + here.sendBytes }
  }

  // ---------------------------------------------------------------------------
  // To count
  // ---------------------------------------------------------------------------

  get pendingBytes(): number {
    return this.bytes
  }

  /** Counts what waits here, from the oldest message on. */
  pourInto(filling: Filling): void {
    for (let index = this.head; index < this.queue.length; index++) {
      // From `head` on there are no empty places.
      if (!filling.add(this.queue[index] as Message)) return
    }
  }

  /** How many messages its socket took. */
  get delivered(): number {
    return this.taken - this.discarded
  }

  override get arrived(): number {
    return this.pending - this.behindMark
  }

  override get label(): string {
    return this.connection?.name ?? this.endpoint
  }

  /** How many its socket took and dropped. */
  get unread(): number {
    return this.discarded
  }

  override discard(): void {
    this.discarded += this.pending
    this.port.losses.add("unread", this.pending, this)
    super.discard()
  }

  // ---------------------------------------------------------------------------
  // What its socket does with it
  // ---------------------------------------------------------------------------

  write(message: Message): boolean {
    if (!this.open) return false
    if (!this.hasRoom()) return false
    if (this.peer !== undefined) this.peer.receive(message)
    else if (this.via !== undefined) this.via.send(this, message)
    else if (this.port.options.conflate) {
      this.link.count("conflated", this.emptied().length, this)
      this.keep(message)
    } else this.keep(message)
    if (this.lingering) this.watch()
    return true
  }

  hasRoom(): boolean {
    const { peer } = this
    const has = peer === undefined ? this.hasRoomElsewhere() : peer.hasSpace
    if (!has) this.refused = true
    return has
  }

  get unsent(): Unsent {
    const queued = this.peer?.behindMark ?? this.via?.unsent(this) ?? this.outbox.length
    return { queued, encoded: 0, inFlight: 0 }
  }

  command(command: Command, body: Uint8Array): void {
    const { peer } = this
    if (peer === undefined) this.via?.command(this, command, body)
    else if (peer.early !== undefined) peer.early.push([command, body])
    else peer.port.command(peer, command, body)
  }

  linger(): void {
    this.lingering = true
    this.watch()
  }

  close(): void {
    this.open = false
    const { onDown } = this
    const tell = this.connection?.close(this)
    this.link.count(this.lingering ? "unsent" : "disconnected", this.emptied().length, this)
    tell?.()
    onDown?.(this.down)
  }

  protected pull(into: Array<Message | undefined>): Array<Message | undefined> {
    return into
  }

  protected credited(): void {
    const writer = this.other
    writer?.wakeWriter()
    writer?.watch()
  }

  /** A frame is too large: the connection ends, and nothing behind it comes in. */
  private breakOff(): void {
    this.broken = true
    this.link.count("tooLarge", 1, this)
    const { connection } = this
    // Not now: the writer is in the middle of its list of pipes.
    this.dispatcher?.scheduleTask(() => {
      if (this.broken && this.connection === connection) connection?.cut(this)
    }, 0)
  }

  private hasRoomElsewhere(): boolean {
    if (this.via !== undefined) return this.via.hasRoom(this)
    const { conflate, highWaterMark } = this.port.options
    return conflate || (this.outbox.length < highWaterMark.send && this.outboxBytes < highWaterMark.sendBytes)
  }

  private keep(message: Message): void {
    this.outbox.push(message)
    this.outboxBytes += weight(message)
  }

  /** What waited for a connection, and does no longer. */
  private emptied(): ReadonlyArray<Message> {
    const { outbox } = this
    this.outbox = []
    this.outboxBytes = 0
    return outbox
  }

  private get other(): MemoryPipe | undefined {
    return this.peer ?? this.via?.peerOf(this)
  }

  private get down(): LinkDown {
    // Over inproc a socket waits for its peer, and needs not try again.
    return new LinkDown({ problem: "the connection was lost", again: !this.isNetworked })
  }

  /** How many of the messages that wait here are still the sender's. */
  private get behindMark(): number {
    if (!this.isNetworked) return 0
    if (!this.isHeavy) return Math.max(0, this.pending - this.port.options.highWaterMark.receive)
    const filling = new Filling(this.port)
    this.pourInto(filling)
    return this.pending - filling.messages
  }

  /** Whether what waits here has reached the receiver's mark of bytes. */
  private get isHeavy(): boolean {
    return this.bytes + this.coming >= this.port.options.highWaterMark.receiveBytes
  }

  /** Tells when nothing is unsent; until then has the peer say when so much was taken. */
  private watch(): void {
    if (!this.lingering) return
    const { queued } = this.unsent
    const { other } = this
    if (queued === 0) this.port.flushed(this)
    // A large message may make room for many.
    else other?.creditWithin(other.isHeavy ? 1 : queued)
  }
}

const endless = { messages: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }

/**
 * One end of a connection of two sockets over a wire.
 *
 * On the way in, messages are decoded up to the high-water mark, so that it is known that they are there; what is behind
 * stays bytes, until it is taken. More than one chunk of it is not read, but of a peer that is gone. On the way out,
 * messages are encoded while the connection takes them, and queue otherwise; what is queued survives the connection, what
 * is encoded does not.
 *
 * Losses are told when all else is done: who hears of one goes on at once, and may close the socket.
 */
import { Link, Pipe as PipeModule } from "@effect-zmq/core/engine"
import type { Message } from "@effect-zmq/core/Message"
import { SocketEvent } from "@effect-zmq/core/SocketEvent"
import type { Connection } from "./connection.ts"
import type { Output } from "./output.ts"
import { decodeCommand, decodePing, encodeCommand } from "./protocol/command.ts"
import type { Decoder, Violation } from "./protocol/decoder.ts"

/** What is told to a peer beside messages, in its order among them. */
class Told {
  readonly command: PipeModule.Command
  readonly body: Uint8Array

  constructor(command: PipeModule.Command, body: Uint8Array) {
    this.command = command
    this.body = body
  }
}

/** How many messages are decoded before they are asked for. */
const decodedAhead = 4096

/** More than a system has for what has come in on a connection. */
const mostLeft = 2 ** 25

/** The limits that are exceeded by a message. */
const ofMessages: ReadonlySet<string | undefined> = new Set(["frameBytes", "messageBytes", "messageFrames"])

/** The types that take subscriptions. */
const publishing: ReadonlySet<string> = new Set(["PUB", "XPUB"])

export class WirePipe extends PipeModule.Pipe {
  readonly port: Link.Port
  readonly endpoint: string
  private readonly sendMark: number
  private readonly conflates: boolean
  private readonly soon: (f: () => void) => void
  private connection: Connection | undefined = undefined
  // The way in
  private decoder: Decoder | undefined = undefined
  private waiting: Array<Uint8Array> = []
  private paused = false
  /** How many bytes may wait before it is paused. */
  private spare = 0
  private planned = false
  // The way out
  private output: Output | undefined = undefined
  private asMessages = false
  private outbox: Array<Message | Told> = []
  private outboxAt = 0
  private tellings = 0
  private refused = false
  private lingering = false
  private onDown: ((down: Link.LinkDown) => void) | undefined = undefined
  /** Where a peer that has connected is; the link says so before `rise`. */
  peer: string | undefined = undefined
  private closed = false

  constructor(port: Link.Port, endpoint: string, soon: (f: () => void) => void) {
    super(port, port.options.highWaterMark.receive)
    this.port = port
    this.endpoint = endpoint
    this.soon = soon
    this.conflates = port.options.conflate
    this.sendMark = this.conflates ? Number.POSITIVE_INFINITY : port.options.highWaterMark.send
  }

  /** Tells `onDown` when the connection to be made is not, is lost, or the pipe is closed. */
  dial(onDown: (down: Link.LinkDown) => void): void {
    this.onDown = onDown
  }

  // ---------------------------------------------------------------------------
  // What its connection does with it
  // ---------------------------------------------------------------------------

  /** The handshake has succeeded. A peer of ZMTP 3.0 is told of subscriptions by messages. */
  rise(connection: Connection, output: Output, decoder: Decoder, asMessages: boolean): void {
    this.connection = connection
    this.output = output
    this.decoder = decoder
    this.asMessages = asMessages
    this.paused = false
    this.spare = 0
    this.port.connected(this)
    this.drain()
  }

  /** Bytes came in. Those that are lent are somebody else's afterwards. */
  feed(chunk: Uint8Array, isLent: boolean): void {
    const { decoder } = this
    if (decoder === undefined) return
    if (decoder.isEmpty && this.waiting.length === 0) decoder.feed(chunk, isLent)
    else {
      this.waiting.push(isLent ? Uint8Array.from(chunk) : chunk)
      this.spare -= chunk.length
      if (this.spare <= 0) {
        this.paused = true
        this.connection?.pause()
      }
    }
    this.decodeAhead()
    decoder.keep()
  }

  /**
   * Reads to the end, which is near: no more than the system had room for. Should the peer go on for ever, it is paused
   * after that.
   */
  readOut(): void {
    this.spare = mostLeft
    if (this.paused) {
      this.paused = false
      this.connection?.resume()
    }
    this.unsend(this.output?.stop() ?? 0)
  }

  /** Whether what comes in is copied, mostly: so that it may be lent. */
  get gathers(): boolean {
    return this.decoder?.gathers ?? false
  }

  /** There may be room for what is queued, and for what was refused. */
  readonly drain = (): void => {
    const { output } = this
    if (output !== undefined) {
      while (this.outboxAt < this.outbox.length && output.isReady) {
        const next = this.outbox[this.outboxAt++] as Message | Told // below the length
        if (next instanceof Told) {
          this.tellings--
          this.tell(output, next)
        } else output.encode(next)
      }
      if (this.outboxAt === this.outbox.length) this.empty()
      else if (this.outboxAt >= 1024) {
        this.outbox = this.outbox.slice(this.outboxAt)
        this.outboxAt = 0
      }
      // Somebody waits for what is encoded to have left.
      if (this.refused || this.lingering) output.flush()
    }
    const room = this.sendMark - this.load
    if (
      this.refused &&
      this.open &&
      (room >= PipeModule.lowWaterMark(this.sendMark) || room === Number.POSITIVE_INFINITY)
    ) {
      this.refused = false
      this.port.writeActivated(this)
    }
    if (this.lingering) this.watch()
  }

  /** The connection that it had is lost. */
  lost(): void {
    const tell = this.leave()
    // Another connection is told anew.
    this.outbox = this.outbox.slice(this.outboxAt).filter((next) => !(next instanceof Told))
    this.outboxAt = 0
    this.tellings = 0
    tell()
    this.port.log(SocketEvent.Disconnected({ endpoint: this.endpoint }))
    // Who waits for the event goes on at once, and may close the socket.
    if (!this.open) return
    const { onDown } = this
    this.port.disconnected(this)
    this.drain()
    onDown?.(new Link.LinkDown({ problem: "the connection was lost" }))
  }

  /** The connection to be made is not. */
  failed(problem: string): void {
    this.onDown?.(new Link.LinkDown({ problem }))
  }

  /** Whether all that has come in is taken. */
  get isRead(): boolean {
    return this.pending === 0 && !this.starved
  }

  /** Whoever connects gives it up. */
  abandon(): void {
    const { connection } = this
    if (connection === undefined) return
    const tell = this.leave()
    connection.end()
    tell()
    this.port.log(SocketEvent.Disconnected({ endpoint: this.endpoint }))
    this.port.disconnected(this)
  }

  // ---------------------------------------------------------------------------
  // To count
  // ---------------------------------------------------------------------------

  override get label(): string {
    return this.peer === undefined ? this.endpoint : `${this.peer} → ${this.endpoint}`
  }

  /** Whether nothing comes of it any more. */
  get isOver(): boolean {
    return this.closed && (!this.finished || this.pending === 0)
  }

  /** The socket takes nothing any more. */
  abandonUnread(): void {
    this.port.losses.add("unread", this.pending, this)
  }

  override discard(): void {
    let count = 0
    for (let batch = this.take(decodedAhead); batch.length > 0; batch = this.take(decodedAhead)) count += batch.length
    this.port.losses.add("unread", count, this)
  }

  /** So many messages that were written will not leave. */
  private unsend(count: number): void {
    this.port.losses.add(this.lingering ? "unsent" : "disconnected", count, this)
  }

  /** Takes in what was decoded where only the newest counts. */
  private replaceAll(messages: ReadonlyArray<Message | undefined>): void {
    if (messages.length === 0) return
    const count = messages.length - (this.pending === 0 ? 1 : 0)
    for (const message of messages) this.replace(message as Message) // just decoded
    this.port.losses.add("conflated", count, this)
  }

  // ---------------------------------------------------------------------------
  // What its socket does with it
  // ---------------------------------------------------------------------------

  write(message: Message): boolean {
    const { output } = this
    if (!this.open || !this.hasRoom()) return false
    if (this.conflates) this.conflate(message)
    else if (output?.isReady === true && this.outbox.length === 0) output.encode(message)
    else this.outbox.push(message)
    if (this.lingering) this.soon(this.drain)
    return true
  }

  hasRoom(): boolean {
    if (this.load < this.sendMark) return true
    this.output?.flush()
    if (this.load < this.sendMark) return true
    this.refused = true
    return false
  }

  get unsent(): PipeModule.Unsent {
    const { output } = this
    return { queued: this.queued, encoded: output?.encoded ?? 0, inFlight: output?.inFlight ?? 0 }
  }

  command(command: PipeModule.Command, body: Uint8Array): void {
    const { output } = this
    if (output === undefined) return
    const told = new Told(command, body)
    if (output.isReady && this.outbox.length === 0) this.tell(output, told)
    else {
      this.outbox.push(told)
      this.tellings++
    }
  }

  linger(): void {
    this.lingering = true
    this.output?.flush()
    this.watch()
  }

  close(): void {
    this.open = false
    this.closed = true
    const { connection, onDown, queued } = this
    this.onDown = undefined
    const tell = this.leave()
    this.empty()
    this.tellings = 0
    connection?.end()
    tell()
    this.unsend(queued)
    onDown?.(new Link.LinkDown({ problem: "the socket has ended it" }))
  }

  protected pull(into: Array<Message | undefined>, max: number): Array<Message | undefined> {
    const most = into.length + max
    while (into.length < most && this.decode(into, most - into.length));
    // A command comes behind the messages that are being taken.
    if (this.starved && into.length < most) this.plan()
    return into
  }

  protected credited(): void {}

  // ---------------------------------------------------------------------------
  // The way in
  // ---------------------------------------------------------------------------

  /** Decodes up to the mark, and does what commands say. */
  private decodeAhead(): void {
    const most = Math.min(this.inHwm, decodedAhead)
    for (;;) {
      let room = this.conflates ? Number.POSITIVE_INFINITY : most - this.pending
      if (room <= 0) {
        if (this.decoder?.hasCommand !== true) {
          this.starved = true
          return
        }
        // Commands take no room; and it is one, behind which it stops.
        room = 1
      }
      const into = this.conflates ? [] : this.queue
      const before = into.length
      const goesOn = this.decode(into, room)
      if (this.conflates) this.replaceAll(into)
      else if (into.length > before) this.pushed(into.length - before)
      if (goesOn) continue
      const { decoder } = this
      if (decoder?.violation !== undefined) {
        this.connection?.violate(decoder.violation)
        return
      }
      if (decoder?.held === undefined) return
      // None of it may be decoded while it is told of, for that comes behind it.
      this.starved = false
      this.obey(decoder)
    }
  }

  /**
   * Decodes some; whether there may be more now. Where not, `starved` tells whether there is something that waits: a
   * command, or what is behind a violation.
   */
  private decode(into: Array<Message | undefined>, max: number): boolean {
    const { decoder } = this
    if (decoder === undefined) {
      this.starved = false
      return false
    }
    const before = into.length
    decoder.decode(into, max)
    if (decoder.held !== undefined || decoder.violation !== undefined) {
      if (decoder.violation === undefined && this.answer(decoder)) return true
      this.starved = true
      return false
    }
    if (into.length - before >= max) {
      this.starved = !decoder.isEmpty || this.waiting.length > 0
      return this.starved
    }
    const chunk = this.waiting.shift()
    if (chunk !== undefined) decoder.feed(chunk, false)
    if (this.paused && this.waiting.length === 0) {
      this.paused = false
      this.connection?.resume()
    }
    this.starved = chunk !== undefined
    return this.starved
  }

  /** What takes no notice of the messages around it is answered at once. */
  private answer(decoder: Decoder): boolean {
    const { held } = decoder
    if (held === undefined || decoder.heldIsMessage) return false
    const command = decodeCommand(held)
    if (publishing.has(this.port.type) && (command?.name === "SUBSCRIBE" || command?.name === "CANCEL")) return false
    decoder.release()
    if (command?.name === "PING") {
      const ping = decodePing(command.data)
      if (ping === undefined) decoder.violation = { limit: undefined, problem: "a malformed PING" }
      else {
        this.connection?.live(ping.timeToLive)
        // A peer that does not read gets no answers.
        if (this.output?.isReady) this.output.command(encodeCommand("PONG", ping.context))
      }
    } else if (command?.name === "PONG") {
      this.connection?.answered(command.data)
    } else if (command?.name === "ERROR") {
      decoder.violation = { limit: undefined, problem: "an ERROR" }
    }
    return decoder.violation === undefined
  }

  private obey(decoder: Decoder): void {
    const { held, heldIsMessage } = decoder
    if (held === undefined) return
    decoder.release()
    const isMessage = heldIsMessage
    const command = isMessage ? undefined : decodeCommand(held)
    const isNew = isMessage ? held[0] === 1 : command?.name === "SUBSCRIBE"
    const prefix = (isMessage ? held.subarray(1) : command?.data) ?? held
    this.connection?.subscribed(isNew, prefix.length)
    if (this.connection === undefined) return
    this.port.command(this, isNew ? "SUBSCRIBE" : "CANCEL", prefix.slice())
  }

  /** Has what waits be decoded when the code that runs now is through. */
  private plan(): void {
    if (this.planned) return
    this.planned = true
    this.soon(() => {
      this.planned = false
      this.decodeAhead()
    })
  }

  /** All that came in is decoded: there is no connection any more. Answers with what the peer did wrong in it. */
  private settle(): Violation | undefined {
    const { decoder } = this
    if (decoder === undefined) return undefined
    const into: Array<Message | undefined> = this.conflates ? [] : this.queue
    const before = into.length
    for (;;) {
      if (this.decode(into, Number.POSITIVE_INFINITY)) continue
      if (decoder.held === undefined || decoder.violation !== undefined) break
      decoder.release()
    }
    this.decoder = undefined
    this.starved = false
    this.waiting = []
    if (this.conflates) this.replaceAll(into)
    else if (into.length > before) this.pushed(into.length - before)
    return decoder.violation
  }

  // ---------------------------------------------------------------------------
  // The way out
  // ---------------------------------------------------------------------------

  private get queued(): number {
    return this.outbox.length - this.outboxAt - this.tellings
  }

  /** What the high-water mark counts. */
  private get load(): number {
    const { output } = this
    return output === undefined ? this.queued : this.queued + output.encoded + output.inFlight
  }

  private conflate(message: Message): void {
    const { queued } = this
    this.outbox = this.outbox.slice(this.outboxAt).filter((next) => next instanceof Told)
    this.outboxAt = 0
    this.outbox.push(message)
    this.soon(this.drain)
    this.port.losses.add("conflated", queued, this)
  }

  private tell(output: Output, { body, command }: Told): void {
    if (!this.asMessages) {
      output.command(encodeCommand(command, body))
      return
    }
    const frame = new Uint8Array(body.length + 1)
    frame[0] = command === "SUBSCRIBE" ? 1 : 0
    frame.set(body, 1)
    output.frameOf(frame)
  }

  private empty(): void {
    this.outbox = []
    this.outboxAt = 0
  }

  /** Answers with what tells of the losses. */
  private leave(): () => void {
    this.connection = undefined
    const violation = this.settle()
    const unsent = this.output?.stop() ?? 0
    this.output = undefined
    return () => {
      this.unsend(unsent)
      if (ofMessages.has(violation?.limit)) this.port.losses.add("tooLarge", 1, this)
    }
  }

  /** Tells when nothing is unsent. */
  private watch(): void {
    if (this.load === 0) this.port.flushed(this)
  }
}

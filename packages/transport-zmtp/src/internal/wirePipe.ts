/**
 * One end of a connection of two sockets over a wire.
 *
 * On the way in, messages are decoded up to the high-water marks, so that it is known that they are there; what is behind
 * stays bytes, until it is taken. More than one chunk of it is not read, but of a peer that is gone. On the way out,
 * messages are encoded while the connection takes them, and queue otherwise; what is queued survives the connection, what
 * is encoded does not.
 *
 * Losses are told when all else is done: who hears of one goes on at once, and may close the socket.
 */
import { Link, Pipe as PipeModule } from "@effect-zmq/core/engine"
import type { Message } from "@effect-zmq/core/Message"
import { SocketEvent } from "@effect-zmq/core/SocketEvent"
import { Outbox, Told } from "./outbox.ts"
import type { Output } from "./output.ts"
import { decodeCommand, decodePing, encodeCommand } from "./protocol/command.ts"
import type { Decoder, Violation } from "./protocol/decoder.ts"

/** What a pipe wants of its connection. */
export interface Carrier {
  readonly pause: () => void
  readonly resume: () => void
  /** Ends it; nobody is told. */
  readonly end: () => void
  /** The peer has broken the protocol, or a limit. */
  readonly violate: (violation: Violation) => void
  /** The peer is to be heard in so many milliseconds, and again and again; 0 stands for ever. */
  readonly live: (timeToLive: number) => void
  /** A ping was answered. */
  readonly answered: (context: Uint8Array) => void
  /** Whether the prefix of a subscription may be so long; otherwise it is the end of the connection. */
  readonly allowsSubscription: (bytes: number) => boolean
  /** The peer holds so many subscriptions. */
  readonly subscribed: (count: number) => void
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
  private readonly sendBytes: number
  private readonly conflates: boolean
  private readonly soon: (f: () => void) => void
  private connection: Carrier | undefined = undefined
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
  private readonly outbox: Outbox
  private refused = false
  private lingering = false
  private onDown: ((down: Link.LinkDown) => void) | undefined = undefined
  /** Where a peer that has connected is; the link says so before `rise`. */
  peer: string | undefined = undefined
  private closed = false

  constructor(port: Link.Port, endpoint: string, soon: (f: () => void) => void) {
    super(port, port.options.highWaterMark.receive, port.options.highWaterMark.receiveBytes)
    this.port = port
    this.endpoint = endpoint
    this.soon = soon
    this.conflates = port.options.conflate
    const { send, sendBytes } = port.options.highWaterMark
    this.sendMark = this.conflates ? Number.POSITIVE_INFINITY : send
    this.sendBytes = sendBytes
    this.outbox = new Outbox(sendBytes !== Number.POSITIVE_INFINITY)
  }

  /** Tells `onDown` when the connection to be made is not, is lost, or the pipe is closed. */
  dial(onDown: (down: Link.LinkDown) => void): void {
    this.onDown = onDown
  }

  // ---------------------------------------------------------------------------
  // What its connection does with it
  // ---------------------------------------------------------------------------

  /** The handshake has succeeded. A peer of ZMTP 3.0 is told of subscriptions by messages. */
  rise(connection: Carrier, output: Output, decoder: Decoder, asMessages: boolean): void {
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
    if (this.output !== undefined) this.output.came = this.pending
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

  /** Whether there is a part of a message, or what is not decoded yet. */
  get isAmidst(): boolean {
    return this.waiting.length > 0 || this.decoder?.isAmidst === true
  }

  /** Whether it is for the peer to go on: all that came is decoded, and a message has begun. */
  get isOwed(): boolean {
    return this.waiting.length === 0 && this.isAmidst && this.decoder?.isEmpty === true
  }

  /** Whether what comes in is copied, mostly: so that it may be lent. */
  gathers(chunk: Uint8Array): boolean {
    return this.waiting.length === 0 && this.decoder?.gathers(chunk) === true
  }

  /** There may be room for what is queued, and for what was refused. */
  readonly drain = (): void => {
    const { outbox, output } = this
    if (output !== undefined) {
      while (!outbox.isEmpty && output.isReady) {
        const next = outbox.next()
        if (next instanceof Told) this.tell(output, next)
        else output.encode(next)
      }
      // Somebody waits for what is encoded to have left.
      if (this.refused || this.lingering) output.flush()
    }
    if (this.refused && this.open && this.isEmptier) {
      this.refused = false
      this.port.writeActivated(this)
    }
    if (this.lingering) this.watch()
  }

  /** Whether there is so much room again that who was refused is told. */
  private get isEmptier(): boolean {
    const room = this.sendMark - this.load
    return (
      (room >= PipeModule.lowWaterMark(this.sendMark) || room === Number.POSITIVE_INFINITY) &&
      this.loadBytes <= this.sendBytes / 2
    )
  }

  /** The connection that it had is lost. */
  lost(): void {
    const tell = this.leave()
    this.outbox.forget()
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
    else if (output?.isReady === true && this.outbox.isEmpty) output.encode(message)
    else this.outbox.add(message)
    if (this.lingering) this.soon(this.drain)
    return true
  }

  hasRoom(): boolean {
    if (this.load < this.sendMark && this.loadBytes < this.sendBytes) return true
    this.output?.flush()
    if (this.load < this.sendMark && this.loadBytes < this.sendBytes) return true
    this.refused = true
    return false
  }

  get unsent(): PipeModule.Unsent {
    const { output } = this
    return { queued: this.outbox.messages, encoded: output?.encoded ?? 0, inFlight: output?.inFlight ?? 0 }
  }

  command(command: PipeModule.Command, body: Uint8Array): void {
    const { output } = this
    if (output === undefined) return
    const told = new Told(command, body)
    if (output.isReady && this.outbox.isEmpty) this.tell(output, told)
    else this.outbox.tell(told)
  }

  linger(): void {
    this.lingering = true
    this.output?.flush()
    this.watch()
  }

  close(): void {
    this.open = false
    this.closed = true
    const { connection, onDown, outbox } = this
    this.onDown = undefined
    const tell = this.leave()
    outbox.forget()
    const queued = outbox.drop()
    connection?.end()
    tell()
    this.unsend(queued)
    onDown?.(new Link.LinkDown({ problem: "the socket has ended it" }))
  }

  protected pull(into: Array<Message | undefined>, max: number): Array<Message | undefined> {
    const most = into.length + max
    // What is taken at once need not wait in the queue.
    const isToWait = into === this.queue
    const stop = isToWait ? this.inBytes : Number.POSITIVE_INFINITY
    let bytes = 0
    while (into.length < most && bytes < stop) {
      const before = this.decoder?.decoded ?? 0
      const goesOn = this.decode(into, most - into.length, stop - bytes)
      bytes += (this.decoder?.decoded ?? before) - before
      if (!goesOn) break
    }
    if (isToWait) this.bytes += bytes
    // A command comes behind the messages that are being taken.
    if (this.starved && into.length < most && bytes < stop) this.plan()
    return into
  }

  protected credited(): void {}

  // ---------------------------------------------------------------------------
  // The way in
  // ---------------------------------------------------------------------------

  /** Decodes up to the marks, and does what commands say. */
  private decodeAhead(): void {
    const most = Math.min(this.inHwm, decodedAhead)
    for (;;) {
      let room = this.conflates ? Number.POSITIVE_INFINITY : most - this.pending
      let roomBytes = this.conflates ? Number.POSITIVE_INFINITY : this.inBytes - this.bytes
      if (room <= 0 || roomBytes <= 0) {
        if (this.decoder?.hasCommand !== true) {
          this.starved = true
          return
        }
        // Commands take no room; and it is one, behind which it stops.
        room = 1
        roomBytes = 1
      }
      const into = this.conflates ? [] : this.queue
      const before = into.length
      const decoded = this.decoder?.decoded ?? 0
      const goesOn = this.decode(into, room, roomBytes)
      if (this.conflates) this.replaceAll(into)
      else if (into.length > before) this.pushed(into.length - before, (this.decoder?.decoded ?? decoded) - decoded)
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
  private decode(into: Array<Message | undefined>, max: number, maxBytes: number): boolean {
    const { decoder } = this
    if (decoder === undefined) {
      this.starved = false
      return false
    }
    const before = into.length
    const stop = decoder.decoded + maxBytes
    decoder.decode(into, max, maxBytes)
    if (decoder.held !== undefined || decoder.violation !== undefined) {
      if (decoder.violation === undefined && this.answer(decoder)) return true
      this.starved = true
      return false
    }
    if (into.length - before >= max || decoder.decoded >= stop) {
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
    if (this.connection?.allowsSubscription(prefix.length) !== true) return
    const count = this.port.command(this, isNew ? "SUBSCRIBE" : "CANCEL", prefix.slice())
    // Whoever was told of it goes on at once, and may have closed the socket.
    this.connection?.subscribed(count)
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
    const decoded = decoder.decoded
    for (;;) {
      if (this.decode(into, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)) continue
      if (decoder.held === undefined || decoder.violation !== undefined) break
      decoder.release()
    }
    this.decoder = undefined
    this.starved = false
    this.waiting = []
    if (this.conflates) this.replaceAll(into)
    else if (into.length > before) this.pushed(into.length - before, decoder.decoded - decoded)
    return decoder.violation
  }

  // ---------------------------------------------------------------------------
  // The way out
  // ---------------------------------------------------------------------------

  /** What the high-water marks count. */
  private get load(): number {
    const { outbox, output } = this
    return output === undefined ? outbox.messages : outbox.messages + output.encoded + output.inFlight
  }

  private get loadBytes(): number {
    const { outbox, output } = this
    return output === undefined ? outbox.bytes : outbox.bytes + output.bytes + output.inFlightBytes
  }

  private conflate(message: Message): void {
    const conflated = this.outbox.drop()
    this.outbox.add(message)
    this.soon(this.drain)
    this.port.losses.add("conflated", conflated, this)
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

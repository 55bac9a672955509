/**
 * Messages out of the bytes of a connection, decoded when they are taken.
 *
 * A frame that is whole in a chunk is a view into it. One that is not is gathered in memory of its own, which grows with
 * what has come rather than with what was announced.
 */
import { type Message, weight } from "@effect-zmq/core/Message"
import { COMMAND, LONG, longestHeader, MORE, readLength, shortest } from "./frame.ts"

/** What a peer may make us hold. */
export interface Limits {
  readonly frameBytes: number
  /** Over all frames of a message. */
  readonly messageBytes: number
  readonly messageFrames: number
}

export interface Violation {
  /** The limit that was exceeded, where it is one. */
  readonly limit: string | undefined
  readonly problem: string
}

/** The longest command: a SUBSCRIBE has a prefix in it. */
const longestCommand = 65_536 + 16

/** Up to so many bytes memory is had at once for a frame; beyond, as they come. */
const trusted = 1_048_576

/** From here on a frame that is gathered is large. */
const large = 16_384

const nothing = new Uint8Array(0)

export class Decoder {
  /** A command, or where `heldIsMessage` a message that is a subscription: nothing goes on until it is `release`d. */
  held: Uint8Array | undefined = undefined
  heldIsMessage = false
  /** What the peer did wrong: nothing is decoded from then on. */
  violation: Violation | undefined = undefined
  /** How many bytes the messages have that were decoded, as marks count them: since ever. */
  decoded = 0
  private readonly limits: Limits
  /** Whether messages that begin with a byte 0 or 1 are subscriptions, as in ZMTP 3.0. */
  private readonly takesSubscriptions: boolean
  private readonly allocate: (size: number) => Uint8Array
  private readonly shortLimit: number
  private chunk: Uint8Array = nothing
  private at = 0
  /** Whether the chunk is to be given back: nothing may be a view into it. */
  private isLent = false
  /** The frames of the message that has begun, and their bytes. */
  private frames: Array<Uint8Array> = []
  private bytes = 0
  /** Of a frame that began in an earlier chunk: the beginning of its header, or its length and what there is of its body. */
  private readonly header = new Uint8Array(longestHeader)
  private headerLength = 0
  private flags = 0
  private length = 0
  private body: Uint8Array | undefined = undefined
  private filled = 0

  constructor(limits: Limits, takesSubscriptions: boolean, allocate: (size: number) => Uint8Array) {
    this.limits = limits
    this.takesSubscriptions = takesSubscriptions
    this.allocate = allocate
    this.shortLimit = Math.min(limits.frameBytes, limits.messageBytes, shortest)
  }

  /** Whether all was decoded, but for the beginning of a frame. */
  get isEmpty(): boolean {
    return this.at === this.chunk.length && this.held === undefined
  }

  /** Whether a frame or a message has begun and is not whole, or not all was decoded. */
  get isAmidst(): boolean {
    return this.body !== undefined || this.headerLength > 0 || this.frames.length > 0 || !this.isEmpty
  }

  /** The next bytes; only where it `isEmpty`. */
  feed(chunk: Uint8Array, isLent: boolean): void {
    this.chunk = chunk
    this.at = 0
    this.isLent = isLent
  }

  /** Gives back what was lent: what is left of it is copied. */
  keep(): void {
    if (!this.isLent) return
    this.isLent = false
    if (this.at === this.chunk.length) return
    this.chunk = this.copy(this.at, this.chunk.length)
    this.at = 0
  }

  /** Whether what comes next goes on with a large frame, or begins with one: then it is copied into that. */
  gathers(chunk: Uint8Array): boolean {
    if (this.body !== undefined) return this.length >= large
    return this.isEmpty && this.headerLength === 0 && isLargeAt(chunk, 0)
  }

  /** Whether the frame that comes next, or has begun, is a command. */
  get hasCommand(): boolean {
    const { at, body, chunk, header, headerLength } = this
    const flags = body !== undefined ? this.flags : headerLength > 0 ? header[0] : chunk[at]
    return ((flags ?? 0) & COMMAND) !== 0
  }

  release(): void {
    this.held = undefined
    this.letGo()
  }

  /**
   * Puts at most `max` messages to the end of `into`, and none behind `maxBytes` of them; fewer where the bytes end, or
   * something is `held`.
   */
  decode(into: Array<Message | undefined>, max: number, maxBytes: number): void {
    const most = into.length + max
    const stop = this.decoded + maxBytes
    while (into.length < most && this.held === undefined && this.violation === undefined) {
      if (this.body === undefined && this.headerLength === 0) {
        // What is small, behind what is large, is copied at once rather than one by one.
        if (this.isLent && this.frames.length === 0 && !isLargeAt(this.chunk, this.at)) this.keep()
        if (this.frames.length === 0 && !this.isLent) this.decodeShort(into, most, stop - this.decoded)
        if (into.length >= most || this.decoded >= stop) break
        if (!this.decodeFrame(into)) break
      } else if (!this.resume(into)) break
    }
    this.letGo()
  }

  /** Whole short messages of one frame: a loop of its own, because they are many. */
  private decodeShort(into: Array<Message | undefined>, most: number, maxBytes: number): void {
    const { at: begun, chunk, shortLimit, takesSubscriptions } = this
    const end = chunk.length
    // Where the last one may begin. With the headers counted it is too early, and then there is another round.
    const last = Math.min(end - 2, begun + maxBytes - 1)
    const before = into.length
    let at = begun
    for (let room = most - before; room > 0; room--) {
      if (at > last || chunk[at] !== 0) break
      const start = at + 2
      const length = chunk[at + 1] as number // before the end
      const next = start + length
      if (next > end || length > shortLimit) break
      if (takesSubscriptions && length > 0 && (chunk[start] as number) <= 1) break // before the end
      into.push([chunk.subarray(start, next)])
      at = next
    }
    this.at = at
    this.decoded += at - begun - 2 * (into.length - before)
  }

  /** The next frame; `false` where it is not whole, and the bytes end. */
  private decodeFrame(into: Array<Message | undefined>): boolean {
    const { at, chunk } = this
    const available = chunk.length - at
    if (available === 0) return false
    this.flags = chunk[at] as number // there is one
    const size = (this.flags & LONG) === 0 ? 2 : longestHeader
    if (available < size) {
      this.header.set(chunk.subarray(at))
      this.headerLength = available
      this.at = chunk.length
      return false
    }
    this.length = size === 2 ? (chunk[at + 1] as number) : readLength(chunk, at + 1) // so many are there
    if (!this.isAllowed()) return false
    this.at += size
    if (available - size < this.length) {
      this.begin()
      this.fill()
      return false
    }
    const end = this.at + this.length
    const body = this.isLent ? this.copy(this.at, end) : chunk.subarray(this.at, end)
    this.at = end
    this.accept(body, into)
    return true
  }

  /** Goes on with the frame that began in an earlier chunk; `false` where it is still not whole. */
  private resume(into: Array<Message | undefined>): boolean {
    const { chunk, header } = this
    while (this.body === undefined) {
      if (this.at === chunk.length) return false
      header[this.headerLength++] = chunk[this.at++] as number // before the end
      this.flags = header[0] as number // there is one by now
      const size = (this.flags & LONG) === 0 ? 2 : longestHeader
      if (this.headerLength < size) continue
      this.length = size === 2 ? (header[1] as number) : readLength(header, 1) // so many are there
      this.headerLength = 0
      if (!this.isAllowed()) return false
      this.begin()
    }
    if (!this.fill()) return false
    const { body } = this
    this.body = undefined
    this.accept(body, into)
    return true
  }

  private copy(start: number, end: number): Uint8Array {
    const copy = this.allocate(end - start)
    copy.set(this.chunk.subarray(start, end))
    return copy
  }

  private begin(): void {
    this.body = this.allocate(Math.min(this.length, trusted))
    this.filled = 0
  }

  /** Copies what there is of the body; whether it is whole. */
  private fill(): boolean {
    const { at, chunk, length } = this
    const count = Math.min(length - this.filled, chunk.length - at)
    let body = this.body as Uint8Array // begun
    if (this.filled + count > body.length) {
      const larger = this.allocate(Math.min(length, Math.max(2 * body.length, this.filled + count)))
      larger.set(body.subarray(0, this.filled))
      body = larger
      this.body = body
    }
    body.set(at === 0 && count === chunk.length ? chunk : chunk.subarray(at, at + count), this.filled)
    this.filled += count
    this.at += count
    return this.filled === length
  }

  /** A frame is whole. */
  private accept(body: Uint8Array, into: Array<Message | undefined>): void {
    const { flags, frames } = this
    if ((flags & COMMAND) !== 0) {
      this.held = body
      this.heldIsMessage = false
    } else if ((flags & MORE) !== 0) {
      frames.push(body)
      this.bytes += body.length
    } else if (frames.length === 0) {
      // Not empty.
      if (this.takesSubscriptions && body.length > 0 && (body[0] as number) <= 1) {
        this.held = body
        this.heldIsMessage = true
      } else {
        into.push([body])
        this.decoded += body.length
      }
    } else {
      frames.push(body)
      const message = frames as unknown as Message // it has at least this frame
      into.push(message)
      this.decoded += weight(message)
      this.frames = []
      this.bytes = 0
    }
  }

  /** Whether the peer may send a frame with these flags and of this length now. */
  private isAllowed(): boolean {
    const { flags, length, limits } = this
    if ((flags & ~(MORE | LONG | COMMAND)) !== 0) return this.refuse(undefined, `a frame with the flags ${flags}`)
    if ((flags & COMMAND) !== 0) {
      // It may come between the frames of a message: libzmq pings when it is time to.
      if ((flags & MORE) !== 0) return this.refuse(undefined, "a command of several frames")
      return length <= longestCommand || this.refuse("commandBytes", `a command of ${length} bytes`)
    }
    if (length > limits.frameBytes) return this.refuse("frameBytes", `a frame of ${length} bytes`)
    if (this.bytes + length > limits.messageBytes) {
      return this.refuse("messageBytes", `a message of more than ${limits.messageBytes} bytes`)
    }
    return (
      this.frames.length < limits.messageFrames ||
      this.refuse("messageFrames", `a message of more than ${limits.messageFrames} frames`)
    )
  }

  private refuse(limit: keyof Limits | "commandBytes" | undefined, problem: string): false {
    this.violation = { limit, problem }
    this.frames = []
    this.body = undefined
    this.headerLength = 0
    return false
  }

  /** Lets go of a chunk that was decoded. */
  private letGo(): void {
    if (this.chunk !== nothing && this.at === this.chunk.length) {
      this.chunk = nothing
      this.at = 0
    }
  }
}

/** Whether the message that begins there begins with a large frame, or has one behind its envelope. */
const isLargeAt = (chunk: Uint8Array, start: number): boolean => {
  let at = start
  for (let frames = 0; frames < 4 && at + longestHeader <= chunk.length; frames++) {
    const flags = chunk[at] as number // before the end
    if ((flags & LONG) !== 0) return readLength(chunk, at + 1) >= large
    if ((flags & MORE) === 0) return false
    at += 2 + (chunk[at + 1] as number) // as above
  }
  return false
}

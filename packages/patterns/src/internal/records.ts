/**
 * Records: what servers, dispatchers, workers and their clients say to each other. A message has one frame, of any number
 * of records:
 *
 * ```text
 * u32 length | u8 kind | u8 flags | u8 tag length | u8 attempt | u32 id | u32 epoch | u64 instance | u32 sequence | tag | body
 * ```
 *
 * Numbers are big-endian; `length` is of the whole record, its own four bytes included; the tag is UTF-8; the body is as its
 * kind has it.
 *
 * - `id` names the call between two ends, and is given by the one that asks; `epoch` is that end's, made up anew whenever it
 *   starts, so that a late answer is no answer to another call of the same number
 * - `instance` and `sequence` are chosen by who calls first, and never change on the way: the name of the call for ever
 * - `attempt` counts from 1; 0 is who counts none
 *
 * So who passes a record on copies it, writes another id, epoch and attempt over the old ones, and never looks at the body.
 *
 * What comes in is not believed: `read` looks at every length before it uses it, never throws, and tells of each record that is
 * none. A length that cannot hold ends the message, because nobody knows where the next record begins.
 */

/** What a record says, by its kind. */
export const Kind = {
  /** To whom it is sent: here I am. The body is a `Hello`. */
  Hello: 1,
  /** A call. */
  Request: 2,
  /** A chunk of the call `id` was taken. */
  Ack: 3,
  /** The call `id` is wanted no more. */
  Interrupt: 4,
  /** Are you there? Answered by `Pong`. */
  Ping: 5,
  /** I am going; whatever I have asked for is wanted no more, and what I was asked for I do not do. */
  Bye: 6,
  /** A worker: let me have so many calls at once (`sequence`), rather than as many as its Hello said. */
  Credit: 7,
  /** A worker: give me no more. A dispatcher: finish, and leave. */
  Drain: 8,
  /** Some elements of the stream that `id` answers with. */
  Chunk: 9,
  /** The call `id` has ended, and how. */
  Exit: 10,
  /** What nobody has foreseen, of no call, or of the call `id` where it is not 0. */
  Defect: 11,
  /** Here I am: of the one that is asked, with its own epoch as `sequence`. */
  Pong: 12,
  /** The call `id` is not taken; the body is the reason, as text. */
  Refused: 13,
  /** The call `id` is queued: who asked waits for no more than that. */
  Accepted: 14,
  /** I do not know you: say Hello, and begin anew. */
  Stale: 15
} as const

export type Kind = (typeof Kind)[keyof typeof Kind]

/** How a body is written, and what a call is like. Kinds that do not need them leave them 0. */
export const Flag = {
  /** The body, behind its prefix, is bytes of a binary codec, and not JSON. */
  Bytes: 1,
  /** The body begins with a prefix: headers and a trace. */
  Prefix: 2,
  /** The caller wants to know that the call has begun, and not how it ends. */
  Discard: 4,
  /** The caller wants no answer. */
  Notification: 8,
  /** The trace of the prefix is sampled. */
  Sampled: 16,
  /** The body is as the worker's codec reads it, whichever that is. */
  Encoded: 32
} as const

/** The bytes of a record before its tag. */
export const headerSize = 28

/** The most bytes that a tag has. */
export const maxTagSize = 255

const firstKind = Kind.Hello
const lastKind = Kind.Stale

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

// -----------------------------------------------------------------------------
// Reading
// -----------------------------------------------------------------------------

/** Why something that came in is no record, and where in its frame it began. */
export interface Malformed {
  readonly problem: "frames" | "truncated" | "length" | "kind" | "tag" | "instance" | "body"
  readonly offset: number
}

/** A record that has come in: a view of the frame that it came in. */
export class Record {
  readonly frame: Uint8Array
  /** Where it begins and ends in the frame. */
  readonly start: number
  readonly end: number

  constructor(frame: Uint8Array, start: number, end: number) {
    this.frame = frame
    this.start = start
    this.end = end
  }

  // `read` has looked at the kind, and at the bounds of all that follows.
  get kind(): Kind {
    return byteAt(this.frame, this.start + 4) as Kind
  }

  get flags(): number {
    return byteAt(this.frame, this.start + 5)
  }

  get attempt(): number {
    return byteAt(this.frame, this.start + 7)
  }

  get id(): number {
    return u32At(this.frame, this.start + 8)
  }

  get epoch(): number {
    return u32At(this.frame, this.start + 12)
  }

  /** At most 2^53 - 1. */
  get instance(): number {
    return u32At(this.frame, this.start + 16) * 0x1_0000_0000 + u32At(this.frame, this.start + 20)
  }

  get sequence(): number {
    return u32At(this.frame, this.start + 24)
  }

  get tag(): string {
    const from = this.start + headerSize
    return textOf(this.frame, from, from + byteAt(this.frame, this.start + 6))
  }

  /** Where the body begins in the frame. */
  get bodyStart(): number {
    return this.start + headerSize + byteAt(this.frame, this.start + 6)
  }

  /** A view of the frame. */
  get body(): Uint8Array {
    return this.frame.subarray(this.bodyStart, this.end)
  }
}

/** What a message says: its records, and of what is none, why. */
export interface Reading {
  readonly records: ReadonlyArray<Record>
  readonly malformed: ReadonlyArray<Malformed>
}

/** Reads a message. What is malformed and has a length that holds is passed over; otherwise it ends the reading. */
export const read = (message: ReadonlyArray<Uint8Array>): Reading => {
  const frame = message[0]
  if (frame === undefined || message.length !== 1) {
    return { records: [], malformed: [{ problem: "frames", offset: 0 }] }
  }
  const records: Array<Record> = []
  const malformed: Array<Malformed> = []
  let start = 0
  // An empty frame is no message of this protocol either.
  do {
    if (frame.length - start < headerSize) {
      malformed.push({ problem: "truncated", offset: start })
      break
    }
    const length = u32At(frame, start)
    if (length < headerSize || length > frame.length - start) {
      malformed.push({ problem: "length", offset: start })
      break
    }
    const end = start + length
    const problem = problemOf(frame, start, length)
    if (problem === undefined) records.push(new Record(frame, start, end))
    else malformed.push({ problem, offset: start })
    start = end
  } while (start < frame.length)
  return { records, malformed }
}

const problemOf = (frame: Uint8Array, start: number, length: number): Malformed["problem"] | undefined => {
  const kind = byteAt(frame, start + 4)
  if (kind < firstKind || kind > lastKind) return "kind"
  if (headerSize + byteAt(frame, start + 6) > length) return "tag"
  // Beyond 2^53 - 1 a number names two instances.
  return byteAt(frame, start + 16) !== 0 || byteAt(frame, start + 17) > 0x1f ? "instance" : undefined
}

// The bounds are looked at before: in `read`, and by the loops below.
const byteAt = (bytes: Uint8Array, offset: number): number => bytes[offset] as number

const u32At = (bytes: Uint8Array, offset: number): number =>
  ((byteAt(bytes, offset) << 24) |
    (byteAt(bytes, offset + 1) << 16) |
    (byteAt(bytes, offset + 2) << 8) |
    byteAt(bytes, offset + 3)) >>>
  0

/** Text in UTF-8. Short ASCII, as tags are, costs no call of the decoder. */
export const textOf = (bytes: Uint8Array, from: number, to: number): string => {
  if (to - from > 12) return decoder.decode(bytes.subarray(from, to))
  let text = ""
  for (let i = from; i < to; i++) {
    const byte = byteAt(bytes, i)
    if (byte > 0x7f) return decoder.decode(bytes.subarray(from, to))
    text += String.fromCharCode(byte)
  }
  return text
}

// -----------------------------------------------------------------------------
// Writing
// -----------------------------------------------------------------------------

/** The numbers of a record; those that are missing are 0. */
export interface Header {
  readonly kind: Kind
  readonly flags?: number | undefined
  readonly attempt?: number | undefined
  readonly id?: number | undefined
  readonly epoch?: number | undefined
  readonly instance?: number | undefined
  readonly sequence?: number | undefined
}

/** What who passes a record on writes over the old. */
export interface Patch {
  readonly id: number
  readonly epoch: number
  readonly attempt: number
}

/** A slab is small at first, and grows with what is packed: most of a thousand clients say little. */
const firstSlab = 1_024
const slabSize = 65_536

/** What is waiting goes in messages of so many bytes, or of one record: so that who receives them can have a limit. */
export const fullMessage = 65_536

const nothing = new Uint8Array(0)

/**
 * Packs records into a message. What `take` has given is never written to again: frames belong to whoever they are sent to.
 *
 * A record is written by `begin`, any number of `bytes`, `text`, `sized`, `byte` and `u32`, and `end`; or by `add` or `copy` alone.
 */
export class Packer {
  private slab: Uint8Array = nothing
  /** Where the message begins, where the record does that is being written, and where to write on. */
  private from = 0
  private record = 0
  private at = 0
  private _count = 0
  private nextSlab = firstSlab

  /** How many records wait to be taken. */
  get count(): number {
    return this._count
  }

  /** How many bytes they have. */
  get size(): number {
    return this.at - this.from
  }

  /** A whole record. The tag has at most 255 bytes of UTF-8 (`fitsTag`); what is longer is cut. */
  add(header: Header, tag = "", body: Uint8Array | string = nothing): void {
    this.begin(header, tag)
    if (typeof body === "string") this.text(body)
    else this.bytes(body)
    this.end()
  }

  begin(header: Header, tag = ""): void {
    // No character has more than three bytes for each unit of its string.
    this.reserve(headerSize + (tag.length > maxTagSize ? maxTagSize : tag.length * 3))
    const slab = this.slab
    const start = this.at
    this.record = start
    const instance = header.instance ?? 0
    slab[start + 4] = header.kind
    slab[start + 5] = header.flags ?? 0
    slab[start + 7] = header.attempt ?? 0
    writeU32(slab, start + 8, header.id ?? 0)
    writeU32(slab, start + 12, header.epoch ?? 0)
    writeU32(slab, start + 16, Math.floor(instance / 0x1_0000_0000))
    writeU32(slab, start + 20, instance >>> 0)
    writeU32(slab, start + 24, header.sequence ?? 0)
    const size = tag === "" ? 0 : writeText(slab, start + headerSize, tag, maxTagSize)
    slab[start + 6] = size
    this.at = start + headerSize + size
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.slab.set(bytes, this.at)
    this.at += bytes.length
  }

  text(text: string): void {
    this.reserve(text.length * 3)
    this.at += writeText(this.slab, this.at, text, text.length * 3)
  }

  byte(value: number): void {
    this.reserve(1)
    this.slab[this.at++] = value
  }

  u32(value: number): void {
    this.reserve(4)
    writeU32(this.slab, this.at, value)
    this.at += 4
  }

  /** The length of a text in UTF-8, `between`, which is ASCII, and the text. */
  sized(text: string, between = ""): void {
    this.reserve(4 + between.length + text.length * 3)
    const at = this.at
    writeText(this.slab, at + 4, between, between.length)
    const size = writeText(this.slab, at + 4 + between.length, text, text.length * 3)
    writeU32(this.slab, at, size)
    this.at = at + 4 + between.length + size
  }

  end(): void {
    writeU32(this.slab, this.record, this.at - this.record)
    this._count++
  }

  /** A record that has come in, as it is but for the patch. */
  copy(record: Record, patch?: Patch): void {
    const { end, frame, start } = record
    this.reserve(end - start)
    const at = this.at
    const slab = this.slab
    slab.set(start === 0 && end === frame.length ? frame : frame.subarray(start, end), at)
    if (patch !== undefined) {
      slab[at + 7] = patch.attempt
      writeU32(slab, at + 8, patch.id)
      writeU32(slab, at + 12, patch.epoch)
    }
    this.at = at + (end - start)
    this._count++
  }

  /**
   * The message, to be sent; `undefined` where there is no record. Of no more than so many bytes, unless a record has more:
   * then those that follow are the next.
   */
  take(most = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    if (this._count === 0) return undefined
    let end = this.at
    let count = this._count
    if (end - this.from > most) {
      end = this.from + u32At(this.slab, this.from)
      count = 1
      for (;;) {
        const next = end + u32At(this.slab, end)
        if (end >= this.at || next - this.from > most) break
        end = next
        count++
      }
    }
    const message = this.slab.subarray(this.from, end)
    this.from = end
    this._count -= count
    if (this._count > 0) return message
    // A slab that is nearly used up would be held by a message, and give room for none.
    if (this.slab.length - this.at < headerSize * 4) this.drop()
    return message
  }

  /** Forgets what waits. */
  clear(): void {
    this.at = this.from
    this._count = 0
  }

  private drop(): void {
    this.slab = nothing
    this.from = this.at = 0
  }

  /** Makes room; what waits moves where there is. */
  private reserve(size: number): void {
    if (this.slab.length - this.at >= size) return
    const waiting = this.at - this.from
    const slab = new Uint8Array(Math.max(this.nextSlab, waiting * 2 + size))
    this.nextSlab = Math.min(slabSize, this.nextSlab * 2)
    slab.set(this.slab.subarray(this.from, this.at))
    this.record -= this.from
    this.from = 0
    this.at = waiting
    this.slab = slab
  }
}

/** Whether a tag has at most 255 bytes. */
export const fitsTag = (tag: string): boolean =>
  tag.length * 3 <= maxTagSize || encoder.encode(tag).length <= maxTagSize

const writeU32 = (bytes: Uint8Array, offset: number, value: number): void => {
  bytes[offset] = value >>> 24
  bytes[offset + 1] = value >>> 16
  bytes[offset + 2] = value >>> 8
  bytes[offset + 3] = value
}

/** Writes text, as much of it as has room; answers how many bytes that were. */
const writeText = (bytes: Uint8Array, offset: number, text: string, most: number): number => {
  if (text.length <= 64 && text.length <= most) {
    let i = 0
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) break
      bytes[offset + i] = code
    }
    if (i === text.length) return i
  }
  return encoder.encodeInto(text, bytes.subarray(offset, Math.min(bytes.length, offset + most))).written
}

// -----------------------------------------------------------------------------
// Hello
// -----------------------------------------------------------------------------

/** What this library speaks. Another version is refused by name, and never guessed at. */
export const version = 1

/** What somebody begins with: of a client its codec, of a worker also how many calls it takes. */
export interface Hello {
  readonly version: number
  readonly role: "client" | "worker" | "runner"
  /** The content type of the serialization: both ends have the same, or neither understands the other. */
  readonly codec: string
  /** How many calls a worker takes at once; of others 0. */
  readonly credit: number
}

const roles = ["client", "worker", "runner"] as const

/** The body of a Hello: `u8 version | u8 role | u32 credit | codec`, the codec in UTF-8; its tag is what a worker is called. */
export const packHello = (
  packer: Packer,
  header: Omit<Header, "kind">,
  hello: Omit<Hello, "version">,
  name = ""
): void => {
  packer.begin({ ...header, kind: Kind.Hello }, name)
  packer.byte(version)
  packer.byte(roles.indexOf(hello.role))
  packer.u32(hello.credit)
  packer.text(hello.codec)
  packer.end()
}

/** What a Hello says; `undefined` where its body is none. */
export const readHello = (record: Record): Hello | undefined => {
  const { bodyStart, end, frame } = record
  if (end - bodyStart < 6) return undefined
  const role = roles[byteAt(frame, bodyStart + 1)]
  if (role === undefined) return undefined
  return {
    version: byteAt(frame, bodyStart),
    role,
    credit: u32At(frame, bodyStart + 2),
    codec: textOf(frame, bodyStart + 6, end)
  }
}

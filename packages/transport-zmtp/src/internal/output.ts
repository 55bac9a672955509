/**
 * The way out of a connection: messages are encoded when they are written, many to a slab of memory, and slabs are written
 * to the system when it pays.
 *
 * A connection that was quiet, or that has heard from its peer since it wrote last, writes as soon as the code that runs now
 * is through: somebody waits. Where many messages came in at once, as many answers may be about to leave: then it writes also
 * when half of them are encoded, so that the peer has something to do meanwhile, which costs a write more. One in the middle
 * of a stream holds what it has until a turn of the event loop brings nothing more, for at most 16 turns or 32 messages. Two
 * turns without anything make it quiet.
 *
 * What the system has not taken at once is in flight, and until it has, nothing more is encoded. All of it counts as in
 * flight until then, though the system may have taken a part: Node says no more.
 */
import type { Message } from "@effect-zmq/core/Message"
import type { Allocate } from "./memory.ts"
import { COMMAND, longestHeader, MORE, writeHeader } from "./protocol/frame.ts"
import type { Turning, Turns } from "./turns.ts"

/** What bytes are written to. */
export interface Sink {
  readonly write: (pieces: ReadonlyArray<Uint8Array>) => void
  readonly unsentBytes: number
}

/** What all connections of a process share. */
export interface Shared {
  readonly turns: Turns
  readonly slabs: Slabs
  readonly soon: (f: () => void) => void
  /** Has memory for frames. */
  readonly allocate: Allocate
}

const slabSize = 65_536

/** What a connection that was quiet begins with: many may write in one turn, and most of them one message. */
const firstSize = 2048

/** Frames up to here are copied into the slab; larger ones are written as they are. */
const copied = 8192

/** Answers to so many messages that came at once are written in two halves. */
const smallestBurst = 32

/** As soon as so much is encoded it is written. */
const enough = 57_344
const enoughByReference = 262_144

/** How many slabs of each size are kept for later. */
const kept = 16
const keptFirst = 1024

/** Slabs that nobody uses at the moment. */
export class Slabs {
  private readonly allocate: (size: number) => Uint8Array
  private readonly free: Array<Uint8Array> = []
  private readonly first: Array<Uint8Array> = []

  constructor(allocate: (size: number) => Uint8Array) {
    this.allocate = allocate
  }

  take(): Uint8Array {
    return this.free.pop() ?? this.allocate(slabSize)
  }

  /** A small one, for a beginning. */
  takeFirst(): Uint8Array {
    if (this.first.length === 0) {
      const many = this.allocate(slabSize)
      for (let at = 0; at < slabSize; at += firstSize) this.first.push(many.subarray(at, at + firstSize))
    }
    return this.first.pop() as Uint8Array // there is one by now
  }

  give(slab: Uint8Array): void {
    if (slab.length === slabSize) {
      if (this.free.length < kept) this.free.push(slab)
    } else if (this.first.length < keptFirst) this.first.push(slab)
  }
}

export class Output implements Turning {
  /** Messages that were encoded, and those of them that were written and not taken by the system. */
  encoded = 0
  inFlight = 0
  /** Their bytes, with the headers of frames. */
  bytes = 0
  inFlightBytes = 0
  /** Messages that were encoded since ever. */
  messages = 0
  /** The peer was heard since the last flush. */
  heard = true
  /** How many messages came in at once, last: as many answers may be about to leave. */
  came = 0
  private readonly sink: Sink
  private readonly shared: Shared
  /** How many bytes it writes in a turn, so that others have theirs. */
  private readonly budget: number
  /** There may be room: called from nobody's call. */
  private readonly onRoom: () => void
  private slab: Uint8Array | undefined = undefined
  /** Whether a small slab was too small since it was quiet. */
  private isLarge = false
  private start = 0
  private at = 0
  private pieces: Array<Uint8Array> = []
  private full: Array<Uint8Array> = []
  private blocked = false
  private resting = false
  private over = false
  private written = 0
  private hot = false
  private scheduled = false
  private fresh = 0
  private held = 0
  private quiet = 0
  /** With so many messages it writes before the code that runs now is through. */
  private half = Number.POSITIVE_INFINITY

  constructor(sink: Sink, shared: Shared, budget: number, onRoom: () => void) {
    this.sink = sink
    this.shared = shared
    this.budget = budget
    this.onRoom = onRoom
  }

  /** Whether it takes messages to be encoded. */
  get isReady(): boolean {
    return !this.blocked && !this.resting && !this.over
  }

  /** Encodes a message; only where it `isReady`. */
  encode(message: Message): void {
    const last = message.length - 1
    for (let i = 0; i < last; i++) this.frame(MORE, message[i] as Uint8Array) // below the length
    this.frame(0, message[last] as Uint8Array) // as above
    this.encoded++
    this.messages++
    this.plan()
  }

  /** Encodes a command, which is not counted. */
  command(body: Uint8Array): void {
    this.frame(COMMAND, body)
    this.plan()
  }

  /** Encodes a message that is not counted, for it stands for a command. */
  frameOf(body: Uint8Array): void {
    this.frame(0, body)
    this.plan()
  }

  /** Writes what is encoded. */
  readonly flush = (): void => {
    this.scheduled = false
    if (this.bytes === 0 || this.blocked || this.over) return
    const { bytes, full, pieces, sink } = this
    this.seal()
    this.pieces = []
    this.written += this.bytes
    this.bytes = 0
    this.fresh++
    this.held = 0
    this.quiet = 0
    this.heard = false
    this.hot = true
    sink.write(pieces)
    if (sink.unsentBytes === 0) {
      this.encoded = 0
      this.start = 0
      this.at = 0
      for (const slab of full) this.shared.slabs.give(slab)
      this.full = []
    } else {
      this.blocked = true
      this.inFlight = this.encoded
      this.inFlightBytes = bytes
      this.encoded = 0
      if (this.slab !== undefined) full.push(this.slab)
      this.slab = undefined
    }
    if (this.written >= this.budget) this.resting = true
    this.shared.turns.join(this)
  }

  /** The system has taken something. */
  taken(): void {
    if (!this.blocked || this.over || this.sink.unsentBytes > 0) return
    this.blocked = false
    this.inFlight = 0
    this.inFlightBytes = 0
    for (const slab of this.full) this.shared.slabs.give(slab)
    this.full = []
    if (!this.resting) this.onRoom()
  }

  turn(): boolean {
    if (this.over) return false
    this.written = 0
    if (this.bytes > 0 && !this.scheduled) {
      this.held++
      if (this.fresh === 0 || this.held >= 16 || this.encoded >= 32) this.flush()
    } else if (this.fresh === 0) this.quiet++
    this.fresh = 0
    if (this.resting) {
      this.resting = false
      if (!this.blocked) this.onRoom()
    }
    if (this.quiet < 2 || this.bytes > 0) return true
    this.hot = false
    this.quiet = 0
    this.isLarge = false
    this.giveBack()
    return false
  }

  /** The connection is over: what is encoded is lost. Answers with how many messages that are; not all that were taken arrive. */
  stop(): number {
    const lost = this.encoded + this.inFlight
    this.over = true
    this.encoded = 0
    this.inFlight = 0
    this.inFlightBytes = 0
    this.pieces = []
    this.bytes = 0
    this.giveBack()
    return lost
  }

  private giveBack(): void {
    if (this.slab === undefined || this.blocked) return
    this.shared.slabs.give(this.slab)
    this.slab = undefined
  }

  private plan(): void {
    this.fresh++
    if (this.bytes >= enough && (this.pieces.length === 0 || this.bytes >= enoughByReference)) this.flush()
    else if (this.scheduled) {
      if (this.encoded < this.half) return
      // The peer begins with the first half while the other is made, which leaves when it is through.
      this.half = Number.POSITIVE_INFINITY
      this.flush()
      this.scheduled = true
    } else if (!this.hot || this.heard) {
      this.scheduled = true
      this.half = this.came < smallestBurst ? Number.POSITIVE_INFINITY : this.came / 2
      this.shared.soon(this.flush)
    }
  }

  private frame(flags: number, body: Uint8Array): void {
    const { length } = body
    const isCopied = length <= copied
    const slab = this.room(isCopied ? length + longestHeader : longestHeader)
    const before = this.at
    let at = writeHeader(slab, before, flags, length)
    if (isCopied) {
      if (length <= 64)
        for (let i = 0; i < length; i++) slab[at + i] = body[i] as number // below the length
      else slab.set(body, at)
      at += length
      this.at = at
      this.bytes += at - before
    } else {
      this.at = at
      this.bytes += at - before + length
      this.seal()
      this.pieces.push(body)
    }
  }

  /** A slab with so much room. */
  private room(size: number): Uint8Array {
    const { slab } = this
    if (slab !== undefined && slab.length - this.at >= size) return slab
    if (slab !== undefined) {
      this.seal()
      this.full.push(slab)
    }
    if (slab !== undefined || size > firstSize) this.isLarge = true
    this.slab = this.isLarge ? this.shared.slabs.take() : this.shared.slabs.takeFirst()
    this.start = 0
    this.at = 0
    return this.slab
  }

  /** What the slab has is a piece. */
  private seal(): void {
    if (this.slab === undefined || this.at === this.start) return
    this.pieces.push(this.slab.subarray(this.start, this.at))
    this.start = this.at
  }
}

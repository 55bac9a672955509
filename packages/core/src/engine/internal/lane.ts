import { type Message, weight } from "../../Message.ts"
import type { HandshakeProblem } from "../../SocketEvent.ts"
import type { Command } from "../Pipe.ts"
import type { Appointment } from "./agenda.ts"
import { type Condition, fine, sample } from "./conditions.ts"

/** What travels from one end of a connection to the other. */
export type Item =
  /** The steps of a connection that is being made. */
  | { readonly _tag: "Connect" }
  | { readonly _tag: "Accept" }
  | { readonly _tag: "Refuse" }
  | { readonly _tag: "Hello" }
  /** Who is bound asks to be let in, and is. */
  | { readonly _tag: "Ask" }
  | { readonly _tag: "Admit" }
  | { readonly _tag: "Welcome" }
  | { readonly _tag: "Unwelcome"; readonly problem: HandshakeProblem; readonly detail: string }
  /** What it is made for. */
  | { readonly _tag: "Message"; message: Message; readonly sent: number }
  | { readonly _tag: "Command"; readonly command: Command; readonly body: Uint8Array }
  | { readonly _tag: "Ping"; readonly timeToLive: number }
  | { readonly _tag: "Pong" }
  | { readonly _tag: "Garbage" }
  /** The sender has ended the connection: nothing comes behind it. */
  | { readonly _tag: "End" }

interface Place {
  readonly item: Item
  due: number
}

/**
 * One direction of a connection: what is on its way, in its order, and when it arrives. Nothing overtakes: what would be
 * early waits for what is before it.
 */
export class Lane {
  condition: Condition = fine
  /** When the next item arrives. */
  arrival: Appointment | undefined = undefined
  /** How many messages are on their way, and of how many bytes. */
  messages = 0
  bytes = 0
  /** Whether nothing arrives any more, because nobody is there. */
  isDead = false
  /** What was with the receiver when it left, up to its high-water marks: so much room there is less. */
  standing = 0
  standingBytes = 0
  private readonly random: () => number
  private places: Array<Place> = []
  private head = 0
  /** When the last bit so far is on the line, in parts of milliseconds: never, where nothing passes. */
  private freeAt = 0

  constructor(random: () => number) {
    this.random = random
  }

  get isEmpty(): boolean {
    return this.head === this.places.length
  }

  /** When the next item arrives; `undefined` where none will. */
  get due(): number | undefined {
    if (this.isDead || this.condition.isBlocked) return undefined
    const due = this.places[this.head]?.due
    return due === Number.POSITIVE_INFINITY ? undefined : due
  }

  add(item: Item, now: number): void {
    this.places.push({ item, due: this.dueOf(item, now) })
    if (item._tag !== "Message") return
    this.messages++
    this.bytes += weight(item.message)
  }

  /** The messages that are on their way, oldest first. */
  *waiting(): Generator<Message> {
    for (let index = this.head; index < this.places.length; index++) {
      const item = this.places[index]?.item
      if (item?._tag === "Message") yield item.message
    }
  }

  /** The next item that has arrived by now. */
  next(now: number): Item | undefined {
    const place = this.places[this.head]
    if (place === undefined || this.isDead || this.condition.isBlocked || place.due > now) return undefined
    this.head++
    if (this.head === this.places.length) {
      this.places = []
      this.head = 0
    } else if (this.head >= 1024 && this.head * 2 >= this.places.length) {
      this.places = this.places.slice(this.head)
      this.head = 0
    }
    if (place.item._tag === "Message") {
      this.messages--
      this.bytes -= weight(place.item.message)
    }
    return place.item
  }

  /** Puts the newest message in the place of the one before it, if that has not arrived; `false` if there is none. */
  replaceNewest(message: Message): boolean {
    if (this.messages === 0) return false
    for (let index = this.places.length - 1; index >= this.head; index--) {
      const item = this.places[index]?.item
      if (item?._tag !== "Message") continue
      this.bytes += weight(message) - weight(item.message)
      item.message = message
      return true
    }
    return false
  }

  /** The newest messages, so many of them, oldest first: they travel no further. */
  removeNewest(count: number): Array<Message> {
    const removed: Array<Message> = []
    if (count === 0) return removed
    const kept: Array<Place> = []
    for (let index = this.places.length - 1; index >= this.head; index--) {
      const place = this.places[index] as Place // between both ends
      if (place.item._tag === "Message" && removed.length < count) removed.push(place.item.message)
      else kept.push(place)
    }
    this.places = kept.reverse()
    this.head = 0
    this.messages -= removed.length
    for (const message of removed) this.bytes -= weight(message)
    return removed.reverse()
  }

  /** The other side has left: what it has not taken in stays here, behind `given`, which it gives back. */
  die(given: ReadonlyArray<Message>, standing: number, standingBytes: number): void {
    const back = given.map((message): Place => ({ item: { _tag: "Message", message, sent: 0 }, due: 0 }))
    this.places = [...back, ...this.places.slice(this.head)]
    this.head = 0
    this.messages += given.length
    for (const message of given) this.bytes += weight(message)
    this.standing = standing
    this.standingBytes = standingBytes
    this.isDead = true
  }

  /**
   * How things are from now on: what could not arrive takes its time again, what would arrive sooner on a faster line does,
   * and with nothing in its way arrives now.
   */
  setCondition(condition: Condition, now: number): void {
    const before = this.condition
    this.condition = condition
    const isFaster = speedOf(condition) > speedOf(before)
    // What was on the line by the old speed is not there any more.
    if (isFaster) this.freeAt = now
    if (this.isEmpty) return
    if (condition === fine) this.eachDue(() => now)
    else if (isFaster) this.eachDue(({ due, item }) => Math.min(due, this.dueOf(item, now)))
    if (condition === fine || !before.isBlocked || condition.isBlocked) return
    const earliest = now + this.delay()
    this.eachDue(({ due }) => Math.max(due, earliest))
  }

  private eachDue(f: (place: Place) => number): void {
    for (let index = this.head; index < this.places.length; index++) {
      const place = this.places[index] as Place // between both ends
      place.due = f(place)
    }
  }

  private dueOf(item: Item, now: number): number {
    const { bytesPerSecond } = this.condition
    if (bytesPerSecond === undefined) return now + this.delay()
    const size = sizeOf(item)
    // By a speed of 0, too, what has no size takes no time.
    this.freeAt = Math.max(now, this.freeAt) + (size === 0 ? 0 : (size * 1000) / bytesPerSecond)
    return Math.ceil(this.freeAt + this.delay())
  }

  private delay(): number {
    const { delay } = this.condition
    return delay === undefined ? 0 : Math.ceil(sample(delay, this.random))
  }
}

const speedOf = ({ bytesPerSecond }: Condition): number => bytesPerSecond ?? Number.POSITIVE_INFINITY

/** In bytes, as ZMTP has it: a frame with its flags and length. */
const sizeOf = (item: Item): number => {
  if (item._tag === "Message") {
    return item.message.reduce((sum, { length }) => sum + length + (length < 256 ? 2 : 9), 0)
  }
  return item._tag === "Command" ? item.body.length + 12 : 0
}

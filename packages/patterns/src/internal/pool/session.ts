/**
 * A worker's side of a pool as a state machine: what comes from the dispatcher becomes calls to begin and to interrupt, and
 * what became of them becomes records. It has no sockets, clock or chance, and never looks into a call.
 *
 * A session is what one dispatcher knows of this worker, from a Hello on. When a dispatcher does not know it (`Stale`), or is
 * another one than before, all that it was at is interrupted, and the next session begins: whatever an old call still says
 * goes nowhere.
 */
import { Kind, type Packer, packHello, type Record, read } from "../records.ts"

/** What the worker is to do. */
export type Task =
  | { readonly _tag: "Begin"; readonly session: number; readonly key: string; readonly record: Record }
  | { readonly _tag: "Interrupt"; readonly session: number; readonly key: string }
  /** All calls of this session are wanted no more. */
  | { readonly _tag: "Abandon"; readonly session: number }
  /** Finish, and leave. */
  | { readonly _tag: "Drain" }
  /** The dispatcher wants nothing of this worker, and says why. */
  | { readonly _tag: "Refused"; readonly problem: string }
  | { readonly _tag: "Malformed"; readonly problem: string }

/** A call that it is at. */
export interface Call {
  readonly key: string
  readonly id: number
  readonly attempt: number
  readonly instance: number
  readonly sequence: number
}

export interface SessionOptions {
  /** Names this worker: made up anew for each. */
  readonly instance: number
  readonly name: string
  readonly codec: string
  readonly credit: number
}

export class Session {
  readonly options: SessionOptions
  /** Where what is to be sent is packed. */
  readonly packer: Packer
  /** What is to be done, in this order, and nobody has taken yet. */
  tasks: Array<Task> = []
  /** The calls of this session: by their key, and by the dispatcher's number. */
  readonly calls = new Map<string, Call>()
  private readonly keys = new Map<number, string>()
  /** Grows; what belongs to an older one is of no interest. */
  number = 0
  /** The dispatcher's; `undefined` until it has answered. */
  epoch: number | undefined = undefined
  /** For how many beats nothing was heard of the dispatcher. */
  missed = 0
  isDraining = false

  constructor(options: SessionOptions, packer: Packer) {
    this.options = options
    this.packer = packer
  }

  /** Says Hello, as somebody new. */
  begin(): void {
    if (this.number > 0) this.tasks.push({ _tag: "Abandon", session: this.number })
    this.number++
    this.epoch = undefined
    this.calls.clear()
    this.keys.clear()
    this.packer.clear()
    this.hello()
    if (this.isDraining) this.say(Kind.Drain)
  }

  private hello(): void {
    const { codec, credit, instance, name } = this.options
    packHello(this.packer, { instance, sequence: this.number }, { role: "worker", codec, credit }, name)
  }

  received(message: ReadonlyArray<Uint8Array>): void {
    const { malformed, records } = read(message)
    for (const { offset, problem } of malformed) {
      this.tasks.push({ _tag: "Malformed", problem: `${problem} at byte ${offset}` })
    }
    for (const record of records) {
      this.missed = 0
      this.receivedOne(record)
    }
  }

  private receivedOne(record: Record): void {
    switch (record.kind) {
      case Kind.Request:
        if (this.isOf(record.epoch)) this.request(record)
        return
      case Kind.Interrupt: {
        const key = this.keys.get(record.id)
        if (key !== undefined && record.epoch === this.epoch) {
          this.tasks.push({ _tag: "Interrupt", session: this.number, key })
        }
        return
      }
      case Kind.Ping:
        if (record.id === this.number && this.isOf(record.epoch)) this.say(Kind.Pong)
        return
      case Kind.Pong:
        if (record.id === this.number) this.isOf(record.epoch)
        return
      case Kind.Stale:
        // Of a session that is over already it says nothing new.
        if (record.id === this.number || (record.id === 0 && record.epoch === this.epoch)) this.begin()
        return
      case Kind.Bye:
        if (record.epoch === this.epoch) this.begin()
        return
      case Kind.Drain:
        if (record.epoch === this.epoch) this.tasks.push({ _tag: "Drain" })
        return
      case Kind.Refused:
        if (record.id === this.number) this.tasks.push({ _tag: "Refused", problem: textOfBody(record) })
        return
      default:
        this.tasks.push({
          _tag: "Malformed",
          problem: `a record of kind ${record.kind}, which dispatchers do not send`
        })
    }
  }

  /** Whether it is this session's dispatcher; with another one, the next session begins. */
  private isOf(epoch: number): boolean {
    this.epoch ??= epoch
    if (this.epoch === epoch) return true
    this.begin()
    return false
  }

  private request(record: Record): void {
    const { attempt, id, instance, sequence } = record
    const key = keyOfCall(instance, sequence)
    const known = this.calls.get(key)
    // Once is enough: it is answered as what it was asked for last.
    if (known?.id === id) this.calls.set(key, { ...known, attempt })
    else if (known !== undefined) this.handBack(id, attempt)
    else if (this.isDraining) this.handBack(id, 0)
    else {
      this.calls.set(key, { key, id, attempt, instance, sequence })
      this.keys.set(id, key)
      this.tasks.push({ _tag: "Begin", session: this.number, key, record })
    }
  }

  /** Of a call that was not begun, the attempt is 0: it counts for none. */
  private handBack(id: number, attempt: number): void {
    this.packer.add({ kind: Kind.Refused, id, epoch: this.epoch, attempt })
  }

  /** The call, if it is of this session and has not ended yet. */
  callOf(session: number, key: string): Call | undefined {
    return session === this.number ? this.calls.get(key) : undefined
  }

  /** It ends: the call, if it is of this session and has not ended yet. Who asks has to answer it. */
  ended(session: number, key: string): Call | undefined {
    const call = this.callOf(session, key)
    if (call === undefined) return undefined
    this.calls.delete(key)
    this.keys.delete(call.id)
    return call
  }

  /** A call that was begun here and cannot be finished; another worker may do it. */
  returned(session: number, key: string): void {
    const call = this.ended(session, key)
    if (call !== undefined) this.handBack(call.id, call.attempt)
  }

  /** A beat of the heart: where nothing is heard, it asks. Answers for how many beats nothing was. */
  beat(): number {
    if (this.missed++ > 0) this.say(Kind.Ping)
    return this.missed - 1
  }

  /** Takes no more. */
  drain(): void {
    if (this.isDraining) return
    this.isDraining = true
    this.say(Kind.Drain)
  }

  /** Is gone; what it was at is another one's. */
  leave(): void {
    this.number++
    this.calls.clear()
    this.keys.clear()
    this.say(Kind.Bye)
  }

  private say(kind: Kind): void {
    const { instance } = this.options
    this.packer.add({ kind, epoch: this.epoch, instance, sequence: this.number })
  }
}

/** The name of a call, the same in every attempt: what handlers see as `requestId`. */
export const keyOfCall = (instance: number, sequence: number): string => `${instance.toString(36)}-${sequence}`

const decoder = new TextDecoder()

const textOfBody = (record: Record): string => decoder.decode(record.body)

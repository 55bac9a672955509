/**
 * The calling end: a DEALER for each server, and which calls are under way there.
 *
 * A call stays with the server that it was sent to, and so do the acknowledgements of its chunks and its interruption. Its
 * `send` is pending until its Exit: that is how it alone can be failed, because a `ClientProtocolError` would fail all calls
 * of its client, also those at other servers.
 *
 * When a server is lost, the epoch of the link to it ends: whatever is still said there of calls from before is not listened
 * to, and should they reach a server after all, it interrupts them when it hears of the next epoch.
 *
 * It has a little more than 400 lines, because links and their client know each other: a call waits at the client, goes over
 * to a link and comes back, and what holds of it on the way is seen at one place.
 */
import type { ZmqError } from "@effect-zmq/core/ZmqError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import type * as RpcMessage from "effect/rpc/RpcMessage"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { Kind, packHello, type Record, read, textOf } from "../records.ts"
import { packRequest, readBody } from "./bodies.ts"
import type { Drop, Drops } from "./drops.ts"
import { Outbox, type Start, Turn } from "./outbox.ts"

/** What has become of a server. */
export type Loss = "disconnected" | "silent" | "restarted" | "left" | "forgotten" | "refused" | "unreadable" | "closed"

/** What a client knows of the protocol that it is under. */
export interface Above {
  readonly write: (clientId: number, response: RpcMessage.FromServerEncoded) => Effect.Effect<void>
  readonly start: Start
  readonly drops: Drops
  readonly errorOf: (endpoint: string, loss: Loss, detail: string | undefined) => RpcClientError
  readonly decodeDefect: (encoded: unknown) => unknown
  readonly encodeDefect: (defect: unknown) => unknown
}

type Sent = Effect.Effect<void, RpcClientError>

/** Fewer records than that are not worth a message of their own, where others will follow. */
const leastBatch = 16

interface Call {
  readonly clientId: number
  readonly request: RpcMessage.RequestEncoded
  /** Ends its `send`. */
  readonly resume: (sent: Sent) => void
  /** Where it is, once it has been sent, and its id there. */
  link: Link | undefined
  id: number
  /** What has come for it while its reader takes what came before. */
  inbox: Array<RpcMessage.FromServerEncoded> | undefined
  isReading: boolean
}

export class Link {
  readonly endpoint: string
  readonly outbox: Outbox
  readonly calls = new Map<number, Call>()
  /** Whether it has been heard of since it was lost, or since the beginning. */
  isUp = false
  /** It has said goodbye, and its connection has not ended yet: what is sent now would be lost with it. */
  isLeaving = false
  /** It wants nothing of us, as far as is known. */
  isRefusing = false
  private lastId = 0
  private epoch: number
  private serverEpoch: number | undefined = undefined
  private heard = false
  private silent = 0
  private readonly client: Client
  private readonly above: Above
  private isWatched = false
  /** Its connection has ended. What still comes is from before. */
  private isEnding = false
  /** Its socket has closed: nothing can be sent any more. */
  private isClosed = false

  constructor(
    client: Client,
    endpoint: string,
    epoch: number,
    send: (message: Uint8Array) => Effect.Effect<void, ZmqError>
  ) {
    this.client = client
    this.above = client.above
    this.endpoint = endpoint
    this.epoch = epoch
    this.outbox = new Outbox(client.turn, send, client.above.start, (error) => this.lost("closed", error?.message))
    this.hello()
  }

  /** The connection is there. Of several servers that is not enough: who refuses us, or is leaving, is to get no call. */
  connected(): void {
    if (this.client.isChoosing) this.outbox.touch()
    else this.up()
  }

  /** The connection has ended: it gets no more calls, but what the server has answered may still be on its way to us. */
  disconnected(): void {
    this.isUp = false
    this.isEnding = true
  }

  /** The server is there. */
  private up(): void {
    if (this.isUp && !this.isLeaving) return
    this.isUp = true
    this.isLeaving = false
    this.isRefusing = false
    this.client.admit()
  }

  /**
   * What an epoch begins with. Of several servers each is told at once: by its answer it is known to be there. But who has
   * refused us, or said goodbye, would only say so again: it is told when its connection is a new one.
   */
  private hello(loss?: Loss): void {
    const { codec, instance } = this.client.options
    packHello(this.outbox.packer, { epoch: this.epoch, instance }, { role: "client", codec, credit: 0 })
    if (this.client.isChoosing && loss !== "refused" && loss !== "left") this.outbox.touch()
  }

  // ---------------------------------------------------------------------------
  // What goes out
  // ---------------------------------------------------------------------------

  begin(call: Call) {
    if (this.isClosed) return this.client.end(call, Effect.fail(this.above.errorOf(this.endpoint, "closed", undefined)))
    let id = this.lastId
    // After 2^32 - 1 calls an old one may still be there.
    do id = (id + 1) >>> 0
    while (id === 0 || this.calls.has(id))
    const { instance } = this.client.options
    const header = { id, epoch: this.epoch, instance, sequence: this.client.nextSequence() }
    const unsent = packRequest(this.outbox.packer, header, call.request)
    if (unsent !== undefined) return this.client.end(call, Effect.die(unsent.cause))
    this.lastId = id
    if (call.request.isNotification === true) {
      this.outbox.touch()
      return this.client.end(call, Effect.void)
    }
    call.link = this
    call.id = id
    this.calls.set(id, call)
    this.outbox.touch()
    if (!this.isWatched) this.watch()
  }

  say(kind: Kind, id: number): void {
    this.outbox.packer.add({ kind, id, epoch: this.epoch })
    this.outbox.touch()
  }

  bye(): void {
    if (this.serverEpoch === undefined && this.calls.size === 0) return
    this.outbox.packer.add({ kind: Kind.Bye, epoch: this.epoch })
    this.outbox.finish()
  }

  // ---------------------------------------------------------------------------
  // What comes in
  // ---------------------------------------------------------------------------

  receive(batch: ReadonlyArray<ReadonlyArray<Uint8Array>>): void {
    this.client.turn.hold()
    // Half of what is under way is asked for while the answers to the other half are handled: neither end waits for the other.
    this.outbox.batch = Math.max(leastBatch, this.calls.size >>> 1)
    for (const message of batch) {
      const { malformed, records } = read(message)
      for (const { problem } of malformed) this.above.drops.add(problem)
      for (const record of records) this.handle(record)
    }
    this.outbox.batch = Number.POSITIVE_INFINITY
    // Most of what is under way has not come yet: what is asked next goes with what follows that.
    this.client.turn.release(this.outbox.packer.count * 2 < this.calls.size)
  }

  private handle(record: Record) {
    if (record.epoch !== this.epoch) return this.above.drops.add("late")
    this.heard = true
    const { id, kind } = record
    if (!this.isUp && !this.isEnding && !isFarewell(kind, id)) this.up()
    switch (kind) {
      case Kind.Exit:
      case Kind.Chunk:
      case Kind.Accepted: {
        const call = this.calls.get(id)
        if (call === undefined) return this.above.drops.add("late")
        return this.answer(call, record)
      }
      case Kind.Pong: {
        const { sequence } = record
        if (this.serverEpoch === undefined) this.serverEpoch = sequence
        else if (this.serverEpoch !== sequence) this.lost("restarted")
        return
      }
      case Kind.Defect:
        return this.defect(record)
      case Kind.Refused: {
        const reason = textOf(record.frame, record.bodyStart, record.end)
        const call = this.calls.get(id)
        if (call !== undefined) this.client.end(call, Effect.fail(this.above.errorOf(this.endpoint, "refused", reason)))
        else if (id === 0) this.lost("refused", reason)
        return
      }
      case Kind.Stale:
        return this.lost("forgotten")
      case Kind.Bye:
        return this.lost("left")
      default:
        return this.above.drops.add("unexpected")
    }
  }

  private answer(call: Call, record: Record) {
    const requestId = call.request.id
    if (record.kind === Kind.Accepted) {
      return this.give(call, { _tag: "Exit", requestId, exit: { _tag: "Success", value: undefined } })
    }
    const body = readBody(record)
    if (Option.isNone(body)) return this.unreadable(call, "json")
    const { value } = body
    const bytes = value instanceof Uint8Array
    if (bytes !== this.client.options.bytes) return this.unreadable(call, "codec")
    if (record.kind === Kind.Chunk) {
      if (!bytes && !(Array.isArray(value) && value.length > 0)) return this.unreadable(call, "body")
      // What `codecFor` made of a chunk, or a value of its shape: its schema looks at the rest.
      const values = value as unknown as RpcMessage.ResponseChunkEncoded["values"]
      return this.give(call, { _tag: "Chunk", requestId, values })
    }
    if (typeof value !== "object" || value === null) return this.unreadable(call, "body")
    // As above.
    return this.give(call, { _tag: "Exit", requestId, exit: value as RpcMessage.ResponseExitEncoded["exit"] })
  }

  /** There is no other answer to be waited for. */
  private unreadable(call: Call, why: Drop): void {
    this.above.drops.add(why)
    this.say(Kind.Interrupt, call.id)
    this.client.end(call, Effect.fail(this.above.errorOf(this.endpoint, "unreadable", why)))
  }

  /** One after the other; who reads slowly holds up nobody else. */
  private give(call: Call, response: RpcMessage.FromServerEncoded) {
    if (response._tag === "Exit") {
      this.calls.delete(call.id)
      // A result comes when all that was to be read before it is.
      if (!call.isReading) return this.client.finish(call, response)
    }
    if (call.isReading) {
      call.inbox ??= []
      call.inbox.push(response)
      return
    }
    this.read(call, response)
  }

  private read(call: Call, response: RpcMessage.FromServerEncoded) {
    let next: RpcMessage.FromServerEncoded | undefined = response
    while (next !== undefined) {
      if (next._tag === "Exit") return this.client.finish(call, next)
      const fiber: Fiber.Fiber<void> = this.above.start(write(this.above, call.clientId, next))
      if (fiber.pollUnsafe() === undefined) {
        call.isReading = true
        fiber.addObserver(() => {
          call.isReading = false
          const next = call.inbox?.shift()
          if (next !== undefined) this.read(call, next)
        })
        return
      }
      next = call.inbox?.shift()
    }
  }

  private defect(record: Record) {
    const body = readBody(record)
    if (Option.isNone(body)) return this.above.drops.add("json")
    const defect = this.above.decodeDefect(body.value)
    const failed = record.id === 0 ? [...this.calls.values()] : [this.calls.get(record.id)]
    for (const call of failed) if (call !== undefined) this.client.end(call, Effect.die(defect))
  }

  // ---------------------------------------------------------------------------
  // Life and death
  // ---------------------------------------------------------------------------

  /** The server has gone, or knows nothing of what it was asked: its calls fail, and the next begin anew. */
  lost(loss: Loss, detail?: string): void {
    if (loss === "closed") this.isClosed = true
    this.isUp = false
    this.isEnding = false
    this.isLeaving = loss === "left"
    this.isRefusing = loss === "refused"
    this.serverEpoch = undefined
    this.silent = 0
    this.heard = false
    this.epoch = this.epoch === 0xffff_ffff ? 1 : this.epoch + 1
    this.lastId = 0
    this.outbox.packer.clear()
    this.hello(loss)
    const failed = [...this.calls.values()]
    this.calls.clear()
    if (failed.length > 0) {
      const error = Effect.fail(this.above.errorOf(this.endpoint, loss, detail))
      for (const call of failed) this.client.end(call, error)
    }
    if (!this.isLeaving) this.client.admit()
  }

  /** Asks the server for a sign of life as long as something is expected of it. */
  private watch(): void {
    const { looks, ping } = this.client.options
    this.isWatched = true
    // Who is there need not have said anything while nothing was expected of it.
    this.heard = this.isUp
    const look = Effect.sync(() => {
      if (this.calls.size === 0) {
        this.isWatched = false
        return
      }
      this.silent = this.heard ? 0 : this.silent + 1
      this.heard = false
      if (this.silent >= looks) this.lost("silent")
      else this.say(Kind.Ping, 0)
    })
    this.above.start(
      Effect.whileLoop({
        while: () => this.isWatched,
        body: () => Effect.andThen(Effect.sleep(ping), look),
        step: () => {}
      })
    )
  }
}

/** What nobody says who takes calls. */
const isFarewell = (kind: Kind, id: number): boolean =>
  kind === Kind.Bye || kind === Kind.Stale || (kind === Kind.Refused && id === 0)

const write = (above: Above, clientId: number, response: RpcMessage.FromServerEncoded): Effect.Effect<void> =>
  Effect.suspend(() => above.write(clientId, response))

export interface ClientOptions {
  readonly codec: string
  readonly bytes: boolean
  readonly instance: number
  /** How long between two looks, and after how many of them without a word a server is lost. */
  readonly ping: number
  readonly looks: number
  readonly maxInFlight: number
}

export class Client {
  readonly above: Above
  readonly turn: Turn
  readonly options: ClientOptions
  readonly links: Array<Link> = []
  /** Whether there are several servers: calls then wait for one that is there. */
  readonly isChoosing: boolean
  /** Ends the calls that wait for a server, when that has taken too long. */
  private patience: Fiber.Fiber<void> | undefined = undefined
  /** By the client, and what it calls them: two clients may number theirs alike. */
  private readonly calls = new Map<number, Map<string | number, Call>>()
  private inFlight = 0
  private isAdmitting = false
  private isClosed = false
  private readonly waiting: Array<Call> = []
  private sequence = 0
  private turnOf = 0

  constructor(above: Above, dispatcher: SchedulerDispatcher, servers: number, options: ClientOptions) {
    this.isChoosing = servers > 1
    this.above = above
    this.turn = new Turn(dispatcher)
    this.options = options
  }

  nextSequence(): number {
    this.sequence = (this.sequence + 1) >>> 0
    return this.sequence
  }

  send(clientId: number, message: RpcMessage.FromClientEncoded): Sent {
    switch (message._tag) {
      case "Request":
        return this.request(clientId, message)
      case "Ack":
        return Effect.sync(() => {
          const call = this.callOf(clientId, message.requestId)
          if (call === undefined) return
          if (call.link?.calls.get(call.id) === call) call.link.say(Kind.Ack, call.id)
        })
      case "Interrupt":
        return Effect.sync(() => {
          const call = this.callOf(clientId, message.requestId)
          if (call !== undefined) this.abandon(call)
        })
      // No connection is kept alive for an RpcClient, or ended by it: that is done here.
      default:
        return Effect.void
    }
  }

  /** Pending until the call has ended. */
  private request(clientId: number, request: RpcMessage.RequestEncoded): Sent {
    return Effect.callback<void, RpcClientError>((resume) => {
      if (this.isClosed) return resume(this.closed)
      const call: Call = { clientId, request, resume, link: undefined, id: 0, inbox: undefined, isReading: false }
      const calls = this.calls.get(clientId)
      if (calls === undefined) this.calls.set(clientId, new Map([[request.id, call]]))
      else calls.set(request.id, call)
      this.waiting.push(call)
      this.admit()
      return Effect.sync(() => this.abandon(call))
    })
  }

  private callOf(clientId: number, requestId: string | number): Call | undefined {
    return this.calls.get(clientId)?.get(requestId)
  }

  private has(call: Call): boolean {
    return this.callOf(call.clientId, call.request.id) === call
  }

  /** Whoever still waits is told. */
  close(): void {
    this.isClosed = true
    for (const link of this.links) {
      link.bye()
      link.lost("closed")
    }
    for (const call of [...this.waiting]) this.end(call, this.closed)
  }

  private get closed(): Sent {
    return Effect.fail(this.above.errorOf(this.endpoints, "closed", undefined))
  }

  private get endpoints(): string {
    return this.links.map(({ endpoint }) => endpoint).join(", ")
  }

  /** Begins what may begin. One that ends as it begins makes room for the next, in the same loop. */
  admit(): void {
    if (this.isAdmitting || this.isClosed) return
    this.isAdmitting = true
    const { maxInFlight } = this.options
    while (this.waiting.length > 0 && this.inFlight < maxInFlight) {
      if (!this.isServed) {
        this.awaitServer()
        break
      }
      // The next time that nobody is there is a time of its own.
      this.patience?.interruptUnsafe()
      this.patience = undefined
      const call = this.waiting.shift() as Call // there is one
      this.inFlight++
      this.pick().begin(call)
    }
    this.isAdmitting = false
  }

  /**
   * Whether a call would go to somebody. To one server alone it goes also before that is there; and where all refuse us, to
   * one of them, to be told why.
   */
  private get isServed(): boolean {
    if (!this.isChoosing) return this.links[0]?.isLeaving === false
    return this.links.some(({ isUp }) => isUp) || this.links.every(({ isRefusing }) => isRefusing)
  }

  /** Nobody is there: calls wait as long as a server may be silent. */
  private awaitServer(): void {
    if (this.patience !== undefined) return
    const { looks, ping } = this.options
    const giveUp = Effect.sync(() => {
      this.patience = undefined
      if (this.isServed) return
      // It has said goodbye, and stays.
      for (const link of this.links) link.isLeaving = false
      const error = this.above.errorOf(this.endpoints, "silent", undefined)
      for (const call of [...this.waiting]) this.end(call, Effect.fail(error))
    })
    this.patience = this.above.start(Effect.andThen(Effect.sleep(ping * looks), giveUp))
  }

  /** Who has the fewest calls under way, of those that are up; in turn where that is several. */
  private pick(): Link {
    const { links } = this
    let best = links[0] as Link // there is one
    if (links.length === 1) return best
    this.turnOf = (this.turnOf + 1) % links.length
    best = links[this.turnOf] as Link // below the length
    for (let i = 1; i < links.length; i++) {
      const other = links[(this.turnOf + i) % links.length] as Link // as above
      if (other.isUp === best.isUp ? other.calls.size < best.calls.size : other.isUp) best = other
    }
    return best
  }

  /** A call has its result: its `send` is through first, so that nobody needs to interrupt it. */
  finish(call: Call, exit: RpcMessage.FromServerEncoded): void {
    this.end(call, Effect.void)
    const { clientId } = call
    const fiber = this.above.start(write(this.above, clientId, exit))
    const done = fiber.pollUnsafe()
    if (done === undefined) fiber.addObserver((done) => this.finished(clientId, done))
    else if (done._tag === "Failure") this.finished(clientId, done)
  }

  /** A schema that dies of a result leaves its caller waiting: better that all of this client's calls are told. */
  private finished(clientId: number, done: Exit.Exit<void>): void {
    if (done._tag === "Success" || Cause.hasInterruptsOnly(done.cause)) return
    this.above.drops.add("undecodable")
    const defect = this.above.encodeDefect(Cause.squash(done.cause))
    this.above.start(write(this.above, clientId, { _tag: "Defect", defect }))
  }

  /** A call is over, and its `send` ends so. */
  end(call: Call, sent: Sent): void {
    if (!this.has(call)) return
    this.forget(call)
    call.resume(sent)
  }

  /** Nobody waits for it any more. */
  private abandon(call: Call): void {
    if (!this.has(call)) return
    const { link } = call
    const isOpen = link?.calls.get(call.id) === call
    this.forget(call)
    if (link !== undefined && isOpen) link.say(Kind.Interrupt, call.id)
    call.resume(Effect.void)
  }

  private forget(call: Call): void {
    const calls = this.calls.get(call.clientId)
    if (calls?.delete(call.request.id) && calls.size === 0) this.calls.delete(call.clientId)
    if (call.link === undefined) {
      const at = this.waiting.indexOf(call)
      if (at >= 0) {
        this.waiting.splice(at, 1)
        return
      }
    } else if (call.link.calls.get(call.id) === call) call.link.calls.delete(call.id)
    call.inbox = undefined
    this.inFlight--
    if (this.waiting.length > 0) this.admit()
  }
}

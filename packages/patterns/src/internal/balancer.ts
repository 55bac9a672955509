/**
 * The broker without its sockets: which workers are ready, who has which request, and what becomes of it. Synchronous, and
 * without a clock: `Broker.ts` tells it what happens, and sends what it says.
 *
 * The queue of the ready has a worker once for each request that it could take now, the one that has waited longest
 * first. A request is held here for as long as no worker has it, and then by its worker, until one of four things becomes
 * of it: it is answered, it is dropped (its client has left, or does not take the reply), it is lost with its worker, or it
 * is given to another one.
 */
import type { Frame, Message } from "@effect-zmq/core/Message"
import type { RoutingId } from "@effect-zmq/core/RoutingId"

export interface Request {
  /** The client's routing id, and the rest of the envelope. */
  readonly addresses: readonly [RoutingId, ...ReadonlyArray<Frame>]
  readonly body: Message
  /** What its worker has to send back: the addresses, behind a number where it has another request of the same. */
  given: ReadonlyArray<Frame>
  /** The same, to compare. */
  key: string
  /** The client, to compare. */
  readonly client: string
  /** How many workers have been lost with it. */
  losses: number
  /** Its client has left: nobody waits for the reply. */
  isAbandoned: boolean
}

export interface Worker {
  readonly id: RoutingId
  /** By which it is told from another one that comes with its id, where it says so. */
  readonly instance: string | undefined
  readonly requests: Array<Request>
  /** It has said that it takes no more. */
  isLeaving: boolean
  /** How many requests more it is ready for that its queue had no room for. */
  withheld: number
}

export interface Counts {
  readonly workers: number
  readonly ready: number
  readonly busy: number
  readonly waiting: number
  readonly requests: number
  readonly replies: number
  readonly dropped: number
  readonly lost: number
  readonly retried: number
  readonly late: number
  readonly malformed: number
}

/** What became of the requests of a worker that was lost. */
export interface Loss {
  readonly lost: ReadonlyArray<Request>
  readonly retried: ReadonlyArray<Request>
}

export class Balancer {
  private readonly workers = new Map<string, Worker>()
  private readonly queue: Array<Worker> = []
  /** Those that were lost before come first. */
  private readonly held: Array<Request> = []
  private readonly attempts: number
  private number = 0
  private busy = 0
  private requests = 0
  private replies = 0
  private dropped = 0
  private lost = 0
  private retried = 0
  private late = 0
  private malformed = 0

  /** With how many workers a request may be tried. */
  constructor(attempts: number) {
    this.attempts = attempts
  }

  get counts(): Counts {
    const { busy, dropped, late, lost, malformed, replies, requests, retried } = this
    const now = { workers: this.workers.size, ready: this.queue.length, busy, waiting: this.held.length }
    return { ...now, requests, replies, dropped, lost, retried, late, malformed }
  }

  /** Whether a request that is received now finds a worker. */
  get isHungry(): boolean {
    return this.held.length === 0 && this.queue.length > 0
  }

  /** The worker that is known by this id. */
  find(id: RoutingId): Worker | undefined {
    return this.workers.get(keyOf(id))
  }

  /** Whether who says so is another than the one that is known by this id. */
  isAnother(id: RoutingId, instance: Frame | undefined): boolean {
    const known = this.find(id)
    return known !== undefined && known.instance !== instanceOf(instance)
  }

  /** A worker can take one request more, and is not another than is known by its id. Answers whether it is new. */
  ready(id: RoutingId, instance: Frame | undefined): boolean {
    const known = this.find(id)
    const worker = known ?? { id, instance: instanceOf(instance), requests: [], isLeaving: false, withheld: 0 }
    worker.isLeaving = false
    if (known === undefined) this.workers.set(keyOf(id), worker)
    this.queue.push(worker)
    return known === undefined
  }

  /** A worker takes no more, and will answer what it has. */
  leaving(id: RoutingId): void {
    const worker = this.find(id)
    if (worker === undefined) return
    worker.isLeaving = true
    worker.withheld = 0
    this.unqueue(worker)
  }

  /** Forgets a worker that is leaving, and has answered all that it had. Answers whether it is one. */
  dismissed(id: RoutingId): boolean {
    const worker = this.find(id)
    if (worker === undefined || !worker.isLeaving || worker.requests.length > 0) return false
    return this.workers.delete(keyOf(id))
  }

  request(from: RoutingId, addresses: ReadonlyArray<Frame>, body: Message): void {
    this.requests++
    const envelope = [from, ...addresses] as const
    const to = { addresses: envelope, given: envelope, key: envelopeKeyOf(envelope), client: keyOf(from) }
    this.held.push({ ...to, body, losses: 0, isAbandoned: false })
  }

  /** The next request, and the worker that has it from now on. */
  next(): { readonly worker: Worker; readonly request: Request } | undefined {
    if (this.held.length === 0 || this.queue.length === 0) return undefined
    // Both have one.
    const [request, worker] = [this.held.shift() as Request, this.queue.shift() as Worker]
    this.address(worker, request)
    worker.requests.push(request)
    this.busy++
    return { worker, request }
  }

  /** Requests of one client look alike to a worker that has several of them, and it may answer them in any order. */
  private address(worker: Worker, request: Request): void {
    request.given = request.addresses
    request.key = envelopeKeyOf(request.given)
    while (worker.requests.some(({ key }) => key === request.key)) {
      request.given = [numberOf(this.number++), ...request.addresses]
      request.key = envelopeKeyOf(request.given)
    }
  }

  /**
   * A request could not be sent to its worker, and is for another one. Who is there, and has a full queue, is ready again
   * when it has taken something from it; else that one is not ready.
   */
  returned(worker: Worker, request: Request, isThere: boolean): void {
    if (!remove(worker.requests, request)) return
    this.busy--
    if (isThere && !worker.isLeaving) worker.withheld++
    this.forgetIdle(worker)
    if (request.isAbandoned) this.dropped++
    else this.held.unshift(request)
  }

  /**
   * A worker has answered what it was given under this envelope, and is ready again. Answers what is to be sent a reply; nothing
   * where the worker has no such request (any more), or nobody waits for it.
   */
  answered(id: RoutingId, addresses: ReadonlyArray<Frame>): Request | undefined {
    const worker = this.find(id)
    const key = envelopeKeyOf(addresses)
    const request = worker?.requests.find((request) => request.key === key)
    if (worker === undefined || request === undefined) {
      this.late++
      return undefined
    }
    remove(worker.requests, request)
    if (!worker.isLeaving) this.readyAgain(worker)
    if (!request.isAbandoned) return request
    this.delivered(false)
    return undefined
  }

  /** With each reply there is room for one more in its queue, and for all when there is nothing in it. */
  private readyAgain(worker: Worker): void {
    const more = worker.requests.length === 0 ? worker.withheld : Math.min(1, worker.withheld)
    worker.withheld -= more
    for (let n = -1; n < more; n++) this.queue.push(worker)
  }

  /** A reply was sent, or could not be. Until then its request counts as busy. */
  delivered(isSent: boolean): void {
    this.busy--
    if (isSent) this.replies++
    else this.dropped++
  }

  /** The connection to a worker is lost: so are its requests, or they are for others. */
  workerLeft(worker: Worker): Loss | undefined {
    const key = keyOf(worker.id)
    // It may have been dismissed, or another one may have come by its id.
    if (this.workers.get(key) !== worker) return undefined
    this.workers.delete(key)
    this.unqueue(worker)
    const lost: Array<Request> = []
    const retried: Array<Request> = []
    for (const request of worker.requests.splice(0)) {
      this.busy--
      if (request.isAbandoned) this.dropped++
      else if (++request.losses < this.attempts) retried.push(request)
      else lost.push(request)
    }
    this.lost += lost.length
    this.retried += retried.length
    this.held.unshift(...retried)
    return { lost, retried }
  }

  /** A client has left: what it asked for before is answered no more, also where another one comes with its id. */
  clientLeft(id: RoutingId): void {
    const client = keyOf(id)
    for (const { requests } of this.workers.values()) {
      for (const request of requests) if (request.client === client) request.isAbandoned = true
    }
    const kept = this.held.filter((request) => request.client !== client)
    this.dropped += this.held.length - kept.length
    this.held.splice(0, this.held.length, ...kept)
  }

  misread(): void {
    this.malformed++
  }

  private unqueue(worker: Worker): void {
    const others = this.queue.filter((other) => other !== worker)
    if (others.length < this.queue.length) this.queue.splice(0, this.queue.length, ...others)
  }

  /** What was heard of a worker after it had left is all that there is of it. */
  private forgetIdle(worker: Worker): void {
    if (worker.requests.length > 0 || this.queue.includes(worker)) return
    if (this.workers.get(keyOf(worker.id)) === worker) this.workers.delete(keyOf(worker.id))
  }
}

const decoder = new TextDecoder("latin1")

/** A character a byte. */
const keyOf = (bytes: Uint8Array): string => decoder.decode(bytes)

const instanceOf = (instance: Frame | undefined): string | undefined => instance && keyOf(instance)

// No character of a key is above 255 but those few of Windows-1252: none is this one.
const envelopeKeyOf = (addresses: ReadonlyArray<Frame>): string => addresses.map(keyOf).join("\u{fffd}")

const numberOf = (number: number): Frame => {
  const frame = new Uint8Array(4)
  new DataView(frame.buffer).setUint32(0, number) // modulo 2^32
  return frame
}

const remove = <A>(from: Array<A>, one: A): boolean => {
  const at = from.indexOf(one)
  if (at !== -1) from.splice(at, 1)
  return at !== -1
}

import type * as Clock from "effect/Clock"
import type * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Endpoint from "../../Endpoint.ts"
import type { Connection as Description, Dropped, Fault, Party } from "../../Network.ts"
import { TraceEntry } from "../../Network.ts"
import type { SocketType } from "../../SocketType.ts"
import type { Port } from "../Link.ts"
import { Agenda } from "./agenda.ts"
import { generator } from "./chance.ts"
import { Conditions, is, isBetween } from "./conditions.ts"
import { Connection } from "./connection.ts"
import { MemoryLink } from "./memoryLink.ts"
import type { MemoryPipe } from "./memoryPipe.ts"

/** One bound endpoint. */
export class Bound {
  readonly endpoint: Endpoint.Endpoint
  readonly link: MemoryLink
  readonly port: Port

  constructor(endpoint: Endpoint.Endpoint, link: MemoryLink, port: Port) {
    this.endpoint = endpoint
    this.link = link
    this.port = port
  }
}

/** The first port that a wildcard stands for: from here on ports are for that (RFC 6335). */
const firstPort = 49_152
const lastPort = 65_535

/**
 * A network in this process: what is bound in it, who waits for something to be, the connections, and what is wrong.
 */
export class MemoryNetwork {
  readonly agenda: Agenda
  readonly conditions = new Conditions()
  /** Told of everything, where somebody records. */
  record: ((entry: TraceEntry) => void) | undefined = undefined
  private readonly seed: number
  /** The open sockets. */
  private readonly links = new Set<MemoryLink>()
  private readonly connections = new Set<Connection>()
  /** The numbers in use of each name that is not unique. */
  private readonly names = new Map<string, { readonly taken: Set<number>; from: number }>()
  /** How many sockets ever had a name. */
  private readonly lives = new Map<string, number>()
  /** By place: the port of tcp, the path of ipc, the name of inproc. */
  private readonly bound = new Map<string, Array<Bound>>()
  /** Who waits for something to be bound; each answers whether it needs to wait no longer. */
  private readonly waiting = new Map<string, Set<() => boolean>>()
  /** The places where connections are refused, and where handshakes fail. */
  private readonly refusing = new Set<string>()
  private readonly rejecting = new Set<string>()
  private readonly recorders = new Set<(entry: TraceEntry) => void>()
  private nextPort = firstPort
  private nextPath = 1
  private readonly drops: { -readonly [C in keyof Dropped]: number } = {
    queueFull: 0,
    noSubscriber: 0,
    unroutable: 0,
    disconnected: 0,
    unsent: 0,
    unread: 0,
    conflated: 0,
    tooLarge: 0
  }
  private taken = 0

  constructor(clock: Clock.Clock, seed: number) {
    this.agenda = new Agenda(clock)
    this.seed = seed
  }

  // ---------------------------------------------------------------------------
  // Sockets and names
  // ---------------------------------------------------------------------------

  /** A socket is opened. */
  open(host: string, type: SocketType): MemoryLink {
    const name = this.claim(`${host}/${type}`, (number) => `#${number}`)
    const life = (this.lives.get(name) ?? 0) + 1
    this.lives.set(name, life)
    const next = generator(`${this.seed} ${name} ${life}`)
    const random: Random.Random = {
      nextDoubleUnsafe: next,
      nextIntUnsafe: () => Math.floor((next() * 2 - 1) * Number.MAX_SAFE_INTEGER)
    }
    const link = new MemoryLink(this, { name, host }, type, random)
    this.links.add(link)
    return link
  }

  /** A socket is closed, now or before. */
  close(link: MemoryLink): void {
    if (!this.links.delete(link)) return
    this.release(link.party.name)
    link.end()
  }

  /** The lowest number that nobody has: below `from` there is none. */
  private claim(base: string, suffix: (number: number) => string): string {
    const names = this.names.get(base) ?? { taken: new Set(), from: 1 }
    this.names.set(base, names)
    let number = names.from
    while (names.taken.has(number)) number++
    names.taken.add(number)
    names.from = number + 1
    const name = number === 1 ? base : base + suffix(number)
    this.claims.set(name, { base, number })
    return name
  }

  private release(name: string): void {
    const claim = this.claims.get(name)
    if (claim === undefined) return
    this.claims.delete(name)
    const names = this.names.get(claim.base)
    if (names === undefined) return
    names.taken.delete(claim.number)
    names.from = Math.min(names.from, claim.number)
    if (names.taken.size === 0) this.names.delete(claim.base)
  }

  private readonly claims = new Map<string, { readonly base: string; readonly number: number }>()

  /** A generator of numbers from 0 up to 1 that nothing else draws from. */
  chance(purpose: string): () => number {
    let next: (() => number) | undefined
    return () => {
      next ??= generator(`${this.seed} ${purpose}`)
      return next()
    }
  }

  // ---------------------------------------------------------------------------
  // What is bound
  // ---------------------------------------------------------------------------

  /** Binds what is resolved; `undefined` where it is in use. */
  bind(endpoint: Exclude<Endpoint.Endpoint, Endpoint.Other>, link: MemoryLink, port: Port): Bound | undefined {
    const resolved = this.resolve(endpoint)
    const place = placeOf(resolved)
    const others = this.bound.get(place) ?? []
    if (others.some((other) => overlap(other.endpoint, resolved))) return undefined
    const bound = new Bound(resolved, link, port)
    this.bound.set(place, [...others, bound])
    return bound
  }

  /** What is bound can be reached: those who waited for it connect, in their order. */
  appear({ endpoint }: Bound): void {
    const place = placeOf(endpoint)
    const waiters = this.waiting.get(place)
    if (waiters === undefined) return
    for (const waiter of [...waiters]) if (waiters.has(waiter) && waiter()) waiters.delete(waiter)
    if (waiters.size === 0) this.waiting.delete(place)
  }

  unbind(bound: Bound): void {
    const place = placeOf(bound.endpoint)
    const others = (this.bound.get(place) ?? []).filter((other) => other !== bound)
    if (others.length > 0) this.bound.set(place, others)
    else this.bound.delete(place)
    for (const connection of [...this.connections]) connection.turnAway(bound)
  }

  /** What is bound where connecting to `endpoint` leads to. */
  find(endpoint: Endpoint.Endpoint): Bound | undefined {
    return this.bound.get(placeOf(endpoint))?.find((other) => reaches(endpoint, other.endpoint))
  }

  /** Has somebody wait for something to be bound there; answers with what ends that. */
  wait(endpoint: Endpoint.Endpoint, waiter: () => boolean): () => void {
    const place = placeOf(endpoint)
    const waiters = this.waiting.get(place) ?? new Set()
    this.waiting.set(place, waiters.add(waiter))
    return () => {
      waiters.delete(waiter)
      if (waiters.size === 0 && this.waiting.get(place) === waiters) this.waiting.delete(place)
    }
  }

  /** Whether connections are refused there. */
  refuses(endpoint: Endpoint.Endpoint): boolean {
    return this.refusing.size > 0 && this.refusing.has(placeOf(endpoint))
  }

  /** Whether handshakes fail there. */
  rejects({ endpoint }: Bound): boolean {
    return this.rejecting.size > 0 && this.rejecting.has(placeOf(endpoint))
  }

  /** Whether a connection can be accepted. */
  isOpen(bound: Bound): boolean {
    return !this.refuses(bound.endpoint) && this.bound.get(placeOf(bound.endpoint))?.includes(bound) === true
  }

  /** Fills in what was left open. */
  private resolve(endpoint: Exclude<Endpoint.Endpoint, Endpoint.Other>): Endpoint.Endpoint {
    switch (endpoint._tag) {
      case "Tcp":
        return Endpoint.tcp(nameOf(endpoint.host), endpoint.port === 0 ? this.freePort() : endpoint.port)
      case "Ipc":
        return endpoint.path === "*" ? Endpoint.ipc(`/memory/${this.nextPath++}`) : endpoint
      case "Inproc":
        return endpoint
    }
  }

  private freePort(): number {
    for (let tried = firstPort; tried <= lastPort; tried++) {
      const port = this.nextPort
      this.nextPort = port === lastPort ? firstPort : port + 1
      if (!this.bound.has(`tcp:${port}`)) return port
    }
    return firstPort // all are bound: this one is in use, as will be said
  }

  // ---------------------------------------------------------------------------
  // Connections
  // ---------------------------------------------------------------------------

  connect(pipe: MemoryPipe, endpoint: Endpoint.Endpoint, bound: Bound): void {
    const base = `${pipe.link.party.name} → ${bound.link.party.name} ${Endpoint.format(bound.endpoint)}`
    const name = this.claim(base, (number) => ` #${number}`)
    const connection = new Connection(this, name, pipe, endpoint, bound)
    this.connections.add(connection)
    connection.begin(pipe)
  }

  /** Both sides know that it has ended. */
  forget(connection: Connection): void {
    if (this.connections.delete(connection)) this.release(connection.name)
  }

  count(cause: keyof Dropped, messages: number): void {
    this.drops[cause] += messages
  }

  /** A pipe is over: what it has counted. */
  settle({ delivered, missed, unread, pending }: MemoryPipe): void {
    this.taken += delivered
    this.drops.queueFull += missed
    this.drops.unread += unread + pending
  }

  // ---------------------------------------------------------------------------
  // Faults
  // ---------------------------------------------------------------------------

  /** Makes a fault happen, but for a `Kill`; answers how many connections it touched. */
  inject(fault: Exclude<Fault, { readonly _tag: "Kill" }>): number {
    switch (fault._tag) {
      case "Disconnect": {
        const broken = this.networked(fault.between)
        for (const connection of broken) connection.cut()
        return broken.length
      }
      case "Corrupt": {
        const corrupted = this.networked(fault.between)
        for (const connection of corrupted) connection.corrupt()
        return corrupted.length
      }
      case "Refuse":
        return this.mark(this.refusing, fault.endpoint)
      case "RejectHandshake":
        return this.mark(this.rejecting, fault.endpoint)
      case "Allow": {
        const place = placeIn(fault.endpoint)
        this.refusing.delete(place)
        this.rejecting.delete(place)
        return 0
      }
      case "Clear":
        this.refusing.clear()
        this.rejecting.clear()
        break
      default:
        break
    }
    this.conditions.add(fault)
    this.review()
    return this.networked("between" in fault && fault.between !== undefined ? fault.between : ["*", "*"]).length
  }

  /** The sockets that a name stands for: one, those of a host, or all. */
  named(word: string): ReadonlyArray<MemoryLink> {
    return Array.from(this.links).filter(({ party }) => is(word, party))
  }

  private networked(between: string | readonly [string, string]): ReadonlyArray<Connection> {
    return Array.from(this.connections).filter(
      ({ from, isNetworked, name, to }) => isNetworked && isBetween(between, name, from, to)
    )
  }

  private mark(places: Set<string>, endpoint: string): number {
    places.add(placeIn(endpoint))
    return 0
  }

  private review(): void {
    for (const connection of [...this.connections]) connection.review()
  }

  // ---------------------------------------------------------------------------
  // To look
  // ---------------------------------------------------------------------------

  get parties(): ReadonlyArray<Party> {
    return Array.from(this.links, ({ party }) => party)
  }

  describe(): ReadonlyArray<Description> {
    return [
      ...Array.from(this.connections, (connection) => connection.describe()),
      ...Array.from(this.links).flatMap((link) => link.describe())
    ]
  }

  get dropped(): Dropped {
    const sum = { ...this.drops }
    for (const link of this.links) {
      sum[link.unheardCause] += link.unheard
      for (const { missed, unread } of link.pipes) {
        sum.queueFull += missed
        sum.unread += unread
      }
    }
    return sum
  }

  get delivered(): number {
    let sum = this.taken
    for (const link of this.links) for (const pipe of link.pipes) sum += pipe.delivered
    return sum
  }

  /** Tells `recorder` of everything from now on; answers with what ends that. */
  startRecording(recorder: (entry: TraceEntry) => void): () => void {
    this.recorders.add(recorder)
    this.chooseRecord()
    return () => {
      this.recorders.delete(recorder)
      this.chooseRecord()
    }
  }

  private chooseRecord(): void {
    const { recorders } = this
    this.record =
      recorders.size === 0
        ? undefined
        : (entry) => {
            for (const recorder of recorders) recorder(entry)
          }
    this.review()
  }

  recordFault(fault: Fault): void {
    this.record?.(TraceEntry.Injected({ time: this.agenda.now, fault }))
  }
}

const placeOf = (endpoint: Endpoint.Endpoint): string => {
  switch (endpoint._tag) {
    case "Tcp":
      return `tcp:${endpoint.port}`
    case "Ipc":
      return `ipc:${endpoint.path}`
    case "Inproc":
      return `inproc:${endpoint.name}`
    case "Other":
      return `${endpoint.scheme}:${endpoint.address}`
  }
}

const nameOf = (host: string): string => {
  const name = host.toLowerCase()
  return name === "*" ? "0.0.0.0" : name === "localhost" ? "127.0.0.1" : name
}

const isWildcard = (host: string): boolean => host === "0.0.0.0" || host === "::"

/** Whether two endpoints of one place cannot both be bound. */
const overlap = (a: Endpoint.Endpoint, b: Endpoint.Endpoint): boolean =>
  a._tag !== "Tcp" || b._tag !== "Tcp" || a.host === b.host || isWildcard(a.host) || isWildcard(b.host)

/** Whether connecting to `to` leads to what is bound to `bound`, of the same place. */
const reaches = (to: Endpoint.Endpoint, bound: Endpoint.Endpoint): boolean => {
  if (to._tag !== "Tcp" || bound._tag !== "Tcp") return true
  const host = isWildcard(nameOf(to.host)) ? "127.0.0.1" : nameOf(to.host)
  return isWildcard(bound.host) || bound.host === host
}

/** The place of an endpoint in text; of what is no endpoint, one where nothing is. */
const placeIn = (text: string): string =>
  Result.match(Endpoint.parse(text), { onSuccess: placeOf, onFailure: () => `:${text}` })

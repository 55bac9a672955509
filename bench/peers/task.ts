/** What a peer process is asked to do, and how it answers: one JSON line on stdout each. */
import { lanes, next } from "./checksum.ts"

export interface Task {
  readonly role: "pull" | "push" | "rep" | "req" | "pub" | "sub" | "crowd" | "router" | "topics" | "subscriber"
  /** What carries the messages of our peers; zmq where it is not said. */
  readonly transport?: "zmq" | "zmtp"
  /**
   * How the messages are handled: by arrays, or one at a time. A raw `push` of the form `flood` is as fast as the addon can
   * be, and is for measuring who receives. `run` is to receive by `runForEach`, `flight` to have 100 requests under way, and
   * `turn` to send one message in each turn of the event loop.
   */
  readonly form: "batches" | "each" | "flood" | "run" | "flight" | "turn"
  /** Bytes a message. */
  readonly size: number
  readonly count: number
  /** How many SUB sockets there are, all in one process; how many connections in a crowd; how many subscriptions. */
  readonly subscribers?: number
  /** The high-water mark, where it is not a thousand messages. */
  readonly mark?: number
  /** Watch how late a timer of 1 ms fires. */
  readonly timer?: boolean
  /** How many bytes libzmq in C reads and writes at a time, where it is not its default. */
  readonly batch?: number
  /** Where to connect; a peer that binds says where it is bound. */
  readonly endpoint: string
}

export interface Result {
  /** From the first message to the last. */
  readonly seconds: number
  readonly messages: number
  readonly bytes: number
  /** Of what was received or, by a sender, sent: see `./checksum.ts`. */
  readonly checksum?: number
  /** Until all connections were answered once, or until the first message came by one of many subscriptions. */
  readonly setup?: number
  /** Microseconds of each round trip; a `req` only. */
  readonly trips?: ReadonlyArray<number>
  /** Seconds of processor that this process has used from its first message on. */
  readonly cpu?: number
  /** The most memory that this process has had, in bytes. */
  readonly memory?: number
  /** Bytes a connection, or a subscription. */
  readonly each?: number
  /** Milliseconds from one firing to the next of a timer of 1 ms. */
  readonly ticks?: ReadonlyArray<number>
}

/** Round trips before those that count: both sides are compiled by then. */
export const warmUp = 1000

export const task = (): Task => JSON.parse(process.argv[2] ?? "{}")

/** Tells the benchmark where this peer is bound. */
export const ready = (endpoint: string) => console.log(JSON.stringify({ endpoint }))

export const done = (result: Result) => console.log(JSON.stringify(result))

/** Calls back when the benchmark has closed this process's input: all has arrived at the other end. */
export const onReleased = (released: () => void) => {
  process.stdin.once("end", released)
  process.stdin.resume()
}

export const released = (): Promise<void> => new Promise(onReleased)

/** Counts what arrives, or is sent, and times it from the first message on. */
export class Meter {
  messages = 0
  bytes = 0
  private checksum = 0
  private start = 0
  private end = 0
  private used: NodeJS.CpuUsage = { user: 0, system: 0 }
  private last = 0
  private told = (): void => {}

  add(frame: Uint8Array): void {
    this.count(frame.length, lanes(frame))
  }

  /** A message whose own checksum is known. */
  count(length: number, checksum: number): void {
    if (this.messages === 0) this.begin()
    this.messages += 1
    this.bytes += length
    this.checksum = next(this.checksum, checksum)
    if (this.messages === this.last) this.told()
  }

  /** Times from now on. */
  begin(): void {
    this.used = process.cpuUsage()
    this.start = performance.now()
  }

  /** Times no further. */
  stop(): void {
    this.end = performance.now()
  }

  /** Tells when so many have arrived. */
  onEnd(count: number, told: () => void): void {
    this.last = count
    this.told = told
  }

  get result(): Result {
    const end = this.end === 0 ? performance.now() : this.end
    const { system, user } = process.cpuUsage(this.used)
    return {
      seconds: (end - this.start) / 1000,
      messages: this.messages,
      bytes: this.bytes,
      checksum: this.checksum,
      cpu: (user + system) / 1e6,
      memory: process.resourceUsage().maxRSS * 1024
    }
  }
}

/** The slowest of several; they have to agree on what came. */
export const slowest = (results: ReadonlyArray<Result>): Result => {
  const different = results.find(({ checksum }) => checksum !== results[0]?.checksum)
  return different ?? results.reduce((a, b) => (b.seconds > a.seconds ? b : a))
}

/** How late a timer of 1 ms fires. */
export const ticking = (): (() => ReadonlyArray<number>) => {
  const ticks: Array<number> = []
  let last = performance.now()
  let timer: NodeJS.Timeout
  const tick = () => {
    const now = performance.now()
    ticks.push(now - last)
    last = now
    timer = setTimeout(tick, 1)
  }
  timer = setTimeout(tick, 1)
  return () => {
    clearTimeout(timer)
    return ticks
  }
}

/** One of many topics. */
export const topic = (i: number): string => `/site/${i % 100}/room/${i % 1000}/sensor/${i}.`

/** How much memory of this process there is to each of so many things, from now to when it is asked. */
export const grown = (things: number): (() => number) => {
  const now = () => {
    global.gc?.()
    return process.memoryUsage.rss()
  }
  const before = now()
  return () => (now() - before) / things
}

/** What a peer process is asked to do, and how it answers: one JSON line on stdout each. */

export interface Task {
  readonly role: "pull" | "push" | "rep" | "req" | "pub" | "sub"
  /** What carries the messages of our peers; zmq where it is not said. */
  readonly transport?: "zmq" | "zmtp"
  /**
   * How the messages are handled: by arrays, or one at a time. A raw `push` of the form `flood` is as fast as the addon can
   * be, and is for measuring who receives. `run` is to receive by `runForEach`, and `flight` to have 100 requests under way.
   */
  readonly form: "batches" | "each" | "flood" | "run" | "flight"
  /** Bytes a message. */
  readonly size: number
  readonly count: number
  /** How many SUB sockets there are, all in one process. */
  readonly subscribers?: number
  /** Where to connect; a peer that binds says where it is bound. */
  readonly endpoint: string
}

export interface Result {
  /** From the first message to the last. */
  readonly seconds: number
  readonly messages: number
  readonly bytes: number
  /** Microseconds of each round trip; a `req` only. */
  readonly trips?: ReadonlyArray<number>
}

/** Round trips before those that count: both sides are compiled by then. */
export const warmUp = 1000

export const task = (): Task => JSON.parse(process.argv[2] ?? "{}")

/** Tells the benchmark where this peer is bound. */
export const ready = (endpoint: string) => console.log(JSON.stringify({ endpoint }))

export const done = (result: Result) => console.log(JSON.stringify(result))

/** Counts what arrives, and times it from the first message on. */
export class Meter {
  messages = 0
  bytes = 0
  private start = 0
  private last = 0
  private told = (): void => {}

  add(frame: Uint8Array): void {
    if (this.messages === 0) this.start = performance.now()
    this.messages += 1
    this.bytes += frame.length
    if (this.messages === this.last) this.told()
  }

  /** Tells when so many have arrived. */
  onEnd(count: number, told: () => void): void {
    this.last = count
    this.told = told
  }

  get result(): Result {
    return { seconds: (performance.now() - this.start) / 1000, messages: this.messages, bytes: this.bytes }
  }
}

export const slowest = (results: ReadonlyArray<Result>): Result =>
  results.reduce((a, b) => (b.seconds > a.seconds ? b : a))

/** What the tests of the engine share: pipes without a link, and chance that can be repeated. */
import type { Options } from "../../src/engine/Pattern.ts"
import { type Command, Pipe, type PipeEvents, type Unsent } from "../../src/engine/Pipe.ts"
import type { Message } from "../../src/Message.ts"

/** A generator of numbers from 0 up to 1, the same for the same seed (mulberry32). */
export const random = (seed: number) => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    /** A whole number below `n`. */
    below: (n: number) => Math.floor(next() * n),
    chance: (p: number) => next() < p
  }
}

export const repeat = (runs: number, body: (random: Random, run: number) => void) => {
  for (let run = 0; run < runs; run++) body(random(run + 1), run)
}

export type Random = ReturnType<typeof random>

export const message = (text: string): Message => [new TextEncoder().encode(text)]

export const text = (message: Message | undefined): string | undefined =>
  message?.map((frame) => new TextDecoder().decode(frame)).join("|")

export const texts = (messages: ReadonlyArray<Message>): Array<string | undefined> => messages.map(text)

/** The options of a pattern that was told nothing. */
export const options: Options = {
  invertMatching: false,
  noDrop: false,
  correlate: false,
  onFull: "suspend",
  handover: false,
  probeRouter: false,
  verbosity: "unique",
  manual: false,
  lastValue: false,
  welcomeMessage: undefined,
  verboseUnsubscribe: false,
  first: 0
}

/** Listens to nothing, but for what is given. */
export const events = (listen: Partial<PipeEvents> = {}): PipeEvents => ({
  readActivated: () => {},
  writeActivated: () => {},
  connected: () => {},
  disconnected: () => {},
  command: () => 0,
  flushed: () => {},
  ended: () => {},
  ...listen
})

/** One end of a connection that holds as many messages each way as the reading end's mark says. */
export class TestPipe extends Pipe {
  readonly name: string
  peer: TestPipe | undefined
  readonly commands: Array<string> = []
  private refused = false

  constructor(name: string, listen: Partial<PipeEvents> = {}, inHwm = Number.POSITIVE_INFINITY, inBytes?: number) {
    super(events(listen), inHwm, inBytes)
    this.name = name
  }

  write(message: Message): boolean {
    if (!this.open || !this.hasRoom()) return false
    this.peer?.push(message)
    return true
  }

  hasRoom(): boolean {
    const has = this.peer?.hasSpace ?? false
    if (!has) this.refused = true
    return has
  }

  get unsent(): Unsent {
    return { queued: 0, encoded: 0, inFlight: 0 }
  }

  command(command: Command, body: Uint8Array): void {
    this.commands.push(`${command} ${new TextDecoder().decode(body)}`)
    this.peer?.events.command(this.peer, command, body)
  }

  linger(): void {}
  close(): void {}

  protected pull(into: Array<Message | undefined>): Array<Message | undefined> {
    return into
  }

  protected credited(): void {
    const { peer } = this
    if (peer?.refused && peer.hasRoom()) {
      peer.refused = false
      peer.events.writeActivated(peer)
    }
  }
}

/** Two ends: what `near` writes, `far` takes, up to `hwm` messages, and one beyond `inBytes` bytes. */
export const connection = (
  name: string,
  options: {
    readonly hwm?: number
    readonly inBytes?: number
    readonly near?: Partial<PipeEvents>
    readonly far?: Partial<PipeEvents>
  } = {}
): { readonly near: TestPipe; readonly far: TestPipe } => {
  const near = new TestPipe(name, options.near, options.hwm, options.inBytes)
  const far = new TestPipe(`${name}'`, options.far, options.hwm, options.inBytes)
  near.peer = far
  far.peer = near
  return { near, far }
}

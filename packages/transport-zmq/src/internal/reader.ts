/** The inbox of a socket, and what fills it while someone waits. */
import type { Message } from "@effect-zmq/core/Message"
import { Failure, type Native, ZMQ_RCVTIMEO } from "./addon.ts"
import { burst, turn } from "./eventLoop.ts"

export interface ReaderBehaviour {
  /** How many messages and bytes may be read ahead of whoever takes them. */
  readonly readAhead: { readonly messages: number; readonly bytes: number }
  /** Whether what has arrived is for the inbox. Of a ROUTER, to which libzmq sends news, too. */
  readonly admits: ((message: Message) => boolean) | undefined
}

export class Reader {
  phase: "idle" | "parked" | "draining" = "idle"
  private inbox: Array<Message> = []
  private taken = 0
  /** How long a receive waits, in milliseconds, -1 without end. A `NativeSocket` begins with 0. */
  private timeout: 0 | -1 = 0
  private operations = 0
  private stopped = false
  private waiter: ((failure: Failure | undefined) => void) | undefined
  private brought: Array<() => void> = []
  private readonly native: Native
  private readonly behaviour: ReaderBehaviour

  constructor(native: Native, behaviour: ReaderBehaviour) {
    this.native = native
    this.behaviour = behaviour
  }

  get isEmpty(): boolean {
    return this.taken === this.inbox.length
  }

  /** How many messages are in the inbox. */
  get count(): number {
    return this.inbox.length - this.taken
  }

  /** How many bytes they have. */
  private get bytes(): number {
    let bytes = 0
    for (let i = this.taken; i < this.inbox.length; i++) bytes += sizeOf(this.inbox[i] as Message) // below the length
    return bytes
  }

  takeOne(): Message | undefined {
    const message = this.inbox[this.taken]
    if (message === undefined) return undefined
    if (++this.taken === this.inbox.length) this.clear()
    return message
  }

  take(max: number): ReadonlyArray<Message> {
    if (this.taken === 0 && this.inbox.length <= max) {
      const all = this.inbox
      if (all.length > 0) this.inbox = []
      return all
    }
    const some = this.inbox.slice(this.taken, this.taken + max)
    this.taken += some.length
    if (this.isEmpty) this.clear()
    return some
  }

  /** Puts messages back, before all others. */
  putBack(messages: ReadonlyArray<Message>): void {
    if (this.stopped || messages.length === 0) return
    this.inbox = [...messages, ...this.inbox.slice(this.taken)]
    this.taken = 0
    this.wake(undefined)
  }

  clear(): void {
    if (this.inbox.length > 0) this.inbox = []
    this.taken = 0
  }

  /** Calls back once there is something to take, or with why there never will be. */
  wait(waiter: (failure: Failure | undefined) => void): void {
    this.waiter = waiter
    if (this.phase === "idle") void this.run()
  }

  leave(waiter: (failure: Failure | undefined) => void): void {
    if (this.waiter === waiter) this.waiter = undefined
  }

  stop(): void {
    this.stopped = true
    this.clear()
    this.wake(undefined)
  }

  /** Brings in what has arrived, as far as there is room. To be called while idle. */
  bring(): void {
    void this.drain(this.count, this.bytes).then(() => this.settle())
  }

  /** Reads, as far as there is room, while it is asked to. To be called while idle. */
  seek(goesOn: () => boolean): void {
    const read = async (): Promise<void> => {
      this.phase = "draining"
      const { readAhead } = this.behaviour
      try {
        this.patience(0)
        let size = this.bytes
        while (goesOn() && this.count < readAhead.messages && size < readAhead.bytes && !this.stopped) {
          const message = await this.native.receive()
          size += sizeOf(message)
          this.put(message)
        }
      } catch {
        // EAGAIN: that was all.
      }
    }
    if (goesOn()) void read().then(() => this.settle())
  }

  /** Calls back when what the addon has given by now is in the inbox: it comes by a promise. */
  onceLanded(f: () => void): void {
    if (this.phase === "idle") f()
    else void landing().then(f)
  }

  /** Calls back when what is being brought in is there. */
  onceBrought(f: () => void): void {
    this.brought.push(f)
  }

  /** A receive that is refused lets a parked send look again. To be called while idle. */
  kick(): void {
    this.patience(0)
    this.native.receive().then(
      (message) => {
        this.put(message)
        // Who has come to wait meanwhile waits for the next.
        if (!this.stopped && !this.isEmpty) this.wake(undefined)
      },
      () => undefined
    )
  }

  private async run(): Promise<void> {
    while (this.isWanted) {
      const message = await this.park()
      if (message instanceof Failure) {
        // EAGAIN comes at close, and also when libzmq has dropped a stale reply.
        if (message.code === "EAGAIN") continue
        if (!this.stopped) this.wake(message)
        break
      }
      this.phase = "draining"
      this.operations++
      this.put(message)
      const wanted = this.isWanted || this.brought.length > 0
      if (wanted && this.behaviour.readAhead.messages > 1 && this.native.readable) {
        await this.drain(Math.max(1, this.count), Math.max(sizeOf(message), this.bytes))
      }
      if (this.stopped) break
      if (!this.isEmpty) this.wake(undefined)
      this.tellBrought()
      if (this.operations >= burst) {
        this.operations = 0
        await turn()
      }
    }
    this.settle()
  }

  private settle(): void {
    this.phase = "idle"
    if (this.stopped) this.clear()
    this.tellBrought()
    if (!this.isWanted) return
    if (!this.isEmpty) this.wake(undefined)
    else if (this.phase === "idle") void this.run()
  }

  private get isWanted(): boolean {
    return this.waiter !== undefined && !this.stopped
  }

  private put(message: Message): void {
    if (this.behaviour.admits === undefined || this.behaviour.admits(message)) this.inbox.push(message)
  }

  private tellBrought(): void {
    if (this.brought.length === 0) return
    const brought = this.brought
    this.brought = []
    for (const f of brought) f()
  }

  /** Receives one message, waiting for it. Never `inbox.push(await …)`, which reads `inbox` before it waits. */
  private async park(): Promise<Message | Failure> {
    try {
      this.phase = "parked"
      this.patience(-1)
      return await this.native.receive()
    } catch (error) {
      return new Failure(error)
    }
  }

  /** For how long a receive is to wait from here on. Each change of it costs as much as a receive. */
  private patience(millis: 0 | -1): void {
    if (this.timeout === millis) return
    this.native.setInt32Option(ZMQ_RCVTIMEO, millis)
    this.timeout = millis
  }

  /** Receives what is there, up to the limit of reading ahead, of which some is used already. */
  private async drain(count: number, bytes: number): Promise<void> {
    this.phase = "draining"
    const { readAhead } = this.behaviour
    try {
      this.patience(0)
      for (let n = count, size = bytes; n < readAhead.messages && size < readAhead.bytes && !this.stopped; n++) {
        const message = await this.native.receive()
        this.operations++
        size += sizeOf(message)
        this.put(message)
      }
    } catch {
      // EAGAIN: that was all. Anything else comes again where it is looked at, in `park`.
    }
  }

  private wake(failure: Failure | undefined): void {
    const waiter = this.waiter
    if (waiter === undefined) return
    this.waiter = undefined
    waiter(failure)
  }
}

const sizeOf = (message: Message): number => {
  let size = 0
  for (let i = 0; i < message.length; i++) size += message[i]?.length ?? 0
  return size
}

/** So many steps it takes at most from the addon's promise to the inbox. */
const landing = async (): Promise<void> => {
  for (let step = 0; step < 6; step++) await undefined
}

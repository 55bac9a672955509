/** The inbox of a socket, and what fills it while someone waits. */
import type { Message } from "@effect-zmq/core/Message"
import { Failure, type Native, ZMQ_RCVTIMEO } from "./addon.ts"
import { burst, turn } from "./eventLoop.ts"

export interface ReaderBehaviour {
  /** How many messages and bytes may be read ahead of whoever takes them. */
  readonly readAhead: { readonly messages: number; readonly bytes: number }
}

export class Reader {
  phase: "idle" | "parked" | "draining" = "idle"
  private inbox: Array<Message> = []
  private taken = 0
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

  /** Brings in what has arrived. To be called while idle. */
  bring(): void {
    void this.drain(0, 0).then(() => this.settle())
  }

  /** Calls back when what is being brought in is there. */
  onceBrought(f: () => void): void {
    this.brought.push(f)
  }

  /** A receive that is refused lets a parked send look again. To be called while idle. */
  kick(): void {
    this.native.receive().then(
      (message) => this.inbox.push(message),
      () => undefined
    )
  }

  private async run(): Promise<void> {
    while (this.waiter !== undefined && !this.stopped) {
      const message = await this.park()
      if (message instanceof Failure) {
        // EAGAIN comes at close, and also when libzmq has dropped a stale reply.
        if (message.code !== "EAGAIN" && !this.stopped) this.wake(message)
        continue
      }
      this.phase = "draining"
      this.operations++
      this.inbox.push(message)
      const wanted = this.waiter !== undefined || this.brought.length > 0
      if (wanted && this.behaviour.readAhead.messages > 1 && this.native.readable) {
        await this.drain(1, sizeOf(message))
      }
      if (this.stopped) break
      this.wake(undefined)
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
    if (this.waiter === undefined || this.stopped) return
    if (!this.isEmpty) this.wake(undefined)
    else if (this.phase === "idle") void this.run()
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
      this.native.setInt32Option(ZMQ_RCVTIMEO, -1)
      const receiving = this.native.receive()
      this.native.setInt32Option(ZMQ_RCVTIMEO, 0)
      return await receiving
    } catch (error) {
      return new Failure(error)
    }
  }

  /** Receives what is there, up to the limit of reading ahead, of which some is used already. */
  private async drain(count: number, bytes: number): Promise<void> {
    this.phase = "draining"
    const { readAhead } = this.behaviour
    try {
      for (let n = count, size = bytes; n < readAhead.messages && size < readAhead.bytes && !this.stopped; n++) {
        const message = await this.native.receive()
        this.operations++
        size += sizeOf(message)
        this.inbox.push(message)
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

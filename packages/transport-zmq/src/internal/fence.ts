/**
 * Tells when the threads of a context have done what they were at when it was asked.
 *
 * libzmq asks who a client is in the middle of a step, at whose end it takes the name that the client announces. An answer
 * that came before that end would be outdone by it. So the thread is given something to do, and when that is done, the step
 * is over: to connect to an address that cannot be, of which the monitor tells.
 */
import { attempt, Failure, type Native, type NativeContext, type Observer, openNative } from "./addon.ts"
import { within } from "./eventLoop.ts"

/** No file has a directory in it. */
const nowhere = "ipc:///dev/null/effect-zmq"

/** libzmq can be told of so many threads which one is to do something. */
const mostThreads = 64

/** After so long it is not waited for: the system has no more files to give, for one. */
const patienceMillis = 1000

export class Fence {
  private readonly context: NativeContext
  /** One for each thread. */
  private readonly lanes: Array<Lane> = []
  private running: Promise<unknown> = Promise.resolve()
  private next: Promise<unknown> | undefined
  private closed = false

  /** Throws what the addon throws. */
  constructor(context: NativeContext) {
    this.context = context
    try {
      for (let thread = 0; thread < Math.min(context.ioThreads, mostThreads); thread++) {
        this.lanes.push(new Lane(context, thread))
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Calls back when what has begun by now is over. Those who ask while others wait, wait for the next time. */
  passed(f: () => void): void {
    this.next ??= this.running.then(() => {
      this.next = undefined
      this.running = Promise.all(this.lanes.map((lane) => this.pass(lane)))
      return this.running
    })
    void this.next.then(f)
  }

  close(): void {
    this.closed = true
    for (const lane of this.lanes) lane.close()
  }

  private async pass(lane: Lane): Promise<void> {
    if ((await lane.pass()) || this.closed) return
    // What it has not told yet, it could tell the next time: another takes its place.
    const other = attempt(() => new Lane(this.context, lane.thread))
    if (other instanceof Failure) return
    this.lanes[lane.thread] = other
    lane.close()
  }
}

class Lane {
  readonly thread: number
  private readonly native: Native
  private readonly observer: Observer

  /** Throws what the addon throws. */
  constructor(context: NativeContext, thread: number) {
    this.thread = thread
    this.native = openNative(context, "DEALER", { linger: 0, reconnectInterval: -1, affinity: 2 ** thread })
    try {
      this.observer = this.native.events
    } catch (error) {
      this.native.close()
      throw error
    }
  }

  /** Whether the thread has answered. */
  async pass(): Promise<boolean> {
    const connected = attempt(() => {
      this.native.connect(nowhere)
      return this.observer.receive().catch(ignore)
    })
    if (connected instanceof Failure || !(await within(patienceMillis, connected))) return false
    return !(attempt(() => this.native.disconnect(nowhere)) instanceof Failure)
  }

  close(): void {
    this.native.close()
  }
}

const ignore = (): void => undefined

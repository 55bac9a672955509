/**
 * A socket of the addon, whose one-at-a-time promises become two lines: a reader that runs only while someone waits, and a
 * writer that serves jobs in their order. What is told by callbacks here becomes an Effect in `handle.ts`.
 *
 * Nothing that can still be lost is ever parked in the addon. What waits for room is an empty send, `send([])`, which
 * carries no message; what waits for input is a receive whose message goes to the inbox, whoever waits by then.
 *
 * Two habits of libzmq shape the code:
 *
 * - Its file descriptor signals an edge, and every call into a socket (connect, disconnect, bind, asking whether it is
 *   readable) may use that edge up, whereupon what is parked sleeps on. So such calls are followed by `kick`.
 * - A timeout of 0 makes an operation synchronous, without asking first. A socket's timeouts are 0 at rest, and other only
 *   while something is being parked.
 */
import type { CloseReport } from "@effect-zmq/core/SocketEvent"
import {
  type Native,
  type NativeContext,
  type NativeEvent,
  type NativeType,
  type Observer,
  openNative,
  ZMQ_RCVTIMEO,
  ZMQ_SNDTIMEO,
  ZMQ_SUBSCRIBE,
  ZMQ_UNSUBSCRIBE
} from "./addon.ts"
import { sleep, turn, within } from "./eventLoop.ts"
import { Reader, type ReaderBehaviour } from "./reader.ts"
import { Writer, type WriterBehaviour } from "./writer.ts"

/** What a `NativeSocket` is to do, beyond its addon's options. */
export interface Behaviour extends ReaderBehaviour, WriterBehaviour {
  readonly onEvent: (event: NativeEvent) => void
}

/** Sockets that the addon must not lose: it closes those that nobody refers to. */
const referenced = new Set<NativeSocket>()

/**
 * How long libzmq may take to let go of a socket when linger is over. It takes a millisecond or two, and longer only where
 * the system has no time for its threads; but over inproc it waits until the peers have read what is queued for them.
 */
const graceMillis = { inproc: 80, other: 2000 }

/** An end that comes so close to the end of linger may be the end of linger. */
const lingerSlackMillis = 4

export class NativeSocket {
  readonly reader: Reader
  readonly writer: Writer
  private readonly native: Native
  private readonly context: NativeContext
  private readonly ended: Promise<void>
  /** Throws what the addon throws. */
  constructor(
    context: NativeContext,
    type: NativeType,
    settings: Readonly<Record<string, number | boolean>>,
    behaviour: Behaviour
  ) {
    const native = openNative(context, type, settings)
    try {
      native.setInt32Option(ZMQ_SNDTIMEO, 0)
      native.setInt32Option(ZMQ_RCVTIMEO, 0)
      this.ended = this.observe(native.events, behaviour.onEvent)
    } catch (error) {
      native.close()
      throw error
    }
    this.native = native
    this.context = context
    this.reader = new Reader(native, behaviour)
    this.writer = new Writer(native, behaviour)
    context.open++
    referenced.add(this)
  }

  bind(address: string): string {
    if (isInproc(address)) attend(this)
    this.native.bindSync(address)
    const bound = this.native.lastEndpoint
    this.kick()
    return bound ?? address
  }

  connect(address: string): void {
    if (isInproc(address)) attend(this)
    this.native.connect(address)
    this.kick()
  }

  /** Ends a connection, or an address bound: libzmq has one function for both, and the addon one that does not block. */
  disconnect(address: string): void {
    this.native.disconnect(address)
    this.kick()
  }

  /** Ends a connection; what is queued for it or on its way from it is dropped. */
  abandon(address: string): void {
    const linger = this.native.linger
    this.native.linger = 0
    this.native.disconnect(address)
    this.native.linger = linger
  }

  subscribe(prefix: Uint8Array): void {
    this.native.setStringOption(ZMQ_SUBSCRIBE, prefix)
  }

  unsubscribe(prefix: Uint8Array): void {
    this.native.setStringOption(ZMQ_UNSUBSCRIBE, prefix)
  }

  /** Whether something has arrived that is not in the inbox yet; `brought` is called once it is there. */
  refresh(brought: () => void): boolean {
    const { phase } = this.reader
    if (phase !== "draining" && !this.native.readable) return false
    this.reader.onceBrought(brought)
    if (phase === "idle") this.reader.bring()
    else if (phase === "parked") this.kick()
    return true
  }

  /**
   * Closes: no more is read; the writer may go on for `linger` milliseconds, and libzmq for what is left of them. Calls
   * `closing` when the socket is about to accept no more peers; `done` once libzmq has let go of the socket, its
   * addresses included, or when linger and a little more has passed.
   */
  close(linger: number, closing: () => void, done: (report: CloseReport) => void): void {
    void this.closed(linger, closing).then(done)
  }

  private async closed(linger: number, closing: () => void): Promise<CloseReport> {
    const deadline = performance.now() + linger
    this.reader.stop()
    await within(linger, this.writer.finished())
    const left = Math.max(0, Math.floor(deadline - performance.now()))
    this.writer.stop()
    closing()
    // Of a socket that has sent nothing, only subscriptions can be waiting.
    const nothingSent = this.writer.sent === 0
    this.native.linger = nothingSent ? 0 : left === Number.POSITIVE_INFINITY ? -1 : left
    const start = performance.now()
    this.native.close()
    const released = this.ended.then(() => {
      this.context.open--
      referenced.delete(this)
    })
    const usesInproc = inproc.delete(this)
    const wait = left + (usesInproc ? graceMillis.inproc : graceMillis.other)
    if (usesInproc) void this.hurry(start + wait)
    const ended = await within(wait, released)
    const early = performance.now() - start < left - Math.min(lingerSlackMillis, left / 2)
    const flushed = nothingSent || (ended && early)
    return { flushed, dropped: flushed ? 0 : undefined }
  }

  /** Calls the peers of this thread that may have to agree to the close of this socket, until they have or time is up. */
  private async hurry(until: number): Promise<void> {
    for (let turns = 0; referenced.has(this) && performance.now() < until; turns++) {
      callAll()
      await (turns < 8 ? turn() : sleep(hurryMillis))
    }
  }

  /** Lets libzmq do what it only does when a socket is called. */
  call(): void {
    if (this.native.readable || this.writer.parked) this.kick()
  }

  /** Reads the monitor to its end, which comes when libzmq has let go of the socket. */
  private async observe(observer: Observer, onEvent: (event: NativeEvent) => void): Promise<void> {
    try {
      for (;;) {
        const event = await observer.receive()
        if (event.type === "end") return
        onEvent(event)
      }
    } catch {
      // The context is gone, and the socket with it.
    }
  }

  /**
   * Lets what is parked look again. The addon does so for one direction after an operation in the other one: so an empty
   * send wakes a receive, and a receive, even a refused one, wakes a send.
   */
  private kick(): void {
    if (this.native.closed) return
    if (this.reader.phase === "parked" && !this.writer.parked) this.native.send([]).catch(ignore)
    if (this.writer.parked && this.reader.phase === "idle") this.reader.kick()
  }
}

const ignore = (): void => undefined

// -----------------------------------------------------------------------------
// inproc
//
// A connection over inproc has no thread of its own. Its close is agreed to by the socket at its other end, which does so
// when it is called; until then the closed one is not let go of, and keeps its thread alive. So the sockets of this thread
// that use inproc are called now and then, and often while one of them closes.
// -----------------------------------------------------------------------------

const isInproc = (address: string): boolean => address.startsWith("inproc:")

const inproc = new Set<NativeSocket>()

let attendance: NodeJS.Timeout | undefined

const attend = (socket: NativeSocket): void => {
  inproc.add(socket)
  attendance ??= setInterval(callAll, attendMillis).unref()
}

const callAll = (): void => {
  for (const socket of inproc) socket.call()
  if (inproc.size > 0) return
  clearInterval(attendance)
  attendance = undefined
}

const attendMillis = 50

const hurryMillis = 2

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
 * - A timeout of 0 makes an operation synchronous, without asking first. So that of sending is 0, and other only while
 *   something is being parked; that of receiving is what the last receive needed.
 */
import type { Message } from "@effect-zmq/core/Message"
import type { CloseReport } from "@effect-zmq/core/SocketEvent"
import type { SocketType } from "@effect-zmq/core/SocketType"
import {
  attempt,
  codeOf,
  type Native,
  type NativeContext,
  type NativeEvent,
  type Observer,
  openNative,
  type Setting,
  set,
  setForNext,
  ZMQ_RCVTIMEO,
  ZMQ_SNDTIMEO,
  ZMQ_SUBSCRIBE,
  ZMQ_UNSUBSCRIBE
} from "./addon.ts"
import { later, sleep, turn, within } from "./eventLoop.ts"
import { PeerWriter } from "./peerWriter.ts"
import { Reader, type ReaderBehaviour } from "./reader.ts"
import type { Settings } from "./settings.ts"
import { Writer, type WriterBehaviour } from "./writer.ts"

/** What a `NativeSocket` is to do, beyond its addon's options. */
export interface Behaviour extends ReaderBehaviour, WriterBehaviour {
  /** Of a ROUTER: what becomes of a message to a peer that is full. */
  readonly onFull: "suspend" | "fail" | undefined
  /** Of a ROUTER: a message, to whom libzmq has it. */
  readonly addressed: ((message: Message) => Message) | undefined
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
  readonly writer: Writer | PeerWriter
  private readonly native: Native
  private readonly context: NativeContext
  private readonly ended: Promise<void>
  /** How often the socket was called again since the last disconnection; `undefined` where it will not be. */
  private soon: number | undefined
  private sought: () => boolean = never
  /** What it is connected to over inproc: maybe by nobody bound. */
  readonly unbound = new Set<string>()
  /** Throws what the addon throws. */
  constructor(context: NativeContext, type: SocketType, settings: Settings, behaviour: Behaviour) {
    const native = openNative(context, type, settings.named)
    try {
      for (const setting of settings.numbered) set(native, setting)
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
    const { addressed, onFull } = behaviour
    this.writer =
      onFull === undefined || addressed === undefined
        ? new Writer(native, behaviour)
        : new PeerWriter(native, onFull === "suspend", addressed)
    context.open++
    referenced.add(this)
  }

  bind(address: string, settings: ReadonlyArray<Setting> = []): string {
    if (isInproc(address)) attend(this)
    for (const setting of settings) setForNext(this.native, setting)
    this.native.bindSync(address)
    const bound = this.native.lastEndpoint
    this.kick()
    return bound ?? address
  }

  /** Connects by these settings; `afterwards` is how they are to be otherwise. */
  connect(address: string, settings: ReadonlyArray<Setting> = [], afterwards: ReadonlyArray<Setting> = []): void {
    if (isInproc(address)) attend(this, address)
    for (const setting of settings) setForNext(this.native, setting)
    this.native.connect(address)
    for (const setting of afterwards) setForNext(this.native, setting)
    this.kick()
  }

  /**
   * Whether a ROUTER has a peer of this routing id. libzmq tells only whether a message to it can be sent: it is sent an
   * empty one.
   */
  async hasPeer(routingId: Uint8Array): Promise<boolean> {
    // Who has come by now is a peer once the socket was called.
    void this.native.readable
    const probe = this.native.send([routingId, new Uint8Array(0)])
    this.kick()
    return probe.then(
      () => true,
      (error) => codeOf(error) !== "EHOSTUNREACH"
    )
  }

  /** Ends a connection, or an address bound: libzmq has one function for both, and the addon one that does not block. */
  disconnect(address: string): void {
    this.native.disconnect(address)
    this.kick()
    // A connection ends when the socket has agreed to its end, which it does when it is called.
    this.callSoon(never)
  }

  /** Ends a connection; what is queued for it or on its way from it is dropped. */
  abandon(address: string): void {
    const linger = this.native.linger
    this.native.linger = 0
    try {
      this.native.disconnect(address)
    } finally {
      this.native.linger = linger
    }
  }

  subscribe(prefix: Uint8Array): void {
    this.native.setStringOption(ZMQ_SUBSCRIBE, prefix)
  }

  unsubscribe(prefix: Uint8Array): void {
    this.native.setStringOption(ZMQ_UNSUBSCRIBE, prefix)
  }

  /** Tells the peers of an XSUB of a subscription, or of its end: by a message, as libzmq has it. */
  tellSubscription(kind: 0 | 1, prefix: Uint8Array): void {
    const frame = new Uint8Array(1 + prefix.length)
    frame[0] = kind
    frame.set(prefix, 1)
    this.native.send(frame).catch(ignore)
  }

  get readable(): boolean {
    return this.native.readable
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
    if (!ended) for (const address of this.unbound) adopt(this.context, address)
    const early = performance.now() - start < left - Math.min(lingerSlackMillis, left / 2)
    const flushed = nothingSent || (ended && early)
    return { flushed, dropped: flushed ? 0 : undefined }
  }

  /** Whether it has connected to this, over inproc, in this context. */
  isWaiting(context: NativeContext, address: string): boolean {
    return this.context === context && this.unbound.has(address)
  }

  /** Calls the peers of this thread that may have to agree to the close of this socket, until they have or time is up. */
  private async hurry(until: number): Promise<void> {
    for (let turns = 0; referenced.has(this) && performance.now() < until; turns++) {
      callAll(always)
      await (turns < 8 ? turn() : sleep(hurryMillis))
    }
  }

  /**
   * Lets libzmq do what it only does when a socket is called, such as to give a peer that has come its first messages.
   * While `seek` holds, a ROUTER is also read, as far as there is room, for news of its peers: libzmq lets go of one
   * behind its last message.
   */
  call(seek: () => boolean = never): void {
    if (this.native.closed) return
    const readable = this.native.readable
    if (readable || this.writer.parked) this.kick()
    if (readable && this.writer instanceof PeerWriter && this.reader.phase === "idle") this.reader.seek(seek)
  }

  /** Calls the socket now and a little later: a disconnection is told a moment before the socket can see it. */
  callSoon(seek: () => boolean): void {
    this.call(seek)
    // Who only wants it called does not end the search of another.
    if (seek !== never) this.sought = seek
    const isIdle = this.soon === undefined
    this.soon = 0
    if (isIdle) this.callAgain()
  }

  private callAgain(): void {
    const millis = this.soon === undefined ? undefined : soonMillis[this.soon++]
    if (millis === undefined) this.soon = undefined
    else if (!this.native.closed)
      later(millis, () => {
        this.call(this.sought)
        this.callAgain()
      })
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

const always = (): boolean => true
const never = (): boolean => false

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

const attend = (socket: NativeSocket, connected?: string): void => {
  inproc.add(socket)
  if (connected !== undefined) socket.unbound.add(connected)
  attendance ??= setInterval(() => callAll(never), attendMillis).unref()
}

const callAll = (seek: () => boolean): void => {
  for (const socket of inproc) socket.call(seek)
  if (inproc.size > 0) return
  clearInterval(attendance)
  attendance = undefined
}

const attendMillis = 50

/** How long after the last call to call again. */
const soonMillis = [1, 2, 7, 10, 20, 60, 200, 600]

const hurryMillis = 2

/**
 * Ends the connections of closed sockets to what nobody has bound, which libzmq keeps, and the process with them, as libzmq
 * itself ends them with the context: binds it, and closes it. Not where an open socket waits there, too.
 */
const adopt = (context: NativeContext, address: string): void => {
  for (const socket of inproc) if (socket.isWaiting(context, address)) return
  attempt(() => {
    const native = openNative(context, "PAIR", { linger: 0 })
    // Where it is bound by now, it is for its socket to agree.
    const taken = attempt(() => native.bindSync(address))
    // Frees the address at once.
    if (taken === undefined) attempt(() => native.disconnect(address))
    native.close()
  })
}

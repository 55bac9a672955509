/**
 * The native addon: its sockets and contexts, and what it throws. This is the only file that imports `zeromq`; its promises
 * end in `nativeSocket.ts`, `reader.ts` and `writer.ts`.
 */
import { createRequire } from "node:module"
import { inspect } from "node:util"
import type { Message } from "@effect-zmq/core/Message"
import type { SocketType } from "@effect-zmq/core/SocketType"
import * as zeromq from "zeromq"

export type NativeEvent = zeromq.Event

export type Observer = zeromq.Observer

/** The socket types that are here, by their names on the wire. */
const classes = {
  PUSH: zeromq.Push,
  PULL: zeromq.Pull,
  REQ: zeromq.Request,
  REP: zeromq.Reply,
  DEALER: zeromq.Dealer,
  ROUTER: zeromq.Router,
  PUB: zeromq.Publisher,
  SUB: zeromq.Subscriber,
  XPUB: zeromq.XPublisher,
  XSUB: zeromq.XSubscriber,
  PAIR: zeromq.Pair
} as const satisfies Record<SocketType, unknown>

const manifest: { readonly version: string } = createRequire(import.meta.url)("zeromq/package.json")

export const version = `libzmq ${zeromq.version}, zeromq ${manifest.version}`

export const hasIpc: boolean = zeromq.capability.ipc === true

export const hasCurve: boolean = zeromq.capability.curve === true

/** Whether libzmq was built with the options that are drafts, as that of the addon is where it was not built anew. */
export const hasDrafts: boolean = zeromq.capability.draft === true

/** What every socket of the addon has at run time, whatever its class shows. */
export interface Native {
  readonly closed: boolean
  readonly readable: boolean
  readonly lastEndpoint: string | null
  readonly events: zeromq.Observer
  linger: number
  bindSync(address: string): void
  connect(address: string): void
  disconnect(address: string): void
  close(): void
  send(message: Message | Uint8Array | ReadonlyArray<never>): Promise<void>
  receive(): Promise<Message>
  setInt32Option(option: number, value: number): void
  setStringOption(option: number, value: Uint8Array): void
}

export const ZMQ_ROUTING_ID = 5
export const ZMQ_SUBSCRIBE = 6
export const ZMQ_UNSUBSCRIBE = 7
export const ZMQ_SNDBUF = 11
export const ZMQ_RCVBUF = 12
export const ZMQ_RCVTIMEO = 27
export const ZMQ_SNDTIMEO = 28
export const ZMQ_ROUTER_MANDATORY = 33
export const ZMQ_IMMEDIATE = 39
export const ZMQ_XPUB_VERBOSE = 40
export const ZMQ_PLAIN_SERVER = 44
export const ZMQ_PLAIN_USERNAME = 45
export const ZMQ_PLAIN_PASSWORD = 46
export const ZMQ_CURVE_SERVER = 47
export const ZMQ_CURVE_PUBLICKEY = 48
export const ZMQ_CURVE_SECRETKEY = 49
export const ZMQ_CURVE_SERVERKEY = 50
export const ZMQ_PROBE_ROUTER = 51
export const ZMQ_ZAP_DOMAIN = 55
export const ZMQ_ROUTER_HANDOVER = 56
export const ZMQ_IPC_FILTER_UID = 59
export const ZMQ_IPC_FILTER_GID = 60
export const ZMQ_CONNECT_ROUTING_ID = 61
export const ZMQ_XPUB_MANUAL = 71
export const ZMQ_XPUB_WELCOME_MSG = 72
export const ZMQ_HEARTBEAT_IVL = 75
export const ZMQ_HEARTBEAT_TIMEOUT = 77
export const ZMQ_XPUB_VERBOSER = 78
export const ZMQ_TCP_MAXRT = 80
export const ZMQ_BINDTODEVICE = 92
export const ZMQ_ZAP_ENFORCE_DOMAIN = 93

// Drafts.
export const ZMQ_METADATA = 95
export const ZMQ_ROUTER_NOTIFY = 97
export const ZMQ_XPUB_MANUAL_LAST_VALUE = 98
export const ZMQ_IN_BATCH_SIZE = 101
export const ZMQ_OUT_BATCH_SIZE = 102
export const ZMQ_DISCONNECT_MSG = 111
export const ZMQ_PRIORITY = 112
export const ZMQ_XSUB_VERBOSE_UNSUBSCRIBE = 115

/** What an option is set to, by its number. */
export type Setting = readonly [option: number, value: number | Uint8Array]

export const set = (native: Native, [option, value]: Setting): void => {
  if (typeof value === "number") native.setInt32Option(option, value)
  else native.setStringOption(option, value)
}

/**
 * Sets what the next bind or connect is to go by. The addon would have the process warn that it is for these only, of all
 * but a socket's first.
 */
export const setForNext = (native: Native, setting: Setting): void => {
  const { emitWarning } = process
  process.emitWarning = () => undefined
  try {
    set(native, setting)
  } finally {
    process.emitWarning = emitWarning
  }
}

/** The addon's name for what went wrong, such as `EADDRINUSE`. */
export const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : "unknown"

/** Calls into the addon; what it throws comes back as a `Failure`. */
export const attempt = <A>(f: () => A): A | Failure => {
  try {
    return f()
  } catch (error) {
    return new Failure(error)
  }
}

/** What the addon or the system threw. */
export class Failure {
  readonly code: string
  readonly cause: unknown

  constructor(cause: unknown) {
    this.code = codeOf(cause)
    this.cause = cause
  }
}

// -----------------------------------------------------------------------------
// Contexts
// -----------------------------------------------------------------------------

/** With a monitor a socket takes three of libzmq's: itself, and the two ends of its monitor. */
const nativeSocketsEach = 3

/** Those of sockets that are closed go a moment later. */
const nativeSocketsLeaving = 255

/** libzmq's own limit. */
const largestNative = 65_535

export const defaultMaxSockets = 1023

export const largestMaxSockets = (largestNative - nativeSocketsLeaving) / nativeSocketsEach

export interface ContextOptions {
  readonly ioThreads?: number | undefined
  readonly maxSockets?: number | undefined
}

/** A context of libzmq, and the count of the sockets that are open in it. */
export class NativeContext {
  readonly native: zeromq.Context
  maxSockets = defaultMaxSockets
  ioThreads: number
  open = 0
  /** libzmq reads a context's options when its first socket is opened, and never again. */
  started = false

  constructor(native: zeromq.Context) {
    this.native = native
    this.ioThreads = native.ioThreads
  }

  configure(options: ContextOptions): void {
    this.maxSockets = options.maxSockets ?? this.maxSockets
    this.ioThreads = options.ioThreads ?? this.ioThreads
  }

  start(): void {
    if (this.started) return
    this.started = true
    this.native.maxSockets = this.maxSockets * nativeSocketsEach + nativeSocketsLeaving
    this.native.ioThreads = this.ioThreads
  }
}

/** The context of this process, which is the only one that its worker threads share. */
export const sharedContext = new NativeContext(zeromq.context)

export const isolatedContext = (): NativeContext => new NativeContext(new zeromq.Context())

/** Opens a socket of the addon. Throws what the addon throws. */
export const openNative = (
  context: NativeContext,
  type: SocketType,
  settings: Readonly<Record<string, number | boolean>>
): Native => {
  context.start()
  const Class = reticent.get(type) ?? silence(type)
  return new Class({ context: context.native, ...settings })
}

/** `settings` names options that the class has; and every class of the addon has what `Native` lists. */
type NativeClass = new (options: Record<string, unknown>) => Native

const reticent = new Map<SocketType, NativeClass>()

/** The addon's class, but that it does not show its options to whoever prints it: there are keys and passwords among them. */
const silence = (type: SocketType): NativeClass => {
  // Each of the addon's has its own types of options.
  const Class = classes[type] as unknown as NativeClass
  const Reticent = class extends Class {
    [inspect.custom](): string {
      return `libzmq's ${type}`
    }
  }
  reticent.set(type, Reticent)
  return Reticent
}

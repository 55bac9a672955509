/**
 * The native addon: its sockets and contexts, and what it throws. This is the only file that imports `zeromq`; its promises
 * end in `nativeSocket.ts`, `reader.ts` and `writer.ts`.
 */
import { createRequire } from "node:module"
import type { Message } from "@effect-zmq/core/Message"
import * as zeromq from "zeromq"

export type NativeEvent = zeromq.Event

export type Observer = zeromq.Observer

/** The socket types that are here, by their names on the wire. */
const classes = {
  PUSH: zeromq.Push,
  PULL: zeromq.Pull,
  REQ: zeromq.Request,
  REP: zeromq.Reply,
  PUB: zeromq.Publisher,
  SUB: zeromq.Subscriber
} as const

export type NativeType = keyof typeof classes

// The keys of `classes` are the types.
export const types = Object.keys(classes) as ReadonlyArray<NativeType>

const manifest: { readonly version: string } = createRequire(import.meta.url)("zeromq/package.json")

export const version = `libzmq ${zeromq.version}, zeromq ${manifest.version}`

export const hasIpc: boolean = zeromq.capability.ipc === true

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

export const ZMQ_SUBSCRIBE = 6
export const ZMQ_UNSUBSCRIBE = 7
export const ZMQ_RCVTIMEO = 27
export const ZMQ_SNDTIMEO = 28

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
  type: NativeType,
  settings: Readonly<Record<string, number | boolean>>
): Native => {
  context.start()
  // `settings` names options that the class has; and every class of the addon has what `Native` lists.
  const Class = classes[type] as unknown as new (options: Record<string, unknown>) => Native
  return new Class({ context: context.native, ...settings })
}

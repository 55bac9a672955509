/**
 * The sockets of Node, and its timers: the one file that has to do with either. It is made of callbacks, because that is how
 * they call.
 */
import { createHash, randomUUID } from "node:crypto"
import * as Net from "node:net"
import * as Os from "node:os"
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Allocate } from "./memory.ts"

/** Runs it when the code that runs now is through. */
export const soon = (f: () => void): void => queueMicrotask(f)

/** Runs it in the next turn of the event loop. */
export const nextTurn = (f: () => void): void => void setImmediate(f)

/** Some 24 days, of milliseconds: what is to take longer, Node's timers do at once. */
const longest = 2 ** 31 - 1

/** Runs it after so many milliseconds, or the `longest`, unless it is called off; never, where they are infinite. */
export const after = (millis: number, f: () => void): (() => void) => {
  if (!Number.isFinite(millis)) return () => {}
  const timer = setTimeout(f, Math.min(millis, longest))
  timer.unref()
  return () => clearTimeout(timer)
}

/** Whether this is a thread that another one started. */
export const isWorker = !isMainThread

const secretName = "@effect-zmq/transport-zmtp/inproc"

/** What all threads of this process know, and nobody else. */
const secret: string = (() => {
  const inherited = getEnvironmentData(secretName)
  if (typeof inherited === "string") return inherited
  const made = randomUUID()
  setEnvironmentData(secretName, made)
  return made
})()

/** What only a thread of this process can know of an inproc endpoint. */
const derived = (purpose: string, name: string): string =>
  createHash("sha256")
    .update(JSON.stringify([secret, purpose, name]))
    .digest("hex")

/** Where threads reach an inproc endpoint of this process; nowhere, where the system has no abstract namespace. */
export const threadAddress = (name: string): Address | undefined =>
  process.platform === "linux" ? { path: `\0effect-zmq/inproc/${derived("address", name)}` } : undefined

/** By which the two sides of such a connection know that they are of one process. */
export const proof = (isBound: boolean, name: string): string => derived(isBound ? "bound" : "connected", name)

/** What happens to a connection. */
export interface Events {
  readonly opened: () => void
  /** What is lent is to be copied before this returns. */
  readonly data: (chunk: Uint8Array, isLent: boolean) => void
  /** Whether what has come is copied anyway. */
  readonly gathers: (chunk: Uint8Array) => boolean
  /** The system has taken what was written. */
  readonly written: () => void
  /** Nothing can be written any more. What has come in is still read, and then it is over. */
  readonly broken: () => void
  /** It is over; `problem` is the code of what ended it, where the peer did not. */
  readonly ended: (problem: string | undefined) => void
}

export type Address =
  | { readonly host: string; readonly port: number; readonly source?: { readonly host: string; readonly port: number } }
  | { readonly path: string }

/**
 * After an end, for so long may the peer take what it was sent. Until then what it sends is taken, too: what comes to an
 * address that nobody has any more would have the system drop what is still on its way.
 */
const patience = 30_000

/** For so long where nothing is on its way but the reason for the end, or where the peer sends more than pings. */
const shortPatience = 2000

/** More bytes than pings have, in all the time. */
const pings = 8192

/** How much is read at a time. */
const readSize = 65_536

/**
 * What all connections read into by default: what is read is copied from here, to its size or into the large frame that it
 * is part of. A connection that fills it gets memory of its own for each read, for as long as it fills that.
 */
const common = Buffer.allocUnsafeSlow(readSize)

/**
 * What those connections read into on which large frames come: one of 64 KB is had by one read then. With 256 KB what was
 * read is not in the processor's cache any more when it is copied.
 */
const wide = Buffer.allocUnsafeSlow(2 * readSize)

/** A connection. */
export class Wire {
  private socket: Net.Socket
  private readonly onread: Net.OnReadOpts
  private events: Events | undefined = undefined
  private isPaused = false
  /** How many bytes may still come after the end. */
  private spare = Number.POSITIVE_INFINITY
  private next: Uint8Array = common
  private readonly allocate: Allocate

  /** `open` opens the socket, which is to read as it is told. */
  constructor(open: (onread: Net.OnReadOpts) => Net.Socket, options: Resolved, allocate: Allocate) {
    this.allocate = allocate
    this.onread = {
      buffer: () => this.next,
      callback: (count, buffer) => {
        this.read(count, buffer)
        return true
      }
    }
    const socket = open(this.onread)
    this.socket = socket
    socket.setNoDelay(true)
    const { tcpKeepalive } = options
    if (tcpKeepalive !== undefined) {
      const idle = tcpKeepalive === false ? undefined : tcpKeepalive.idle
      socket.setKeepAlive(tcpKeepalive !== false, idle === undefined ? 0 : Duration.toMillis(idle))
    }
  }

  /** `buffer` is what was read into: one that is everybody's, or this connection's own. */
  private read(count: number, buffer: Uint8Array): void {
    const { events } = this
    const isFull = count === buffer.length
    this.next = common
    if (events === undefined) {
      this.spare -= count
      if (this.spare < 0) this.socket.destroy()
      return
    }
    const chunk = isFull ? buffer : buffer.subarray(0, count)
    if (events.gathers(chunk)) {
      this.next = wide
      events.data(chunk, true)
      return
    }
    if (isFull) this.next = this.allocate(readSize)
    const isShared = buffer === common || buffer === wide
    events.data(isShared || count < readSize / 2 ? this.copyOf(chunk) : chunk, false)
  }

  /** Small ones share memory. */
  private copyOf(chunk: Uint8Array): Uint8Array {
    if (chunk.length < 4096) return Buffer.from(chunk)
    const copy = this.allocate(chunk.length)
    copy.set(chunk)
    return copy
  }

  listen(events: Events): void {
    this.events = events
    this.attend()
    const { socket } = this
    if (socket.connecting) socket.once("connect", () => this.events?.opened())
  }

  private attend(): void {
    const { socket } = this
    let problem: string | undefined
    const end = () => {
      if (this.socket !== socket) return
      const { events } = this
      this.events = undefined
      events?.ended(problem)
    }
    socket.on("end", () => {
      end()
      socket.destroy()
    })
    socket.on("error", (error) => (problem = codeOf(error)))
    socket.on("close", end)
  }

  private readonly onWritten = (error?: Error | null): void => {
    if (error === undefined || error === null) this.events?.written()
    else this.salvage()
  }

  /**
   * A write has failed, most often because the peer is gone: Node is about to end the socket, and with it what the peer had
   * sent before. So another socket reads that.
   */
  private salvage(): void {
    const { events } = this
    const handle = events === undefined ? undefined : handleOf(this.socket)
    if (events === undefined || handle === undefined) return
    this.socket = socketOf(handle, this.onread, this.isPaused)
    this.attend()
    events.broken()
  }

  /** Writes pieces, in one call to the system where it takes them. */
  write(pieces: ReadonlyArray<Uint8Array>): void {
    const { onWritten, socket } = this
    const last = pieces.length - 1
    if (last > 0) socket.cork()
    for (let i = 0; i < last; i++) socket.write(pieces[i] as Uint8Array) // below the length
    if (last >= 0) socket.write(pieces[last] as Uint8Array, onWritten) // as above
    if (last > 0) socket.uncork()
  }

  /** How many bytes were written that the system has not taken: endless, where it takes none any more. */
  get unsentBytes(): number {
    // What a write that failed at once was for, Node counts as written.
    return this.socket.errored === null ? this.socket.writableLength : Number.POSITIVE_INFINITY
  }

  pause(): void {
    this.isPaused = true
    this.socket.pause()
  }

  resume(): void {
    this.isPaused = false
    this.socket.resume()
  }

  /**
   * Ends it behind what was written; nothing is heard of it any more. What the peer still sends goes nowhere. `isKnown`: it
   * was let in.
   */
  end(isKnown: boolean): void {
    const { socket } = this
    this.events = undefined
    if (socket.connecting || socket.destroyed) {
      socket.destroy()
      return
    }
    socket.resume()
    socket.end()
    socket.unref()
    let timer = setTimeout(() => {
      if (!isKnown) return void socket.destroy()
      // What it was sending when it ended has come by now.
      this.spare = pings
      timer = setTimeout(() => socket.destroy(), patience - shortPatience).unref()
    }, shortPatience).unref()
    socket.once("close", () => clearTimeout(timer))
  }

  /** Ends it now. */
  destroy(): void {
    this.events = undefined
    this.socket.destroy()
  }

  /** The address and port of the peer; over ipc it has none. */
  get peer(): string | undefined {
    const { remoteFamily, remotePort } = this.socket
    if (remotePort === undefined) return undefined
    const { peerAddress } = this
    return `${remoteFamily === "IPv6" && peerAddress.includes(":") ? `[${peerAddress}]` : peerAddress}:${remotePort}`
  }

  /** The IP address of the peer; over ipc "localhost". */
  get peerAddress(): string {
    const address = this.socket.remoteAddress ?? "localhost"
    return address.startsWith("::ffff:") ? address.slice(7) : address
  }
}

/** Whether there is where it is to begin: of a name that is no address of this machine, Node takes none. */
export const hasSource = (address: Address): boolean =>
  !("host" in address) ||
  address.source === undefined ||
  address.source.host === "*" ||
  Net.isIP(address.source.host) !== 0

/** Begins to connect. */
export const connect = (address: Address, options: Resolved, allocate: Allocate): Wire =>
  new Wire(
    (onread) => {
      if ("path" in address) return Net.connect({ path: address.path, onread })
      const { host, port, source } = address
      return Net.connect({
        host,
        port,
        onread,
        ...(source === undefined || source.host === "*" ? {} : { localAddress: source.host }),
        ...(source === undefined || source.port === 0 ? {} : { localPort: source.port })
      })
    },
    options,
    allocate
  )

/**
 * A socket that was accepted, made anew, because Node lets only who connects say how to read: by its handle, which is
 * private. Without one it reads as sockets do.
 */
const adopt = (socket: Net.Socket, onread: Net.OnReadOpts): Net.Socket => {
  const handle = handleOf(socket)
  if (handle !== undefined) return socketOf(handle, onread, false)
  socket.on("data", (chunk) => onread.callback(chunk.length, chunk))
  return socket
}

/** What a socket is of the system, taken out of it. */
const handleOf = (socket: Net.Socket): unknown => {
  // Private, and so without a type.
  const owner = socket as Net.Socket & { _handle?: unknown }
  const { _handle: handle } = owner
  if (handle === undefined || handle === null) return undefined
  owner._handle = null
  return handle
}

const socketOf = (handle: unknown, onread: Net.OnReadOpts, pauseOnCreate: boolean): Net.Socket =>
  // As above.
  new Net.Socket({ handle, onread, pauseOnCreate } as Net.SocketConstructorOpts)

/** What is listened at. */
export interface Listening {
  readonly address: { readonly host: string; readonly port: number } | undefined
  /** Frees the address before it returns. */
  readonly close: () => void
  /** Keeps the process alive no longer. */
  readonly unref: () => void
}

/** Listens; fails with the code of the system. `onFailure` is told of that of whom the system could not accept later. */
export const listen = (
  address: Address,
  options: Resolved,
  allocate: Allocate,
  onConnection: (wire: Wire) => void,
  onFailure: (problem: string) => void
): Effect.Effect<Listening, string> =>
  Effect.callback((resume) => {
    const server = Net.createServer({ pauseOnConnect: true })
    server.on("connection", (socket) => onConnection(new Wire((onread) => adopt(socket, onread), options, allocate)))
    server.on("error", (error) => {
      if (server.listening) onFailure(codeOf(error))
      else resume(Effect.fail(codeOf(error)))
    })
    server.listen({ ...address, backlog: options.backlog }, () => {
      const at = server.address()
      resume(
        Effect.succeed({
          address: typeof at === "object" && at !== null ? { host: at.address, port: at.port } : undefined,
          close: () => void server.close(),
          unref: () => void server.unref()
        })
      )
    })
    return Effect.sync(() => void server.close())
  })

/** The address of a network interface of this machine, where it has one of this name. Of addresses nobody is asked. */
export const interfaceAddress = (name: string, ipv6: boolean): string | undefined =>
  Net.isIP(name) !== 0
    ? undefined
    : Os.networkInterfaces()[name]?.find(({ family }) => family === (ipv6 ? "IPv6" : "IPv4"))?.address

export const codeOf = (error: Error): string => ("code" in error ? String(error.code) : error.name)

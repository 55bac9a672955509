import * as Effect from "effect/Effect"
import * as Endpoint from "../../Endpoint.ts"
import { SocketEvent } from "../../SocketEvent.ts"
import * as SocketType from "../../SocketType.ts"
import { AddressInUse, Unsupported } from "../../ZmqError.ts"
import { type Link, LinkDown, type Listener, type Port } from "../Link.ts"
import { MemoryPipe } from "./memoryPipe.ts"

/** One bound endpoint. */
class Bound {
  readonly endpoint: Endpoint.Endpoint
  readonly port: Port

  constructor(endpoint: Endpoint.Endpoint, port: Port) {
    this.endpoint = endpoint
    this.port = port
  }
}

/** The first port that a wildcard stands for: from here on ports are for that (RFC 6335). */
const firstPort = 49_152
const lastPort = 65_535

/**
 * A network in this process: what is bound in it, and who waits for something to be.
 */
export class Network implements Link<MemoryPipe> {
  /** By place: the port of tcp, the path of ipc, the name of inproc. */
  private readonly bound = new Map<string, Array<Bound>>()
  /** Who waits for something to be bound; each answers whether it needs to wait no longer. */
  private readonly waiting = new Map<string, Set<() => boolean>>()
  private nextPort = firstPort
  private nextPath = 1

  readonly pipe = (endpoint: Endpoint.Endpoint, port: Port): MemoryPipe =>
    new MemoryPipe(port, Endpoint.format(endpoint), endpoint._tag !== "Inproc", true)

  readonly listen = (endpoint: Endpoint.Endpoint, port: Port): Effect.Effect<Listener, AddressInUse | Unsupported> =>
    Effect.suspend((): Effect.Effect<Listener, AddressInUse | Unsupported> => {
      if (endpoint._tag === "Other") return Effect.fail(unsupported(endpoint))
      const resolved = this.resolve(endpoint)
      const place = placeOf(resolved)
      const others = this.bound.get(place) ?? []
      if (others.some((other) => overlap(other.endpoint, resolved))) {
        return Effect.fail(new AddressInUse({ endpoint: Endpoint.format(endpoint) }))
      }
      const bound = new Bound(resolved, port)
      this.bound.set(place, [...others, bound])
      port.log(SocketEvent.Listening({ endpoint: Endpoint.format(resolved) }))
      this.appear(place)
      return Effect.succeed({ endpoint: resolved, close: Effect.sync(() => this.remove(place, bound)) })
    })

  readonly dial = (endpoint: Endpoint.Endpoint, pipe: MemoryPipe, port: Port): Effect.Effect<never, LinkDown> =>
    Effect.withFiber((fiber) =>
      Effect.callback((resume) => {
        // Over inproc a socket waits for its peer, and needs not try again.
        const again = endpoint._tag === "Inproc"
        const attempt = (): boolean => {
          const peer = this.find(endpoint)
          if (peer === undefined) return false
          port.log(SocketEvent.Connected({ endpoint: Endpoint.format(endpoint) }))
          peer.port.log(SocketEvent.Accepted({ endpoint: Endpoint.format(peer.endpoint) }))
          if (SocketType.isCompatible(port.type, peer.port.type)) {
            pipe.connect(new MemoryPipe(peer.port, Endpoint.format(peer.endpoint), !again, false))
          } else {
            refuse(port, endpoint, peer.port)
            refuse(peer.port, peer.endpoint, port)
            resume(Effect.fail(new LinkDown({ problem: "the peer is of an incompatible type" })))
          }
          return true
        }
        pipe.dial(fiber.currentDispatcher, () =>
          resume(Effect.fail(new LinkDown({ problem: "the connection was lost", again })))
        )
        if (attempt()) return Effect.sync(() => pipe.cut())
        const place = placeOf(endpoint)
        if (!again) {
          const appeared = Effect.callback<void>((resume) =>
            this.wait(place, () => {
              if (this.find(endpoint) === undefined) return false
              resume(Effect.void)
              return true
            })
          )
          return resume(Effect.fail(new LinkDown({ problem: "the connection was refused", appeared })))
        }
        const leave = this.wait(place, attempt)
        return Effect.andThen(
          leave,
          Effect.sync(() => pipe.cut())
        )
      })
    )

  private find(endpoint: Endpoint.Endpoint): Bound | undefined {
    return this.bound.get(placeOf(endpoint))?.find((other) => reaches(endpoint, other.endpoint))
  }

  private wait(place: string, waiter: () => boolean): Effect.Effect<void> {
    const waiters = this.waiting.get(place) ?? new Set()
    this.waiting.set(place, waiters.add(waiter))
    return Effect.sync(() => {
      waiters.delete(waiter)
      if (waiters.size === 0 && this.waiting.get(place) === waiters) this.waiting.delete(place)
    })
  }

  /** Something was bound: those who waited for it connect, in their order. */
  private appear(place: string): void {
    const waiters = this.waiting.get(place)
    if (waiters === undefined) return
    for (const waiter of [...waiters]) if (waiters.has(waiter) && waiter()) waiters.delete(waiter)
    if (waiters.size === 0) this.waiting.delete(place)
  }

  private remove(place: string, bound: Bound): void {
    const others = (this.bound.get(place) ?? []).filter((other) => other !== bound)
    if (others.length > 0) this.bound.set(place, others)
    else this.bound.delete(place)
  }

  /** Fills in what was left open. */
  private resolve(endpoint: Exclude<Endpoint.Endpoint, Endpoint.Other>): Endpoint.Endpoint {
    switch (endpoint._tag) {
      case "Tcp":
        return Endpoint.tcp(nameOf(endpoint.host), endpoint.port === 0 ? this.freePort() : endpoint.port)
      case "Ipc":
        return endpoint.path === "*" ? Endpoint.ipc(`/memory/${this.nextPath++}`) : endpoint
      case "Inproc":
        return endpoint
    }
  }

  private freePort(): number {
    for (let tried = firstPort; tried <= lastPort; tried++) {
      const port = this.nextPort
      this.nextPort = port === lastPort ? firstPort : port + 1
      if (!this.bound.has(`tcp:${port}`)) return port
    }
    return firstPort // all are bound: this one is in use, as will be said
  }
}

const placeOf = (endpoint: Endpoint.Endpoint): string => {
  switch (endpoint._tag) {
    case "Tcp":
      return `tcp:${endpoint.port}`
    case "Ipc":
      return `ipc:${endpoint.path}`
    case "Inproc":
      return `inproc:${endpoint.name}`
    case "Other":
      return `${endpoint.scheme}:${endpoint.address}`
  }
}

const nameOf = (host: string): string => {
  const name = host.toLowerCase()
  return name === "*" ? "0.0.0.0" : name === "localhost" ? "127.0.0.1" : name
}

const isWildcard = (host: string): boolean => host === "0.0.0.0" || host === "::"

/** Whether two endpoints of one place cannot both be bound. */
const overlap = (a: Endpoint.Endpoint, b: Endpoint.Endpoint): boolean =>
  a._tag !== "Tcp" || b._tag !== "Tcp" || a.host === b.host || isWildcard(a.host) || isWildcard(b.host)

/** Whether connecting to `to` leads to what is bound to `bound`, of the same place. */
const reaches = (to: Endpoint.Endpoint, bound: Endpoint.Endpoint): boolean => {
  if (to._tag !== "Tcp" || bound._tag !== "Tcp") return true
  const host = isWildcard(nameOf(to.host)) ? "127.0.0.1" : nameOf(to.host)
  return isWildcard(bound.host) || bound.host === host
}

const unsupported = (endpoint: Endpoint.Other): Unsupported =>
  new Unsupported({
    transport: "memory",
    feature: `${endpoint.scheme}:// endpoints`,
    hint: "use tcp://host:port, ipc://path or inproc://name"
  })

const refuse = (port: Port, endpoint: Endpoint.Endpoint, peer: Port): void => {
  const text = Endpoint.format(endpoint)
  const detail = `a ${port.type} socket cannot be connected with a ${peer.type} socket`
  port.log(SocketEvent.HandshakeFailed({ endpoint: text, problem: "protocol", detail }))
  port.log(SocketEvent.Disconnected({ endpoint: text }))
}

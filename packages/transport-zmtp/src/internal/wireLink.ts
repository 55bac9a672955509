/** The network as one socket sees it: tcp and ipc by wire, inproc in memory. */

import * as Endpoint from "@effect-zmq/core/Endpoint"
import type { Link, Link as LinkModule, Pipe } from "@effect-zmq/core/engine"
import * as Security from "@effect-zmq/core/Security"
import { SocketEvent } from "@effect-zmq/core/SocketEvent"
import type { Reason } from "@effect-zmq/core/ZmqError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import { Connection, type Limits, type Owner } from "./connection.ts"
import { reasonOf, unsupported } from "./errors.ts"
import * as IpcFile from "./ipcFile.ts"
import * as Net from "./net.ts"
import type { Shared } from "./output.ts"
import { ownProperties, reserved } from "./protocol/handshake.ts"
import { type Credentials, type Mechanism, nullMechanism, plainClient, plainServer } from "./protocol/mechanism.ts"
import { WirePipe } from "./wirePipe.ts"

export interface WireLimits extends Limits {
  /** Connections that peers have made to one socket. */
  readonly connections: number
}

type AnyPipe = Pipe.Pipe

export class WireLink implements Link.Link<AnyPipe> {
  private readonly shared: Shared
  private readonly limits: WireLimits
  private readonly inproc: Link.Link<AnyPipe>
  /** Whether an inproc endpoint is bound in this thread. */
  private readonly isHere: (endpoint: Endpoint.Endpoint) => boolean
  /** Of who opened the socket. */
  private readonly context: Context.Context<never>
  private judge: ReturnType<typeof Security.makeJudge> | undefined = undefined
  /** How many connections peers have made. */
  private accepted = 0
  /** Those that may have something in them. */
  private readonly pipes = new Set<WirePipe>()
  private sweepAt = 16

  constructor(
    shared: Shared,
    limits: WireLimits,
    inproc: Link.Link<AnyPipe>,
    isHere: (endpoint: Endpoint.Endpoint) => boolean,
    context: Context.Context<never>
  ) {
    this.shared = shared
    this.limits = limits
    this.inproc = inproc
    this.isHere = isHere
    this.context = context
  }

  readonly pipe = (endpoint: Endpoint.Endpoint, port: Link.Port): AnyPipe =>
    endpoint._tag === "Inproc" && (!Net.isWorker || this.isHere(endpoint) || addressOf(endpoint, false) === undefined)
      ? this.inproc.pipe(endpoint, port)
      : this.make(port, Endpoint.format(endpoint))

  readonly settle = (): void => {
    for (const pipe of this.pipes) pipe.abandonUnread()
    this.pipes.clear()
    this.inproc.settle?.()
  }

  private make(port: Link.Port, endpoint: string): WirePipe {
    if (this.pipes.size >= this.sweepAt) {
      this.sweep()
      this.sweepAt = 2 * this.pipes.size + 16
    }
    const pipe = new WirePipe(port, endpoint, this.shared.soon)
    this.pipes.add(pipe)
    return pipe
  }

  /** Lets go of pipes that are over. */
  private sweep(): void {
    for (const pipe of this.pipes) {
      if (!pipe.isOver) continue
      this.pipes.delete(pipe)
      pipe.abandonUnread()
    }
  }

  readonly dial = (
    endpoint: Endpoint.Endpoint,
    pipe: AnyPipe,
    port: Link.Port
  ): Effect.Effect<never, LinkModule.LinkDown> => {
    if (!(pipe instanceof WirePipe)) return this.inproc.dial(endpoint, pipe, port)
    return Effect.callback((resume) => {
      let connection: Connection | undefined
      pipe.dial((down) => {
        // Where the pipe was closed, it may be in the middle of its handshake.
        connection?.end()
        resume(Effect.fail(down))
      })
      const address = addressOf(endpoint, port.options.ipv6)
      if (address === undefined) return pipe.failed("there is no such endpoint")
      if (!Net.hasSource(address)) return pipe.failed("this machine has no such source")
      const owner = this.owner(port, endpoint, false, {
        pipe: () => pipe,
        failed: (problem) => pipe.failed(problem),
        gone: () => {}
      })
      connection = new Connection(Net.connect(address, port.options, this.shared.allocate), owner, true)
      return Effect.sync(() => {
        pipe.abandon()
        connection?.end()
      })
    })
  }

  readonly listen = (endpoint: Endpoint.Endpoint, port: Link.Port): Effect.Effect<Link.Listener, Reason> => {
    if (endpoint._tag === "Inproc") return this.listenInproc(endpoint, port)
    if (endpoint._tag === "Other") {
      return Effect.fail(
        unsupported(`${endpoint.scheme}:// endpoints`, "use tcp://host:port, ipc://path or inproc://name")
      )
    }
    return Effect.suspend(() => {
      const wanted = endpoint._tag === "Ipc" && endpoint.path === "*" ? Endpoint.ipc(IpcFile.madeUp()) : endpoint
      return this.listenByWire(wanted, port).pipe(
        Effect.mapError((code) => reasonOf(code, Endpoint.format(endpoint))),
        Effect.tap(({ endpoint }) =>
          Effect.sync(() => port.log(SocketEvent.Listening({ endpoint: Endpoint.format(endpoint) })))
        )
      )
    })
  }

  /** In memory for this thread, and by wire for the others; where that is not to be had, they cannot reach it. */
  private listenInproc(endpoint: Endpoint.Inproc, port: Link.Port): Effect.Effect<Link.Listener, Reason> {
    return Effect.flatMap(this.inproc.listen(endpoint, port), (here) => {
      if (addressOf(endpoint, false) === undefined) return Effect.succeed(here)
      return Effect.match(this.listenByWire(endpoint, port), {
        onFailure: () => here,
        onSuccess: (there) => {
          // What is in memory keeps no process alive either.
          there.unref()
          return { endpoint: here.endpoint, close: Effect.andThen(here.close, there.close) }
        }
      })
    })
  }

  /** Fails with the code of the system. */
  private listenByWire(
    endpoint: Endpoint.Endpoint,
    port: Link.Port
  ): Effect.Effect<Link.Listener & { readonly unref: () => void }, string> {
    // Those in the handshake: who is not connected when the listener closes has come in vain.
    const coming = new Set<Connection>()
    const at = { endpoint, isOpen: true }
    const onConnection = (wire: Net.Wire) => {
      const text = Endpoint.format(at.endpoint)
      if (!at.isOpen) return wire.destroy()
      if (this.accepted >= this.limits.connections) {
        const problem = `there are ${this.limits.connections} connections`
        port.log(SocketEvent.LimitExceeded({ endpoint: text, peer: wire.peerAddress, limit: "connections", problem }))
        port.log(SocketEvent.AcceptFailed({ endpoint: text, problem }))
        return wire.destroy()
      }
      this.accepted++
      const connection = new Connection(
        wire,
        this.owner(port, at.endpoint, true, {
          pipe: () => {
            coming.delete(connection)
            return this.make(port, text)
          },
          failed: () => {},
          gone: (connection) => {
            this.accepted--
            coming.delete(connection)
          }
        }),
        false
      )
      coming.add(connection)
      // Who was told of it goes on at once, and may have closed the listener.
      if (!at.isOpen) connection.giveUp()
    }
    const onFailure = (problem: string) =>
      port.log(SocketEvent.AcceptFailed({ endpoint: Endpoint.format(at.endpoint), problem }))
    // The address is the endpoint's own, or was made up; or it was looked at.
    const address = addressOf(endpoint, port.options.ipv6) as Net.Address
    const listen = Effect.suspend(() =>
      Net.listen(address, port.options, this.shared.allocate, onConnection, onFailure)
    )
    return Effect.map("path" in address ? IpcFile.bind(address.path, listen) : listen, ({ address, close, unref }) => {
      at.endpoint = address === undefined ? endpoint : Endpoint.tcp(address.host, address.port)
      return {
        endpoint: at.endpoint,
        unref,
        close: Effect.sync(() => {
          at.isOpen = false
          close()
          for (const connection of coming) connection.giveUp()
        })
      }
    })
  }

  private owner(
    port: Link.Port,
    endpoint: Endpoint.Endpoint,
    isBound: boolean,
    rest: Pick<Owner, "pipe" | "failed" | "gone">
  ): Owner {
    return {
      port,
      endpoint: Endpoint.format(endpoint),
      limits: this.limits,
      shared: this.shared,
      mechanism: () => mechanismOf(port, endpoint, isBound),
      // Anybody on the machine could connect to where threads do.
      objection: ({ properties }) =>
        endpoint._tag !== "Inproc" ||
        new TextDecoder().decode(properties.get(threadProperty)) === Net.proof(!isBound, endpoint.name)
          ? undefined
          : "it is not of this process",
      judge: (credentials, address, done) => this.ask(port, credentials, address, done),
      ...rest
    }
  }

  private ask(
    port: Link.Port,
    credentials: Credentials,
    address: string,
    done: Parameters<Owner["judge"]>[2]
  ): () => void {
    const { security } = port.options
    if (security?.role !== "server") {
      done(500, "there is nobody to judge", undefined)
      return () => {}
    }
    this.judge ??= Security.makeJudge(port.type, security, port.options.handshakeInterval)
    const asking = {
      domain: security.domain,
      address,
      // It has 1 to 255 bytes.
      routingId: credentials.routingId as Security.Request["routingId"]
    }
    const request: Security.Request =
      credentials._tag === "Null"
        ? { _tag: "Null", ...asking }
        : {
            _tag: "Plain",
            ...asking,
            username: credentials.username,
            password: Redacted.make(credentials.password)
          }
    const fiber = Effect.runForkWith(this.context)(this.judge(request))
    let isWanted = true
    fiber.addObserver((exit) => {
      if (!isWanted) return
      if (!Exit.isSuccess(exit)) done(500, "authenticate was interrupted", undefined)
      else if (exit.value.status === 200) done(200, "", exit.value.user)
      else done(exit.value.status, exit.value.problem, undefined)
    })
    return () => {
      isWanted = false
      fiber.interruptUnsafe()
    }
  }
}

/** By which threads of a process know each other. */
const threadProperty = `${reserved}-thread`

const mechanismOf = ({ options, type }: Link.Port, endpoint: Endpoint.Endpoint, isBound: boolean): Mechanism => {
  const own = ownProperties(type, options.routingId, options.metadata)
  if (endpoint._tag === "Inproc") {
    own.push([threadProperty, new TextEncoder().encode(Net.proof(isBound, endpoint.name))])
  }
  const { security } = options
  if (security?._tag !== "Plain") return nullMechanism(own, security?._tag === "Null", isBound)
  return security.role === "server"
    ? plainServer(own, type === "ROUTER")
    : plainClient(own, security.username, Redacted.value(security.password))
}

const addressOf = (endpoint: Endpoint.Endpoint, ipv6: boolean): Net.Address | undefined => {
  if (endpoint._tag === "Ipc") return { path: endpoint.path.replace(/^@/, "\0") }
  if (endpoint._tag === "Inproc") return Net.threadAddress(endpoint.name)
  if (endpoint._tag !== "Tcp") return undefined
  const { port, source } = endpoint
  const hostOf = (host: string) => {
    if (host === "*") return ipv6 ? "::" : "0.0.0.0"
    return Net.interfaceAddress(host, ipv6) ?? host
  }
  return {
    host: hostOf(endpoint.host),
    port,
    ...(source === undefined
      ? {}
      : { source: { host: source.host === "*" ? "*" : hostOf(source.host), port: source.port } })
  }
}

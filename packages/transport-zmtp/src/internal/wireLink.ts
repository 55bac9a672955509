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
import { ownProperties } from "./protocol/handshake.ts"
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
  /** Of who opened the socket. */
  private readonly context: Context.Context<never>
  private judge: ReturnType<typeof Security.makeJudge> | undefined = undefined
  /** How many connections peers have made. */
  private accepted = 0

  constructor(shared: Shared, limits: WireLimits, inproc: Link.Link<AnyPipe>, context: Context.Context<never>) {
    this.shared = shared
    this.limits = limits
    this.inproc = inproc
    this.context = context
  }

  readonly pipe = (endpoint: Endpoint.Endpoint, port: Link.Port): AnyPipe =>
    endpoint._tag === "Inproc"
      ? this.inproc.pipe(endpoint, port)
      : new WirePipe(port, Endpoint.format(endpoint), this.shared.soon)

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
      const owner = this.owner(port, Endpoint.format(endpoint), false, {
        pipe: () => pipe,
        failed: (problem) => pipe.failed(problem),
        gone: () => {}
      })
      connection = new Connection(Net.connect(address, port.options), owner, true)
      return Effect.sync(() => {
        pipe.abandon()
        connection?.end()
      })
    })
  }

  readonly listen = (endpoint: Endpoint.Endpoint, port: Link.Port): Effect.Effect<Link.Listener, Reason> => {
    if (endpoint._tag === "Inproc") return this.inproc.listen(endpoint, port)
    if (endpoint._tag === "Other") {
      return Effect.fail(
        unsupported(`${endpoint.scheme}:// endpoints`, "use tcp://host:port, ipc://path or inproc://name")
      )
    }
    return Effect.suspend(() => {
      const wanted = endpoint._tag === "Ipc" && endpoint.path === "*" ? Endpoint.ipc(IpcFile.madeUp()) : endpoint
      // Those in the handshake: who is not connected when the listener closes has come in vain.
      const coming = new Set<Connection>()
      const at = { text: Endpoint.format(wanted), isOpen: true }
      const onConnection = (wire: Net.Wire) => {
        if (!at.isOpen) return wire.destroy()
        if (this.accepted >= this.limits.connections) {
          const { connections } = this.limits
          port.log(SocketEvent.AcceptFailed({ endpoint: at.text, problem: `there are ${connections} connections` }))
          return wire.destroy()
        }
        this.accepted++
        const connection = new Connection(
          wire,
          this.owner(port, at.text, true, {
            pipe: () => {
              coming.delete(connection)
              return new WirePipe(port, at.text, this.shared.soon)
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
      }
      // The address is the endpoint's own, or was made up.
      const address = addressOf(wanted, port.options.ipv6) as Net.Address
      const listen = Effect.suspend(() => Net.listen(address, port.options, onConnection))
      const bind = "path" in address ? IpcFile.bind(address.path, listen) : listen
      return bind.pipe(
        Effect.mapError((code) => reasonOf(code, Endpoint.format(endpoint))),
        Effect.map(({ address, close }) => {
          const bound = address === undefined ? wanted : Endpoint.tcp(address.host, address.port)
          at.text = Endpoint.format(bound)
          port.log(SocketEvent.Listening({ endpoint: at.text }))
          return {
            endpoint: bound,
            close: Effect.sync(() => {
              at.isOpen = false
              close()
              for (const connection of coming) connection.giveUp()
            })
          }
        })
      )
    })
  }

  private owner(
    port: Link.Port,
    endpoint: string,
    isBound: boolean,
    rest: Pick<Owner, "pipe" | "failed" | "gone">
  ): Owner {
    return {
      port,
      endpoint,
      limits: this.limits,
      shared: this.shared,
      mechanism: () => mechanismOf(port, isBound),
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
      routingId: credentials.routingId as Security.Request["routingId"]
    } // 1 to 255 bytes
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

const mechanismOf = ({ options, type }: Link.Port, isBound: boolean): Mechanism => {
  const own = ownProperties(type, options.routingId)
  const { security } = options
  if (security?._tag !== "Plain") return nullMechanism(own, security?._tag === "Null", isBound)
  return security.role === "server"
    ? plainServer(own, type === "ROUTER")
    : plainClient(own, security.username, Redacted.value(security.password))
}

const addressOf = (endpoint: Endpoint.Endpoint, ipv6: boolean): Net.Address | undefined => {
  if (endpoint._tag === "Ipc") return { path: endpoint.path.replace(/^@/, "\0") }
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

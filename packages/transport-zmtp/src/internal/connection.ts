/** A connection, from the first byte to the last: its handshake, its heartbeats, and its pipe. */
import type { Link } from "@effect-zmq/core/engine"
import { SocketEvent } from "@effect-zmq/core/SocketEvent"
import * as Duration from "effect/Duration"
import { confirm, Heartbeats, silence } from "./heartbeats.ts"
import { after, type Wire } from "./net.ts"
import { Output, type Shared } from "./output.ts"
import { Decoder, type Limits as DecoderLimits, type Violation } from "./protocol/decoder.ts"
import { Handshake, introduction, type Peer, type Step } from "./protocol/handshake.ts"
import type { Credentials, Mechanism } from "./protocol/mechanism.ts"
import type { WirePipe } from "./wirePipe.ts"

/** What a peer may take of us. */
export interface Limits extends DecoderLimits {
  readonly handshakeBytes: number
  /** Subscriptions of a connection, and the bytes of each. */
  readonly subscriptions: number
  readonly subscriptionBytes: number
  /** In so many milliseconds a message that has begun has to go on, or to be whole. */
  readonly messageInterval: number
}

/** What a connection has to do with the socket that it is for. */
export interface Owner {
  readonly port: Link.Port
  readonly endpoint: string
  readonly limits: Limits
  readonly shared: Shared
  readonly mechanism: () => Mechanism
  /** Why this peer is not let in, whoever it is. */
  readonly objection: (peer: Peer) => string | undefined
  /** Has it judged who a client is; what it gives calls that off. */
  readonly judge: (
    credentials: Credentials,
    address: string,
    done: (status: number, problem: string, user: { readonly id: string } | undefined) => void
  ) => () => void
  /** The pipe that it is for: the one that dials, or a new one. `undefined`: there is none any more. */
  readonly pipe: () => WirePipe | undefined
  /** It is over without having been a connection of peers. */
  readonly failed: (problem: string) => void
  /** It is over, or never was. */
  readonly gone: (connection: Connection) => void
}

/** The types whose messages are dropped where there is no room: nobody waits for a turn. */
const dropping: ReadonlySet<string> = new Set(["PUB", "XPUB", "XSUB", "REP"])

/** In so many milliseconds a connection that cannot be written to is read to its end. */
const patience = 5000

/** What goes on brings so many bytes in `messageInterval`. */
const progress = 1024

/** How many bytes are written to one connection before others have their turn. */
const budget = 1_048_576

export class Connection {
  private readonly wire: Wire
  private readonly owner: Owner
  private readonly isDialer: boolean
  private readonly handshake: Handshake
  private pipe: WirePipe | undefined = undefined
  private output: Output | undefined = undefined
  private state: "opening" | "greeting" | "up" | "over" = "opening"
  private callOffJudge: (() => void) | undefined = undefined
  private user: { readonly id: string } | undefined = undefined
  /** How much came since it was last seen whether a message goes on; endless, where none was begun, or nothing was read. */
  private brought = 0
  /** How often something was heard. */
  heard = 0
  isPaused = false
  private heartbeats: Heartbeats | undefined = undefined
  private callOffPatience: () => void
  private callOffLife = (): void => {}
  private callOffMessage: (() => void) | undefined = undefined

  constructor(wire: Wire, owner: Owner, isDialer: boolean) {
    this.wire = wire
    this.owner = owner
    this.isDialer = isDialer
    const { limits, port } = owner
    this.handshake = new Handshake(port.type, port.options.routingId, owner.mechanism(), limits.handshakeBytes)
    const { connectTimeout } = port.options
    this.callOffPatience =
      isDialer && connectTimeout !== undefined
        ? after(Duration.toMillis(connectTimeout), () => this.lose("the connection timed out"))
        : () => {}
    wire.listen({
      opened: () => this.greet(),
      data: (chunk, isLent) => this.data(chunk, isLent),
      gathers: (chunk) => this.pipe?.gathers(chunk) ?? false,
      written: () => this.output?.taken(),
      broken: () => this.breakOff(),
      ended: (problem) => this.lose(problem)
    })
    if (!isDialer) this.greet()
  }

  // ---------------------------------------------------------------------------
  // What its pipe wants of it
  // ---------------------------------------------------------------------------

  pause(): void {
    this.isPaused = true
    this.brought = Number.POSITIVE_INFINITY
    this.wire.pause()
  }

  resume(): void {
    this.isPaused = false
    this.brought = Number.POSITIVE_INFINITY
    this.wire.resume()
  }

  /** Ends it; nobody is told. */
  end(): void {
    const { state } = this
    if (state === "over") return
    this.stop()
    // Behind what the system has not taken there is nothing to wait for.
    if (this.wire.unsentBytes > 0 || state !== "up") this.wire.destroy()
    else this.wire.end(true)
  }

  /** Ends a handshake that leads to nothing any more. */
  giveUp(): void {
    this.wire.destroy()
    this.lose("the endpoint is not bound any more")
  }

  /** The peer has broken the protocol, or a limit. */
  violate({ limit, problem }: Violation): void {
    if (limit !== undefined) this.exceeded(limit, problem)
    this.wire.destroy()
    this.lose(problem)
  }

  private exceeded(limit: string, problem: string): void {
    const { endpoint, port } = this.owner
    port.log(SocketEvent.LimitExceeded({ endpoint, peer: this.wire.peerAddress, limit, problem }))
  }

  /** Something must be heard in so many milliseconds, and again and again; 0 stands for ever. */
  live(timeToLive: number): void {
    this.callOffLife()
    this.heartbeats?.beaten()
    if (timeToLive === 0) return
    const isSilent = silence(this)
    this.callOffLife = after(timeToLive, () =>
      confirm(isSilent, this.abort, () => {
        if (this.isUp) this.live(timeToLive)
      })
    )
  }

  /** A ping was answered. */
  answered(context: Uint8Array): void {
    this.heartbeats?.answered(context)
  }

  /** Whether the prefix of a subscription may be so long; otherwise it is the end of the connection. */
  allowsSubscription(bytes: number): boolean {
    if (bytes <= this.owner.limits.subscriptionBytes) return true
    this.violate({ limit: "subscriptionBytes", problem: `a subscription of ${bytes} bytes` })
    return false
  }

  /** The peer holds so many subscriptions. */
  subscribed(count: number): void {
    const { subscriptions } = this.owner.limits
    if (count <= subscriptions) return
    this.violate({ limit: "subscriptions", problem: `more than ${subscriptions} subscriptions` })
  }

  // ---------------------------------------------------------------------------
  // The handshake
  // ---------------------------------------------------------------------------

  private greet(): void {
    const { endpoint, port } = this.owner
    this.callOffPatience()
    this.state = "greeting"
    port.log(this.isDialer ? SocketEvent.Connected({ endpoint }) : SocketEvent.Accepted({ endpoint }))
    if (this.isOver) return
    this.callOffPatience = after(Duration.toMillis(port.options.handshakeInterval), () => {
      this.exceeded("handshakeInterval", "the handshake took too long")
      this.wire.destroy()
      this.lose("the handshake took too long")
    })
    this.follow(this.handshake.start())
  }

  private data(chunk: Uint8Array, isLent: boolean): void {
    this.heard++
    if (this.output !== undefined) {
      this.output.heard = true
      this.pipe?.feed(chunk, isLent)
      this.expect(chunk.length)
    } else if (this.state === "greeting") this.follow(this.handshake.receive(chunk))
  }

  /** Whoever has begun a message has to go on with it: so many bytes came. */
  private expect(bytes: number): void {
    if (this.pipe?.isAmidst !== true) this.brought = Number.POSITIVE_INFINITY
    else if (this.callOffMessage !== undefined) this.brought += bytes
    else if (this.isUp) this.awaitRest()
  }

  private awaitRest(): void {
    const { messageInterval } = this.owner.limits
    this.brought = 0
    this.callOffMessage = after(messageInterval, () => {
      this.callOffMessage = undefined
      confirm(
        () => this.isUp && this.brought < progress && this.pipe?.isOwed === true,
        () => {
          const problem = `less than ${progress} bytes of a message in ${messageInterval} ms`
          this.violate({ limit: "messageInterval", problem })
        },
        () => {
          if (this.isUp && this.pipe?.isAmidst === true && this.callOffMessage === undefined) this.awaitRest()
        }
      )
    })
  }

  private follow(steps: ReadonlyArray<Step>): void {
    for (const step of steps) {
      if (this.state === "over") return
      switch (step._tag) {
        case "Send":
          this.wire.write([step.bytes])
          break
        case "Ask":
          this.ask(step.credentials)
          break
        case "Done":
          this.rise(step.peer, step.rest)
          break
        case "Failed":
          if (step.limit !== undefined) this.exceeded(step.limit, step.detail)
          if (!this.isOver) this.fail(step.problem, step.detail)
          break
      }
    }
  }

  private ask(credentials: Credentials): void {
    this.wire.pause()
    this.callOffJudge = this.owner.judge(credentials, this.wire.peerAddress, (status, problem, user) => {
      if (this.state !== "greeting") return
      this.callOffJudge = undefined
      this.user = user
      this.wire.resume()
      this.follow(this.handshake.answer(status, problem))
    })
  }

  private fail(problem: "protocol" | "authentication", detail: string): void {
    const { endpoint, failed, port } = this.owner
    this.stop()
    this.wire.end(false)
    port.log(SocketEvent.HandshakeFailed({ endpoint, problem, detail }))
    port.log(SocketEvent.Disconnected({ endpoint }))
    failed(detail)
  }

  private rise(peer: Peer, rest: Uint8Array): void {
    const { endpoint, limits, port, shared } = this.owner
    const objection = this.owner.objection(peer)
    if (objection !== undefined) {
      this.fail("authentication", objection)
      return
    }
    const pipe = this.owner.pipe()
    if (pipe === undefined) {
      this.end()
      return
    }
    if (this.user !== undefined && pipe.user !== undefined && pipe.user.id !== this.user.id && !pipe.isRead) {
      this.fail("authentication", "what another user has sent is not read yet")
      return
    }
    this.callOffPatience()
    this.state = "up"
    this.pipe = pipe
    pipe.announced = peer.routingId
    pipe.introduced = introduction(peer)
    pipe.user = this.user
    if (!this.isDialer) pipe.peer = this.wire.peer
    const { maxMessageSize } = port.options
    const decoder = new Decoder(
      { ...limits, frameBytes: Math.min(limits.frameBytes, maxMessageSize) },
      port.type === "PUB" || port.type === "XPUB",
      shared.allocate
    )
    const isDropping = dropping.has(port.type) && !port.options.noDrop
    const output = new Output(this.wire, shared, isDropping ? Number.POSITIVE_INFINITY : budget, pipe.drain)
    this.output = output
    // ZMTP 3.0 has no PING.
    if (peer.minor > 0) this.beat(output)
    // As libzmq does, an XSUB sends subscriptions as messages to everybody.
    pipe.rise(this, output, decoder, peer.minor === 0 || port.type === "XSUB")
    // Who waits for the event goes on at once, and finds a socket that is connected.
    if (this.isUp) port.log(SocketEvent.HandshakeSucceeded({ endpoint, peer: pipe.introduced }))
    if (rest.length === 0 || !this.isUp) return
    pipe.feed(rest, false)
    this.expect(rest.length)
  }

  // Not what the compiler remembers: what was called may have changed it.
  private get isOver(): boolean {
    return this.state === "over"
  }

  private get isUp(): boolean {
    return this.state === "up"
  }

  // ---------------------------------------------------------------------------
  // Heartbeats
  // ---------------------------------------------------------------------------

  private beat(output: Output): void {
    const { endpoint, port } = this.owner
    const { heartbeat } = port.options
    if (heartbeat === undefined || (heartbeat.tcpOnly && !endpoint.startsWith("tcp:"))) return
    const connection = this
    this.heartbeats = new Heartbeats(heartbeat, port.type, {
      get heard() {
        return connection.heard
      },
      get isPaused() {
        return connection.isPaused
      },
      get messages() {
        return output.messages
      },
      get isReady() {
        return output.isReady
      },
      write: (command) => output.command(command),
      silent: this.abort
    })
  }

  // ---------------------------------------------------------------------------
  // The end
  // ---------------------------------------------------------------------------

  private readonly abort = (): void => this.lose("nothing was heard")

  /** Nothing can be written any more: what has come is read at once, whoever takes it, and with it the end. */
  private breakOff(): void {
    if (!this.isUp) return
    this.callOffPatience = after(patience, () => this.lose("the peer is gone"))
    this.pipe?.readOut()
  }

  private lose(problem: string | undefined): void {
    const { pipe, state } = this
    const { endpoint, failed, port } = this.owner
    if (state === "over") return
    this.stop()
    this.wire.destroy()
    if (state === "up") {
      pipe?.lost()
      return
    }
    if (state === "greeting") {
      const detail = problem ?? "the connection ended in the handshake"
      port.log(SocketEvent.HandshakeFailed({ endpoint, problem: "other", detail }))
      port.log(SocketEvent.Disconnected({ endpoint }))
    }
    failed(problem ?? "the connection ended")
  }

  private stop(): void {
    this.state = "over"
    this.callOffJudge?.()
    this.callOffPatience()
    this.heartbeats?.stop()
    this.callOffLife()
    this.callOffMessage?.()
    this.owner.gone(this)
  }
}

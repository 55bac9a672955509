import type * as Fiber from "effect/Fiber"
import type { Party } from "../../Network.ts"
import type * as Security from "../../Security.ts"
import { type HandshakeProblem, SocketEvent } from "../../SocketEvent.ts"
import * as SocketType from "../../SocketType.ts"
import type { Port } from "../Link.ts"
import type { Agenda, Appointment } from "./agenda.ts"
import { mismatch } from "./authentication.ts"
import type { Lane } from "./lane.ts"
import type { MemoryLink } from "./memoryLink.ts"
import type { MemoryPipe } from "./memoryPipe.ts"
import { Pulse } from "./pulse.ts"

/** What a side asks of its connection. */
interface Owner {
  readonly ping: (side: Side) => void
  readonly abort: (side: Side) => void
}

/** One of the two sockets of a connection. */
export class Side {
  readonly link: MemoryLink
  readonly port: Port
  readonly endpoint: string
  /** What it sends. */
  readonly lane: Lane
  readonly pulse: Pulse
  /** A bound socket has none until the handshake succeeds. */
  pipe: MemoryPipe | undefined = undefined
  /** Before the connection, from there to the end of the handshake, connected, and after its end. */
  phase: "away" | "greeting" | "up" | "gone" = "away"
  upAt = 0
  /** Whom it has let in. */
  user: Security.User | undefined = undefined
  /** Says whether the other side is let in. */
  judging: Fiber.Fiber<unknown> | undefined = undefined
  private readonly agenda: Agenda
  private readonly onTimeout: () => void
  private patience: Appointment | undefined = undefined

  constructor(owner: Owner, agenda: Agenda, link: MemoryLink, port: Port, endpoint: string, lane: Lane) {
    this.agenda = agenda
    this.link = link
    this.port = port
    this.endpoint = endpoint
    this.lane = lane
    this.onTimeout = () => owner.abort(this)
    const { heartbeat } = port.options
    const isQuiet = heartbeat?.tcpOnly === true && !endpoint.startsWith("tcp:")
    this.pulse = new Pulse(agenda, isQuiet ? undefined : heartbeat, () => owner.ping(this), this.onTimeout)
  }

  get party(): Party {
    return this.link.party
  }

  /** What it authenticates the other side by. */
  get server(): Security.Server | undefined {
    const { security } = this.port.options
    return security?.role === "server" ? security : undefined
  }

  /** For so many milliseconds it waits for the next step of the connection to be made. */
  expectWithin(millis: number): void {
    this.agenda.callOff(this.patience)
    if (Number.isFinite(millis)) this.patience = this.agenda.at(this.agenda.now + millis, this.onTimeout)
  }

  /** Is connected. */
  rise(): void {
    this.agenda.callOff(this.patience)
    this.phase = "up"
    this.upAt = this.agenda.now
  }

  /** Waits for nothing any more. */
  rest(): void {
    this.agenda.callOff(this.patience)
    this.pulse.stop()
    const { judging } = this
    this.judging = undefined
    judging?.interruptUnsafe()
  }

  failHandshake(problem: HandshakeProblem, detail: string): void {
    const { endpoint, port } = this
    port.log(SocketEvent.HandshakeFailed({ endpoint, problem, detail }))
    port.log(SocketEvent.Disconnected({ endpoint }))
  }

  /** Why it cannot be connected with this one. */
  incompatibility(far: Side): string | undefined {
    const { options, type } = this.port
    if (SocketType.isCompatible(type, far.port.type)) return mismatch(options.security, far.port.options.security)
    return `a ${type} socket cannot be connected with a ${far.port.type} socket`
  }
}

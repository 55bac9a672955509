/**
 * What is between two sockets in memory, from the first attempt to the end that both know of.
 *
 * While nothing is wrong and nobody records, the two pipes know each other, and this stands aside (`isDirect`). Otherwise
 * all passes through it, in two lanes: the steps of connecting, messages, commands, heartbeats, and the word that one side
 * has ended it. Each side learns of what happens when that arrives, so a side can be connected to one that is gone.
 */
import * as Duration from "effect/Duration"
import * as Endpoint from "../../Endpoint.ts"
import { type Message, weight } from "../../Message.ts"
import { type Connection as Description, type Party, TraceEntry } from "../../Network.ts"
import type { Verdict } from "../../Security.ts"
import { SocketEvent } from "../../SocketEvent.ts"
import type { Command } from "../Pipe.ts"
import { judge } from "./authentication.ts"
import { fine, longest } from "./conditions.ts"
import { arrival, describe } from "./description.ts"
import { Ends } from "./ends.ts"
import { type Item, Lane } from "./lane.ts"
import type { MemoryPipe } from "./memoryPipe.ts"
import type { Bound, MemoryNetwork } from "./network.ts"
import { Side } from "./side.ts"

/** How long a system tries to connect: Linux, by default. */
const systemTimeout = 127_000

export class Connection {
  readonly name: string
  readonly isNetworked: boolean
  private readonly ends: Ends
  private readonly network: MemoryNetwork
  private readonly bound: Bound
  /** Whether nothing is wrong with it, and nobody records. */
  private isCalm = false
  private isDirect = false
  private isMoving = false

  constructor(network: MemoryNetwork, name: string, pipe: MemoryPipe, endpoint: Endpoint.Endpoint, bound: Bound) {
    this.network = network
    this.name = name
    this.bound = bound
    this.isNetworked = endpoint._tag !== "Inproc"
    const { link, port } = bound
    const lane = (way: string) => new Lane(network.chance(`${name} ${way}`))
    const { agenda } = network
    const dialer = new Side(this, agenda, pipe.link, pipe.port, Endpoint.format(endpoint), lane("forward"))
    const acceptor = new Side(this, agenda, link, port, Endpoint.format(bound.endpoint), lane("backward"))
    dialer.pipe = pipe
    this.ends = new Ends(dialer, acceptor, this.isNetworked)
  }

  get from(): Party {
    return this.ends.dialer.party
  }

  get to(): Party {
    return this.ends.acceptor.party
  }

  // ---------------------------------------------------------------------------
  // Connecting
  // ---------------------------------------------------------------------------

  /** Connects: before it returns, where nothing is in the way. */
  begin(pipe: MemoryPipe): void {
    pipe.connection = this
    this.review()
    const isOpen = this.ends.both.every(({ server }) => server === undefined)
    if (this.isCalm && isOpen && !this.network.rejects(this.bound)) this.meet(pipe)
    else this.approach()
  }

  private approach(): void {
    const { dialer } = this.ends
    this.post(dialer, { _tag: "Connect" })
    const { connectTimeout } = dialer.port.options
    const within = connectTimeout === undefined ? systemTimeout : Duration.toMillis(connectTimeout)
    if (dialer.phase === "away") dialer.expectWithin(within)
  }

  private meet(pipe: MemoryPipe): void {
    const { acceptor, dialer } = this.ends
    dialer.port.log(SocketEvent.Connected({ endpoint: dialer.endpoint }))
    acceptor.port.log(SocketEvent.Accepted({ endpoint: acceptor.endpoint }))
    const problem = dialer.incompatibility(acceptor)
    if (problem !== undefined) {
      dialer.failHandshake("protocol", problem)
      acceptor.failHandshake("protocol", acceptor.incompatibility(dialer) ?? problem)
      dialer.phase = "gone"
      acceptor.phase = "gone"
      this.finish()
      pipe.connection = undefined
      pipe.failed(problem)
      return
    }
    const accepted = this.accept()
    dialer.rise()
    acceptor.rise()
    this.isDirect = true
    pipe.connect(accepted)
  }

  /** Nothing is bound there any more: who is still in the handshake has come in vain. */
  turnAway(bound: Bound): void {
    const { acceptor } = this.ends
    if (this.bound !== bound || acceptor.phase !== "greeting") return
    this.leave(acceptor)
    this.tellEnd(acceptor)
  }

  private accept(): MemoryPipe {
    const { acceptor } = this.ends
    const pipe = this.bound.link.accepted(acceptor.port, acceptor.endpoint, this.isNetworked)
    acceptor.pipe = pipe
    pipe.connection = this
    return pipe
  }

  private greet(side: Side): void {
    side.phase = "greeting"
    side.expectWithin(Duration.toMillis(side.port.options.handshakeInterval))
  }

  /** The handshake has succeeded, as this side sees it. */
  private rise(side: Side, pipe: MemoryPipe): void {
    pipe.user = side.user
    side.rise()
    this.beat()
    this.network.record?.(TraceEntry.Connected({ time: side.upAt, connection: this.name, by: side.party.name }))
    pipe.rise(this)
    // Room that was made in the meantime: nobody could tell.
    this.ends.peerOf(pipe)?.wakeWriter()
  }

  // ---------------------------------------------------------------------------
  // What the pipes want of it
  // ---------------------------------------------------------------------------

  send(pipe: MemoryPipe, message: Message): void {
    const side = this.ends.sideOf(pipe)
    const far = this.ends.farFrom(side)
    const before = side.lane.bytes
    if (pipe.isConflating && side.lane.replaceNewest(message)) {
      if (far.phase !== "gone") far.pipe?.expect(0, side.lane.bytes - before)
      side.link.count("conflated", 1, pipe)
      return
    }
    if (far.phase !== "gone") far.pipe?.expect(1, weight(message))
    this.post(side, { _tag: "Message", message, sent: this.network.agenda.now })
  }

  command(pipe: MemoryPipe, command: Command, body: Uint8Array): void {
    this.post(this.ends.sideOf(pipe), { _tag: "Command", command, body })
  }

  hasRoom(pipe: MemoryPipe): boolean {
    return this.ends.hasRoom(pipe)
  }

  /** How many messages of a pipe are still its own: behind the high-water mark of the receiver. */
  unsent(pipe: MemoryPipe): number {
    return this.ends.behind(this.ends.sideOf(pipe))
  }

  /** The other end, while its socket has it. */
  peerOf(pipe: MemoryPipe): MemoryPipe | undefined {
    return this.ends.peerOf(pipe)
  }

  /** One side ends it; what it has handed over still arrives. The effect tells the other side, now or by and by. */
  close(pipe: MemoryPipe): () => void {
    const side = this.ends.sideOf(pipe)
    const far = this.ends.farFrom(side)
    const wasDirect = this.isDirect
    this.leave(side)
    if (wasDirect) return () => this.lose(far)
    return () => this.tellEnd(side)
  }

  /** Breaks, for both at once; the far side of `pipe`, where it is given, learns of it first. */
  cut(pipe?: MemoryPipe): void {
    const first = pipe === undefined ? this.ends.acceptor : this.ends.farFrom(this.ends.sideOf(pipe))
    const sides = [first, this.ends.farFrom(first)].filter(({ phase }) => phase !== "gone")
    const told = sides.map((side) => this.leave(side))
    this.finish()
    for (const tell of told) tell()
  }

  /** Sends what breaks the protocol, both ways. */
  corrupt(): void {
    if (this.isDirect) this.impair()
    for (const side of this.ends.both) if (side.phase === "up") this.post(side, { _tag: "Garbage" })
  }

  /** The state of the network has changed. */
  review(): void {
    const { agenda, conditions } = this.network
    const { acceptor, dialer } = this.ends
    const of = (from: Side, to: Side) =>
      this.isNetworked
        ? conditions.of({ connection: this.name, from: from.party, to: to.party, isForward: from === dialer })
        : fine
    const forward = of(dialer, acceptor)
    const backward = of(acceptor, dialer)
    dialer.lane.setCondition(forward, agenda.now)
    acceptor.lane.setCondition(backward, agenda.now)
    this.isCalm = forward === fine && backward === fine && this.network.record === undefined
    if (this.isDirect && !this.isCalm) this.impair()
    else if (!this.isDirect) this.beat()
    if (!this.isDirect) this.move()
  }

  describe(): Description {
    return describe(this.name, this.ends)
  }

  // ---------------------------------------------------------------------------
  // What arrives
  // ---------------------------------------------------------------------------

  private post(side: Side, item: Item): void {
    side.lane.add(item, this.network.agenda.now)
    this.move()
  }

  /** Has everything arrive whose time has come, and plans for the rest. */
  private readonly move = (): void => {
    if (this.isMoving) return
    this.isMoving = true
    const { acceptor, dialer } = this.ends
    const { now } = this.network.agenda
    const moveOne = (from: Side, to: Side): boolean => {
      const item = from.lane.next(now)
      if (item !== undefined) this.arrive(to, from, item)
      return item !== undefined
    }
    while (moveOne(dialer, acceptor) || moveOne(acceptor, dialer));
    this.isMoving = false
    this.plan(dialer)
    this.plan(acceptor)
    if (this.isCalm && dialer.phase === "up" && acceptor.phase === "up") this.goDirect()
  }

  private plan({ lane }: Side): void {
    const { agenda } = this.network
    const { due } = lane
    if (lane.arrival?.time === due && lane.arrival?.isOff === false) return
    agenda.callOff(lane.arrival)
    lane.arrival = due === undefined ? undefined : agenda.at(due, this.move)
  }

  private arrive(side: Side, from: Side, item: Item): void {
    side.pulse.hear()
    switch (item._tag) {
      case "Connect":
        this.admit(side)
        break
      case "Refuse":
        this.lose(side, "the connection was refused")
        break
      case "Accept":
        side.port.log(SocketEvent.Connected({ endpoint: side.endpoint }))
        this.greet(side)
        this.post(side, { _tag: "Hello" })
        break
      case "Hello":
        this.shakeHands(side, from)
        break
      case "Ask":
        this.authenticate(side, from, () => this.post(side, { _tag: "Admit" }))
        break
      case "Admit":
        this.welcome(side, from)
        break
      case "Welcome":
        if (side.pipe !== undefined) this.rise(side, side.pipe)
        break
      case "Unwelcome":
        side.failHandshake(item.problem, item.detail)
        side.phase = "away" // it has told of it
        this.lose(side, item.detail)
        break
      case "Message":
        side.pipe?.expect(-1, -weight(item.message))
        this.network.record?.(arrival(this.name, from, side, item.message, item.sent, this.network.agenda.now))
        side.pipe?.receive(item.message)
        break
      case "Command":
        if (side.pipe !== undefined) side.port.command(side.pipe, item.command, item.body)
        break
      case "Ping":
        side.pulse.live(item.timeToLive)
        this.post(side, { _tag: "Pong" })
        break
      case "Pong":
        break
      case "Garbage":
        this.abort(side)
        break
      case "End":
        this.lose(side)
        break
    }
  }

  /** Somebody wants to connect. */
  private admit(side: Side): void {
    if (this.network.isOpen(this.bound)) {
      side.port.log(SocketEvent.Accepted({ endpoint: side.endpoint }))
      this.greet(side)
      this.post(side, { _tag: "Accept" })
    } else {
      this.post(side, { _tag: "Refuse" })
      side.phase = "gone"
    }
  }

  /** The bound socket answers the other's greeting. */
  private shakeHands(side: Side, from: Side): void {
    if (from.phase === "gone") return // which it learns next
    const problem = side.incompatibility(from)
    if (problem !== undefined || this.network.rejects(this.bound)) {
      const kind = problem === undefined ? "other" : "protocol"
      side.failHandshake(kind, problem ?? rejection)
      side.rest()
      this.post(side, { _tag: "Unwelcome", problem: kind, detail: from.incompatibility(side) ?? rejection })
      side.phase = "gone"
      return
    }
    this.authenticate(side, from, () => {
      if (from.server === undefined) this.welcome(side, from)
      else this.post(side, { _tag: "Ask" })
    })
  }

  /** Goes on when this side has let the other in; at once where it asks for nothing. */
  private authenticate(side: Side, from: Side, next: () => void): void {
    const answer = (verdict: Verdict) => {
      const wasMoving = this.isMoving
      this.isMoving = true // as with all that arrives
      side.user = verdict.status === 200 ? verdict.user : undefined
      if (verdict.status === 200) next()
      else this.deny(side, verdict)
      this.isMoving = wasMoving
      this.move()
    }
    if (side.server === undefined) next()
    else judge(side, side.server, from, this.bound.endpoint, answer)
  }

  private deny(side: Side, { problem, status }: { readonly problem: string; readonly status: number }): void {
    side.failHandshake("authentication", problem)
    side.phase = "away" // it has told of it
    const tell = this.leave(side, problem)
    this.post(side, { _tag: "Unwelcome", problem: "authentication", detail: `the peer does not let it in (${status})` })
    tell()
  }

  private welcome(side: Side, from: Side): void {
    if (from.phase === "gone") return // which it learns next
    const pipe = this.accept()
    if (from.pipe !== undefined) {
      pipe.prepare(from.pipe)
      from.pipe.prepare(pipe)
    }
    this.post(side, { _tag: "Welcome" })
    this.rise(side, pipe)
  }

  // ---------------------------------------------------------------------------
  // Directly, or not
  // ---------------------------------------------------------------------------

  private goDirect(): void {
    const { acceptor, dialer } = this.ends
    if (this.isDirect || !dialer.lane.isEmpty || !acceptor.lane.isEmpty) return
    this.isDirect = true
    for (const side of this.ends.both) side.pulse.stop()
    if (dialer.pipe !== undefined && acceptor.pipe !== undefined) dialer.pipe.goDirect(acceptor.pipe)
  }

  private impair(): void {
    this.isDirect = false
    for (const side of this.ends.both) {
      side.pipe?.goVia(this)
      if (this.isSpared(side)) continue
      this.ends.farFrom(side).pulse.live(side.pulse.start(side.upAt))
    }
  }

  /** Begins or ends heartbeats, as the state of the network asks for them. */
  private beat(): void {
    for (const side of this.ends.both) {
      if (side.phase !== "up") continue
      if (this.isSpared(side)) side.pulse.pause()
      else side.pulse.start(side.upAt)
    }
  }

  /** Otherwise time would never stand still, and no deadlock be found. */
  private isSpared({ pulse }: Side): boolean {
    const { acceptor, dialer } = this.ends
    return pulse.isSpared(longest(dialer.lane.condition) + longest(acceptor.lane.condition))
  }

  /** Heartbeats: none while it is direct, for then every ping is answered. */
  ping(side: Side): void {
    this.post(side, { _tag: "Ping", timeToLive: side.pulse.timeToLive })
  }

  // ---------------------------------------------------------------------------
  // The end
  // ---------------------------------------------------------------------------

  /**
   * A side has no part in it any more: it keeps what is still its own, gives back what is the other's, and hears nothing.
   * Answers with what tells its socket, where that did not ask for it.
   */
  private leave(side: Side, problem?: string): () => void {
    const far = this.ends.farFrom(side)
    const { phase, pipe } = side
    side.rest()
    const kept = this.ends.takeBack(side)
    side.phase = "gone"
    pipe?.expect(-far.lane.messages, -far.lane.bytes)
    const given = far.phase === "gone" || pipe === undefined ? [] : pipe.giveUp()
    far.lane.die(given, pipe?.pending ?? 0, pipe?.pendingBytes ?? 0)
    this.plan(far)
    pipe?.detach(phase === "up" ? kept : undefined)
    if (phase === "up") {
      const time = this.network.agenda.now
      this.network.record?.(TraceEntry.Disconnected({ time, connection: this.name, by: side.party.name }))
      return () => pipe?.lost()
    }
    const detail = problem ?? "the connection ended in the handshake"
    return () => {
      if (phase === "greeting") side.failHandshake("other", detail)
      pipe?.failed(detail)
    }
  }

  /** A side learns that the other has ended it. */
  private lose(side: Side, problem?: string): void {
    const tell = this.leave(side, problem)
    this.tellEnd(side)
    tell()
  }

  /** A side ends it, as one that cannot go on: what it has handed over is lost. */
  abort(side: Side): void {
    const tell = this.leave(side, side.phase === "away" ? "the connection timed out" : "the handshake took too long")
    this.loseAll(side)
    this.tellEnd(side)
    tell()
  }

  /** Behind all that it has handed over. */
  private tellEnd(side: Side): void {
    const far = this.ends.farFrom(side)
    // Who is bound, and has not heard of it yet, need not hear of its end.
    if (far === this.ends.acceptor && far.phase === "away") far.phase = "gone"
    if (far.phase === "gone") this.finish()
    else this.post(side, { _tag: "End" })
  }

  private finish(): void {
    for (const side of this.ends.both) {
      side.rest()
      this.loseAll(side)
      side.lane.isDead = true
      this.plan(side)
    }
    this.network.forget(this)
  }

  /** What is still on its way is lost. */
  private loseAll(side: Side): void {
    const count = this.ends.lose(side)
    if (count === 0) return
    const time = this.network.agenda.now
    const to = this.ends.farFrom(side).party.name
    this.network.record?.(TraceEntry.Lost({ time, connection: this.name, from: side.party.name, to, count }))
  }
}

const rejection = "the network rejects it, as it was told to"

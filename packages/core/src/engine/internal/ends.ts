import { type Message, weight } from "../../Message.ts"
import type { Connection as Description } from "../../Network.ts"
import { Filling } from "./filling.ts"
import type { MemoryPipe } from "./memoryPipe.ts"
import type { Side } from "./side.ts"

/** The two sides of a connection, and whose the messages between them are. */
export class Ends {
  readonly dialer: Side
  readonly acceptor: Side
  readonly both: readonly [Side, Side]
  private readonly isNetworked: boolean

  constructor(dialer: Side, acceptor: Side, isNetworked: boolean) {
    this.dialer = dialer
    this.acceptor = acceptor
    this.both = [dialer, acceptor]
    this.isNetworked = isNetworked
  }

  sideOf(pipe: MemoryPipe): Side {
    return this.acceptor.pipe === pipe ? this.acceptor : this.dialer
  }

  farFrom(side: Side): Side {
    return side === this.dialer ? this.acceptor : this.dialer
  }

  /** The other end, while its socket has it. */
  peerOf(pipe: MemoryPipe): MemoryPipe | undefined {
    const far = this.farFrom(this.sideOf(pipe))
    return far.phase === "gone" ? undefined : far.pipe
  }

  get state(): Description["state"] {
    const { acceptor, dialer } = this
    if (dialer.phase === "gone" || acceptor.phase === "gone") return "HalfOpen"
    if (dialer.phase === "up" && acceptor.phase === "up") return "Connected"
    return dialer.phase === "away" ? "Connecting" : "Handshaking"
  }

  hasRoom(pipe: MemoryPipe): boolean {
    const side = this.sideOf(pipe)
    const far = this.peerOf(pipe)
    if (far !== undefined) return far.isRoomy
    const { bytes, messages, standing, standingBytes } = side.lane
    const room = pipe.roomAt(this.farFrom(side).port)
    return messages + standing < room.messages && bytes + standingBytes < room.bytes
  }

  /** How many of the messages of a side are still its own: behind the high-water mark of the receiver. */
  behind(side: Side): number {
    const far = this.farFrom(side)
    if (!this.isNetworked || side.phase !== "up") return 0
    const { lane } = side
    const pipe = far.phase === "gone" ? undefined : far.pipe
    const waiting = far.phase === "gone" ? lane.standing : (pipe?.pending ?? 0)
    const bytes = far.phase === "gone" ? lane.standingBytes : (pipe?.pendingBytes ?? 0)
    const { receive, receiveBytes } = far.port.options.highWaterMark
    if (bytes + lane.bytes < receiveBytes) return Math.max(0, waiting + lane.messages - receive)
    const filling = new Filling(far.port)
    if (pipe === undefined) filling.start(waiting, bytes)
    else pipe.pourInto(filling)
    for (const message of lane.waiting()) if (!filling.add(message)) break
    return waiting + lane.messages - filling.messages
  }

  /** What is still a side's own travels no further: all of it, oldest first. */
  takeBack(side: Side): Array<Message> {
    const far = this.farFrom(side)
    const behind = this.behind(side)
    const inLane = Math.min(behind, side.lane.messages)
    const newest = side.lane.removeNewest(inLane)
    if (far.phase === "gone" || far.pipe === undefined) return newest
    far.pipe.expect(-inLane, -newest.reduce((sum, message) => sum + weight(message), 0))
    return [...far.pipe.giveBack(behind - inLane), ...newest]
  }

  /** What is still on its way from a side arrives nowhere; answers with how many there were. */
  lose(side: Side): number {
    const count = side.lane.messages
    if (count === 0) return 0
    const far = this.farFrom(side)
    const { bytes } = side.lane
    side.lane.removeNewest(count)
    if (far.phase !== "gone") far.pipe?.expect(-count, -bytes)
    side.link.count("disconnected", count, side.pipe)
    return count
  }
}

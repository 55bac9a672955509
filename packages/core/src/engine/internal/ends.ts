import type { Message } from "../../Message.ts"
import type { Connection as Description } from "../../Network.ts"
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
    return far === undefined
      ? side.lane.messages + side.lane.standing < pipe.roomAt(this.farFrom(side).port)
      : far.isRoomy
  }

  /** How many of the messages of a side are still its own: behind the high-water mark of the receiver. */
  behind(side: Side): number {
    const far = this.farFrom(side)
    if (!this.isNetworked || side.phase !== "up") return 0
    const waiting = far.phase === "gone" ? side.lane.standing : (far.pipe?.pending ?? 0)
    return Math.max(0, waiting + side.lane.messages - far.port.options.highWaterMark.receive)
  }

  /** What is still a side's own travels no further: all of it, oldest first. */
  takeBack(side: Side): Array<Message> {
    const far = this.farFrom(side)
    const behind = this.behind(side)
    const inLane = Math.min(behind, side.lane.messages)
    const newest = side.lane.removeNewest(inLane)
    if (far.phase === "gone" || far.pipe === undefined) return newest
    far.pipe.expect(-inLane)
    return [...far.pipe.giveBack(behind - inLane), ...newest]
  }

  /** What is still on its way from a side arrives nowhere; answers with how many there were. */
  lose(side: Side): number {
    const count = side.lane.messages
    if (count === 0) return 0
    const far = this.farFrom(side)
    side.lane.removeNewest(count)
    if (far.phase !== "gone") far.pipe?.expect(-count)
    side.link.count("disconnected", count, side.pipe)
    return count
  }
}

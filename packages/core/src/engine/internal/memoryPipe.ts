import type { SchedulerDispatcher } from "effect/Scheduler"
import type { Message } from "../../Message.ts"
import { SocketEvent } from "../../SocketEvent.ts"
import type { Port } from "../Link.ts"
import { type Command, Pipe, type Unsent } from "../Pipe.ts"

/**
 * One end of a connection in memory. What is written is in the peer's queue at once.
 *
 * That one queue stands for two: the receiver's, up to its high-water mark, and behind it the sender's. So it holds as much
 * as both together, and where there is a network between them (tcp, ipc), what is behind the receiver's mark is still the
 * sender's: unsent, and kept if the connection is lost. Over inproc all of it is the receiver's.
 */
export class MemoryPipe extends Pipe {
  readonly port: Port
  private readonly endpoint: string
  private readonly isNetworked: boolean
  /** Whether it connects, and so will be connected again. */
  private readonly isDialer: boolean
  private peer: MemoryPipe | undefined = undefined
  /** Written without a connection. */
  private outbox: Array<Message> = []
  /** Commands that came while the connection was being made; until it is, patterns are not ready for them. */
  private early: Array<readonly [Command, Uint8Array]> | undefined = undefined
  private conflating = false
  private refused = false
  private lingering = false
  /** Whether a frame too large came in: nothing behind it does. */
  private broken = false
  /** Of the fiber that connects, and keeps the connection. */
  private dispatcher: SchedulerDispatcher | undefined = undefined
  private onDown: (() => void) | undefined = undefined

  constructor(port: Port, endpoint: string, isNetworked: boolean, isDialer: boolean) {
    super(port, port.options.highWaterMark.receive)
    this.port = port
    this.endpoint = endpoint
    this.isNetworked = isNetworked
    this.isDialer = isDialer
  }

  /** Tells `onDown` when the connection to be made is lost, or the pipe is closed. */
  dial(dispatcher: SchedulerDispatcher, onDown: () => void): void {
    this.dispatcher = dispatcher
    this.onDown = onDown
  }

  /** Connects with the other end. */
  connect(accepted: MemoryPipe): void {
    accepted.dispatcher = this.dispatcher
    const ends: ReadonlyArray<readonly [MemoryPipe, MemoryPipe]> = [
      [accepted, this],
      [this, accepted]
    ]
    for (const [end, peer] of ends) {
      end.peer = peer
      end.early = []
      end.broken = false
      end.conflating = end.port.options.conflate || peer.port.options.conflate
      end.restart(
        end.conflating
          ? Number.POSITIVE_INFINITY
          : end.port.options.highWaterMark.receive + peer.port.options.highWaterMark.send
      )
    }
    const { outbox } = this
    this.outbox = []
    for (const message of outbox) accepted.receive(message)
    for (const [end] of ends) {
      end.port.log(SocketEvent.HandshakeSucceeded({ endpoint: end.endpoint }))
      end.port.connected(end)
    }
    for (const [end] of ends) {
      const commands = end.early ?? []
      end.early = undefined
      for (const [command, body] of commands) end.port.command(end, command, body)
    }
    this.wakeWriter()
    this.watch()
  }

  write(message: Message): boolean {
    if (!this.open) return false
    if (!this.hasRoom()) return false
    if (this.peer !== undefined) this.peer.receive(message)
    else if (this.port.options.conflate) this.outbox = [message]
    else this.outbox.push(message)
    if (this.lingering) this.watch()
    return true
  }

  hasRoom(): boolean {
    const { peer } = this
    const has =
      peer === undefined
        ? this.port.options.conflate || this.outbox.length < this.port.options.highWaterMark.send
        : peer.hasSpace
    if (!has) this.refused = true
    return has
  }

  get unsent(): Unsent {
    const queued = this.peer === undefined ? this.outbox.length : this.peer.behindMark
    return { queued, encoded: 0, inFlight: 0 }
  }

  command(command: Command, body: Uint8Array): void {
    const { peer } = this
    if (peer === undefined) return
    if (peer.early !== undefined) peer.early.push([command, body])
    else peer.port.command(peer, command, body)
  }

  linger(): void {
    this.lingering = true
    this.watch()
  }

  close(): void {
    this.open = false
    const { onDown } = this
    const peer = this.disconnect()
    this.outbox = []
    peer?.lost()
    onDown?.()
  }

  /** The connection breaks, for both. */
  cut(): void {
    const peer = this.disconnect()
    if (peer === undefined) return
    peer.lost()
    this.lost()
  }

  protected pull(into: Array<Message | undefined>): Array<Message | undefined> {
    return into
  }

  protected credited(): void {
    this.peer?.wakeWriter()
    this.peer?.watch()
  }

  private receive(message: Message): void {
    if (this.broken) return
    const { maxMessageSize } = this.port.options
    if (maxMessageSize !== Number.POSITIVE_INFINITY && message.some((frame) => frame.length > maxMessageSize)) {
      this.broken = true
      const { peer } = this
      // Not now: the writer is in the middle of its list of pipes.
      this.dispatcher?.scheduleTask(() => {
        if (this.broken && this.peer === peer) this.cut()
      }, 0)
    } else if (this.conflating) this.replace(message)
    else this.push(message)
  }

  /** How many of the messages that wait here are still the sender's. */
  private get behindMark(): number {
    return this.isNetworked ? Math.max(0, this.pending - this.port.options.highWaterMark.receive) : 0
  }

  private wakeWriter(): void {
    if (!this.refused || !this.open || !this.hasRoom()) return
    this.refused = false
    this.port.writeActivated(this)
  }

  /** Tells when nothing is unsent; until then has the peer say when so much was taken. */
  private watch(): void {
    if (!this.lingering) return
    const { queued } = this.unsent
    if (queued === 0) this.port.flushed(this)
    else this.peer?.creditWithin(queued)
  }

  /** Separates the ends, and gives each the messages that are still its own. */
  private disconnect(): MemoryPipe | undefined {
    const { peer } = this
    if (peer === undefined) return undefined
    this.outbox = peer.unpush(peer.behindMark)
    peer.outbox = this.unpush(this.behindMark)
    this.peer = undefined
    peer.peer = undefined
    return peer
  }

  private lost(): void {
    const { onDown } = this
    this.port.log(SocketEvent.Disconnected({ endpoint: this.endpoint }))
    this.port.disconnected(this)
    if (this.isDialer) this.wakeWriter()
    onDown?.()
  }
}

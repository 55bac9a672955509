/**
 * The native side of the ZAP handler: a ROUTER at the address where libzmq asks who may connect, one in each context.
 *
 * libzmq's side of it speaks as a REQ does, from a pipe of its own for each handshake: so that a ROUTER may answer in any
 * order, and nobody waits for another's answer.
 */
import type { Message } from "@effect-zmq/core/Message"
import { attempt, type Native, type NativeContext, openNative } from "./addon.ts"
import { burst, turn } from "./eventLoop.ts"

/** Where libzmq asks, by its name in RFC 27. It aborts the process where a socket of another type than these is bound to it. */
export const address = "inproc://zeromq.zap.01"

export const mayBind = (type: string): boolean => type === "REP" || type === "ROUTER"

/** Sockets that the addon must not lose: it closes those that nobody refers to. */
const referenced = new Set<ZapSocket>()

export class ZapSocket {
  private readonly native: Native
  private readonly answers: Array<Message> = []
  private answering = false
  private readonly onRequest: (frames: Message) => void

  /** Throws what the addon throws. */
  constructor(context: NativeContext, onRequest: (frames: Message) => void) {
    const native = openNative(context, "ROUTER", { linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 })
    try {
      native.bindSync(address)
    } catch (error) {
      native.close()
      throw error
    }
    this.native = native
    this.onRequest = onRequest
    referenced.add(this)
    void this.run()
  }

  answer(frames: Message): void {
    this.answers.push(frames)
    if (!this.answering) void this.send()
  }

  /** Frees the address at once. */
  close(): void {
    this.answers.length = 0
    attempt(() => this.native.disconnect(address))
    this.native.close()
    referenced.delete(this)
  }

  private async run(): Promise<void> {
    for (let idle = 0; !this.native.closed && idle < burst; ) {
      try {
        this.onRequest(await this.native.receive())
        idle = 0
      } catch {
        // It is closed; or libzmq has woken us for nothing, which it does not do for ever.
        idle++
      }
    }
  }

  /** There is always room; and an answer to a handshake that is over is dropped by libzmq. */
  private async send(): Promise<void> {
    this.answering = true
    let count = 0
    for (let answer = this.answers.shift(); answer !== undefined; answer = this.answers.shift()) {
      try {
        await this.native.send(answer)
      } catch {
        // It is closed.
      }
      if (++count % burst === 0) await turn()
    }
    this.answering = false
  }
}

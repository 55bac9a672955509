import { type Message, weight } from "../../Message.ts"
import type { Port } from "../Link.ts"

/** What of the messages for a socket is in its own queue: from the oldest on, until one of its high-water marks is reached. */
export class Filling {
  messages = 0
  private bytes = 0
  private readonly mark: number
  private readonly byteMark: number

  constructor({ options }: Port) {
    this.mark = options.highWaterMark.receive
    this.byteMark = options.highWaterMark.receiveBytes
  }

  /** So much is in it already. */
  start(messages: number, bytes: number): void {
    this.messages = messages
    this.bytes = bytes
  }

  /** `false` where it is full. */
  add(message: Message): boolean {
    if (this.messages >= this.mark || this.bytes >= this.byteMark) return false
    this.messages++
    this.bytes += weight(message)
    return true
  }
}

/**
 * Round robin over the pipes that have room: each message goes to the next one in turn.
 *
 * @since 0.1.0
 */
import type { Message } from "../Message.ts"
import type { Pipe } from "./Pipe.ts"
import { OUT } from "./PipeList.ts"
import { Rotation } from "./Rotation.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class LoadBalancer extends Rotation {
  constructor() {
    super(OUT)
  }

  /** The pipe that took the message; `undefined` where none has room. */
  send(message: Message): Pipe | undefined {
    for (let pipe = this.turn; pipe !== undefined; pipe = this.turn) {
      if (pipe.write(message)) {
        this.advance()
        return pipe
      }
      this.deactivate()
    }
    return undefined
  }
}

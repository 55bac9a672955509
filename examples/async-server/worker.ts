/**
 * The asynchronous server, one of its worker threads: sends each request back to who made it.
 */
import { Dealer, type Endpoint, Message } from "@effect-zmq/core"
import { Console, Effect } from "effect"
import { skip } from "../messages.ts"
import { start, thread } from "../thread.ts"

/** Where the workers get their requests. */
export const backend: Endpoint.Text = "inproc://backend"

export const worker = Effect.fnUntraced(function* (index: number) {
  const dealer = yield* Dealer.make({ connect: backend })
  yield* Console.log(`Worker ${index} started`)

  // A DEALER takes nothing away: the first frame is the routing id, by which the ROUTER finds the client again.
  yield* Dealer.runForEach(dealer, (message) => {
    if (message.length !== 2) return skip("a routing id and a request")(message)
    const [client, request] = message
    return Effect.andThen(
      Console.log(`Worker ${index} got ${Message.inspect([request ?? client])} from ${Message.inspect([client])}`),
      Dealer.send(dealer, message)
    )
  })
}, Effect.scoped)

/** Starts one as a thread. */
export const startThread = (index: number) => start(import.meta.filename, index)

thread(import.meta, worker)

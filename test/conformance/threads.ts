/** libzmq, live, as a worker thread has it: by the main thread. */
import { Transport } from "@effect-zmq/core"
import { Effect, Layer } from "effect"
import * as Guest from "../../packages/transport-zmq/src/internal/threads/guest.ts"
import type { Target } from "./suite.ts"
import { zmq } from "./zmq.ts"

export const threads: Target = {
  ...zmq,
  name: "zmq in a thread",
  layer: Layer.effect(
    Transport.Transport,
    Effect.map(Transport.Transport, (transport) => ({
      ...transport,
      open: (type, options) => Guest.open(undefined, type, options)
    }))
  ).pipe(Layer.provide(zmq.layer)),
  schemes: ["tcp"]
}

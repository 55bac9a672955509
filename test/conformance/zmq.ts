/** libzmq, live. */
import * as ZmqTransport from "@effect-zmq/transport-zmq/ZmqTransport"
import type { Target } from "./suite.ts"

export const zmq: Target = {
  name: "zmq",
  layer: ZmqTransport.layer,
  schemes: ["tcp", "ipc", "inproc"],
  run: "live",
  lacks: ["DEALER", "ROUTER", "XPUB", "XSUB", "PAIR"],
  gaps: {
    "what a connected peer has been given is delivered, whether it asks for it or not": {
      inproc:
        "over inproc, libzmq takes messages for delivered only when their receiver asks for the one behind the last"
    },
    "peers that are connected stay so when their endpoint is unbound": {
      tcp: "libzmq ends the connections that it accepted at an endpoint with the endpoint (zmq_unbind)",
      ipc: "libzmq ends the connections that it accepted at an endpoint with the endpoint (zmq_unbind)"
    },
    "a socket with nothing to deliver closes at once, whether it is connected or not": {
      inproc: "libzmq keeps a socket whose inproc peer was never bound for as long as the context"
    },
    "sockets of types that do not talk to each other are refused": {
      inproc: "libzmq compares the types in the handshake, which inproc has not"
    },
    "a PUSH that conflates keeps the newest message for who comes": {
      inproc: "libzmq loses what a socket with ZMQ_CONFLATE queued before its inproc peer was bound"
    },
    "a SUB that conflates may have several subscriptions":
      "libzmq conflates what a SUB tells its publishers too: with ZMQ_CONFLATE, of several subscriptions the last one reaches them"
  }
}

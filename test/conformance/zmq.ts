/** libzmq, live. */
import * as ZmqTransport from "@effect-zmq/transport-zmq/ZmqTransport"
import type { Target } from "./suite.ts"

const inMessages = "libzmq counts messages, not bytes: a mark in bytes fails Unsupported"

const givenUp =
  "libzmq gives up a connection whose handshake failed with all that is queued for it; where it was the socket's only one, `Closed` says how much that was"

export const zmq: Target = {
  name: "zmq",
  layer: ZmqTransport.layer,
  schemes: ["tcp", "ipc", "inproc"],
  run: "live",
  lacks: [],
  gaps: {
    "a ROUTER tells which user of CURVE has sent a message": { inproc: "libzmq knows no security over inproc" },
    "a queue takes messages while it has fewer bytes than its mark, and fewer messages than the other": inMessages,
    "a message larger than a mark in bytes goes through, one at a time": inMessages,
    "a PUSH waits when both queues have as many bytes as their marks, and all that it has sent arrives": inMessages,
    "a PUB drops for a subscriber whose queues have as many bytes as their marks, and counts what it drops": inMessages,
    'a ROUTER with onFull "suspend" waits for a peer whose queues have as many bytes as their marks': inMessages,
    'a ROUTER with onFull "fail" refuses, and with "drop" drops and counts, what is for such a peer': inMessages,
    "a socket is told its peer's type, its routing id, and its metadata by names in lower case":
      "libzmq tells what a peer says of itself by message properties (zmq_msg_gets), which the addon does not give",
    "a ROUTER tells which user of PLAIN has sent a message":
      "libzmq tells who sent a message by message properties, which the addon does not give; with PLAIN it does not let the answer to a handshake name the peer either",
    "a ROUTER calls a user of CURVE by the routing id that its client announces":
      "the addon does not give the properties of messages, and libzmq does not tell its handler (ZAP) what the client announces: users are told apart by what the answer to the handshake calls their connection, which then holds",
    "a REP tells who has asked":
      "libzmq tells who sent a message by message properties, which the addon does not give, and a REP does not show the routing id",
    "peers tells who is connected, and events who came and left": {
      inproc: "over inproc, libzmq does not tell a ROUTER who has come (ZMQ_ROUTER_NOTIFY): it learns by a message"
    },
    "with handover, a second peer takes over the routing id of the first, which is not heard any more": {
      inproc: "over inproc, libzmq ends the connection of who was taken over: it has nobody to send to any more"
    },
    "a reply with a bad envelope is dropped, and the good one behind it taken": {
      tcp: "libzmq ends the connection over which a REQ gets a reply without the empty frame",
      ipc: "libzmq ends the connection over which a REQ gets a reply without the empty frame"
    },
    "XPUB SHALL receive incoming messages from its subscribers using a fair-queuing strategy":
      "an XPUB of libzmq takes all that one subscriber has sent before it looks at the next",
    "an XSUB sends all subscriptions to every publisher that comes, and again after a reconnection": {
      tcp: "to a publisher that it has never met, libzmq also sends the subscriptions that have ended by then, and their ends",
      ipc: "to a publisher that it has never met, libzmq also sends the subscriptions that have ended by then, and their ends"
    },
    "what a connected peer has been given is delivered, whether it asks for it or not": {
      inproc:
        "over inproc, libzmq takes messages for delivered only when their receiver asks for the one behind the last"
    },
    "peers that are connected stay so when their endpoint is unbound": {
      tcp: "libzmq ends the connections that it accepted at an endpoint with the endpoint (zmq_unbind)",
      ipc: "libzmq ends the connections that it accepted at an endpoint with the endpoint (zmq_unbind)"
    },
    "a receiver that lags behind gets all that was sent to it, also from who has left meanwhile": {
      ipc: "over ipc, a receiver of libzmq whose queue is full drops what it has not read when the sender closes: the system tells it of that at once, and it reads no more"
    },
    "a socket with nothing to deliver closes at once, whether it is connected or not": {
      inproc: "libzmq keeps a socket whose inproc peer was never bound for as long as the context"
    },
    "what was sent before the handshake failed for the first time arrives too": {
      tcp: givenUp,
      ipc: givenUp
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

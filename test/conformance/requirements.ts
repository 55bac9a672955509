/**
 * What is required, and which test holds it: each SHALL of RFC 28, 29, 30 and 31, each line of the contract between sockets and transports, the behaviours that libzmq itself tests, and what the modules
 * promise beyond. `requirements.test.ts` fails where this list and the suites disagree. It is data, and as long as what is
 * required.
 */

/** The titles of tests; or why there is none yet. */
export type Held = ReadonlyArray<string> | { readonly gap: string }

export interface Source {
  readonly source: string
  readonly requires: Readonly<Record<string, Held>>
}

const notDestroyed = {
  gap: "libzmq keeps what has arrived when its sender leaves, and so do we: to discard it would lose the last messages of every peer that leaves in peace"
}
const draftOptions = {
  gap: "ZMQ_HELLO_MSG, _DISCONNECT_MSG and _HICCUP_MSG are drafts of libzmq, which are not part of the library"
}
const draft = { gap: "concerns socket types that are drafts of libzmq, which are not part of the library" }

const onlySend = ["PUSH and PUB SHALL only send messages, PULL and SUB SHALL only receive messages"]
const unmodified = ["PUB and SUB SHALL not modify messages in any way"]
const pipelineUnmodified = ["PUSH and PULL SHALL not filter or modify messages in any way"]

const proxyUnmodified = [
  "XPUB SHALL not modify outgoing messages in any way, XSUB SHALL not modify incoming messages in any way"
]
const xpubTells = ["XPUB SHALL deliver subscribe and unsubscribe requests to its calling application"]
const xpubDrops = [
  "XPUB SHALL silently drop the message if the queue for a subscriber is full, and SHALL NOT block on sending"
]
const xsubAsks = [
  "XSUB SHALL accept subscription commands from its calling application, and SHALL send subscribe and unsubscribe requests to publishers"
]
const xsubSends = [
  "XSUB SHALL not modify outgoing messages in any way, and SHALL send all messages to all connected publishers"
]
const xsubDrops = [
  "XSUB SHALL silently drop the message if the outgoing queue for a publisher is full, and SHALL NOT block on sending"
]
const xsubDiscards = [
  "XSUB SHALL maintain a double queue for each connected publisher, and SHALL silently discard messages if the incoming queue for a publisher is full"
]
const pairFull = ["PAIR SHALL consider its peer as available only when it has a outgoing queue that is not full"]
const pairReceives = [
  "PAIR SHALL receive incoming messages from its single peer if it has one, and SHALL deliver these to its calling application"
]

const rfcs: ReadonlyArray<Source> = [
  {
    source: "RFC 28, REQ",
    requires: {
      "SHALL send and then receive exactly one message at a time": [
        "REQ SHALL send and then receive exactly one message at a time",
        "requests of several fibers wait in line, and each gets its own reply"
      ],
      "SHALL have this format on the wire: a delimiter, consisting of an empty frame, added by the REQ socket": [
        "REQ SHALL prefix the outgoing message with an empty delimiter frame"
      ],
      "SHALL have this format on the wire: one or more data frames, comprising the message visible to the application":
        ["requests and replies are one or more data frames, comprising the message visible to the application"],
      "SHALL prefix the outgoing message with an empty delimiter frame": [
        "REQ SHALL prefix the outgoing message with an empty delimiter frame",
        "with correlate, a REQ's number of 4 bytes comes before the empty frame, another one for each request"
      ],
      "SHALL route outgoing messages to connected peers using a round-robin strategy": [
        "REQ SHALL route outgoing messages to connected peers using a round-robin strategy"
      ],
      "SHALL block on sending, or return a suitable error, when it has no connected peers": [
        "REQ SHALL block on sending, or return a suitable error, when it has no connected peers"
      ],
      "SHALL NOT discard messages that it cannot send to a connected peer": [
        "REQ SHALL NOT discard messages that it cannot send to a connected peer"
      ],
      "SHALL accept an incoming message only from the last peer that it sent a request to": [
        "REQ SHALL accept an incoming message only from the last peer that it sent a request to",
        "after a request was withdrawn, the next one goes to another peer where there is one"
      ],
      "SHALL discard silently any messages received from other peers": [
        "REQ SHALL discard silently any messages received from other peers"
      ]
    }
  },
  {
    source: "RFC 28, REP",
    requires: {
      "SHALL not filter or modify outgoing or incoming messages in any way": [
        "REP SHALL not filter or modify outgoing or incoming messages in any way"
      ],
      "SHALL receive and then send exactly one message at a time": [
        "REP SHALL receive and then send exactly one message at a time"
      ],
      "SHALL have this format on the wire: an address envelope consisting of zero or more frames, each containing one identity":
        [
          "a REP keeps the envelope of a DEALER's request, of any number of frames up to the empty one, and answers with it",
          "an envelope of several hops comes back through a device, to who asked"
        ],
      "SHALL have this format on the wire: a delimiter, consisting of an empty frame": [
        "a REP drops a request without an empty frame, and one without anything behind it"
      ],
      "SHALL have this format on the wire: one or more data frames, comprising the message visible to the application":
        ["requests and replies are one or more data frames, comprising the message visible to the application"],
      "SHALL receive incoming messages from its peers using a fair-queuing strategy": [
        "REP SHALL receive incoming messages from its peers using a fair-queuing strategy"
      ],
      "SHALL remove and store the address envelope, including the delimiter": [
        "REP SHALL remove and store the address envelope, including the delimiter, and SHALL prepend it to the reply"
      ],
      "SHALL pass the remaining data frames to its calling application": [
        "REP SHALL pass the remaining data frames to its calling application"
      ],
      "SHALL wait for a single reply message from its calling application": [
        "REP SHALL wait for a single reply message from its calling application"
      ],
      "SHALL prepend the address envelope and delimiter": [
        "REP SHALL remove and store the address envelope, including the delimiter, and SHALL prepend it to the reply"
      ],
      "SHALL deliver this message back to the originating peer": [
        "REP SHALL deliver this message back to the originating peer"
      ],
      "SHALL silently discard the reply, or return an error, if the originating peer is no longer connected": [
        "REP SHALL silently discard the reply, or return an error, if the originating peer is no longer connected"
      ],
      "SHALL not block on sending": ["REP SHALL not block on sending"]
    }
  },
  {
    source: "RFC 28, DEALER",
    requires: {
      "SHALL not filter or modify outgoing or incoming messages in any way": [
        "DEALER SHALL not filter or modify outgoing or incoming messages in any way"
      ],
      "SHALL maintain a double queue for each connected peer, allowing outgoing and incoming messages to be queued independently":
        [
          "DEALER SHALL maintain a double queue for each connected peer, allowing outgoing and incoming messages to be queued independently"
        ],
      "SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue whether or not the connection is established":
        [
          "DEALER SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue whether or not the connection is established"
        ],
      "SHALL create a double queue when a peer connects to it; if this peer disconnects, SHALL destroy its outgoing queue and SHALL discard any messages it contains":
        [
          "DEALER SHALL create a double queue when a peer connects to it. If this peer disconnects, the DEALER socket SHALL destroy its double queue and SHALL discard any messages it contains"
        ],
      "if this peer disconnects, SHALL destroy its incoming queue and SHALL discard any messages it contains":
        notDestroyed,
      "SHALL consider a peer as available only when it has a outgoing queue that is not full": [
        "DEALER SHALL consider a peer as available only when it has a outgoing queue that is not full"
      ],
      "SHALL route outgoing messages to available peers using a round-robin strategy": [
        "DEALER SHALL route outgoing messages to available peers using a round-robin strategy"
      ],
      "SHALL block on sending, or return a suitable error, when it has no available peers": [
        "DEALER SHALL block on sending, or return a suitable error, when it has no available peers"
      ],
      "SHALL not accept further messages when it has no available peers": [
        "DEALER SHALL not accept further messages when it has no available peers"
      ],
      "SHALL NOT discard messages that it cannot queue": ["DEALER SHALL NOT discard messages that it cannot queue"],
      "SHALL receive incoming messages from its peers using a fair-queuing strategy": [
        "DEALER SHALL receive incoming messages from its peers using a fair-queuing strategy"
      ],
      "SHALL deliver these to its calling application": ["DEALER SHALL deliver these to its calling application"]
    }
  },
  {
    source: "RFC 28, ROUTER",
    requires: {
      "SHALL maintain a double queue for each connected peer, allowing outgoing and incoming messages to be queued independently":
        [
          "ROUTER SHALL maintain a double queue for each connected peer, allowing outgoing and incoming messages to be queued independently"
        ],
      "SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue whether or not the connection is established":
        [
          "ROUTER SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue whether or not the connection is established"
        ],
      "SHALL create a double queue when a peer connects to it; if this peer disconnects, SHALL destroy its outgoing queue and SHALL discard any messages it contains":
        [
          "ROUTER SHALL create a double queue when a peer connects to it. If this peer disconnects, the ROUTER socket SHALL destroy its double queue and SHALL discard any messages it contains"
        ],
      "if this peer disconnects, SHALL destroy its incoming queue and SHALL discard any messages it contains":
        notDestroyed,
      "SHALL identify each double queue using a unique identity binary string": [
        "ROUTER SHALL identify each double queue using a unique identity, which it makes up for a peer without one"
      ],
      "SHALL receive incoming messages from its peers using a fair-queuing strategy": [
        "ROUTER SHALL receive incoming messages from its peers using a fair-queuing strategy"
      ],
      "SHALL prefix each incoming message with a frame containing the identity of the originating double queue": [
        "ROUTER SHALL prefix each incoming message with a frame containing the identity of the originating double queue"
      ],
      "SHALL deliver the resulting messages to its calling application": [
        "ROUTER SHALL deliver the resulting messages to its calling application"
      ],
      "SHALL remove the first frame from each outgoing message and use this as the identity of a double queue": [
        "ROUTER SHALL remove the first frame from each outgoing message and use this as the identity of a double queue"
      ],
      "SHALL route the message to the outgoing queue if that queue exists, and has space": [
        "ROUTER SHALL remove the first frame from each outgoing message and use this as the identity of a double queue",
        "a send to a full peer of a ROUTER waits, that send only: one stalled client among many disturbs no other"
      ],
      "SHALL either silently drop the message, or return an error, depending on configuration, if the queue does not exist, or is full":
        [
          "ROUTER SHALL return an error if the queue does not exist: at once, naming the peer",
          'ROUTER SHALL NOT block on sending: with onFull "fail" it returns an error, if the queue is full',
          'ROUTER SHALL NOT block on sending: with onFull "drop" it silently drops the message, if the queue is full'
        ],
      "SHALL NOT block on sending, where it is told not to": [
        'ROUTER SHALL NOT block on sending: with onFull "fail" it returns an error, if the queue is full',
        'ROUTER SHALL NOT block on sending: with onFull "drop" it silently drops the message, if the queue is full'
      ],
      "SHALL NOT block on sending, where it is told nothing": {
        gap: "a send to a peer whose queue is full waits by default, and no other does: no message is lost, and each send waits for its own peer alone"
      }
    }
  },
  {
    source: "RFC 29, PUB",
    requires: {
      "SHALL only send messages": onlySend,
      "SHALL maintain a single outgoing message queue for each connected subscriber": [
        "PUB SHALL maintain a single outgoing message queue for each connected subscriber"
      ],
      "SHALL create a queue when initiating an outgoing connection to a subscriber, and SHALL maintain the queue whether or not the connection is established":
        [
          "PUB SHALL create a queue when initiating an outgoing connection to a subscriber, and SHALL maintain the queue whether or not the connection is established"
        ],
      "SHALL create a queue when a subscriber connects to it; if this subscriber disconnects, SHALL destroy its queue and SHALL discard any messages it contains":
        [
          "PUB SHALL create a queue when a subscriber connects to it. If this subscriber disconnects, the PUB socket SHALL destroy its queue and SHALL discard any messages it contains"
        ],
      "SHALL silently discard any messages that subscribers send it": [
        "XPUB SHALL deliver these messages to its calling application, and PUB SHALL silently discard any messages that subscribers send it"
      ],
      "SHALL not modify outgoing messages in any way": unmodified,
      "SHALL perform a binary comparison of the subscription against the start of the first frame of the message": [
        "PUB SHALL perform a binary comparison of the subscription against the start of the first frame of the message"
      ],
      "SHALL silently drop the message if the queue for a subscriber is full": [
        "PUB SHALL silently drop the message if the queue for a subscriber is full"
      ],
      "SHALL NOT block on sending": ["PUB SHALL NOT block on sending"],
      "SHALL receive subscribe and unsubscribe requests from subscribers": [
        "PUB SHALL receive subscribe and unsubscribe requests from subscribers"
      ],
      "SHALL NOT deliver these commands to its calling application": onlySend
    }
  },
  {
    source: "RFC 29, SUB",
    requires: {
      "SHALL only receive messages": onlySend,
      "SHALL maintain a single incoming message queue for each connected publisher": [
        "SUB SHALL maintain a single incoming message queue for each connected publisher"
      ],
      "SHALL create a queue when initiating an outgoing connection to a publisher, and SHALL maintain the queue whether or not the connection is established":
        [
          "SUB SHALL create a queue when initiating an outgoing connection to a publisher, and SHALL maintain the queue whether or not the connection is established"
        ],
      "SHALL create a queue when a publisher connects to it": [
        "SUB SHALL create a queue when a publisher connects to it"
      ],
      "if this publisher disconnects, SHALL destroy its queue and SHALL discard any messages it contains": notDestroyed,
      "SHALL silently discard messages if the queue for a publisher is full": [
        "SUB SHALL silently discard messages if the queue for a publisher is full"
      ],
      "SHALL receive incoming messages from its publishers using a fair-queuing strategy": [
        "SUB SHALL receive incoming messages from its publishers using a fair-queuing strategy"
      ],
      "SHALL not modify incoming messages in any way": unmodified,
      "SHALL deliver messages to its calling application": ["SUB SHALL deliver messages to its calling application"]
    }
  },
  {
    source: "RFC 29, XPUB",
    requires: {
      "SHALL maintain a double queue for each connected subscriber, allowing outgoing and incoming messages to be queued independently":
        ["XPUB SHALL maintain a double queue for each connected subscriber"],
      "SHALL create a double queue when initiating an outgoing connection to a subscriber, and SHALL maintain the double queue whether or not the connection is established":
        [
          "XPUB SHALL create a double queue when initiating an outgoing connection to a subscriber, and SHALL maintain the double queue whether or not the connection is established"
        ],
      "SHALL create a double queue when a subscriber connects to it; if this subscriber disconnects, SHALL destroy its outgoing queue and SHALL discard any messages it contains":
        [
          "XPUB SHALL create a double queue when a subscriber connects to it. If this subscriber disconnects, the XPUB socket SHALL destroy its double queue and SHALL discard any messages it contains"
        ],
      "if this subscriber disconnects, SHALL destroy its incoming queue and SHALL discard any messages it contains":
        notDestroyed,
      "SHALL not modify outgoing messages in any way": proxyUnmodified,
      "SHALL perform a binary comparison of the subscription against the start of the first frame of the message": [
        "XPUB SHALL perform a binary comparison of the subscription against the start of the first frame of the message"
      ],
      "SHALL silently drop the message if the queue for a subscriber is full": xpubDrops,
      "SHALL NOT block on sending": xpubDrops,
      "SHALL receive incoming messages from its subscribers using a fair-queuing strategy": [
        "XPUB SHALL receive incoming messages from its subscribers using a fair-queuing strategy"
      ],
      "SHALL deliver these messages to its calling application": [
        "XPUB SHALL deliver these messages to its calling application, and PUB SHALL silently discard any messages that subscribers send it",
        "what an XSUB sends is told in its order: what came before a subscription, and what came after it"
      ],
      "SHALL receive subscribe and unsubscribe requests from subscribers": xpubTells,
      "SHALL deliver these commands to its calling application": xpubTells,
      "MAY, depending on configuration, normalize commands delivered to its calling application": [
        "XPUB normalizes requests, so that multiple identical subscriptions result in a single one",
        'with verbosity "subscriptions", an XPUB tells of every subscription, and of the last end',
        'with verbosity "all", an XPUB tells of every subscription and of every end'
      ],
      "SHALL, if the subscriber peer disconnects prematurely, generate a suitable unsubscribe request for the calling application":
        [
          "XPUB SHALL, if the subscriber peer disconnects prematurely, generate a suitable unsubscribe request for the calling application"
        ]
    }
  },
  {
    source: "RFC 29, XSUB",
    requires: {
      "SHALL maintain a double queue for each connected publisher, allowing outgoing and incoming messages to be queued independently":
        xsubDiscards,
      "SHALL create a double queue when initiating an outgoing connection to a publisher, and SHALL maintain the double queue whether or not the connection is established":
        [
          "XSUB SHALL create a double queue when initiating an outgoing connection to a publisher, and SHALL maintain the double queue whether or not the connection is established"
        ],
      "SHALL create a double queue when a publisher connects to it": [
        "XSUB SHALL create a double queue when a publisher connects to it"
      ],
      "if this publisher disconnects, SHALL destroy its double queue and SHALL discard any messages it contains":
        notDestroyed,
      "SHALL not modify incoming messages in any way": proxyUnmodified,
      "SHALL silently discard messages if the incoming queue for a publisher is full": xsubDiscards,
      "SHALL receive incoming messages from its publishers using a fair-queuing strategy": [
        "XSUB SHALL receive incoming messages from its publishers using a fair-queuing strategy"
      ],
      "SHALL deliver messages to its calling application": ["XSUB SHALL deliver messages to its calling application"],
      "SHALL not modify outgoing messages in any way": xsubSends,
      "SHALL send all messages to all connected publishers": xsubSends,
      "SHALL silently drop the message if the outgoing queue for a publisher is full": xsubDrops,
      "SHALL NOT block on sending": xsubDrops,
      "SHALL accept subscription commands from its calling application": xsubAsks,
      "SHALL send subscribe and unsubscribe requests to publishers": [
        ...xsubAsks,
        "an XSUB sends all subscriptions to every publisher that comes, and again after a reconnection"
      ]
    }
  },
  {
    source: "RFC 30, PUSH",
    requires: {
      "SHALL only send messages": onlySend,
      "SHALL not filter or modify outgoing messages in any way": pipelineUnmodified,
      "SHALL maintain an outgoing message queue for each connected peer": [
        "PUSH SHALL maintain an outgoing message queue for each connected peer"
      ],
      "SHALL create this queue when initiating an outgoing connection to a peer, and SHALL maintain the queue whether or not the connection is established":
        [
          "PUSH SHALL create this queue when initiating an outgoing connection to a peer, and SHALL maintain the queue whether or not the connection is established"
        ],
      "SHALL create this queue when a peer connects to it": ["PUSH SHALL create this queue when a peer connects to it"],
      "if this peer disconnects, SHALL destroy its queue and SHALL discard any messages it contains": [
        "If this peer disconnects, the PUSH socket SHALL destroy its queue and SHALL discard any messages it contains"
      ],
      "SHALL consider a peer as available only when it has a outgoing queue that is not full": [
        "PUSH SHALL consider a peer as available only when it has a outgoing queue that is not full"
      ],
      "SHALL route outgoing messages to available peers using a round-robin strategy": [
        "PUSH SHALL route outgoing messages to available peers using a round-robin strategy",
        "a PUSH that is bound deals to the peers that connected, in turn"
      ],
      "SHALL block on sending, or return a suitable error, when it has no available peers": [
        "PUSH SHALL block on sending, or return a suitable error, when it has no available peers"
      ],
      "SHALL not accept further messages when it has no available peers": [
        "PUSH SHALL not accept further messages when it has no available peers"
      ],
      "SHALL NOT discard messages that it cannot queue": ["PUSH SHALL NOT discard messages that it cannot queue"]
    }
  },
  {
    source: "RFC 30, PULL",
    requires: {
      "SHALL only receive messages": onlySend,
      "SHALL not filter or modify incoming messages in any way": pipelineUnmodified,
      "SHALL maintain an incoming queue for each connected peer": [
        "PULL SHALL maintain an incoming queue for each connected peer"
      ],
      "SHALL create this queue when initiating an outgoing connection to a peer, and SHALL maintain the queue whether or not the connection is established":
        [
          "PULL SHALL create this queue when initiating an outgoing connection to a peer, and SHALL maintain the queue whether or not the connection is established"
        ],
      "SHALL create this queue when a peer connects to it": ["PULL SHALL create this queue when a peer connects to it"],
      "if this peer disconnects, SHALL destroy its queue and SHALL discard any messages it contains": notDestroyed,
      "SHALL receive incoming messages from its peers using a fair-queuing strategy": [
        "PULL SHALL receive incoming messages from its peers using a fair-queuing strategy"
      ],
      "SHALL deliver these to its calling application": ["PULL SHALL deliver these to its calling application"]
    }
  },
  {
    source: "RFC 31, PAIR",
    requires: {
      "MAY be connected to at most one PAIR peer": [
        "PAIR MAY be connected to at most one PAIR peer: a second one is not heard, and disturbs nobody",
        "a PAIR is free for another peer when the first one has left"
      ],
      "SHALL not filter or modify outgoing or incoming messages in any way": [
        "PAIR SHALL not filter or modify outgoing or incoming messages in any way"
      ],
      "SHALL maintain a double queue for its peer, allowing outgoing and incoming messages to be queued independently":
        [
          "PAIR SHALL maintain a double queue for its peer, allowing outgoing and incoming messages to be queued independently"
        ],
      "SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue whether or not the connection is established":
        [
          "PAIR SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue whether or not the connection is established"
        ],
      "SHALL create a double queue when a peer connects to it; if this peer disconnects, SHALL destroy its outgoing queue and SHALL discard any messages it contains":
        [
          "PAIR SHALL create a double queue when a peer connects to it. If this peer disconnects, the PAIR socket SHALL destroy its double queue and SHALL discard any messages it contains"
        ],
      "if this peer disconnects, SHALL destroy its incoming queue and SHALL discard any messages it contains":
        notDestroyed,
      "SHALL consider its peer as available only when it has a outgoing queue that is not full": pairFull,
      "SHALL block on sending, or return a suitable error, when it has no available peer": [
        "PAIR SHALL block on sending, or return a suitable error, when it has no available peer"
      ],
      "SHALL not accept further messages when it has no available peer": pairFull,
      "SHALL NOT discard messages that it cannot queue": ["PAIR SHALL NOT discard messages that it cannot queue"],
      "SHALL receive incoming messages from its single peer if it has one": pairReceives,
      "SHALL deliver these to its calling application": pairReceives
    }
  }
]

const contract: Source = {
  source: "the contract of a transport",
  requires: {
    "1. closing": [
      "closing the scope ends a suspended receive with Closed, at once",
      "closing the scope ends streams",
      "closing the scope ends a suspended send within linger, sent or Closed",
      "closing the scope releases the address before the scope's close returns"
    ],
    "2. receivers": [
      "concurrent receivers are served first come first served",
      "no message is given twice, and none is lost, to any number of receivers"
    ],
    "3. interruption": [
      "a receive that is interrupted or timed out while suspended loses nothing",
      "what a stream's consumer did not see, a second consumer gets",
      "batches give arrays, each of which its consumer owns whole",
      "poll gives what has arrived, and waits for nothing",
      "a merge that is interrupted loses nothing: a second consumer gets the rest"
    ],
    "4. senders": [
      "any number of fibers may send and receive at once, and order is kept per fiber",
      "an interrupted send of one message sent all of it or none",
      "an interrupted send of many sent a prefix of whole messages"
    ],
    "5. no room, no peer": [
      "send with no room or no peer suspends a PUSH and drops for a PUB",
      "REP SHALL silently discard the reply, or return an error, if the originating peer is no longer connected"
    ],
    "5. no room, no peer, of a ROUTER": [
      "ROUTER SHALL return an error if the queue does not exist: at once, naming the peer",
      'ROUTER SHALL NOT block on sending: with onFull "fail" it returns an error, if the queue is full',
      'ROUTER SHALL NOT block on sending: with onFull "drop" it silently drops the message, if the queue is full',
      "a send to a full peer of a ROUTER waits, that send only: one stalled client among many disturbs no other",
      "those who wait to send to a peer of a ROUTER that leaves fail Unroutable"
    ],
    "5. no room, no peer, of the others": [
      "DEALER SHALL block on sending, or return a suitable error, when it has no available peers",
      "PAIR SHALL block on sending, or return a suitable error, when it has no available peer",
      ...xpubDrops,
      ...xsubDrops
    ],
    "6. multipart messages": ["multipart messages arrive whole or not at all"],
    "7. endpoints": [
      "bind answers with the resolved endpoint",
      "a taken address fails AddressInUse, naming it",
      "bad endpoints are refused before any transport sees them",
      "a scheme that a transport lacks fails Unsupported, by name"
    ],
    "8. connecting": [
      "connect succeeds before the peer exists, and the peer is reached when it appears",
      "reconnection is automatic",
      "the time to the next attempt begins with `initial` and doubles up to `maximum`"
    ],
    "9. subscriptions": ["subscriptions survive reconnection"],
    "10. linger": [
      "when the scope closes, queued messages are delivered for at most linger, and only then does the close return",
      "what a connected peer has been given is delivered, whether it asks for it or not",
      "a close never takes longer than linger and 100 milliseconds",
      "the last event is Closed, with how the socket closed",
      "drain ends the socket early, and tells how it closed",
      "a PULL still gives what a peer that has left had delivered",
      "a SUB still gives what a publisher that has left had delivered",
      "a DEALER still gives what a peer that has left had delivered",
      "a ROUTER still gives what a peer that has left had delivered",
      "an XSUB and an XPUB still give what a peer that has left had delivered",
      "a PAIR still gives what a peer that has left had delivered, before what the next one sends"
    ],
    "11. events": ["events misses nothing, from before the first bind or connect on"],
    "12. what a transport cannot do": [
      "what a transport cannot do fails Unsupported at open",
      "options of the physical network are accepted everywhere"
    ],
    "13. frames": ["a copy of a received message shares no memory with it"],
    "14. fairness": ["fair queueing holds under flood", "batches of messages of several peers are fair too"],
    "15. reading ahead": [
      "reading ahead of demand is bounded, so that back-pressure reaches the sender",
      "a receiver that stops asking does not hoard the work of others"
    ]
  }
}

const libzmq: Source = {
  source: "what libzmq tests",
  requires: {
    bind_after_connect_tcp: [
      "PUSH SHALL create this queue when initiating an outgoing connection to a peer, and SHALL maintain the queue whether or not the connection is established"
    ],
    connect_resolve: [
      "a host may be given by its name, as an IPv6 address, or as any",
      "bad endpoints are refused before any transport sees them",
      "a scheme that a transport lacks fails Unsupported, by name"
    ],
    ctx_destroy: ["closing the scope ends a suspended receive with Closed, at once"],
    "hwm: defaults": ["by default, 1,000 messages are queued at each end"],
    "hwm: finite": [
      "a queue holds the send mark of one side and the receive mark of the other, whoever comes first",
      "a queue to a peer that is not there yet holds the send mark",
      "a mark counts messages, not frames",
      "a queue that was full has room again when it has been read, and keeps its order"
    ],
    "hwm: infinite": ["where one of the two marks is unlimited, so is the queue"],
    "hwm: close first": [
      "when the scope closes, queued messages are delivered for at most linger, and only then does the close return",
      "a receiver that lags behind gets all that was sent to it, also from who has left meanwhile"
    ],
    immediate_1: ["without immediate, messages are queued for peers that are not there"],
    immediate_2: ["with immediate, messages go only to peers that are connected"],
    immediate_3: ["with immediate, a send waits while no peer is connected, and goes on when one is again"],
    "inproc_connect: bind_before_connect, connect_before_bind": [
      "bind answers with the resolved endpoint",
      "connect succeeds before the peer exists, and the peer is reached when it appears"
    ],
    "inproc_connect: connect_before_bind_pub_sub": [
      "PUB SHALL create a queue when initiating an outgoing connection to a subscriber, and SHALL maintain the queue whether or not the connection is established"
    ],
    "inproc_connect: multiple_connects": ["several sockets may connect before the bind, and each is reached"],
    "inproc_connect: connect_only, shutdown_during_pend": [
      "a socket with nothing to deliver closes at once, whether it is connected or not"
    ],
    "inproc_connect: unbind": ["unbind frees the address, and accepts no more peers there"],
    "inproc_connect: multiple_threads, simultaneous_connect_bind_threads": {
      gap: "of threads: the native transport's own tests, with worker threads"
    },
    connect_rid: [
      "ROUTERs talk to each other, each by the name that it gives the other",
      "a ROUTER that calls while others have called it routes each message to whom it names"
    ],
    "inproc_connect: routing_id": [
      "ROUTER SHALL prefix each incoming message with a frame containing the identity of the originating double queue"
    ],
    invalid_rep: ["a reply with a bad envelope is dropped, and the good one behind it taken"],
    last_endpoint: ["endpoints tells what the socket is bound and connected to, resolved, in the order of the calls"],
    monitor: [
      "the events of a bound socket come in their order",
      "the events of a connecting socket come in their order",
      "a bind that fails is an event too"
    ],
    "monitor: pipe stats": { gap: "the addon has no zmq_socket_monitor_versioned" },
    pub_invert_matching: ["invertMatching gives each subscriber what does not match its subscriptions"],
    pubsub_topics_count: { gap: "ZMQ_TOPICS_COUNT is a draft of libzmq, which is not part of the library" },
    reconnect_ivl: ["a socket that shall not reconnect does not", "reconnection is automatic"],
    req_correlate: [
      "with correlate, a stale reply on the same connection is refused",
      "a REQ may bind, when it correlates, and a REP connect"
    ],
    "pair_inproc, pair_ipc, pair_tcp": ["PAIR SHALL not filter or modify outgoing or incoming messages in any way"],
    probe_router: ["with probeRouter, a DEALER and a ROUTER are known before they have sent anything"],
    proxy: ["a queue gives every request of every client to a worker, and every reply to who asked"],
    proxy_single_socket: ["a socket joined with itself answers with what it is sent"],
    proxy_steerable: ["a proxy that is paused forwards nothing, and goes on when it is resumed; stopped, it stays so"],
    reqrep_device: ["an envelope of several hops comes back through a device, to who asked"],
    "reqrep_inproc, reqrep_ipc: simple, reqrep_tcp: single": [
      "REP SHALL not filter or modify outgoing or incoming messages in any way"
    ],
    "reqrep_ipc: leak": ["closing a REQ and a REP with a request under way loses neither time nor memory"],
    "reqrep_tcp: multi_connect, multi_connect_same_port": [
      "a REQ talks to a REP over two connections, and over two to the same endpoint"
    ],
    router_handover: [
      "without handover, a second peer of the same routing id is not heard",
      "with handover, a second peer takes over the routing id of the first, which is not heard any more"
    ],
    router_mandatory: [
      "ROUTER SHALL return an error if the queue does not exist: at once, naming the peer",
      'ROUTER SHALL NOT block on sending: with onFull "fail" it returns an error, if the queue is full'
    ],
    "router_mandatory: get_peer_state": {
      gap: "zmq_socket_get_peer_state is a draft of libzmq; Router.peers tells who is connected"
    },
    spec_dealer: [
      "DEALER SHALL route outgoing messages to available peers using a round-robin strategy",
      "DEALER SHALL receive incoming messages from its peers using a fair-queuing strategy",
      "DEALER SHALL block on sending, or return a suitable error, when it has no available peers"
    ],
    spec_pushpull: [
      "PUSH SHALL route outgoing messages to available peers using a round-robin strategy",
      "PULL SHALL receive incoming messages from its peers using a fair-queuing strategy",
      "PUSH SHALL block on sending, or return a suitable error, when it has no available peers",
      "If this peer disconnects, the PUSH socket SHALL destroy its queue and SHALL discard any messages it contains",
      "multipart messages arrive whole or not at all"
    ],
    spec_rep: [
      "REP SHALL receive incoming messages from its peers using a fair-queuing strategy",
      "a REP keeps the envelope of a DEALER's request, of any number of frames up to the empty one, and answers with it",
      "REP SHALL remove and store the address envelope, including the delimiter, and SHALL prepend it to the reply"
    ],
    spec_req: [
      "REQ SHALL prefix the outgoing message with an empty delimiter frame",
      "REQ SHALL route outgoing messages to connected peers using a round-robin strategy",
      "REQ SHALL block on sending, or return a suitable error, when it has no connected peers",
      "REQ SHALL accept an incoming message only from the last peer that it sent a request to"
    ],
    spec_router: [
      "ROUTER SHALL receive incoming messages from its peers using a fair-queuing strategy",
      "ROUTER SHALL create a double queue when a peer connects to it. If this peer disconnects, the ROUTER socket SHALL destroy its double queue and SHALL discard any messages it contains"
    ],
    timeo: ["a receive that times out takes the time that it was given"],
    xpub_manual: [
      "with manual, no subscription holds but what was confirmed for its subscriber",
      "with manual, subscriptions end one by one, and those of a subscriber that leaves are told",
      "with manual, every subscription is told, and every end of a subscriber that leaves"
    ],
    xpub_manual_last_value: [
      "with lastValue, what is sent next after a subscription goes to its subscriber alone, and then to all again"
    ],
    xpub_nodrop: ["with noDrop, an XPUB waits for a subscriber whose queue is full, and loses nothing"],
    xpub_verbose: [
      'with verbosity "subscriptions", an XPUB tells of every subscription, and of the last end',
      'with verbosity "all", an XPUB tells of every subscription and of every end'
    ],
    xpub_welcome_msg: ["a welcome message is what every subscriber gets first, once"],
    xsub_verbose: ["with verboseUnsubscribe, an XSUB tells of every unsubscribe, and otherwise of the last of a topic"],
    "xpub_nodrop, of PUB": ["with noDrop, a PUB waits for a subscriber whose queue is full, and loses nothing"],
    "xpub_topic, of PUB": ["a subscription may be long, and differ only at its end"],
    "unittest_mtrie, unittest_radix_tree": [
      "a SUB gets a message once, however many of its subscriptions match",
      "what was subscribed to twice ends with the second unsubscribe"
    ],
    "disconnect_msg, hello_msg, hiccup_msg": draftOptions,
    "channel, client_server, peer, radio_dish, scatter_gather": draft
  }
}

const modules: Source = {
  source: "what the modules promise beyond",
  requires: {
    "Req: a late reply is never taken for another's": [
      "a request that is timed out again and again never gets a stale reply, and never gets stuck"
    ],
    "Req: after an abandoned request, the next one goes to another peer": [
      "after a request was withdrawn, the next one goes to another peer where there is one"
    ],
    "Rep: a request whose handler is interrupted is received again": [
      "a handler that is interrupted leaves its request in the socket, for who serves next"
    ],
    "Rep: every request is answered": ["a handler that fails answers by onError"],
    "Dealer: requests under way": ["a DEALER has any number of requests under way, each answered in its time"],
    "Dealer: conflate": ["a DEALER that conflates sees the newest message of its peer"],
    "Router: peers": [
      "peers tells who is connected, and events who came and left",
      "a peer that comes again with its routing id is heard, without handover"
    ],
    "Router: serving REQs": ["a ROUTER serves REQs that wait, each when it likes"],
    "XPub: confirm": ["a subscription is confirmed before the next is received, on a socket that is manual"],
    "XSub: send": ["an XSUB sends no message that would be taken for a subscription"],
    "XPub and XSub: a proxy": ["a proxy of an XSUB and an XPUB passes subscriptions up and messages down"],
    "Socket: several endpoints": ["a socket may be bound to several endpoints, and be connected to several"],
    "Socket: unbind": [
      "unbind frees the address, and accepts no more peers there",
      "peers that are connected stay so when their endpoint is unbound"
    ],
    "Socket: disconnect": [
      "disconnect ends the connection",
      "unbind and disconnect of what the socket does not have fail UnknownEndpoint"
    ],
    "Socket: make fails whole": ["a make that fails leaves nothing behind"],
    "SocketType: which types talk to each other": ["sockets of types that do not talk to each other are refused"],
    "SocketOptions: conflate": [
      "conflate keeps only the newest message",
      "a PUSH that conflates keeps the newest message for who comes",
      "a SUB that conflates sees the newest publication",
      "a SUB that conflates may have several subscriptions"
    ],
    "SocketOptions: maxMessageSize": ["a frame that is larger than maxMessageSize ends its connection"],
    "SocketOptions: heartbeat": ["heartbeats keep a quiet connection"],
    "SocketOptions: values are checked": ["an option that cannot have its value fails InvalidOption, naming it"],
    "SocketOptions: reconnect": [
      "messages sent while the peer is away are kept for its return",
      "messages that are still queued when the connection is lost go to the peer that comes next"
    ],
    "Socket: state": [
      "state tells every endpoint, from the call on that binds or connects",
      "a socket whose peer is gone is Reconnecting, since when and with which attempt, until it is back",
      "each attempt is told, with its number, and how long until then"
    ],
    "Socket: awaitConnected": [
      "awaitConnected waits for a peer at every endpoint that is connected to, and then does not wait",
      "awaitConnected and awaitPeers fail Closed when the socket closes, and once it is closed"
    ],
    "Socket: awaitPeers": ["awaitPeers waits for so many at once: those that have left do not count"],
    "Socket: a handshake that fails is tried again": [
      "a client that met a server of another type is connected when the right one is there",
      "a client with another security mechanism is connected when the server has the same",
      "a client that is not let in is let in as soon as the server knows it",
      "its subscriptions are there again",
      "a REQ asks on when the right server is there",
      "a peer that was given its routing id by connectAs has it again",
      "with reconnect: false it is not tried again, and the endpoint is one no longer"
    ],
    "Socket: what is sent while a handshake fails": [
      "what is sent while the handshake fails waits, and arrives whole and in order",
      "what was sent before the handshake failed for the first time arrives too",
      "while it cannot talk to one of its peers it serves the others, and nothing is lost",
      "once it is in, it is like any other: what is sent while its server is away is kept for its return"
    ],
    "SocketOptions: high-water marks in bytes": [
      "a queue takes messages while it has fewer bytes than its mark, and fewer messages than the other",
      "a message larger than a mark in bytes goes through, one at a time",
      "a PUSH waits when both queues have as many bytes as their marks, and all that it has sent arrives",
      "a PUB drops for a subscriber whose queues have as many bytes as their marks, and counts what it drops",
      'a ROUTER with onFull "suspend" waits for a peer whose queues have as many bytes as their marks',
      'a ROUTER with onFull "fail" refuses, and with "drop" drops and counts, what is for such a peer'
    ],
    "SocketOptions: metadata": [
      "a socket is told its peer's type, its routing id, and its metadata by names in lower case",
      "sockets with metadata, and without, talk to each other"
    ],
    "Sub: one connection an endpoint": ["a SUB that connects twice to one endpoint gets each message once"],
    "Poller: merge": [
      "merge gives the messages of several sockets, each by the name of its socket",
      "while several sockets have messages, they take turns",
      "a merge goes on when one of its sockets closes, and ends when all have"
    ],
    "Proxy: nothing is lost": [
      "a streamer forwards every message once, whole and in order, whenever it is paused and resumed",
      "a proxy that is interrupted has sent what it took, or put it back in its order"
    ],
    "Proxy: back-pressure": ["a full receiver lets the sender feel it: a proxy takes 256 messages ahead at most"],
    "Proxy: one slow peer": [
      "one stalled client of a queue among many disturbs no other, and gets its replies when it reads",
      "a queue drops replies to clients that have left, counts them, and goes on",
      "a forwarder drops for a subscriber that does not read, and for no other"
    ],
    "Proxy: subscriptions": [
      "a forwarder passes on subscriptions from before it began, and those that come and go",
      "a forwarder tells a publisher that comes later, or again, of all subscriptions",
      'a forwarder ends every subscription with its last subscriber, with verbosity "unique"',
      'a forwarder ends every subscription with its last subscriber, with verbosity "subscriptions"',
      'a forwarder ends every subscription with its last subscriber, with verbosity "all"'
    ],
    "Proxy: capture": [
      "a capture socket gets every message whole, both ways, with the routing id before it",
      "a capture socket that nobody reads never stops the proxy, and one that keeps up gets everything"
    ],
    "Security: who sent a message": [
      "a ROUTER tells which user of CURVE has sent a message",
      "a ROUTER tells which user of PLAIN has sent a message",
      "a ROUTER calls a user of CURVE by the routing id that its client announces",
      "a REP tells who has asked",
      "of a socket that does not authenticate, a ROUTER tells nobody"
    ],
    "Poller: what is no message": ["a ROUTER and a PULL are polled together, each with what it gives"],
    "Poller: prioritize": ["prioritize gives a message of a later socket only when the earlier ones have nothing"]
  }
}

export const requirements: ReadonlyArray<Source> = [...rfcs, contract, libzmq, modules]

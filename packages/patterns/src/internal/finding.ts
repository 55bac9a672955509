/** What the doctor can find, one tag for each leaf of the chart. */
import type { HandshakeProblem } from "@effect-zmq/core/SocketEvent"
import type { SocketType } from "@effect-zmq/core/SocketType"
import * as Data from "effect/Data"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"

/** The socket that a finding is of. */
export interface Subject {
  readonly type: SocketType
  /** As `Socket.name`. */
  readonly name: string
  readonly transport: string
}

/** What every finding tells. */
interface Found {
  readonly socket: Subject
  /** From when on it is so, as far as it is known. */
  readonly since: DateTime.Utc
}

export type Finding = Data.TaggedEnum<{
  /** A SUB is connected, and nothing that is published matches what it has subscribed to; or a PUB sees that of its own. */
  NoMatchingSubscription: Found & {
    readonly endpoint: string
    /** How many messages were published meanwhile. */
    readonly published: number
    /** Who published them, by name. */
    readonly publisher: string | undefined
    /** What the SUB has subscribed to, as text; of a PUB it is not known. */
    readonly subscriptions: ReadonlyArray<string> | undefined
  }
  /** A PUB or an XPUB has sent, and nobody was there yet. */
  SentTooEarly: Found & { readonly endpoints: ReadonlyArray<string>; readonly lost: number }
  /** The peer's type does not fit. */
  IncompatiblePeer: Found & {
    readonly endpoint: string
    /** Where it is known. */
    readonly peer: SocketType | undefined
    readonly detail: string
  }
  /** The two sides do not understand each other: another security mechanism, another key, or no ZeroMQ at all. */
  HandshakeFailed: Found & {
    readonly endpoint: string
    readonly problem: HandshakeProblem
    readonly detail: string
  }
  /** Who connects is not let in. */
  Denied: Found & {
    readonly endpoint: string
    /** On which side this was seen: only the one that is bound knows why. */
    readonly side: "bound" | "connected"
    readonly detail: string
  }
  /** A socket connects to where nobody is bound. */
  NobodyBound: Found & {
    readonly endpoint: string
    /** Whether somebody was there before. */
    readonly wasConnected: boolean
    readonly attempt: number
    /** How many sends wait, and how many messages are queued, where the transport can tell. */
    readonly waiting: number | undefined
    readonly queued: number | undefined
  }
  /** A second socket wanted to bind an endpoint. */
  AddressTaken: Found & {
    readonly endpoint: string
    /** Who has it, where the doctor knows that one. */
    readonly holder: string | undefined
  }
  /** A queue is full: messages are dropped, or sends wait and do not get on. */
  HighWaterMark: Found & {
    /** Whose queue it is. */
    readonly peer: string | undefined
    readonly mark: number
    readonly dropped: number
    /** How many sends of a ROUTER have failed with `PeerFull`. */
    readonly refused: number
    /** How many sends wait for room. */
    readonly waiting: number
  }
  /** A ROUTER has no peer of this routing id, or the client of a REP has left before its reply. */
  Unroutable: Found & {
    /** In hexadecimal, the last one. */
    readonly routingId: string | undefined
    readonly count: number
  }
  /** Two peers of a ROUTER have announced the same routing id: one of them is not heard. */
  DuplicateRoutingId: Found & {
    /** In hexadecimal, where it is known. */
    readonly routingId: string | undefined
    readonly endpoint: string
    /** How many peers are connected and not known by an id of their own. */
    readonly unheard: number
  }
  /** A REQ waits for the reply to a request that went with its connection. */
  DeadPeer: Found & { readonly endpoint: string; readonly isBack: boolean }
  /** One PULL was connected before the others, and has everything; another one waits with nothing to do. */
  UnevenShare: Found & {
    readonly endpoint: string
    readonly sent: number
    /** How many messages are still before the one that was first. */
    readonly ahead: number
    /** Who was first, by name. */
    readonly first: string
    readonly idle: string
  }
  /** A socket was closed, and not everything that it had queued was delivered. */
  ClosedUnsent: Found & {
    readonly endpoints: ReadonlyArray<string>
    /** `undefined`: the transport does not tell. */
    readonly dropped: number | undefined
    readonly linger: Duration.Duration
  }
  /** What is bound comes and goes, and who stays connects. */
  ShortLivedBinder: Found & {
    readonly endpoint: string
    readonly times: number
    /** The longest that it was there. */
    readonly longest: Duration.Duration
  }
}>

export const Finding = Data.taggedEnum<Finding>()

/** Its tag, and what tells it from another one of the same socket. */
export const keyOf = (finding: Finding): string => {
  switch (finding._tag) {
    case "HighWaterMark":
      return `${finding._tag} ${finding.peer}`
    case "SentTooEarly":
    case "ClosedUnsent":
    case "Unroutable":
      return finding._tag
    case "UnevenShare":
      return `${finding._tag} ${finding.idle}`
    default:
      return `${finding._tag} ${finding.endpoint}`
  }
}

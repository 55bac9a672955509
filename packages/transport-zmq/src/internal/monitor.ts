/** What libzmq's monitor tells, as socket events. */
import { type HandshakeProblem, SocketEvent } from "@effect-zmq/core/SocketEvent"
import * as Duration from "effect/Duration"
import { codeOf, type NativeEvent } from "./addon.ts"

/** IPv4 in IPv6 clothes, which libzmq puts on where both are allowed: as it was written. */
export const plain = (address: string): string => address.replace(/^tcp:\/\/\[::ffff:([0-9.]+)\]/, "tcp://$1")

/** What is known of what an event is about. */
export interface Subject {
  readonly endpoint: string
  readonly isBound: boolean
  /** Which attempt to connect comes next. */
  readonly attempt: () => number
}

/**
 * The event, or `undefined` where it tells nothing new: the end of an attempt to connect, which `Reconnecting` follows; a
 * bind, failed or not, of which whoever called it has told. `denial` tells what an answer of a status says.
 */
export const toSocketEvent = (
  event: NativeEvent,
  { attempt, endpoint, isBound }: Subject,
  denial: (status: string) => string
): SocketEvent | undefined => {
  switch (event.type) {
    case "accept":
      return SocketEvent.Accepted({ endpoint })
    case "accept:error":
      return SocketEvent.AcceptFailed({ endpoint, problem: event.error.message })
    case "connect:delay":
      return SocketEvent.Connecting({ endpoint })
    case "connect":
      return SocketEvent.Connected({ endpoint })
    case "connect:retry":
      return SocketEvent.Reconnecting({ endpoint, after: Duration.millis(event.interval), attempt: attempt() })
    case "handshake":
      return SocketEvent.HandshakeSucceeded({ endpoint })
    case "handshake:error:protocol":
      return handshakeFailed(endpoint, "protocol", codeOf(event.error))
    case "handshake:error:auth":
      return handshakeFailed(endpoint, "authentication", denial(`${event.error.status}`))
    case "handshake:error:other":
      return handshakeFailed(endpoint, "other", codeOf(event.error))
    case "disconnect":
      return SocketEvent.Disconnected({ endpoint })
    case "close":
    case "close:error":
      return isBound ? SocketEvent.Unbound({ endpoint }) : undefined
    default:
      return undefined
  }
}

const handshakeFailed = (endpoint: string, problem: HandshakeProblem, detail: string): SocketEvent =>
  SocketEvent.HandshakeFailed({ endpoint, problem, detail })

/**
 * Security mechanisms: what is said between the greetings and the first message. A mechanism is a state machine over the
 * bodies of commands; `Handshake` carries them.
 *
 * CURVE will be one more. It also needs what it encrypts with afterwards, which `Reply.ready` is the place for.
 */
import {
  decodeCommand,
  decodeError,
  decodeHello,
  decodeProperties,
  encodeCommand,
  encodeError,
  encodeHello,
  encodeProperties,
  type Properties
} from "./command.ts"

/** What a client shows, to be judged. */
export type Credentials =
  | { readonly _tag: "Null"; readonly routingId: Uint8Array | undefined }
  | {
      readonly _tag: "Plain"
      readonly username: string
      readonly password: string
      readonly routingId: Uint8Array | undefined
    }

/** What a mechanism wants done, in this order. */
export interface Reply {
  /** Bodies of commands to be sent. */
  readonly send?: ReadonlyArray<Uint8Array>
  /** Somebody is to judge: `answer` follows. */
  readonly ask?: Credentials
  /** All is said, and these are the peer's properties. */
  readonly ready?: Properties
  readonly failed?: { readonly problem: "protocol" | "authentication"; readonly detail: string }
}

export interface Mechanism {
  readonly name: "NULL" | "PLAIN"
  /** Which side it is, where the mechanism has sides. */
  readonly role: "client" | "server" | undefined
  readonly start: () => Reply
  readonly receive: (command: Uint8Array) => Reply
  /** The status code of the judgement: 200 lets in. */
  readonly answer: (status: number, problem: string) => Reply
}

export type Own = Iterable<readonly [string, Uint8Array]>

const failed = (detail: string): Reply => ({ failed: { problem: "protocol", detail } })

const denied = (status: number, detail: string): Reply => ({
  send: [encodeError(String(status))],
  failed: { problem: "authentication", detail }
})

const unexpected = (name: string | undefined): Reply =>
  failed(
    name === undefined
      ? "a command without a name"
      : `an unexpected ${JSON.stringify(name.slice(0, 40))} in the handshake`
  )

/** What the peer says instead of going on. */
const refused = (data: Uint8Array): Reply => ({
  failed: { problem: "authentication", detail: `the peer does not let it in (${decodeError(data)})` }
})

const routingIdOf = (properties: Properties): Uint8Array | undefined => {
  const id = properties.get("identity")
  return id === undefined || id.length === 0 ? undefined : id
}

/**
 * NULL: each side says READY. One that judges says so only when it has let the other in: who is bound, when the other has
 * said READY; who connects, before, so that two that judge do not wait for each other, and without the other's routing id.
 */
export const nullMechanism = (own: Own, judges: boolean, isBound: boolean): Mechanism => {
  const ready = encodeCommand("READY", encodeProperties(own))
  let theirs: Properties | undefined
  let isLetIn = !judges
  const asks = (routingId: Uint8Array | undefined): Reply => ({ ask: { _tag: "Null", routingId } })
  return {
    name: "NULL",
    role: undefined,
    start: () => {
      if (!judges) return { send: [ready] }
      return isBound ? {} : asks(undefined)
    },
    receive: (body) => {
      const command = decodeCommand(body)
      if (command?.name === "ERROR") return refused(command.data)
      if (command?.name !== "READY" || theirs !== undefined) return unexpected(command?.name)
      theirs = decodeProperties(command.data)
      if (theirs === undefined) return failed("a malformed READY")
      if (isLetIn) return { ready: theirs }
      return isBound ? asks(routingIdOf(theirs)) : {}
    },
    answer: (status, problem) => {
      if (status !== 200) return denied(status, problem)
      isLetIn = true
      return theirs === undefined ? { send: [ready] } : { send: [ready], ready: theirs }
    }
  }
}

/** PLAIN, the client: HELLO, then INITIATE. */
export const plainClient = (own: Own, username: string, password: string): Mechanism => {
  let isWelcome = false
  return {
    name: "PLAIN",
    role: "client",
    start: () => ({ send: [encodeHello(username, password)] }),
    receive: (body) => {
      const command = decodeCommand(body)
      if (command?.name === "ERROR") return refused(command.data)
      if (command?.name === "WELCOME" && !isWelcome) {
        isWelcome = true
        return { send: [encodeCommand("INITIATE", encodeProperties(own))] }
      }
      if (command?.name !== "READY" || !isWelcome) return unexpected(command?.name)
      const theirs = decodeProperties(command.data)
      return theirs === undefined ? failed("a malformed READY") : { ready: theirs }
    },
    answer: () => ({})
  }
}

/**
 * PLAIN, the server: WELCOME, then READY. It judges by HELLO, as the specification has it; where it has to know the routing
 * id, which only INITIATE brings, by both.
 */
export const plainServer = (own: Own, needsRoutingId: boolean): Mechanism => {
  const welcome = encodeCommand("WELCOME")
  const ready = encodeCommand("READY", encodeProperties(own))
  let hello: { readonly username: string; readonly password: string } | undefined
  let isLetIn = false
  let theirs: Properties | undefined
  return {
    name: "PLAIN",
    role: "server",
    start: () => ({}),
    receive: (body) => {
      const command = decodeCommand(body)
      if (command?.name === "HELLO" && hello === undefined) {
        hello = decodeHello(command.data)
        if (hello === undefined) return failed("a malformed HELLO")
        return needsRoutingId ? { send: [welcome] } : { ask: { _tag: "Plain", ...hello, routingId: undefined } }
      }
      if (command?.name !== "INITIATE" || hello === undefined || theirs !== undefined) return unexpected(command?.name)
      theirs = decodeProperties(command.data)
      if (theirs === undefined) return failed("a malformed INITIATE")
      if (isLetIn) return { send: [ready], ready: theirs }
      return { ask: { _tag: "Plain", ...hello, routingId: routingIdOf(theirs) } }
    },
    answer: (status, problem) => {
      if (status !== 200) return denied(status, problem)
      isLetIn = true
      return theirs === undefined ? { send: [welcome] } : { send: [ready], ready: theirs }
    }
  }
}

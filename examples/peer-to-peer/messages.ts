/**
 * What peers and their nameserver send to each other: always one frame of text.
 *
 * | from > to | sockets | message |
 * |---|---|---|
 * | nameserver > all | PUB > SUB | `NAMESERVER:<ip>`, again and again |
 * | peer > nameserver | REQ > REP | `<ip>:<name>`, again and again; the reply is `ok` |
 * | peer > nameserver | PUSH > PULL | what the peer says |
 * | nameserver > peers | PUB > SUB | `RELAY:<what a peer says>` |
 * | nameserver > peers | PUB > SUB | `USERS:<ip>:<name>,<ip>:<name>`, again and again |
 */
import { Message } from "@effect-zmq/core"
import { Duration } from "effect"

/** How often what is said again and again is said: beacons, registrations, and who is here. */
export const interval = Duration.seconds(1)

/** How long someone may be silent before they are taken to be gone. */
export const silence = Duration.seconds(3)

export const beacon = "NAMESERVER:"
export const relayed = "RELAY:"
export const users = "USERS:"

/** What follows a word in a message, if it begins with that. */
export const after = (word: string, message: Message.Message): string | undefined => {
  const text = Message.text(message)
  return text.startsWith(word) ? text.slice(word.length) : undefined
}

/** `<ip>:<name>` */
export const user = (host: string, name: string): string => `${host}:${name}`

/** A name: one line, and none of what separates names. */
export const isName = (name: string): boolean => /^[^:,\p{Cc}]+$/u.test(name)

export const isUser = (text: string): boolean => {
  const [, name] = /^[\d.]+:(.+)$/s.exec(text) ?? []
  return name !== undefined && isName(name)
}

/** A user as people are told of: `ada (127.0.0.1)`. */
export const describe = (user: string): string => {
  const [host, name] = user.split(":")
  return `${name} (${host})`
}

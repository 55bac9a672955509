/**
 * What the programs of the chat send to each other.
 *
 * A message has three frames: its room and a `/`, who says it, and what. The server says things as nobody: `""`. To be in a
 * room is to be subscribed to it (`lobby/`), and to it with one's name (`lobby/ada`): by that the server sees who comes and
 * goes, however they go. The `/` keeps those in `lob` from what is said in `lobby`.
 */
import { Message } from "@effect-zmq/core"
import { Schema } from "effect"
import { Flag } from "effect/cli"

/** Something said: the room with its `/`, who says it, and what. */
export const Saying = Message.frames([
  Message.Utf8.pipe(Schema.decodeTo(Schema.String.check(Schema.isPattern(/^[^/]+\/$/)))),
  Message.Utf8,
  Message.Utf8
])

/** What is no saying is told to be expected as. */
export const expected = "a room with a / at its end, a name, and a text"

/** What the members of a room subscribe to. */
export const topic = (room: string, name = ""): string => `${room}/${name}`

/** Whose arrival or departure a subscription is, if it is one. */
export const member = (subscription: Uint8Array): { readonly room: string; readonly name: string } | undefined => {
  const [, room, name] = /^([^/]+)\/(.+)$/s.exec(Message.text([subscription])) ?? []
  return room === undefined || name === undefined ? undefined : { room, name }
}

/** What the server says of who comes and goes. */
export const arrival = (name: string): string => `${name} is here`
export const departure = (name: string): string => `${name} has left`

/** `--name TEXT`, `--room TEXT`: of one line, and without a `/` */
export const label = (name: string, description: string, defaultTo: string) =>
  Flag.String(name).pipe(
    Flag.filter(
      (text) => /^[^/\p{Cc}]+$/u.test(text),
      () => `one line, not empty, and without a "/"`
    ),
    Flag.withDefault(defaultTo),
    Flag.withMetavar("TEXT"),
    Flag.withDescription(`${description} (default: ${defaultTo})`)
  )

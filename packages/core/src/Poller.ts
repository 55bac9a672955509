/**
 * Receives from several sockets at once: what other libraries call a poller is here the merging of streams.
 *
 * Both forms are lossless, as a socket's own `stream` is: a message is taken from its socket when the consumer asks for
 * the next one, and not before. When the consumer stops, is interrupted or times out, everything else is still in the
 * sockets. Streams that are not sockets join by `Stream.merge`.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import type * as Stream from "effect/Stream"
import * as internal from "./internal/poller.ts"
import type * as Socket from "./Socket.ts"

/**
 * What a socket gives, by the name it was given in the poller.
 *
 * @category models
 * @since 0.1.0
 */
export type Polled<Sockets extends Readonly<Record<string, Socket.Readable<unknown>>>> = {
  readonly [Name in keyof Sockets & string]: {
    readonly _tag: Name
    readonly value: Socket.Readable.Value<Sockets[Name]>
  }
}[keyof Sockets & string]

/**
 * The messages of several sockets, each with the name of its socket, one at a time and fairly: while several have
 * messages, they take turns. Ends when all of them are closed.
 *
 * **Example** (Tasks and weather)
 *
 * ```ts
 * Poller.merge({ task: tasks, weather }).pipe(
 *   Stream.runForEach(({ _tag, value }) => Effect.log(_tag, Message.text(value)))
 * )
 * ```
 *
 * @category merging
 * @since 0.1.0
 */
export const merge = <const Sockets extends Readonly<Record<string, Socket.Readable<unknown>>>>(
  sockets: Sockets
): Stream.Stream<Polled<Sockets>> => internal.poll(Object.entries(sockets), "fair")

/**
 * The messages of several sockets in order of priority: one of a later socket is given only when the sockets before it
 * have nothing. Ends when all of them are closed.
 *
 * @category merging
 * @since 0.1.0
 */
export const prioritize = <
  const Entries extends Arr.NonEmptyReadonlyArray<readonly [string, Socket.Readable<unknown>]>
>(
  entries: Entries
): Stream.Stream<
  {
    readonly [I in keyof Entries]: {
      readonly _tag: Entries[I][0]
      readonly value: Socket.Readable.Value<Entries[I][1]>
    }
  }[number]
> => internal.poll(entries, "priority")

/**
 * Files as messages, the receiver: saves what any number of senders send, in one directory.
 *
 *     npx --yes pnpm@12 exec node examples/multipart-file/receiver.ts --directory /tmp/received
 *
 * A file has its name when all of it is there, and not before: parts are written to a directory of their own, which is
 * gone when the receiver ends. A name is only a name: what would lead out of the directory, or over a file that is there
 * already, is refused. A sender that leaves in the middle is a line.
 */
import { type Endpoint, Message, Router, RoutingId, Socket } from "@effect-zmq/core"
import { Console, Effect, Semaphore, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { bind, main } from "../main.ts"
import { inbox } from "./inbox.ts"
import { Answer, maximumPartSize, Part } from "./messages.ts"
import { size } from "./problem.ts"

export const receiver = Effect.fnUntraced(function* (options: {
  readonly bind: Endpoint.Input
  readonly directory: string
}) {
  const files = yield* inbox(options.directory)
  // A sender that does not read its answers keeps nobody waiting.
  const router = yield* Router.make({ bind: options.bind, maxMessageSize: maximumPartSize, onFull: "drop" })
  yield* Console.log(`Saving files in ${options.directory}, from whoever sends to ${yield* Socket.endpoints(router)}`)

  const sendAnswer = Router.sendSchema(router, Answer)
  const answer = (to: RoutingId.RoutingId, message: Answer) =>
    // Who has left needs no answer.
    Effect.catchReason(sendAnswer({ to, message }), "ZmqError", "Unroutable", () => Effect.void)
  /** One at a time: parts, and the leaving of senders. */
  const turn = yield* Semaphore.make(1)

  const leave = Effect.fnUntraced(function* (peer: RoutingId.RoutingId) {
    const left = yield* files.leave(RoutingId.toHex(peer))
    if (left === undefined) return
    yield* Console.log(`${left.name}: its sender left when ${Math.floor(left.part * 100)} % was there; nothing is kept`)
  })

  const receive = Effect.fnUntraced(function* ({ from, message }: Router.Received<Part>) {
    const [name, , bytes, offset] = message
    const reply = yield* files.take(RoutingId.toHex(from), message)
    if (reply === undefined) return
    if (reply[0] === "saved") yield* Console.log(`${name}, ${size(bytes)}: saved`)
    if (reply[0] === "refused") yield* Console.log(`${shortened(name)} refused: ${reply[1]}`)
    yield* answer(from, reply)
    // It may have left before its first part was read; then nothing more is heard of it.
    if (offset === 0 && reply[0] === "more" && !(yield* isHere(router, from))) yield* leave(from)
  })

  const departures = Stream.runForEach(Socket.events(router), (event) =>
    event._tag === "PeerLeft" ? turn.withPermit(leave(event.routingId)) : Effect.void
  )
  const parts = Router.streamSchema(router, Part, {
    onMalformed: ({ from, message }) =>
      Effect.andThen(
        Console.log(`Refused ${Message.inspect(message)}: no part of a file`),
        Effect.orDie(answer(from, ["refused", "a part has five frames: name, date, size, offset, bytes"]))
      )
  }).pipe(Stream.runForEach((received) => turn.withPermit(receive(received))))
  yield* Effect.raceFirst(parts, Effect.andThen(departures, Effect.never))
}, Effect.scoped)

/** A name that may be anything, quoted and in one line. */
const shortened = (name: string): string => Message.inspect(Message.make(name))

const isHere = (router: Router.Router, peer: RoutingId.RoutingId) =>
  Effect.map(Router.peers(router), (peers) => {
    const id = RoutingId.toHex(peer)
    return peers.some((other) => RoutingId.toHex(other) === id)
  })

main(
  import.meta,
  Command.make(
    "receiver",
    {
      bind: bind("tcp://127.0.0.1:5567"),
      directory: Flag.String("directory").pipe(
        Flag.withMetavar("DIR"),
        Flag.withDefault("received"),
        Flag.withDescription("where to save files; made where it is not there (default: received)")
      )
    },
    receiver
  ).pipe(Command.withDescription("Saves the files that are sent to it."))
)

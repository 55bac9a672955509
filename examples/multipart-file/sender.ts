/**
 * Files as messages, the sender: sends files with their name and date, in as many parts as it takes.
 *
 *     npx --yes pnpm@12 exec node examples/multipart-file/sender.ts --file README.md --file package.json
 *
 * It sends no more parts than the receiver has asked for, so neither keeps more than a few of them in memory.
 */
import * as path from "node:path"
import { Dealer, type Endpoint, Socket, type ZmqError } from "@effect-zmq/core"
import { Console, Data, Effect, FileSystem, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { departure } from "../connected.ts"
import { connect, main } from "../main.ts"
import { Answer, Part, partSize } from "./messages.ts"
import { describe, FileProblem, size } from "./problem.ts"

/** Not all files were saved. */
export class NotSaved extends Data.TaggedError("NotSaved")<{ readonly refused: number; readonly files: number }> {
  override get message(): string {
    return `${this.refused} of ${this.files === 1 ? "1 file was" : `${this.files} files were`} not saved`
  }
}

export const sender = Effect.fnUntraced(function* (options: {
  readonly connect: Endpoint.Input
  readonly files: ReadonlyArray<string>
}) {
  const files = yield* Effect.forEach(options.files, look)
  const dealer = yield* Dealer.make({ connect: options.connect })
  yield* Console.log(`Sending to ${yield* Socket.endpoint(dealer)}, once it is there`)

  const answers = yield* answersOf(dealer)

  let refused = 0
  for (const file of files) {
    const problem = yield* send(dealer, answers, file)
    if (problem !== undefined) refused++
    yield* Console.log(`${file.name}, ${size(file.size)}: ${problem ?? "saved"}`)
  }
  if (refused > 0) return yield* new NotSaved({ refused, files: files.length })
}, Effect.scoped)

/** A file that can be sent. */
interface Source {
  readonly path: string
  readonly name: string
  readonly date: Date
  readonly size: number
}

/** Looks at a file, before anything is sent. */
const look = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const info = yield* Effect.mapError(fs.stat(file), (error) => describe(file, error))
  if (info.type !== "File") return yield* new FileProblem({ message: `${file} is not a file` })
  const source: Source = {
    path: file,
    name: path.basename(file),
    date: Option.getOrElse(info.mtime, () => new Date(0)),
    size: Number(info.size)
  }
  return source
})

/** Sends a file, and answers with why it was refused, if it was. */
const send = Effect.fnUntraced(
  function* (dealer: Dealer.Dealer, answers: Answers, source: Source) {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.open(source.path)
    const sendPart = Dealer.sendSchema(dealer, Part)
    const changed = new FileProblem({ message: `${source.path} has become shorter while it was sent` })
    let offset = 0
    const nextPart = Effect.gen(function* () {
      const wanted = Math.min(partSize, source.size - offset)
      const bytes = wanted === 0 ? new Uint8Array(0) : Option.getOrUndefined(yield* file.readAlloc(wanted))
      if (bytes === undefined) return yield* changed
      yield* sendPart([source.name, source.date, source.size, offset, bytes])
      offset += bytes.length
    })

    yield* nextPart
    for (;;) {
      const [answer, detail] = yield* answers(source.name)
      if (answer === "saved") return undefined
      if (answer === "refused") return `refused: ${detail}`
      for (let more = Number(detail); more > 0 && offset < source.size; more--) yield* nextPart
    }
  },
  Effect.scoped,
  (sending, _dealer, _answers, source) =>
    Effect.catchTag(sending, "PlatformError", (error) => Effect.fail(describe(source.path, error)))
)

/** The next answer, about this file. */
type Answers = (name: string) => Effect.Effect<Answer, FileProblem | ZmqError.ZmqError>

/** The answers of the receiver, for as long as it is there, and those that it gave before it left. */
const answersOf = Effect.fnUntraced(function* (dealer: Dealer.Dealer) {
  const left = yield* departure(dealer)
  const next: Answers = (name) =>
    Effect.gen(function* () {
      const received = Effect.asSome(Dealer.receive(dealer))
      const here = yield* Effect.raceFirst(received, Effect.as(left, Option.none()))
      const message = Option.isSome(here) ? here : yield* Dealer.poll(dealer)
      if (Option.isNone(message)) {
        return yield* new FileProblem({ message: `The receiver left before it had saved ${name}` })
      }
      // What is no answer is passed over: a newer receiver's, perhaps.
      return yield* Option.match(decode(message.value), { onNone: () => next(name), onSome: Effect.succeed })
    })
  return next
})

const decode = Schema.decodeOption(Answer)

main(
  import.meta,
  Command.make(
    "sender",
    {
      connect: connect("tcp://127.0.0.1:5567"),
      files: Flag.String("file").pipe(
        Flag.withMetavar("FILE"),
        Flag.atLeast(1),
        Flag.withDescription("what to send; may be given several times")
      )
    },
    sender
  ).pipe(Command.withDescription("Sends files, with their names and dates."))
)

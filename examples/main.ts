/**
 * What makes a program of an example: its flags, libzmq as the transport, and one calm line for what goes wrong.
 */
import { realpathSync } from "node:fs"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Endpoint, type Transport, ZmqError } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Console, Data, Duration, Effect, Layer, Option, Runtime } from "effect"
import { CliConfig, CliError, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"

/**
 * Runs a command, where its module is what Node was started with; a test that imports the module runs nothing.
 *
 * The exit code is 0, 1 for what went wrong, or 130 after Ctrl-C, which closes all sockets first.
 */
export const main = <Name extends string, Input, ContextInput, E extends Error>(
  module: ImportMeta,
  command: Command.Command<Name, Input, ContextInput, E, Command.Environment | Transport.Transport>
): void => {
  if (!isMain(module)) return
  // Who read the output has gone (`| head`): end as after Ctrl-C.
  process.stdout.on("error", () => process.emit("SIGINT"))
  command.pipe(
    Command.run({ version: "0.1.0" }),
    Effect.catchIf((error) => !CliError.isCliError(error), failWith),
    Effect.provide(Layer.mergeAll(ZmqTransport.layer, NodeServices.layer, output)),
    NodeRuntime.runMain
  )
}

/** `import.meta.main` is of Node 24.2; before, the file that Node was started with is compared. */
const isMain = (module: ImportMeta): boolean =>
  module.main ?? (process.argv[1] !== undefined && realpathSync(process.argv[1]) === module.filename)

/** Says what went wrong in one line: the reason of a socket's error, the message of any other. */
const failWith = (error: Error): Effect.Effect<never, Failed> =>
  Console.error(ZmqError.isZmqError(error) ? error.reason.message : error.message).pipe(
    Effect.andThen(Effect.fail(new Failed()))
  )

/** Ends the program with exit code 1; what there is to say has been said. */
class Failed extends Data.TaggedError("Failed") {
  override readonly [Runtime.errorReported]: boolean = false
}

/** The help on demand only: a wrong flag is one line. */
const output = Layer.mergeAll(
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
  CliOutput.layerPresenter({
    present: (event) =>
      event._tag === "InvalidInvocation"
        ? Console.error(`${event.errors.map((error) => error.message).join("\n")}\n\n--help tells what can be given.`)
        : CliOutput.defaultPresenter.present(event)
  })
)

// -----------------------------------------------------------------------------
// Flags
// -----------------------------------------------------------------------------

/** `--bind ENDPOINT` */
export const bind = (defaultTo: Endpoint.Text) =>
  checked("bind", Endpoint.parseBind).pipe(
    Flag.withDefault(defaultTo),
    Flag.withDescription(`where to listen (default: ${defaultTo})`)
  )

/** `--connect ENDPOINT` */
export const connect = (defaultTo: Endpoint.Text) =>
  checked("connect", Endpoint.parseConnect).pipe(
    Flag.withDefault(defaultTo),
    Flag.withDescription(`where to connect to (default: ${defaultTo})`)
  )

/** `--connect ENDPOINT --connect ENDPOINT`: the first, then the second. */
export const connectTwice = (first: Endpoint.Text, second: Endpoint.Text) =>
  checked("connect", Endpoint.parseConnect).pipe(
    Flag.between(0, 2),
    Flag.map(([a = first, b = second]): readonly [Endpoint.Input, Endpoint.Input] => [a, b]),
    Flag.withDescription(`where to connect to, given once for each (default: ${first}, then ${second})`)
  )

/** `--name NUMBER`: a whole number from 1 on */
export const number = (name: string, description: string, defaultTo: number, maximum = 1_000_000) =>
  Flag.String(name).pipe(
    Flag.filterMap(
      (text) => Option.filter(Option.some(Number(text)), (n) => /^[0-9]+$/.test(text) && n >= 1 && n <= maximum),
      () => `a whole number from 1 to ${maximum.toLocaleString("en-US")}`
    ),
    Flag.withDefault(defaultTo),
    Flag.withMetavar("NUMBER"),
    Flag.withDescription(`${description} (default: ${defaultTo})`)
  )

/** `--name DURATION`: "1 second", "250 millis" */
export const duration = (name: string, description: string, defaultTo: Duration.Duration) =>
  Flag.String(name).pipe(
    Flag.filterMap(
      // What is no duration is refused here.
      (text) => Duration.fromInput(text as Duration.Input),
      () => `a duration, such as "1 second" or "250 millis"`
    ),
    Flag.withDefault(defaultTo),
    Flag.withMetavar("DURATION"),
    Flag.withDescription(`${description} (default: ${Duration.format(defaultTo)})`)
  )

/** `--name ENDPOINT`, which must be given: where to connect to */
export const endpoint = (name: string, description: string) =>
  checked(name, Endpoint.parseConnect).pipe(Flag.withDescription(description))

/** An endpoint that is checked before anything is opened. */
const checked = (name: string, parse: typeof Endpoint.parse) =>
  Flag.String(name).pipe(
    Flag.withMetavar("ENDPOINT"),
    Flag.mapEffect((text) =>
      Effect.mapError(
        Effect.fromResult(parse(text)),
        (error) => new CliError.ValidationError({ message: `--${name}: ${error.message}` })
      )
    )
  )

/**
 * What makes a program of an example: its flags, the transport that it is to run on, and one calm line for what goes
 * wrong.
 */
import { realpathSync } from "node:fs"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Endpoint, type Transport, ZmqError } from "@effect-zmq/core"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { ZmtpTransport } from "@effect-zmq/transport-zmtp"
import { Cause, Console, Context, Data, Duration, Effect, Layer, Logger, LogLevel, Option, Runtime } from "effect"
import { CliConfig, CliError, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"

/** The transports that a program can run on, by the names of `--transport`. */
const transports = {
  zmq: ZmqTransport.layer,
  zmtp: ZmtpTransport.layer
} satisfies Readonly<Record<string, Layer.Layer<Transport.Transport>>>

/** The name of a transport. */
export type TransportName = keyof typeof transports

/** What the program runs on: what it hands to its threads (`transport`) and processes (`--transport`). */
export const TransportName: Context.Reference<TransportName> = Context.Reference<TransportName>(
  "effect-zmq/examples/TransportName",
  { defaultValue: () => "zmq" }
)

/** A transport by its name, for a thread, which has no flags. */
export const transport = (name: TransportName): Layer.Layer<Transport.Transport> =>
  Layer.merge(transports[name], Layer.succeed(TransportName, name))

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
    Command.provide(Layer.unwrap(Effect.map(chosen, transport))),
    Command.withGlobalFlags([chosen]),
    Command.run({ version: "0.1.0" }),
    Effect.catchIf((error) => !CliError.isCliError(error), failWith),
    Effect.provide(Layer.mergeAll(NodeServices.layer, output, warnings)),
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

/**
 * What is logged is one line as well, without a time and a fiber: a runner that is there, for instance, or a message that
 * could not be delivered.
 */
export const warnings = Logger.layer([
  Logger.make<unknown, void>((options) => {
    const said = Array.isArray(options.message) ? options.message : [options.message]
    const why = Cause.prettyErrors(options.cause).map((error) => error.message)
    const console = options.fiber.getRef(Console.Console)
    const line = [...said, ...why].join(": ")
    if (LogLevel.isGreaterThanOrEqualTo(options.logLevel, "Warn")) console.error(line)
    else console.log(line)
  })
])

/** An endpoint as it is written. */
export const text = (endpoint: Endpoint.Input): Endpoint.Text =>
  typeof endpoint === "string" ? endpoint : Endpoint.format(endpoint)

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

/** `--bind ENDPOINT`, given once for each endpoint, in the order of the defaults */
export const bind: Endpoints = (...defaults: ReadonlyArray<Endpoint.Text>) =>
  repeated(checked("bind", Endpoint.parseBind), "where to listen", defaults)

/** `--connect ENDPOINT`, given once for each endpoint, in the order of the defaults */
export const connect: Endpoints = (...defaults: ReadonlyArray<Endpoint.Text>) =>
  repeated(checked("connect", Endpoint.parseConnect), "where to connect to", defaults)

/** The flag of one endpoint, or of several: as many as there are defaults, which stand in for those that are not given. */
interface Endpoints {
  (defaultTo: Endpoint.Text): Flag.Flag<Endpoint.Input>
  <const Defaults extends readonly [Endpoint.Text, Endpoint.Text, ...ReadonlyArray<Endpoint.Text>]>(
    ...defaults: Defaults
  ): Flag.Flag<{ readonly [Index in keyof Defaults]: Endpoint.Input }>
}

const repeated = (flag: Flag.Flag<Endpoint.Input>, what: string, defaults: ReadonlyArray<Endpoint.Text>) => {
  const described =
    defaults.length === 1
      ? `${what} (default: ${defaults[0]})`
      : `${what}, given once for each (default: ${defaults.join(", then ")})`
  return flag.pipe(
    Flag.between(0, defaults.length),
    Flag.map((given) => {
      const all = defaults.map((defaultTo, i) => given[i] ?? defaultTo)
      // One for each default: what `Endpoints` says.
      return (defaults.length === 1 ? all[0] : all) as never
    }),
    Flag.withDescription(described)
  )
}

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

/** `--name`: yes, where it is given */
export const toggle = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDefault(false), Flag.withDescription(description))

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

/** `--transport NAME` */
const chosen = GlobalFlag.Setting("transport")({
  flag: Flag.String("transport").pipe(
    Flag.filterMap(
      (name) => Option.filter(Option.some(name), (name): name is TransportName => Object.hasOwn(transports, name)),
      () => `the name of a transport: ${Object.keys(transports).join(", ")}`
    ),
    Flag.withDefault<TransportName>("zmq"),
    Flag.withMetavar("NAME"),
    Flag.withDescription(`what carries the messages: ${Object.keys(transports).join(", ")} (default: zmq)`)
  )
})

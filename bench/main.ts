/**
 * `pnpm bench`: what the figures of this library are, beside something that one can compare them with.
 *
 * Both sides of a row run in turn, several times; a row is the median of each, and their ratio. Absolute figures are
 * this machine's, and of this hour: the ratios are what to read.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { curves } from "./curves.ts"
import { memory } from "./memory.ts"
import { page } from "./page.ts"
import { proxy } from "./proxy.ts"
import { services } from "./services.ts"
import { zmq } from "./zmq.ts"
import { zmtp } from "./zmtp.ts"

const bench = Command.make("bench").pipe(
  Command.withDescription("Measures this library beside what it stands on"),
  Command.withSubcommands([zmq, zmtp, curves, page, memory, proxy, services])
)

Command.run(bench, { version: "0.1.0" }).pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)

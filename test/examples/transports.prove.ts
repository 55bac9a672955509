/**
 * The examples, each played by ours alone on libzmq and on ZMTP in TypeScript: they print the same, but for addresses and
 * figures, and end with the same exit codes.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { type Ended, example, freeEndpoint } from "./program.ts"

/** A program, and until when: its own end, or Ctrl-C when all others have ended and it has printed what it is to print. */
interface Part {
  readonly program: string
  readonly bind?: ReadonlyArray<number>
  readonly connect?: ReadonlyArray<number>
  readonly flags?: ReadonlyArray<string>
  readonly until?: RegExp
}

const directory = mkdtempSync(path.join(tmpdir(), "effect-zmq-transports-"))
const file = path.join(directory, "photo.jpg")
writeFileSync(file, new Uint8Array(2_400_000))
afterAll(() => rmSync(directory, { recursive: true }))

const always = /^/

/** Endpoints are numbers: the same number is the same endpoint. */
const systems: Readonly<Record<string, ReadonlyArray<Part>>> = {
  hello: [
    { program: "hello/server", bind: [1], flags: ["--delay", "10 millis"], until: always },
    { program: "hello/client", connect: [1], flags: ["--count", "5"] }
  ],
  "hello, published": [
    { program: "hello/publisher", bind: [1], flags: ["--interval", "50 millis"], until: always },
    { program: "hello/subscriber", connect: [1], flags: ["--count", "3"] }
  ],
  weather: [
    { program: "weather/publisher", bind: [1], until: always },
    { program: "weather/subscriber", connect: [1], flags: ["--count", "2"] }
  ],
  "weather, in envelopes": [
    { program: "weather/envelope-publisher", bind: [1], until: always },
    { program: "weather/envelope-subscriber", connect: [1], flags: ["--count", "2"] }
  ],
  status: [
    { program: "status/server", bind: [1, 2], until: always },
    { program: "status/client", connect: [1, 2], flags: ["--id", "7"], until: /received/ }
  ],
  "async-server": [
    { program: "async-server/server", bind: [1], until: always },
    { program: "async-server/client", connect: [1], flags: ["--id", "ada"], until: /received .*#2/ },
    { program: "async-server/threaded-client", connect: [1], flags: ["--id", "bob"], until: /received .*#2/ }
  ],
  pipeline: [
    { program: "pipeline/sink", bind: [2, 3], flags: ["--kill-signal", "--tasks", "20"] },
    { program: "pipeline/worker", connect: [1, 2, 3], flags: ["--kill-signal"] },
    { program: "pipeline/ventilator", bind: [1], connect: [2], flags: ["--yes", "--tasks", "20"] }
  ],
  broker: [
    { program: "broker/broker", bind: [1, 2], until: always },
    { program: "broker/worker", connect: [2], until: always },
    { program: "broker/client", connect: [1] }
  ],
  "broker, the proxy": [
    { program: "broker/proxy", bind: [1, 2], until: always },
    { program: "broker/worker", connect: [2], until: always },
    { program: "broker/client", connect: [1] }
  ],
  forwarder: [
    { program: "weather/publisher", bind: [1], until: always },
    { program: "forwarder/proxy", connect: [1], bind: [2], until: always },
    { program: "weather/subscriber", connect: [2], flags: ["--count", "2"] }
  ],
  streamer: [
    { program: "streamer/proxy", bind: [1, 2], until: always },
    { program: "pipeline/sink", bind: [3], flags: ["--tasks", "20"] },
    { program: "pipeline/worker", connect: [2, 3], until: always },
    { program: "pipeline/ventilator", connect: [3], flags: ["--streamer", "1", "--yes", "--tasks", "20"] }
  ],
  "dealer-router": [
    { program: "dealer-router/server", bind: [1], until: always },
    { program: "dealer-router/client", connect: [1] }
  ],
  envelopes: [{ program: "dealer-router/envelopes" }],
  "multipart-file": [
    { program: "multipart-file/receiver", bind: [1], flags: ["--directory", directory], until: always },
    { program: "multipart-file/sender", connect: [1], flags: ["--file", file] }
  ],
  "sync-pubsub": [
    { program: "sync-pubsub/publisher", bind: [1, 2], flags: ["--subscribers", "2", "--messages", "100000"] },
    { program: "sync-pubsub/subscriber", connect: [1, 2] },
    { program: "sync-pubsub/subscriber", connect: [1, 2] }
  ],
  "threads, the relay": [{ program: "threads/relay" }],
  "threads, the service": [
    { program: "threads/service", bind: [1], until: always },
    { program: "hello/client", connect: [1], flags: ["--count", "2"] }
  ],
  interrupt: [
    { program: "interrupt/server", bind: [1], flags: ["--delay", "50 millis"], until: always },
    { program: "hello/client", connect: [1], flags: ["--count", "3"] }
  ],
  "high-water-mark": [
    { program: "high-water-mark/publisher", bind: [1, 2], flags: ["--messages", "10000", "--high-water-mark", "10"] },
    { program: "high-water-mark/subscriber", connect: [1, 2], flags: ["--high-water-mark", "10"] }
  ],
  doctor: ["subscription", "address", "server", "worker", "none"].map((fault) => ({
    program: "doctor/main",
    flags: ["--fault", fault]
  })),
  accounts: [
    {
      program: "accounts/bank",
      bind: [1, 2],
      flags: ["--directory", path.join(directory, "ledgers")],
      until: always
    },
    { program: "accounts/client", connect: [1], flags: ["--transfers", "1"] }
  ],
  rooms: [
    { program: "rooms/server", bind: [1], until: always },
    { program: "rooms/client", connect: [1], flags: ["--name", "ada"], until: /ada is here/ }
  ],
  "worker-pool": [
    { program: "worker-pool/dispatcher", bind: [1, 2], until: always },
    { program: "worker-pool/worker", connect: [2], flags: ["--name", "ada", "--delay", "5 millis"], until: always },
    { program: "worker-pool/client", connect: [1], flags: ["--calls", "20"] }
  ]
}

/** Plays a system, and gives what became of each of its programs. */
const play = (parts: ReadonlyArray<Part>, transport: string) =>
  Effect.gen(function* () {
    const endpoints = yield* Effect.forEach([1, 2, 3], () => freeEndpoint)
    const at = (flag: string, numbers: ReadonlyArray<number> = []) =>
      numbers.flatMap((n) => [flag, endpoints[n - 1] ?? ""])
    const running = yield* Effect.forEach(parts, (part) => {
      const flags = (part.flags ?? []).map((text, i, all) => (all[i - 1] === "--streamer" ? endpoints[0] : text) ?? "")
      const all = [...at("--bind", part.bind), ...at("--connect", part.connect), ...flags, "--transport", transport]
      return Effect.gen(function* () {
        const program = yield* example(part.program, ...all)
        // One after the other: who is first is part of what they print.
        yield* program.prints(/\n/)
        return { program, part }
      })
    })
    for (const { part, program } of running) {
      yield* part.until === undefined ? program.ended : program.prints(part.until)
    }
    for (const { part, program } of running) if (part.until !== undefined) yield* program.signal("SIGINT")
    return yield* Effect.forEach(running, ({ part, program }) =>
      Effect.map(program.ended, (ended) => [part.program, ended.code, said(ended)] as const)
    )
  }).pipe(Effect.scoped)

/** The kinds of lines: how often one comes, and where, is a matter of time. */
const said = ({ stderr, stdout }: Ended): ReadonlyArray<string> => {
  const lines = `${stdout}${stderr}`.split("\n").map((line) =>
    line
      .replaceAll(/(tcp|inproc):\/\/[^\s,:]+(:\d+)?/g, "ADDRESS")
      .replaceAll(/-?\d[\d,.]*/g, "#")
      .replaceAll(/\((zmq|zmtp)\)/g, "(TRANSPORT)")
      // What `status` reports is chance.
      .replaceAll(/:(ON|OFF)\)/g, ":STATE)")
      .replaceAll(/ +/g, " ")
  )
  // What is told every second, or by chance, or where the others end at the same time.
  return [...new Set(lines)].filter((line) => !/^# workers?, |cannot pay|^#: # from|^ada (has|takes)/.test(line)).sort()
}

describe("the same on zmq and on zmtp", () => {
  const same: Array<string> = []
  afterAll(() => console.log(`the same on zmq and on zmtp: ${same.join("; ")}`))
  for (const [name, parts] of Object.entries(systems)) {
    it.live(
      name,
      () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* play(parts, "zmtp"), yield* play(parts, "zmq"))
        }).pipe(Effect.onExit((exit) => Effect.sync(() => Exit.isSuccess(exit) && same.push(name)))),
      90_000
    )
  }
})

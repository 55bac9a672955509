/**
 * What is measured beside this library, each of which has peers of its own in `peers/`: how they are started, that both
 * ends have counted the same messages and summed up the same bytes, and why a side is missing where it is.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync } from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { crc32 } from "node:zlib"
import { Effect, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { missing, python } from "../test/interop/python.ts"
import { expected } from "./peers/checksum.ts"
import { type Result, type Task, warmUp } from "./peers/task.ts"

/** In the order in which they are shown. */
export const sides = ["addon", "ours", "c", "batched", "python", "net"] as const

export type Side = (typeof sides)[number]

export const names: Readonly<Record<Side, string>> = {
  addon: "the addon",
  ours: "effect-zmq",
  c: "libzmq in C",
  batched: "libzmq in C, 64 KB at a time",
  python: "pyzmq",
  net: "node:net alone"
}

export type Peer = Pick<Task, "role" | "form" | "subscribers" | "mark" | "timer"> & { readonly side: Side }

/** Two peers, and which of them reports. */
export interface Pairing {
  readonly bound: Peer
  readonly connected: Peer
  readonly measured: "bound" | "connected"
}

const peers = path.join(import.meta.dirname, "peers")

/** A libzmq with draft options, for Debian's has none: `peers/libzmq-draft.sh` makes one. */
const draft = process.env.LIBZMQ_DRAFT

const inC = { c: "", batched: "" }

/** Compiles the peers in C; gives why not, where it cannot be done. */
const compile = (side: keyof typeof inC, prefix: string | undefined): string | undefined => {
  const file = path.join(mkdtempSync(path.join(os.tmpdir(), "effect-zmq-bench-")), side)
  const own =
    prefix === undefined ? [] : [`-I${prefix}/include`, `-L${prefix}/lib`, `-Wl,-rpath,${path.resolve(prefix)}/lib`]
  const cc = spawnSync("cc", ["-O3", "-o", file, path.join(peers, "libzmq.c"), ...own, "-lzmq"], { encoding: "utf8" })
  if (cc.error !== undefined) return "there is no C compiler: cc"
  if (cc.status !== 0) return "cc could not compile bench/peers/libzmq.c: install libzmq3-dev"
  inC[side] = file
  const batch = side === "batched" ? batchSize : 0
  const { status, stdout } = spawnSync(file, ["version", "each", "16", "1", "1", "0", `${batch}`, "-"], {
    encoding: "utf8"
  })
  if (status !== 0) return "this libzmq has no draft options; LIBZMQ_DRAFT names one that has (peers/libzmq-draft.sh)"
  versions[side] = JSON.parse(stdout).version
  return undefined
}

const batchSize = 65_536

/** Which libzmq the sides in C are of. */
export const versions: Partial<Record<Side, string>> = {}

/** Makes what has to be made, and gives the sides that cannot be measured here, and why. */
export const missingSides = (wanted: ReadonlySet<Side>) =>
  Effect.sync(() => {
    const absent: Partial<Record<Side, string>> = {}
    const lacks = (side: Side, why: () => string | undefined) => {
      const reason = wanted.has(side) ? why() : "not asked for"
      if (reason !== undefined) absent[side] = reason
    }
    for (const side of ["addon", "ours", "net"] as const) lacks(side, () => undefined)
    lacks("c", () => compile("c", undefined))
    lacks("batched", () => compile("batched", draft))
    lacks("python", () => (python === undefined ? missing : undefined))
    return absent
  })

const spawn = ({ side, ...task }: Peer & Task) => {
  const options = {
    stderr: "inherit",
    env: { NODE_NO_WARNINGS: "1" }, // the addon tells when it waits for what is unsent
    extendEnv: true,
    killSignal: "SIGKILL"
  } as const
  if (side === "c" || side === "batched") {
    const { count, endpoint, form, mark = 0, role, size, subscribers = 1 } = task
    const numbers = [size, count, subscribers, mark, side === "batched" ? batchSize : 0].map(String)
    return ChildProcess.make(inC[side], [role, form, ...numbers, endpoint], options)
  }
  if (side === "python") {
    return ChildProcess.make(python ?? "", ["-uB", path.join(peers, "pyzmq.py"), JSON.stringify(task)], options)
  }
  const file = path.join(peers, `${{ addon: "raw", ours: "ours", net: "net" }[side]}.ts`)
  const ofSide = side === "ours" ? { ...task, transport: "zmtp" } : task
  // Only to measure the memory of connections and subscriptions: all else is as a program is started.
  const flags = task.role === "router" || task.role === "topics" ? ["--expose-gc"] : []
  return ChildProcess.make(process.execPath, [...flags, file, JSON.stringify(ofSide)], options)
}

/** A peer that runs: what it says, line by line, and the way to tell it that the other one has everything. */
const start = Effect.fnUntraced(function* (task: Peer & Task) {
  const process = yield* spawn(task)
  const lines = yield* Stream.toPull(
    process.stdout.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.filter((line) => line !== ""),
      Stream.map((line): unknown => JSON.parse(line)),
      Stream.rechunk(1)
    )
  )
  const line = lines.pipe(
    Effect.map(([value]) => value),
    Effect.orElseSucceed(() => undefined),
    Effect.flatMap((value) =>
      value === undefined
        ? Effect.die(new Error(`${names[task.side]}, ${task.role}, ${task.size} B: it ended without an answer`))
        : Effect.succeed(value)
    )
  )
  return {
    endpoint: Effect.map(line, (value) => (value as { readonly endpoint: string }).endpoint), // what peers print first
    result: Effect.map(line, (value) => value as Result), // and then
    release: Effect.ignore(Stream.run(Stream.empty, process.stdin))
  }
})

export interface Run {
  /** Of the peer that is measured. */
  readonly measured: Result
  readonly other: Result
}

/** Runs two peers; gives what both report, which has to agree. */
export const run = Effect.fnUntraced(
  function* (pairing: Pairing, size: number, count: number) {
    const { bound, connected, measured } = pairing
    const first = yield* start({ ...bound, size, count, endpoint: "" })
    const second = yield* start({ ...connected, size, count, endpoint: yield* first.endpoint })
    const [one, two] = measured === "bound" ? [first, second] : [second, first]
    const result = yield* one.result
    yield* two.release
    const results: Run = { measured: result, other: yield* two.result }
    const wrong = disagreement(pairing, size, count, results)
    if (wrong !== undefined) return yield* Effect.die(new Error(wrong))
    return results
  },
  Effect.scoped,
  Effect.timeout("2 minutes")
)

/** What is wrong with the messages of a run, if anything is. */
const disagreement = ({ bound, connected }: Pairing, size: number, count: number, { measured, other }: Run) => {
  const who = `${names[bound.side]} and ${names[connected.side]}, ${connected.role}, ${size} B`
  if (bound.role === "router") {
    // Each connection has compared what came back; the order of all is anybody's.
    return measured.messages === other.messages
      ? undefined
      : `${who}: ${measured.messages} and ${other.messages} messages`
  }
  const total = bound.role === "rep" ? warmUp + count : count
  const sums =
    bound.role === "topics"
      ? [other.checksum]
      : [bound.side === "python" ? expected(size, total, crc32) : expected(size, total)]
  for (const { checksum, messages } of [measured, other]) {
    if (messages !== total) return `${who}: ${messages} messages instead of ${total}`
    if (checksum !== sums[0]) return `${who}: the checksum is ${checksum} instead of ${sums[0]}`
  }
  return undefined
}

/** Where and when something was measured. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  /** In GB. */
  readonly memory: number
  readonly system: string
  readonly node: string
  readonly libzmq: string
  readonly at: string
  /** The load of the machine when it began: what others had it do. */
  readonly load: number
}

export const machine = Effect.sync((): Machine => {
  const [{ model } = { model: "unknown" }] = os.cpus()
  return {
    cpu: model,
    cores: os.cpus().length,
    memory: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()}`,
    node: process.version,
    libzmq: versions.c ?? versions.batched ?? "none in C",
    at: new Date().toISOString().slice(0, 10),
    load: Math.round((os.loadavg()[0] ?? 0) * 10) / 10
  }
})

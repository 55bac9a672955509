/** Schedules of faults: drawn by chance, made smaller, and printed. */
import * as Duration from "effect/Duration"
import * as Network from "../Network.ts"
import * as Generator from "./generator.ts"
import { inOrder, type Timed } from "./simulate.ts"

/** The kinds of faults that can be drawn. */
export type Kind = Exclude<Network.Fault["_tag"], "Heal" | "Allow" | "Clear">

/** What faults can be about. */
export interface Targets {
  readonly connections: ReadonlyArray<Connection>
  /** When the program ended without faults, in milliseconds. */
  readonly elapsed: number
}

interface Connection {
  readonly name: string
  readonly from: string
  readonly to: string
  readonly endpoint: string
}

export interface Choice {
  readonly kinds: ReadonlyArray<Kind>
  /** Only what touches one of these; `undefined` for all. */
  readonly hosts: ReadonlyArray<string> | undefined
  readonly max: number
}

/** The connections that a run had, by what was recorded of it. Over inproc there is no network to break. */
export const targetsOf = (
  trace: ReadonlyArray<Network.TraceEntry>,
  elapsed: number,
  hosts: ReadonlyArray<string> | undefined
): Targets => {
  const names = new Set(trace.flatMap((entry) => ("connection" in entry ? [entry.connection] : [])))
  const connections = [...names]
    .flatMap((name) => {
      const [, from = "", to = "", endpoint = ""] = /^(.*) → (.*) (\S+)$/.exec(name) ?? []
      return from === "" || endpoint.startsWith("inproc:") ? [] : [{ name, from, to, endpoint }]
    })
    .filter(({ from, to }) => hosts === undefined || hosts.includes(hostOf(from)) || hosts.includes(hostOf(to)))
  return { connections, elapsed }
}

const hostOf = (socket: string): string => socket.slice(0, socket.lastIndexOf("/"))

/** Draws one to `max` faults, in the order of their times. */
export const draw = (seed: number | string, targets: Targets, choice: Choice): ReadonlyArray<Timed> => {
  if (targets.connections.length === 0 || choice.kinds.length === 0 || choice.max < 1) return []
  const generator = Generator.make(seed, "faults")
  const count = Generator.between(generator, 1, choice.max)
  return inOrder(Array.from({ length: count }, () => drawOne(generator, targets, choice)))
}

const drawOne = (generator: Generator.Generator, { connections, elapsed }: Targets, choice: Choice): Timed => {
  const kind = Generator.pick(generator, choice.kinds)
  const connection = Generator.pick(generator, connections)
  const at = Generator.between(generator, 0, Math.max(1, Math.ceil(elapsed)))
  // As often short as long: 1 ms to about 3 s.
  const lasts = Math.ceil(10 ** (generator.nextDoubleUnsafe() * 3.5))
  const fault = faultOf(generator, kind, connection)
  return { at, lasts: Network.undo(fault) === undefined ? undefined : lasts, fault }
}

const faultOf = (generator: Generator.Generator, kind: Kind, connection: Connection): Network.Fault => {
  const { endpoint, from, name, to } = connection
  const [a, b] = [hostOf(from), hostOf(to)]
  // Where hosts are told apart, half of the faults are between hosts.
  const between = a !== b && generator.nextDoubleUnsafe() < 0.5 ? ([a, b] as const) : name
  const oneWay = generator.nextDoubleUnsafe() < 0.25
  switch (kind) {
    case "Partition":
      return Network.Fault.Partition({ between, oneWay })
    case "Latency": {
      const duration = Duration.millis(Math.ceil(10 ** (1 + generator.nextDoubleUnsafe() * 2)))
      return Network.Fault.Latency({ between, delay: Network.Delay.Fixed({ duration }), oneWay })
    }
    case "Bandwidth": {
      const bytesPerSecond = Math.ceil(10 ** (2 + generator.nextDoubleUnsafe() * 3))
      return Network.Fault.Bandwidth({ between, bytesPerSecond, oneWay })
    }
    case "Disconnect":
      return Network.Fault.Disconnect({ between })
    case "Corrupt":
      return Network.Fault.Corrupt({ between })
    case "Kill":
      return Network.Fault.Kill({ of: Generator.pick(generator, a === b ? [from, to] : [from, to, a, b]) })
    case "Refuse":
      return Network.Fault.Refuse({ endpoint })
    case "RejectHandshake":
      return Network.Fault.RejectHandshake({ endpoint })
  }
}

/** A fault that is simpler to think about, or at half its time, or of half its length: the better first. */
export const smaller = (timed: Timed): ReadonlyArray<Timed> => {
  const { at, fault, lasts } = timed
  const out: Array<Timed> = []
  const plainer = simpler(fault)
  if (plainer !== undefined) out.push({ ...timed, fault: plainer })
  if (at > 0) out.push({ ...timed, at: Math.floor(at / 2) })
  if (lasts !== undefined && lasts > 1) out.push({ ...timed, lasts: Math.floor(lasts / 2) })
  return out
}

/** All faults a little earlier or later. */
export const moved = (schedule: ReadonlyArray<Timed>): ReadonlyArray<ReadonlyArray<Timed>> =>
  [-1, 1, -2, 2, -4, 4, -8, 8].map((by) => schedule.map((timed) => ({ ...timed, at: Math.max(0, timed.at + by) })))

const simpler = (fault: Network.Fault): Network.Fault | undefined => {
  if (fault._tag === "Corrupt") return Network.Fault.Disconnect({ between: fault.between })
  if (fault._tag === "RejectHandshake") return Network.Fault.Refuse({ endpoint: fault.endpoint })
  return "oneWay" in fault && fault.oneWay ? { ...fault, oneWay: false } : undefined
}

// -----------------------------------------------------------------------------
// Printing
// -----------------------------------------------------------------------------

/** A line for each fault: when, how long, what and where. */
export const format = (schedule: ReadonlyArray<Timed>): string => {
  const rows = schedule.map(({ at, fault, lasts }) => [
    `at ${at} ms`,
    lasts === undefined ? "" : `for ${lasts} ms`,
    Network.formatFault(fault)
  ])
  const columns = ([0, 1, 2] as const).map((column) => Math.max(0, ...rows.map((row) => (row[column] ?? "").length)))
  return rows
    .map((row) => row.map((text, i) => (i === 0 ? text.padStart(columns[i] ?? 0) : text.padEnd(columns[i] ?? 0))))
    .map((row) =>
      row
        .filter((text) => text !== "")
        .join("   ")
        .trimEnd()
    )
    .join("\n")
}

/** The schedule as code: what makes it again. */
export const code = (schedule: ReadonlyArray<Timed>): string =>
  schedule.length === 0
    ? "[]"
    : `[\n${schedule
        .map(({ at, fault, lasts }) => {
          const lasting = lasts === undefined ? "" : ` lasts: ${lasts},`
          return `    { at: ${at},${lasting} fault: ${codeOf(fault)} }`
        })
        .join(",\n")}\n  ]`

const codeOf = ({ _tag, ...fields }: Network.Fault): string =>
  `Network.Fault.${_tag}({ ${Object.entries(fields)
    .map(([name, value]) => `${name}: ${codeOfValue(value)}`)
    .join(", ")} })`

const codeOfValue = (value: unknown): string => {
  if (isDelay(value)) {
    const durations = Object.entries(value).filter(([name]) => name !== "_tag")
    return `Network.Delay.${value._tag}({ ${durations.map(([name, of]) => `${name}: ${codeOfValue(of)}`).join(", ")} })`
  }
  if (Duration.isDuration(value)) return `Duration.millis(${Duration.toMillis(value)})`
  return Array.isArray(value) ? `[${value.map(codeOfValue).join(", ")}]` : JSON.stringify(value)
}

const isDelay = (value: unknown): value is Network.Delay =>
  Network.Delay.$is("Fixed")(value) || Network.Delay.$is("Uniform")(value) || Network.Delay.$is("Exponential")(value)

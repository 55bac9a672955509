/** Served groups beside `effect/rpc` over its own TCP socket protocol, with the same group, handlers, client and codec. */
import { Effect } from "effect"
import type { Served, Service } from "./peers/service.ts"
import { line, type Row, type Section, spawn } from "./sections.ts"
import { percentile } from "./table.ts"
import type { Kind } from "./zmq.ts"

const serve = Effect.fnUntraced(
  function* (kind: Kind, task: Omit<Service, "kind" | "role" | "connect">) {
    const { endpoint } = yield* line(yield* spawn("service.ts", { ...task, kind, role: "server" }))
    const served: Served = yield* line(yield* spawn("service.ts", { ...task, kind, role: "client", connect: endpoint }))
    return served
  },
  Effect.scoped,
  Effect.timeout("1 minute")
)

type Measured = Pick<Service, "codec" | "measure" | "width" | "count" | "transport">

const speed = (task: Measured) => (kind: Kind) => Effect.map(serve(kind, task), ({ count, seconds }) => count / seconds)

const p99 = (task: Measured) => (kind: Kind) => Effect.map(serve(kind, task), ({ calls }) => percentile(calls, 0.99))

const perSecond = "per second"

const rows = (transport: Service["transport"]): ReadonlyArray<Row> => [
  ...(["json", "binary"] as const).flatMap(
    (codec): ReadonlyArray<Row> => [
      {
        title: `unary, 64 in flight, ${codec}`,
        unit: perSecond,
        run: speed({ transport, codec, measure: "unary", width: 64, count: 100_000 }),
        ratio: 1.1
      },
      {
        title: `unary, one by one, ${codec}`,
        unit: perSecond,
        run: speed({ transport, codec, measure: "unary", width: 1, count: 15_000 }),
        ratio: 0.5
      },
      {
        title: `elements, 128 a chunk, ${codec}`,
        unit: perSecond,
        run: speed({ transport, codec, measure: "streams", width: 128, count: 2_560_000 }),
        figure: 1e6
      }
    ]
  ),
  {
    title: "unary p99 beside a stalled stream",
    unit: "milliseconds",
    run: p99({ transport, codec: "binary", measure: "stalled", width: 8, count: 8_000 }),
    figure: 5
  }
]

const beside = "effect/rpc, TCP"

export const served: ReadonlyArray<Section> = [
  { title: "served, over tcp, libzmq", beside, rows: rows("zmq") },
  { title: "served, over tcp, zmtp", beside, rows: rows("zmtp") }
]

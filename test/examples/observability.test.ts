import { createServer } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { example, run } from "./program.ts"

const get = (url: string) => Effect.promise((signal) => fetch(url, { signal }).then((response) => response.text()))

/** What Prometheus would read of a page: the value of each series. */
const parse = (text: string): ReadonlyMap<string, number> => {
  const series = new Map<string, number>()
  for (const line of text.split("\n")) {
    if (line === "" || /^# (HELP|TYPE) [a-z_]+ \S/.test(line)) continue
    const match = /^([a-z_]+(?:\{[a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*\})?) (\S+)$/.exec(line)
    assert.isNotNull(match, `no line of Prometheus: ${line}`)
    series.set(match?.[1] ?? "", Number(match?.[2]))
  }
  return series
}

const started = Effect.fnUntraced(function* (...flags: ReadonlyArray<string>) {
  const program = yield* example("observability/main", "--http", "127.0.0.1:*", ...flags)
  const [, url = ""] = yield* program.prints(/^Watch the sockets at (http:\S+), and their metrics at \S+\/metrics$/m)
  return { program, url }
})

/** Asks until it is so. */
const until = <A, E>(look: Effect.Effect<A, E>, isSo: (a: A) => boolean) =>
  Effect.repeat(look, { until: isSo, schedule: Schedule.spaced("50 millis") }).pipe(Effect.timeout("20 seconds"))

/** A collector, as far as it keeps what it is sent, by path. */
const collector = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly got: Map<string, string>; readonly close: () => void }>((resume) => {
    const got = new Map<string, string>()
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const path = request.url ?? ""
        got.set(path, `${got.get(path) ?? ""}${Buffer.concat(chunks)}\n`)
        response.setHeader("content-type", "application/json").end("{}")
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" ? address?.port : undefined
      const close = () => {
        server.closeAllConnections()
        server.close()
      }
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, got, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

/** A body that a collector gets (OTLP, as JSON). */
interface Traces {
  readonly resourceSpans: ReadonlyArray<{
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Span> }>
  }>
}

const spansOf = (body: string): ReadonlyArray<Span> => {
  const { resourceSpans }: Traces = JSON.parse(body)
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
}

interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
}

describe("observability", () => {
  it.live("what Prometheus reads has every socket by its name, and rises; the page has it every second", () =>
    Effect.gen(function* () {
      const { program, url } = yield* started()
      const metrics = Effect.map(get(`${url}/metrics`), parse)
      const sent = 'zmq_messages_sent{type="PUSH",name="tasks",transport="zmq"}'
      const first = yield* until(metrics, (series) => (series.get(sent) ?? 0) > 0)
      const second = yield* until(metrics, (series) => (series.get(sent) ?? 0) > (first.get(sent) ?? 0))
      for (const [socket, type] of [
        ["worker, slow", "PULL"],
        ["reader", "SUB"],
        ["client", "REQ"],
        ["server", "REP"]
      ]) {
        const of = (id: string, more = "") => `${id}{${more}type="${type}",name="${socket}",transport="zmq"}`
        assert.isTrue(second.has(of("zmq_messages_received")), socket)
        assert.isTrue(second.has(of("zmq_peers")), socket)
      }
      assert.match(yield* get(url), /^<!doctype html>.*new EventSource\("\/live"\)/s)
      const events = yield* Effect.promise(async (signal) => {
        const response = await fetch(`${url}/live`, { signal })
        let text = ""
        for await (const chunk of response.body ?? []) {
          text += Buffer.from(chunk).toString()
          if (text.split("\n\n").length > 2) break
        }
        return text.split("\n\n").slice(0, 2)
      })
      const [before, after] = events.map((event) => {
        const rows: ReadonlyArray<{ readonly name: string; readonly counts: Record<string, number> }> = JSON.parse(
          event.replace(/^data: /, "")
        )
        return rows.find(({ name }) => name === "tasks")?.counts.zmq_messages_sent ?? 0
      })
      assert.isAbove(after ?? 0, before ?? 0)
      yield* program.signal("SIGINT")
      assert.deepInclude(yield* program.ended, { code: 130, stderr: "" })
    }).pipe(Effect.scoped)
  )

  it.live(
    "a collector gets the metrics, and one trace of the client and the server",
    () =>
      Effect.gen(function* () {
        const { got, url } = yield* collector
        yield* started("--otlp", url)
        const received = (path: string) => Effect.sync(() => got.get(path) ?? "")
        const traces = yield* until(
          received("/v1/traces"),
          (text) => text.includes('"zmq.serve"') && text.includes('"somebody asks"') && text.includes('"zmq.request"')
        )
        const metrics = yield* until(received("/v1/metrics"), (text) => text.includes('"zmq_messages_received"'))
        assert.match(metrics, /"zmq_messages_dropped"/)
        const spans = traces.trim().split("\n").flatMap(spansOf)
        const serve = spans.find((span) => span.name === "zmq.serve" && parentOf(span, spans) !== undefined)
        const request = serve && parentOf(serve, spans)
        assert.strictEqual(request?.name, "zmq.request")
        assert.strictEqual(request && parentOf(request, spans)?.name, "somebody asks")
        assert.strictEqual(serve?.traceId, request?.traceId)
      }).pipe(Effect.scoped),
    30_000
  )

  it.live("a taken port, and flags that are wrong, are a line, and exit code 1", () =>
    Effect.gen(function* () {
      const { url } = yield* started()
      const place = url.replace("http://", "")
      const taken = yield* run("observability/main", "--http", place)
      assert.strictEqual(taken.stderr, `${url} is in use already: choose another by --http\n`)
      const wrong = yield* run("observability/main", "--http", "here")
      assert.match(wrong.stderr, /an address, such as "127\.0\.0\.1:9464"/)
      const nowhere = yield* run("observability/main", "--otlp", "nowhere")
      assert.match(nowhere.stderr, /a URL, such as/)
      for (const { code, stdout } of [taken, wrong, nowhere]) assert.deepStrictEqual([code, stdout], [1, ""])
    }).pipe(Effect.scoped)
  )
})

const parentOf = (span: Span, spans: ReadonlyArray<Span>) => spans.find(({ spanId }) => spanId === span.parentSpanId)

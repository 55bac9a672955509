/**
 * Observability: what sockets do, as metrics and traces, and as a page that lives.
 *
 *     npx --yes pnpm@12 exec node examples/observability/main.ts
 *
 * Nothing is set up at the sockets but their names: they count by themselves. Prometheus can read the counts at `/metrics`;
 * with `--otlp http://127.0.0.1:4318`, traces, metrics and logs go to an OpenTelemetry collector.
 */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Console, Data, Effect, Layer, Option, Schedule, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { FetchHttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { Otlp, PrometheusMetrics } from "effect/observability"
import { main } from "../main.ts"
import { page } from "./page.ts"
import { rows } from "./sockets.ts"
import { traffic } from "./traffic.ts"

/** The counts of all sockets, at once and then every second (server-sent events). */
const live = Stream.fromSchedule(Schedule.spaced("1 second")).pipe(
  Stream.merge(Stream.succeed(0)),
  Stream.mapEffect(() => rows),
  Stream.map((all) => `data: ${JSON.stringify(all)}\n\n`),
  Stream.encodeText
)

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/", HttpServerResponse.html(page)),
  HttpRouter.add("GET", "/live", HttpServerResponse.stream(live, { contentType: "text/event-stream" })),
  PrometheusMetrics.layerHttp()
)

class Taken extends Data.TaggedError("Taken")<{ readonly message: string }> {}

interface Place {
  readonly host: string
  readonly port: number
}

const server = ({ host, port }: Place) =>
  HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    // Pages that are open do not hold up the end.
    Layer.provideMerge(NodeHttpServer.layer(createServer, { host, port, gracefulShutdownTimeout: "100 millis" })),
    Layer.catch(() =>
      Layer.effectContext(
        Effect.fail(new Taken({ message: `http://${host}:${port} is in use already: choose another by --http` }))
      )
    )
  )

const collector = (baseUrl: string) =>
  Otlp.layerJson({
    baseUrl,
    resource: { serviceName: "effect-zmq-observability" },
    metricsExportInterval: "1 second",
    tracerExportInterval: "1 second"
  }).pipe(Layer.provide(FetchHttpClient.layer))

export const observability = Effect.fnUntraced(function* (options: {
  readonly http: Place
  /** Where a collector listens. */
  readonly otlp: Option.Option<string>
}) {
  const program = Effect.gen(function* () {
    const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
    yield* Console.log(`Watch the sockets at ${url}, and their metrics at ${url}/metrics`)
    yield* Effect.scoped(traffic)
  })
  const exported = Option.match(options.otlp, {
    onNone: () => program,
    onSome: (baseUrl) => Effect.provide(program, collector(baseUrl))
  })
  yield* Effect.provide(exported, server(options.http))
})

const http = Flag.String("http").pipe(
  Flag.filterMap(
    (text) => {
      const [, host = "", port = ""] = /^([^\s:]+):([0-9]{1,5}|\*)$/.exec(text) ?? []
      const number = port === "*" ? 0 : Number(port)
      return host === "" || number > 65_535 ? Option.none() : Option.some({ host, port: number })
    },
    () => `an address, such as "127.0.0.1:9464"; a port * is any free one`
  ),
  Flag.withDefault({ host: "127.0.0.1", port: 9464 }),
  Flag.withMetavar("ADDRESS"),
  Flag.withDescription("where the page and the metrics are (default: 127.0.0.1:9464)")
)

const otlp = Flag.String("otlp").pipe(
  Flag.filterMap(
    (text) => Option.filter(Option.some(text), (text) => /^https?:\/\//.test(text) && URL.canParse(text)),
    () => `a URL, such as "http://127.0.0.1:4318"`
  ),
  Flag.optional,
  Flag.withMetavar("URL"),
  Flag.withDescription("send traces, metrics and logs to this OpenTelemetry collector (default: to none)")
)

main(
  import.meta,
  Command.make("observability", { http, otlp }, observability).pipe(
    Command.withDescription("Sockets at work, with a page that shows what they do.")
  )
)

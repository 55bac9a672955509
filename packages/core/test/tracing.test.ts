import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { Dealer, MemoryTransport, Message, Rep, Req, type Transport } from "../src/index.ts"

const bind = "inproc://traced"

/** Gives the spans that ended while it ran, too. */
const observed = <A, E>(body: Effect.Effect<A, E, Transport.Transport | Scope.Scope>) =>
  Effect.suspend(() => {
    const spans: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        const end = span.end.bind(span)
        span.end = (time, exit) => {
          end(time, exit)
          spans.push(span)
        }
        return span
      }
    })
    return body.pipe(
      Effect.scoped,
      Effect.provide(MemoryTransport.layer),
      Effect.provideService(Tracer.Tracer, tracer),
      Effect.map((value) => ({ value, spans }))
    )
  })

const parentOf = (span: Tracer.Span | undefined) => Option.getOrUndefined(span?.parent ?? Option.none())?.spanId

const serving = (options: Partial<Rep.Options>, seen: Array<string>) =>
  Effect.gen(function* () {
    const rep = yield* Rep.make({ bind, ...options })
    yield* Effect.forkScoped(
      Rep.serve(rep, (request) =>
        Effect.as(
          Effect.sync(() => seen.push(request.map((frame) => Message.text([frame])).join("|"))),
          "done"
        ).pipe(Effect.withSpan("handler"))
      )
    )
  })

describe("traces of requests", () => {
  it.effect("what a server does with a request is a child of the client's span", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const { spans, value } = yield* observed(
        Effect.gen(function* () {
          yield* serving({ trace: true }, seen)
          const req = yield* Req.make({ connect: bind, trace: true, name: "client" })
          return yield* Effect.withSpan(Req.request(req, ["a", "b"]), "program")
        })
      )
      assert.strictEqual(Message.text(value), "done")
      assert.deepStrictEqual(seen, ["a|b"])
      const [handler, serve, request, program] = ["handler", "zmq.serve", "zmq.request", "program"].map((name) =>
        spans.find((span) => span.name === name)
      )
      assert.deepStrictEqual(
        [parentOf(handler), parentOf(serve), parentOf(request)],
        [serve?.spanId, request?.spanId, program?.spanId]
      )
      assert.strictEqual(new Set(spans.map(({ traceId }) => traceId)).size, 1)
      assert.deepStrictEqual([serve?.kind, request?.kind], ["server", "client"])
      assert.deepStrictEqual(Object.fromEntries(request?.attributes ?? []), {
        "messaging.system": "zeromq",
        "zmq.name": "client",
        "zmq.type": "REQ"
      })
    })
  )

  it.effect("on the wire it is one frame before the request: traceparent, as W3C has it", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const { spans } = yield* observed(
        Effect.gen(function* () {
          yield* serving({}, seen)
          const req = yield* Req.make({ connect: bind, trace: true })
          yield* Req.request(req, "plain server")
        })
      )
      const request = spans.find(({ name }) => name === "zmq.request")
      assert.deepStrictEqual(seen, [`traceparent: 00-${request?.traceId}-${request?.spanId}-01|plain server`])
      assert.isUndefined(spans.find(({ name }) => name === "zmq.serve"))
    })
  )

  it.effect("clients that do not trace are served as ever, each in a trace of its own; nothing else is taken off", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const requests = [
        ["plain"],
        ["traceparent: 00-0-0-01", "body"],
        [`traceparent: 00-${"0".repeat(32)}-${"1".repeat(16)}-01`, "body"],
        [`traceparent: 00-${"1".repeat(32)}-${"1".repeat(16)}-01`]
      ]
      const { spans } = yield* observed(
        Effect.gen(function* () {
          yield* serving({ trace: true }, seen)
          const dealer = yield* Dealer.make({ connect: bind })
          for (const request of requests) {
            yield* Dealer.send(dealer, ["", ...request])
            yield* Dealer.receive(dealer)
          }
        })
      )
      assert.deepStrictEqual(
        seen,
        requests.map((request) => request.join("|"))
      )
      const serves = spans.filter(({ name }) => name === "zmq.serve")
      assert.strictEqual(new Set(serves.map(({ traceId }) => traceId)).size, requests.length)
      assert.isTrue(serves.every(({ parent }) => Option.isNone(parent)))
    })
  )

  it.effect("a request that fails, or is interrupted, ends its span; receive takes the frame off, too", () =>
    Effect.gen(function* () {
      const { spans, value } = yield* observed(
        Effect.gen(function* () {
          const rep = yield* Rep.make({ bind, trace: true })
          const req = yield* Req.make({ connect: bind, trace: true })
          const asking = yield* Effect.forkChild(Req.request(req, "hello"), { startImmediately: true })
          const request = yield* Rep.receive(rep)
          yield* Effect.sync(() => asking.interruptUnsafe())
          yield* Effect.yieldNow
          return request.length
        })
      )
      assert.strictEqual(value, 1)
      assert.deepStrictEqual(
        spans.map(({ name, status }) => [name, status._tag]),
        [["zmq.request", "Ended"]]
      )
    })
  )
})

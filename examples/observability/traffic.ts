/** Something to look at: tasks, news and requests, between sockets of this process. */
import { Message, Pub, Pull, Push, Rep, Req, Socket, Sub } from "@effect-zmq/core"
import { Effect, Random, Schedule, Schema, Stream } from "effect"

const bind = "tcp://127.0.0.1:*"

/** Tasks for two workers, of which one is slow, and one comes and goes. */
const tasks = Effect.gen(function* () {
  const push = yield* Push.make({ name: "tasks", bind, highWaterMark: { send: 50 } })
  const connect = yield* endpointOf(push)
  const worker = (name: string, millis: number) =>
    Effect.flatMap(Pull.make({ name, connect, highWaterMark: { receive: 50 } }), (pull) =>
      Pull.runForEach(pull, () => Effect.sleep(millis))
    ).pipe(Effect.scoped)
  const temporary = worker("worker, now and then", 5).pipe(Effect.timeoutOption("4 seconds"))
  yield* Effect.forkScoped(worker("worker, slow", 40))
  yield* Effect.forkScoped(Effect.repeat(temporary, Schedule.spaced("3 seconds")))
  const burst = Random.nextIntBetween(1, 12)
  yield* Effect.forever(
    Effect.andThen(
      Effect.flatMap(burst, (count) =>
        Push.sendAll(
          push,
          Array.from({ length: count }, () => "a task")
        )
      ),
      Effect.sleep("50 millis")
    )
  )
})

/** News for two readers; what one of them cannot read is dropped, and counted. */
const news = Effect.gen(function* () {
  const pub = yield* Pub.make({ name: "news", bind })
  const connect = yield* endpointOf(pub)
  const reader = (name: string, subscribe: string) =>
    Effect.flatMap(Sub.make({ name, connect, subscribe }), (sub) =>
      Stream.runDrain(Sub.streamSchema(sub, Message.frames([Message.Utf8, Message.json(Schema.Finite)])))
    )
  yield* Effect.forkScoped(reader("reader", ""))
  yield* Effect.forkScoped(reader("reader of sports", "sports"))
  yield* Effect.forever(
    Effect.gen(function* () {
      const topic = yield* Random.choice(["sports", "weather", "culture"])
      const number = yield* Random.nextIntBetween(0, 100)
      yield* Pub.send(pub, [topic, number < 5 ? "not a number" : `${number}`])
      yield* Effect.sleep("20 millis")
    })
  )
})

/** A client that asks a server: with `trace`, one trace of both. */
const requests = Effect.gen(function* () {
  const rep = yield* Rep.make({ name: "server", bind, trace: true })
  const req = yield* Req.make({ name: "client", connect: yield* endpointOf(rep), trace: true })
  yield* Effect.forkScoped(
    Rep.serve(rep, (request) =>
      Random.nextIntBetween(5, 50).pipe(
        Effect.flatMap(Effect.sleep),
        Effect.withSpan("look it up"),
        Effect.as([`an answer to ${Message.text(request)}`])
      )
    )
  )
  yield* Effect.forever(
    Effect.andThen(Effect.withSpan(Req.request(req, "a question"), "somebody asks"), Effect.sleep("200 millis"))
  )
})

const endpointOf = Effect.fnUntraced(function* (socket: Socket.Socket) {
  return yield* Socket.endpoint(socket)
})

/** All of it, for as long as the scope is open. */
export const traffic = Effect.all([tasks, news, requests], { concurrency: "unbounded", discard: true })

/**
 * ROUTER in place of REP: works on any number of requests at once, and answers each when it is ready.
 *
 *     npx --yes pnpm@12 exec node examples/dealer-router/server.ts
 *
 * Its clients may be dealer-router/client.ts, or the REQ of hello/client.ts: on the wire it is a REP.
 */
import { type Endpoint, Message, Router, Socket } from "@effect-zmq/core"
import { Envelope } from "@effect-zmq/patterns"
import { Console, type Duration, Effect, FiberSet, Stream } from "effect"
import { Command } from "effect/cli"
import { bind, main } from "../main.ts"
import { skip } from "../messages.ts"

/** Ids of who is on the way back, an empty frame, and text: what a REP would give as text. */
const Request = Envelope.enveloped(Message.frame(Message.Utf8))

export const server = Effect.fnUntraced(function* (options: {
  readonly bind: Endpoint.Input
  /** How long the work on a request takes. */
  readonly delay: Duration.Input
}) {
  const router = yield* Router.make({ bind: options.bind })
  const underWay = yield* FiberSet.make<void, never>()
  yield* Console.log(`Listening on ${yield* Socket.endpoints(router)}`)

  const expected = skip("an envelope, which ends with an empty frame, and a request")
  const requests = Router.streamSchema(router, Request, {
    onMalformed: ({ from, message }) => expected([from, ...message])
  })
  yield* Stream.runForEach(
    requests,
    Effect.fnUntraced(function* ({ from, message: { addresses, body } }) {
      yield* Console.log(`${JSON.stringify(body)}, ${(yield* FiberSet.size(underWay)) + 1} under way`)
      // A REP would keep the envelope, and put it back by itself.
      const answer = Router.send(router, { to: from, message: Envelope.join(addresses, "World") })
      // Where the client has left by then, its answer is nobody's.
      yield* FiberSet.run(underWay, Effect.ignore(Effect.delay(answer, options.delay)))
    })
  )
}, Effect.scoped)

main(
  import.meta,
  Command.make("server", { bind: bind("tcp://127.0.0.1:5555") }, ({ bind }) =>
    server({ bind, delay: "1 second" })
  ).pipe(Command.withDescription("Answers any number of requests at once, by a ROUTER."))
)

/**
 * The way of a request and of its answer, REQ > ROUTER > DEALER > REP and back, with every frame at every hop.
 *
 *     npx --yes pnpm@12 exec node examples/dealer-router/envelopes.ts
 *
 * The four sockets are in one program. The endpoints are those between REQ and ROUTER, and between DEALER and REP:
 * inproc, or any others.
 */
import { Dealer, type Endpoint, Message, Rep, Req, Router, Socket } from "@effect-zmq/core"
import { Envelope } from "@effect-zmq/patterns"
import { Array, Console, Data, Effect, Fiber } from "effect"
import { Command } from "effect/cli"
import { bind, main } from "../main.ts"

const hello = Message.make("Hello")
const world = Message.make("World")

export const envelopes = Effect.fnUntraced(function* (options: {
  /** Of the ROUTER, and of the DEALER. */
  readonly bind: readonly [Endpoint.Input, Endpoint.Input]
}) {
  const router = yield* Router.make({ bind: options.bind[0] })
  const dealer = yield* Dealer.make({ bind: options.bind[1] })
  const req = yield* Req.make({ connect: yield* Socket.endpoint(router), routingId: "ada" })
  const rep = yield* Rep.make({ connect: yield* Socket.endpoint(dealer) })

  yield* Console.log("A request, and the frames that each socket gives or takes:\n")
  yield* hop("REQ", "sends", "the body; on the wire an empty frame goes before it", hello)
  const answered = yield* Effect.forkChild(Req.request(req, hello), { startImmediately: true })

  const request = yield* Router.receive(router)
  yield* hop("ROUTER", "receives", "the id of who sent it, and then what was on the wire", [
    request.from,
    ...request.message
  ])
  yield* hop("DEALER", "sends", "all of it, as it is", [request.from, ...request.message])
  yield* Dealer.send(dealer, [request.from, ...request.message])
  yield* hop("REP", "receives", "the body; what is up to the empty frame it keeps", yield* Rep.receive(rep))

  yield* Console.log("And its answer:\n")
  yield* hop("REP", "sends", "the body; on the wire what it kept goes before it", world)
  yield* Rep.reply(rep, world)
  const reply = yield* Dealer.receive(dealer)
  yield* hop("DEALER", "receives", "all that was on the wire", reply)
  const [to, ...message] = reply
  if (!Array.isArrayNonEmpty(message)) return yield* new NoEnvelope()
  yield* hop("ROUTER", "sends", "to whom the first frame names; the rest goes on the wire", reply)
  yield* Router.send(router, { to, message })
  yield* hop("REQ", "receives", "the body; the empty frame is gone", yield* Fiber.join(answered))
}, Effect.scoped)

class NoEnvelope extends Data.TaggedError("NoEnvelope") {
  override readonly message = "The answer has lost its envelope"
}

/** Prints a hop: what the socket does, and the frames, a line each. */
const hop = (socket: string, does: string, what: string, frames: Message.Message) =>
  Console.log(`  ${`${socket} ${does}`.padEnd(16)}   ${what}\n${Envelope.format(frames).replaceAll(/^/gm, "      ")}\n`)

main(
  import.meta,
  Command.make("envelopes", { bind: bind("inproc://frontend", "inproc://backend") }, envelopes).pipe(
    Command.withDescription("Prints every frame of a request and its answer, from REQ to REP and back.")
  )
)

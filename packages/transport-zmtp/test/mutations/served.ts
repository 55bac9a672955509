/** The sockets that mutations are sent to, and a good peer that is served meanwhile, with what it notices of them. */

import type { Endpoint } from "@effect-zmq/core"
import * as Dealer from "@effect-zmq/core/Dealer"
import * as Message from "@effect-zmq/core/Message"
import * as Pull from "@effect-zmq/core/Pull"
import * as Rep from "@effect-zmq/core/Rep"
import * as Req from "@effect-zmq/core/Req"
import * as Router from "@effect-zmq/core/Router"
import * as Security from "@effect-zmq/core/Security"
import * as Socket from "@effect-zmq/core/Socket"
import * as XPub from "@effect-zmq/core/XPub"
import * as ZmtpTransport from "@effect-zmq/transport-zmtp/ZmtpTransport"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { bound } from "./mutate.ts"

/** Where the sockets that are bound are, each by tcp and by ipc. */
export type Places = Readonly<Record<(typeof bound)[number], ReadonlyArray<string>>>

/** What happens to the requests of the good peer. */
export interface Requests {
  readonly begun: () => void
  readonly answered: () => void
}

const limits = { messageBytes: 1_000_000, handshakeBytes: 4096 }

export const layer = ZmtpTransport.layerWith({ limits })

/** Opens them all; in which places, and what happened to how many connections by then. `hostile` is connected to. */
export const serve = Effect.fnUntraced(function* (
  hostile: { readonly dealer: Endpoint.Text; readonly plainDealer: Endpoint.Text },
  requests: Requests
) {
  const options = { bind: ["tcp://127.0.0.1:*", "ipc://*"], handshakeInterval: "1 second" } as const
  const again = { reconnect: { initial: 1, maximum: 1 }, handshakeInterval: "1 second" } as const
  const security = Security.plain({
    authenticate: ({ password }) =>
      Redacted.value(password) === "password" ? Effect.succeed({ id: "somebody" }) : Security.denied()
  })
  // Most are let in; those who are not, after a while.
  const judged = Security.null({
    authenticate: ({ routingId }) =>
      (routingId?.[0] ?? 255) < 30
        ? Effect.andThen(Effect.sleep(1), Security.denied())
        : Effect.succeed({ id: "somebody" })
  })
  const sockets = {
    router: yield* Router.make(options),
    rep: yield* Rep.make({ ...options, security: judged }),
    xpub: yield* XPub.make(options),
    plainRouter: yield* Router.make({ ...options, security }),
    plainPull: yield* Pull.make({ ...options, security })
  }
  const dealer = yield* Dealer.make({ connect: hostile.dealer, security: judged, ...again })
  const plainDealer = yield* Dealer.make({
    connect: hostile.plainDealer,
    security: Security.plain({ username: "name", password: Redacted.make("password") }),
    ...again
  })
  let received = 0
  const count = () => {
    received++
  }
  const drain = <A, E>(stream: Stream.Stream<A, E>) =>
    Effect.forkScoped(Stream.runForEach(stream, () => Effect.sync(count)))
  yield* drain(Router.stream(sockets.router))
  yield* drain(Router.stream(sockets.plainRouter))
  yield* drain(Pull.stream(sockets.plainPull))
  yield* drain(XPub.stream(sockets.xpub))
  yield* drain(Dealer.stream(dealer))
  yield* drain(Dealer.stream(plainDealer))
  yield* Effect.forkScoped(
    Rep.serve(sockets.rep, (request) => {
      count()
      return Effect.succeed(request)
    })
  )
  const told: Record<string, number> = {}
  for (const socket of [...Object.values(sockets), dealer, plainDealer]) {
    yield* Effect.forkScoped(
      Stream.runForEach(Socket.events(socket), (event) =>
        Effect.sync(() => {
          const name = event._tag === "LimitExceeded" ? event.limit : event._tag
          told[name] = (told[name] ?? 0) + 1
        })
      )
    )
  }
  const [connect] = yield* Socket.endpoints(sockets.rep)
  const req = yield* Req.make({ connect: connect as Endpoint.Text }) // bound above
  let served = 0
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.gen(function* () {
        requests.begun()
        const reply = yield* Req.request(req, `request ${served}`)
        if (Message.text(reply) !== `request ${served}`) throw new Error(`the answer to ${served} is another's`)
        requests.answered()
        served++
        yield* Effect.sleep("2 millis")
      })
    )
  )
  const places: Record<string, ReadonlyArray<string>> = {}
  for (const [name, socket] of Object.entries(sockets)) places[name] = yield* Socket.endpoints(socket)
  return {
    // All of them.
    places: places as Places,
    peers: Effect.map(Effect.all([Router.peers(sockets.router), Router.peers(sockets.plainRouter)]), (all) =>
      all.flat()
    ),
    counts: () => ({ served, received, told: { ...told } })
  }
})

/**
 * The weather proxy: takes the weather from a publisher inside a network, and publishes it to those outside.
 *
 *     npx --yes pnpm@12 exec node examples/weather/publisher.ts
 *     npx --yes pnpm@12 exec node examples/forwarder/proxy.ts
 *     npx --yes pnpm@12 exec node examples/weather/subscriber.ts --connect tcp://127.0.0.1:8100
 *
 * Subscriptions go the other way: the publisher sends only what somebody outside has asked for.
 */
import { type Endpoint, Proxy, Socket, XPub, XSub } from "@effect-zmq/core"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { bind, connect, main } from "../main.ts"

export const proxy = Effect.fnUntraced(function* (options: {
  readonly connect: Endpoint.Input
  readonly bind: Endpoint.Input
}) {
  const inside = yield* XSub.make({ connect: options.connect })
  const outside = yield* XPub.make({ bind: options.bind })
  yield* Console.log(`Forwarding ${yield* Socket.endpoints(inside)} to ${yield* Socket.endpoints(outside)}`)

  yield* Proxy.run(inside, outside)
}, Effect.scoped)

main(
  import.meta,
  Command.make("proxy", { connect: connect("tcp://127.0.0.1:5556"), bind: bind("tcp://127.0.0.1:8100") }, proxy).pipe(
    Command.withDescription("Publishes anew what a publisher publishes, and passes subscriptions on to it.")
  )
)

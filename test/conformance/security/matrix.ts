/** Runs the rows on a transport, and prints what happened. */
import * as Dealer from "@effect-zmq/core/Dealer"
import type * as Endpoint from "@effect-zmq/core/Endpoint"
import type { Security } from "@effect-zmq/core/Security"
import * as Socket from "@effect-zmq/core/Socket"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { afterAll, assert, describe, it } from "vitest"
import { rest, texts } from "../steps.ts"
import { type Place, place, runOn, type Scheme, type Target } from "../suite.ts"
import { type Expected, handshakeInterval, type Row, rows, type Told } from "./rows.ts"

const count = 3

interface Seen extends Expected {
  /** How many messages arrived, of `count` that each side sent. */
  readonly messages: number
}

/**
 * Runs every row over these schemes: the one call of a transport's test file. `orElse` is what the sides of a row may be told
 * as well, where a transport leaves it to chance; `lacks` is of rows about what it has not.
 */
export const matrix = (
  target: Target,
  schemes: ReadonlyArray<Scheme>,
  orElse: (row: Row, scheme: Scheme) => ReadonlyArray<Expected> = () => [],
  lacks: (row: Row) => boolean = () => false
): void => {
  for (const scheme of schemes) {
    describe(`security on ${target.name}, ${scheme}`, { concurrent: target.run === "live" }, () => {
      const seen = new Map<Row, Seen>()
      for (const row of rows) {
        if (lacks(row)) continue
        const expected = { ...row.expected, ...row.elsewhere[target.name] }
        const isLetIn = row.expected.server === "succeeded"
        const promise = isLetIn ? "messages pass" : "no message passes"
        it(`${row.title}: ${promise}`, () =>
          runOn(
            target,
            Effect.gen(function* () {
              const { client, messages, server } = yield* run(row, place(scheme))
              seen.set(row, { server, client, messages })
              const isChance = orElse(row, scheme).some((told) => told.server === server && told.client === client)
              if (!isChance) {
                assert.deepStrictEqual({ server, client }, { server: expected.server, client: expected.client })
              }
              assert.strictEqual(messages, isLetIn ? 2 * count : 0)
            }).pipe(Effect.provide(Logger.layer([])))
          ))
      }
      afterAll(() => console.log(print(`${target.name}, ${scheme}`, seen)))
    })
  }
}

const run = (row: Row, place: Place) =>
  Effect.gen(function* () {
    const binding = yield* dealer(row.reversed ? row.client : row.server, { bind: place.any() })
    const connect = yield* Socket.endpoint(binding)
    const connecting = yield* dealer(row.reversed ? row.server : row.client, { connect })
    const [server, client] = row.reversed ? [connecting, binding] : [binding, connecting]
    for (const socket of [server, client]) {
      yield* Effect.forkChild(Dealer.sendAll(socket, ["one", "two", "three"].slice(0, count)))
    }
    const told = yield* Effect.all([firstTold(server), firstTold(client)], { concurrency: "unbounded" })
    let messages = 0
    const isUp = told.includes("succeeded")
    for (const socket of [server, client]) {
      if (isUp) messages += (yield* texts(socket, count)).length
      messages += (yield* rest(socket)).length
    }
    return { server: told[0], client: told[1], messages }
  })

const dealer = (
  security: Security | undefined,
  where: { readonly bind: Endpoint.Input } | { readonly connect: Endpoint.Input }
) => Dealer.make({ linger: 0, handshakeInterval, reconnect: { initial: "2 seconds" }, security, ...where })

/** What a socket is told of its first handshake. */
const firstTold = (socket: Socket.Socket): Effect.Effect<Told> =>
  Socket.events(socket).pipe(
    Stream.filter((event) => event._tag === "HandshakeSucceeded" || event._tag === "HandshakeFailed"),
    Stream.runHead,
    Effect.timeoutOption("4 seconds"),
    Effect.map(Option.flatten),
    Effect.map(
      Option.match({
        onNone: () => "nothing",
        onSome: (event) => (event._tag === "HandshakeFailed" ? event.problem : "succeeded")
      })
    )
  )

const print = (where: string, seen: ReadonlyMap<Row, Seen>): string => {
  const lines = rows.map((row) => {
    const { client, messages, server } = seen.get(row) ?? { server: "?", client: "?", messages: "?" }
    return `${row.title.padEnd(58)}${server.padEnd(16)}${client.padEnd(16)}${messages}`
  })
  const head = `${`security on ${where}: ${rows.length} rows`.padEnd(58)}${"server".padEnd(16)}${"client".padEnd(16)}messages`
  return [head, ...lines, ""].join("\n")
}

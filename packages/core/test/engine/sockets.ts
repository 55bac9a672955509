/** What the tests of sockets in memory share: handles, as a transport opens them, under virtual time. */
import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Endpoint from "../../src/Endpoint.ts"
import * as MemoryTransport from "../../src/MemoryTransport.ts"
import type { Message } from "../../src/Message.ts"
import type * as Network from "../../src/Network.ts"
import * as Simulation from "../../src/Simulation.ts"
import type { SocketEvent } from "../../src/SocketEvent.ts"
import * as SocketOptions from "../../src/SocketOptions.ts"
import type { SocketType } from "../../src/SocketType.ts"
import { type Handle, Transport } from "../../src/Transport.ts"
import type { Reason } from "../../src/ZmqError.ts"
import { message, text } from "./pipes.ts"

export type Options = SocketOptions.DuplexOptions & SocketOptions.Particular

/**
 * A test under a clock that advances by itself: nothing of it takes real time. Of several seeds, every third has fibers
 * yield after a few operations, so that they interleave otherwise.
 */
export const virtually = (
  title: string,
  body: Effect.Effect<unknown, unknown, Network.Network | Scope.Scope | Transport>,
  seeds = 1
): void =>
  it(title, () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const program = body.pipe(
        Effect.scoped,
        Effect.provide(MemoryTransport.layer, { local: true }),
        Effect.provideService(Scheduler.MaxOpsBeforeYield, seed % 3 === 0 ? 3 + seed : 2048)
      )
      const exit = Simulation.run({ seed, program })
      if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
    }
  })

export const at = (endpoint: string): Endpoint.Endpoint => Result.getOrThrow(Endpoint.parse(endpoint))

/** Opens a socket in the scope at hand, bound and connected as the options say. */
export const open = (type: SocketType, options: Options = {}) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const handle = yield* transport.open(type, yield* Effect.fromResult(SocketOptions.resolve(options, false)))
    for (const endpoint of [options.bind ?? []].flat()) yield* handle.bind(at(String(endpoint)))
    for (const endpoint of [options.connect ?? []].flat()) yield* handle.connect(at(String(endpoint)))
    return handle
  })

/** Opens a socket with a scope of its own, which `close` closes. */
export const openAlone = (type: SocketType, options: Options = {}) =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const handle = yield* Scope.provide(open(type, options), scope)
    return { handle, close: Scope.close(scope, Exit.void) }
  })

export const receive = (handle: Handle): Effect.Effect<string, Reason> =>
  Effect.suspend(() => {
    const taken = text(handle.receiveOneUnsafe())
    return taken === undefined ? Effect.andThen(handle.readable, receive(handle)) : Effect.succeed(taken)
  })

export const receiveMany = (handle: Handle, count: number) => Effect.replicateEffect(receive(handle), count)

/** What can be taken without waiting. */
export const here = (handle: Handle): Array<string> => {
  const out: Array<string> = []
  for (let next = text(handle.receiveOneUnsafe()); next !== undefined; next = text(handle.receiveOneUnsafe()))
    out.push(next)
  return out
}

/** A message of frames parted by `|`. */
export const frames = (text: string): Message => {
  const [first = "", ...others] = text.split("|")
  return [...message(first), ...others.flatMap((frame) => message(frame))]
}

export const send = (handle: Handle, ...all: readonly [string, ...Array<string>]) => {
  const [first, ...others] = all
  return handle.send([frames(first), ...others.map(frames)])
}

/** How many messages the socket takes without waiting. */
export const accepts = (handle: Handle, most = 10_000): number => {
  let count = 0
  while (count < most && handle.sendUnsafe(message(`${count}`))) count++
  return count
}

/** Starts now, and runs until it waits. */
export const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Lets everyone run who can. */
export const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

export const isDone = (fiber: Fiber.Fiber<unknown, unknown>): boolean => fiber.pollUnsafe() !== undefined

/** The events up to now, without the endpoints. */
export const eventsOf = (handle: Handle) =>
  Effect.gen(function* () {
    const seen: Array<SocketEvent> = []
    const fiber = yield* start(Stream.runForEach(handle.events, (event) => Effect.sync(() => seen.push(event))))
    yield* settle
    yield* Fiber.interrupt(fiber)
    return seen
  })

export const tagsOf = (handle: Handle) =>
  Effect.map(eventsOf(handle), (events) => events.map(({ _tag }) => _tag).join(" "))

export const elapsed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* Clock.currentTimeMillis
    const value = yield* effect
    return [(yield* Clock.currentTimeMillis) - before, value] as const
  })

/** The tag of the reason for which an effect fails. */
export const failure = <A>(effect: Effect.Effect<A, Reason>) =>
  Effect.map(Effect.flip(effect), (reason) => {
    assert.isAbove(reason.message.length, 0)
    return reason._tag
  })

export const schemes = [
  { scheme: "tcp", endpoint: "tcp://127.0.0.1:5555", wildcard: "tcp://127.0.0.1:*" },
  { scheme: "ipc", endpoint: "ipc:///tmp/socket", wildcard: "ipc://*" },
  { scheme: "inproc", endpoint: "inproc://name", wildcard: undefined }
] as const

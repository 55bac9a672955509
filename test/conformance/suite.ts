/**
 * What conformance is made of: suites, which are functions of where their sockets are, and targets, which are the
 * transports that they run on.
 *
 * A test's body names no transport and no time of the clock: it sleeps, times out and waits for events by Effect, so that
 * the same text runs under virtual time on one transport and live on another. Nobody edits a suite to please a transport:
 * what a transport cannot do is a gap of its target, with the reason, and runs as an expected failure, which turns red
 * when it is mended.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Endpoint from "@effect-zmq/core/Endpoint"
import * as Simulation from "@effect-zmq/core/Simulation"
import * as SocketType from "@effect-zmq/core/SocketType"
import * as Transport from "@effect-zmq/core/Transport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { assert, describe, it } from "vitest"

export type Scheme = "tcp" | "ipc" | "inproc"

export const schemes: ReadonlyArray<Scheme> = ["tcp", "ipc", "inproc"]

/** A transport to be tested. */
export interface Target {
  readonly name: string
  readonly layer: Layer.Layer<Transport.Transport>
  readonly schemes: ReadonlyArray<Scheme>
  readonly run: "virtual" | "live"
  /** The socket types that it has not: suites about them do not run on it. */
  readonly lacks: ReadonlyArray<SocketType.SocketType>
  /** What it cannot do: titles of tests, with the reason that lies upstream; on all schemes, or on those named. */
  readonly gaps: Readonly<Record<string, string | { readonly [S in Scheme]?: string }>>
}

/** Where the sockets of a test are. */
export interface Place {
  readonly scheme: Scheme
  /** To be bound: any free port or path, or a name of its own. */
  readonly any: () => Endpoint.Input
  /** To be connected to before somebody binds it: an address that nobody has, or has had. */
  readonly nobody: () => Endpoint.Input
}

export type Body = (place: Place) => Effect.Effect<unknown, unknown, Transport.Transport | Scope.Scope>

export interface Test {
  readonly title: string
  /** Where the promise makes sense. */
  readonly schemes: ReadonlyArray<Scheme>
  readonly body: Body
}

export interface Suite {
  readonly name: string
  /** The socket types that it is about, where not every transport has them. */
  readonly needs: ReadonlyArray<SocketType.SocketType>
  readonly tests: ReadonlyArray<Test>
}

/** Makes a suite; a test that names no schemes is for all. */
export const suite = (
  name: string,
  define: (test: (title: string, body: Body, schemes?: ReadonlyArray<Scheme>) => void) => void,
  needs: ReadonlyArray<SocketType.SocketType> = []
): Suite => {
  const tests: Array<Test> = []
  define((title, body, only = schemes) => tests.push({ title, schemes: only, body }))
  return { name, needs, tests }
}

/** The socket types that a suite needs, and a target has not. */
export const lacking = (target: Target, suite: Suite): ReadonlyArray<SocketType.SocketType> =>
  suite.needs.filter((type) => target.lacks.includes(type))

/** Why a target lacks what a test asks for; `undefined` where it does not. */
export const gapOf = (target: Target, title: string, scheme: Scheme): string | undefined => {
  const gap = target.gaps[title]
  return typeof gap === "string" ? gap : gap?.[scheme]
}

/** Runs suites on a target: the one call of each target's test file. */
export const conformance = (target: Target, suites: ReadonlyArray<Suite>): void => {
  describe(target.name, () => {
    it("has every socket type but those that it is said to lack", () =>
      runOn(
        target,
        Effect.map(Transport.Transport, ({ capabilities }) =>
          assert.sameMembers(
            SocketType.all.filter((type) => !capabilities.has(type)),
            [...target.lacks]
          )
        )
      ))
    for (const suite of suites) {
      const { name, tests } = suite
      if (lacking(target, suite).length > 0) continue
      for (const scheme of target.schemes) {
        // Live tests mostly wait: several at a time.
        describe(`${name}, ${scheme}`, { concurrent: target.run === "live" }, () => {
          for (const { title, schemes, body } of tests) {
            if (!schemes.includes(scheme)) continue
            const expected = gapOf(target, title, scheme) === undefined ? it : it.fails
            expected(title, () => runOn(target, body(place(scheme))))
          }
        })
      }
    }
  })
}

/** A test that takes longer than this waits for what does not come. */
const patience = "8 seconds"

/** Runs a body on a target, in a world of its own. */
export const runOn = async (
  target: Target,
  body: Effect.Effect<unknown, unknown, Transport.Transport | Scope.Scope>
): Promise<void> => {
  // The layer is built inside, and anew: a test shares no network and no clock with another.
  const program = body.pipe(Effect.scoped, Effect.provide(target.layer, { local: true }))
  const exit =
    target.run === "virtual"
      ? Simulation.run({ seed: 1, program })
      : await Effect.runPromiseExit(Effect.timeout(program, patience))
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
}

// -----------------------------------------------------------------------------
// Addresses
// -----------------------------------------------------------------------------

let names = 0

export const place = (scheme: Scheme): Place => ({
  scheme,
  any: () => {
    if (scheme === "tcp") return "tcp://127.0.0.1:*"
    return scheme === "ipc" ? "ipc://*" : name("inproc")
  },
  nobody: () => (scheme === "tcp" ? Endpoint.tcp("127.0.0.1", unusedPort()) : name(scheme))
})

const name = (scheme: "ipc" | "inproc"): Endpoint.Input =>
  scheme === "ipc" ? `ipc://${directory()}/${names++}` : `inproc://conformance-${names++}`

let made: string | undefined

/** Holds the files of ipc endpoints, as long as this process lives. */
const directory = (): string => {
  if (made === undefined) {
    const path = mkdtempSync(`${tmpdir()}/effect-zmq-`)
    process.once("exit", () => rmSync(path, { recursive: true, force: true }))
    made = path
  }
  return made
}

/** Below the ports that systems give away, and of this process alone as far as another test run cannot have the same. */
const unusedPort = (): number => 10_000 + ((process.pid * 97 + names++ * 7) % 20_000)

/** The worker pool: its programs in memory and as processes, one of which is killed, and what the dispatcher shows. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@effect-zmq/core"
import { WorkerPool } from "@effect-zmq/patterns"
import { Duration, Effect, Fiber, Schedule } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { client } from "../../examples/worker-pool/client.ts"
import { dispatcher } from "../../examples/worker-pool/dispatcher.ts"
import { render, said, saidOf, summary } from "../../examples/worker-pool/view.ts"
import { worker } from "../../examples/worker-pool/worker.ts"
import { inMemory, printed, prints } from "./inMemory.ts"
import { example } from "./program.ts"

const at = (port: number): Endpoint.Tcp => Endpoint.tcp("127.0.0.1", port)

const bind = [at(1), at(2)] as const

const noTerminal = Effect.provideService(TerminalCapabilities.TerminalCapabilities, {
  canAnimate: false,
  canColor: false,
  canPrompt: false
})

const status: WorkerPool.Status = {
  workers: [
    { id: "b", name: "bob", credit: 4, busy: 4, done: 1234, isDraining: false },
    { id: "a", name: "ada\u001b[2J", credit: 4, busy: 1, done: 7, isDraining: true }
  ],
  clients: 1,
  credit: 8,
  queued: 11,
  waiting: 1,
  held: 0,
  running: 5,
  submitted: 2000,
  answered: 1241,
  cancelled: 3,
  dead: 2,
  refused: 1,
  redone: 6,
  late: 0,
  malformed: 0,
  deaths: 1,
  rates: { submitted: 50, answered: 41.6 }
}

describe("worker-pool", () => {
  it.live("in memory: two workers do what a client asks for, and letters come before pictures", () =>
    Effect.gen(function* () {
      const pool = yield* Effect.forkChild(dispatcher({ bind, attempts: 5, drain: "5 seconds" }))
      const asking = yield* Effect.forkChild(client({ connect: at(1), calls: 30, atOnce: 30 }))
      yield* prints(/^Asking tcp:\/\/127.0.0.1:1 for 30 jobs, 30 at once$/)
      yield* prints(/^0 workers, 0 of 0 at work, 30 queued; 0 calls answered/)
      for (const name of ["ada", "bob"]) {
        yield* Effect.forkScoped(worker({ connect: at(2), name, credit: 1, delay: "5 millis" }))
      }
      yield* Fiber.join(asking)
      const lines = yield* printed
      const done = lines.filter((line) => /^\d+: /.test(line))
      assert.lengthOf(done, 30)
      // Whoever comes first is given a letter.
      const [first = ""] = lines.filter((line) => /^(Mail|Thumbnail)/.test(line))
      assert.match(first, /^Mail to reader \d0$/)
      for (const name of ["ada", "bob"]) assert.include(lines, `${name} is here, for 1 call at a time`)
      yield* prints(
        /^Of 30 jobs 30 are done, 0 of them for a worker that was lost, and 0 failed: \d+ by ada, \d+ by bob$/
      )
      yield* Fiber.interrupt(pool)
      assert.include(yield* printed, "Taking no more calls")
      assert.include(yield* printed, "Drained: 30 calls answered, 0 done again, 0 given up")
    }).pipe(Effect.scoped, noTerminal, inMemory, Effect.provide(NodeServices.layer))
  )

  it.live("in memory: a dispatcher that ends takes no more, and finishes what it has; so does a worker", () =>
    Effect.gen(function* () {
      const pool = yield* Effect.forkChild(dispatcher({ bind, attempts: 5, drain: "10 seconds" }))
      yield* Effect.forkScoped(client({ connect: at(1), calls: 4, atOnce: 4 }))
      yield* prints(/^0 workers, 0 of 0 at work, 4 queued; 0 calls answered/)
      const ending = yield* Effect.forkChild(Fiber.interrupt(pool))
      yield* prints(/^Taking no more calls, and finishing 4: Ctrl-C again gives them up$/)
      const working = yield* Effect.forkChild(worker({ connect: at(2), name: "ada", credit: 4, delay: "20 millis" }))
      yield* Fiber.join(ending)
      assert.include(yield* printed, "Drained: 4 calls answered, 0 done again, 0 given up")
      // What was answered comes before word that the dispatcher has gone.
      yield* prints(/^Of 4 jobs 4 are done, 0 of them for a worker that was lost, and 0 failed/)
      yield* Fiber.interrupt(working)
      assert.include(yield* printed, "The end, after 4 calls")
    }).pipe(Effect.scoped, noTerminal, inMemory, Effect.provide(NodeServices.layer))
  )

  it.live("Ctrl-C drains, and once more gives up what is here: each of its callers is told", () =>
    Effect.gen(function* () {
      const free = ["--bind", "tcp://127.0.0.1:*"]
      const pool = yield* example("worker-pool/dispatcher", ...free, ...free, "--drain", "1 minute")
      const [, clients = ""] = yield* pool.prints(/^Clients connect to (.+), and workers to .+$/m)
      const asking = yield* example("worker-pool/client", "--connect", clients, "--calls", "3")
      yield* pool.prints(/, 3 queued; /)
      yield* pool.signal("SIGINT")
      yield* pool.prints(/^Taking no more calls, and finishing 3: Ctrl-C again gives them up$/m)
      // Sooner, it would be the first one, passed on.
      yield* Effect.forkScoped(Effect.repeat(pool.signal("SIGINT"), Schedule.spaced("100 millis")))
      const { code, stdout } = yield* pool.ended
      assert.strictEqual(code, 130)
      assert.include(stdout, "Not drained, 3 are given up now: 0 calls answered, 0 done again, 0 given up before\n")
      assert.match((yield* asking.ended).stdout, /and 3 failed\n$/)
    })
  )

  it.live("a worker is killed in the middle: others make its pictures, its letters fail, and Ctrl-C drains", () =>
    Effect.gen(function* () {
      const free = ["--bind", "tcp://127.0.0.1:*"]
      const pool = yield* example("worker-pool/dispatcher", ...free, ...free)
      const [, clients = "", workers = ""] = yield* pool.prints(/^Clients connect to (.+), and workers to (.+)$/m)
      const start = (name: string, delay: string) =>
        example("worker-pool/worker", "--connect", workers, "--name", name, "--delay", delay, "--credit", "5")
      const asking = yield* example("worker-pool/client", "--connect", clients, "--calls", "40", "--at-once", "40")
      yield* pool.prints(/^0 workers, 0 of 0 at work, 40 queued; 0 calls answered/m)
      // Letters come first, so it has all four, and a picture; it would be at them for a minute.
      const ada = yield* start("ada", "1 minute")
      yield* pool.prints(/^1 worker, 5 of 5 at work, 35 queued; 0 calls answered, 0 done again, 0 given up$/m)
      yield* ada.signal("SIGKILL")
      yield* pool.prints(/^ada is lost, its connection has ended: 1 call done again, 4 calls given up$/m)
      yield* start("bob", "20 millis")
      const ended = yield* asking.ended
      assert.strictEqual(ended.code, 0)
      const failed = ended.stdout.match(
        /^\d+: mail to reader \d+ failed: the worker that had the call was lost, and Mail is/gm
      )
      assert.lengthOf(failed ?? [], 4)
      assert.match(ended.stdout, /^1: thumbnail of photo-1.jpg, by bob, for one that was lost$/m)
      assert.include(
        ended.stdout,
        "Of 40 jobs 36 are done, 1 of them for a worker that was lost, and 4 failed: 36 by bob\n"
      )

      yield* pool.signal("SIGINT")
      const { code, stderr, stdout } = yield* pool.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      assert.strictEqual(stdout.match(/^Mail is given up after 1 attempt and .*: its worker was lost/gm)?.length, 4)
      assert.include(stdout, "Drained: 36 calls answered, 1 done again, 4 given up\n")
    })
  )
})

describe("what the dispatcher shows", () => {
  it("is a picture on a terminal: who has how much, what waits, and how fast it goes", () => {
    const shown = render(status, { rates: [0, 41.6], notes: ["bob is here"], canColor: false, columns: 80 })
    assert.deepStrictEqual(shown, [
      "  worker    at work            credit     done",
      "  ada[2J    ███░░░░░░░    1 of 4        7  leaves",
      "  bob       ██████████    4 of 4    1,234",
      "",
      "  calls 2,000 came, 1,241 answered, 3 cancelled, 1 refused",
      "  here  5 at work of 8, 12 queued",
      "  lost  1 worker: 6 calls done again, 2 given up",
      "  rate  ▁█ 42 a second",
      "",
      "  bob is here"
    ])
  })

  it("no line of it is longer than the terminal is wide, and no more workers are drawn than there is room for", () => {
    const [one] = status.workers
    assert.isDefined(one)
    const workers = Array.from({ length: 30 }, (_, i) => ({ ...one, name: `worker-${i}` }))
    for (const canColor of [false, true]) {
      const rates = Array.from({ length: 40 }, (_, i) => i)
      const shown = render({ ...status, workers }, { rates, notes: ["x".repeat(100)], canColor, columns: 30 })
      assert.lengthOf(shown, 21)
      assert.include(shown, "  and 18 more")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of them
      for (const line of shown) assert.isBelow(line.replaceAll(/\x1b\[\d+m/g, "").length, 30, line)
    }
  })

  it("is lines elsewhere: the figures, who comes and goes, and what was given up", () => {
    assert.strictEqual(
      summary(status),
      "2 workers, 5 of 8 at work, 12 queued; 1,241 calls answered, 6 done again, 2 given up"
    )
    const { Event } = WorkerPool
    assert.strictEqual(
      said(Event.WorkerJoined({ id: "1", name: "", credit: 1 })),
      "somebody is here, for 1 call at a time"
    )
    assert.strictEqual(
      said(Event.WorkerLeft({ id: "1", name: "ada", why: "Silent", redone: 2, dead: 1 })),
      "ada is lost, it says nothing: 2 calls done again, 1 call given up"
    )
    assert.strictEqual(
      saidOf({
        tag: "Mail",
        requestId: "1-1",
        reason: "WorkerLost",
        attempts: 1,
        age: Duration.millis(420),
        body: new Uint8Array()
      }),
      "Mail is given up after 1 attempt and 0.4 s: its worker was lost, and it is not to be done twice"
    )
  })
})

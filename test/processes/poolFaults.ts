/** What is done to the processes of a pool, and what came of it: in small counts by `pool.test.ts`, in large ones by `pnpm prove`. */
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { NodeServices } from "@effect/platform-node"
import { type Endpoint, Socket } from "@effect-zmq/core"
import { WorkerPool, ZmqRpcClient } from "@effect-zmq/patterns"
import { ZmqTransport } from "@effect-zmq/transport-zmq"
import { Context, Effect, Exit, Fiber, Layer, References, Schedule, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { Jobs } from "./poolJobs.ts"
import { run } from "./program.ts"

const program = fileURLToPath(new URL("programs/poolWorker.ts", import.meta.url))

/** A client, for as long as the scope is open. */
const clientOf = (connect: Endpoint.Input) =>
  Effect.gen(function* () {
    const layer = ZmqRpcClient.layerProtocol({
      connect,
      ping: "200 millis",
      timeout: "2 seconds",
      reconnect: { initial: "20 millis", maximum: "100 millis" }
    })
    const protocol = yield* Layer.build(layer.pipe(Layer.provide(RpcSerialization.layerJson)))
    return yield* RpcClient.make(Jobs, { disableTracing: true }).pipe(Effect.provideContext(protocol))
  })

/** A dispatcher of this process, with workers in processes of their own. */
const start = (workers: number, options?: Partial<WorkerPool.Options>) =>
  Effect.gen(function* () {
    const bind = "tcp://127.0.0.1:*"
    const pool = yield* WorkerPool.make(Jobs, { frontend: bind, backend: bind, heartbeat: "50 millis", ...options })
    const backend = yield* Socket.endpoint(pool.backend)
    const layer = WorkerPool.layerProcesses({
      size: workers,
      command: () => ChildProcess.make(process.execPath, [program, backend])
    })
    const processes = Context.get(yield* Layer.build(layer), WorkerPool.Processes)
    const client = yield* clientOf(yield* Socket.endpoint(pool.frontend))
    yield* pool.awaitStatus(({ workers: there }) => there.length === workers)
    return { pool, processes, client }
  })

const provided = Effect.provide([ZmqTransport.layer, NodeServices.layer])

/** Results, each as often as it came. */
const tallyOf = (results: ReadonlyArray<{ readonly n: number }>, calls: number) => {
  const counts = new Map<number, number>()
  for (const { n } of results) counts.set(n, (counts.get(n) ?? 0) + 1)
  return {
    missing: calls - counts.size,
    twice: [...counts.values()].filter((count) => count > 1).length
  }
}

/** How long after each kill the dispatcher knew of it, in milliseconds. */
const noticing = (pool: WorkerPool.WorkerPool["Service"], killed: ReadonlyMap<string, number>, into: Array<number>) =>
  Stream.runForEach(pool.events, (event) =>
    Effect.sync(() => {
      if (event._tag !== "WorkerLeft") return
      const at = killed.get(event.name)
      if (at !== undefined) into.push(performance.now() - at)
    })
  )

/** Kills a worker at a time, so often. Where more are killed than can start, a call has as many attempts as it needs. */
export const killing = (options: {
  readonly workers: number
  readonly calls: number
  readonly inFlight: number
  readonly millis: number
  readonly every: number
  readonly kills: number
}) =>
  Effect.gen(function* () {
    const { client, pool, processes } = yield* start(options.workers, { maxAttempts: 100 })
    const killed = new Map<string, number>()
    const noticed: Array<number> = []
    yield* Effect.forkScoped(noticing(pool, killed, noticed), { startImmediately: true })
    let kills = 0
    const kill = Effect.gen(function* () {
      yield* Effect.sleep(options.every)
      // One that works, and not one that is about to.
      const { workers } = yield* pool.awaitStatus(({ workers }) => workers.some(({ name }) => !killed.has(name)))
      const names = workers.map(({ name }) => name).filter((name) => !killed.has(name))
      const name = names[kills % names.length]
      const victim = (yield* processes.list).find(({ pid }) => String(pid) === name)
      if (victim === undefined) return
      kills++
      killed.set(String(victim.pid), performance.now())
      yield* processes.kill(victim.index, "SIGKILL")
    })
    const killer = yield* Effect.forkScoped(Effect.repeat(kill, { times: options.kills - 1 }))
    const calls = Array.from({ length: options.calls }, (_, n) => n)
    const results = yield* Effect.forEach(calls, (n) => client.Do({ n, millis: options.millis }), {
      concurrency: options.inFlight
    })
    yield* Fiber.join(killer)
    const status = yield* pool.awaitStatus(({ deaths }) => deaths >= kills)
    noticed.sort((a, b) => a - b)
    return {
      ...tallyOf(results, options.calls),
      kills,
      deaths: status.deaths,
      redone: status.redone,
      open: status.queued + status.running + status.waiting,
      dead: status.dead,
      late: status.late,
      noticed: { p50: noticed[noticed.length >> 1] ?? 0, max: noticed.at(-1) ?? 0 }
    }
  }).pipe(Effect.scoped, provided)

/** Stops a worker for longer than the dispatcher has patience, and lets it go on. */
export const stopping = (options: {
  readonly calls: number
  readonly inFlight: number
  readonly millis: number
  readonly stopFor: number
  readonly times: number
}) =>
  Effect.gen(function* () {
    const { client, pool, processes } = yield* start(3, { silence: "200 millis" })
    const stop = Effect.gen(function* () {
      const [victim] = (yield* processes.list).slice(-1)
      if (victim === undefined) return
      yield* processes.kill(victim.index, "SIGSTOP")
      yield* Effect.sleep(options.stopFor)
      yield* processes.kill(victim.index, "SIGCONT")
      yield* pool.awaitStatus(({ workers }) => workers.length === 3)
    })
    const stopper = yield* Effect.forkScoped(Effect.repeat(stop, { times: options.times - 1 }))
    let left = options.calls
    const results: Array<{ readonly n: number }> = []
    const one = Effect.whileLoop({
      while: () => left > 0,
      body: () => client.Do({ n: --left, millis: options.millis }),
      step: (result) => results.push(result)
    })
    yield* Effect.all(
      Array.from({ length: options.inFlight }, () => one),
      { concurrency: "unbounded", discard: true }
    )
    yield* Fiber.join(stopper)
    const status = yield* pool.status
    return {
      ...tallyOf(results, options.calls),
      deaths: status.deaths,
      redone: status.redone,
      late: status.late,
      open: status.queued + status.running + status.waiting
    }
  }).pipe(Effect.scoped, provided)

/** Kills the dispatcher while calls are under way, and has another one in its place: every call ends, and the next are answered. */
export const restarting = (options: { readonly calls: number; readonly millis: number; readonly after: number }) =>
  Effect.gen(function* () {
    const lineOf = (lines: ReadonlyArray<string>, name: string) =>
      lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) as Endpoint.Text
    const dispatch = (frontend: string, backend: string) =>
      Effect.acquireRelease(run("poolDispatcher", frontend, backend), (program) =>
        Effect.sync(() => program.process.kill("SIGKILL"))
      )
    const first = yield* dispatch("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    let output = ""
    first.process.stdout?.on("data", (data) => {
      output += data
    })
    yield* first.printed("ready")
    const lines = output.split("\n")
    const [frontend, backend] = [lineOf(lines, "frontend"), lineOf(lines, "backend")]
    yield* Layer.build(
      WorkerPool.layerProcesses({
        size: 2,
        command: () => ChildProcess.make(process.execPath, [program, backend])
      })
    )
    const client = yield* clientOf(frontend)
    // Answered by a worker: all is up.
    yield* client.Do({ n: 0, millis: 0 })
    const calls = yield* Effect.forkScoped(
      Effect.forEach(
        Array.from({ length: options.calls }, (_, n) => n),
        (n) => Effect.exit(client.Do({ n, millis: options.millis })),
        { concurrency: "unbounded" }
      ),
      { startImmediately: true }
    )
    yield* Effect.sleep(options.millis / 2)
    first.process.kill("SIGKILL")
    yield* first.ended
    yield* Effect.sleep(options.after)
    const second = yield* dispatch(frontend, backend)
    yield* second.printed("ready")
    const exits = yield* Fiber.join(calls)
    // A call from between the two may have been lost, too.
    const answered = yield* Effect.retry(client.Do({ n: 1, millis: 0 }), { times: 3 })
    return {
      answered: exits.filter(Exit.isSuccess).length,
      failed: exits.filter(Exit.isFailure).length,
      ended: exits.length,
      defects: exits.filter((exit) => Exit.isFailure(exit) && Exit.hasDies(exit)).length,
      next: answered.n
    }
  }).pipe(Effect.scoped, provided)

/** How a process ends that runs this, and is sent a signal or is not. */
export const endings = (code: string, signal?: ChildProcess.Signal) =>
  Effect.gen(function* () {
    const layer = WorkerPool.layerProcesses({
      size: 1,
      command: () => ChildProcess.make(process.execPath, ["--eval", code]),
      restart: Schedule.recurs(0)
    })
    const { events, kill } = Context.get(yield* Layer.build(layer), WorkerPool.Processes)
    const told = events.pipe(
      Stream.tap(({ _tag }) =>
        _tag === "Started" && signal !== undefined ? Effect.asVoid(kill(0, signal)) : Effect.void
      )
    )
    const [ended] = yield* told.pipe(
      Stream.filter(WorkerPool.ProcessEvent.$is("Ended")),
      Stream.take(1),
      Stream.runCollect
    )
    return { how: ended?.how, code: ended?.code, signal: ended?.signal }
  }).pipe(Effect.scoped, provided)

/** What is told of a place whose command dies, and which places have a process still. */
export const withoutCommand = Effect.gen(function* () {
  const layer = WorkerPool.layerProcesses({
    size: 2,
    command: (index) => {
      if (index === 0) throw new Error("no command for this place")
      return ChildProcess.make(process.execPath, ["--eval", "process.stdin.resume()"])
    },
    restart: Schedule.recurs(0)
  })
  const { events, list } = Context.get(yield* Layer.build(layer), WorkerPool.Processes)
  const told = yield* events.pipe(Stream.take(3), Stream.runCollect)
  const { how } = told.find(WorkerPool.ProcessEvent.$is("Ended")) ?? {}
  return {
    how,
    tags: told.map(({ _tag, index }) => `${_tag} ${index}`).sort(),
    places: (yield* list).map(({ index }) => index)
  }
}).pipe(Effect.scoped, provided)

/** What is told of a place whose process ends, when the schedule of restarts dies of that; and which places have one still. */
export const withoutSchedule = Effect.gen(function* () {
  const layer = WorkerPool.layerProcesses({
    size: 2,
    command: (index) => ChildProcess.make(process.execPath, ["--eval", index === 0 ? "" : "process.stdin.resume()"]),
    restart: Schedule.addDelay(Schedule.forever, () => Effect.die("of the schedule"))
  })
  const { events, list } = Context.get(yield* Layer.build(layer), WorkerPool.Processes)
  const told = yield* events.pipe(Stream.take(4), Stream.runCollect)
  return {
    tags: told.map(({ _tag, index }) => `${_tag} ${index}`).sort(),
    places: (yield* list).map(({ index }) => index)
  }
}).pipe(Effect.provideService(References.MinimumLogLevel, "None"), Effect.scoped, provided)

/** `PF_EXITING` of Linux. */
const exiting = 0x4

/** Kills a process that has workers in processes of their own: waits until all of them have ended. */
export const orphaning = Effect.gen(function* () {
  const parent = yield* run("poolDispatcher", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "--workers")
  yield* parent.printed("there")
  parent.process.kill("SIGKILL")
  // Its output is theirs, too: it is at its end when the last of them is.
  const { lines, signal } = yield* parent.ended
  const pids = (lines.find((line) => line.startsWith("workers ")) ?? "").split(" ").slice(1, -1).map(Number)
  const alive = pids.filter((pid) => {
    // Without this file system there is only the output to go by.
    if (!existsSync(`/proc/${pid}/stat`)) return false
    const [state = "", , , , , , flags] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
    // Who has ended, and was not asked after, is a zombie; just before, its files are closed, and it is exiting.
    return !"ZX".includes(state) && (Number(flags) & exiting) === 0
  })
  return { signal, pids, alive }
})

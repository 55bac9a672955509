import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { example } from "./program.ts"

describe("pipeline", () => {
  it.live("a ventilator waits for Enter, workers do its tasks, and the sink tells how long they took", () =>
    Effect.gen(function* () {
      const sink = yield* example("pipeline/sink", "--bind", "tcp://127.0.0.1:*", "--tasks", "20")
      const [, results = ""] = yield* sink.prints(/^Collecting results on (.+)$/m)
      const ventilator = yield* example(
        "pipeline/ventilator",
        "--bind",
        "tcp://127.0.0.1:*",
        "--connect",
        results,
        "--tasks",
        "20"
      )
      const [, tasks = ""] = yield* ventilator.prints(/^Handing out tasks on (.+)$/m)
      const workers = yield* Effect.replicateEffect(
        example("pipeline/worker", "--connect", tasks, "--connect", results),
        2
      )
      for (const worker of workers) yield* worker.prints(/^Waiting for tasks from/)

      yield* ventilator.prints(/Press Enter when the workers are ready: $/)
      yield* ventilator.input("\n")

      const { code, stderr, stdout } = yield* sink.ended
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.match(stdout, /\n\.{9}:\.{9}:\nTotal elapsed time: \d+ ms\n$/)

      const handedOut = yield* ventilator.ended
      assert.strictEqual(handedOut.code, 0)
      assert.match(handedOut.stdout, /Handed out 20 tasks: \d+ ms of work\n$/)

      for (const worker of workers) {
        yield* worker.signal("SIGINT")
        const { code, stderr } = yield* worker.ended
        assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      }
    })
  )

  it.live("--yes begins without Enter", () =>
    Effect.gen(function* () {
      const sink = yield* example("pipeline/sink", "--bind", "tcp://127.0.0.1:*", "--tasks", "3")
      const [, results = ""] = yield* sink.prints(/^Collecting results on (.+)$/m)
      const ventilator = yield* example(
        "pipeline/ventilator",
        "--bind",
        "tcp://127.0.0.1:*",
        "--connect",
        results,
        "--tasks",
        "3",
        "--yes"
      )
      const [, tasks = ""] = yield* ventilator.prints(/^Handing out tasks on (.+)$/m)
      yield* example("pipeline/worker", "--connect", tasks, "--connect", results)
      assert.strictEqual((yield* sink.ended).code, 0)
      assert.strictEqual((yield* ventilator.ended).code, 0)
    })
  )

  it.live("Ctrl-C ends a ventilator that waits for Enter in peace", () =>
    Effect.gen(function* () {
      const ventilator = yield* example("pipeline/ventilator", "--bind", "tcp://127.0.0.1:*")
      yield* ventilator.prints(/Press Enter/)
      yield* ventilator.signal("SIGINT")
      const { code, stderr } = yield* ventilator.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
    })
  )

  it.live("with --kill-signal the sink stops the workers when all is done", () =>
    Effect.gen(function* () {
      const sink = yield* example(
        "pipeline/sink",
        ...["--bind", "tcp://127.0.0.1:*", "--bind", "tcp://127.0.0.1:*", "--tasks", "10", "--kill-signal"]
      )
      const [, results = ""] = yield* sink.prints(/^Collecting results on (.+)$/m)
      const [, signals = ""] = yield* sink.prints(/^Stopping workers on (.+)$/m)
      const ventilator = yield* example(
        "pipeline/ventilator",
        ...["--bind", "tcp://127.0.0.1:*", "--connect", results, "--tasks", "10"]
      )
      const [, tasks = ""] = yield* ventilator.prints(/^Handing out tasks on (.+)$/m)
      const workers = yield* Effect.replicateEffect(
        example(
          "pipeline/worker",
          ...["--connect", tasks, "--connect", results, "--connect", signals, "--kill-signal"]
        ),
        2
      )
      for (const worker of workers) yield* worker.prints(/^Waiting for tasks from/)
      yield* ventilator.input("\n")

      const { code, stderr, stdout } = yield* sink.ended
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.match(stdout, /\nTotal elapsed time: \d+ ms\nTold the workers to stop\n$/)
      for (const worker of workers) {
        const { code, stderr, stdout } = yield* worker.ended
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.match(stdout, /\nTold to stop\n$/)
      }
    })
  )
})

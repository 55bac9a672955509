/** The pipeline, and what reads from its ventilator. */
import { Effect } from "effect"
import { mixed, type Role } from "../roles.ts"
import { weatherPublisher } from "./publishSubscribe.ts"

const tasks = ["--tasks", "10"]

const ventilator: Role = {
  ours: {
    program: "pipeline/ventilator",
    flags: [...tasks, "--yes"],
    bound: [/^Handing out tasks on (\S+)$/m],
    did: /^Handed out 10 tasks: \d+ ms of work$/m
  },
  python: { program: "ventilator", flags: [...tasks, "--yes"], did: /^Total expected cost: \d+ msec$/m }
}

mixed(
  "pipeline",
  {
    ventilator,
    worker: {
      ours: { program: "pipeline/worker", did: /\.{10}$/ },
      python: { program: "worker", did: /^$/ }
    },
    sink: {
      ours: {
        program: "pipeline/sink",
        flags: tasks,
        bound: [/^Collecting results on (\S+)$/m],
        did: /^\.{9}:\nTotal elapsed time: \d+ ms\n$/m
      },
      python: { program: "sink", flags: tasks, did: /^\.{9}:\nTotal elapsed time: \d+ msec\n$/m }
    }
  },
  (cast) =>
    Effect.gen(function* () {
      const sink = yield* cast.sink({ bind: 1 })
      const ventilator = yield* cast.ventilator({ bind: 1, connect: sink.endpoints })
      const worker = yield* cast.worker({ connect: [...ventilator.endpoints, ...sink.endpoints] })
      yield* sink.ended
      yield* ventilator.did
      yield* worker.did
    }),
  { python: [["ventilator"], ["worker"], ["sink"], ["ventilator", "sink"]] }
)

mixed(
  "pipeline, with the kill signal",
  {
    worker: {
      ours: { program: "pipeline/worker", flags: ["--kill-signal"], did: /\nTold to stop\n$/ },
      python: { program: "worker", flags: ["--kill-signal"], did: /^killed\n$/ }
    },
    sink: {
      ours: {
        program: "pipeline/sink",
        flags: [...tasks, "--kill-signal"],
        bound: [/^Collecting results on (\S+)$/m, /^Stopping workers on (\S+)$/m],
        did: /\nTold the workers to stop\n$/
      },
      python: { program: "sink", flags: [...tasks, "--kill-signal"], did: /\ntold the workers to stop\n$/ }
    },
    ventilator
  },
  (cast) =>
    Effect.gen(function* () {
      const sink = yield* cast.sink({ bind: 2 })
      const [results = "", control = ""] = sink.endpoints
      const ventilator = yield* cast.ventilator({ bind: 1, connect: [results] })
      const worker = yield* cast.worker({ connect: [...ventilator.endpoints, results, control] })
      yield* Effect.all([sink.ended, worker.ended, ventilator.did], { concurrency: "unbounded" })
    }),
  { python: [["worker"], ["sink", "ventilator"]] }
)

for (const [title, program] of [
  ["multi-socket, in order of priority", "reader"],
  ["multi-socket, in fair turn", "poller"]
] as const) {
  mixed(
    title,
    {
      reader: {
        ours: {
          program: `multi-socket/${program}`,
          did: /(?=[\s\S]*^task: "\d+"$)(?=[\s\S]*^weather: "10001 -?\d+ \d+"$)/m
        },
        python: {
          program,
          flags: ["--filter", "100"],
          did: /(?=[\s\S]*^task: b'\d+'$)(?=[\s\S]*^weather: b'100\d* -?\d+ \d+'$)/m
        }
      },
      publisher: weatherPublisher,
      ventilator
    },
    (cast) =>
      Effect.gen(function* () {
        const publisher = yield* cast.publisher({ bind: 1 })
        // Nobody collects results here: the ventilator's sink is the one that it would be, and is not there.
        const ventilator = yield* cast.ventilator({ bind: 1, connect: ["tcp://127.0.0.1:9"] })
        const reader = yield* cast.reader({ connect: [...ventilator.endpoints, ...publisher.endpoints] })
        yield* reader.did
      }),
    { python: [["reader"], ["publisher", "ventilator"]] }
  )
}

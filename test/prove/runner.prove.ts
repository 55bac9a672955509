/** Runners whose network fails, and which are killed and stopped: when their entities are served again, and that each is only one. */
import { Duration, Effect, Exit } from "effect"
import { oneOfEach } from "../../packages/patterns/test/runnerChecks.ts"
import { killOne, stopOne } from "../patterns/runner/kill.ts"
import { prove } from "./table.ts"

const test = prove("Runners of entities")

const seed = 13

test(
  "memory: two runners under faults never have the same entity both",
  Effect.suspend(() => {
    const exit = oneOfEach(250, seed)
    return Exit.isSuccess(exit)
      ? Effect.succeed({
          what: "runs of a simulation with faults",
          count: exit.value.runs,
          zero: { "broken promises": 0 }
        })
      : Effect.failCause(exit.cause)
  }),
  seed
)

const kills = (expiration: Duration.Duration, times: number) =>
  Effect.gen(function* () {
    let [longest, theirs, late, elsewhere, restarted] = [0, 0, 0, 0, 0]
    for (let i = 0; i < times; i++) {
      const killed = yield* killOne(expiration)
      const took = Duration.toMillis(killed.took)
      longest = Math.max(longest, took)
      if (took > 3 * Duration.toMillis(expiration)) late++
      theirs += killed.theirs
      elsewhere += killed.elsewhere
      restarted += killed.restarted
    }
    return {
      what: `entities of runners killed, locks of ${Duration.format(expiration)}, ${times} times; back after ${(longest / 1000).toFixed(1)} s at most`,
      count: theirs,
      zero: { late, "not served": elsewhere, "of the other lost": restarted }
    }
  })

test(
  "zmq, tcp: the entities of a runner that was killed are served within three times the lock",
  kills(Duration.seconds(3), 10)
)
test("zmq, tcp: and so with the locks that are the default", kills(Duration.seconds(35), 1))

test(
  "zmq, tcp: a runner that was stopped for longer than its locks keeps no entity that another had meanwhile",
  Effect.gen(function* () {
    let [stale, elsewhere] = [0, 0]
    for (let i = 0; i < 5; i++) {
      const stopped = yield* stopOne("2 seconds")
      stale += stopped.stale
      elsewhere += stopped.elsewhere
    }
    return {
      what: "stops until the other had all (SIGSTOP, SIGCONT)",
      count: 5,
      zero: { stale, "not served": elsewhere }
    }
  })
)

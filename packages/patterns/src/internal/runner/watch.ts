/** A storage of runners that tells, in the log, who comes and who goes: Effect's runners look into it every few seconds. */

import type * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import { toEndpoint } from "./address.ts"

/** Who looks: a runner, or a process that only calls them. */
export interface Watcher {
  /** Where this runner is, of which nothing is told; `undefined` where this is none. */
  readonly self: string | undefined
}

/** The storage as it is, but that what it says of runners is told where it has changed. */
export const watching = (
  storage: RunnerStorage.RunnerStorage["Service"],
  { self }: Watcher
): RunnerStorage.RunnerStorage["Service"] => {
  const watch = new Watch()
  return {
    ...storage,
    getRunners: Effect.tap(storage.getRunners, (runners) => {
      const others = new Map<string, boolean>()
      for (const [{ address }, healthy] of runners) {
        const endpoint = toEndpoint(address)
        if (endpoint !== self) others.set(endpoint, healthy)
      }
      return Effect.forEach(watch.look(others, self !== undefined), tell, { discard: true })
    })
  }
}

interface News {
  readonly level: "info" | "warning"
  readonly text: string
}

const tell = ({ level, text }: News) => plainly(level === "info" ? Effect.logInfo(text) : Effect.logWarning(text))

/** In one line: without what Effect's runners note of the fiber that has come across it. */
export const plainly = (log: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.flatMap(References.CurrentLogAnnotations, ({ fiber: _fiber, module: _module, runner: _runner, ...others }) =>
    Effect.provideService(log, References.CurrentLogAnnotations, others)
  )

/** What was seen when it was looked last. */
class Watch {
  private known: ReadonlyMap<string, boolean> = new Map()
  /** How often in a row nobody was there. */
  private lonely = 0

  /** Takes who is there now, and whether each is well; gives what is new. */
  look(now: ReadonlyMap<string, boolean>, isRunner: boolean): ReadonlyArray<News> {
    const news: Array<News> = []
    const come = [...now.keys()].filter((runner) => !this.known.has(runner))
    if (come.length > 0) news.push({ level: "info", text: `${count(come)} there: ${come.join(", ")}` })
    for (const [runner, isWell] of now) {
      const wasWell = this.known.get(runner) ?? true
      if (wasWell && !isWell) {
        news.push({ level: "warning", text: `the runner ${runner} does not answer: its entities go to others` })
      } else if (isWell && !wasWell) news.push({ level: "info", text: `the runner ${runner} answers again` })
    }
    for (const runner of this.known.keys()) {
      if (now.has(runner)) continue
      news.push({ level: "info", text: `the runner ${runner} is gone: its entities go to others` })
    }
    const hadOthers = this.known.size > 0
    this.known = now
    this.lonely = now.size > 0 || isRunner ? 0 : this.lonely + 1
    if (this.lonely === 1 && hadOthers) {
      this.lonely = patience
      news.push({ level: "warning", text: `no runner is there any more: ${waiting}` })
    } else if (this.lonely === patience) news.push({ level: "warning", text: `no runner is there yet: ${waiting}` })
    return news
  }
}

/** A runner that was started at the same moment is not missed at the first look. */
const patience = 2

const waiting = "calls of entities wait for one, without end"

const count = (runners: ReadonlyArray<string>) =>
  runners.length === 1 ? "a runner is" : `${runners.length} runners are`

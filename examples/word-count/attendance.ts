/**
 * Who is there: what the dispatcher of a pool has noticed of its workers, put together with what became of their processes.
 */

/** A worker died, or says nothing. */
export interface Death {
  readonly _tag: "Death"
  readonly worker: number
  readonly pid: number
  /** As the system tells of the end of a process: "killed by SIGKILL". */
  readonly how: string
  /** Milliseconds from the kill until the pool knew; `undefined` where somebody else has killed it, or it was not there yet. */
  readonly noticedAfter: number | undefined
  /** How many parts it had, which are given to others. */
  readonly redone: number
}

/** A worker that had died is there again, as a new process. */
export interface Return {
  readonly _tag: "Return"
  readonly worker: number
  readonly pid: number
  /** Milliseconds from its death. */
  readonly after: number
}

/** A process of a worker. */
interface Life {
  readonly worker: number
  readonly pid: number
  /** Since when it is in the pool. */
  since: number | undefined
  killedAt: number | undefined
  /** What the pool noticed. */
  left: { readonly at: number; readonly isSilent: boolean; readonly redone: number } | undefined
  ended: { readonly at: number; readonly how: string } | undefined
  isTold: boolean
}

export class Attendance {
  /** The process of each worker, the one of now or the last one. */
  private readonly lives = new Map<number, Life>()
  /** All processes, by pid: the next one of a worker may be there before it is noticed that the one before is not. */
  private readonly all = new Map<number, Life>()
  private readonly diedAt = new Map<number, number>()
  private news: Array<Death | Return> = []

  /** What has happened since this was asked for last. */
  take(): ReadonlyArray<Death | Return> {
    return this.news.splice(0)
  }

  get pids(): ReadonlyArray<number> {
    return [...this.lives.values()].toSorted((a, b) => a.worker - b.worker).map(({ pid }) => pid)
  }

  /** Those who have been there since some time, or longer. */
  atWork(since: number): ReadonlyArray<number> {
    return [...this.lives.values()]
      .filter((life) => life.killedAt === undefined && life.since !== undefined && life.since <= since)
      .map(({ worker }) => worker)
  }

  howEnded(worker: number): string {
    return this.lives.get(worker)?.ended?.how ?? "it could not be started"
  }

  /** A process was started; answers for how many workers one was. */
  started(worker: number, pid: number): number {
    const life: Life = {
      worker,
      pid,
      since: undefined,
      killedAt: undefined,
      left: undefined,
      ended: undefined,
      isTold: false
    }
    this.lives.set(worker, life)
    this.all.set(pid, life)
    return this.lives.size
  }

  killed(worker: number, now: number): void {
    const life = this.lives.get(worker)
    if (life !== undefined) life.killedAt ??= now
  }

  joined(pid: number, now: number): void {
    const life = this.all.get(pid)
    if (life === undefined || life.ended !== undefined) return
    life.since = now
    life.left = undefined
    life.isTold = false
    const diedAt = this.diedAt.get(life.worker)
    this.diedAt.delete(life.worker)
    if (diedAt !== undefined) this.news.push({ _tag: "Return", worker: life.worker, pid, after: now - diedAt })
  }

  /** The pool has lost it. */
  left(pid: number, { redone, why }: { readonly redone: number; readonly why: string }, now: number): void {
    const life = this.all.get(pid)
    if (life === undefined) return
    life.left = { at: now, redone, isSilent: why === "Silent" }
    this.look(life)
  }

  /** Its process has ended. */
  ended(worker: number, how: string, now: number): void {
    const life = this.lives.get(worker)
    if (life === undefined) return
    life.ended = { at: now, how: life.killedAt === undefined ? inWords(how) : "killed by SIGKILL" }
    this.look(life)
  }

  /** Both know: its process has ended, and the pool has noticed, if it was there; or it is there, and says nothing. */
  private look(life: Life): void {
    const { ended, killedAt, left, pid, since, worker } = life
    if (
      life.isTold ||
      (ended === undefined && left?.isSilent !== true) ||
      (since !== undefined && left === undefined)
    ) {
      return
    }
    life.isTold = true
    this.diedAt.set(
      worker,
      killedAt ?? Math.min(ended?.at ?? Number.POSITIVE_INFINITY, left?.at ?? Number.POSITIVE_INFINITY)
    )
    this.news.push({
      _tag: "Death",
      worker,
      pid,
      how: ended?.how ?? "it says nothing",
      noticedAfter: killedAt === undefined || left === undefined ? undefined : left.at - killedAt,
      redone: left?.redone ?? 0
    })
  }
}

/** Of a signal all that there is may be its name. */
const inWords = (how: string): string => {
  const signal = /SIG[A-Z0-9]+/.exec(how)?.[0]
  if (signal !== undefined) return `killed by ${signal}`
  return /^code \d+$/.test(how) ? how : "killed"
}

/**
 * Jobs that wait for a worker: those of a higher priority first, and of one priority the oldest first.
 *
 * What is wanted no more is not looked for: it is passed over when its turn comes, and swept out when it is most of what is
 * here. So to withdraw a job costs nothing, however many wait.
 */

/** What waits, as far as the queue knows it: a job that `isQueued` no more is passed over. */
export interface Waiting {
  readonly priority: number
  readonly isQueued: boolean
}

/** The jobs of one priority. */
class Line<J extends Waiting> {
  readonly priority: number
  /** The next is the last: those that come again, before all others. */
  private again: Array<J> = []
  private jobs: Array<J> = []
  private head = 0

  constructor(priority: number) {
    this.priority = priority
  }

  push(job: J): void {
    this.jobs.push(job)
  }

  pushFirst(job: J): void {
    this.again.push(job)
  }

  shift(): J | undefined {
    for (let job = this.again.pop(); job !== undefined; job = this.again.pop()) if (job.isQueued) return job
    while (this.head < this.jobs.length) {
      const job = this.jobs[this.head++] as J // below the length
      if (this.head > 1024 && this.head * 2 > this.jobs.length) this.cut()
      if (job.isQueued) return job
    }
    this.jobs = []
    this.head = 0
    return undefined
  }

  sweep(): void {
    this.again = this.again.filter((job) => job.isQueued)
    this.jobs = this.jobs.slice(this.head).filter((job) => job.isQueued)
    this.head = 0
  }

  private cut(): void {
    this.jobs = this.jobs.slice(this.head)
    this.head = 0
  }
}

export class Queue<J extends Waiting> {
  /** The highest priority first. */
  private readonly lines: Array<Line<J>> = []
  private withdrawn = 0
  private count = 0

  /** How many wait that are wanted. */
  get size(): number {
    return this.count
  }

  push(job: J): void {
    this.count++
    this.lineOf(job.priority).push(job)
  }

  /** Before all others of its priority: it has waited once already. */
  pushFirst(job: J): void {
    this.count++
    this.lineOf(job.priority).pushFirst(job)
  }

  /** The next, if there is one. */
  shift(): J | undefined {
    if (this.count === 0) return undefined
    for (const line of this.lines) {
      const job = line.shift()
      if (job === undefined) continue
      this.count--
      return job
    }
    return undefined
  }

  /** One that waits here is not queued any more. */
  withdraw(): void {
    this.count--
    if (++this.withdrawn < 1024 || this.withdrawn < this.count) return
    this.withdrawn = 0
    for (const line of this.lines) line.sweep()
  }

  private lineOf(priority: number): Line<J> {
    for (let i = 0; i < this.lines.length; i++) {
      const line = this.lines[i] as Line<J> // below the length
      if (line.priority === priority) return line
      if (line.priority < priority) return this.insert(i, priority)
    }
    return this.insert(this.lines.length, priority)
  }

  private insert(at: number, priority: number): Line<J> {
    const line = new Line<J>(priority)
    this.lines.splice(at, 0, line)
    return line
  }
}

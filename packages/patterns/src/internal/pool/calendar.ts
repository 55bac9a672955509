/** What waits for its time. */

export class Calendar<J extends { at: number }> {
  /** The earliest last. */
  private readonly jobs: Array<J> = []

  get size(): number {
    return this.jobs.length
  }

  /** When the first of them is to be taken. */
  get nextAt(): number {
    return this.jobs[this.jobs.length - 1]?.at ?? Number.POSITIVE_INFINITY
  }

  add(job: J, at: number): void {
    job.at = at
    let from = 0
    let to = this.jobs.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.jobs[middle] as J).at > at)
        from = middle + 1 // below the length
      else to = middle
    }
    this.jobs.splice(from, 0, job)
  }

  remove(job: J): void {
    const at = this.jobs.indexOf(job)
    if (at >= 0) this.jobs.splice(at, 1)
  }

  /** The next whose time has come, taken. */
  next(now: number): J | undefined {
    return this.nextAt <= now ? this.jobs.pop() : undefined
  }
}

/**
 * Which parts of which files were handed out, and of which there are results: what a ventilator must know that wants to hand
 * out again what was lost.
 */

/** A part of a file: the first of three is `{ part: 0, of: 3 }`. */
export interface Part {
  readonly file: string
  readonly part: number
  readonly of: number
}

/** The parts of a file. */
interface Status {
  readonly of: number
  readonly handedOut: Set<number>
  readonly received: Set<number>
}

export class Parts {
  /** How many parts have a result. */
  received = 0
  /** How many files are through, with all of their parts. */
  complete = 0
  /** How many results were of a part that had one already. */
  twice = 0
  /** What was handed out a second time, each part once. */
  readonly again: Array<Part> = []
  private readonly files = new Map<string, Status>()

  handOut(part: Part): void {
    const { handedOut } = this.of(part)
    if (!handedOut.has(part.part)) handedOut.add(part.part)
    else if (!this.again.some(({ file, part: n }) => file === part.file && n === part.part)) this.again.push(part)
  }

  /** Whether the result is the first one of this part. */
  receive(part: Part): boolean {
    const { of, received } = this.of(part)
    if (received.has(part.part)) {
      this.twice++
      return false
    }
    this.received++
    if (received.add(part.part).size === of) this.complete++
    return true
  }

  has(part: Part): boolean {
    return this.of(part).received.has(part.part)
  }

  isComplete(file: string): boolean {
    const status = this.files.get(file)
    return status !== undefined && status.received.size === status.of
  }

  private of({ file, of }: Part): Status {
    const known = this.files.get(file)
    if (known !== undefined) return known
    const status: Status = { of, handedOut: new Set(), received: new Set() }
    this.files.set(file, status)
    return status
  }
}

import type { Pipe } from "./Pipe.ts"

/** The list of pipes to read from, or of those to write to: a pipe is in at most one of each. */
export const IN = 0
export const OUT = 1

/**
 * Pipes in an order that changes by swaps: each knows its place, so that finding, moving and removing one costs the same
 * among ten thousand.
 */
export class PipeList {
  private readonly kind: typeof IN | typeof OUT
  private readonly pipes: Array<Pipe> = []

  constructor(kind: typeof IN | typeof OUT) {
    this.kind = kind
  }

  get size(): number {
    return this.pipes.length
  }

  /** The pipe at an index below `size`. */
  at(index: number): Pipe {
    return this.pipes[index] as Pipe // callers keep to the size
  }

  indexOf(pipe: Pipe): number {
    return pipe.places[this.kind]
  }

  push(pipe: Pipe): void {
    pipe.places[this.kind] = this.pipes.length
    this.pipes.push(pipe)
  }

  swap(a: number, b: number): void {
    if (a === b) return
    const first = this.at(a)
    const second = this.at(b)
    this.pipes[a] = second
    this.pipes[b] = first
    second.places[this.kind] = a
    first.places[this.kind] = b
  }

  /** Removes a pipe; the last one takes its place. */
  remove(pipe: Pipe): void {
    this.swap(this.indexOf(pipe), this.pipes.length - 1)
    this.pipes.pop()
    pipe.places[this.kind] = -1
  }
}

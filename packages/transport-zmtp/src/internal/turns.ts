/** The turns of the event loop, counted while somebody has to do with them: one count for all connections. */

export interface Turning {
  /** A turn has passed; whether to be told of the next. */
  readonly turn: () => boolean
}

export class Turns {
  private readonly nextTurn: (f: () => void) => void
  private turning = new Set<Turning>()
  private armed = false

  constructor(nextTurn: (f: () => void) => void) {
    this.nextTurn = nextTurn
  }

  join(one: Turning): void {
    this.turning.add(one)
    if (this.armed) return
    this.armed = true
    this.nextTurn(this.turn)
  }

  private readonly turn = (): void => {
    const all = this.turning
    this.turning = new Set()
    this.armed = false
    for (const one of all) if (one.turn()) this.join(one)
  }
}

/**
 * Who is a runner, and who holds which shard: the state of a storage, without a clock and without I/O. Times are milliseconds
 * of any clock that does not jump.
 *
 * A lock is held for a time, and for that time again with each refresh. One that has run out is still its holder's until
 * another takes it: then its holder finds at its next refresh that it is gone.
 */

/** The locks of shards, and the runners that take them. Runners, addresses and shards are text, as storages have them. */
export class Leases {
  readonly lockExpiration: number
  readonly #runners = new Map<string, Registered>()
  readonly #locks = new Map<string, Lock>()
  #nextMachine: number
  #closedUntil = Number.NEGATIVE_INFINITY

  /** Machine ids are counted from `firstMachine` on: each id is given once. */
  constructor(lockExpiration: number, firstMachine: number) {
    this.lockExpiration = lockExpiration
    this.#nextMachine = firstMachine
  }

  /**
   * Until then gives no lock, but to who refreshes it: those who hold some from before this storage began are not known yet,
   * and what nobody else can have got meanwhile is still theirs.
   */
  closeUntil(time: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, time)
  }

  register(address: string, runner: string, healthy: boolean, now: number): number {
    const machine = this.#runners.get(address)?.machine ?? this.#nextMachine++
    this.#runners.set(address, { runner, healthy, machine, seen: now })
    return machine
  }

  unregister(address: string): void {
    this.#runners.delete(address)
  }

  setHealth(address: string, healthy: boolean): void {
    const registered = this.#runners.get(address)
    if (registered !== undefined) registered.healthy = healthy
  }

  /** Those that were heard of within the time of a lock. Who was not has lost its locks as well. */
  runners(now: number): Array<readonly [runner: string, healthy: boolean]> {
    const present: Array<readonly [string, boolean]> = []
    for (const [address, { healthy, runner, seen }] of this.#runners) {
      if (now - seen >= this.lockExpiration) this.#runners.delete(address)
      else present.push([runner, healthy])
    }
    return present
  }

  acquire(address: string, shards: ReadonlyArray<string>, now: number): Array<string> {
    if (now < this.#closedUntil) return []
    return shards.filter((shard) => {
      const lock = this.#locks.get(shard)
      if (lock !== undefined && lock.address !== address && now < lock.until) return false
      this.#locks.set(shard, { address, until: now + this.lockExpiration })
      return true
    })
  }

  refresh(address: string, shards: ReadonlyArray<string>, now: number): Array<string> {
    const registered = this.#runners.get(address)
    if (registered !== undefined) registered.seen = now
    return shards.filter((shard) => {
      const holder = this.#locks.get(shard)?.address ?? (now < this.#closedUntil ? address : undefined)
      if (holder !== address) return false
      this.#locks.set(shard, { address, until: now + this.lockExpiration })
      return true
    })
  }

  release(address: string, shard: string): void {
    if (this.#locks.get(shard)?.address === address) this.#locks.delete(shard)
  }

  releaseAll(address: string): void {
    for (const [shard, lock] of this.#locks) if (lock.address === address) this.#locks.delete(shard)
  }
}

interface Registered {
  readonly runner: string
  readonly machine: number
  healthy: boolean
  seen: number
}

interface Lock {
  readonly address: string
  readonly until: number
}

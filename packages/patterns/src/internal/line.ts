/**
 * The requests of a client that wait, in order, until there is room for them.
 *
 * They are copied together: a request in a message of its own, or beside others that are long gone, would hold all of the
 * memory that it came in. So a line is as large as what waits in it, and can have a limit.
 */
import { Flag, fullMessage, Packer, type Record, read } from "./records.ts"

/** How many bytes a line has room for. */
export const fullLine = 8_388_608

/** What a request costs besides its bytes: that its number is kept. */
const overhead = 32

/** Of so many that were withdrawn, if most were, the others are copied together anew. */
const mostWithdrawn = 1024

const sizeOf = ({ end, start }: Record): number => end - start + overhead

/** Nobody who wants no answer takes a request back. */
const canBeWithdrawn = ({ flags }: Record): boolean => (flags & Flag.Notification) === 0

export class Line {
  private packer = new Packer()
  /** What was packed, message by message; and what was read of the first of them. */
  private packed: Array<Uint8Array> = []
  private head: ReadonlyArray<Record> = []
  private at = 0
  /** Of those that can be withdrawn, and were not. */
  private readonly ids = new Set<number>()
  private withdrawn = 0
  private _size = 0
  private _bytes = 0

  /** How many wait. */
  get size(): number {
    return this._size
  }

  /** How much memory they have. */
  get bytes(): number {
    return this._bytes
  }

  has(id: number): boolean {
    return this.ids.has(id)
  }

  push(record: Record): void {
    if (canBeWithdrawn(record)) this.ids.add(record.id)
    this._size++
    this._bytes += sizeOf(record)
    this.packer.copy(record)
    if (this.packer.size >= fullMessage) this.pack()
  }

  /** The first of those that wait. */
  shift(): Record | undefined {
    for (let record = this.next(); record !== undefined; record = this.next()) {
      this._bytes -= sizeOf(record)
      if (canBeWithdrawn(record) && !this.ids.delete(record.id)) this.withdrawn--
      else {
        this._size--
        // What may be left is wanted no more.
        if (this._size === 0) this.clear()
        return record
      }
    }
    return undefined
  }

  /** It is wanted no more; `false` where it does not wait. */
  withdraw(id: number): boolean {
    if (!this.ids.delete(id)) return false
    this._size--
    if (++this.withdrawn >= mostWithdrawn && this.withdrawn > this._size) this.sweep()
    return true
  }

  clear(): void {
    this.packer = new Packer()
    this.packed = []
    this.head = []
    this.at = 0
    this.ids.clear()
    this.withdrawn = this._size = this._bytes = 0
  }

  private next(): Record | undefined {
    if (this.at === this.head.length) {
      if (this.packed.length === 0) this.pack()
      const message = this.packed.shift()
      this.at = 0
      this.head = message === undefined ? [] : read([message]).records
      if (message === undefined) return undefined
    }
    return this.head[this.at++]
  }

  private pack(): void {
    const message = this.packer.take()
    if (message !== undefined) this.packed.push(message)
  }

  private sweep(): void {
    const wanted: Array<Record> = []
    for (let record = this.shift(); record !== undefined; record = this.shift()) wanted.push(record)
    this.clear()
    for (const record of wanted) this.push(record)
  }
}

/**
 * Who listens to a topic, counted from what an XPUB with `verbosity: "all"` tells: each subscription of each peer, and the
 * end of each, but not whose they are.
 *
 * A subscriber of this package says of each of its subscriptions, before it, that it is going to be its own (`claimOf`), and
 * after all of them that it is there (`presenceOf`). Other SUBs say nothing: of them it is only known how many hold a prefix,
 * and so they are as many as hold the most held one. They may be more, and are never fewer.
 */

/** What claims and presences begin with. No name begins with the one, and no text in UTF-8 has the other: nothing is sent to them. */
const marks = { claim: 0, presence: 0xff } as const

/** How many characters the id of a subscriber has. */
const idLength = 32

const separator = 0x2f

const encoder = new TextEncoder()
// A character a byte, whatever the byte.
const decoder = new TextDecoder("latin1")

/** The subscription by which a subscriber says that one of its own to a prefix follows: `00 name / id / prefix`. */
export const claimOf = (name: string, id: string, prefix: Uint8Array): Uint8Array =>
  marked(marks.claim, name, id, prefix)

/** The subscription by which a subscriber says that it has made all of its own: `FF name / id /`. */
export const presenceOf = (name: string, id: string): Uint8Array => marked(marks.presence, name, id, new Uint8Array(0))

const marked = (mark: number, name: string, id: string, rest: Uint8Array): Uint8Array => {
  const head = encoder.encode(`${name}/${id}/`)
  const bytes = new Uint8Array(1 + head.length + rest.length)
  bytes[0] = mark
  bytes.set(head, 1)
  bytes.set(rest, 1 + head.length)
  return bytes
}

export class Audience {
  /** By prefix, how many hold it without a claim; below 0 while it is on its way, and where a proxy tells of several as one. */
  private readonly unnamed = new Map<string, number>()
  /** How many prefixes are held by so many unnamed ones. */
  private readonly heldBy = new Map<number, number>()
  private most = 0
  /** By the id of a subscriber that is there, by how many connections. */
  private readonly named = new Map<string, number>()
  /** By prefix, whose claims have ended before the subscriptions that they were for: by whom these are not held any more. */
  private readonly leaving = new Map<string, Array<string>>()
  /** The prefixes of these, by id. */
  private readonly released = new Map<string, Set<string>>()
  private readonly topic: Uint8Array

  constructor(name: string) {
    this.topic = encoder.encode(`${name}/`)
  }

  get size(): number {
    return this.named.size + this.most
  }

  /** A subscription was made, or has ended. */
  told(isNew: boolean, subscription: Uint8Array): void {
    const step = isNew ? 1 : -1
    const [mark] = subscription
    if (mark !== marks.claim && mark !== marks.presence) {
      if (!this.concerns(subscription)) return
      const prefix = decoder.decode(subscription)
      if (isNew || !this.hasLeft(prefix)) this.count(prefix, step)
      return
    }
    const said = this.read(subscription)
    if (said === undefined) return
    const { id, prefix } = said
    if (mark === marks.claim) {
      // Who leaves is not to be counted once more until its subscription ends, too.
      if (isNew || !this.named.has(id) || (this.unnamed.get(prefix) ?? 0) < 0) this.count(prefix, -step)
      else this.leaves(id, prefix)
      return
    }
    const connections = (this.named.get(id) ?? 0) + step
    if (connections > 0) this.named.set(id, connections)
    else {
      this.named.delete(id)
      this.settle(id)
    }
  }

  private leaves(id: string, prefix: string): void {
    this.leaving.set(prefix, [...(this.leaving.get(prefix) ?? []), id])
    this.released.set(id, (this.released.get(id) ?? new Set()).add(prefix))
  }

  /** Whether a subscription that has ended is of one who leaves. */
  private hasLeft(prefix: string): boolean {
    const ids = this.leaving.get(prefix)
    if (ids === undefined) return false
    ids.pop()
    if (ids.length === 0) this.leaving.delete(prefix)
    return true
  }

  /** Of who is gone, a subscription that has not ended is another's: a proxy tells of several as one. */
  private settle(id: string): void {
    for (const prefix of this.released.get(id) ?? []) {
      const others = this.leaving.get(prefix)?.filter((other) => other !== id) ?? []
      const ended = (this.leaving.get(prefix)?.length ?? 0) - others.length
      if (others.length > 0) this.leaving.set(prefix, others)
      else this.leaving.delete(prefix)
      for (let n = 0; n < ended; n++) this.count(prefix, 1)
    }
    this.released.delete(id)
  }

  /** Whether a message of the topic can begin so. */
  private concerns(prefix: Uint8Array): boolean {
    return startsWith(prefix, this.topic, Math.min(prefix.length, this.topic.length))
  }

  private read(subscription: Uint8Array): { readonly id: string; readonly prefix: string } | undefined {
    const rest = subscription.subarray(1)
    const at = this.topic.length + idLength
    if (rest[at] !== separator || !startsWith(rest, this.topic, this.topic.length)) return undefined
    return { id: decoder.decode(rest.subarray(this.topic.length, at)), prefix: decoder.decode(rest.subarray(at + 1)) }
  }

  private count(prefix: string, step: number): void {
    const before = this.unnamed.get(prefix) ?? 0
    const after = before + step
    if (after === 0) this.unnamed.delete(prefix)
    else this.unnamed.set(prefix, after)
    this.heldBy.set(before, (this.heldBy.get(before) ?? 0) - 1)
    this.heldBy.set(after, (this.heldBy.get(after) ?? 0) + 1)
    // By one at a time, the most changes by one at a time.
    if (after > this.most) this.most = after
    else if (before === this.most && before > 0 && this.heldBy.get(before) === 0) this.most = before - 1
  }
}

const startsWith = (bytes: Uint8Array, start: Uint8Array, length: number): boolean => {
  if (bytes.length < length) return false
  for (let i = 0; i < length; i++) if (bytes[i] !== start[i]) return false
  return true
}

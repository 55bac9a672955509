/**
 * Subscriptions: prefixes of bytes, and who holds them.
 *
 * Both sides keep them in a radix tree, whose cost is that of the bytes looked at: peers choose the prefixes, and there is
 * no choice of them that makes it slow.
 *
 * @since 0.1.0
 */

/**
 * The subscriptions of one subscriber. They are counted: what was added twice is gone with the second removal.
 *
 * @category models
 * @since 0.1.0
 */
export class Subscriptions {
  private readonly tree = new RadixTree<number>()

  /** Whether the prefix is new. */
  add(prefix: Uint8Array): boolean {
    const node = this.tree.insert(prefix)
    node.value = (node.value ?? 0) + 1
    return node.value === 1
  }

  /** Whether the prefix is gone by this: not where it was added more often, or never. */
  remove(prefix: Uint8Array): boolean {
    const node = this.tree.find(prefix)
    if (node?.value === undefined) return false
    if (node.value > 1) {
      node.value--
      return false
    }
    this.tree.clear(node)
    return true
  }

  /** Whether a prefix of the bytes is subscribed to. */
  matches(bytes: Uint8Array): boolean {
    return this.tree.some(bytes, always)
  }

  /** Each prefix, once. */
  visit(f: (prefix: Uint8Array) => void): void {
    this.tree.visit((node) => f(toBytes(keyOf(node))))
  }
}

/**
 * The subscriptions of many subscribers. A prefix is held or not: adding it twice is adding it once.
 *
 * What a subscriber holds is kept with the subscriber too, so that its leaving costs its own prefixes only.
 *
 * @category models
 * @since 0.1.0
 */
export class Subscribers<Subscriber extends object> {
  private readonly tree = new RadixTree<Subscriber | Set<Subscriber>>()
  private readonly held = new Map<Subscriber, Set<Node<Subscriber | Set<Subscriber>>>>()

  /** Whether nobody held the prefix before. */
  add(prefix: Uint8Array, subscriber: Subscriber): boolean {
    const node = this.tree.insert(prefix)
    const holder = node.value
    if (holder === undefined) node.value = subscriber
    else if (holder instanceof Set) holder.add(subscriber)
    else if (holder !== subscriber) node.value = new Set([holder, subscriber])
    const own = this.held.get(subscriber)
    if (own === undefined) this.held.set(subscriber, new Set([node]))
    else own.add(node)
    return holder === undefined
  }

  /** Whether nobody holds the prefix any more, by this. */
  remove(prefix: Uint8Array, subscriber: Subscriber): boolean {
    const node = this.tree.find(prefix)
    const own = this.held.get(subscriber)
    if (node === undefined || own === undefined || !own.delete(node)) return false
    return this.release(node, subscriber)
  }

  /** How many prefixes a subscriber holds. */
  count(subscriber: Subscriber): number {
    return this.held.get(subscriber)?.size ?? 0
  }

  /** Removes all that a subscriber holds, and tells of each prefix, and whether nobody holds it any more. */
  removeAll(subscriber: Subscriber, each?: (prefix: Uint8Array, isGone: boolean) => void): void {
    const own = this.held.get(subscriber)
    if (own === undefined) return
    this.held.delete(subscriber)
    for (const node of own) {
      const key = each === undefined ? "" : keyOf(node)
      const isGone = this.release(node, subscriber)
      each?.(toBytes(key), isGone)
    }
  }

  /** Calls `f` for each subscriber of a prefix of the bytes, more than once where it holds more than one such prefix. */
  visitMatching(bytes: Uint8Array, f: (subscriber: Subscriber) => void): void {
    this.tree.some(bytes, (holder) => {
      if (holder instanceof Set) for (const subscriber of holder) f(subscriber)
      else f(holder)
      return false
    })
  }

  private release(node: Node<Subscriber | Set<Subscriber>>, subscriber: Subscriber): boolean {
    if (node.value instanceof Set) {
      node.value.delete(subscriber)
      if (node.value.size > 0) return false
    }
    this.tree.clear(node)
    return true
  }
}

// -----------------------------------------------------------------------------
// The tree
// -----------------------------------------------------------------------------

/** The children of a leaf. */
const nobody: ReadonlyArray<never> = []

/**
 * A node that holds a value, or that branches. It stays the same object for as long as it holds a value.
 *
 * Bytes are kept as strings, a character each, which take a tenth of the memory of small arrays. All of them are made by
 * `toText`: what V8 makes of `slice` and `+` are references to other strings, which cost a look elsewhere at each character.
 */
class Node<V> {
  /** The bytes from the parent to here. */
  edge: string
  parent: Node<V> | undefined
  /** In the order of the first bytes of their edges; and these bytes. Most nodes are leaves: they share an empty array. */
  children: ReadonlyArray<Node<V>> = nobody
  firsts = ""
  /** For a node of many children, the place of each byte's child, from 1 on. */
  private places: Uint8Array | undefined = undefined
  value: V | undefined = undefined

  constructor(edge: string, parent: Node<V> | undefined) {
    this.edge = edge
    this.parent = parent
  }

  /** The index of the child whose edge begins with a byte, or where it would be. */
  indexOf(byte: number): number {
    const { firsts } = this
    let low = 0
    let high = firsts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (firsts.charCodeAt(middle) < byte) low = middle + 1
      else high = middle
    }
    return low
  }

  childAt(index: number, byte: number): Node<V> | undefined {
    return this.firsts.charCodeAt(index) === byte ? this.children[index] : undefined
  }

  add(index: number, child: Node<V>): void {
    const own = this.own()
    own.splice(index, 0, child)
    this.note()
  }

  removeAt(index: number): void {
    this.own().splice(index, 1)
    this.note()
  }

  replaceAt(index: number, child: Node<V>): void {
    this.own()[index] = child
  }

  /** The children, to be changed. */
  private own(): Array<Node<V>> {
    if (this.children === nobody) this.children = []
    return this.children as Array<Node<V>> // but for `nobody` they are made here
  }

  /** The child whose edge begins with a byte. */
  childOf(byte: number): Node<V> | undefined {
    const { places } = this
    if (places === undefined) return this.childAt(this.indexOf(byte), byte)
    const place = places[byte] as number // of 256
    return place === 0 ? undefined : this.children[place - 1]
  }

  private note(): void {
    const { children } = this
    const { length } = children
    const firsts = new Array<number>(length)
    for (let i = 0; i < length; i++) firsts[i] = (children[i] as Node<V>).edge.charCodeAt(0) // below the length
    this.firsts = String.fromCharCode(...firsts)
    if (length < tabled.least || length > tabled.most) {
      this.places = undefined
      return
    }
    if (this.places === undefined) this.places = new Uint8Array(256)
    else this.places.fill(0)
    for (let i = 0; i < length; i++) this.places[firsts[i] as number] = i + 1 // as above
  }
}

/** How many children a node has that finds them by a table: more than a search is good for, and no more than a byte counts. */
const tabled = { least: 6, most: 255 }

class RadixTree<V> {
  private readonly root = new Node<V>("", undefined)

  /** The node of a key, made where there is none. */
  insert(key: Uint8Array): Node<V> {
    let node = this.root
    let at = 0
    while (at < key.length) {
      const byte = key[at] as number // below the length
      const index = node.indexOf(byte)
      const child = node.childAt(index, byte)
      if (child === undefined) {
        const leaf = new Node<V>(toText(key, at, key.length), node)
        node.add(index, leaf)
        return leaf
      }
      const common = commonLength(child.edge, key, at)
      node = common < child.edge.length ? split(child, index, node, common) : child
      at += common
    }
    return node
  }

  find(key: Uint8Array): Node<V> | undefined {
    let node = this.root
    let at = 0
    while (at < key.length) {
      const child = node.childOf(key[at] as number) // below the length
      if (child === undefined || commonLength(child.edge, key, at) < child.edge.length) return undefined
      at += child.edge.length
      node = child
    }
    return node
  }

  /** Whether `f` answers `true` to a value on the way along the bytes, the one of the shortest key first. */
  some(bytes: Uint8Array, f: (value: V) => boolean): boolean {
    let node = this.root
    let at = 0
    for (;;) {
      if (node.value !== undefined && f(node.value)) return true
      if (at === bytes.length) return false
      const child = node.childOf(bytes[at] as number) // below the length
      if (child === undefined || commonLength(child.edge, bytes, at) < child.edge.length) return false
      at += child.edge.length
      node = child
    }
  }

  /** Takes the value off a node, and the nodes away that are no longer needed. */
  clear(start: Node<V>): void {
    start.value = undefined
    let node = start
    while (node.value === undefined && node.parent !== undefined && node.children.length < 2) {
      const { children, parent } = node
      const index = parent.indexOf(node.edge.charCodeAt(0))
      const child = children[0]
      if (child !== undefined) {
        const edge = toBytes(node.edge + child.edge)
        child.edge = toText(edge, 0, edge.length)
        child.parent = parent
        parent.replaceAt(index, child)
        return
      }
      parent.removeAt(index)
      node = parent
    }
  }

  visit(f: (node: Node<V>) => void): void {
    const stack = [this.root]
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (node.value !== undefined) f(node)
      for (let i = node.children.length - 1; i >= 0; i--) stack.push(node.children[i] as Node<V>) // below the length
    }
  }
}

const always = () => true

/** Puts a node on the way to a child, `length` bytes down its edge. */
const split = <V>(child: Node<V>, index: number, parent: Node<V>, length: number): Node<V> => {
  const edge = toBytes(child.edge)
  const middle = new Node<V>(toText(edge, 0, length), parent)
  parent.replaceAt(index, middle)
  child.edge = toText(edge, length, edge.length)
  child.parent = middle
  middle.add(0, child)
  return middle
}

/** How many bytes an edge has in common with a key from `at` on; the first is known to be. */
const commonLength = (edge: string, key: Uint8Array, at: number): number => {
  const most = Math.min(edge.length, key.length - at)
  let length = 1
  while (length < most && edge.charCodeAt(length) === key[at + length]) length++
  return length
}

const keyOf = <V>(node: Node<V>): string => {
  let key = ""
  for (let at: Node<V> | undefined = node; at !== undefined; at = at.parent) key = at.edge + key
  return key
}

/** A character for each byte from one place up to another, in pieces that fit in a call. */
const toText = (bytes: Uint8Array, from: number, to: number): string => {
  let text = ""
  for (let at = from; at < to; at += 8192) {
    // An array of numbers is the fastest way into the call.
    const length = Math.min(8192, to - at)
    const codes = new Array<number>(length)
    for (let i = 0; i < length; i++) codes[i] = bytes[at + i] as number // below the length
    text += String.fromCharCode(...codes)
  }
  return text
}

const toBytes = (key: string): Uint8Array => {
  const bytes = new Uint8Array(key.length)
  for (let i = 0; i < key.length; i++) bytes[i] = key.charCodeAt(i)
  return bytes
}

import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Subscribers, Subscriptions } from "../../src/engine/SubscriptionTree.ts"
import { type Random, repeat } from "./pipes.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

const isPrefix = (prefix: Uint8Array, of: Uint8Array) =>
  prefix.length <= of.length && prefix.every((byte, i) => byte === of[i])

/** The edges of the tree inside. */
const edges = (subscribers: Subscribers<object>) =>
  JSON.stringify(subscribers, (key, value) =>
    key === "parent" || key === "held" || key === "value" ? undefined : value
  )

const key = (topic: Uint8Array) => topic.join(",")

/** Topics of few different bytes, so that many share a part: nested, split, equal, empty. */
const topic = (random: Random) =>
  Uint8Array.from({ length: random.below(7) }, () => [0, 65, 66, 255][random.below(random.chance(0.2) ? 4 : 2)] ?? 0)

describe("Subscribers (the subscriptions a publisher knows)", () => {
  it("finds for a message those who hold a prefix of it, whatever was added and removed: as a naive list does", () => {
    repeat(300, (random) => {
      const subscribers = new Subscribers<{ readonly name: string }>()
      const peers = ["a", "b", "c", "d"].map((name) => ({ name }))
      // Each prefix once for each holder: the naive list.
      const naive = new Map<string, { prefix: Uint8Array; peer: { readonly name: string } }>()
      const holders = (prefix: Uint8Array) => [...naive.values()].filter((entry) => key(entry.prefix) === key(prefix))
      for (let step = 0; step < 120; step++) {
        const prefix = topic(random)
        const peer = peers[random.below(peers.length)] ?? { name: "" }
        const id = `${peer.name}:${key(prefix)}`
        const others = holders(prefix).filter((entry) => entry.peer !== peer).length
        if (random.chance(0.5)) {
          assert.strictEqual(subscribers.add(prefix, peer), holders(prefix).length === 0, "whether nobody held it")
          naive.set(id, { prefix, peer })
        } else if (random.chance(0.9)) {
          const held = naive.delete(id)
          assert.strictEqual(subscribers.remove(prefix, peer), held && others === 0, "whether it is gone")
        } else {
          const all: Array<string> = []
          const gone: Array<string> = []
          subscribers.removeAll(peer, (prefix, isGone) => {
            all.push(key(prefix))
            if (isGone) gone.push(key(prefix))
          })
          const own = [...naive.values()].filter((entry) => entry.peer === peer)
          for (const entry of own) naive.delete(`${peer.name}:${key(entry.prefix)}`)
          const expected = own.filter((entry) => holders(entry.prefix).length === 0).map((entry) => key(entry.prefix))
          assert.sameMembers(
            all,
            own.map((entry) => key(entry.prefix))
          )
          assert.deepStrictEqual(gone.sort(), expected.sort(), "what nobody holds any more")
        }
        const message = topic(random)
        const found: Array<string> = []
        subscribers.visitMatching(message, (peer) => found.push(peer.name))
        const expected = [...naive.values()]
          .filter(({ prefix }) => isPrefix(prefix, message))
          .map(({ peer }) => peer.name)
        assert.deepStrictEqual(found.sort(), expected.sort())
      }
    })
  })

  it("keeps nothing of a subscriber that is gone: no node remains", () => {
    const subscribers = new Subscribers<object>()
    const peer = {}
    const other = {}
    for (let i = 0; i < 1000; i++) subscribers.add(bytes(`topic/${i}`), i % 2 === 0 ? peer : other)
    subscribers.removeAll(peer)
    subscribers.removeAll(other)
    assert.notInclude(JSON.stringify(subscribers), "topic")
  })

  it("keeps no node that it does not need: what is left is what would have been built of it", () => {
    repeat(100, (random) => {
      const peer = {}
      const topics = Array.from({ length: 30 }, () => topic(random))
      const subscribers = new Subscribers<object>()
      for (const prefix of topics) subscribers.add(prefix, peer)
      const left = topics.filter((prefix) => !random.chance(0.5) || !(subscribers.remove(prefix, peer) || true))
      const fresh = new Subscribers<object>()
      for (const prefix of left) {
        subscribers.add(prefix, peer)
        fresh.add(prefix, peer)
      }
      assert.deepStrictEqual(edges(subscribers), edges(fresh))
    })
  })

  it("takes a topic of 100 kB", () => {
    const subscribers = new Subscribers<object>()
    const long = new Uint8Array(100_000).fill(7)
    subscribers.add(long, { long: true })
    subscribers.add(long.subarray(0, 50_000), { half: true })
    const found: Array<object> = []
    subscribers.visitMatching(long, (peer) => found.push(peer))
    assert.deepStrictEqual(found, [{ half: true }, { long: true }])
  })
})

describe("Subscriptions (what a subscriber asked for)", () => {
  it("counts: what was added twice is gone with the second removal", () => {
    const subscriptions = new Subscriptions()
    assert.isTrue(subscriptions.add(bytes("a")))
    assert.isFalse(subscriptions.add(bytes("a")))
    assert.isFalse(subscriptions.remove(bytes("a")))
    assert.isTrue(subscriptions.matches(bytes("abc")))
    assert.isTrue(subscriptions.remove(bytes("a")))
    assert.isFalse(subscriptions.matches(bytes("abc")))
  })

  it("ignores the removal of what was never added, whole, shorter or longer", () => {
    const subscriptions = new Subscriptions()
    subscriptions.add(bytes("abc"))
    for (const other of ["", "a", "ab", "abcd", "x"]) assert.isFalse(subscriptions.remove(bytes(other)))
    assert.isTrue(subscriptions.matches(bytes("abc")))
  })

  it("matches as a naive list of counted prefixes does", () => {
    repeat(300, (random) => {
      const subscriptions = new Subscriptions()
      const naive: Array<Uint8Array> = []
      for (let step = 0; step < 100; step++) {
        const prefix = topic(random)
        const at = naive.findIndex((other) => key(other) === key(prefix))
        if (random.chance(0.5)) {
          assert.strictEqual(subscriptions.add(prefix), at === -1)
          naive.push(prefix)
        } else {
          if (at !== -1) naive.splice(at, 1)
          const isGone = at !== -1 && !naive.some((other) => key(other) === key(prefix))
          assert.strictEqual(subscriptions.remove(prefix), isGone)
        }
        const message = topic(random)
        assert.strictEqual(
          subscriptions.matches(message),
          naive.some((prefix) => isPrefix(prefix, message))
        )
      }
      const listed: Array<string> = []
      subscriptions.visit((prefix) => listed.push(key(prefix)))
      assert.deepStrictEqual(listed.sort(), [...new Set(naive.map(key))].sort())
    })
  })

  it.prop("gives back any prefix, byte for byte", [Schema.Uint8Array], ([prefix]) => {
    const subscriptions = new Subscriptions()
    subscriptions.add(prefix)
    const listed: Array<Uint8Array> = []
    subscriptions.visit((prefix) => listed.push(prefix))
    assert.deepStrictEqual(listed.map(key), [key(prefix)])
    assert.isTrue(subscriptions.matches(prefix))
  })
})

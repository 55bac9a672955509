import { assert, describe, it } from "@effect/vitest"
import {
  DROPPED,
  FULL,
  type Options,
  type Pattern,
  PEER_FULL,
  SENT,
  type Sent,
  UNROUTABLE
} from "../../src/engine/Pattern.ts"
import { lowWaterMark, type Pipe } from "../../src/engine/Pipe.ts"
import { make } from "../../src/engine/patterns/index.ts"
import type { Message } from "../../src/Message.ts"
import { connection, message, options, repeat, type TestPipe, text, texts } from "./pipes.ts"
import { frames } from "./sockets.ts"

const encoder = new TextEncoder()

/** A pattern, driven as the engine does it, with all that it tells. */
class Driven {
  readonly pattern: Pattern
  readonly attached = new Set<Pipe>()
  readonly told: Array<string> = []

  constructor(type: "DEALER" | "ROUTER" | "PAIR", own: Partial<Options> = {}) {
    this.pattern = make(type, { ...options, ...own })
    this.pattern.driver = {
      leaveAside: (pipe) => this.attached.delete(pipe),
      joined: (id) => this.told.push(`+${new TextDecoder().decode(id)}`),
      lost: () => {},
      left: (id) => this.told.push(`-${new TextDecoder().decode(id)}`)
    }
  }

  /** A peer connects. */
  accept(name: string, announced?: string, hwm?: number): { readonly near: TestPipe; readonly far: TestPipe } {
    const pipe = this.pipe(name, hwm)
    this.connect(pipe.near, announced)
    return pipe
  }

  pipe(name: string, hwm?: number) {
    const near = {
      readActivated: (pipe: Pipe) => this.attached.has(pipe) && this.pattern.readActivated(pipe),
      writeActivated: (pipe: Pipe) => this.attached.has(pipe) && this.pattern.writeActivated(pipe),
      ended: (pipe: Pipe) => this.drop(pipe)
    }
    return connection(name, { near, ...(hwm !== undefined && { hwm }) })
  }

  attach(pipe: Pipe) {
    if (this.attached.has(pipe)) return
    this.attached.add(pipe)
    this.pattern.attach(pipe)
  }

  connect(pipe: Pipe, announced?: string) {
    pipe.announced = announced === undefined ? undefined : encoder.encode(announced)
    this.attach(pipe)
    if (this.attached.has(pipe)) this.pattern.connected(pipe)
  }

  /** The peer is gone for good. */
  lose(pipe: Pipe) {
    pipe.open = false
    pipe.finished = true
    if (this.attached.has(pipe)) this.pattern.disconnected(pipe)
    if (!(pipe.hasIn() && this.attached.has(pipe))) this.drop(pipe)
  }

  drop(pipe: Pipe) {
    if (this.attached.delete(pipe)) this.pattern.detach(pipe)
  }

  take(): string | undefined {
    return text(this.pattern.takeOne())
  }
}

/** A message to a peer of a ROUTER. */
const to = (id: string, body: string): Message => frames(`${id}|${body}`)

describe("ROUTER, as a state machine", () => {
  it("knows a peer by what it announces, or by a zero byte and a number that counts on", () => {
    const { accept, pattern } = bound(new Driven("ROUTER", { first: 2 ** 32 - 2 }))
    accept("a", "named").far.write(message("1"))
    assert.strictEqual(text(pattern.takeOne()), "named|1")
    for (const number of [2 ** 32 - 2, 2 ** 32 - 1, 0, 1]) {
      const { far } = accept("x")
      far.write(message("2"))
      const [id, body] = pattern.takeOne() ?? []
      assert.deepStrictEqual(id, Uint8Array.of(0, ...new Uint8Array(new Uint32Array([number]).buffer).reverse()))
      assert.strictEqual(text(body && [body]), "2")
      assert.strictEqual(pattern.send([id as Uint8Array, ...message("3")]), SENT)
      assert.strictEqual(text(far.takeOne()), "3")
    }
  })

  it("makes up no id that a peer has announced", () => {
    const { accept, pattern } = bound(new Driven("ROUTER", { first: 7 }))
    const taken = accept("a", "\0\0\0\0\x07")
    const other = accept("b")
    for (const { far } of [taken, other]) far.write(message("?"))
    const ids = [pattern.takeOne()?.[0], pattern.takeOne()?.[0]]
    assert.deepStrictEqual(ids, [Uint8Array.of(0, 0, 0, 0, 7), Uint8Array.of(0, 0, 0, 0, 8)])
  })

  it("tells nobody, no room, and what has no frames behind the id apart", () => {
    for (const [onFull, full] of [
      ["suspend", FULL],
      ["fail", PEER_FULL]
    ] as const) {
      const { accept, pattern } = bound(new Driven("ROUTER", { onFull }))
      const { near } = accept("a", "A", 2)
      assert.strictEqual(pattern.send(to("B", "x")), UNROUTABLE)
      assert.deepStrictEqual(
        ["1", "2", "3"].map((body) => pattern.send(to("A", body))),
        [SENT, SENT, full]
      )
      assert.strictEqual(pattern.send(frames("A")), DROPPED)
      assert.strictEqual(pattern.destination(to("A", "")), near)
      assert.isUndefined(pattern.destination(to("B", "")))
      assert.strictEqual(pattern.send([new Uint8Array(1_000_000), ...message("x")]), UNROUTABLE)
      near.open = false
      assert.strictEqual(pattern.send(to("A", "4")), UNROUTABLE)
    }
  })

  it("keeps the id of a peer that it connects to over reconnections, and queues for it meanwhile", () => {
    const router = new Driven("ROUTER")
    const { far, near } = router.pipe("a")
    router.attach(near)
    assert.strictEqual(router.pattern.send(to("A", "early")), UNROUTABLE)
    router.connect(near, "A")
    router.pattern.disconnected(near)
    assert.deepStrictEqual(router.pattern.peers, [])
    assert.strictEqual(router.pattern.send(to("A", "meanwhile")), SENT)
    router.connect(near, "another")
    assert.strictEqual(text(far.takeOne()), "meanwhile")
    far.write(message("still"))
    assert.strictEqual(router.take(), "A|still")
    assert.deepStrictEqual(router.told, ["+A", "-A", "+A"])
  })

  it("knows a peer that it was told to call so before it is there", () => {
    const router = new Driven("ROUTER")
    const { far, near } = router.pipe("a")
    near.routingId = encoder.encode("called")
    router.attach(near)
    assert.strictEqual(router.pattern.send(to("called", "early")), SENT)
    assert.deepStrictEqual(router.pattern.peers, [])
    router.connect(near, "something else")
    assert.strictEqual(text(far.takeOne()), "early")
    far.write(message("reply"))
    assert.strictEqual(router.take(), "called|reply")
    assert.deepStrictEqual(router.told, ["+called"])
  })

  it("leaves a second peer of the same id aside, whatever it sends, and looks at it anew when it connects again", () => {
    const router = new Driven("ROUTER")
    const first = router.accept("first", "A")
    const second = router.accept("second", "A")
    second.far.write(message("unheard"))
    first.far.write(message("heard"))
    assert.strictEqual(router.take(), "A|heard")
    assert.isFalse(router.pattern.hasIn())
    assert.isFalse(router.attached.has(second.near))
    router.lose(first.near)
    assert.isFalse(router.pattern.hasIn())
    router.connect(second.near, "A")
    assert.strictEqual(router.take(), "A|unheard")
    assert.deepStrictEqual(router.told, ["+A", "-A", "+A"])
  })

  it("leaves a peer that it is to call as another one is called aside, as any second one; with handover, the other", () => {
    for (const handover of [false, true]) {
      const router = new Driven("ROUTER", { handover })
      const there = router.accept("there", "A")
      // With `immediate`, it is attached with its connection: by then the id may be another's.
      const called = router.pipe("called")
      called.near.routingId = encoder.encode("A")
      router.connect(called.near)
      const [heard, unheard] = handover ? [called, there] : [there, called]
      for (const { far } of [heard, unheard]) far.write(message(far === heard.far ? "heard" : "unheard"))
      assert.deepStrictEqual([router.take(), router.take()], ["A|heard", undefined])
      assert.strictEqual(router.pattern.send(to("A", "reply")), SENT)
      assert.deepStrictEqual([texts(heard.far.take(9)), texts(unheard.far.take(9))], [["reply"], []])
      assert.deepStrictEqual(router.told, handover ? ["+A", "-A", "+A"] : ["+A"])
      router.lose(heard.near)
      if (!handover) router.connect(called.near)
      assert.strictEqual(router.take(), handover ? undefined : "A|unheard")
    }
  })

  it("does what a naive one does, under random arrivals, departures, messages, ids and handovers", () => {
    interface Peer {
      readonly near: TestPipe
      readonly far: TestPipe
      readonly id: string
      /** Written, and to be taken by the ROUTER; and what it sent. */
      readonly coming: Array<string>
      readonly going: Array<string>
      readonly hwm: number
      written: number
      taken: number
      state: "heard" | "aside" | "gone"
    }
    repeat(200, (random) => {
      const handover = random.chance(0.5)
      const onFull = random.chance(0.5) ? "suspend" : "fail"
      const router = new Driven("ROUTER", { handover, onFull })
      const peers: Array<Peer> = []
      const told: Array<string> = []
      const holder = (id: string) => peers.find((peer) => peer.id === id && peer.state === "heard")
      const leave = (peer: Peer) => {
        if (peer.state === "heard") told.push(`-${peer.id}`)
        peer.state = peer.state === "heard" ? "gone" : "aside"
      }
      for (let step = 0; step < 250; step++) {
        const chance = random.below(20)
        const one = peers[random.below(peers.length)]
        if (chance < 2 || one === undefined) {
          const id = `${random.below(5)}`
          const before = holder(id)
          const hwm = 1 + random.below(4)
          const state = before === undefined || handover ? "heard" : "aside"
          if (before !== undefined && handover) {
            leave(before)
            before.state = "aside"
          }
          if (state === "heard") told.push(`+${id}`)
          const pipe = router.accept(`${step}`, id, hwm)
          peers.push({ ...pipe, id, coming: [], going: [], hwm, written: 0, taken: 0, state })
        } else if (chance < 3) {
          if (!one.near.open) continue
          leave(one)
          router.lose(one.near)
        } else if (chance < 10) {
          if (one.near.open && one.far.write(message(`${step}`))) one.coming.push(`${step}`)
        } else if (chance < 13) {
          const got = texts(one.far.take(1 + random.below(3)))
          assert.deepStrictEqual(got, one.going.splice(0, got.length))
          one.taken += got.length
        } else if (chance < 17) {
          const id = `${random.below(6)}`
          const peer = holder(id)
          let expected: Sent = UNROUTABLE
          if (peer !== undefined) {
            const low = lowWaterMark(peer.hwm)
            const isFull = peer.written - Math.floor(peer.taken / low) * low >= peer.hwm
            expected = isFull ? (onFull === "suspend" ? FULL : PEER_FULL) : SENT
            if (!isFull) {
              peer.written++
              peer.going.push(`${step}`)
            }
          }
          assert.strictEqual(router.pattern.send(to(id, `${step}`)), expected)
        } else {
          const readable = peers.filter(({ coming, state }) => state !== "aside" && coming.length > 0)
          const batch = random.chance(0.5)
            ? router.pattern.take(1 + random.below(5))
            : [router.pattern.takeOne()].filter((taken) => taken !== undefined)
          assert.strictEqual(batch.length > 0, readable.length > 0)
          for (const taken of batch) {
            const [id, body] = (text(taken) ?? "").split("|")
            const from = readable.find((peer) => peer.id === id && peer.coming[0] === body)
            assert.isDefined(from, `${id}: ${body}`)
            from?.coming.shift()
          }
        }
        assert.sameMembers(
          router.pattern.peers.map((id) => new TextDecoder().decode(id)),
          peers.filter(({ state }) => state === "heard").map(({ id }) => id)
        )
      }
      assert.deepStrictEqual(router.told, told)
      while (router.pattern.takeOne() !== undefined);
      // Those who have left are gone, with the last message.
      for (const { near, state } of peers) assert.strictEqual(router.attached.has(near), state === "heard")
    })
  })
})

describe("DEALER, as a state machine", () => {
  it("deals to its peers in turn, takes from each in turn, and probes each connection once, first of all", () => {
    const dealer = new Driven("DEALER", { probeRouter: true })
    const { far, near } = dealer.pipe("dialed")
    dealer.attach(near)
    assert.strictEqual(dealer.pattern.send(message("1")), SENT)
    dealer.connect(near)
    const other = dealer.accept("accepted")
    assert.deepStrictEqual(texts(far.take(9)), ["", "1"])
    assert.deepStrictEqual(texts(other.far.take(9)), [""])
    for (const body of ["2", "3", "4"]) dealer.pattern.send(message(body))
    assert.deepStrictEqual([texts(far.take(9)), texts(other.far.take(9))], [["2", "4"], ["3"]])
    dealer.pattern.disconnected(near)
    dealer.connect(near)
    assert.deepStrictEqual(texts(far.take(9)), [""])
    for (const { far: peer } of [{ far }, other]) for (const body of ["a", "b"]) peer.write(message(body))
    assert.deepStrictEqual(texts(dealer.pattern.take(9)), ["a", "a", "b", "b"])
  })

  it("waits without a peer, and with full ones", () => {
    const dealer = new Driven("DEALER")
    assert.strictEqual(dealer.pattern.send(message("0")), FULL)
    const { far, near } = dealer.accept("a", undefined, 2)
    const sent = ["1", "2", "3"].map((body) => dealer.pattern.send(message(body)))
    assert.deepStrictEqual(sent, [SENT, SENT, FULL])
    assert.strictEqual(text(far.takeOne()), "1")
    assert.strictEqual(dealer.pattern.send(message("3")), SENT)
    dealer.lose(near)
    assert.strictEqual(dealer.pattern.send(message("4")), FULL)
  })
})

describe("PAIR, as a state machine", () => {
  it("has one peer at a time, as a naive one has, and gives what those who have left had sent, in their order", () => {
    repeat(200, (random) => {
      const pair = new Driven("PAIR")
      const pipes: Array<{ readonly near: TestPipe; readonly far: TestPipe; readonly going: Array<string> }> = []
      let peer: (typeof pipes)[number] | undefined
      const expected: Array<string> = []
      for (let step = 0; step < 200; step++) {
        const chance = random.below(10)
        const one = pipes[random.below(pipes.length)]
        if (chance === 0 || one === undefined) {
          const pipe = { ...pair.accept(`${step}`), going: [] }
          pipes.push(pipe)
          peer ??= pipe
        } else if (chance === 1 && one.near.open) {
          pair.lose(one.near)
          if (peer === one) peer = undefined
        } else if (chance < 5 && one.near.open) {
          one.far.write(message(`${step}`))
          if (peer === one) expected.push(`${step}`)
        } else if (chance < 7) {
          assert.strictEqual(pair.pattern.send(message(`${step}`)), peer === undefined ? FULL : SENT)
          peer?.going.push(`${step}`)
        } else if (chance < 8) assert.strictEqual(pair.pattern.hasIn(), expected.length > 0)
        else if (chance < 9) assert.strictEqual(pair.take(), expected.shift())
        else {
          const got = texts(pair.pattern.take(1 + random.below(4)))
          assert.deepStrictEqual(got, expected.splice(0, got.length))
        }
      }
      while (expected.length > 0) assert.strictEqual(pair.take(), expected.shift())
      assert.isUndefined(pair.take())
      for (const { far, going } of pipes) assert.deepStrictEqual(texts(far.take(1000)), going)
    })
  })
})

/** Its functions, to be had by name. */
const bound = (driven: Driven) => ({
  pattern: driven.pattern,
  accept: (name: string, announced?: string, hwm?: number) => driven.accept(name, announced, hwm)
})

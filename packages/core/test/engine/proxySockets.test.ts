import { assert, describe, it } from "@effect/vitest"
import { DROPPED, FULL, type Options, type Pattern, SENT, WRONG_STATE } from "../../src/engine/Pattern.ts"
import type { Pipe } from "../../src/engine/Pipe.ts"
import { make } from "../../src/engine/patterns/index.ts"
import type { Message } from "../../src/Message.ts"
import { connection, message, options, type Random, repeat, type TestPipe, text, texts } from "./pipes.ts"
import { frames } from "./sockets.ts"

const encoder = new TextEncoder()

const bytes = (text: string): Uint8Array => encoder.encode(text)

/** What an XPUB gives, in a word: `+topic`, `-topic`, or a message. */
const word = (taken: Message | undefined): string | undefined => {
  const kind = taken?.[0][0]
  const topic = () => new TextDecoder().decode(taken?.[0].subarray(1))
  return kind === 1 ? `+${topic()}` : kind === 0 ? `-${topic()}` : text(taken)
}

/** An XPUB with subscribers whose ends are `far`. */
const xpub = (own: Partial<Options> = {}) => {
  const pattern = make("XPUB", { ...options, ...own })
  const near = {
    readActivated: (pipe: Pipe) => pattern.readActivated(pipe),
    writeActivated: (pipe: Pipe) => pattern.writeActivated(pipe),
    command: (pipe: Pipe, command: "SUBSCRIBE" | "CANCEL", body: Uint8Array) => pattern.command(pipe, command, body),
    ended: (pipe: Pipe) => pattern.detach(pipe)
  }
  const subscriber = (name: string, hwm?: number) => {
    const pipe = connection(name, { near, ...(hwm !== undefined && { hwm }) })
    pattern.attach(pipe.near)
    pattern.connected(pipe.near)
    return pipe
  }
  return { pattern, near, subscriber, taken: () => allOf(pattern) }
}

const allOf = (pattern: Pattern): Array<string | undefined> => {
  const all: Array<string | undefined> = []
  for (let one = pattern.takeOne(); one !== undefined; one = pattern.takeOne()) all.push(word(one))
  return all
}

describe("XPUB, as a state machine", () => {
  it("tells of subscriptions as a naive list does, in every verbosity, and sends to who holds a prefix", () => {
    interface Peer {
      readonly near: TestPipe
      readonly far: TestPipe
      readonly name: string
      readonly topics: Set<string>
    }
    const topic = (random: Random) => "ab".repeat(2).slice(0, random.below(4)) + (random.chance(0.3) ? "c" : "")
    for (const verbosity of ["unique", "subscriptions", "all"] as const) {
      repeat(60, (random) => {
        const { pattern, subscriber } = xpub({ verbosity })
        const peers: Array<Peer> = []
        const expected: Array<string> = []
        const holders = (topic: string) => peers.filter(({ topics }) => topics.has(topic)).length
        const leave = (peer: Peer) => {
          for (const topic of peer.topics) {
            peer.topics.delete(topic)
            if (holders(topic) === 0 || verbosity === "all") expected.push(`-${topic}`)
          }
        }
        for (let step = 0; step < 150; step++) {
          const chance = random.below(12)
          const one = peers[random.below(peers.length)]
          const subject = topic(random)
          if (chance === 0 || one === undefined) {
            peers.push({ ...subscriber(`${step}`), name: `${step}`, topics: new Set() })
          } else if (chance === 1) {
            if (one.near.pending > 0) continue // it is kept until they are taken
            peers.splice(peers.indexOf(one), 1)
            leave(one)
            pattern.detach(one.near)
          } else if (chance === 2) {
            leave(one)
            pattern.connected(one.near) // again
          } else if (chance < 6) {
            if (holders(subject) === 0 || verbosity !== "unique") expected.push(`+${subject}`)
            one.topics.add(subject)
            one.far.command("SUBSCRIBE", bytes(subject))
          } else if (chance < 8) {
            const had = one.topics.delete(subject)
            if ((had && holders(subject) === 0) || verbosity === "all") expected.push(`-${subject}`)
            one.far.command("CANCEL", bytes(subject))
          } else if (chance < 10) {
            one.far.write(message(`from ${one.name}: ${step}`))
            expected.push(`from ${one.name}: ${step}`)
            assert.isTrue(pattern.hasIn())
          } else {
            const matched = peers.filter(({ topics }) => [...topics].some((topic) => subject.startsWith(topic)))
            assert.strictEqual(pattern.send(frames(`${subject}|${step}`)), matched.length > 0 ? SENT : DROPPED)
            for (const peer of peers) {
              assert.deepStrictEqual(texts(peer.far.take(9)), matched.includes(peer) ? [`${subject}|${step}`] : [])
            }
          }
          if (random.chance(0.1)) {
            assert.strictEqual(pattern.hasIn(), expected.length > 0)
            const got = random.chance(0.5)
              ? allOf(pattern)
              : pattern.take(10_000).map(word).concat(pattern.take(10_000).map(word))
            // Of the same peer in its order; what several peers send may come otherwise.
            assert.sameMembers(got, expected)
            const ofMessages = (all: ReadonlyArray<string | undefined>, { name }: Peer) =>
              all.filter((word) => word?.startsWith(`from ${name}:`))
            for (const peer of peers) assert.deepStrictEqual(ofMessages(got, peer), ofMessages(expected, peer))
            assert.deepStrictEqual(
              got.filter((word) => !word?.startsWith("from")).filter((word) => word?.startsWith("+")),
              expected.filter((word) => word.startsWith("+"))
            )
            expected.length = 0
          }
        }
      })
    }
  })

  it("tells what a subscriber sent before a subscription before it, and keeps the rest in the pipe", () => {
    const { pattern, subscriber, taken } = xpub()
    const { far, near } = subscriber("a", 4)
    far.write(message("1"))
    far.command("SUBSCRIBE", bytes("A"))
    far.write(message("2"))
    assert.deepStrictEqual(taken(), ["1", "+A", "2"])
    let accepted = 0
    while (far.write(message("x"))) accepted++
    assert.isAtMost(accepted, 4)
    assert.isTrue(pattern.hasIn())
    near.finished = true
    assert.deepStrictEqual(taken(), [...Array.from({ length: accepted }, () => "x"), "-A"])
  })

  it("with manual, lets hold what is subscribed for whose subscription was taken last, while it is there", () => {
    const { pattern, subscriber } = xpub({ manual: true })
    const one = subscriber("one")
    const other = subscriber("other")
    one.far.command("SUBSCRIBE", bytes("A"))
    other.far.command("SUBSCRIBE", bytes("A"))
    assert.strictEqual(pattern.send(message("A")), DROPPED)
    assert.deepStrictEqual(pattern.take(10).map(word), ["+A"], "one at a time")
    pattern.subscribe(bytes("X"))
    assert.deepStrictEqual(pattern.take(10).map(word), ["+A"])
    pattern.subscribe(bytes("Y"))
    for (const body of ["A", "X", "Y"]) pattern.send(message(body))
    assert.deepStrictEqual([texts(one.far.take(9)), texts(other.far.take(9))], [["X"], ["Y"]])
    other.far.command("CANCEL", bytes("B")) // what it never had is told, too
    assert.strictEqual(word(pattern.takeOne()), "-B")
    pattern.unsubscribe(bytes("Y"))
    assert.strictEqual(pattern.send(message("Y")), DROPPED)
    one.far.command("SUBSCRIBE", bytes("C"))
    assert.strictEqual(word(pattern.takeOne()), "+C")
    pattern.detach(one.near)
    pattern.subscribe(bytes("Z")) // of nobody
    assert.strictEqual(pattern.send(message("Z")), DROPPED)
    assert.deepStrictEqual(allOf(pattern).sort(), ["-A", "-C"])
    pattern.detach(other.near)
    assert.deepStrictEqual(allOf(pattern), ["-A"])
  })

  it("with manual, lets nothing hold for a connection that was asked for on the one before", () => {
    const { pattern, subscriber } = xpub({ manual: true })
    const { far, near } = subscriber("a")
    far.command("SUBSCRIBE", bytes("A"))
    assert.strictEqual(word(pattern.takeOne()), "+A")
    pattern.disconnected(near)
    pattern.connected(near)
    pattern.subscribe(bytes("A"))
    assert.strictEqual(pattern.send(message("A")), DROPPED)
    assert.deepStrictEqual(allOf(pattern), ["-A"])
  })

  it("with manual, lets nothing hold of a connection that has ended before its subscription was taken", () => {
    const { pattern, subscriber } = xpub({ manual: true })
    const { far, near } = subscriber("a")
    far.command("SUBSCRIBE", bytes("A"))
    pattern.disconnected(near)
    pattern.connected(near)
    assert.strictEqual(word(pattern.takeOne()), "+A")
    pattern.subscribe(bytes("A"))
    assert.strictEqual(pattern.send(message("A")), DROPPED)
    far.command("SUBSCRIBE", bytes("B"))
    assert.deepStrictEqual([word(pattern.takeOne()), word(pattern.takeOne())], ["-A", "+B"])
    pattern.subscribe(bytes("B"))
    assert.strictEqual(pattern.send(message("B")), SENT)
  })

  it("with lastValue and noDrop, keeps for its subscriber what waits for room", () => {
    const { pattern, subscriber } = xpub({ manual: true, lastValue: true, noDrop: true })
    const [slow, quick] = [subscriber("slow", 1), subscriber("quick")]
    for (const { far } of [slow, quick]) {
      far.command("SUBSCRIBE", bytes("A"))
      pattern.takeOne()
      pattern.subscribe(bytes("A"))
      assert.strictEqual(pattern.send(message("A0")), SENT)
    }
    assert.deepStrictEqual(texts(quick.far.take(9)), ["A0"])
    slow.far.command("SUBSCRIBE", bytes("A1"))
    pattern.takeOne()
    pattern.subscribe(bytes("A1"))
    assert.deepStrictEqual([pattern.send(message("A1")), pattern.send(message("A1"))], [FULL, FULL])
    assert.deepStrictEqual(texts(slow.far.take(9)), ["A0"])
    assert.strictEqual(pattern.send(message("A1")), SENT)
    assert.deepStrictEqual([texts(slow.far.take(9)), texts(quick.far.take(9))], [["A1"], []])
    assert.strictEqual(pattern.send(message("A2")), SENT)
    assert.deepStrictEqual([texts(slow.far.take(9)), texts(quick.far.take(9))], [["A2"], ["A2"]])
  })

  it("welcomes each connection once, first of all", () => {
    const { near, pattern, subscriber } = xpub({ welcomeMessage: bytes("W") })
    const { far } = subscriber("accepted")
    const dialed = connection("dialed", { near })
    pattern.attach(dialed.near)
    pattern.connected(dialed.near)
    for (const pipe of [far, dialed.far]) {
      pipe.command("SUBSCRIBE", bytes(""))
      pattern.send(message("a"))
    }
    assert.deepStrictEqual(texts(far.take(9)), ["W", "a", "a"])
    assert.deepStrictEqual(texts(dialed.far.take(9)), ["W", "a"])
    pattern.disconnected(dialed.near)
    pattern.connected(dialed.near)
    assert.deepStrictEqual(texts(dialed.far.take(9)), ["W"])
  })

  it("with noDrop, is full while a subscriber is, and what it gives does not depend on it", () => {
    const { pattern, subscriber, taken } = xpub({ noDrop: true })
    const { far } = subscriber("a", 2)
    far.command("SUBSCRIBE", bytes(""))
    assert.deepStrictEqual(
      ["1", "2", "3"].map((body) => pattern.send(message(body))),
      [SENT, SENT, FULL]
    )
    assert.deepStrictEqual(taken(), ["+"])
    far.takeOne()
    assert.strictEqual(pattern.send(message("3")), SENT)
  })

  it("takes a hundred thousand notices in the time that they need", () => {
    const { pattern, subscriber } = xpub()
    const { far } = subscriber("a")
    for (let i = 0; i < 100_000; i++) far.command("SUBSCRIBE", bytes(`${i}`))
    for (let i = 0; i < 100_000; i++) assert.strictEqual(word(pattern.takeOne()), `+${i}`)
    assert.isFalse(pattern.hasIn())
  })
})

describe("XSUB, as a state machine", () => {
  it("tells of every subscription, and of the last end, or of every one", () => {
    for (const verboseUnsubscribe of [false, true]) {
      const pattern = make("XSUB", { ...options, verboseUnsubscribe })
      const pipes = [connection("a"), connection("b")]
      for (const { near } of pipes) pattern.attach(near)
      for (const topic of ["A", "A", "B"]) pattern.subscribe(bytes(topic))
      for (const topic of ["A", "A", "A"]) pattern.unsubscribe(bytes(topic))
      const ends = verboseUnsubscribe ? 3 : 1
      for (const { near } of pipes) {
        assert.deepStrictEqual(near.commands, [
          "SUBSCRIBE A",
          "SUBSCRIBE A",
          "SUBSCRIBE B",
          ...Array.from({ length: ends }, () => "CANCEL A")
        ])
        near.commands.length = 0
        pattern.connected(near) // again
        assert.deepStrictEqual(near.commands, ["SUBSCRIBE B"])
      }
    }
  })

  it("gives whatever comes, and sends to every publisher that has room", () => {
    const pattern = make("XSUB", options)
    assert.strictEqual(pattern.send(message("nobody")), DROPPED)
    const near = { writeActivated: (pipe: Pipe) => pattern.writeActivated(pipe) }
    const [a, b] = [connection("a", { hwm: 2, near }), connection("b", { near })]
    for (const pipe of [a, b]) pattern.attach(pipe.near)
    for (const body of ["1", "2", "3"]) assert.strictEqual(pattern.send(message(body)), SENT)
    assert.deepStrictEqual(
      [texts(a.far.take(9)), texts(b.far.take(9))],
      [
        ["1", "2"],
        ["1", "2", "3"]
      ]
    )
    pattern.send(message("4"))
    assert.deepStrictEqual(texts(a.far.take(9)), ["4"])
    for (const pipe of [a, b]) pipe.far.write(message("unasked for"))
    pattern.detach(b.near)
    assert.deepStrictEqual(texts(pattern.take(9)), ["unasked for"])
  })
})

describe("SUB, as a state machine", () => {
  it("is an XSUB that filters, and sends nothing", () => {
    const pattern = make("SUB", options)
    const { far, near } = connection("a")
    pattern.attach(near)
    pattern.subscribe(bytes("A"))
    assert.strictEqual(pattern.send(message("A")), WRONG_STATE)
    assert.strictEqual(far.pending, 0)
    for (const body of ["A1", "B", "A2"]) far.write(message(body))
    assert.deepStrictEqual(texts(pattern.take(9)), ["A1", "A2"])
  })
})

import { assert, describe, it } from "@effect/vitest"
import { Distributor } from "../../src/engine/Distributor.ts"
import { FairQueue } from "../../src/engine/FairQueue.ts"
import { LoadBalancer } from "../../src/engine/LoadBalancer.ts"
import { lowWaterMark, type Pipe } from "../../src/engine/Pipe.ts"
import { connection, message, type Random, repeat, type TestPipe, text, texts } from "./pipes.ts"

const pick = <A>(random: Random, items: ReadonlyArray<A>): A | undefined => items[random.below(items.length)]

/** The lists of the engine, told naively: those that take part, in order, and whose turn it is. */
class Turns {
  active: Array<Pipe> = []
  passive: Array<Pipe> = []
  current = 0

  attach(pipe: Pipe) {
    this.passive.push(pipe)
    this.activate(pipe)
  }

  /** At the end of those that take part; the one whose place it takes goes where it was. */
  activate(pipe: Pipe) {
    const at = this.passive.indexOf(pipe)
    if (at === -1) return
    const [first] = this.passive
    if (first !== undefined) this.passive[at] = first
    this.passive.shift()
    this.active.push(pipe)
  }

  /** The last of those that take part takes its place. */
  deactivate(pipe: Pipe) {
    const at = this.active.indexOf(pipe)
    const last = this.active.pop()
    if (last !== undefined && last !== pipe) this.active[at] = last
    this.passive.unshift(pipe)
    if (this.current === this.active.length) this.current = 0
  }

  detach(pipe: Pipe) {
    if (this.active.includes(pipe)) this.deactivate(pipe)
    const at = this.passive.indexOf(pipe)
    const last = this.passive.pop()
    if (last !== undefined && last !== pipe) this.passive[at] = last
  }

  advance() {
    this.current = (this.current + 1) % this.active.length
  }
}

describe("LoadBalancer", () => {
  it("deals to three pipes in turn: 036, 147, 258", () => {
    const balancer = new LoadBalancer()
    const pipes = ["a", "b", "c"].map((name) => connection(name))
    for (const { near } of pipes) balancer.attach(near)
    for (let i = 0; i < 9; i++) balancer.send(message(`${i}`))
    assert.deepStrictEqual(
      pipes.map(({ far }) => texts(far.take(9)).join("")),
      ["036", "147", "258"]
    )
  })

  it("sends to a pipe with room whenever there is one, in the order of a naive model, under random attach, detach, full and drain", () => {
    repeat(200, (random) => {
      const balancer = new LoadBalancer()
      const model = new Turns()
      const pipes: Array<{ near: TestPipe; far: TestPipe }> = []
      const gone: Array<TestPipe> = []
      for (let step = 0; step < 200; step++) {
        const chance = random.below(10)
        const one = pick(random, pipes)
        if (chance === 0 || one === undefined) {
          const pipe: { near: TestPipe; far: TestPipe } = connection(`${step}`, {
            hwm: 1 + random.below(5),
            near: {
              writeActivated: (pipe) => {
                balancer.activated(pipe)
                model.activate(pipe)
              }
            }
          })
          pipes.push(pipe)
          balancer.attach(pipe.near)
          model.attach(pipe.near)
        } else if (chance === 1) {
          pipes.splice(pipes.indexOf(one), 1)
          gone.push(one.near)
          balancer.detach(one.near)
          model.detach(one.near)
        } else if (chance < 5) one.far.take(1 + random.below(4))
        else {
          const anyRoom = pipes.filter(({ near }) => model.active.includes(near) && near.hasRoom()).length > 0
          let expected: Pipe | undefined
          while (model.active.length > 0) {
            const pipe = model.active[model.current]
            if (pipe?.hasRoom()) {
              expected = pipe
              model.advance()
              break
            }
            if (pipe !== undefined) model.deactivate(pipe)
          }
          const to = balancer.send(message(`${step}`))
          assert.strictEqual(to, expected)
          assert.strictEqual(to !== undefined, anyRoom)
          assert.notInclude(gone, to)
        }
      }
    })
  })
})

describe("FairQueue", () => {
  it("takes from three preloaded pipes a0 b0 c0 a1 b1 c1 a2 b2 c2, one by one and in a batch", () => {
    for (const all of [true, false]) {
      const queue = new FairQueue()
      for (const name of ["a", "b", "c"]) {
        const { far, near } = connection(name)
        for (let i = 0; i < 3; i++) near.write(message(`${name}${i}`))
        queue.attach(far)
      }
      const got = all ? texts(queue.take(100)) : Array.from({ length: 9 }, () => text(queue.takeOne()))
      assert.strictEqual(got.join(" "), "a0 b0 c0 a1 b1 c1 a2 b2 c2")
    }
  })

  it("swaps an empty pipe for the last active one, and puts it back at the end when something arrives", () => {
    const queue = new FairQueue()
    const pipes = ["a", "b", "c"].map((name) => {
      const pipe = connection(name, { far: { readActivated: (pipe) => queue.activated(pipe) } })
      queue.attach(pipe.far)
      return pipe
    })
    const [a, b, c] = pipes
    b?.near.write(message("b0"))
    c?.near.write(message("c0"))
    c?.near.write(message("c1"))
    assert.strictEqual(text(queue.takeOne()), "c0", "a is empty: c, the last, took its place")
    a?.near.write(message("a0"))
    assert.deepStrictEqual([text(queue.takeOne()), text(queue.takeOne()), text(queue.takeOne())], ["b0", "a0", "c1"])
  })

  it("tells that a pipe whose peer is gone has ended once its last message was taken", () => {
    const queue = new FairQueue()
    const ended: Array<Pipe> = []
    const onEnd = (pipe: Pipe) => {
      ended.push(pipe)
      queue.detach(pipe)
    }
    const far = { ended: onEnd }
    const [a, b, c] = [connection("a", { far }), connection("b", { far }), connection("c", { far })]
    for (const pipe of [a, b, c]) queue.attach(pipe.far)
    for (const text of ["b0", "b1"]) b.near.write(message(text))
    c.near.write(message("c0"))
    b.far.finished = true
    assert.deepStrictEqual([text(queue.takeOne()), text(queue.takeOne()), text(queue.takeOne())], ["c0", "b0", "b1"])
    assert.deepStrictEqual(ended, [])
    assert.isFalse(queue.hasIn())
    assert.deepStrictEqual(ended, [b.far])
  })

  it("gives a whole queue at once where one pipe has messages, and interleaves under a flood of two", () => {
    const queue = new FairQueue()
    const flood = connection("f", { far: { readActivated: (pipe) => queue.activated(pipe) } })
    const other = connection("o", { far: { readActivated: (pipe) => queue.activated(pipe) } })
    queue.attach(flood.far)
    queue.attach(other.far)
    for (let i = 0; i < 1000; i++) flood.near.write(message("f"))
    for (let i = 0; i < 10; i++) other.near.write(message("o"))
    assert.strictEqual(texts(queue.take(20)).join(""), "fofofofofofofofofofo")
    const rest = [...queue.take(4096), ...queue.take(4096)]
    assert.strictEqual(rest.length, 990)
    for (let i = 0; i < 5; i++) flood.near.write(message("f"))
    assert.strictEqual(queue.take(4096).length, 5)
  })

  it("loses nothing, repeats nothing, keeps each pipe's order and takes turns as a naive model, under random attach, detach, arrival and batches", () => {
    repeat(200, (random) => {
      const queue = new FairQueue()
      const model = new Turns()
      const pipes: Array<{ near: TestPipe; far: TestPipe; expected: Array<string> }> = []
      let sent = 0
      const modelTake = (): string | undefined => {
        while (model.active.length > 0) {
          const pipe = model.active[model.current]
          const next = pipes.find(({ far }) => far === pipe)?.expected.shift()
          if (next !== undefined) {
            model.advance()
            return next
          }
          if (pipe !== undefined) model.deactivate(pipe)
        }
        return undefined
      }
      for (let step = 0; step < 200; step++) {
        const chance = random.below(20)
        const one = pick(random, pipes)
        if (chance < 2 || one === undefined) {
          const pipe = connection(`${step}`, {
            far: {
              readActivated: (pipe) => {
                queue.activated(pipe)
                model.activate(pipe)
              }
            }
          })
          pipes.push({ ...pipe, expected: [] })
          queue.attach(pipe.far)
          model.attach(pipe.far)
        } else if (chance < 3) {
          pipes.splice(pipes.indexOf(one), 1)
          queue.detach(one.far)
          model.detach(one.far)
        } else if (chance < 13) {
          one.near.write(message(`${sent}`))
          one.expected.push(`${sent++}`)
        } else if (chance < 17) assert.strictEqual(text(queue.takeOne()), modelTake())
        else {
          const pending = pipes.reduce((sum, { far }) => sum + far.pending, 0)
          if (pending === 0) continue
          const got = texts(queue.take(1 + random.below(pending)))
          assert.deepStrictEqual(
            got,
            got.map(() => modelTake())
          )
          assert.isAbove(got.length, 0)
        }
      }
    })
  })
})

describe("Distributor", () => {
  it("gives each matched pipe with room every message, whole; a full one loses all until it has room again, and counts them, as a naive model", () => {
    repeat(200, (random) => {
      const distributor = new Distributor()
      const pipes: Array<{
        near: TestPipe
        far: TestPipe
        readonly hwm: number
        expected: Array<string>
        written: number
        taken: number
        missed: number
        isOut: boolean
      }> = []
      for (let step = 0; step < 250; step++) {
        const chance = random.below(12)
        const one = pick(random, pipes)
        if (chance === 0 || one === undefined) {
          const hwm = 1 + random.below(6)
          const pipe = connection(`${step}`, { hwm, near: { writeActivated: (pipe) => distributor.activated(pipe) } })
          pipes.push({ ...pipe, hwm, expected: [], written: 0, taken: 0, missed: 0, isOut: false })
          distributor.attach(pipe.near)
        } else if (chance === 1) {
          pipes.splice(pipes.indexOf(one), 1)
          distributor.detach(one.near)
        } else if (chance < 5) {
          const got = texts(one.far.take(1 + random.below(4)))
          assert.deepStrictEqual(got, one.expected.splice(0, got.length))
          one.taken += got.length
          const low = lowWaterMark(one.hwm)
          if (one.written - Math.floor(one.taken / low) * low < one.hwm) one.isOut = false
        } else {
          const matched = pipes.filter(() => random.chance(0.6))
          for (const { near } of matched) distributor.match(near)
          for (const { near } of matched) distributor.match(near) // twice is once
          const reversed = random.chance(0.3)
          if (reversed) distributor.reverse()
          let aimed = 0
          for (const pipe of pipes) {
            if (matched.includes(pipe) === reversed) continue
            aimed++
            const low = lowWaterMark(pipe.hwm)
            const hasRoom = pipe.written - Math.floor(pipe.taken / low) * low < pipe.hwm
            if (hasRoom && !pipe.isOut) {
              pipe.written++
              pipe.expected.push(`${step}|body`)
            } else {
              pipe.isOut = true
              pipe.missed++
            }
          }
          const [first] = message(`${step}`)
          assert.strictEqual(distributor.send([first, new TextEncoder().encode("body")]), aimed)
        }
        for (const { missed, near } of pipes) assert.strictEqual(near.missed, missed)
      }
      for (const { expected, far } of pipes) assert.deepStrictEqual(texts(far.take(1000)), expected)
    })
  })
})

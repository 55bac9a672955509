import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { DROPPED, FULL, SENT, WRONG_STATE } from "../../src/engine/Pattern.ts"
import { make } from "../../src/engine/patterns/index.ts"
import { connection, options, type TestPipe, text, texts } from "./pipes.ts"
import {
  failure,
  frames,
  here,
  isDone,
  open,
  openAlone,
  receive,
  send,
  settle,
  start,
  tagsOf,
  virtually
} from "./sockets.ts"

describe("REQ, as a state machine", () => {
  it("sends [empty][body], and takes only what comes back behind an empty frame from the server it asked", () => {
    const req = make("REQ", options)
    const a = connection("a", { near: { readActivated: (pipe) => req.readActivated(pipe) } })
    const b = connection("b", { near: { readActivated: (pipe) => req.readActivated(pipe) } })
    assert.strictEqual(req.send(frames("nobody there")), FULL)
    req.attach(a.near)
    req.attach(b.near)
    b.far.write(frames("|stale"))
    assert.strictEqual(req.send(frames("q|r")), SENT)
    assert.strictEqual(text(a.far.takeOne()), "|q|r")
    assert.strictEqual(req.send(frames("q")), WRONG_STATE)
    b.far.write(frames("|not asked"))
    a.far.write(frames("no delimiter"))
    a.far.write(frames("no|delimiter"))
    a.far.write(frames(""))
    assert.isFalse(req.hasIn())
    a.far.write(frames("|yes|and more"))
    a.far.write(frames("|twice"))
    assert.strictEqual(text(req.takeOne()), "yes|and more")
    assert.strictEqual(req.takeOne(), undefined)
    b.far.write(frames("|before"))
    assert.strictEqual(req.send(frames("q")), SENT)
    assert.strictEqual(text(b.far.takeOne()), "|q", "round robin")
    assert.isFalse(req.hasIn(), "what came before the request is no reply")
  })

  it("with correlate sends [number][empty][body], and takes only a reply of that number; another request may follow at once", () => {
    const req = make("REQ", { ...options, correlate: true, first: 2 ** 32 - 2 })
    const a = connection("a", { near: { readActivated: (pipe) => req.readActivated(pipe) } })
    req.attach(a.near)
    req.send(frames("one"))
    req.send(frames("two"))
    const [one, two] = a.far.take(9)
    assert.deepStrictEqual([...(one?.[0] ?? [])], [255, 255, 255, 255])
    assert.deepStrictEqual([...(two?.[0] ?? [])], [0, 0, 0, 0])
    assert.strictEqual(one?.length, 3)
    assert.strictEqual(one?.[1]?.length, 0)
    if (one !== undefined) a.far.write(one)
    assert.isFalse(req.hasIn())
    if (two !== undefined) a.far.write(two)
    assert.strictEqual(text(req.takeOne()), "two")
  })
})

describe("PUB, as a state machine", () => {
  const subscribe = (pipe: TestPipe, topic: string) => pipe.command("SUBSCRIBE", new TextEncoder().encode(topic))

  const publisher = (noDrop: boolean, hwm: number) => {
    const pub = make("PUB", { ...options, noDrop })
    const near = { command: pub.command.bind(pub), writeActivated: pub.writeActivated.bind(pub) }
    const [a, b] = [connection("a", { hwm, near }), connection("b", { hwm, near })] as const
    for (const { far, near } of [a, b]) {
      pub.attach(near)
      subscribe(far, near.name)
    }
    return { pub, a, b }
  }

  it("queues for a subscriber whose connection is lost, and forgets its subscriptions when the next one comes", () => {
    const { a, pub } = publisher(false, 10)
    pub.disconnected(a.near)
    assert.strictEqual(pub.send(frames("a")), SENT)
    pub.connected(a.near)
    subscribe(a.far, "other")
    assert.strictEqual(pub.send(frames("a")), DROPPED)
    assert.strictEqual(pub.send(frames("other")), SENT)
  })

  it("with noDrop sends to nobody while one has no room, which is nothing to the others' messages", () => {
    const { a, b, pub } = publisher(true, 1)
    subscribe(b.far, "a")
    assert.strictEqual(pub.send(frames("a")), SENT)
    b.far.takeOne()
    assert.strictEqual(pub.send(frames("a")), FULL)
    assert.strictEqual(pub.send(frames("b")), SENT)
    assert.deepStrictEqual([texts(a.far.take(9)), texts(b.far.take(9))], [["a"], ["b"]])
    assert.strictEqual(pub.send(frames("a")), SENT)
  })

  it("with noDrop does not wait for a subscriber that takes nothing any more", () => {
    const { a, pub } = publisher(true, 1)
    pub.send(frames("a"))
    assert.strictEqual(pub.send(frames("a")), FULL)
    a.near.open = false
    assert.strictEqual(pub.send(frames("a")), DROPPED)
  })
})

describe("REP, as a state machine", () => {
  it("keeps the envelope, of any number of frames, and drops what has none or no body", () => {
    const rep = make("REP", options)
    const a = connection("a", { near: { readActivated: (pipe) => rep.readActivated(pipe) } })
    rep.attach(a.near)
    assert.strictEqual(rep.send(frames("to nobody")), WRONG_STATE)
    for (const bad of ["no delimiter", "a|b|c", "a|", ""]) a.far.write(frames(bad))
    assert.isFalse(rep.hasIn())
    a.far.write(frames("id1|id2||question||part"))
    a.far.write(frames("|next"))
    assert.strictEqual(text(rep.takeOne()), "question||part")
    assert.isFalse(rep.hasIn())
    assert.isDefined(rep.receiveProblem)
    rep.send(frames("answer|more"))
    assert.deepStrictEqual(texts(a.far.take(9)), ["id1|id2||answer|more"])
    assert.strictEqual(text(rep.takeOne()), "next")
  })
})

describe("REQ and REP", () => {
  virtually(
    "are in lock-step: what is out of turn fails InvalidState, and changes nothing",
    Effect.gen(function* () {
      const rep = yield* open("REP", { bind: "inproc://a" })
      const req = yield* open("REQ", { connect: "inproc://a" })
      assert.strictEqual(yield* failure(send(rep, "unasked")), "InvalidState")
      assert.strictEqual(yield* failure(receive(req)), "InvalidState")
      yield* send(req, "question")
      assert.strictEqual(yield* failure(send(req, "another")), "InvalidState")
      assert.strictEqual(yield* receive(rep), "question")
      assert.strictEqual(yield* failure(receive(rep)), "InvalidState")
      yield* send(rep, "answer")
      assert.strictEqual(yield* receive(req), "answer")
      assert.strictEqual(yield* failure(receive(req)), "InvalidState")
    })
  )

  virtually(
    "requests of many clients are answered in turn, each to who asked",
    Effect.gen(function* () {
      const rep = yield* open("REP", { bind: "inproc://a" })
      const clients = yield* Effect.forEach(["a", "b", "c"], (name) =>
        Effect.map(open("REQ", { connect: "inproc://a" }), (req) => ({ name, req }))
      )
      for (let round = 0; round < 3; round++) {
        for (const { name, req } of clients) yield* send(req, name)
        for (const { name } of clients) {
          assert.strictEqual(yield* receive(rep), name)
          yield* send(rep, `to ${name}`)
        }
        for (const { name, req } of clients) assert.strictEqual(yield* receive(req), `to ${name}`)
      }
    })
  )

  virtually(
    "requests go to servers in turn",
    Effect.gen(function* () {
      const endpoints = ["inproc://a", "inproc://b"] as const
      const reps = yield* Effect.forEach(endpoints, (bind) => open("REP", { bind }))
      const req = yield* open("REQ", { connect: endpoints })
      for (let i = 0; i < 4; i++) {
        const rep = reps[i % 2]
        yield* send(req, `${i}`)
        if (rep === undefined) continue
        assert.strictEqual(yield* receive(rep), `${i}`)
        yield* send(rep, "done")
        assert.strictEqual(yield* receive(req), "done")
      }
    })
  )

  virtually(
    "a reply to a client that left is dropped, and the next request is served",
    Effect.gen(function* () {
      const rep = yield* open("REP", { bind: "inproc://a" })
      const gone = yield* openAlone("REQ", { connect: "inproc://a" })
      yield* send(gone.handle, "question")
      assert.strictEqual(yield* receive(rep), "question")
      yield* gone.close
      yield* send(rep, "answer")
      const req = yield* open("REQ", { connect: "inproc://a" })
      yield* send(req, "next")
      assert.strictEqual(yield* receive(rep), "next")
    })
  )

  for (const correlate of [false, true]) {
    virtually(
      `a withdrawn request's late reply is never seen, 1,000 times${correlate ? " (correlate)" : ""}`,
      Effect.gen(function* () {
        const rep = yield* open("REP", { bind: "tcp://127.0.0.1:5555" })
        const req = yield* open("REQ", { connect: "tcp://127.0.0.1:5555", correlate })
        for (let i = 0; i < 1000; i++) {
          yield* send(req, `late ${i}`)
          assert.strictEqual(yield* receive(rep), `late ${i}`)
          yield* req.withdraw
          if (i % 3 === 0) yield* settle
          yield* send(req, `question ${i}`)
          yield* send(rep, `answer to late ${i}`)
          yield* settle
          assert.deepStrictEqual(here(req), [])
          assert.strictEqual(yield* receive(rep), `question ${i}`)
          yield* send(rep, `answer ${i}`)
          assert.strictEqual(yield* receive(req), `answer ${i}`)
        }
      })
    )
  }

  virtually(
    "after a withdrawal the connection is opened anew at once, and the next request goes to another server",
    Effect.gen(function* () {
      const endpoints = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"] as const
      const reps = yield* Effect.forEach(endpoints, (bind) => open("REP", { bind }))
      const req = yield* open("REQ", { connect: endpoints })
      yield* send(req, "0")
      yield* req.withdraw
      yield* send(req, "1")
      assert.deepStrictEqual(reps.map(here), [["0"], ["1"]])
      yield* settle
      assert.strictEqual(
        yield* tagsOf(req),
        "Connecting Connected HandshakeSucceeded Connecting Connected HandshakeSucceeded Disconnected Connecting Connected HandshakeSucceeded"
      )
      assert.include(
        yield* Effect.map(Effect.fromNullishOr(reps[0]), (rep) => rep).pipe(Effect.flatMap(tagsOf)),
        "Disconnected"
      )
    })
  )

  virtually(
    "a request that is withdrawn before there is a server is never carried out",
    Effect.gen(function* () {
      for (const endpoint of ["tcp://127.0.0.1:5555", "inproc://a"] as const) {
        const req = yield* open("REQ", { connect: endpoint })
        yield* send(req, "withdrawn")
        yield* req.withdraw
        yield* send(req, "wanted")
        const rep = yield* open("REP", { bind: endpoint })
        assert.strictEqual(yield* receive(rep), "wanted")
        yield* send(rep, "done")
        assert.strictEqual(yield* receive(req), "done")
        yield* settle
        assert.deepStrictEqual(here(rep), [])
      }
    })
  )

  virtually(
    "a receive that waits for the reply to a withdrawn request fails, rather than wait for ever",
    Effect.gen(function* () {
      const req = yield* open("REQ", { connect: "inproc://a" })
      yield* send(req, "question")
      const waiting = yield* start(failure(receive(req)))
      assert.isFalse(isDone(waiting))
      yield* req.withdraw
      assert.strictEqual(yield* Fiber.join(waiting), "InvalidState")
    })
  )

  virtually(
    "a server that connects answers who asked, and not the next one that is bound there",
    Effect.gen(function* () {
      const rep = yield* open("REP", { connect: "tcp://127.0.0.1:5555" })
      const zeroth = yield* openAlone("REQ", { bind: "tcp://127.0.0.1:5555" })
      yield* send(zeroth.handle, "never received")
      yield* zeroth.close
      const first = yield* openAlone("REQ", { bind: "tcp://127.0.0.1:5555" })
      yield* Effect.sleep("1 second")
      yield* send(first.handle, "question")
      assert.strictEqual(yield* receive(rep), "question")
      yield* first.close
      const second = yield* open("REQ", { bind: "tcp://127.0.0.1:5555" })
      yield* Effect.sleep("1 second")
      yield* send(second, "another")
      yield* send(rep, "for the first")
      yield* settle
      assert.deepStrictEqual(here(second), [])
      assert.strictEqual(yield* receive(rep), "another")
      yield* send(rep, "for the second")
      assert.strictEqual(yield* receive(second), "for the second")
    })
  )
})

/** The dispatcher, step by step: what it says to whom. */
import { assert, describe, it } from "@effect/vitest"
import { Dispatcher } from "../src/internal/pool/dispatcher.ts"
import type { End, Happening, Settings } from "../src/internal/pool/job.ts"
import { Session } from "../src/internal/pool/session.ts"
import { headerSize, Kind, Packer, packHello, type Record, read } from "../src/internal/records.ts"

const make = (settings?: Partial<Settings>) =>
  new Dispatcher({
    epoch: 42,
    instance: 1,
    silence: { worker: 2, client: 2 },
    maxAttempts: 5,
    queue: 100,
    pack: 1,
    isScheduled: false,
    profileOf: () => ({ priority: 0, idempotent: true }),
    ...settings
  })

const idOf = (name: string) => new TextEncoder().encode(name)

const pack = (write: (packer: Packer) => void): [Uint8Array] => {
  const packer = new Packer()
  write(packer)
  return [packer.take() ?? new Uint8Array(0)]
}

const join = (dispatcher: Dispatcher, name: string, credit = 10, instance = name.charCodeAt(0), codec = "json") =>
  dispatcher.fromWorker(
    idOf(name),
    pack((packer) => packHello(packer, { instance, sequence: 1 }, { role: "worker", codec, credit })),
    0
  )

const exit = (dispatcher: Dispatcher, name: string, id: number, epoch = 42) =>
  dispatcher.fromWorker(
    idOf(name),
    pack((packer) => packer.add({ kind: Kind.Exit, id, epoch }, "", `by ${name}`)),
    0
  )

const ends: Array<End> = []

const submit = (dispatcher: Dispatcher, count = 1) =>
  Array.from({ length: count }, () => dispatcher.submit("Do", 0, idOf("it"), (end) => ends.push(end), 0)?.id ?? 0)

/** What is sent now, by whom it is for. */
const sent = (dispatcher: Dispatcher): { readonly [name: string]: ReadonlyArray<Record> } => {
  dispatcher.assign()
  const all: { [name: string]: ReadonlyArray<Record> } = {}
  for (const peer of dispatcher.dirty) {
    dispatcher.dirty.delete(peer)
    const message = peer.take()
    if (message !== undefined) all[new TextDecoder().decode(peer.routingId)] = read([message]).records
  }
  return all
}

const words = (records: ReadonlyArray<Record> = []) =>
  records.map(({ id, kind }) => `${Object.entries(Kind).find(([, k]) => k === kind)?.[0]} ${id}`)

const departures = (dispatcher: Dispatcher) =>
  dispatcher.happenings
    .splice(0)
    .filter((happening): happening is Happening & { readonly _tag: "WorkerLeft" } => happening._tag === "WorkerLeft")
    .map(({ departure }) => departure)

describe("a dispatcher, step by step", () => {
  it("takes the result of a worker that it had given up, and interrupts who does it again", () => {
    const dispatcher = make()
    join(dispatcher, "a")
    const [id] = submit(dispatcher)
    assert.deepStrictEqual(words(sent(dispatcher).a), ["Pong 1", `Request ${id}`])
    for (let i = 0; i < 3; i++) dispatcher.beat()
    assert.deepStrictEqual(departures(dispatcher), ["Silent"])
    join(dispatcher, "b")
    const [again] = (sent(dispatcher).b ?? []).filter(({ kind }) => kind === Kind.Request)
    assert.deepInclude({ id: again?.id, attempt: again?.attempt, epoch: again?.epoch }, { id, attempt: 2, epoch: 42 })
    ends.length = 0
    exit(dispatcher, "a", id ?? 0)
    assert.lengthOf(ends, 1)
    const { a, b } = sent(dispatcher)
    // And the one that was given up learns that it was.
    assert.deepStrictEqual([words(a), words(b)], [["Stale 0"], [`Interrupt ${id}`]])
    exit(dispatcher, "b", id ?? 0)
    assert.lengthOf(ends, 1)
    assert.strictEqual(dispatcher.counts.late, 1)
    assert.strictEqual([...dispatcher.workers.values()][0]?.free, 10)
  })

  it("takes no result of another dispatcher's call for one of its own", () => {
    const dispatcher = make()
    join(dispatcher, "a")
    const [id] = submit(dispatcher)
    sent(dispatcher)
    ends.length = 0
    exit(dispatcher, "a", id ?? 0, 41)
    assert.deepStrictEqual([ends.length, dispatcher.counts.late], [0, 1])
    exit(dispatcher, "a", id ?? 0)
    assert.lengthOf(ends, 1)
  })

  it("knows a worker that comes by another connection, and gives its calls to others at once", () => {
    const dispatcher = make()
    join(dispatcher, "a", 10, 7)
    submit(dispatcher)
    sent(dispatcher)
    join(dispatcher, "b", 10, 7)
    assert.deepStrictEqual(departures(dispatcher), ["Replaced"])
    assert.deepStrictEqual([...dispatcher.workers.keys()], ["b"])
    assert.strictEqual(dispatcher.queue.size, 1)
  })

  it("gives equal shares, to who has least first, and no more than the credit", () => {
    const dispatcher = make()
    join(dispatcher, "a", 2)
    join(dispatcher, "b", 10)
    submit(dispatcher, 6)
    const first = sent(dispatcher)
    const requests = (name: string) => (first[name] ?? []).filter(({ kind }) => kind === Kind.Request).length
    assert.deepStrictEqual([requests("a"), requests("b")], [2, 4])
  })

  it("gives at least as many as are to be packed, if so many are ready", () => {
    const dispatcher = make({ pack: 4 })
    join(dispatcher, "a")
    join(dispatcher, "b")
    submit(dispatcher, 4)
    const all = sent(dispatcher)
    assert.lengthOf(
      (all.a ?? []).filter(({ kind }) => kind === Kind.Request),
      4
    )
  })

  it("asks workers for signs of life, and gives none up for a stop of its own", () => {
    const dispatcher = make()
    join(dispatcher, "a")
    sent(dispatcher)
    // However much time has passed since the last beat, a worker has been asked once.
    dispatcher.beat()
    assert.deepStrictEqual(words(sent(dispatcher).a), ["Ping 1"])
    assert.strictEqual(dispatcher.workers.size, 1)
  })

  it("refuses a call whose client speaks another serialization than the workers", () => {
    const dispatcher = make()
    join(dispatcher, "a", 1, 7, "binary")
    dispatcher.fromClient(
      idOf("c"),
      pack((packer) => {
        packHello(packer, { epoch: 1 }, { role: "client", codec: "json", credit: 0 })
        packer.add({ kind: Kind.Request, id: 5, epoch: 1 }, "Do", "{}")
      }),
      0
    )
    assert.deepStrictEqual(words(sent(dispatcher).c), ["Pong 0", "Refused 5"])
    assert.deepStrictEqual([dispatcher.jobs.size, dispatcher.counts.refused], [0, 1])
  })

  it("takes nothing of a client whose version it does not speak", () => {
    const dispatcher = make()
    join(dispatcher, "a")
    const [message] = pack((packer) => {
      packHello(packer, { epoch: 1 }, { role: "client", codec: "json", credit: 0 })
      packer.add({ kind: Kind.Request, id: 5, epoch: 1 }, "Do", "{}")
    })
    message[headerSize] = 99
    dispatcher.fromClient(idOf("c"), [message], 0)
    const { a, c } = sent(dispatcher)
    assert.deepStrictEqual([words(a), words(c)], [["Pong 1"], ["Refused 0", "Refused 5"]])
    assert.deepStrictEqual([dispatcher.jobs.size, dispatcher.counts.submitted, dispatcher.counts.refused], [0, 1, 1])
  })

  it("keeps no client by what it said before it left", () => {
    const dispatcher = make()
    const say = (...kinds: ReadonlyArray<Kind>) =>
      dispatcher.fromClient(
        idOf("c"),
        pack((packer) => {
          for (const kind of kinds) packer.add({ kind, id: 5, epoch: 1 }, "Do", "{}")
        }),
        0
      )
    say(Kind.Request)
    dispatcher.clientLeft(idOf("c"))
    say(Kind.Ack, Kind.Interrupt, Kind.Bye)
    assert.deepStrictEqual([dispatcher.clients.size, dispatcher.jobs.size], [0, 0])
    say(Kind.Bye, Kind.Request)
    assert.strictEqual([...dispatcher.jobs.values()][0]?.client, [...dispatcher.clients.values()][0])
    assert.strictEqual(dispatcher.clients.size, 1)
  })

  it("has a worker that it had given up begin anew by its next answer, whatever its call is numbered", () => {
    const dispatcher = make()
    const worker = new Session({ instance: 7, name: "", codec: "json", credit: 10 }, new Packer())
    const talk = () => {
      const message = worker.packer.take()
      if (message !== undefined) dispatcher.fromWorker(idOf("w"), [message], 0)
      dispatcher.assign()
      for (const peer of dispatcher.dirty) {
        dispatcher.dirty.delete(peer)
        const said = peer.take()
        if (said !== undefined) worker.received([said])
      }
    }
    worker.begin()
    submit(dispatcher, 3)
    talk()
    assert.strictEqual(worker.calls.size, 3)
    dispatcher.workerLeft(idOf("w"))
    const last = [...worker.calls.values()][2]
    worker.packer.add({ kind: Kind.Exit, id: last?.id, epoch: 42, instance: last?.instance, sequence: last?.sequence })
    talk()
    talk()
    assert.deepStrictEqual([worker.number, dispatcher.workers.size], [2, 1])
    assert.strictEqual(dispatcher.counts.answered, 1)
  })

  it("gives a call to who understands it, and has it wait for one, where others are free that do not", () => {
    const dispatcher = make()
    join(dispatcher, "a", 2, 7, "json")
    join(dispatcher, "b", 10, 8, "binary")
    dispatcher.fromClient(
      idOf("c"),
      pack((packer) => {
        packHello(packer, { epoch: 1 }, { role: "client", codec: "json", credit: 0 })
        for (let id = 1; id <= 100; id++) packer.add({ kind: Kind.Request, id, epoch: 1 }, "Do", "{}")
      }),
      0
    )
    for (let id = 1; id <= 100; ) {
      const requests = (sent(dispatcher).a ?? []).filter(({ kind }) => kind === Kind.Request)
      assert.isAbove(requests.length, 0)
      for (const request of requests) {
        // In their order.
        assert.strictEqual(dispatcher.jobs.get(request.id)?.record.id, id++)
        exit(dispatcher, "a", request.id)
      }
    }
    assert.deepStrictEqual([dispatcher.counts.refused, dispatcher.counts.answered], [0, 100])
    assert.deepStrictEqual(
      [...dispatcher.workers.values()].map(({ free }) => free),
      [2, 10]
    )
  })

  it("tells a client that it has given up that nobody knows of its calls any more", () => {
    const dispatcher = make()
    dispatcher.fromClient(
      idOf("c"),
      pack((packer) => packer.add({ kind: Kind.Request, id: 5, epoch: 1 }, "Do", "{}")),
      0
    )
    for (let i = 0; i < 3; i++) dispatcher.beat()
    assert.deepStrictEqual(words(sent(dispatcher).c), ["Stale 0"])
    assert.deepStrictEqual([dispatcher.jobs.size, dispatcher.clients.size, dispatcher.counts.cancelled], [0, 0, 1])
  })
})

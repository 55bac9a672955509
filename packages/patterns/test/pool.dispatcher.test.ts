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
    maxInFlight: 1000,
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
    if (peer.isSending) continue
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

const tell = (dispatcher: Dispatcher, name: string, write: (packer: Packer) => void, now = 0) =>
  dispatcher.fromClient(idOf(name), pack(write), now)

/** So many calls of a client, from a number on. */
const request = (dispatcher: Dispatcher, name: string, from: number, count = 1, { epoch = 1, size = 2 } = {}) =>
  tell(dispatcher, name, (packer) => {
    const body = new Uint8Array(size)
    for (let id = from; id < from + count; id++) packer.add({ kind: Kind.Request, id, epoch }, "Do", body)
  })

const clientOf = (dispatcher: Dispatcher, name: string) =>
  [...dispatcher.clients.values()].find(({ key }) => key === name) ?? assert.fail(`no client ${name}`)

/** What is due, as it is done once a turn; answers by a worker whatever that is given. */
const turn = (dispatcher: Dispatcher, name: string) => {
  dispatcher.assign()
  dispatcher.admit(Number.POSITIVE_INFINITY, 0)
  const requests = (sent(dispatcher)[name] ?? []).filter(({ kind }) => kind === Kind.Request)
  for (const { id } of requests) exit(dispatcher, name, id)
  return requests.length
}

/** Whom a worker is given calls of, each by the number that its client gave. */
const given = (dispatcher: Dispatcher, name: string) => {
  dispatcher.admit(Number.POSITIVE_INFINITY, 0)
  const requests = (sent(dispatcher)[name] ?? []).filter(({ kind }) => kind === Kind.Request)
  return requests.map(({ id }) => {
    const job = dispatcher.jobs.get(id)
    const asked = `${job?.client?.key}${job?.record.id}`
    exit(dispatcher, name, id)
    return asked
  })
}

describe("a dispatcher with a client that asks for much", () => {
  it("keeps no more than so many calls and answers of one that does not read, and the rest as it came", () => {
    const dispatcher = make({ maxInFlight: 10 })
    join(dispatcher, "a", 4)
    request(dispatcher, "c", 1)
    const client = clientOf(dispatcher, "c")
    // Its socket has room for nothing.
    client.isSending = true
    request(dispatcher, "c", 2, 1_000)
    while (turn(dispatcher, "a") > 0) {
      assert.isAtMost(client.jobs.size + client.unsent, 10)
    }
    assert.deepStrictEqual([client.jobs.size, client.unsent, dispatcher.held], [0, 10, 991])
    assert.isFalse(dispatcher.canAdmit)
    // Others are served meanwhile.
    request(dispatcher, "d", 1, 5)
    assert.deepStrictEqual(given(dispatcher, "a"), ["d1", "d2", "d3", "d4"])
    assert.deepStrictEqual(given(dispatcher, "a"), ["d5"])
    // And it is, in order, when it reads.
    client.isSending = false
    const answers: Array<number> = []
    const read = () => {
      for (const { id, kind } of sent(dispatcher).c ?? []) if (kind === Kind.Exit) answers.push(id)
    }
    for (let i = 0; i < 1_000 && answers.length < 1_001; i++) {
      read()
      dispatcher.admit(Number.POSITIVE_INFINITY, 0)
      dispatcher.assign()
      for (const { id } of [...([...dispatcher.workers.values()][0]?.jobs.values() ?? [])]) exit(dispatcher, "a", id)
    }
    assert.deepStrictEqual(
      answers,
      Array.from({ length: 1_001 }, (_, i) => i + 1)
    )
    const { answered, submitted } = dispatcher.counts
    assert.deepStrictEqual([submitted, answered, dispatcher.held, client.isWaiting], [1_006, 1_006, 0, false])
  })

  it("takes no more of one with a megabyte of answers that wait for it", () => {
    const dispatcher = make({ queue: 1_000 })
    join(dispatcher, "a", 100)
    request(dispatcher, "c", 1, 40)
    const client = clientOf(dispatcher, "c")
    client.isSending = true
    dispatcher.assign()
    const body = "x".repeat(50_000)
    for (const { id } of [...dispatcher.jobs.values()]) {
      dispatcher.fromWorker(
        idOf("a"),
        pack((packer) => packer.add({ kind: Kind.Exit, id, epoch: 42 }, "", body)),
        0
      )
    }
    request(dispatcher, "c", 41)
    assert.deepStrictEqual([client.unsent, dispatcher.held, dispatcher.canAdmit], [40, 1, false])
    client.isSending = false
    assert.isTrue(dispatcher.canAdmit)
  })

  it("counts each answer until it is the socket's", () => {
    const dispatcher = make({ maxInFlight: 2 })
    join(dispatcher, "a")
    request(dispatcher, "c", 1, 4)
    assert.strictEqual(dispatcher.held, 2)
    assert.deepStrictEqual(given(dispatcher, "a"), ["c1", "c2"])
    const client = clientOf(dispatcher, "c")
    assert.isFalse(dispatcher.canAdmit)
    // They are on their way, and wait for room.
    dispatcher.dirty.delete(client)
    assert.isDefined(client.take())
    client.isSending = true
    assert.deepStrictEqual([client.unsent, dispatcher.canAdmit], [2, false])
    client.isSending = false
    assert.deepStrictEqual([client.unsent, dispatcher.canAdmit], [0, true])
    assert.deepStrictEqual(given(dispatcher, "a"), ["c3", "c4"])
  })

  it("counts what is refused, too", () => {
    const dispatcher = make({ maxInFlight: 3, profileOf: () => undefined })
    request(dispatcher, "c", 1)
    const client = clientOf(dispatcher, "c")
    client.isSending = true
    request(dispatcher, "c", 2, 100)
    assert.deepStrictEqual([client.unsent, dispatcher.held], [3, 98])
  })

  it("takes from clients in turn when the queue is full, in the order of each", () => {
    const dispatcher = make({ queue: 4 })
    request(dispatcher, "c", 1, 100)
    request(dispatcher, "d", 1, 3)
    assert.deepStrictEqual([dispatcher.queue.size, dispatcher.held], [4, 99])
    join(dispatcher, "a", 100)
    const all: Array<string> = []
    while (all.length < 103) all.push(...given(dispatcher, "a"))
    assert.isBelow(all.indexOf("d3"), 30)
    for (const name of ["c", "d"]) {
      const numbers = all.filter((asked) => asked.startsWith(name)).map((asked) => Number(asked.slice(1)))
      assert.deepStrictEqual(
        numbers,
        Array.from({ length: name === "c" ? 100 : 3 }, (_, i) => i + 1)
      )
    }
  })

  it("has a call interrupted that is not taken yet, and counts it", () => {
    const dispatcher = make({ queue: 1 })
    request(dispatcher, "c", 1, 4)
    for (const id of [3, 3, 1]) {
      tell(dispatcher, "c", (packer) => packer.add({ kind: Kind.Interrupt, id, epoch: 1 }))
    }
    assert.deepStrictEqual([dispatcher.counts.submitted, dispatcher.counts.cancelled, dispatcher.held], [2, 2, 2])
    join(dispatcher, "a")
    assert.deepStrictEqual([...given(dispatcher, "a"), ...given(dispatcher, "a")], ["c2", "c4"])
  })

  it("forgets what waits of a client that has left, or has begun anew", () => {
    const dispatcher = make({ queue: 1 })
    request(dispatcher, "c", 1, 4)
    request(dispatcher, "d", 1, 4)
    dispatcher.clientLeft(idOf("c"))
    request(dispatcher, "d", 1, 1, { epoch: 2 })
    assert.deepStrictEqual([dispatcher.jobs.size, dispatcher.held, dispatcher.counts.cancelled], [1, 0, 8])
    join(dispatcher, "a")
    assert.deepStrictEqual(given(dispatcher, "a"), ["d1"])
  })

  it("reads no more when the line of one that reads is full, until it is shorter", () => {
    const dispatcher = make({ queue: 1 })
    let id = 1
    while (!dispatcher.isFlooded && id < 1_000) request(dispatcher, "c", id++, 1, { size: 60_000 })
    assert.isAtLeast(id * 60_000, 8_388_608)
    assert.isBelow(id * 60_000, 8_700_000)
    // Nobody is given up that is not listened to.
    for (let i = 0; i < 5; i++) dispatcher.beat()
    assert.strictEqual(dispatcher.clients.size, 1)
    join(dispatcher, "a")
    given(dispatcher, "a")
    given(dispatcher, "a")
    assert.isFalse(dispatcher.isFlooded)
  })

  it("gives up one that asks on and does not read, keeps nothing of it, and takes it back when it begins anew", () => {
    const dispatcher = make({ maxInFlight: 2 })
    join(dispatcher, "a")
    request(dispatcher, "c", 1)
    const client = clientOf(dispatcher, "c")
    client.isSending = true
    let id = 2
    while (dispatcher.counts.cancelled === 0 && id < 1_000) {
      request(dispatcher, "c", id++, 1, { size: 60_000 })
      // It holds up nobody.
      assert.isFalse(dispatcher.isFlooded)
    }
    assert.isBelow(id * 60_000, 17_000_000)
    assert.deepStrictEqual([dispatcher.held, dispatcher.jobs.size, client.line.bytes], [0, 0, 0])
    request(dispatcher, "c", id, 1_000)
    assert.deepStrictEqual([dispatcher.held, dispatcher.jobs.size], [0, 0])
    assert.strictEqual(clientOf(dispatcher, "c"), client)
    client.isSending = false
    assert.deepStrictEqual(words(sent(dispatcher).c), ["Stale 0"])
    request(dispatcher, "c", 1, 1, { epoch: 2 })
    assert.deepStrictEqual(given(dispatcher, "a"), ["c1"])
  })

  it("keeps no signs of life for a worker that takes none", () => {
    const dispatcher = make()
    join(dispatcher, "a")
    const [worker] = [...dispatcher.workers.values()]
    for (let i = 0; i < 10_000; i++) {
      dispatcher.fromWorker(
        idOf("a"),
        pack((packer) => packer.add({ kind: Kind.Ping })),
        0
      )
    }
    assert.isBelow(worker?.packer.size ?? 0, 70_000)
  })

  it("gives up one that says nothing for too long and has not taken its answers", () => {
    const dispatcher = make()
    join(dispatcher, "a")
    request(dispatcher, "c", 1)
    turn(dispatcher, "a")
    const client = clientOf(dispatcher, "c")
    client.isSending = true
    assert.deepStrictEqual([client.jobs.size, client.unsent], [0, 1])
    for (let i = 0; i < 3; i++) dispatcher.beat()
    client.isSending = false
    assert.deepStrictEqual(words(sent(dispatcher).c), ["Stale 0"])
  })
})

describe("a dispatcher whose worker is not there any more", () => {
  it("counts no attempt of what could not be sent to it, which may be done once still", () => {
    for (const idempotent of [true, false]) {
      const dispatcher = make({ maxAttempts: 1, profileOf: () => ({ priority: 0, idempotent }) })
      join(dispatcher, "a", 2)
      const [first, second, third] = submit(dispatcher, 3)
      ends.length = 0
      dispatcher.assign()
      const worker = [...dispatcher.workers.values()][0] ?? assert.fail()
      dispatcher.dirty.delete(worker)
      const message = worker.take() ?? assert.fail()
      dispatcher.undelivered(worker, message)
      assert.deepStrictEqual(departures(dispatcher), ["Disconnected"])
      join(dispatcher, "b", 10)
      const requests = (sent(dispatcher).b ?? []).filter(({ kind }) => kind === Kind.Request)
      assert.deepStrictEqual(
        requests.map(({ attempt, id }) => [id, attempt]),
        [first, second, third].map((id) => [id, 1])
      )
      assert.deepStrictEqual([ends.length, dispatcher.counts.redone], [0, 0])
      // What was sent may have been begun.
      dispatcher.workerLeft(idOf("b"))
      assert.deepStrictEqual([ends.length, dispatcher.counts.dead], [3, 3])
    }
  })

  it("counts no attempt of what was not taken to be sent", () => {
    const dispatcher = make({ maxAttempts: 1 })
    join(dispatcher, "a", 2)
    submit(dispatcher, 1)
    sent(dispatcher)
    ends.length = 0
    submit(dispatcher, 1)
    dispatcher.assign()
    dispatcher.workerLeft(idOf("a"))
    assert.deepStrictEqual([ends.length, dispatcher.queue.size], [1, 1])
  })
})

/**
 * A world for the dispatcher and its workers, as they are (`Dispatcher`, `Session`), without sockets: lanes that keep their
 * order, processes that are killed, stopped and drained, connections that are lost or lead nowhere, a dispatcher that is
 * begun anew, handlers that take long, clients that do not read for a while. Everything is drawn from a seed.
 *
 * What is held against it is kept beside it: what each caller has asked for, what it was told, and who began what.
 */
import { assert } from "@effect/vitest"
import { Dispatcher } from "../src/internal/pool/dispatcher.ts"
import { type End, type Job, type Peer, Worker } from "../src/internal/pool/job.ts"
import { keyOfCall, Session } from "../src/internal/pool/session.ts"
import { Flag, Kind, Packer, packHello, read } from "../src/internal/records.ts"

export interface Tally {
  calls: number
  answered: number
  cancelled: number
  dead: number
  refused: number
  /** In flight when the dispatcher was killed. */
  lost: number
  redone: number
  late: number
  deaths: number
  /** How many calls have waited in the line of their client. */
  held: number
  /** Everything that happened in the world. */
  events: number
}

const random = (seed: number) => {
  // mulberry32
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const between = (from: number, to: number) => from + Math.floor(next() * (to - from + 1))
  return {
    between,
    chance: (probability: number) => next() < probability,
    // There is one of each.
    one: <A>(values: readonly [A, ...ReadonlyArray<A>]) => values[between(0, values.length - 1)] as A
  }
}

/** One connection: messages keep their order each way. */
interface Link {
  readonly id: Uint8Array
  readonly toDispatcher: (message: Uint8Array) => void
  readonly toPeer: (message: Uint8Array) => void
  isUp: boolean
  /** Until when its peer has room for nothing. */
  fullUntil: number
  /** Until when nothing goes through. */
  cutUntil: number
  arrivals: [number, number]
}

interface Process {
  session: Session
  link: Link | undefined
  isAlive: boolean
  /** Until when it does nothing. */
  stoppedUntil: number
  /** What it is at: by session and key, whatever ends it. */
  readonly running: Map<string, { isOver: boolean }>
  readonly unsent: Array<Uint8Array>
  drainingUntil: number
}

interface Call {
  readonly tag: string
  readonly payload: string
  /** How many times it was told how the call ended. */
  told: number
  end: "open" | "answered" | "refused" | "cancelled" | "lost" | "unanswered"
  begun: number
}

const heartbeat = 100
const encoder = new TextEncoder()
const decoder = new TextDecoder()

const profiles = new Map([
  ["work", { priority: 0, idempotent: true }],
  ["urgent", { priority: 10, idempotent: true }],
  ["once", { priority: 0, idempotent: false }]
])

/** Runs the world of a seed to its end, and fails where something does not hold. */
export const simulate = (seed: number): Tally => {
  const { between, chance, one } = random(seed)
  const info = (what: string) => `${what} (seed ${seed})`

  // ---------------------------------------------------------------------------
  // Time
  // ---------------------------------------------------------------------------

  let now = 0
  let order = 0
  let events = 0
  const agenda: Array<{ readonly at: number; readonly order: number; readonly run: () => void }> = []
  const at = (when: number, run: () => void) => {
    const entry = { at: when, order: order++, run }
    let from = 0
    let to = agenda.length
    while (from < to) {
      const middle = (from + to) >>> 1
      const other = agenda[middle] as typeof entry // below the length
      if (other.at > when || (other.at === when && other.order > entry.order)) from = middle + 1
      else to = middle
    }
    agenda.splice(from, 0, entry)
  }

  // ---------------------------------------------------------------------------
  // The dispatcher
  // ---------------------------------------------------------------------------

  const calls = new Map<string, Call>()
  const maxAttempts = one([1, 2, 3, 100])
  const isScheduled = chance(0.3)
  const pack = one([1, 1, 4])
  const maxInFlight = one([2, 4, 1_000])
  let epoch = 0
  const totals = { redone: 0, late: 0, deaths: 0, dead: 0, held: 0 }
  const deadLetters = new Set<string>()

  const newDispatcher = () =>
    new Dispatcher({
      epoch: ++epoch,
      instance: 1_000_000 + epoch,
      silence: { worker: 5, client: 50 },
      maxAttempts,
      queue: 20,
      maxInFlight,
      pack,
      isScheduled,
      profileOf: (tag) => profiles.get(tag)
    })
  let dispatcher = newDispatcher()
  let isDispatcherUp = true
  let flushes = false

  const links = new Map<string, Link>()
  let lastLink = 0
  const keyOfId = (id: Uint8Array) => id.join()

  const flush = () => {
    if (flushes) return
    flushes = true
    const flushing = dispatcher
    at(now, () => {
      flushes = false
      if (flushing !== dispatcher || !isDispatcherUp) return
      for (const job of dispatcher.unscheduled.splice(0)) {
        const asked = dispatcher
        const delay = chance(0.02) ? undefined : one([0, 10, 300])
        at(now + between(0, 3), () => {
          if (asked !== dispatcher || !isDispatcherUp) return
          dispatcher.schedule(job, delay, now)
          flush()
        })
      }
      dispatcher.due(now)
      dispatcher.assign()
      const held = dispatcher.held
      dispatcher.admit(between(1, 10), now)
      totals.held += held - dispatcher.held
      dispatcher.assign()
      for (const { jobs, unsent } of dispatcher.clients.values()) {
        assert.isAtMost(jobs.size + unsent, maxInFlight, info("what is kept of a client"))
      }
      for (const happening of dispatcher.happenings.splice(0)) {
        if (happening._tag === "Malformed") assert.fail(info(happening.problem))
        if (happening._tag === "Dead") {
          const { instance, sequence } = happening.job.record
          deadLetters.add(keyOfCall(instance, sequence))
        }
      }
      for (const peer of [...dispatcher.dirty]) {
        if (peer.isSending) continue
        dispatcher.dirty.delete(peer)
        for (let message = peer.take(); message !== undefined; message = peer.take()) if (!sendTo(peer, message)) break
      }
      if (dispatcher.canAdmit) flush()
      if (Number.isFinite(dispatcher.nextAt)) {
        at(dispatcher.nextAt, () => flushing === dispatcher && flush())
      }
    })
  }

  /** `false` where nothing more can be sent to it now. */
  const sendTo = (peer: Peer, message: Uint8Array): boolean => {
    const link = links.get(keyOfId(peer.routingId))
    if (!link?.isUp) {
      if (peer instanceof Worker) dispatcher.undelivered(peer, message)
      else dispatcher.clientLeft(peer.routingId)
      flush()
      return false
    }
    if (link.fullUntil <= now) {
      link.toPeer(message)
      return true
    }
    const sending = dispatcher
    peer.isSending = true
    if (peer.hasMore) dispatcher.dirty.add(peer)
    at(link.fullUntil, () => {
      peer.isSending = false
      if (sending === dispatcher && isDispatcherUp) sendTo(peer, message)
      flush()
    })
    return false
  }

  const connect = (
    side: "frontend" | "backend",
    receive: (message: Uint8Array) => void,
    isStopped: () => number
  ): Link => {
    const number = ++lastLink
    const id = new Uint8Array([side === "frontend" ? 1 : 2, number >>> 16, number >>> 8, number])
    const lane = (direction: 0 | 1, arrive: (message: Uint8Array) => void) => {
      const go = (message: Uint8Array) => {
        if (!link.isUp) return
        const held = Math.max(link.cutUntil, direction === 1 ? isStopped() : 0)
        if (held > now) return at(held, () => go(message))
        arrive(message)
      }
      return (message: Uint8Array) => {
        link.arrivals[direction] = Math.max(now + between(0, 5), link.arrivals[direction])
        at(link.arrivals[direction], () => go(message))
      }
    }
    const link: Link = {
      id,
      toDispatcher: lane(0, (message) => {
        if (!isDispatcherUp) return
        if (side === "frontend") dispatcher.fromClient(id, [message], now)
        else dispatcher.fromWorker(id, [message], now)
        flush()
      }),
      toPeer: lane(1, receive),
      isUp: true,
      fullUntil: 0,
      cutUntil: 0,
      arrivals: [0, 0]
    }
    links.set(keyOfId(id), link)
    return link
  }

  /** A connection is gone. The other side hears of it, soon, or only when it speaks. */
  const disconnect = (link: Link | undefined) => {
    if (!link?.isUp) return
    link.isUp = false
    links.delete(keyOfId(link.id))
    if (chance(0.3)) return
    const hearing = dispatcher
    at(now + between(0, 30), () => {
      if (hearing !== dispatcher || !isDispatcherUp) return
      dispatcher.workerLeft(link.id)
      dispatcher.clientLeft(link.id)
      flush()
    })
  }

  // ---------------------------------------------------------------------------
  // Workers
  // ---------------------------------------------------------------------------

  let lastInstance = 0
  const credit = one([1, 2, 4, 16])
  const slowness = one([0, 0, 0.05])
  const loss = one([0, 0, 0.02])

  const newSession = () =>
    new Session({ instance: ++lastInstance, name: `worker ${lastInstance}`, codec: "json", credit }, new Packer())

  const talk = (process: Process) => {
    if (!process.isAlive) return
    const { session } = process
    for (const task of session.tasks.splice(0)) {
      switch (task._tag) {
        case "Begin": {
          const { key, record } = task
          const call = calls.get(key)
          if (call === undefined) return assert.fail(info(`${key} was never asked for`))
          assert.strictEqual(decoder.decode(record.body), call.payload, info("what a worker is given"))
          call.begun++
          const run = { isOver: false }
          const name = `${task.session} ${key}`
          assert.isFalse(process.running.has(name), info(`${key} twice at a time`))
          process.running.set(name, run)
          const millis = chance(slowness) ? between(300, 2_000) : between(0, 30)
          const end = () => {
            if (run.isOver || !process.isAlive) return
            if (process.stoppedUntil > now) return at(process.stoppedUntil, end)
            run.isOver = true
            process.running.delete(name)
            if (chance(loss)) session.returned(task.session, key)
            else answer(process, task.session, key, `done ${call.payload}`)
            talk(process)
          }
          at(now + millis, end)
          break
        }
        case "Interrupt": {
          const name = `${task.session} ${task.key}`
          const run = process.running.get(name)
          if (run === undefined) break
          run.isOver = true
          at(now + between(0, 20), () => {
            process.running.delete(name)
            answer(process, task.session, task.key, "interrupted")
            talk(process)
          })
          break
        }
        case "Abandon": {
          for (const [name, run] of process.running) {
            if (!name.startsWith(`${task.session} `)) continue
            run.isOver = true
            process.running.delete(name)
          }
          break
        }
        default:
          assert.fail(info(JSON.stringify(task)))
      }
    }
    const message = session.packer.take()
    if (message !== undefined) process.unsent.push(message)
    // What cannot be sent yet waits for a connection, as it does in a DEALER.
    if (process.link !== undefined) for (const message of process.unsent.splice(0)) process.link.toDispatcher(message)
  }

  const answer = (process: Process, session: number, key: string, body: string) => {
    const call = process.session.ended(session, key)
    if (call === undefined) return
    const { attempt, id, instance, sequence } = call
    const { epoch } = process.session
    process.session.packer.add({ kind: Kind.Exit, id, epoch, attempt, instance, sequence }, "", encoder.encode(body))
  }

  const hear = (process: Process) =>
    connect(
      "backend",
      (message) => {
        if (!process.isAlive) return
        process.session.received([message])
        talk(process)
      },
      () => process.stoppedUntil
    )

  const start = (process: Process) => {
    process.isAlive = true
    process.stoppedUntil = 0
    process.drainingUntil = 0
    process.running.clear()
    process.unsent.length = 0
    process.session = newSession()
    process.session.begin()
    process.link = isDispatcherUp ? hear(process) : undefined
    talk(process)
  }

  const kill = (process: Process) => {
    process.isAlive = false
    disconnect(process.link)
    process.link = undefined
  }

  const processes: Array<Process> = Array.from({ length: between(1, 5) }, () => ({
    session: newSession(),
    link: undefined,
    isAlive: false,
    stoppedUntil: 0,
    running: new Map(),
    unsent: [],
    drainingUntil: 0
  }))
  for (const process of processes) start(process)

  // ---------------------------------------------------------------------------
  // Clients
  // ---------------------------------------------------------------------------

  const tell = (key: string, how: "answered" | "refused", text: string) => {
    const call = calls.get(key)
    if (call === undefined) return assert.fail(info(`${key} is answered, and was never asked for`))
    call.told++
    assert.strictEqual(call.told, 1, info(`${key} is told ${call.told} times`))
    if (how === "answered") assert.strictEqual(text, `done ${call.payload}`, info("the result"))
    if (call.end === "open") call.end = how
  }

  const clients = Array.from({ length: between(1, 3) }, (_, number) => {
    const instance = 10_000 + number
    const client = {
      link: undefined as Link | undefined,
      epoch: 0,
      open: new Map<number, string>(),
      sequence: 0,
      /** What it has sent since it is connected. */
      connect: () => {
        client.epoch++
        client.link = connect("frontend", received, () => 0)
        const packer = new Packer()
        packHello(packer, { epoch: client.epoch, instance }, { role: "client", codec: "json", credit: 0 })
        client.link.toDispatcher(packer.take() as Uint8Array)
      },
      /** It is told nothing of these any more. */
      lose: () => {
        for (const key of client.open.values()) {
          const call = calls.get(key)
          if (call?.end === "open") call.end = "lost"
        }
        client.open.clear()
      },
      send: (write: (packer: Packer) => void) => {
        const packer = new Packer()
        write(packer)
        client.link?.toDispatcher(packer.take() as Uint8Array)
      },
      ask: () => {
        if (client.link === undefined) return
        const sequence = ++client.sequence
        const key = keyOfCall(instance, sequence)
        const tag = chance(0.02) ? "nothing" : one(["work", "work", "work", "urgent", "once"])
        const kind = chance(0.05) ? Flag.Discard : chance(0.05) ? Flag.Notification : 0
        const call: Call = { tag, payload: `${key} please`, told: 0, end: kind === 0 ? "open" : "unanswered", begun: 0 }
        calls.set(key, call)
        const { epoch } = client
        if (kind === 0) client.open.set(sequence, key)
        client.send((packer) =>
          packer.add(
            { kind: Kind.Request, flags: kind, id: sequence, epoch, instance, sequence },
            tag,
            encoder.encode(call.payload)
          )
        )
        if (kind !== 0 || !chance(0.2)) return
        at(now + between(0, 400), () => {
          if (epoch !== client.epoch || client.open.get(sequence) !== key) return
          client.open.delete(sequence)
          call.end = "cancelled"
          client.send((packer) => packer.add({ kind: Kind.Interrupt, id: sequence, epoch }))
        })
      }
    }
    const received = (message: Uint8Array) => {
      const { malformed, records } = read([message])
      assert.lengthOf(malformed, 0, info("what a client gets"))
      for (const record of records) {
        if (record.kind !== Kind.Exit && record.kind !== Kind.Refused) continue
        if (record.epoch !== client.epoch) assert.fail(info("an answer to another connection"))
        const key = keyOfCall(instance, record.id)
        const call = calls.get(key)
        if (record.kind === Kind.Exit) {
          assert.strictEqual(keyOfCall(record.instance, record.sequence), key, info("whose answer it is"))
        }
        // It was cancelled, and the answer was on its way.
        if (call?.end === "cancelled") continue
        client.open.delete(record.id)
        if (call !== undefined && call.end === "unanswered") {
          assert.strictEqual(record.kind, Kind.Refused, info("what nobody asked for"))
          continue
        }
        tell(key, record.kind === Kind.Exit ? "answered" : "refused", decoder.decode(record.body))
      }
    }
    client.connect()
    return client
  })

  /** Submitters in the process of the dispatcher. */
  const submit = () => {
    if (!isDispatcherUp || dispatcher.isFull) return
    const tag = one(["work", "urgent", "once"])
    const payload = `local ${calls.size} please`
    const own = dispatcher
    let key = ""
    const settle = (end: End) => {
      if (end._tag === "Answered") tell(key, "answered", decoder.decode(end.answer.body))
      else tell(key, "refused", "")
    }
    const job = dispatcher.submit(tag, 0, encoder.encode(payload), settle, now) as Job // it is neither full nor draining
    key = keyOfCall(job.record.instance, job.record.sequence)
    const call: Call = { tag, payload, told: 0, end: "open", begun: 0 }
    calls.set(key, call)
    flush()
    if (!chance(0.2)) return
    at(now + between(0, 300), () => {
      if (own !== dispatcher || !isDispatcherUp || call.end !== "open") return
      call.end = "cancelled"
      dispatcher.cancel(job)
      flush()
    })
  }

  // ---------------------------------------------------------------------------
  // What happens
  // ---------------------------------------------------------------------------

  const active = 4_000
  const rate = one([5, 20, 60])
  for (let when = 10; when < active; when += between(1, rate * 2)) {
    at(when, () => (chance(0.3) ? submit() : one(clients as never as readonly [(typeof clients)[0]]).ask()))
  }

  const beat = () => {
    if (isDispatcherUp) {
      dispatcher.beat()
      flush()
    }
    for (const process of processes) {
      if (!process.isAlive || process.stoppedUntil > now) continue
      process.session.beat()
      const isOver = process.drainingUntil > 0 && (now >= process.drainingUntil || process.session.calls.size === 0)
      if (isOver) {
        process.session.leave()
        talk(process)
        // What it has said still leaves.
        const { link } = process
        process.isAlive = false
        at(now + 20, () => disconnect(link))
        at(now + between(30, 500), () => start(process))
      } else talk(process)
    }
    for (const client of clients) {
      client.send((packer) => packer.add({ kind: Kind.Ping, epoch: client.epoch }))
    }
  }
  for (let when = heartbeat; when < 60_000; when += heartbeat) at(when, beat)

  const settleDispatcher = () => {
    const { counts } = dispatcher
    totals.redone += counts.redone
    totals.late += counts.late
    totals.deaths += counts.deaths
    totals.dead += counts.dead
    const { answered, cancelled, dead, refused, submitted } = counts
    assert.strictEqual(submitted, answered + cancelled + dead + refused + dispatcher.jobs.size, info("the counts"))
  }

  const faults: Array<() => void> = [
    () => {
      const process = one(processes as never as readonly [Process])
      if (!process.isAlive || process.drainingUntil > 0) return
      kill(process)
      at(now + between(0, 500), () => start(process))
    },
    () => {
      // SIGSTOP, and SIGCONT
      const process = one(processes as never as readonly [Process])
      if (process.isAlive) process.stoppedUntil = now + between(100, 2_000)
    },
    () => {
      const process = one(processes as never as readonly [Process])
      if (process.link !== undefined) process.link.cutUntil = now + between(50, 1_500)
    },
    () => {
      // The connection is lost, and the process is not.
      const process = one(processes as never as readonly [Process])
      if (!process.isAlive || process.link === undefined || process.drainingUntil > 0) return
      disconnect(process.link)
      process.link = undefined
      at(now + between(0, 200), () => {
        if (process.isAlive && process.link === undefined && isDispatcherUp) process.link = hear(process)
      })
    },
    () => {
      const process = one(processes as never as readonly [Process])
      if (!process.isAlive || process.stoppedUntil > now || process.drainingUntil > 0) return
      process.session.drain()
      process.drainingUntil = now + between(1, 400)
      talk(process)
    },
    () => {
      // A client does not read for a while, and asks on.
      const client = one(clients as never as readonly [(typeof clients)[0]])
      if (client.link !== undefined) client.link.fullUntil = now + between(100, 1_500)
    },
    () => {
      // A client is gone, and comes again.
      const client = one(clients as never as readonly [(typeof clients)[0]])
      if (client.link === undefined) return
      disconnect(client.link)
      client.link = undefined
      client.lose()
      at(now + between(0, 200), () => client.link ?? (isDispatcherUp && client.connect()))
    }
  ]
  const restart = () => {
    if (!isDispatcherUp) return
    settleDispatcher()
    isDispatcherUp = false
    for (const link of [...links.values()]) {
      link.isUp = false
      links.delete(keyOfId(link.id))
    }
    for (const process of processes) process.link = undefined
    for (const client of clients) {
      client.link = undefined
      client.lose()
    }
    for (const call of calls.values()) if (call.end === "open" || call.end === "unanswered") call.end = "lost"
    at(now + between(10, 600), () => {
      dispatcher = newDispatcher()
      isDispatcherUp = true
      flushes = false
      for (const process of processes) {
        at(now + between(0, 50), () => {
          if (process.isAlive && process.link === undefined) process.link = hear(process)
        })
      }
      for (const client of clients) at(now + between(0, 50), () => client.link ?? client.connect())
    })
  }
  if (chance(0.25)) at(between(500, active), restart)
  const many = between(0, 30)
  for (let i = 0; i < many; i++) at(between(10, active), one(faults as never as readonly [() => void]))

  // ---------------------------------------------------------------------------
  // To the end
  // ---------------------------------------------------------------------------

  const isQuiet = () =>
    isDispatcherUp && dispatcher.isIdle && processes.every(({ isAlive, running }) => isAlive && running.size === 0)
  let quietSince = Number.POSITIVE_INFINITY
  for (let entry = agenda.pop(); entry !== undefined; entry = agenda.pop()) {
    now = entry.at
    entry.run()
    events++
    if (now < active + 3_000 || !isQuiet()) quietSince = Number.POSITIVE_INFINITY
    else quietSince = Math.min(quietSince, now)
    if (now > quietSince + 1_000) break
  }

  settleDispatcher()
  assert.strictEqual(dispatcher.jobs.size, 0, info("jobs that are left"))
  assert.strictEqual(dispatcher.queue.size, 0, info("jobs that wait"))
  assert.strictEqual(dispatcher.held, 0, info("requests in lines"))
  assert.strictEqual(dispatcher.waiting, 0, info("jobs that wait for their time"))
  for (const worker of dispatcher.workers.values()) {
    assert.strictEqual(worker.jobs.size, 0, info(`credit that ${worker.name} has not got back`))
    assert.strictEqual(worker.free, credit, info(`the credit of ${worker.name}`))
  }
  for (const client of dispatcher.clients.values()) {
    assert.strictEqual(client.jobs.size, 0, info("calls of a client that are left"))
  }
  assert.strictEqual(dispatcher.workers.size, processes.length, info("the workers at the end"))
  for (const { running, session } of processes) {
    assert.strictEqual(session.calls.size, 0, info("calls that a worker still has"))
    assert.strictEqual(running.size, 0, info("what still runs"))
  }
  for (const client of clients) assert.strictEqual(client.open.size, 0, info("calls that hang"))

  const tally: Tally = {
    calls: calls.size,
    answered: 0,
    cancelled: 0,
    dead: totals.dead,
    refused: 0,
    lost: 0,
    redone: totals.redone,
    late: totals.late,
    deaths: totals.deaths,
    held: totals.held,
    events
  }
  for (const [key, { begun, end, tag }] of calls) {
    assert.notStrictEqual(end, "open", info(`${key} has no end`))
    if (end === "refused" && tag !== "nothing") {
      assert.isTrue(deadLetters.has(key), info(`${key} is refused, and no dead letter`))
    }
    if (tag === "once") assert.isAtMost(begun, 1, info(`${key} may be begun once`))
    assert.isAtMost(begun, maxAttempts, info(`how often ${key} was begun`))
    if (end === "answered" || end === "cancelled" || end === "refused" || end === "lost") tally[end]++
  }
  return tally
}

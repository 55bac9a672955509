/** The addon as its own page shows it: `for await`, `await send`. */
import * as zmq from "zeromq"
import { bodies, lanes } from "./checksum.ts"
import { done, grown, Meter, onReleased, ready, released, slowest, task, ticking, topic, warmUp } from "./task.ts"

const { count, endpoint, form, mark, role, size, subscribers = 1, timer = false } = task()

const bind = "tcp://127.0.0.1:*"
const all = bodies(size)
const sums = all.map(lanes)
const meter = new Meter()

/** Subscriptions are messages: above the mark libzmq drops them, and the addon has no name for a SUB's mark. */
class Subscriptions extends zmq.Subscriber {
  constructor(options: zmq.SocketOptions<zmq.Subscriber>) {
    super(options)
    this.setInt32Option(23, 0) // ZMQ_SNDHWM
  }
}

/** Each of the bodies in turn. */
const sending = async (send: (body: Uint8Array) => Promise<unknown> | undefined) => {
  for (let i = 0; i < count; i++) {
    const at = i % all.length
    const body = all[at] ?? all[0]
    if (body === undefined) continue
    await send(body)
    meter.count(size, sums[at] ?? 0)
  }
}

/** Answers when the other side has everything; and how late timers were until all was sent. */
const sent = async (ticks?: () => ReadonlyArray<number>) => {
  meter.stop()
  const late = ticks === undefined ? {} : { ticks: ticks() }
  await released()
  done({ ...meter.result, ...late })
  process.exit()
}

switch (role) {
  case "pull": {
    const pull = new zmq.Pull(mark === undefined ? {} : { receiveHighWaterMark: mark })
    await pull.bind(bind)
    ready(pull.lastEndpoint ?? "")
    let ticks: ReturnType<typeof ticking> | undefined
    for await (const [frame] of pull) {
      if (timer && ticks === undefined) ticks = ticking()
      if (frame !== undefined) meter.add(frame)
      if (meter.messages === count) break
    }
    done({ ...meter.result, ...(ticks === undefined ? {} : { ticks: ticks() }) })
    break
  }
  case "push": {
    const push = new zmq.Push(form === "flood" ? { sendHighWaterMark: 0 } : { sendHighWaterMark: mark ?? 1000 })
    push.connect(endpoint)
    const ticks = timer ? ticking() : undefined
    if (form === "flood") {
      const body = all[0] ?? new Uint8Array(size)
      let flying: Promise<void> | undefined
      for (let i = 0; i < count; i++) {
        const next = all[i % all.length] ?? body
        try {
          flying = push.send(next)
        } catch {
          // Every 512 sends the addon waits for a turn of the event loop, and is busy.
          await flying
          flying = push.send(next)
        }
        meter.count(size, sums[i % all.length] ?? 0)
      }
    } else if (form === "turn") {
      await sending(async (body) => {
        await push.send(body)
        await new Promise((resolve) => setImmediate(resolve))
      })
    } else await sending((body) => push.send(body))
    await sent(ticks)
    break
  }
  case "pub": {
    const pub = new zmq.XPublisher({ verbosity: "allSubs", sendHighWaterMark: 0 })
    await pub.bind(bind)
    ready(pub.lastEndpoint ?? "")
    for (let i = 0; i < subscribers; i++) await pub.receive()
    await sending((body) => pub.send(body))
    await sent()
    break
  }
  case "sub": {
    const one = async () => {
      const sub = new zmq.Subscriber({ receiveHighWaterMark: 0 })
      sub.connect(endpoint)
      sub.subscribe()
      const meter = new Meter()
      for await (const [frame] of sub) {
        if (frame !== undefined) meter.add(frame)
        if (meter.messages === count) break
      }
      return meter.result
    }
    done(slowest(await Promise.all(Array.from({ length: subscribers }, one))))
    break
  }
  case "rep": {
    const rep = new zmq.Reply()
    await rep.bind(bind)
    ready(rep.lastEndpoint ?? "")
    while (meter.messages < warmUp + count) {
      const [frame] = await rep.receive()
      if (frame !== undefined) meter.add(frame)
      await rep.send(frame ?? "")
    }
    await sent()
    break
  }
  case "req": {
    const total = warmUp + count
    if (form === "flight") {
      const dealer = new zmq.Dealer()
      dealer.connect(endpoint)
      for (let i = 0; i < 100; i++) await dealer.send(["", all[i % all.length] ?? ""])
      while (meter.messages < total) {
        const [, frame] = await dealer.receive()
        if (frame !== undefined) meter.add(frame)
        const next = meter.messages + 99
        if (next < total) await dealer.send(["", all[next % all.length] ?? ""])
        if (meter.messages === warmUp) meter.begin()
      }
      done(meter.result)
      break
    }
    const req = new zmq.Request()
    req.connect(endpoint)
    const trips: Array<number> = []
    for (let i = 0; i < total; i++) {
      if (i === warmUp) meter.begin()
      const begun = performance.now()
      await req.send(all[i % all.length] ?? "")
      const [frame] = await req.receive()
      if (i >= warmUp) trips.push((performance.now() - begun) * 1000)
      if (frame !== undefined) meter.add(frame)
    }
    done({ ...meter.result, trips })
    break
  }
  case "router": {
    const router = new zmq.Router({ backlog: 4096 }) // all of a crowd come at once
    await router.bind(bind)
    const each = grown(subscribers)
    ready(router.lastEndpoint ?? "")
    onReleased(() => {
      done({ ...meter.result, each: each() })
      process.exit()
    })
    for await (const [from, body] of router) {
      if (from === undefined || body === undefined) continue
      meter.add(body)
      await router.send([from, body])
    }
    break
  }
  case "crowd": {
    zmq.context.maxSockets = subscribers + 10
    const begun = performance.now()
    const dealers = Array.from({ length: subscribers }, () => {
      const dealer = new zmq.Dealer()
      dealer.connect(endpoint)
      return dealer
    })
    const echo = async (i: number) => {
      const at = i % all.length
      const dealer = dealers[i % subscribers]
      await dealer?.send(all[at] ?? "")
      const frame = (await dealer?.receive())?.[0]
      if (frame === undefined || lanes(frame) !== sums[at]) throw new Error(`connection ${i} got something else back`)
      meter.add(frame)
    }
    await Promise.all(dealers.map((_, i) => echo(i)))
    const setup = (performance.now() - begun) / 1000
    let next = 0
    const one = async (lane: number, lanesOf: number) => {
      for (let i = lane; next < count; i += lanesOf) {
        next += 1
        await echo(i % subscribers)
      }
    }
    meter.begin()
    const flight = Math.min(100, subscribers)
    await Promise.all(Array.from({ length: flight }, (_, lane) => one(lane, flight)))
    done({ ...meter.result, setup })
    break
  }
  case "topics": {
    const pub = new zmq.XPublisher({ verbosity: "allSubs", sendHighWaterMark: 0 })
    await pub.bind(bind)
    const each = grown(subscribers)
    ready(pub.lastEndpoint ?? "")
    for (let i = 0; i < subscribers; i++) await pub.receive()
    for (let i = 0; i < count; i++) {
      const body = Buffer.from(topic((i * 7919) % subscribers))
      await pub.send(body)
      meter.add(body)
    }
    meter.stop()
    await released()
    done({ ...meter.result, each: each() })
    process.exit()
    break
  }
  case "subscriber": {
    const sub = new Subscriptions({ receiveHighWaterMark: 0 })
    const begun = performance.now()
    sub.connect(endpoint)
    for (let i = 0; i < subscribers; i++) sub.subscribe(topic(i))
    let setup = 0
    for await (const [frame] of sub) {
      if (meter.messages === 0) setup = (performance.now() - begun) / 1000
      if (frame !== undefined) meter.add(frame)
      if (meter.messages === count) break
    }
    done({ ...meter.result, setup })
    break
  }
}

// Whoever has answered stays until the other side is through.
onReleased(() => process.exit())

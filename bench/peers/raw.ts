/** The addon as its own page shows it: `for await`, `await send`. */
import * as zmq from "zeromq"
import { done, Meter, ready, slowest, task, warmUp } from "./task.ts"

const { count, endpoint, form, role, size, subscribers = 1 } = task()

switch (role) {
  case "pull": {
    const pull = new zmq.Pull()
    await pull.bind("tcp://127.0.0.1:*")
    ready(pull.lastEndpoint ?? "")
    const meter = new Meter()
    for await (const [frame] of pull) {
      if (frame !== undefined) meter.add(frame)
      if (meter.messages === count) break
    }
    done(meter.result)
    break
  }
  case "push": {
    const push = new zmq.Push(form === "flood" ? { sendHighWaterMark: 0 } : {})
    push.connect(endpoint)
    const body = new Uint8Array(size)
    if (form === "flood") {
      let last: Promise<void> | undefined
      for (let i = 0; i < count; i++) {
        try {
          last = push.send(body)
        } catch {
          // Every 512 sends the addon waits for a turn of the event loop, and is busy.
          await last
          last = push.send(body)
        }
      }
    } else for (let i = 0; i < count; i++) await push.send(body)
    break
  }
  case "pub": {
    const pub = new zmq.XPublisher({ verbosity: "allSubs", sendHighWaterMark: 0 })
    await pub.bind("tcp://127.0.0.1:*")
    ready(pub.lastEndpoint ?? "")
    for (let i = 0; i < subscribers; i++) await pub.receive()
    const body = new Uint8Array(size)
    for (let i = 0; i < count; i++) await pub.send(body)
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
    await rep.bind("tcp://127.0.0.1:*")
    ready(rep.lastEndpoint ?? "")
    for (let i = 0; i < warmUp + count; i++) {
      const [frame] = await rep.receive()
      await rep.send(frame ?? "")
    }
    break
  }
  case "req": {
    if (form === "flight") {
      const dealer = new zmq.Dealer()
      dealer.connect(endpoint)
      const body = new Uint8Array(size)
      for (let i = 0; i < 100; i++) await dealer.send(["", body])
      const total = warmUp + count
      let start = 0
      for (let received = 0; received < total; ) {
        await dealer.receive()
        received++
        if (received === warmUp) start = performance.now()
        if (received + 99 < total) await dealer.send(["", body])
      }
      done({ seconds: (performance.now() - start) / 1000, messages: count, bytes: count * size })
      break
    }
    const req = new zmq.Request()
    req.connect(endpoint)
    const body = new Uint8Array(size)
    const trips: Array<number> = []
    let start = 0
    for (let i = 0; i < warmUp + count; i++) {
      if (i === warmUp) start = performance.now()
      const sent = performance.now()
      await req.send(body)
      await req.receive()
      if (i >= warmUp) trips.push((performance.now() - sent) * 1000)
    }
    done({ seconds: (performance.now() - start) / 1000, messages: count, bytes: count * size, trips })
    break
  }
}

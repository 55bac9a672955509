/** The addon as its own page shows it: `for await`, `await send`. */
import * as zmq from "zeromq"
import { done, Meter, ready, task, warmUp } from "./task.ts"

const { count, endpoint, role, size } = task()

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
    const push = new zmq.Push()
    push.connect(endpoint)
    const body = new Uint8Array(size)
    for (let i = 0; i < count; i++) await push.send(body)
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

/**
 * The same by `node:net` alone, as fast as it goes: bodies of a known size one after another, without frames, queues,
 * types, or anybody to take them. No messaging in TypeScript can be faster than that, and this is the limit to be seen.
 */
import * as net from "node:net"
import { bodies, lanes } from "./checksum.ts"
import { done, Meter, onReleased, ready, released, slowest, task, ticking, warmUp } from "./task.ts"

const { count, endpoint, form, role, size, subscribers = 1, timer = false } = task()

const all = bodies(size)
const sums = all.map(lanes)
const meter = new Meter()

const listen = (accept: (socket: net.Socket) => void) => {
  const server = net.createServer({ noDelay: true }, accept)
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    if (address !== null && typeof address === "object") ready(`tcp://127.0.0.1:${address.port}`)
  })
}

const dial = (): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port: Number(new URL(endpoint).port), noDelay: true })
    socket.once("connect", () => resolve(socket)).once("error", reject)
  })

/** All bodies one after another, many times over where they are small: what one write gets. */
const slab = Buffer.concat(
  Array.from({ length: Math.max(1, Math.floor(65_536 / (size * all.length))) }, () => all).flat()
)
const inSlab = slab.length / size

const drained = (socket: net.Socket) => new Promise<void>((resolve) => socket.once("drain", resolve))

const sendAll = async (sockets: ReadonlyArray<net.Socket>) => {
  for (let sent = 0; sent < count; sent += inSlab) {
    const messages = Math.min(inSlab, count - sent)
    const bytes = messages === inSlab ? slab : slab.subarray(0, messages * size)
    const full = sockets.filter((socket) => !socket.write(bytes))
    for (let i = 0; i < messages; i++) meter.count(size, sums[i % all.length] ?? 0)
    if (full.length > 0) await Promise.all(full.map(drained))
  }
  meter.stop()
}

/** Calls back with each whole body; what is written meanwhile goes out in one. */
const split = (socket: net.Socket, each: (body: Uint8Array) => void) => {
  let parts: Array<Buffer> = []
  let missing = 0
  const bodiesOf = (chunk: Buffer) => {
    let at = 0
    if (missing > 0) {
      at = Math.min(missing, chunk.length)
      parts.push(chunk.subarray(0, at))
      missing -= at
      if (missing > 0) return
      const whole = Buffer.concat(parts)
      parts = []
      each(whole)
    }
    for (; at + size <= chunk.length; at += size) each(chunk.subarray(at, at + size))
    if (at < chunk.length) {
      parts.push(chunk.subarray(at))
      missing = size - (chunk.length - at)
    }
  }
  socket.on("data", (chunk: Buffer) => {
    socket.cork()
    bodiesOf(chunk)
    socket.uncork()
  })
}

switch (role) {
  case "pull": {
    let ticks: ReturnType<typeof ticking> | undefined
    listen((socket) => {
      split(socket, (body) => {
        if (timer && ticks === undefined) ticks = ticking()
        meter.add(body)
        if (meter.messages === count) done({ ...meter.result, ...(ticks === undefined ? {} : { ticks: ticks() }) })
      })
    })
    break
  }
  case "push": {
    const socket = await dial()
    const ticks = timer ? ticking() : undefined
    if (form === "turn") {
      for (let i = 0; i < count; i++) {
        const room = socket.write(all[i % all.length] ?? "")
        meter.count(size, sums[i % all.length] ?? 0)
        await (room ? new Promise((resolve) => setImmediate(resolve)) : drained(socket))
      }
      meter.stop()
    } else await sendAll([socket])
    const late = ticks === undefined ? {} : { ticks: ticks() }
    await released()
    done({ ...meter.result, ...late })
    break
  }
  case "pub": {
    const sockets: Array<net.Socket> = []
    listen((socket) => {
      sockets.push(socket)
      if (sockets.length < subscribers) return
      sendAll(sockets)
        .then(released)
        .then(() => done(meter.result))
    })
    break
  }
  case "sub": {
    const one = async () => {
      const socket = await dial()
      const meter = new Meter()
      await new Promise<void>((resolve) => {
        meter.onEnd(count, resolve)
        split(socket, (body) => meter.add(body))
      })
      return meter.result
    }
    done(slowest(await Promise.all(Array.from({ length: subscribers }, one))))
    break
  }
  case "rep": {
    listen((socket) => {
      split(socket, (body) => {
        meter.add(body)
        socket.write(body)
        if (meter.messages === warmUp + count) meter.stop()
      })
    })
    onReleased(() => done(meter.result))
    break
  }
  case "req": {
    const socket = await dial()
    const total = warmUp + count
    const trips: Array<number> = []
    let begun = 0
    let sent = 0
    const ask = () => {
      begun = performance.now()
      socket.write(all[sent % all.length] ?? "")
      sent += 1
    }
    split(socket, (body) => {
      if (form === "each" && meter.messages >= warmUp) trips.push((performance.now() - begun) * 1000)
      meter.add(body)
      if (meter.messages === warmUp) meter.begin()
      if (meter.messages === total) done({ ...meter.result, ...(form === "each" ? { trips } : {}) })
      else if (sent < total) ask()
    })
    for (let i = 0; i < (form === "flight" ? 100 : 1); i++) ask()
    break
  }
}

onReleased(() => setImmediate(() => process.exit()))

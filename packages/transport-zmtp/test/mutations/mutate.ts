/** Valid handshakes and traffic, with mistakes in them. */
import {
  concat,
  encodeCommand,
  encodeError,
  encodeHello,
  encodePing,
  encodeProperties
} from "../../src/internal/protocol/command.ts"
import { COMMAND, encodeFrame, MORE } from "../../src/internal/protocol/frame.ts"
import { encodeGreeting } from "../../src/internal/protocol/greeting.ts"
import { ownProperties } from "../../src/internal/protocol/handshake.ts"
import { type Chance, chance } from "../protocol/random.ts"

/** Sockets that are bound, and are connected to by who makes mistakes. */
export const bound = ["router", "rep", "xpub", "plainRouter", "plainPull"] as const
/** Sockets that connect to who makes mistakes. */
export const connecting = ["dealer", "plainDealer"] as const

export type Target = (typeof bound)[number] | (typeof connecting)[number]

/** Which mutation it is that of a seed: at whom, what, and whether in the end the connection is reset. */
export interface Mutation {
  readonly target: Target
  readonly bytes: Uint8Array
  readonly isReset: boolean
  readonly random: Chance
}

/**
 * Seeds of mutations that have once crashed a socket, held it up, or left something behind: they come first in both tiers.
 * One that is found is put here with the fault that it was. So far there was none.
 */
export const regressions: ReadonlyArray<number> = []

export const mutationOf = (seed: number): Mutation => {
  const random = chance(seed)
  const { bytes, int, pick } = random
  const target = int(10) < 2 ? pick(connecting) : pick(bound)
  // Some know nothing of ZeroMQ.
  if (int(40) === 0) return { target, bytes: stranger(random), isReset: int(6) === 0, random }
  const given = valid(target, random)
  // And some make no mistake but to end where they do.
  const mutated = int(20) === 0 ? given.subarray(0, int(given.length)) : mutate(given, { bytes, int, pick })
  return { target, bytes: mutated, isReset: int(6) === 0, random }
}

/** Who each of them is connected with. */
const types = {
  router: "DEALER",
  rep: "REQ",
  xpub: "SUB",
  plainRouter: "DEALER",
  plainPull: "PUSH",
  dealer: "ROUTER",
  plainDealer: "ROUTER"
} as const

const stranger = ({ bytes, int }: Chance): Uint8Array =>
  int(2) === 0 ? bytes(int(2000)) : new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

/** A handshake and traffic, as a good peer sends it. */
const valid = (target: Target, random: Chance): Uint8Array => {
  const { bytes, int } = random
  const isPlain = target.startsWith("plain")
  const isServer = target === "plainDealer"
  const greeting = encodeGreeting(isPlain ? "PLAIN" : "NULL", isServer, 0)
  if (int(5) === 0) greeting[11] = 0 // ZMTP 3.0
  const type = types[target]
  const properties = ownProperties(type, bytes(1 + int(20)))
  if (int(4) === 0) properties.push(["X-Name", bytes(int(300))])
  const ready = (name: string) => encodeCommand(name, encodeProperties(properties))
  const said = () => {
    if (int(30) === 0) return [encodeError("400")]
    if (isPlain && !isServer) return [encodeHello("name", int(9) === 0 ? "wrong" : "password"), ready("INITIATE")]
    return isServer ? [encodeCommand("WELCOME"), ready("READY")] : [ready("READY")]
  }
  return concat([
    greeting,
    ...said().map((body) => encodeFrame(COMMAND, body)),
    ...Array.from({ length: int(20) }, () => traffic(target, random))
  ])
}

const traffic = (target: Target, random: Chance): Uint8Array => {
  const { bytes, int } = random
  if (int(4) === 0) {
    const commands = [
      () => encodePing(int(1000), bytes(int(20))),
      () => encodeCommand("PONG", bytes(int(20))),
      () => encodeCommand("UNKNOWN", bytes(int(300))),
      () => (int(10) === 0 ? encodeError("500") : encodePing(0))
    ]
    return encodeFrame(COMMAND, random.pick(commands)())
  }
  if (target === "xpub" && int(5) > 0) {
    const isNew = int(2) === 0
    if (int(2) === 0) return encodeFrame(0, concat([Uint8Array.of(isNew ? 1 : 0), bytes(int(10))]))
    return encodeFrame(COMMAND, encodeCommand(isNew ? "SUBSCRIBE" : "CANCEL", bytes(int(10))))
  }
  const length = [int(4), int(300), int(2000), int(60) === 0 ? 20_000 + int(80_000) : int(600)]
  const frames = Array.from({ length: int(3) }, () => encodeFrame(MORE, bytes(random.pick(length))))
  return concat([...frames, encodeFrame(0, bytes(random.pick(length)))])
}

/** A mistake, or several. */
const mutate = (given: Uint8Array, { bytes, int }: Chance): Uint8Array => {
  let out = given
  for (let i = int(3); i >= 0; i--) {
    // Behind the greeting more often than in it.
    const at = int(6) === 0 ? int(out.length + 1) : Math.min(out.length, 64 + int(Math.max(1, out.length - 64)))
    switch (int(6)) {
      case 0:
        out = Uint8Array.from(out)
        if (at < out.length) out[at] = int(256)
        break
      case 1:
        out = out.slice(0, at)
        break
      case 2:
        out = concat([out.slice(0, at), bytes(1 + int(12)), out.slice(at)])
        break
      case 3:
        out = concat([out.slice(0, at), out.slice(at + 1 + int(12))])
        break
      case 4:
        out = concat([out.slice(0, at), out.slice(Math.max(0, at - int(100)), at), out.slice(at)])
        break
      case 5:
        out = Uint8Array.from(out)
        if (at < out.length) out[at] = (out[at] as number) ^ (1 << int(8)) // below the length
        break
    }
  }
  return out
}

import type { SocketType } from "@effect-zmq/core/SocketType"
import { assert, describe, it } from "vitest"
import { concat, decodeCommand, encodeCommand } from "../../src/internal/protocol/command.ts"
import { COMMAND, encodeFrame } from "../../src/internal/protocol/frame.ts"
import { encodeGreeting } from "../../src/internal/protocol/greeting.ts"
import { Handshake, ownProperties, type Step } from "../../src/internal/protocol/handshake.ts"
import { type Mechanism, nullMechanism, plainClient, plainServer } from "../../src/internal/protocol/mechanism.ts"
import { chance } from "./random.ts"

const text = (value: string) => new TextEncoder().encode(value)

interface Side {
  readonly handshake: Handshake
  /** What it has written, and the other has not read. */
  written: Array<Uint8Array>
  outcome: Step | undefined
  asked: Step | undefined
}

const side = (type: SocketType, mechanism: Mechanism, routingId?: Uint8Array, limit = 16_384): Side => ({
  handshake: new Handshake(type, routingId, mechanism, limit),
  written: [],
  outcome: undefined,
  asked: undefined
})

const follow = (side: Side, steps: ReadonlyArray<Step>): void => {
  for (const step of steps) {
    if (step._tag === "Send") side.written.push(step.bytes)
    else if (step._tag === "Ask") side.asked = step
    else side.outcome = step
  }
}

/** Has two sides talk until neither has more to say; `cut` is the size of the pieces, `status` what is judged. */
const talk = (one: Side, other: Side, cut: () => number, status = 200): void => {
  follow(one, one.handshake.start())
  follow(other, other.handshake.start())
  while (one.written.length + other.written.length > 0 || one.asked !== undefined || other.asked !== undefined) {
    for (const [from, to] of [
      [one, other],
      [other, one]
    ] as const) {
      const bytes = concat(from.written)
      from.written = []
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + cut())
        follow(to, to.handshake.receive(bytes.slice(at, end)))
        at = end
      }
      if (to.asked !== undefined) {
        to.asked = undefined
        follow(to, to.handshake.answer(status, "denied"))
      }
    }
  }
}

const own = (type: SocketType, id?: Uint8Array) => ownProperties(type, id)
const nullOf = (type: SocketType, id?: Uint8Array) => side(type, nullMechanism(own(type, id), false, true), id)

describe("handshake", () => {
  it("succeeds on both sides, wherever the bytes are cut, with any mechanism", () => {
    for (let seed = 0; seed < 200; seed++) {
      const { bytes, int } = chance(seed)
      const id = bytes(1 + int(255))
      const sides = [
        () => [nullOf("DEALER", id), nullOf("ROUTER")],
        () => [
          side("DEALER", nullMechanism(own("DEALER", id), false, false), id),
          side("ROUTER", nullMechanism(own("ROUTER"), true, true))
        ],
        () => [
          side("DEALER", nullMechanism(own("DEALER", id), true, false), id),
          side("ROUTER", nullMechanism(own("ROUTER"), true, true))
        ],
        () => [
          side("DEALER", plainClient(own("DEALER", id), "alice", "secret"), id),
          side("ROUTER", plainServer(own("ROUTER"), int(2) === 0))
        ]
      ][seed % 4]?.()
      const [dealer, router] = sides as [Side, Side]
      talk(dealer, router, () => 1 + int(30))
      assert.strictEqual(dealer.outcome?._tag, "Done", `seed ${seed}`)
      assert.strictEqual(router.outcome?._tag, "Done", `seed ${seed}`)
      if (router.outcome?._tag === "Done") {
        assert.deepStrictEqual(router.outcome.peer.routingId, id)
        assert.strictEqual(router.outcome.peer.type, "DEALER")
      }
    }
  })

  it("tells both sides of a denial", () => {
    const pairs = [
      [side("PUSH", plainClient(own("PUSH"), "a", "b")), side("PULL", plainServer(own("PULL"), false))],
      [side("PUSH", nullMechanism(own("PUSH"), false, false)), side("PULL", nullMechanism(own("PULL"), true, true))]
    ] as const
    for (const [client, server] of pairs) {
      talk(client, server, () => 1000, 400)
      for (const { outcome } of [client, server])
        assert.deepInclude(outcome, { _tag: "Failed", problem: "authentication" })
    }
  })

  it("understands the ERROR that libzmq misspells", () => {
    const body = Uint8Array.from(Buffer.from("5e52524f5203343030", "hex"))
    assert.strictEqual(decodeCommand(body)?.name, "ERROR")
    const client = plainClient(own("PUSH"), "a", "b")
    assert.include(client.receive(body).failed?.detail, "400")
  })

  it("refuses types and mechanisms that do not fit, on both sides", () => {
    const misfits = [
      [nullOf("PUSH"), nullOf("SUB")],
      [nullOf("PUSH"), side("PULL", plainServer(own("PULL"), false))],
      [side("PUSH", plainClient(own("PUSH"), "a", "b")), side("PULL", plainClient(own("PULL"), "c", "d"))]
    ] as const
    for (const [one, other] of misfits) {
      talk(one, other, () => 1000)
      for (const { outcome } of [one, other]) assert.deepInclude(outcome, { _tag: "Failed", problem: "protocol" })
    }
  })

  it("gives what comes behind it, and knows the minor version", () => {
    const push = nullOf("PUSH")
    push.handshake.start()
    const greeting = encodeGreeting("NULL", false, 0)
    greeting[11] = 0
    const ready = encodeFrame(
      COMMAND,
      encodeCommand("READY", Uint8Array.of(11), text("sockeT-typE"), Uint8Array.of(0, 0, 0, 4), text("PULL"))
    )
    follow(push, push.handshake.receive(concat([greeting, ready, Uint8Array.of(0, 1, 65)])))
    const { outcome } = push
    if (outcome?._tag !== "Done") return assert.fail(JSON.stringify(outcome))
    assert.deepStrictEqual(Array.from(outcome.rest), [0, 1, 65])
    assert.strictEqual(outcome.peer.minor, 0)
  })

  it("refuses strangers by their first bytes, old versions, and handshakes without end", () => {
    const strangers = [
      text("GET / HTTP/1.1\r\n"),
      Uint8Array.of(1, 0),
      Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7e),
      Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1),
      concat([encodeGreeting("NULL", false, 0), encodeFrame(0, text("a message"))]),
      concat([encodeGreeting("NULL", false, 0), Uint8Array.of(6, 0, 0, 0, 0, 0, 1, 0, 0)]),
      concat([encodeGreeting("NULL", false, 0), encodeFrame(COMMAND, Uint8Array.of(5, 82))]),
      concat([encodeGreeting("NULL", false, 0), encodeFrame(COMMAND, encodeCommand("READY", Uint8Array.of(3, 1, 2)))])
    ]
    for (const bytes of strangers) {
      const push = nullOf("PUSH")
      push.handshake.start()
      follow(push, push.handshake.receive(bytes))
      assert.deepInclude(push.outcome, { _tag: "Failed", problem: "protocol" }, Buffer.from(bytes).toString("hex"))
    }
  })
})

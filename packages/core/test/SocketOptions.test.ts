import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as RoutingId from "../src/RoutingId.ts"
import * as SocketOptions from "../src/SocketOptions.ts"

type All = SocketOptions.DuplexOptions & SocketOptions.Particular

const resolve = (options: All, ipv6 = false): SocketOptions.Resolved =>
  Result.getOrThrowWith(SocketOptions.resolve(options, ipv6), (problem) => problem)

/** What only untyped code can pass. */
const refuse = (options: Record<string, unknown>) => {
  const result = SocketOptions.resolve(options as All, false)
  if (Result.isSuccess(result)) throw new Error(`was accepted as ${JSON.stringify(result.success)}`)
  return result.failure
}

const millis = Duration.millis
const infinite = Number.POSITIVE_INFINITY
const standard = { send: 1000, receive: 1000, sendBytes: 2 ** 26, receiveBytes: 2 ** 26, isInBytes: false }

describe("SocketOptions.resolve", () => {
  it("fills in every default", () => {
    assert.deepStrictEqual(resolve({}), {
      name: undefined,
      highWaterMark: standard,
      linger: millis(1000),
      immediate: false,
      reconnect: { initial: millis(100), maximum: millis(5000) },
      connectTimeout: undefined,
      handshakeInterval: millis(30_000),
      heartbeat: { interval: millis(2000), timeout: millis(6000), timeToLive: undefined, tcpOnly: true },
      maxMessageSize: infinite,
      backlog: 100,
      tcpKeepalive: undefined,
      ipv6: false,
      typeOfService: 0,
      packetPriority: 0,
      retransmitTimeout: undefined,
      systemBuffer: { send: undefined, receive: undefined },
      batchSize: { send: undefined, receive: undefined },
      device: undefined,
      socks: undefined,
      ipcPeers: undefined,
      metadata: [],
      security: undefined,
      conflate: false,
      invertMatching: false,
      noDrop: false,
      correlate: false,
      subscribe: [],
      routingId: undefined,
      onFull: "suspend",
      handover: false,
      probeRouter: false,
      verbosity: "unique",
      manual: false,
      lastValue: false,
      welcomeMessage: undefined,
      verboseUnsubscribe: false
    })
  })

  it("takes undefined for what is not given", () => {
    const options: All = {
      highWaterMark: undefined,
      linger: undefined,
      reconnect: { initial: undefined, maximum: undefined },
      heartbeat: undefined,
      tcpKeepalive: undefined,
      subscribe: undefined
    }
    assert.deepStrictEqual(resolve(options), resolve({}))
  })

  const subscribe = [Uint8Array.of(1)]
  const id = (...bytes: ReadonlyArray<number>) => RoutingId.make(Uint8Array.from(bytes))
  const good: ReadonlyArray<readonly [title: string, options: All, resolved: Partial<SocketOptions.Resolved>]> = [
    ["highWaterMark", { highWaterMark: { send: 1 } }, { highWaterMark: { ...standard, send: 1 } }],
    ["highWaterMark", { highWaterMark: { receive: 7 } }, { highWaterMark: { ...standard, receive: 7 } }],
    [
      "highWaterMark, with 64 KiB for each message",
      { highWaterMark: { send: 2000, receive: 1024 } },
      { highWaterMark: { ...standard, send: 2000, receive: 1024, sendBytes: 2000 * 2 ** 16 } }
    ],
    [
      "highWaterMark in bytes",
      { highWaterMark: { sendBytes: 1, receiveBytes: 2 ** 53 - 1 } },
      { highWaterMark: { ...standard, sendBytes: 1, receiveBytes: 2 ** 53 - 1, isInBytes: true } }
    ],
    [
      "highWaterMark in bytes, unlimited",
      { highWaterMark: { sendBytes: "unlimited" } },
      { highWaterMark: { ...standard, sendBytes: infinite } }
    ],
    [
      "highWaterMark, unlimited but for bytes",
      { highWaterMark: { send: "unlimited", sendBytes: 5 } },
      { highWaterMark: { ...standard, send: infinite, sendBytes: 5, isInBytes: true } }
    ],
    [
      "highWaterMark, unlimited",
      { highWaterMark: { send: "unlimited", receive: "unlimited" } },
      {
        highWaterMark: {
          send: infinite,
          receive: infinite,
          sendBytes: infinite,
          receiveBytes: infinite,
          isInBytes: false
        }
      }
    ],
    ["linger", { linger: "2 seconds" }, { linger: millis(2000) }],
    ["linger 0", { linger: 0 }, { linger: Duration.zero }],
    ["linger, for ever", { linger: Duration.infinity }, { linger: Duration.infinity }],
    ["linger, for ever as text", { linger: "Infinity" }, { linger: Duration.infinity }],
    ["linger, for ever as a number", { linger: infinite }, { linger: Duration.infinity }],
    ["immediate", { immediate: true }, { immediate: true }],
    ["reconnect: never", { reconnect: false }, { reconnect: undefined }],
    [
      "reconnect",
      { reconnect: { initial: 10, maximum: "1 second" } },
      { reconnect: { initial: millis(10), maximum: millis(1000) } }
    ],
    [
      "reconnect, initial alone",
      { reconnect: { initial: 10 } },
      { reconnect: { initial: millis(10), maximum: millis(5000) } }
    ],
    [
      "reconnect, initial above the default maximum",
      { reconnect: { initial: "9 seconds" } },
      {
        reconnect: { initial: millis(9000), maximum: millis(9000) }
      }
    ],
    ["connectTimeout", { connectTimeout: "3 seconds" }, { connectTimeout: millis(3000) }],
    ["handshakeInterval", { handshakeInterval: 5 }, { handshakeInterval: millis(5) }],
    [
      "heartbeat, whose timeout is its interval",
      { heartbeat: { interval: 500 } },
      {
        heartbeat: { interval: millis(500), timeout: millis(500), timeToLive: undefined, tcpOnly: false }
      }
    ],
    [
      "heartbeat",
      { heartbeat: { interval: "2 seconds", timeout: "6 seconds", timeToLive: "6553.5 seconds" } },
      {
        heartbeat: { interval: millis(2000), timeout: millis(6000), timeToLive: millis(6_553_500), tcpOnly: false }
      }
    ],
    ["maxMessageSize", { maxMessageSize: 1 }, { maxMessageSize: 1 }],
    ["maxMessageSize, the largest", { maxMessageSize: 2 ** 53 - 1 }, { maxMessageSize: 2 ** 53 - 1 }],
    ["backlog", { backlog: 1 }, { backlog: 1 }],
    [
      "tcpKeepalive, on",
      { tcpKeepalive: true },
      { tcpKeepalive: { idle: undefined, interval: undefined, count: undefined } }
    ],
    ["tcpKeepalive, off", { tcpKeepalive: false }, { tcpKeepalive: false }],
    [
      "tcpKeepalive, in whole seconds, rounded up",
      { tcpKeepalive: { idle: "1500 millis", interval: 1, count: 3 } },
      {
        tcpKeepalive: { idle: millis(2000), interval: millis(1000), count: 3 }
      }
    ],
    ["ipv6", { ipv6: true }, { ipv6: true }],
    ["typeOfService", { typeOfService: 255 }, { typeOfService: 255 }],
    ["packetPriority", { packetPriority: 15 }, { packetPriority: 15 }],
    ["retransmitTimeout", { retransmitTimeout: "2 seconds" }, { retransmitTimeout: millis(2000) }],
    ["systemBuffer", { systemBuffer: { send: 1 } }, { systemBuffer: { send: 1, receive: undefined } }],
    ["batchSize", { batchSize: { receive: 4096 } }, { batchSize: { send: undefined, receive: 4096 } }],
    ["device", { device: "eth0" }, { device: "eth0" }],
    ["socks", { socks: { proxy: "a:1" } }, { socks: { proxy: "a:1", username: undefined, password: undefined } }],
    ["ipcPeers", { ipcPeers: { users: [0] } }, { ipcPeers: { users: [0], groups: [] } }],
    [
      "metadata",
      { metadata: { "X-Room": "blue", "X-a.b_c+d-1": Uint8Array.of(0) } },
      {
        metadata: [
          ["X-Room", new TextEncoder().encode("blue")],
          ["X-a.b_c+d-1", Uint8Array.of(0)]
        ]
      }
    ],
    ["lastValue", { lastValue: true, manual: true }, { lastValue: true, manual: true }],
    [
      "conflate, with which there is nothing to count",
      { conflate: true },
      { conflate: true, highWaterMark: { ...standard, sendBytes: infinite, receiveBytes: infinite } }
    ],
    ["invertMatching", { invertMatching: true }, { invertMatching: true }],
    ["noDrop", { noDrop: true }, { noDrop: true }],
    ["correlate", { correlate: true }, { correlate: true }],
    ["subscribe", { subscribe }, { subscribe }],
    ["routingId, as text", { routingId: "\u00e4" }, { routingId: id(0xc3, 0xa4) }],
    ["routingId, with zero bytes", { routingId: Uint8Array.of(0, 1, 0) }, { routingId: id(0, 1, 0) }],
    ["routingId, the longest", { routingId: new Uint8Array(255) }, { routingId: id(...new Uint8Array(255)) }],
    ["onFull", { onFull: "fail" }, { onFull: "fail" }],
    ["onFull, of which the socket makes what it does", { onFull: "drop" }, { onFull: "fail" }],
    ["handover", { handover: true }, { handover: true }],
    ["probeRouter", { probeRouter: true }, { probeRouter: true }],
    ["verbosity", { verbosity: "all" }, { verbosity: "all" }],
    ["manual", { manual: true }, { manual: true }],
    ["welcomeMessage, as text", { welcomeMessage: "hi" }, { welcomeMessage: Uint8Array.of(104, 105) }],
    ["welcomeMessage, without bytes", { welcomeMessage: "" }, { welcomeMessage: new Uint8Array(0) }],
    ["verboseUnsubscribe", { verboseUnsubscribe: true }, { verboseUnsubscribe: true }]
  ]
  for (const [title, options, resolved] of good) {
    it(`takes ${title}: ${JSON.stringify(Object.values(options)[0])}`, () => {
      assert.deepStrictEqual(resolve(options), { ...resolve({}), ...resolved })
    })
  }

  it("allows IPv6 where an endpoint has an IPv6 address, unless it is told otherwise", () => {
    assert.isTrue(resolve({}, true).ipv6)
    assert.isFalse(resolve({ ipv6: false }, true).ipv6)
  })

  it("rounds durations up to whole milliseconds, in every unit", () => {
    for (const linger of [0.001, 0.5, 1, "0.2 millis", "1 micro", 1n, 1_000_000n, [0, 1]] as const) {
      assert.deepStrictEqual(resolve({ linger }).linger, millis(1), String(linger))
    }
    const { heartbeat, reconnect } = resolve({
      reconnect: { initial: 99.1, maximum: 100.000001 },
      heartbeat: { interval: 1.5, timeout: "1.000001 seconds", timeToLive: 100.2 }
    })
    assert.deepStrictEqual(reconnect, { initial: millis(100), maximum: millis(101) })
    assert.deepStrictEqual(heartbeat, {
      interval: millis(2),
      timeout: millis(1001),
      timeToLive: millis(101),
      tcpOnly: false
    })
  })

  it.prop("gives whole milliseconds, never less than what was asked for", [Schema.Finite], ([number]) => {
    const asked = (Math.abs(number) % 2_000_000_000) + 0.001
    const linger = Duration.toMillis(resolve({ linger: asked }).linger)
    assert.isTrue(Number.isInteger(linger) && linger >= asked - 1e-6 && linger < asked + 1, `${asked} -> ${linger}`)
  })

  const flag = "it must be true or false"
  const count = (minimum: number, maximum: number) => `it must be a whole number from ${minimum} to ${maximum}`
  const bad: ReadonlyArray<
    readonly [options: Record<string, unknown>, option: string, value: string, problem: string]
  > = [
    [{ highWaterMark: { send: 0 } }, "highWaterMark.send", "0", '"unlimited"'],
    [{ highWaterMark: { send: -1 } }, "highWaterMark.send", "-1", count(1, 2 ** 31 - 1)],
    [{ highWaterMark: { send: 1.5 } }, "highWaterMark.send", "1.5", count(1, 2 ** 31 - 1)],
    [{ highWaterMark: { receive: Number.NaN } }, "highWaterMark.receive", "NaN", count(1, 2 ** 31 - 1)],
    [{ highWaterMark: { receive: 2 ** 31 } }, "highWaterMark.receive", "2147483648", count(1, 2 ** 31 - 1)],
    [{ highWaterMark: { receive: infinite } }, "highWaterMark.receive", "Infinity", '"unlimited"'],
    [{ highWaterMark: { receive: "10" } }, "highWaterMark.receive", '"10"', count(1, 2 ** 31 - 1)],
    [{ highWaterMark: { sendBytes: 0 } }, "highWaterMark.sendBytes", "0", '"unlimited"'],
    [{ highWaterMark: { receiveBytes: 1.5 } }, "highWaterMark.receiveBytes", "1.5", count(1, 2 ** 53 - 1)],
    [{ highWaterMark: { receiveBytes: "64 MB" } }, "highWaterMark.receiveBytes", '"64 MB"', count(1, 2 ** 53 - 1)],
    [{ linger: -1 }, "linger", "-1", "24 days, or Infinity"],
    [{ linger: -1n }, "linger", "-1n", "from 0 milliseconds"],
    [{ linger: "-Infinity" }, "linger", '"-Infinity"', "from 0 milliseconds"],
    [{ linger: Duration.negativeInfinity }, "linger", "-Infinity", "from 0 milliseconds"],
    [{ linger: "soon" }, "linger", '"soon"', "it must be a duration"],
    [{ linger: true }, "linger", "true", "it must be a duration"],
    [{ linger: null }, "linger", "null", "it must be a duration"],
    [{ linger: 2 ** 31 }, "linger", "2147483648", "24 days, or Infinity"],
    [{ linger: Duration.days(25) }, "linger", "25d", "24 days, or Infinity"],
    [{ linger: Number.NaN }, "linger", "NaN", "it must be a duration"],
    [{ immediate: "yes" }, "immediate", '"yes"', flag],
    [{ reconnect: true }, "reconnect", "true", "it must be false, or"],
    [{ reconnect: { initial: 0 } }, "reconnect.initial", "0", "from 1 milliseconds"],
    [{ reconnect: { initial: "Infinity" } }, "reconnect.initial", '"Infinity"', "from 1 milliseconds"],
    [{ reconnect: { maximum: -5 } }, "reconnect.maximum", "-5", "from 1 milliseconds"],
    [{ reconnect: { maximum: "often" } }, "reconnect.maximum", '"often"', "it must be a duration"],
    [{ reconnect: { initial: 200, maximum: 100 } }, "reconnect.maximum", "100", "reconnect.initial"],
    [{ connectTimeout: 0 }, "connectTimeout", "0", "from 1 milliseconds"],
    [{ connectTimeout: infinite }, "connectTimeout", "Infinity", "2147483647 milliseconds"],
    [{ handshakeInterval: 0 }, "handshakeInterval", "0", "from 1 milliseconds"],
    [{ handshakeInterval: [1] }, "handshakeInterval", "[1]", "it must be a duration"],
    [{ heartbeat: true }, "heartbeat", "true", "it must be false, or an object with an interval"],
    [{ heartbeat: {} }, "heartbeat.interval", "undefined", "it must be a duration"],
    [{ heartbeat: { interval: 0 } }, "heartbeat.interval", "0", "from 1 milliseconds"],
    [{ heartbeat: { interval: 1, timeout: 0 } }, "heartbeat.timeout", "0", "from 1 milliseconds"],
    [{ heartbeat: { interval: 1, timeToLive: 0 } }, "heartbeat.timeToLive", "0", "from 100 milliseconds to 6553500"],
    [
      { heartbeat: { interval: 1, timeToLive: 6_553_501 } },
      "heartbeat.timeToLive",
      "6553501",
      "to 6553500 milliseconds"
    ],
    [{ maxMessageSize: 0 }, "maxMessageSize", "0", count(1, 2 ** 53 - 1)],
    [{ maxMessageSize: -1 }, "maxMessageSize", "-1", count(1, 2 ** 53 - 1)],
    [{ maxMessageSize: 2 ** 53 }, "maxMessageSize", "9007199254740992", count(1, 2 ** 53 - 1)],
    [{ maxMessageSize: 1n }, "maxMessageSize", "1n", count(1, 2 ** 53 - 1)],
    [{ backlog: 0 }, "backlog", "0", count(1, 2 ** 31 - 1)],
    [{ backlog: 0.5 }, "backlog", "0.5", count(1, 2 ** 31 - 1)],
    [{ tcpKeepalive: "yes" }, "tcpKeepalive", '"yes"', "it must be true, false, or"],
    [{ tcpKeepalive: null }, "tcpKeepalive", "null", "it must be true, false, or"],
    [{ tcpKeepalive: { idle: 0 } }, "tcpKeepalive.idle", "0", "from 1 milliseconds"],
    [{ tcpKeepalive: { interval: "x" } }, "tcpKeepalive.interval", '"x"', "it must be a duration"],
    [{ tcpKeepalive: { count: 0 } }, "tcpKeepalive.count", "0", count(1, 2 ** 31 - 1)],
    [{ ipv6: 6 }, "ipv6", "6", flag],
    [{ typeOfService: -1 }, "typeOfService", "-1", count(0, 255)],
    [{ packetPriority: 16 }, "packetPriority", "16", count(0, 15)],
    [{ systemBuffer: { send: 0 } }, "systemBuffer.send", "0", count(1, 2 ** 31 - 1)],
    [{ batchSize: { receive: 1.5 } }, "batchSize.receive", "1.5", count(1, 2 ** 31 - 1)],
    [{ device: "" }, "device", '""', "it must be text, and not empty"],
    [{ socks: { proxy: "host" } }, "socks.proxy", '"host"', 'it must be "host:port"'],
    [{ ipcPeers: { users: [-1] } }, "ipcPeers.users", "[-1]", "it must be a list of the system's numbers"],
    [{ ipcPeers: {} }, "ipcPeers", "{}", "nobody could connect: give users or groups"],
    [{ metadata: ["X-Room"] }, "metadata", '["X-Room"]', "it must be an object of names"],
    [{ metadata: { Room: "blue" } }, "metadata.Room", '"Room"', "a name begins with X-"],
    [{ metadata: { "x-room": "blue" } }, "metadata.x-room", '"x-room"', "a name begins with X-"],
    [{ metadata: { "X-": "blue" } }, "metadata.X-", '"X-"', "a name begins with X-"],
    [{ metadata: { "X-a b": "blue" } }, "metadata.X-a b", '"X-a b"', "letters, digits"],
    [{ metadata: { "X-A": "1", "X-a": "2" } }, "metadata.X-a", '"X-a"', "it is there twice"],
    [{ metadata: { "X-Effect-ZMQ-a": "1" } }, "metadata.X-Effect-ZMQ-a", '"X-Effect-ZMQ-a"', "for the library itself"],
    [{ metadata: { "X-A": 7 } }, "metadata.X-A", "7", "it must be text or bytes"],
    [{ metadata: { "X-A": "" } }, "metadata.X-A", '""', "it must have a byte at least"],
    [{ metadata: { "X-A": new Uint8Array(8185) } }, "metadata", '"8193 bytes"', "8192 bytes at most"],
    [{ lastValue: true }, "lastValue", "true", "it goes with manual: true"],
    [{ typeOfService: 256 }, "typeOfService", "256", count(0, 255)],
    [{ conflate: 1 }, "conflate", "1", flag],
    [{ invertMatching: "no" }, "invertMatching", '"no"', flag],
    [{ noDrop: null }, "noDrop", "null", flag],
    [{ correlate: {} }, "correlate", "{}", flag],
    [{ routingId: "" }, "routingId", '""', "it must have 1 to 255 bytes"],
    [{ routingId: new Uint8Array(256) }, "routingId", `0x${"00".repeat(256)}`, "it must have 1 to 255 bytes"],
    [{ routingId: Uint8Array.of(0, 1, 2, 3, 4) }, "routingId", "0x0001020304", "5 bytes of which the first is 0"],
    [{ routingId: 7 }, "routingId", "7", "it must be text or bytes"],
    [{ onFull: "wait" }, "onFull", '"wait"', '"suspend", "drop", "fail"'],
    [{ onFull: null }, "onFull", "null", '"suspend", "drop", "fail"'],
    [{ handover: "yes" }, "handover", '"yes"', flag],
    [{ probeRouter: 1 }, "probeRouter", "1", flag],
    [{ verbosity: true }, "verbosity", "true", '"unique", "subscriptions", "all"'],
    [{ manual: "no" }, "manual", '"no"', flag],
    [{ welcomeMessage: ["a"] }, "welcomeMessage", '["a"]', "it must be text or bytes"],
    [{ verboseUnsubscribe: 0 }, "verboseUnsubscribe", "0", flag]
  ]
  for (const [options, option, value, problem] of bad) {
    it(`refuses ${option} ${value}: ${problem}`, () => {
      const wrong = refuse(options)
      assert.strictEqual(wrong.option, option)
      assert.strictEqual(wrong.value, value)
      assert.include(wrong.problem, problem)
      assert.include(wrong.message, `the option ${option} cannot be ${value}: ${wrong.problem}`)
    })
  }

  it("names the first of several wrong options", () => {
    assert.strictEqual(refuse({ typeOfService: -1, linger: -1 }).option, "linger")
  })
})

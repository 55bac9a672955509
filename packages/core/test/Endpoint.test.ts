import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Endpoint from "../src/Endpoint.ts"
import { InvalidEndpoint } from "../src/ZmqError.ts"

const { inproc, ipc, tcp } = Endpoint

const problemOf = (result: Result.Result<unknown, InvalidEndpoint>): InvalidEndpoint => {
  if (Result.isSuccess(result)) throw new Error(`was read as ${JSON.stringify(result.success)}`)
  assert.instanceOf(result.failure, InvalidEndpoint)
  return result.failure
}

const label = "a".repeat(63)
const longHost = `${label}.${label}.${label}.${label}`

/** What is refused: the text, the index of what is wrong, and a piece of what is said about it. */
const refused: ReadonlyArray<readonly [input: string, position: number, said: string]> = [
  // no scheme, or one that does not exist
  ["", 0, "empty"],
  [" ", 0, "no scheme"],
  ["tcp", 0, "no scheme"],
  ["tcp:", 0, "no scheme"],
  ["tcp:/127.0.0.1:5555", 0, "no scheme"],
  ["tcp//127.0.0.1:5555", 0, "no scheme"],
  ["://127.0.0.1:5555", 0, "no scheme"],
  ["127.0.0.1:5555", 0, "no scheme"],
  ["localhost:5555", 0, "no scheme"],
  [":5555", 0, "no scheme"],
  ["/tmp/feed", 0, "no scheme"],
  ["tpc://127.0.0.1:5555", 0, "did you mean tcp://"],
  ["TCP://127.0.0.1:5555", 0, "did you mean tcp://"],
  ["Tcp://127.0.0.1:5555", 0, "did you mean tcp://"],
  [" tcp://127.0.0.1:5555", 0, "unknown"],
  ["tcp4://127.0.0.1:5555", 0, "did you mean tcp://"],
  ["tcp ://127.0.0.1:5555", 0, "unknown"],
  ["http://127.0.0.1:5555", 0, '"http" is unknown'],
  ["https://example.com", 0, '"https" is unknown'],
  ["zmq://127.0.0.1:5555", 0, "did you mean tcp://"],
  ["unix:///tmp/feed", 0, "did you mean ipc://"],
  ["file:///tmp/feed", 0, "did you mean ipc://"],
  ["IPC:///tmp/feed", 0, "did you mean ipc://"],
  ["icp:///tmp/feed", 0, "did you mean ipc://"],
  ["in-proc://feed", 0, "did you mean inproc://"],
  ["inprocess://feed", 0, "did you mean inproc://"],
  ["\ntcp://127.0.0.1:5555", 0, "unknown"],
  // tcp: host
  ["tcp://", 6, "no host"],
  ["tcp://:", 6, "no host"],
  ["tcp://:5555", 6, "no host"],
  ["tcp:// :5555", 6, '" " in a host'],
  ["tcp:// 127.0.0.1:5555", 6, '" " in a host'],
  ["tcp://127.0.0.1 :5555", 15, '" " in a host'],
  ["tcp://my host:5555", 8, '" " in a host'],
  ["tcp:///127.0.0.1:5555", 6, '"/" in a host'],
  ["tcp://user@host:5555", 10, '"@" in a host'],
  ["tcp://host/path:5555", 10, '"/" in a host'],
  ["tcp://host\\share:5555", 10, "in a host"],
  ["tcp://ho$t:5555", 8, '"$" in a host'],
  ["tcp://**:5555", 6, '"*" in a host'],
  ["tcp://*.example.com:5555", 6, '"*" in a host'],
  ["tcp://host?:5555", 10, '"?" in a host'],
  ["tcp://host,other:5555", 10, '"," in a host'],
  ["tcp://bücher.example:5555", 7, "xn--"],
  ["tcp://例え.jp:5555", 6, "xn--"],
  ["tcp://-host:5555", 6, "begins with -"],
  ["tcp://a.-host:5555", 8, "begins with -"],
  ["tcp://a..b:5555", 8, "an empty part"],
  ["tcp://.example.com:5555", 6, "an empty part"],
  ["tcp://example.com..:5555", 18, "an empty part"],
  [`tcp://${label}a:5555`, 69, "more than 63"],
  [`tcp://a.${label}a:5555`, 71, "more than 63"],
  [`tcp://${longHost}:5555`, 259, "more than 253"],
  // tcp: IPv4
  ["tcp://127.0.0:5555", 6, "of 3 parts"],
  ["tcp://127.0.0.1.1:5555", 6, "of 5 parts"],
  ["tcp://1:5555", 6, "of 1 parts"],
  ["tcp://2130706433:5555", 6, "no part of an IPv4 address"],
  ["tcp://256.0.0.1:5555", 6, '"256"'],
  ["tcp://127.0.0.256:5555", 14, '"256"'],
  ["tcp://127.0.0.999:5555", 14, '"999"'],
  ["tcp://127.0.0.:5555", 14, '""'],
  ["tcp://127..0.1:5555", 10, '""'],
  ["tcp://.:5555", 6, '""'],
  ["tcp://127.0.0.01:5555", 14, '"01"'],
  ["tcp://0127.0.0.1:5555", 6, '"0127"'],
  ["tcp://1.2.3.4.:5555", 14, '""'],
  // tcp: IPv6
  ["tcp://::1:5555", 6, "an IPv6 address without brackets"],
  ["tcp://fe80::1:5555", 6, "an IPv6 address without brackets"],
  ["tcp://2001:db8::7", 6, "an IPv6 address without brackets"],
  ["tcp://[::1", 6, "not closed"],
  ["tcp://[", 6, "not closed"],
  ["tcp://[::1:5555", 6, "not closed"],
  ["tcp://[]:5555", 7, "an empty address in brackets"],
  ["tcp://[::1]", 11, "no port"],
  ["tcp://[::1]:", 12, "no port"],
  ["tcp://[::1]5555", 11, "after the bracket"],
  ["tcp://[::1] :5555", 11, "after the bracket"],
  ["tcp://[:::]:5555", 7, "is no IPv6 address"],
  ["tcp://[:1]:5555", 7, "is no IPv6 address"],
  ["tcp://[1::2::3]:5555", 7, "is no IPv6 address"],
  ["tcp://[12345::]:5555", 7, "is no IPv6 address"],
  ["tcp://[1:2:3:4:5:6:7]:5555", 7, "is no IPv6 address"],
  ["tcp://[1:2:3:4:5:6:7:8:9]:5555", 7, "is no IPv6 address"],
  ["tcp://[1:2:3:4::5:6:7:8]:5555", 7, "is no IPv6 address"],
  ["tcp://[::ffff:127.0.0.256]:5555", 7, "is no IPv6 address"],
  ["tcp://[::ffff:127.0.0]:5555", 7, "is no IPv6 address"],
  ["tcp://[127.0.0.1]:5555", 7, "is no IPv6 address"],
  ["tcp://[1.2.3.4::]:5555", 7, "is no IPv6 address"],
  ["tcp://[::g]:5555", 9, '"g" in an IPv6 address'],
  ["tcp://[localhost]:5555", 7, "in an IPv6 address"],
  ["tcp://[fe80::1%]:5555", 14, "no interface's name"],
  ["tcp://[fe80::1%eth 0]:5555", 14, "no interface's name"],
  ["tcp://[*]:5555", 7, "in an IPv6 address"],
  // tcp: port
  ["tcp://127.0.0.1", 15, "no port"],
  ["tcp://localhost", 15, "no port"],
  ["tcp://*", 7, "no port"],
  ["tcp://127.0.0.1:", 16, "no port"],
  ["tcp://127.0.0.1:99999", 16, "above 65535"],
  ["tcp://127.0.0.1:65536", 16, "above 65535"],
  ["tcp://127.0.0.1:100000000000000000000000", 16, "above 65535"],
  ["tcp://127.0.0.1:-1", 16, "is not a port"],
  ["tcp://127.0.0.1:+1", 16, "is not a port"],
  ["tcp://127.0.0.1:0x50", 17, "is not a port"],
  ["tcp://127.0.0.1:5e3", 17, "is not a port"],
  ["tcp://127.0.0.1:80.5", 18, "is not a port"],
  ["tcp://127.0.0.1:http", 16, "is not a port"],
  ["tcp://127.0.0.1: 5555", 16, "is not a port"],
  ["tcp://127.0.0.1:5555 ", 20, "is not a port"],
  ["tcp://127.0.0.1:5555/", 20, "is not a port"],
  ["tcp://127.0.0.1:5555\n", 20, "is not a port"],
  ["tcp://127.0.0.1:**", 16, "is not a port"],
  ["tcp://127.0.0.1:*5", 16, "is not a port"],
  ["tcp://127.0.0.1:!", 16, "is not a port"],
  ["tcp://127.0.0.1:٣", 16, "is not a port"],
  ["tcp://127.0.0.1:05555", 16, "begins with 0"],
  ["tcp://127.0.0.1:00", 16, "begins with 0"],
  ["tcp://127.0.0.1:*\0x", 17, "NUL"],
  ["tcp://127.0.0.1:5555:5556", 15, "more than one colon"],
  ["tcp://localhost:5555:5556", 15, "more than one colon"],
  ["tcp://eth0:1:5555", 10, "the alias of an interface"],
  // tcp: source
  ["tcp://;", 6, "no host"],
  ["tcp://;127.0.0.1:5555", 6, "no host"],
  ["tcp://127.0.0.1:5555;", 21, "no host"],
  ["tcp://127.0.0.1;127.0.0.2:5555", 15, "no port"],
  ["tcp://127.0.0.1:1;127.0.0.2", 27, "no port"],
  ["tcp://127.0.0.1:1;127.0.0.2:99999", 28, "above 65535"],
  ["tcp://127.0.0.1:99999;127.0.0.2:1", 16, "above 65535"],
  ["tcp://a:1;b:2;c:3", 13, '";" in a host'],
  ["tcp://user:secret@host:5555", 17, '"@" in a host'],
  ["tcp://😀:5555", 6, '"😀" in a host'],
  // ipc
  ["ipc://", 6, "no path"],
  ["ipc://@", 6, "an abstract name that is empty"],
  ["ipc:///tmp/", 10, "ends in /"],
  ["ipc:///", 6, "ends in /"],
  ["ipc://a\0b", 7, "NUL"],
  [`ipc:///${"x".repeat(107)}`, 6, "a path of 108 bytes"],
  [`ipc://@${"x".repeat(107)}`, 6, "a path of 108 bytes"],
  [`ipc://${"é".repeat(54)}`, 6, "a path of 108 bytes"],
  // inproc
  ["inproc://", 9, "no name"],
  ["inproc://a\0", 10, "NUL"],
  [`inproc://${"n".repeat(257)}`, 265, "more than 256"],
  // other schemes, which a transport may have
  ["udp://", 6, "nothing follows"],
  ["ws://", 5, "nothing follows"],
  ["epgm://", 7, "nothing follows"]
]

/** What is understood, and as what. */
const understood: ReadonlyArray<readonly [input: string, endpoint: Endpoint.Endpoint, printed?: string]> = [
  ["tcp://127.0.0.1:5555", tcp("127.0.0.1", 5555)],
  ["tcp://127.0.0.1:1", tcp("127.0.0.1", 1)],
  ["tcp://127.0.0.1:65535", tcp("127.0.0.1", 65535)],
  ["tcp://0.0.0.0:*", tcp("0.0.0.0", 0)],
  ["tcp://127.0.0.1:0", tcp("127.0.0.1", 0), "tcp://127.0.0.1:*"],
  ["tcp://*:*", tcp("*", 0)],
  ["tcp://*:5555", tcp("*", 5555)],
  ["tcp://localhost:5555", tcp("localhost", 5555)],
  ["tcp://LOCALHOST:5555", tcp("LOCALHOST", 5555)],
  ["tcp://eth0:5555", tcp("eth0", 5555)],
  ["tcp://lo:5555", tcp("lo", 5555)],
  ["tcp://br-5f3a:5555", tcp("br-5f3a", 5555)],
  ["tcp://vlan.100:5555", tcp("vlan.100", 5555)],
  ["tcp://my_service:5555", tcp("my_service", 5555)],
  ["tcp://_srv.my_app:5555", tcp("_srv.my_app", 5555)],
  ["tcp://3com.example:5555", tcp("3com.example", 5555)],
  ["tcp://0a1b2c3d4e5f:5555", tcp("0a1b2c3d4e5f", 5555)],
  ["tcp://db.example.com:5555", tcp("db.example.com", 5555)],
  ["tcp://db.example.com.:5555", tcp("db.example.com.", 5555)],
  ["tcp://xn--bcher-kva.example:5555", tcp("xn--bcher-kva.example", 5555)],
  [`tcp://${label}.example:5555`, tcp(`${label}.example`, 5555)],
  ["tcp://[::1]:5555", tcp("::1", 5555)],
  ["tcp://[::]:*", tcp("::", 0)],
  ["tcp://[2001:DB8::7]:5555", tcp("2001:DB8::7", 5555)],
  ["tcp://[1:2:3:4:5:6:7:8]:5555", tcp("1:2:3:4:5:6:7:8", 5555)],
  ["tcp://[1:2:3:4:5:6:7::]:5555", tcp("1:2:3:4:5:6:7::", 5555)],
  ["tcp://[::ffff:127.0.0.1]:5555", tcp("::ffff:127.0.0.1", 5555)],
  ["tcp://[fe80::1%eth0]:5555", tcp("fe80::1%eth0", 5555)],
  ["tcp://[fe80::1%2]:5555", tcp("fe80::1%2", 5555)],
  ["tcp://[fe80::1%br-5f3a.100]:5555", tcp("fe80::1%br-5f3a.100", 5555)],
  ["tcp://192.168.1.17:5555;192.168.1.1:5556", tcp("192.168.1.1", 5556, { host: "192.168.1.17", port: 5555 })],
  ["tcp://eth0:*;example.com:5556", tcp("example.com", 5556, { host: "eth0", port: 0 })],
  ["tcp://*:*;example.com:5556", tcp("example.com", 5556, { host: "*", port: 0 })],
  ["tcp://[::1]:1;[::2]:2", tcp("::2", 2, { host: "::1", port: 1 })],
  ["ipc:///tmp/feed", ipc("/tmp/feed")],
  ["ipc://feed", ipc("feed")],
  ["ipc://./feed.sock", ipc("./feed.sock")],
  ["ipc://../run/feed", ipc("../run/feed")],
  ["ipc:///tmp/a b/ü:5;x", ipc("/tmp/a b/ü:5;x")],
  ["ipc://C:\\temp\\feed", ipc("C:\\temp\\feed")],
  ["ipc://@feed", ipc("@feed")],
  ["ipc://*", ipc("*")],
  [`ipc://${"x".repeat(107)}`, ipc("x".repeat(107))],
  ["inproc://feed", inproc("feed")],
  ["inproc://a/b c://d", inproc("a/b c://d")],
  [`inproc://${"n".repeat(256)}`, inproc("n".repeat(256))],
  ["udp://239.0.0.1:5555", { _tag: "Other", scheme: "udp", address: "239.0.0.1:5555" }],
  ["ws://127.0.0.1:80/path", { _tag: "Other", scheme: "ws", address: "127.0.0.1:80/path" }],
  ["epgm://eth0;239.192.1.1:5555", { _tag: "Other", scheme: "epgm", address: "eth0;239.192.1.1:5555" }],
  ["vmci://*:*", { _tag: "Other", scheme: "vmci", address: "*:*" }]
]

// -----------------------------------------------------------------------------
// Generators
// -----------------------------------------------------------------------------

const oneOf = <const A extends ReadonlyArray<unknown>>(...all: A) =>
  Arbitrary.map(
    Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: all.length - 1 }))),
    (i) => all[i] as A[number]
  )

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const text = (alphabet: string, minimum: number, maximum: number) => {
  const letters = Array.from(alphabet)
  return Arbitrary.map(
    Arbitrary.array(int(0, letters.length - 1), { minLength: minimum, maxLength: maximum }),
    (indices) => indices.map((i) => letters[i]).join("")
  )
}

const choose = <A>(...all: ReadonlyArray<Arbitrary.Arbitrary<A>>): Arbitrary.Arbitrary<A> =>
  Arbitrary.flatMap(int(0, all.length - 1), (i) => all[i] as Arbitrary.Arbitrary<A>)

const ipv4 = Arbitrary.map(Arbitrary.array(int(0, 255), { minLength: 4, maxLength: 4 }), (parts) => parts.join("."))

const ipv6 = Arbitrary.map(
  Arbitrary.all([
    Arbitrary.array(int(0, 0xffff), { minLength: 8, maxLength: 8 }),
    int(0, 8),
    int(0, 8),
    oneOf("", "%eth0", "%7", "%br-1_x.2")
  ]),
  ([groups, from, to, zone]) => {
    const hex = groups.map((group) => group.toString(16))
    const address = from >= to ? hex.join(":") : `${hex.slice(0, from).join(":")}::${hex.slice(to).join(":")}`
    return address + zone
  }
)

const hostName = Arbitrary.map(
  Arbitrary.array(text("abcXYZ019_", 1, 12), { minLength: 1, maxLength: 4 }),
  (labels) => `h-${labels.join(".")}`
)

const host = choose(ipv4, ipv6, hostName, oneOf("*", "localhost", "eth0"))

const address = Arbitrary.all({ host, port: choose(int(1, 65535), oneOf(0, 1, 65535)) })

const path = text("abcXYZ019/._- üé例@*:;\\", 0, 40)

const endpoints: Arbitrary.Arbitrary<Endpoint.Endpoint> = choose<Endpoint.Endpoint>(
  Arbitrary.map(address, ({ host, port }) => tcp(host, port)),
  Arbitrary.map(Arbitrary.all([address, address]), ([{ host, port }, source]) => tcp(host, port, source)),
  Arbitrary.map(path, (path) => ipc(`${path}x`)),
  Arbitrary.map(path, (name) => inproc(`n${name}`)),
  Arbitrary.map(
    Arbitrary.all([oneOf("ws", "wss", "udp", "pgm", "epgm", "norm", "tipc", "vmci", "vsock"), path]),
    ([scheme, address]): Endpoint.Other => ({ _tag: "Other", scheme, address: `a${address}` })
  )
)

/** Good endpoints with one to four characters taken out, doubled, or replaced. */
const mutated = Arbitrary.map(
  Arbitrary.all([
    endpoints,
    Arbitrary.array(
      Arbitrary.all([
        int(0, 60),
        int(0, 2),
        oneOf(":", "/", ";", "[", "]", "%", "*", ".", "0", "9", "@", "\0", " ", "-", "é", "\ud800")
      ]),
      { minLength: 1, maxLength: 4 }
    )
  ]),
  ([endpoint, edits]) => {
    let input = Endpoint.format(endpoint)
    for (const [at, kind, letter] of edits) {
      const index = at % (input.length + 1)
      input = input.slice(0, index) + (kind === 0 ? "" : letter) + input.slice(kind === 2 ? index : index + 1)
    }
    return input
  }
)

const parsers = [Endpoint.parse, Endpoint.parseBind, Endpoint.parseConnect]

const checkAny = (input: string): void => {
  for (const parse of parsers) {
    const result = parse(input)
    if (Result.isSuccess(result)) {
      // What was understood is printed in a form that is understood as the same.
      assert.deepStrictEqual(parse(Endpoint.format(result.success)), result)
      continue
    }
    const { hint, message, position, problem } = result.failure
    assert.strictEqual(result.failure.input, input)
    assert.isTrue(
      Number.isInteger(position) && position >= 0 && position <= input.length,
      `${position} of ${JSON.stringify(input)}`
    )
    assert.isNotEmpty(problem)
    assert.isNotEmpty(hint)
    assert.include(message, problem)
  }
}

// -----------------------------------------------------------------------------

describe("Endpoint.parse", () => {
  it("is tried on at least 100 bad strings", () => {
    assert.isAtLeast(refused.length, 100)
    assert.strictEqual(new Set(refused.map(([input]) => input)).size, refused.length)
  })

  for (const [input, position, said] of refused) {
    it(`refuses ${JSON.stringify(input).slice(0, 60)} at ${position}: ${said}`, () => {
      for (const parse of parsers) {
        const problem = problemOf(parse(input))
        assert.strictEqual(problem.input, input)
        assert.include(`${problem.problem}; ${problem.hint}`, said)
        assert.strictEqual(problem.position, position)
        assert.include(problem.message, JSON.stringify(input))
        assert.include(problem.message, problem.hint)
      }
    })
  }

  for (const [input, endpoint, printed] of understood) {
    it(`understands ${input.slice(0, 60)}`, () => {
      assert.deepStrictEqual(Endpoint.parse(input), Result.succeed(endpoint))
      assert.strictEqual(Endpoint.format(endpoint), printed ?? input)
    })
  }

  it.prop(
    "is the inverse of format",
    [endpoints],
    ([endpoint]) => {
      assert.deepStrictEqual(Endpoint.parse(Endpoint.format(endpoint)), Result.succeed(endpoint))
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop(
    "never throws, and points into its input, whatever the input",
    [Schema.String],
    ([input]) => {
      checkAny(input)
      for (const scheme of ["tcp://", "ipc://", "inproc://", "udp://", "tcp://[", "tcp://a:1;"])
        checkAny(scheme + input)
      checkAny(`tcp://${input}:5555`)
      checkAny(`tcp://[${input}]:5555`)
      checkAny(`tcp://127.0.0.1:${input}`)
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "never throws, and points into its input, for good endpoints gone bad",
    [mutated],
    ([input]) => checkAny(input),
    {
      arbitrary: { runs: 5000 }
    }
  )
})

describe("Endpoint.parseBind", () => {
  it("reads wildcards", () => {
    for (const input of ["tcp://*:*", "tcp://127.0.0.1:*", "ipc://*", "inproc://feed", "udp://*:5555"]) {
      assert.isTrue(Result.isSuccess(Endpoint.parseBind(input)), input)
    }
  })

  it("refuses a source address", () => {
    const problem = problemOf(Endpoint.parseBind("tcp://127.0.0.1:1;127.0.0.2:5555"))
    assert.strictEqual(problem.position, 6)
    assert.include(problem.message, "a source address in what is to be bound")
    assert.include(problem.message, "write tcp://127.0.0.2:5555")
  })
})

describe("Endpoint.parseConnect", () => {
  it("reads a source address, also one left open", () => {
    for (const input of ["tcp://127.0.0.1:1;127.0.0.2:5555", "tcp://*:*;127.0.0.2:5555", "tcp://eth0:*;[::1]:5555"]) {
      assert.isTrue(Result.isSuccess(Endpoint.parseConnect(input)), input)
    }
  })

  const wildcards: ReadonlyArray<readonly [string, number, string]> = [
    ["tcp://*:5555", 6, "a wildcard cannot be connected to"],
    ["tcp://*:*", 6, "a wildcard cannot be connected to"],
    ["tcp://127.0.0.1:*", 16, "no port to connect to"],
    ["tcp://127.0.0.1:0", 16, "no port to connect to"],
    ["tcp://[::1]:*", 12, "no port to connect to"],
    ["tcp://127.0.0.1:1;*:5555", 18, "a wildcard cannot be connected to"],
    ["tcp://127.0.0.1:1;127.0.0.2:*", 28, "no port to connect to"],
    ["ipc://*", 6, "a wildcard cannot be connected to"]
  ]
  for (const [input, position, said] of wildcards) {
    it(`refuses ${input} at ${position}: ${said}`, () => {
      const problem = problemOf(Endpoint.parseConnect(input))
      assert.strictEqual(problem.position, position)
      assert.include(problem.message, said)
    })
  }
})

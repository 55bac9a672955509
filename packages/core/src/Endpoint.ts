/**
 * Endpoints: where a socket is bound, and what it connects to.
 *
 * | endpoint | reaches | in `bind` | in `connect` |
 * |---|---|---|---|
 * | `tcp://host:port` | other machines | `*` for every interface; port `*` for any free one | `source:port;host:port` fixes the own address |
 * | `ipc://path` | processes of this machine | `ipc://*` for a path that is made up | a path, or `@name` (Linux: no file) |
 * | `inproc://name` | sockets of this process | | |
 *
 * They are parsed here, and only here, before a transport sees them: native libraries take `tcp://127.0.0.1:99999` for
 * port 34463. What is wrong fails as `InvalidEndpoint`, which says what, where, and what to write.
 *
 * @see zmq_tcp(7), zmq_ipc(7), zmq_inproc(7)
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import { InvalidEndpoint } from "./ZmqError.ts"

/**
 * A TCP endpoint. `port` 0 is "any free one", printed as `*`; an IPv6 `host` stands here without its brackets.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tcp {
  readonly _tag: "Tcp"
  readonly host: string
  readonly port: number
  readonly source: { readonly host: string; readonly port: number } | undefined
}

/**
 * A Unix domain socket: a `path`, `@name` in Linux's abstract namespace, or `*` for a path that the transport makes up.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ipc {
  readonly _tag: "Ipc"
  readonly path: string
}

/**
 * A name within this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inproc {
  readonly _tag: "Inproc"
  readonly name: string
}

/**
 * An endpoint of a scheme that ZeroMQ knows, and that a transport may lack: it then fails `Unsupported`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Other {
  readonly _tag: "Other"
  readonly scheme: "ws" | "wss" | "udp" | "pgm" | "epgm" | "norm" | "tipc" | "vmci" | "vsock"
  readonly address: string
}

/**
 * Where a socket is bound, or what it connects to.
 *
 * @category models
 * @since 0.1.0
 */
export type Endpoint = Tcp | Ipc | Inproc | Other

/**
 * The text of an endpoint.
 *
 * @category models
 * @since 0.1.0
 */
export type Text =
  | `tcp://${string}:${string}`
  | `ipc://${string}`
  | `inproc://${string}`
  | `${Other["scheme"]}://${string}`

/**
 * An endpoint, or its text. Text that the compiler cannot read goes through `FromString` (a schema, for configurations)
 * or `parse`; `tcp://${host}:${port}` in a template is read.
 *
 * @category models
 * @since 0.1.0
 */
export type Input = Endpoint | Text

/**
 * Tells whether a value is an endpoint, rather than its text.
 *
 * @category guards
 * @since 0.1.0
 */
export const isEndpoint = (u: unknown): u is Endpoint =>
  Predicate.isTagged(u, "Tcp") ||
  Predicate.isTagged(u, "Ipc") ||
  Predicate.isTagged(u, "Inproc") ||
  Predicate.isTagged(u, "Other")

/**
 * @category constructors
 * @since 0.1.0
 */
export const tcp = (host: string, port: number, source?: Tcp["source"]): Tcp => ({ _tag: "Tcp", host, port, source })

/**
 * @category constructors
 * @since 0.1.0
 */
export const ipc = (path: string): Ipc => ({ _tag: "Ipc", path })

/**
 * @category constructors
 * @since 0.1.0
 */
export const inproc = (name: string): Inproc => ({ _tag: "Inproc", name })

/**
 * Reads an endpoint from text, or says what is wrong with it, where, and what to write.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parse = (input: string): Result.Result<Endpoint, InvalidEndpoint> => {
  const parsed = parseWith(input)
  return parsed instanceof Problem ? Result.fail(new InvalidEndpoint({ input, ...parsed })) : Result.succeed(parsed)
}

/**
 * Reads what can be bound: not a source address, which only a connection has.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parseBind = (input: string): Result.Result<Endpoint, InvalidEndpoint> =>
  refine(input, (endpoint) =>
    endpoint._tag === "Tcp" && endpoint.source !== undefined
      ? problem(6, "a source address in what is to be bound", `write tcp://${formatAddress(endpoint)}`)
      : undefined
  )

/**
 * Reads what can be connected to: no wildcard.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parseConnect = (input: string): Result.Result<Endpoint, InvalidEndpoint> =>
  refine(input, (endpoint) => {
    if (endpoint._tag === "Ipc" && endpoint.path === "*") {
      return problem(6, "a wildcard cannot be connected to", "write the path that the other side is bound to")
    }
    if (endpoint._tag !== "Tcp") return undefined
    const host = input.indexOf(";") === -1 ? 6 : input.indexOf(";") + 1
    if (endpoint.host === "*") {
      return problem(host, "a wildcard cannot be connected to", "write the host that the other side is bound to")
    }
    return endpoint.port === 0
      ? problem(input.lastIndexOf(":") + 1, "no port to connect to", "write the port that the other side is bound to")
      : undefined
  })

/**
 * The endpoint as text: the inverse of `parse`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const format = (self: Endpoint): Text => {
  switch (self._tag) {
    case "Tcp": {
      const source = self.source === undefined ? "" : `${formatAddress(self.source)};`
      return `tcp://${source}${formatAddress(self)}`
    }
    case "Ipc":
      return `ipc://${self.path}`
    case "Inproc":
      return `inproc://${self.name}`
    case "Other":
      return `${self.scheme}://${self.address}`
  }
}

/**
 * The text of an endpoint, as a schema: `Config.schema(Endpoint.FromString, "TASKS")` reads one from the environment.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FromString: Schema.Codec<Endpoint, string> = Schema.String.pipe(
  Schema.decodeTo(Schema.declare(isEndpoint, { expected: "an endpoint" }), {
    decode: SchemaGetter.transformEffect((input: string, options) =>
      Effect.mapError(
        Effect.fromResult(parse(input)),
        ({ message }) => new SchemaIssue.InvalidValue({ message }, input, options)
      )
    ),
    encode: SchemaGetter.transform((endpoint: Endpoint): string => format(endpoint))
  })
)

// -----------------------------------------------------------------------------
// The grammar
// -----------------------------------------------------------------------------

class Problem extends Data.Class<{ readonly position: number; readonly problem: string; readonly hint: string }> {}

const problem = (position: number, problem: string, hint: string) => new Problem({ position, problem, hint })

const refine = (
  input: string,
  f: (endpoint: Endpoint) => Problem | undefined
): Result.Result<Endpoint, InvalidEndpoint> =>
  Result.flatMap(parse(input), (endpoint) => {
    const wrong = f(endpoint)
    return wrong === undefined ? Result.succeed(endpoint) : Result.fail(new InvalidEndpoint({ input, ...wrong }))
  })

const formatAddress = ({ host, port }: { readonly host: string; readonly port: number }): `${string}:${string}` =>
  `${host.includes(":") ? `[${host}]` : host}:${port === 0 ? "*" : port}`

const otherSchemes: ReadonlyArray<string> = ["ws", "wss", "udp", "pgm", "epgm", "norm", "tipc", "vmci", "vsock"]

const parseWith = (input: string): Endpoint | Problem => {
  const separator = input.indexOf("://")
  if (input === "") return problem(0, "it is empty", "write tcp://host:port, ipc://path or inproc://name")
  if (separator <= 0) return problem(0, "it has no scheme", "begin with tcp://, ipc:// or inproc://")
  const scheme = input.slice(0, separator)
  const at = separator + 3
  const nul = input.indexOf("\0")
  if (nul !== -1) return problem(nul, "a NUL character", "leave it out")
  switch (scheme) {
    case "tcp":
      return parseTcp(input, at)
    case "ipc":
      return parseIpc(input, at)
    case "inproc":
      return parseInproc(input, at)
    default: {
      if (!otherSchemes.includes(scheme)) {
        return problem(0, `the scheme ${JSON.stringify(scheme)} is unknown`, `did you mean ${nearest(scheme)}://?`)
      }
      return at === input.length
        ? problem(at, "nothing follows the scheme", `write ${scheme}://address`)
        : // `scheme` was just found in the list of these.
          { _tag: "Other", scheme: scheme as Other["scheme"], address: input.slice(at) }
    }
  }
}

const nearest = (scheme: string): string => {
  const lower = scheme.toLowerCase()
  if (lower.startsWith("in")) return "inproc"
  return lower.startsWith("i") || lower.startsWith("u") || lower.startsWith("f") ? "ipc" : "tcp"
}

const parseTcp = (input: string, at: number): Tcp | Problem => {
  const semicolon = input.indexOf(";", at)
  if (semicolon === -1) {
    const address = parseAddress(input, at, input.length)
    return address instanceof Problem ? address : tcp(address.host, address.port)
  }
  const source = parseAddress(input, at, semicolon)
  if (source instanceof Problem) return source
  const address = parseAddress(input, semicolon + 1, input.length)
  return address instanceof Problem ? address : tcp(address.host, address.port, source)
}

const parseAddress = (
  input: string,
  start: number,
  end: number
): { readonly host: string; readonly port: number } | Problem => {
  if (start === end) return problem(start, "it has no host", "write tcp://host:port")
  const bracketed = input[start] === "["
  const colon = bracketed ? closing(input, start, end) : input.slice(start, end).lastIndexOf(":") + start
  if (bracketed && colon < start) return problem(start, "a bracket that is not closed", "write tcp://[address]:port")
  if (bracketed && colon < end && input[colon] !== ":") {
    return problem(colon, `${JSON.stringify(input[colon])} after the bracket`, "write tcp://[address]:port")
  }
  if (colon < start || colon >= end) {
    return problem(end, "it has no port", "write tcp://host:port; port * is any free one, in bind")
  }
  const host = bracketed ? parseIpv6(input, start + 1, colon - 1) : parseHost(input, start, colon)
  if (host instanceof Problem) return host
  const port = parsePort(input, colon + 1, end)
  return port instanceof Problem ? port : { host, port }
}

/** The index of what follows the closing bracket, by right a colon; less than `start` where no bracket closes. */
const closing = (input: string, start: number, end: number): number => {
  const bracket = input.indexOf("]", start)
  return bracket === -1 || bracket >= end ? -1 : bracket + 1
}

const parsePort = (input: string, start: number, end: number): number | Problem => {
  const text = input.slice(start, end)
  if (text === "*") return 0
  if (text === "") return problem(start, "it has no port", "write a number from 1 to 65535, or * to bind any free one")
  const wrong = text.search(/[^0-9]/)
  if (wrong !== -1) {
    return problem(start + wrong, `${JSON.stringify(text)} is not a port`, "write a number from 1 to 65535, or *")
  }
  if (text.length > 1 && text[0] === "0") return problem(start, "a port that begins with 0", "write it without the 0")
  const port = Number(text)
  return port > 65535 ? problem(start, `the port ${text} is above 65535`, "write a number from 1 to 65535") : port
}

const parseHost = (input: string, start: number, end: number): string | Problem => {
  const host = input.slice(start, end)
  if (host === "*") return host
  if (host === "")
    return problem(start, "it has no host", "write a host name, an address, or * to bind every interface")
  const colon = host.indexOf(":")
  if (colon !== host.lastIndexOf(":")) {
    return problem(start, "an IPv6 address without brackets", `write tcp://[${host}]:port`)
  }
  const wrong = host.search(/[^A-Za-z0-9._:-]/)
  if (wrong !== -1) {
    const character = String.fromCodePoint(host.codePointAt(wrong) ?? 0)
    const hint = character > "~" ? "write the name in its ASCII form, xn--…" : "write a host name or an address"
    return problem(start + wrong, `${JSON.stringify(character)} in a host`, hint)
  }
  if (colon !== -1) {
    const hint = "write tcp://host:port, and for the alias of an interface (eth0:1) its address"
    return problem(start + colon, "more than one colon", hint)
  }
  if (/^[0-9.]+$/.test(host)) return parseIpv4(host, start)
  if (host.length > 253) return problem(start + 253, "a host name of more than 253 characters", "shorten it")
  let position = start
  for (const label of host.split(".")) {
    if (label === "" && position !== end) return problem(position, "an empty part in a host name", "take one dot away")
    if (label.length > 63)
      return problem(position + 63, "a part of a host name of more than 63 characters", "shorten it")
    if (label.startsWith("-")) return problem(position, "a part of a host name that begins with -", "take it away")
    position += label.length + 1
  }
  return host
}

const parseIpv4 = (host: string, start: number): string | Problem => {
  const parts = host.split(".")
  let position = start
  for (const part of parts) {
    if (part === "" || part.length > 3 || Number(part) > 255 || (part.length > 1 && part[0] === "0")) {
      return problem(
        position,
        `${JSON.stringify(part)} is no part of an IPv4 address`,
        "write four numbers from 0 to 255"
      )
    }
    position += part.length + 1
  }
  return parts.length === 4
    ? host
    : problem(start, `an IPv4 address of ${parts.length} parts`, "write four numbers from 0 to 255")
}

const parseIpv6 = (input: string, start: number, end: number): string | Problem => {
  const address = input.slice(start, end)
  if (address === "") return problem(start, "an empty address in brackets", "write tcp://[::1]:port")
  const percent = address.indexOf("%")
  const plain = percent === -1 ? address : address.slice(0, percent)
  const wrong = plain.search(/[^0-9A-Fa-f:.]/)
  if (wrong !== -1)
    return problem(start + wrong, `${JSON.stringify(plain[wrong])} in an IPv6 address`, "write tcp://[::1]:port")
  if (percent !== -1 && !/^%[A-Za-z0-9._-]+$/.test(address.slice(percent))) {
    return problem(start + percent, "a zone that is no interface's name", "write it as in [fe80::1%eth0]")
  }
  return isIpv6(plain)
    ? address
    : problem(start, `${JSON.stringify(plain)} is no IPv6 address`, "write it as in [::1] or [2001:db8::7]")
}

const isIpv6 = (address: string): boolean => {
  const halves = address.split("::")
  if (halves.length > 2) return false
  let groups = 0
  for (let h = 0; h < halves.length; h++) {
    const half = halves[h] as string // `h` is below the length
    if (half === "") continue
    const parts = half.split(":")
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as string // `i` is below the length
      const last = h === halves.length - 1 && i === parts.length - 1
      if (part.includes(".")) {
        if (!last || parseIpv4(part, 0) instanceof Problem) return false
        groups += 2
      } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups += 1
      else return false
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8
}

/** The bytes that a path has room for in a socket's address, `sun_path`, without its NUL. */
const maximumPath = 107

const parseIpc = (input: string, at: number): Ipc | Problem => {
  const path = input.slice(at)
  if (path === "")
    return problem(at, "it has no path", "write ipc:///tmp/name, ipc://@name (Linux) or, to bind, ipc://*")
  if (path === "@") return problem(at, "an abstract name that is empty", "write ipc://@name")
  if (path.endsWith("/")) return problem(input.length - 1, "a path that ends in /", "write the path of a file")
  const bytes = new TextEncoder().encode(path).length
  return bytes > maximumPath
    ? problem(
        at,
        `a path of ${bytes} bytes`,
        `the system allows ${maximumPath}: use a shorter directory, or ipc://@name`
      )
    : ipc(path)
}

const parseInproc = (input: string, at: number): Inproc | Problem => {
  const name = input.slice(at)
  if (name === "") return problem(at, "it has no name", "write inproc://name")
  return name.length > 256 ? problem(at + 256, "a name of more than 256 characters", "shorten it") : inproc(name)
}

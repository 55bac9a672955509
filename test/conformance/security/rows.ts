/**
 * Who is let in: mechanisms, keys and policies, and what both sides are told, row by row.
 *
 * `server` and `client` say what each side is given; the server is the one that binds, or with `reversed` the one that
 * connects. Where something else happens on a transport, the row says so by its name, with the reason.
 */
import * as Curve from "@effect-zmq/core/Curve"
import * as Security from "@effect-zmq/core/Security"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/** What a side is told of the first handshake: that it has succeeded, why it has not, or nothing. */
export type Told = "succeeded" | "protocol" | "authentication" | "other" | "nothing"

export interface Expected {
  readonly server: Told
  readonly client: Told
}

export interface Row {
  readonly title: string
  readonly server: Security.Security | undefined
  readonly client: Security.Security | undefined
  readonly reversed: boolean
  readonly expected: Expected
  readonly elsewhere: Readonly<Record<string, Partial<Expected> & { readonly because: string }>>
}

/** How long a handshake may take in a row. */
export const handshakeInterval = "1500 millis"

const [server, alice, stranger] = await Effect.runPromise(Effect.all([Curve.keyPair, Curve.keyPair, Curve.keyPair]))

/** Of all rows, to be looked for where no secret may be. */
export const secrets: ReadonlyArray<string> = [
  ...[server, alice, stranger].map(({ secretKey }) => Redacted.value(secretKey)),
  "open sesame",
  "let me in"
]

// -----------------------------------------------------------------------------
// What sides are given
// -----------------------------------------------------------------------------

type Policy = Security.Authenticate<Security.Request>

const everybody: Policy = () => Effect.succeed({ id: "anybody" })
const nobody: Policy = () => Security.denied("nobody may")
const dies: Policy = () => Effect.die(new Error("the policy is broken"))
const hangs: Policy = () => Effect.never
const nameless: Policy = () => Effect.succeed({ id: "" })
const late: Policy = () => Effect.as(Effect.sleep("50 millis"), { id: "late" })
/** Loopback over tcp, this machine over ipc, this process over inproc; behind it, libzmq tells of the peer's process. */
const local: Policy = ({ address }) =>
  /^(127\.0\.0\.1|localhost)?(:|$)/.test(address) ? Effect.succeed({ id: "local" }) : Security.denied(address)

const password = (text: string) => Redacted.make(text)
const users = Security.passwords({ alice: password("open sesame") })
const plainServer = (authenticate: Security.Authenticate<Security.PlainRequest>) => Security.plain({ authenticate })
const plainClient = (username: string, text: string) => Security.plain({ username, password: password(text) })
const plainAlice = plainClient("alice", "open sesame")

const keys = Security.allow({ alice: alice.publicKey })
const curveServer = (authenticate: Security.Authenticate<Security.CurveRequest>) =>
  Security.curve({ keyPair: server, authenticate })
const curveClient = (keyPair: Curve.KeyPair, serverKey = server.publicKey) => Security.curve({ keyPair, serverKey })
const curveAlice = curveClient(alice)

const nullServer = (authenticate: Policy) => Security.null({ authenticate })

// -----------------------------------------------------------------------------
// The rows
// -----------------------------------------------------------------------------

const succeeded: Expected = { server: "succeeded", client: "succeeded" }
const protocol: Expected = { server: "protocol", client: "protocol" }
const authentication: Expected = { server: "authentication", client: "authentication" }

const row = (
  title: string,
  server: Security.Security | undefined,
  client: Security.Security | undefined,
  expected: Expected,
  elsewhere: Row["elsewhere"] = {}
): Row => ({ title, server, client, reversed: false, expected, elsewhere })

const wrongServerKey = {
  zmq: {
    client: "other",
    because: "libzmq's server ends the connection without a word, which its client cannot tell from a fault"
  }
} as const

/** Nothing happens between two servers of libzmq: each waits for the other to begin, and gives up when its time is over. */
const bothWait = {
  zmq: {
    server: "other",
    client: "other",
    because: "each side waits for the other to begin, until handshakeInterval is over"
  }
} as const

export const rows: ReadonlyArray<Row> = [
  row("no security on both sides", undefined, undefined, succeeded),
  row("a PLAIN client, of a server without security", undefined, plainAlice, protocol),
  row("a CURVE client, of a server without security", undefined, curveAlice, protocol),

  row("PLAIN: the right password", plainServer(users), plainAlice, succeeded),
  row("PLAIN: a wrong password", plainServer(users), plainClient("alice", "let me in"), authentication),
  row("PLAIN: an empty password", plainServer(users), plainClient("alice", ""), authentication),
  row("PLAIN: an unknown name", plainServer(users), plainClient("mallory", "open sesame"), authentication),
  row("PLAIN: everybody may", plainServer(everybody), plainClient("mallory", "let me in"), succeeded),
  row("PLAIN: nobody may", plainServer(nobody), plainAlice, authentication),
  row("PLAIN: authenticate dies", plainServer(dies), plainAlice, authentication),
  row("PLAIN: authenticate hangs", plainServer(hangs), plainAlice, authentication),
  row("PLAIN: authenticate gives no id", plainServer(nameless), plainAlice, authentication),
  row("PLAIN: authenticate takes its time", plainServer(late), plainAlice, succeeded),
  row("PLAIN: a client without security", plainServer(everybody), undefined, protocol),
  row("PLAIN: a CURVE client", plainServer(everybody), curveAlice, protocol),

  row("CURVE: an allowed key", curveServer(keys), curveAlice, succeeded),
  row("CURVE: an unknown key", curveServer(keys), curveClient(stranger), authentication),
  row("CURVE: a wrong server key", curveServer(keys), curveClient(alice, stranger.publicKey), protocol, wrongServerKey),
  row(
    "CURVE: a wrong server key, and an unknown key",
    curveServer(keys),
    curveClient(stranger, alice.publicKey),
    protocol,
    wrongServerKey
  ),
  row("CURVE: everybody may", curveServer(everybody), curveClient(stranger), succeeded),
  row("CURVE: nobody may", curveServer(nobody), curveAlice, authentication),
  row("CURVE: authenticate dies", curveServer(dies), curveAlice, authentication),
  row("CURVE: authenticate hangs", curveServer(hangs), curveAlice, authentication),
  row("CURVE: authenticate gives no id", curveServer(nameless), curveAlice, authentication),
  row("CURVE: authenticate takes its time", curveServer(late), curveAlice, succeeded),
  row("CURVE: a client without security", curveServer(everybody), undefined, protocol),
  row("CURVE: a PLAIN client", curveServer(everybody), plainAlice, protocol),

  row("NULL: an allowed address", nullServer(local), undefined, succeeded),
  row("NULL: nobody may", nullServer(nobody), undefined, authentication),
  row("NULL: authenticate dies", nullServer(dies), undefined, authentication),
  row("NULL: authenticate hangs", nullServer(hangs), undefined, authentication),
  row("NULL: a PLAIN client", nullServer(everybody), plainAlice, protocol),
  row("NULL: a CURVE client", nullServer(everybody), curveAlice, protocol),
  row("NULL: two servers, both let the other in", nullServer(local), nullServer(local), succeeded),
  row("NULL: two servers, one lets nobody in", nullServer(local), nullServer(nobody), authentication),

  row("two PLAIN servers", plainServer(everybody), plainServer(everybody), protocol, bothWait),
  row("two PLAIN clients", plainAlice, plainAlice, protocol),
  row("two CURVE servers", curveServer(everybody), curveServer(everybody), protocol, bothWait),
  row("two CURVE clients", curveClient(server), curveAlice, protocol),

  ...[
    row("PLAIN: the right password", plainServer(users), plainAlice, succeeded),
    row("PLAIN: a wrong password", plainServer(users), plainClient("alice", "let me in"), authentication),
    row("PLAIN: authenticate hangs", plainServer(hangs), plainAlice, authentication),
    row("CURVE: an allowed key", curveServer(keys), curveAlice, succeeded),
    row("CURVE: an unknown key", curveServer(keys), curveClient(stranger), authentication),
    row(
      "CURVE: a wrong server key",
      curveServer(keys),
      curveClient(alice, stranger.publicKey),
      protocol,
      wrongServerKey
    ),
    row("NULL: an allowed address", nullServer(local), undefined, succeeded),
    row("NULL: nobody may", nullServer(nobody), undefined, authentication)
  ].map((row) => ({ ...row, title: `${row.title} (the server connects)`, reversed: true }))
]

/**
 * Keys of the CURVE mechanism: pairs of them, as text in Z85, and in certificate files.
 *
 * A key has 32 bytes, and is written as 40 characters of Z85. The public one is for everybody. The secret one is
 * `Redacted`: it is in no log, no error, no span and no text that is made of what holds it.
 *
 * @see RFC 25 (ZMTP-CURVE), RFC 26 (CurveZMQ), RFC 32 (Z85)
 *
 * @since 0.1.0
 */
import type * as Brand from "effect/Brand"
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/**
 * A public key, as 40 characters of Z85. Two are the same where their texts are. `publicKey` makes one of text or bytes.
 *
 * @category models
 * @since 0.1.0
 */
export type PublicKey = string & Brand.Brand<"@effect-zmq/core/Curve/PublicKey">

/**
 * A secret key, as 40 characters of Z85: never without `Redacted` around it.
 *
 * @category models
 * @since 0.1.0
 */
export type SecretKey = string & Brand.Brand<"@effect-zmq/core/Curve/SecretKey">

/**
 * A public key, and the secret key that goes with it.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyPair {
  readonly publicKey: PublicKey
  readonly secretKey: Redacted.Redacted<SecretKey>
}

/**
 * Text that is not Z85, or bytes that it cannot be made of. What was given is not in it: it may be a secret.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidZ85 extends Data.TaggedError("InvalidZ85")<{ readonly problem: string }> {
  override get message(): string {
    return `not Z85: ${this.problem}`
  }
}

/**
 * What was given is not a key. It is not in the error: it may be a secret one.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidKey extends Data.TaggedError("InvalidKey")<{ readonly problem: string }> {
  override get message(): string {
    return `not a key: ${this.problem}`
  }
}

/**
 * A file is no certificate, or cannot become one. What is in it is not in the error.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidCertificate extends Data.TaggedError("InvalidCertificate")<{
  readonly path: string
  readonly problem: string
}> {
  override get message(): string {
    return `${this.path} is no certificate: ${this.problem}`
  }
}

// -----------------------------------------------------------------------------
// Keys
// -----------------------------------------------------------------------------

/**
 * A new pair of keys.
 *
 * It is made by the Web Crypto of the platform; dies where that has no X25519.
 *
 * @category constructors
 * @since 0.1.0
 */
export const keyPair: Effect.Effect<KeyPair> = Effect.promise(() =>
  crypto.subtle
    .generateKey({ name: "X25519" }, true, ["deriveBits"])
    // The types know of no X25519: what is generated for it is a pair.
    .then((pair) => pair as unknown as { readonly publicKey: Key; readonly privateKey: Key })
    .then(({ privateKey, publicKey }) =>
      Promise.all([crypto.subtle.exportKey("raw", publicKey), crypto.subtle.exportKey("pkcs8", privateKey)])
    )
).pipe(
  Effect.map(([open, secret]) => ({
    publicKey: text<PublicKey>(new Uint8Array(open)),
    secretKey: redacted(text<SecretKey>(new Uint8Array(secret).subarray(-length)))
  }))
)

type Key = Parameters<typeof crypto.subtle.exportKey>[1]

/**
 * The pair of a secret key: the public one follows from it.
 *
 * Fails with `InvalidKey` where it is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const keyPairOf = (secret: Redacted.Redacted<string | Uint8Array>): Effect.Effect<KeyPair, InvalidKey> =>
  Effect.flatMap(Effect.fromResult(secretKey(secret)), (secretKey) =>
    Effect.map(
      Effect.promise(() =>
        Promise.all([
          crypto.subtle.importKey(
            "pkcs8",
            new Uint8Array([...pkcs8, ...bytes(Redacted.value(secretKey))]),
            { name: "X25519" },
            false,
            ["deriveBits"]
          ),
          crypto.subtle.importKey("raw", basePoint, { name: "X25519" }, false, [])
        ]).then(([secret, open]) => crypto.subtle.deriveBits({ name: "X25519", public: open }, secret, 8 * length))
      ),
      (open) => ({ publicKey: text<PublicKey>(new Uint8Array(open)), secretKey })
    )
  )

/** What an X25519 key is preceded by in PKCS #8 (RFC 8410). */
const pkcs8 = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20]

/** The point that a secret key takes to its public one (RFC 7748). */
const basePoint = Uint8Array.of(9, ...new Array<number>(31).fill(0))

/**
 * Makes a public key of its 32 bytes, or of its 40 characters of Z85.
 *
 * @category constructors
 * @since 0.1.0
 */
export const publicKey = (input: string | Uint8Array): Result.Result<PublicKey, InvalidKey> =>
  // The length was checked: that is all that a brand adds.
  Result.map(checked(input), (key) => key as PublicKey)

/**
 * Makes a secret key of its 32 bytes, or of its 40 characters of Z85.
 *
 * @category constructors
 * @since 0.1.0
 */
export const secretKey = (
  input: Redacted.Redacted<string | Uint8Array>
): Result.Result<Redacted.Redacted<SecretKey>, InvalidKey> =>
  Result.map(checked(Redacted.value(input)), (key) => redacted(key as SecretKey)) // as above

/**
 * The 32 bytes of a key.
 *
 * @category conversions
 * @since 0.1.0
 */
export const bytes = (key: PublicKey | SecretKey): Uint8Array =>
  Result.getOrThrowWith(decodeZ85(key), (problem) => problem) // a key was checked when it was made

/** How many bytes a key has. */
const length = 32

const redacted = (key: SecretKey): Redacted.Redacted<SecretKey> => Redacted.make(key, { label: "secret key" })

const text = <Key extends PublicKey | SecretKey>(bytes: Uint8Array): Key =>
  Result.getOrThrowWith(encodeZ85(bytes), (problem) => problem) as Key // of 32 bytes

const checked = (input: string | Uint8Array): Result.Result<string, InvalidKey> => {
  if (input instanceof Uint8Array) {
    return input.length === length
      ? Result.mapError(encodeZ85(input), ({ problem }) => new InvalidKey({ problem }))
      : Result.fail(new InvalidKey({ problem: `it has ${input.length} bytes, and must have ${length}` }))
  }
  // Only untyped code can pass it.
  if (typeof input !== "string") return Result.fail(new InvalidKey({ problem: "it must be text, or bytes" }))
  return Result.match(decodeZ85(input), {
    onFailure: ({ problem }) => Result.fail(new InvalidKey({ problem })),
    onSuccess: (bytes) =>
      bytes.length === length
        ? Result.succeed(input)
        : Result.fail(new InvalidKey({ problem: `it has ${input.length} characters, and must have 40` }))
  })
}

// -----------------------------------------------------------------------------
// Z85
// -----------------------------------------------------------------------------

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

const digits = new Map(Array.from(alphabet, (character, digit) => [character, digit]))

/**
 * Bytes as text in Z85: 5 characters for 4 bytes. Fails where their number is not a multiple of 4.
 *
 * @see RFC 32 (Z85)
 * @category conversions
 * @since 0.1.0
 */
export const encodeZ85 = (bytes: Uint8Array): Result.Result<string, InvalidZ85> => {
  if (bytes.length % 4 !== 0) {
    return Result.fail(new InvalidZ85({ problem: `${bytes.length} bytes are not a multiple of 4` }))
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let out = ""
  for (let at = 0; at < bytes.length; at += 4) {
    const value = view.getUint32(at)
    for (let divisor = 85 ** 4; divisor >= 1; divisor /= 85) out += alphabet[Math.floor(value / divisor) % 85]
  }
  return Result.succeed(out)
}

/**
 * The bytes of text in Z85: 4 bytes for 5 characters. Fails where their number is not a multiple of 5, where one is none
 * of the 85, or where five stand for more than 4 bytes can hold.
 *
 * @see RFC 32 (Z85)
 * @category conversions
 * @since 0.1.0
 */
export const decodeZ85 = (text: string): Result.Result<Uint8Array, InvalidZ85> => {
  const fail = (problem: string) => Result.fail(new InvalidZ85({ problem }))
  if (text.length % 5 !== 0) return fail(`${text.length} characters are not a multiple of 5`)
  const bytes = new Uint8Array((text.length / 5) * 4)
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < text.length; at += 5) {
    let value = 0
    for (let index = at; index < at + 5; index++) {
      const digit = digits.get(text.charAt(index))
      if (digit === undefined) return fail(`character ${index + 1} is none of its 85`)
      value = value * 85 + digit
    }
    if (value > 0xffff_ffff) return fail(`characters ${at + 1} to ${at + 5} stand for more than 4 bytes`)
    view.setUint32((at / 5) * 4, value)
  }
  return Result.succeed(bytes)
}

// -----------------------------------------------------------------------------
// Certificates
// -----------------------------------------------------------------------------

/**
 * What the file of a certificate has: a public key, and what else its owner says of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Certificate {
  readonly publicKey: PublicKey
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * What the secret file of a certificate has.
 *
 * @category models
 * @since 0.1.0
 */
export interface SecretCertificate extends Certificate, KeyPair {}

/**
 * Writes a key pair to two files, in the format of CZMQ: the certificate to `path`, which may be given to others, and the
 * one with the secret key to `path` with `_secret` at its end, which only its owner may read (mode 0600).
 *
 * Never overwrites a file. Fails with `InvalidCertificate` where a name or a value of `metadata` cannot be written: names
 * have letters, digits and `- _ . @ & + /`, and values are of one line, without both kinds of quotes.
 *
 * @category certificates
 * @since 0.1.0
 */
export const writeCertificate = Effect.fnUntraced(function* (
  path: string,
  keyPair: KeyPair,
  metadata: Readonly<Record<string, string>> = {}
): Effect.fn.Return<void, InvalidCertificate | PlatformError, FileSystem.FileSystem> {
  const files = yield* FileSystem.FileSystem
  const lines = yield* Effect.forEach(Object.entries(metadata), ([name, value]) => property(path, name, value))
  const now = DateTime.formatIso(yield* DateTime.now)
  const head = `#   Generated on ${now} by effect-zmq\n`
  const body = ["metadata", ...lines, "curve", `    public-key = "${keyPair.publicKey}"`, ""].join("\n")
  const secret = `    secret-key = "${Redacted.value(keyPair.secretKey)}"\n`
  yield* files.writeFileString(`${path}_secret`, head + ofSecret + body + secret, { flag: "wx", mode: 0o600 })
  yield* files
    .writeFileString(path, head + ofPublic + body, { flag: "wx" })
    .pipe(Effect.onError(() => Effect.ignore(files.remove(`${path}_secret`))))
})

/**
 * Reads the certificate at `path`, also one of CZMQ or pyzmq.
 *
 * @category certificates
 * @since 0.1.0
 */
export const readCertificate = (
  path: string
): Effect.Effect<Certificate, InvalidCertificate | PlatformError, FileSystem.FileSystem> =>
  Effect.map(read(path), ({ metadata, publicKey }) => ({ metadata, publicKey }))

/**
 * Reads the key pair that belongs to the certificate at `path`: from its secret file, which has `_secret` at its end.
 *
 * @category certificates
 * @since 0.1.0
 */
export const readSecretCertificate = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<SecretCertificate, InvalidCertificate | PlatformError, FileSystem.FileSystem> {
  const file = `${path}_secret`
  const { metadata, publicKey, secret } = yield* read(file)
  if (secret === undefined) return yield* new InvalidCertificate({ path: file, problem: "it has no secret-key" })
  const pair = yield* keyPairOf(Redacted.make(secret)).pipe(Effect.mapError(refused(file, "secret-key")))
  if (pair.publicKey !== publicKey) {
    const problem = "its public-key is not the one of its secret-key"
    return yield* new InvalidCertificate({ path: file, problem })
  }
  return { metadata, ...pair }
})

const ofPublic = `#   ZeroMQ CURVE Public Certificate
#   Exchange securely, or use a secure mechanism to verify the contents
#   of this file after exchange.

`

const ofSecret = `#   ZeroMQ CURVE **Secret** Certificate
#   Do not give this file to others, and do not change its permissions.

`

const property = (path: string, name: string, value: string): Effect.Effect<string, InvalidCertificate> => {
  const quote = value.includes('"') ? "'" : '"'
  if (!/^[\w\-.@&+/]+$/.test(name)) {
    return Effect.fail(new InvalidCertificate({ path, problem: `${JSON.stringify(name)} cannot be a name in it` }))
  }
  if (/[\r\n\0]/.test(value) || value.includes(quote)) {
    return Effect.fail(new InvalidCertificate({ path, problem: `the value of ${name} cannot be written in one line` }))
  }
  return Effect.succeed(`    ${name} = ${quote}${value}${quote}`)
}

const refused = (path: string, name: string) => (error: InvalidKey) =>
  new InvalidCertificate({ path, problem: `its ${name} is ${error.message}` })

const read = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const { curve, metadata } = parse(yield* files.readFileString(path))
  const given = curve.get("public-key")
  if (given === undefined) return yield* new InvalidCertificate({ path, problem: "it has no public-key" })
  const key = yield* Effect.mapError(Effect.fromResult(publicKey(given)), refused(path, "public-key"))
  return { publicKey: key, secret: curve.get("secret-key"), metadata: Object.fromEntries(metadata) }
})

/** The properties of both sections. (ZPL, RFC 4) */
const parse = (text: string): Record<"curve" | "metadata", Map<string, string>> => {
  const sections = { curve: new Map<string, string>(), metadata: new Map<string, string>() }
  let section: Map<string, string> | undefined
  for (const line of text.split(/\r?\n/)) {
    const heading = /^([^\s#=]+)\s*(?:#.*)?$/.exec(line)?.[1]
    if (heading !== undefined)
      section = Predicate.hasProperty(sections, heading) ? sections[heading as "curve"] : undefined
    const [, name, ...values] = /^\s+([^\s#=]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^#]*?))\s*(?:#.*)?$/.exec(line) ?? []
    const value = values.find((value) => value !== undefined)
    if (name !== undefined && value !== undefined) section?.set(name, value)
  }
  return sections
}

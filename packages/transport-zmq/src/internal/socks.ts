/**
 * Connections by a SOCKS 5 proxy (RFC 1928, RFC 1929).
 *
 * libzmq has such a client, and aborts the process where a socket closes while its proxy is down. So libzmq connects to a
 * file of ours instead, and what comes there goes on by the proxy, for as long as the socket is connected.
 */
import * as Fs from "node:fs"
import * as Net from "node:net"
import type { Tcp } from "@effect-zmq/core/Endpoint"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import * as Redacted from "effect/Redacted"
import { attempt } from "./addon.ts"
import { within } from "./eventLoop.ts"
import { madeUp } from "./ipcFile.ts"

type Options = NonNullable<Resolved["socks"]>

export class Relay {
  private readonly path = madeUp()
  private readonly server: Net.Server
  private readonly open = new Set<Net.Socket>()

  constructor(options: Options, target: Tcp) {
    this.server = Net.createServer({ allowHalfOpen: true }, (local) => this.join(local, options, target))
    // Who cannot be listened to is not there: libzmq tries again.
    this.server.on("error", ignore)
    this.server.listen({ path: this.path }, () => attempt(() => Fs.chmodSync(this.path, 0o600)))
    this.server.unref()
  }

  /** What libzmq is to connect to. */
  get address(): string {
    return `ipc://${this.path}`
  }

  /** Lets what is on its way pass, for so many milliseconds at most. Whether it has. */
  async close(millis: number): Promise<boolean> {
    this.server.close()
    const closes = [...this.open].map((socket) => new Promise((resolve) => socket.once("close", resolve)))
    const passed = closes.length === 0 || (await within(millis, Promise.all(closes)))
    for (const socket of this.open) socket.destroy()
    return passed
  }

  private join(local: Net.Socket, options: Options, target: Tcp): void {
    const { host, port } = hostAndPort(options.proxy)
    const remote = Net.connect({ host, port, allowHalfOpen: true })
    for (const [socket, other] of [[local, remote] as const, [remote, local] as const]) {
      this.open.add(socket)
      socket.once("error", ignore)
      // Either ends with the other, once what it was given has left.
      socket.once("close", () => {
        this.open.delete(socket)
        other.end()
      })
    }
    ask(remote, options, target, (granted) => {
      if (!granted) {
        remote.destroy()
        local.destroy()
      } else local.pipe(remote).pipe(local)
    })
  }
}

/** Asks a proxy for a connection; `done` is told whether there is one. */
const ask = (remote: Net.Socket, options: Options, target: Tcp, done: (granted: boolean) => void): void => {
  const account = options.username === undefined ? undefined : accountOf(options.username, options.password)
  let received: Uint8Array = new Uint8Array(0)
  let step: "method" | "account" | "connection" = "method"
  const end = (granted: boolean, rest?: Uint8Array) => {
    remote.off("data", read).off("close", refused)
    remote.pause()
    if (rest !== undefined && rest.length > 0) remote.unshift(rest)
    done(granted)
  }
  const refused = () => end(false)
  const request = () => {
    step = "connection"
    remote.write(requestOf(target))
  }
  const read = (bytes: Uint8Array) => {
    received = Buffer.concat([received, bytes])
    if (step === "connection") {
      const length = replyLength(received)
      if (length !== undefined && received.length >= length) end(received[1] === 0, received.subarray(length))
      return
    }
    const [, answer] = received
    if (answer === undefined) return
    received = received.subarray(2)
    if (step === "account") return answer === 0 ? request() : end(false)
    if (answer === 0) return request()
    if (answer !== 2 || account === undefined) return end(false)
    step = "account"
    remote.write(account)
  }
  remote.on("data", read).once("close", refused)
  // No account, or a username and a password.
  remote.write(account === undefined ? Uint8Array.of(5, 1, 0) : Uint8Array.of(5, 2, 0, 2))
}

const accountOf = (username: string, password: Options["password"]): Uint8Array =>
  Buffer.concat([Uint8Array.of(1), sized(username), sized(password === undefined ? "" : Redacted.value(password))])

/** To connect to an address, or to a name, which the proxy resolves. */
const requestOf = ({ host, port }: Tcp): Uint8Array => {
  const plain = host.replace(/^\[|\]$/g, "")
  const address =
    Net.isIP(plain) === 4
      ? Uint8Array.of(1, ...plain.split(".").map(Number))
      : Net.isIP(plain) === 6
        ? Uint8Array.of(4, ...groupsOf(plain))
        : Buffer.concat([Uint8Array.of(3), sized(plain)])
  return Buffer.concat([Uint8Array.of(5, 1, 0), address, Uint8Array.of(port >> 8, port & 255)])
}

/** The 16 bytes of an IPv6 address. */
const groupsOf = (address: string): ReadonlyArray<number> => {
  const [head = "", tail = ""] = address.replace(/%.*$/, "").split("::")
  const bytes = (part: string) =>
    part
      .split(":")
      .filter((group) => group !== "")
      .flatMap((group) =>
        group.includes(".")
          ? group.split(".").map(Number)
          : [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]
      )
  const [first, last] = [bytes(head), bytes(tail)]
  return [...first, ...new Array<number>(16 - first.length - last.length).fill(0), ...last]
}

/** How long a reply is, once it can be told: it ends with an address, of one of three kinds, and a port. */
const replyLength = (reply: Uint8Array): number | undefined => {
  const [, , , kind, first] = reply
  if (kind === undefined || first === undefined) return undefined
  return 4 + (kind === 1 ? 4 : kind === 4 ? 16 : 1 + first) + 2
}

const sized = (text: string): Uint8Array => {
  const bytes = Buffer.from(text)
  return Buffer.concat([Uint8Array.of(bytes.length), bytes])
}

const hostAndPort = (proxy: string): { readonly host: string; readonly port: number } => {
  const colon = proxy.lastIndexOf(":")
  return { host: proxy.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(proxy.slice(colon + 1)) }
}

const ignore = (): void => undefined

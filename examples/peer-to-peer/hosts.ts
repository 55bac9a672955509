/**
 * The hosts among which peers look for each other.
 */
import { Option } from "effect"
import { Flag } from "effect/cli"

/** `--hosts 192.168.1.1-254`, `--hosts 10.0.0.7,10.0.0.9`: IPv4 addresses, and ranges of them */
export const hosts = (defaultTo: string) =>
  Flag.String("hosts").pipe(
    Flag.filterMap(parse, () => `--hosts must be IPv4 addresses, such as "192.168.1.1-254" or "10.0.0.7,10.0.0.9"`),
    Flag.withDefault(Option.getOrThrow(parse(defaultTo))),
    Flag.withMetavar("HOSTS"),
    Flag.withDescription(`where to look for peers, as addresses and ranges (default: ${defaultTo})`)
  )

/** The addresses of a text such as `10.0.0.1-8,10.0.1.1`, lowest first, each once. */
export const parse = (text: string): Option.Option<ReadonlyArray<string>> => {
  const all = new Set<string>()
  for (const part of text.split(",")) {
    const [, network, first, last = first] = /^(\d+\.\d+\.\d+\.)(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? []
    if (network === undefined || Number(first) > Number(last)) return Option.none()
    if (![...network.split(".").slice(0, 3), last].every((octet) => Number(octet) <= 255)) return Option.none()
    for (let octet = Number(first); octet <= Number(last); octet++) all.add(`${network}${octet}`)
  }
  return Option.some([...all].sort((a, b) => toNumber(a) - toNumber(b)))
}

/** Whether an address comes before another: of two nameservers, the first one keeps the role. */
export const isBefore = (host: string, other: string): boolean => toNumber(host) < toNumber(other)

const toNumber = (host: string): number => host.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0)

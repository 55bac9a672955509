/** Endpoints as the addresses by which runners know each other, and back. */
import * as Endpoint from "@effect-zmq/core/Endpoint"
import { InvalidOption } from "@effect-zmq/core/ZmqError"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as Result from "effect/Result"

/**
 * How others reach what is bound to `bound`: by the host and the port of a TCP endpoint, unless the options say otherwise. Any
 * other endpoint is the host as it is, for an address of a runner has no scheme.
 */
export const fromEndpoint = (
  bound: Endpoint.Endpoint,
  options: { readonly host?: string | undefined; readonly port?: number | undefined }
): Result.Result<RunnerAddress.RunnerAddress, InvalidOption> => {
  if (bound._tag !== "Tcp") {
    const none = `${Endpoint.format(bound)} has none; leave it out`
    if (options.host !== undefined) return invalid("host", options.host, none)
    if (options.port !== undefined) return invalid("port", options.port, none)
    return Result.succeed(RunnerAddress.make(Endpoint.format(bound), 0))
  }
  const { host = bound.host, port = bound.port } = options
  if (wildcards.has(host)) {
    return invalid(
      "host",
      host,
      "others cannot connect to it; give the name or the address by which they reach this machine"
    )
  }
  if (!(Number.isInteger(port) && port >= 1 && port <= 65535)) {
    return invalid("port", port, "it must be a whole number from 1 to 65535")
  }
  return Result.succeed(RunnerAddress.make(host, port))
}

const invalid = (option: string, value: unknown, problem: string) =>
  Result.fail(new InvalidOption({ option, value: `${value}`, problem }))

/** Where to connect to for the runner of an address. */
export const toEndpoint = ({ host, port }: RunnerAddress.RunnerAddress): string =>
  host.includes("://") ? host : Endpoint.format(Endpoint.tcp(host, port))

const wildcards: ReadonlySet<string> = new Set(["*", "0.0.0.0", "::"])

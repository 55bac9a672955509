/** Endpoints as a program gives them. */
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import * as Endpoint from "../Endpoint.ts"
import type * as Transport from "../Transport.ts"
import { InvalidEndpoint, Unsupported } from "../ZmqError.ts"

export type Parse = (input: string) => Result.Result<Endpoint.Endpoint, InvalidEndpoint>

/** Those of an option. */
export const parseAll = (input: Endpoint.Input | ReadonlyArray<Endpoint.Input> | undefined, parse: Parse) =>
  Effect.forEach(input === undefined ? [] : isArray(input) ? input : [input], (one) => parseOne(one, parse))

// `Array.isArray` does not narrow a readonly array.
const isArray = (input: Endpoint.Input | ReadonlyArray<Endpoint.Input>): input is ReadonlyArray<Endpoint.Input> =>
  Array.isArray(input)

export const parseOne = (input: Endpoint.Input, parse: Parse): Effect.Effect<Endpoint.Endpoint, InvalidEndpoint> =>
  Effect.suspend(() => {
    const text = typeof input === "string" ? input : Endpoint.isEndpoint(input) ? Endpoint.format(input) : undefined
    if (text !== undefined) return Effect.fromResult(parse(text))
    // Only untyped code can pass it.
    const problem = { position: 0, problem: "it is neither text nor an Endpoint", hint: "write tcp://host:port" }
    return Effect.fail(new InvalidEndpoint({ input: String(input), ...problem }))
  })

/** Fails where the transport does not carry it. */
export const supported = (
  transport: Transport.Transport["Service"],
  endpoint: Endpoint.Endpoint
): Effect.Effect<void, Unsupported> => {
  const scheme = endpoint._tag === "Other" ? endpoint.scheme : endpoint._tag.toLowerCase()
  const capabilities: ReadonlySet<string> = transport.capabilities
  return capabilities.has(scheme)
    ? Effect.void
    : Effect.fail(
        new Unsupported({
          transport: transport.name,
          feature: `${scheme}:// endpoints`,
          hint: "use tcp://host:port, ipc://path or inproc://name"
        })
      )
}

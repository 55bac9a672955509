/** The options of a context, checked. */
import { InvalidOption, InvalidState, type Reason } from "@effect-zmq/core/ZmqError"
import { type ContextOptions, largestMaxSockets, type NativeContext } from "./addon.ts"

/** Gives a context its options, or says why not. */
export const configure = (context: NativeContext, options: ContextOptions): Reason | undefined => {
  const reason = check(options) ?? tooLate(context, options)
  if (reason === undefined) context.configure(options)
  return reason
}

/** Why the options can be those of no context. */
export const check = (options: ContextOptions): InvalidOption | undefined =>
  checkCount("ioThreads", options.ioThreads, 1024) ?? checkCount("maxSockets", options.maxSockets, largestMaxSockets)

const checkCount = (option: string, value: number | undefined, maximum: number): InvalidOption | undefined =>
  value === undefined || (Number.isInteger(value) && value >= 1 && value <= maximum)
    ? undefined
    : new InvalidOption({ option, value: String(value), problem: `it must be a whole number from 1 to ${maximum}` })

const tooLate = (context: NativeContext, options: ContextOptions): InvalidState | undefined => {
  if (!context.started) return undefined
  for (const option of ["ioThreads", "maxSockets"] as const) {
    const value = options[option]
    if (value === undefined || value === context[option]) continue
    return new InvalidState({
      problem: `${option} cannot become ${value}: the first socket was opened with ${context[option]}; provide this layer before any socket is made, or give it isolated: true`
    })
  }
  return undefined
}

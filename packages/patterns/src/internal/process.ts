/**
 * The process that the program runs in: its signals, its clock, and its end. The only file of patterns that touches it.
 *
 * Everything here works by itself, without Effect's scheduler or clock: it is for when the program no longer does.
 */

/** The signals that ask a program to end, and their numbers. */
export const numbers = { SIGINT: 2, SIGTERM: 15 } as const

export type Signal = keyof typeof numbers

/** What of Node's `process` is used; Bun and Deno have it, too. */
interface Process {
  readonly prependListener: (signal: string, listener: () => void) => unknown
  readonly removeListener: (signal: string, listener: () => void) => unknown
  readonly emit: (signal: string, name: string) => boolean
  readonly stderr: { readonly write: (text: string) => unknown }
  readonly exit: (code: number) => void
}

// This package is compiled without Node's types.
declare const process: Process | undefined
declare const setTimeout: (f: () => void, millis: number) => { readonly unref?: () => unknown }

const here: Process | undefined = typeof process === "undefined" ? undefined : process

/** What `setTimeout` can wait; of more it makes nothing. */
const longest = 2 ** 31 - 1

/**
 * Calls for each signal, before those who listen already: they are to find that a shutdown was requested. Answers what ends it.
 */
export const listen = (signals: ReadonlyArray<Signal>, onSignal: (signal: Signal) => void): (() => void) => {
  const listeners = signals.map((signal) => [signal, () => onSignal(signal)] as const)
  for (const [signal, listener] of listeners) here?.prependListener(signal, listener)
  return () => {
    for (const [signal, listener] of listeners) here?.removeListener(signal, listener)
  }
}

/** Lets everybody who listens for a signal believe that it came. */
export const raise = (signal: Signal): void => void here?.emit(signal, signal)

/** Calls after so long, if the process is still there: this does not keep it. */
export const later = (millis: number, f: () => void): void => {
  if (millis <= longest) setTimeout(f, millis).unref?.()
}

/** Milliseconds, from some moment on. */
export const now = (): number => performance.now()

/** Ends the process, whatever it is at, with a last line to standard error. */
export const end = (code: number, line: string): void => {
  try {
    here?.stderr.write(`${line}\n`)
  } finally {
    here?.exit(code)
  }
}

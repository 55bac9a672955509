import * as Duration from "effect/Duration"
import type { Between, Delay, Fault, Party } from "../../Network.ts"

/** One direction of a connection. */
export interface Line {
  readonly connection: string
  readonly from: Party
  readonly to: Party
  /** Whether it is from who connected. */
  readonly isForward: boolean
}

interface Rule<out A> {
  readonly between: Between
  readonly oneWay: boolean
  readonly value: A
}

/** What holds for a line; without a delay and a limit, `undefined`. */
export interface Condition {
  readonly isBlocked: boolean
  readonly delay: Delay | undefined
  readonly bytesPerSecond: number | undefined
}

/** What holds where nothing is wrong. */
export const fine: Condition = { isBlocked: false, delay: undefined, bytesPerSecond: undefined }

/**
 * The longest that anything takes, in milliseconds: of what arrives at last. Where chance has no limit, one in half a
 * billion takes longer.
 */
export const longest = ({ bytesPerSecond, delay, isBlocked }: Condition): number => {
  if (isBlocked || bytesPerSecond !== undefined) return Number.POSITIVE_INFINITY
  switch (delay?._tag) {
    case undefined:
      return 0
    case "Fixed":
      return Duration.toMillis(delay.duration)
    case "Uniform":
      return Duration.toMillis(delay.maximum)
    case "Exponential":
      return 20 * Duration.toMillis(delay.mean)
  }
}

/** The state of a network: which faults hold, and for what. */
export class Conditions {
  private partitions: ReadonlyArray<Rule<true>> = []
  private delays: ReadonlyArray<Rule<Delay | undefined>> = []
  private limits: ReadonlyArray<Rule<number | undefined>> = []

  /** Takes in a fault that lasts, or the end of one. */
  add(fault: Fault): void {
    switch (fault._tag) {
      case "Partition":
        this.partitions = [...this.partitions, { ...fault, value: true }]
        return
      case "Heal":
        this.partitions = this.partitions.filter(
          (rule) => fault.between !== undefined && !isSame(rule.between, fault.between)
        )
        return
      case "Latency":
        this.delays = replace(this.delays, { ...fault, value: isNone(fault.delay) ? undefined : fault.delay })
        return
      case "Bandwidth":
        this.limits = replace(this.limits, {
          ...fault,
          value: fault.bytesPerSecond === Number.POSITIVE_INFINITY ? undefined : fault.bytesPerSecond
        })
        return
      case "Clear":
        this.partitions = []
        this.delays = []
        this.limits = []
        return
      default:
        return
    }
  }

  of(line: Line): Condition {
    if (this.partitions.length + this.delays.length + this.limits.length === 0) return fine
    const fits = (rule: Rule<unknown>) => isOn(rule, line)
    const condition = {
      isBlocked: this.partitions.some(fits),
      delay: this.delays.findLast(fits)?.value,
      bytesPerSecond: this.limits.findLast(fits)?.value
    }
    return condition.isBlocked || condition.delay !== undefined || condition.bytesPerSecond !== undefined
      ? condition
      : fine
  }
}

/** The newest rule of the same parties takes the place of the others. Where there is nothing to overrule, none is needed. */
const replace = <A>(rules: ReadonlyArray<Rule<A | undefined>>, rule: Rule<A | undefined>) => {
  const others = rules.filter(({ between, oneWay }) => oneWay !== rule.oneWay || !isEqual(between, rule.between))
  return others.length === 0 && rule.value === undefined ? [] : [...others, rule]
}

const isOn = ({ between, oneWay }: Rule<unknown>, line: Line): boolean => {
  if (typeof between === "string") return between === line.connection && (!oneWay || line.isForward)
  const [a, b] = between
  return (is(a, line.from) && is(b, line.to)) || (!oneWay && is(b, line.from) && is(a, line.to))
}

/** Whether a host, a socket or `*` is, or has, this socket. */
export const is = (word: string, { host, name }: Party): boolean => word === "*" || word === host || word === name

/** Whether a connection is between these, in whatever direction. */
export const isBetween = (between: Between, connection: string, from: Party, to: Party): boolean =>
  isOn({ between, oneWay: false, value: true }, { connection, from, to, isForward: true })

const isEqual = (a: Between, b: Between): boolean =>
  typeof a === "string" || typeof b === "string" ? a === b : a[0] === b[0] && a[1] === b[1]

/** Whether two name the same, in whatever order. */
const isSame = (a: Between, b: Between): boolean => isEqual(a, b) || (typeof a !== "string" && isEqual([a[1], a[0]], b))

const isNone = (delay: Delay): boolean => delay._tag === "Fixed" && Duration.toMillis(delay.duration) <= 0

/** How long it takes, in milliseconds, by a number from 0 up to 1. */
export const sample = (delay: Delay, random: () => number): number => {
  switch (delay._tag) {
    case "Fixed":
      return Duration.toMillis(delay.duration)
    case "Uniform": {
      const minimum = Duration.toMillis(delay.minimum)
      return minimum + random() * (Duration.toMillis(delay.maximum) - minimum)
    }
    case "Exponential":
      return -Duration.toMillis(delay.mean) * Math.log(1 - random())
  }
}

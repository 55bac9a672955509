/**
 * Connections that libzmq has given up.
 *
 * After a handshake that failed by the protocol (another security mechanism, a type that does not fit, a client that was
 * not let in) libzmq never connects again, whatever becomes of the server. So such an endpoint is disconnected and
 * connected here, after the same pauses as any other, until the handshake succeeds.
 *
 * libzmq drops what is queued for a connection that it gives up. So the attempts made here have no queue until they have
 * succeeded (`ZMQ_IMMEDIATE`): meanwhile messages wait in the socket, or go to other peers. With its next loss, such a
 * connection is replaced by one that has a queue from the beginning, as it was.
 */

import type { SocketEvent } from "@effect-zmq/core/SocketEvent"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import type { SocketType } from "@effect-zmq/core/SocketType"
import * as Duration from "effect/Duration"
import { type Setting, ZMQ_IMMEDIATE } from "./addon.ts"
import { after } from "./eventLoop.ts"

/** What a handle does for it. */
export interface Patients {
  /** Disconnects it. */
  readonly giveUp: (address: string) => void
  /** It will be tried again, in so many milliseconds. */
  readonly planned: (address: string, millis: number) => void
  /** Connects it. */
  readonly revive: (address: string) => void
}

interface Case {
  /** Connected, and in the handshake. */
  isGreeting: boolean
  /** Whether libzmq connects again by itself after what has failed: after faults of the network. */
  isRetried: boolean
  failures: number
  /** Whether its connection, or the one being made, has a queue only once it is there. */
  isUnqueued: boolean
  cancel: (() => void) | undefined
}

/** The types that queue messages for a peer that they connect to. What subscribers tell publishers is told again. */
const queueing: ReadonlySet<SocketType> = new Set<SocketType>(["PUSH", "DEALER", "REQ", "PAIR"])

export class Revival {
  /** Whether an attempt without a queue was made. */
  private isUnqueued = false
  private readonly cases = new Map<string, Case>()
  private readonly reconnect: Resolved["reconnect"]
  private readonly patients: Patients
  /** Whether messages are queued for a connection that is being made. */
  readonly queues: boolean

  constructor(type: SocketType, options: Resolved, patients: Patients) {
    this.reconnect = options.reconnect
    this.patients = patients
    this.queues = queueing.has(type) && !options.immediate
  }

  /** What libzmq tells of what is connected to an address. */
  follow(event: SocketEvent, address: string): void {
    const one = this.caseOf(address)
    switch (event._tag) {
      case "Connected":
        one.cancel?.()
        one.isGreeting = true
        one.isRetried = false
        return
      case "HandshakeFailed":
        one.isRetried = event.problem === "other"
        return
      case "HandshakeSucceeded":
        one.isGreeting = false
        one.failures = 0
        return
      case "Disconnected":
        if (one.isGreeting) {
          // At once: whatever is queued for it from now on is lost.
          if (!one.isRetried) this.patients.giveUp(address)
          this.plan(address, one)
        } else if (one.isUnqueued) this.patients.revive(address)
        one.isGreeting = false
        return
      case "Connecting":
      case "Reconnecting":
        // libzmq has not given it up.
        one.cancel?.()
        one.isGreeting = false
        return
      default:
        return
    }
  }

  /**
   * What an attempt to connect to an address goes by, and what is set afterwards: libzmq ends the process where a
   * connection without a queue is lost and the socket is not told that it has any.
   */
  begin(address: string): readonly [before: ReadonlyArray<Setting>, afterwards: ReadonlyArray<Setting>] {
    if (!this.queues) return [[], []]
    const one = this.caseOf(address)
    one.cancel?.()
    one.isUnqueued = one.failures > 0
    this.isUnqueued ||= one.isUnqueued
    return this.isUnqueued ? [[[ZMQ_IMMEDIATE, one.isUnqueued ? 1 : 0]], [[ZMQ_IMMEDIATE, 1]]] : [[], []]
  }

  /** It cannot be done now. */
  postpone(address: string): void {
    this.plan(address, this.caseOf(address))
  }

  forget(address: string): void {
    this.cases.get(address)?.cancel?.()
    this.cases.delete(address)
  }

  stop(): void {
    for (const { cancel } of this.cases.values()) cancel?.()
    this.cases.clear()
  }

  private plan(address: string, one: Case): void {
    if (this.reconnect === undefined) return
    const { initial, maximum } = this.reconnect
    const most = Math.min(Duration.toMillis(maximum), longestMillis)
    const millis = Math.min(Duration.toMillis(initial) * 2 ** one.failures, most)
    one.failures++
    this.later(one, graceMillis, () => {
      this.patients.planned(address, millis)
      this.later(one, millis - graceMillis, () => this.patients.revive(address))
    })
  }

  private later(one: Case, millis: number, f: () => void): void {
    one.cancel?.()
    const cancel = after(Math.max(0, millis), () => {
      one.cancel = undefined
      f()
    })
    one.cancel = () => {
      one.cancel = undefined
      cancel()
    }
  }

  private caseOf(address: string): Case {
    const known = this.cases.get(address)
    if (known !== undefined) return known
    const one: Case = { isGreeting: false, isRetried: false, failures: 0, isUnqueued: false, cancel: undefined }
    this.cases.set(address, one)
    return one
  }
}

/** When libzmq connects again by itself, it says so at once. */
const graceMillis = 20

/** So that who is right again is connected within five seconds. */
const longestMillis = 4500

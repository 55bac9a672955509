/**
 * The main thread's side of the sockets of worker threads: it opens them, does what their threads ask, and closes them when
 * their threads have ended, however they did.
 *
 * Why they are not opened where they are used: a thread that is terminated, that throws or that exits, takes the process with
 * it while the addon is at work for it, or waits for it; and what it has sent without a copy is freed under libzmq's hands.
 */
import { isMainThread, type MessagePort } from "node:worker_threads"
import type { Message } from "@effect-zmq/core/Message"
import * as Security from "@effect-zmq/core/Security"
import type { Resolved } from "@effect-zmq/core/SocketOptions"
import type { SocketType } from "@effect-zmq/core/SocketType"
import type { Handle, Progress } from "@effect-zmq/core/Transport"
import { InvalidState, type Reason } from "@effect-zmq/core/ZmqError"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { type ContextOptions, isolatedContext, type NativeContext, sharedContext } from "../addon.ts"
import { configure } from "../configure.ts"
import { open } from "../handle.ts"
import {
  type Answer,
  buffersOf,
  type Call,
  type CallName,
  decode,
  encode,
  encodeReason,
  type Invitation,
  pack,
  protocol,
  unpack
} from "./carriage.ts"

/** Contexts of layers that are not to share one, by the name that their thread gave them. They live as long as the process. */
const contexts = new Map<string, NativeContext>()

const contextOf = (name: string | undefined): NativeContext => {
  if (name === undefined) return sharedContext
  const context = contexts.get(name) ?? isolatedContext()
  contexts.set(name, context)
  return context
}

/** Has the sockets of this process's worker threads opened here, if this is its main thread. */
export const listen = (): void => {
  if (!isMainThread || process.listeners("workerMessage").some((listener) => listener.name === accept.name)) return
  process.on("workerMessage", accept)
}

export const accept = function effectZmqHost(invitation: unknown): void {
  if (!isInvitation(invitation)) return
  const { ask, context, port } = invitation
  const refuse = (reason: Reason) => {
    post(port, { _tag: "Answer", id: 0, reason: encodeReason(reason) })
    port.close()
  }
  if (invitation["@effect-zmq/transport-zmq"] !== protocol) refuse(otherVersion)
  else if (ask._tag === "Configure") {
    // As the thread's `layerWith` has checked.
    const reason = configure(contextOf(context), ask.options as ContextOptions)
    if (reason !== undefined) refuse(reason)
    else {
      post(port, { _tag: "Answer", id: 0 })
      port.close()
    }
  } else Effect.runFork(Effect.scoped(serve(port, contextOf(context), ask.type, ask.options)))
}

const isInvitation = (value: unknown): value is Invitation =>
  typeof value === "object" && value !== null && "@effect-zmq/transport-zmq" in value

const otherVersion = new InvalidState({
  problem:
    "the main thread has loaded another version of @effect-zmq/transport-zmq than this thread: have both load the same"
})

const post = (port: MessagePort, answer: Answer, transfer: Array<ArrayBuffer> = []): void => {
  port.postMessage(answer, transfer)
}

/** Serves one socket until its thread closes the port, or has ended. */
const serve = Effect.fnUntraced(function* (
  port: MessagePort,
  context: NativeContext,
  type: SocketType,
  encoded: unknown
) {
  const gone = yield* Latch.make()
  port.on("close", () => gone.openUnsafe())
  const judges = new Judges(port)
  // As it was before it was encoded.
  const options = decode(encoded, () => judges.authenticate) as Resolved
  const opened = yield* Effect.result(open(context, type, options))
  if (Result.isFailure(opened)) {
    post(port, { _tag: "Answer", id: 0, reason: encodeReason(opened.failure) })
    port.close()
    return
  }
  const handle = opened.success
  const told = yield* Effect.forkScoped(
    Stream.runForEach(handle.events, (event) =>
      // The thread tells of the close itself, when it has got all that comes before.
      Effect.sync(() => event._tag !== "Closed" && post(port, { _tag: "Event", event: encode(event) }))
    )
  )
  const socket = new Hosted(port, handle, told)
  port.on("message", (call: Call) => {
    if (call._tag === "Verdict") judges.answer(call.id, call.verdict)
    else socket.call(call)
  })
  post(port, { _tag: "Answer", id: 0 })
  yield* gone.await
  // What the thread had asked to send is still sent, within linger.
})

class Hosted {
  private readonly port: MessagePort
  private readonly handle: Handle
  private readonly told: Fiber.Fiber<void>
  private readonly running = new Map<number, Fiber.Fiber<void>>()

  constructor(port: MessagePort, handle: Handle, told: Fiber.Fiber<void>) {
    this.port = port
    this.handle = handle
    this.told = told
  }

  call(call: Exclude<Call, { readonly _tag: "Verdict" }>): void {
    switch (call._tag) {
      case "Send":
        this.send(call.id, unpack(call.messages))
        break
      case "Give":
        this.give(call.id, unpack(call.messages))
        break
      case "Take":
        this.take(call.id, call.max, call.wait)
        break
      case "Cancel":
        this.running.get(call.id)?.interruptUnsafe()
        break
      case "Call": {
        // Its arguments are those of the operation.
        const operation = operations[call.name](this.handle, decode(call.args) as never, this.told)
        this.run(call.id, this.answered(call.id, operation))
      }
    }
  }

  private run(id: number, effect: Effect.Effect<void>): void {
    const fiber = Effect.runFork(effect)
    if (fiber.pollUnsafe() !== undefined) return
    this.running.set(id, fiber)
    fiber.addObserver(() => this.running.delete(id))
  }

  private answered(id: number, effect: Effect.Effect<unknown, Reason>): Effect.Effect<void> {
    return Effect.exit(effect).pipe(
      Effect.map((exit) =>
        post(
          this.port,
          Exit.isSuccess(exit)
            ? { _tag: "Answer", id, value: encode(exit.value) }
            : { _tag: "Answer", id, reason: reasonOf(exit.cause) }
        )
      )
    )
  }

  private send(id: number, messages: Array<Message>): void {
    const sent = this.sendNow(messages)
    const rest = messages.slice(sent)
    const progress: Progress = { sent: 0 }
    const tell = (reason: unknown) =>
      post(this.port, { _tag: "Sent", id, sent: sent + progress.sent, suspensions: this.suspensions, reason })
    if (!isNonEmpty(rest)) tell(undefined)
    else
      this.run(
        id,
        this.handle.send(rest, progress).pipe(
          Effect.onExit((exit) => Effect.sync(() => tell(Exit.isSuccess(exit) ? undefined : reasonOf(exit.cause)))),
          Effect.ignore
        )
      )
  }

  /** Of a socket that drops: each is sent, or in line, when the next one comes. */
  private give(id: number, messages: Array<Message>): void {
    const rest = messages.slice(this.sendNow(messages))
    const tell = () => post(this.port, { _tag: "Sent", id, sent: messages.length, suspensions: this.suspensions })
    if (!isNonEmpty(rest)) tell()
    else this.run(id, Effect.ensuring(Effect.ignore(this.handle.send(rest)), Effect.sync(tell)))
  }

  private sendNow(messages: ReadonlyArray<Message>): number {
    const refused = messages.findIndex((message) => !this.handle.sendUnsafe(message))
    return refused === -1 ? messages.length : refused
  }

  private get suspensions(): number {
    return this.handle.gaugesUnsafe?.().suspensions ?? 0
  }

  private take(id: number, max: number, wait: boolean): void {
    if (this.takeNow(id, max)) return
    const { handle } = this
    this.run(
      id,
      Effect.exit(wait ? handle.readable : handle.refresh).pipe(
        // What came is taken in this very step: whoever is interrupted before it has taken nothing.
        Effect.map((exit) => {
          if (Exit.isFailure(exit)) this.tellTaken(id, [], reasonOf(exit.cause))
          else if (!this.takeNow(id, max)) this.tellTaken(id, [])
        }),
        // The thread waits for the answer to what it has called off, too: it may have been given.
        Effect.onInterrupt(() => Effect.sync(() => this.tellTaken(id, [])))
      )
    )
  }

  private takeNow(id: number, max: number): boolean {
    const messages = this.handle.receiveUnsafe(max)
    if (messages.length === 0) return false
    this.tellTaken(id, messages)
    return true
  }

  private tellTaken(id: number, messages: ReadonlyArray<Message>, reason?: unknown): void {
    const { userOf } = this.handle
    const packed = pack(messages)
    const users = userOf === undefined ? undefined : messages.map((message) => encode(userOf(message)))
    post(
      this.port,
      { _tag: "Taken", id, messages: packed, reason, ...(users !== undefined && { users }) },
      buffersOf(packed)
    )
  }
}

const isNonEmpty = (messages: ReadonlyArray<Message>): messages is NonEmptyReadonlyArray<Message> => messages.length > 0

/** Nobody waits for what was interrupted. What dies here is to be seen. */
const reasonOf = (cause: Cause.Cause<Reason>): unknown => {
  const reason = Cause.findErrorOption(cause)
  if (reason._tag === "Some") return encodeReason(reason.value)
  return Cause.hasInterruptsOnly(cause)
    ? undefined
    : encodeReason(new InvalidState({ problem: `a defect in the main thread: ${Cause.pretty(cause)}` }))
}

type Operation = (
  handle: Handle,
  // What `guest.ts` gives each of them.
  args: never,
  told: Fiber.Fiber<void>
) => Effect.Effect<unknown, Reason>

const operations: Record<CallName, Operation> = {
  bind: (handle, [endpoint]: Parameters<Handle["bind"]>) => handle.bind(endpoint),
  unbind: (handle, [endpoint]: Parameters<Handle["unbind"]>) => handle.unbind(endpoint),
  connect: (handle, args: Parameters<Handle["connect"]>) => handle.connect(...args),
  disconnect: (handle, [endpoint]: Parameters<Handle["disconnect"]>) => handle.disconnect(endpoint),
  subscribe: (handle, [prefix]: Parameters<Handle["subscribe"]>) => handle.subscribe(prefix),
  unsubscribe: (handle, [prefix]: Parameters<Handle["unsubscribe"]>) => handle.unsubscribe(prefix),
  withdraw: (handle) => handle.withdraw,
  peers: (handle) => handle.peers,
  endpoints: (handle) => handle.endpoints,
  drain: (handle, [within]: [Duration.Duration], told) => Effect.tap(handle.drain(within), () => Fiber.await(told))
}

/** The clients that the thread is asked about. */
class Judges {
  private readonly port: MessagePort
  private readonly asked = new Map<number, (verdict: Effect.Effect<Security.User, Security.Denied>) => void>()
  private next = 1

  constructor(port: MessagePort) {
    this.port = port
  }

  readonly authenticate = (request: Security.Request): Effect.Effect<Security.User, Security.Denied> =>
    Effect.callback((resume) => {
      const id = this.next++
      this.asked.set(id, resume)
      post(this.port, { _tag: "Judge", id, request: encode(request) })
      return Effect.sync(() => this.asked.delete(id))
    })

  answer(id: number, verdict: unknown): void {
    const resume = this.asked.get(id)
    this.asked.delete(id)
    const { defect, denied, user } = verdict as Verdict // as `guest.ts` gives it
    if (denied !== undefined) resume?.(Effect.fail(new Security.Denied({ reason: denied })))
    else if (user === undefined) resume?.(Effect.die(defect))
    else resume?.(Effect.succeed(user))
  }
}

/** What a thread says of a client. */
export interface Verdict {
  readonly user?: Security.User
  readonly denied?: string
  readonly defect?: unknown
}

/** Who does what a worker is asked for: the handlers of a group, by `RpcServer`, or one handler of bytes. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as RpcMessage from "effect/rpc/RpcMessage"
import type * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import type * as Semaphore from "effect/Semaphore"
import { Flag, type Header, Kind, type Packer, type Record, textOf } from "../records.ts"
import { packBody, type RequestProblem, readRequest } from "../rpc/bodies.ts"
import type { Start } from "../rpc/outbox.ts"
import type { Call } from "./session.ts"
import type { Hands, Laborer } from "./worker.ts"

/** The header that tells a handler which attempt it is, from the second on. */
export const attemptHeader = "zmq-attempt"

/**
 * Calls that were begun and lost by no fault of theirs, by their `requestId`: their Exit is not to be believed. Whoever
 * hands one back does so before its handler ends.
 */
export const handedBack = new Set<string>()

/** A record about a call: with its names, and that of who gave it. */
const headerOf = (kind: Kind, { attempt, id, instance, sequence }: Call, epoch: number): Header => ({
  kind,
  id,
  epoch,
  attempt,
  instance,
  sequence
})

const problems: { readonly [P in RequestProblem]: string } = {
  codec: "its payload is of another serialization than the worker's: give both the same layer",
  prefix: "its headers cannot be read",
  json: "its payload is no JSON"
}

// -----------------------------------------------------------------------------
// Handlers of a group
// -----------------------------------------------------------------------------

/** The protocol of an `RpcServer` that works for a pool. To it, each session is a client of its own. */
export const serverHands = Effect.fnUntraced(function* (
  serialization: RpcSerialization.RpcSerialization["Service"],
  bytes: boolean,
  start: Start,
  laborer: () => Laborer
) {
  const disconnects = yield* Queue.make<number>()
  const encodeDefect = Schema.encodeSync(serialization.codecFor(Schema.Defect()))
  let hands: Hands | undefined
  const protocol = yield* RpcServer.Protocol.make((write) =>
    Effect.sync(() => {
      const fail = (session: number, key: string, defect: unknown) =>
        laborer().answer(session, key, (packer, call, epoch) =>
          packBody(packer, headerOf(Kind.Defect, call, epoch), defect)
        )
      const sessions = new Set<number>()
      hands = {
        begin: (session, key, record, call) => {
          sessions.add(session)
          const request = requestOf(record, key, bytes)
          if (typeof request === "string") {
            fail(session, key, encodeDefect(`the call cannot be read: ${problems[request]}`))
            return
          }
          if (handedBack.size > 0) handedBack.delete(key)
          const fiber = start(Effect.suspend(() => write(session, toBeAnswered(request, call.attempt))))
          // It dies of what a codec throws at, and then nobody has answered.
          const given = (exit: Exit.Exit<void>) => {
            if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
            fail(session, key, encodeDefect(Cause.squash(exit.cause)))
          }
          const exit = fiber.pollUnsafe()
          if (exit === undefined) fiber.addObserver(given)
          else given(exit)
        },
        interrupt: (session, key) => {
          start(Effect.suspend(() => write(session, { _tag: "Interrupt", requestId: key })))
        },
        abandon: (session) => {
          if (sessions.delete(session)) Queue.offerUnsafe(disconnects, session)
        }
      }
      const end = (session: number, { exit, requestId }: RpcMessage.ResponseExitEncoded): Effect.Effect<void> => {
        const key = String(requestId)
        if (handedBack.size > 0 && handedBack.delete(key)) {
          laborer().returned(session, key)
          return Effect.void
        }
        const unsent = laborer().answer(session, key, (packer, call, epoch) =>
          packBody(packer, headerOf(Kind.Exit, call, epoch), exit)
        )
        // `RpcServer` then answers with the defect.
        return unsent === undefined ? laborer().awaitRoom : Effect.die(unsent.cause)
      }
      return {
        disconnects,
        send: (session: number, response: RpcMessage.FromServerEncoded) =>
          Effect.suspend(() => {
            if (response._tag === "Exit") return end(session, response)
            if (response._tag !== "Defect") return Effect.void
            // It does not say of which call: they all fail, rather than one that is never answered.
            for (const key of [...laborer().session.calls.keys()]) fail(session, key, response.defect)
            if (session === laborer().session.number) laborer().restart()
            return Effect.void
          }),
        end: () => Effect.void,
        clientIds: Effect.sync((): ReadonlySet<number> => sessions),
        initialMessage: Effect.succeedNone,
        supportsAck: false,
        supportsTransferables: false,
        supportsSpanPropagation: true,
        supportsNotifications: false,
        codecFor: serialization.codecFor
      }
    })
  )
  // `make` has run it.
  return { protocol, hands: hands as unknown as Hands }
})

/** A call that has come in; of one that was submitted as bytes, its body is the payload. */
const requestOf = (record: Record, id: string, bytes: boolean): RpcMessage.RequestEncoded | RequestProblem => {
  if ((record.flags & Flag.Encoded) === 0) return readRequest(record, id, bytes)
  const { body, tag } = record
  if (bytes) return { _tag: "Request", id, tag, payload: body, headers: [] }
  const payload = Result.try((): unknown => JSON.parse(textOf(body, 0, body.length)))
  if (Result.isFailure(payload)) return "json"
  return { _tag: "Request", id, tag, payload: payload.success, headers: [] }
}

/** The dispatcher waits for the end of each call, also where its caller does not: else its credit would not return. */
const toBeAnswered = (request: RpcMessage.RequestEncoded, attempt: number): RpcMessage.RequestEncoded => {
  const { discard, headers, isNotification, ...rest } = request
  if (discard === undefined && isNotification === undefined && attempt < 2) return request
  return { ...rest, headers: attempt < 2 ? headers : [...headers, [attemptHeader, String(attempt)]] }
}

// -----------------------------------------------------------------------------
// A handler of bytes
// -----------------------------------------------------------------------------

/** A call, as a handler of bytes gets it. */
export interface BytesCall {
  readonly tag: string
  readonly body: Uint8Array
  /** The same in every attempt. */
  readonly requestId: string
  /** From 1 on. */
  readonly attempt: number
}

/** Calls as bytes, each in a fiber of its own where it takes any time. */
export const bytesHands = (
  handler: (call: BytesCall) => Effect.Effect<Uint8Array, unknown>,
  semaphore: Semaphore.Semaphore | undefined,
  start: Start,
  laborer: () => Laborer
): Hands => {
  const fibers = new Map<string, Fiber.Fiber<unknown, unknown>>()
  const nameOf = (session: number, key: string) => `${session} ${key}`
  const answer = (session: number, key: string, exit: Exit.Exit<Uint8Array, unknown>) =>
    laborer().answer(session, key, (packer, call, epoch) => packResult(packer, call, epoch, exit))
  return {
    begin: (session, key, record, { attempt }) => {
      const { body, tag } = record
      const handled = Effect.suspend(() => handler({ tag, body, requestId: key, attempt }))
      const fiber = start(semaphore === undefined ? handled : semaphore.withPermit(handled))
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) {
        answer(session, key, exit)
        return
      }
      const name = nameOf(session, key)
      fibers.set(name, fiber)
      fiber.addObserver((exit) => {
        fibers.delete(name)
        answer(session, key, exit)
      })
    },
    interrupt: (session, key) => fibers.get(nameOf(session, key))?.interruptUnsafe(),
    abandon: (session) => {
      const prefix = nameOf(session, "")
      for (const [name, fiber] of fibers) if (name.startsWith(prefix)) fiber.interruptUnsafe()
    }
  }
}

const packResult = (packer: Packer, call: Call, epoch: number, exit: Exit.Exit<Uint8Array, unknown>): undefined => {
  if (Exit.isSuccess(exit)) {
    packer.add({ ...headerOf(Kind.Exit, call, epoch), flags: Flag.Bytes }, "", exit.value)
    return
  }
  const error = Cause.squash(exit.cause)
  packer.add(
    headerOf(Kind.Defect, call, epoch),
    "",
    JSON.stringify(error instanceof Error ? error.message : String(error))
  )
}

/** What a call of this process ended with, as text: the body of a Defect. */
export const defectText = (record: Record): string => {
  const text = new TextDecoder().decode(record.body)
  const parsed = Result.try((): unknown => JSON.parse(text))
  return Result.isSuccess(parsed) && typeof parsed.success === "string" ? parsed.success : text
}

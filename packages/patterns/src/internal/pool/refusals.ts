/** What the dispatcher takes, what it refuses, and in which words. */
import { Flag, type Hello, version } from "../records.ts"
import type { DeadReason, Job, Refusal } from "./job.ts"

/** The codec of a worker that takes bytes as they are. */
export const anyCodec = ""

/** What a caller wants to hear: how its call ends, that it is queued, or nothing. */
export const answering = (flags: number) => ({
  isAnswered: (flags & (Flag.Discard | Flag.Notification)) === 0,
  isConfirmed: (flags & Flag.Notification) === 0 && (flags & Flag.Discard) !== 0
})

/** What is wrong with somebody who wants to be a worker. */
export const problemOf = ({ role, version: other }: Hello): string | undefined => {
  if (role !== "worker") return `a ${role}: this endpoint is for workers`
  return other === version ? undefined : `version ${other}: this is ${version}`
}

/** What clients are told. */
export const refusals: { readonly [R in Refusal]: (detail: string) => string } = {
  UnknownTag: (tag) => `the pool has no call ${JSON.stringify(tag)}: its group is another one than the client's`,
  Draining: () => "the pool takes no more calls: it is about to end",
  Closed: () => "the pool has ended before the call",
  Codec: (codecs) => `the worker understands another serialization than the client speaks: ${codecs}`
}

export const deaths: { readonly [R in DeadReason]: (job: Job) => string } = {
  WorkerLost: ({ tag }) =>
    `the worker that had the call was lost, and ${tag} is not idempotent: whether it was done is unknown`,
  TooManyAttempts: ({ attempts }) => `the call was given to ${attempts} workers, and each was lost with it`,
  ScheduleEnded: ({ attempts }) =>
    `the call was given to ${attempts} workers, each was lost with it, and its schedule has ended`,
  Closed: ({ tag }) => refusals.Closed(tag)
}

/**
 * Who is connected to whom over inproc, of which libzmq's monitor tells nothing: the sockets of this thread are known, and
 * libzmq connects them in the call that binds or connects the second of two. What is in another thread is not seen.
 */
import type { NativeContext } from "./addon.ts"

/** A socket at a name, bound or connected to it. */
export interface End {
  readonly name: string
  /** It has a peer, or has lost one. */
  readonly joined: () => void
  readonly left: () => void
}

interface Names {
  readonly bound: Map<string, End>
  readonly waiting: Map<string, Set<End>>
}

const names = new WeakMap<NativeContext, Names>()

const peers = new WeakMap<End, Set<End>>()

const of = (context: NativeContext): Names => {
  const known = names.get(context) ?? { bound: new Map(), waiting: new Map() }
  names.set(context, known)
  return known
}

const peersOf = (end: End): Set<End> => {
  const known = peers.get(end) ?? new Set()
  peers.set(end, known)
  return known
}

export const bind = (context: NativeContext, end: End): void => {
  const { bound, waiting } = of(context)
  bound.set(end.name, end)
  const all = waiting.get(end.name) ?? []
  waiting.delete(end.name)
  for (const one of all) join(one, end)
}

/** Accepts no more peers; those that are connected stay. */
export const unbind = (context: NativeContext, end: End): void => {
  const { bound } = of(context)
  if (bound.get(end.name) === end) bound.delete(end.name)
}

export const connect = (context: NativeContext, end: End): void => {
  const { bound, waiting } = of(context)
  const there = bound.get(end.name)
  if (there !== undefined) join(end, there)
  else waiting.set(end.name, (waiting.get(end.name) ?? new Set()).add(end))
}

/** It is gone, and its connections with it. */
export const leave = (context: NativeContext, end: End): void => {
  unbind(context, end)
  of(context).waiting.get(end.name)?.delete(end)
  for (const peer of peersOf(end)) {
    peersOf(peer).delete(end)
    peer.left()
  }
  peers.delete(end)
}

const join = (connecting: End, bound: End): void => {
  peersOf(connecting).add(bound)
  peersOf(bound).add(connecting)
  bound.joined()
  connecting.joined()
}

/** The one table from the codes of libzmq and the system to reasons. */
import {
  AddressInUse,
  AddressUnavailable,
  Closed,
  InvalidState,
  LimitReached,
  type Reason,
  Unexpected,
  Unsupported
} from "@effect-zmq/core/ZmqError"
import type { Failure } from "./addon.ts"

export const transportName = "zmq"

/** What makes an endpoint unusable, by code, in words. */
const unavailable: Readonly<Record<string, string>> = {
  EACCES: "this process is not permitted to use it",
  EADDRNOTAVAIL: "its address is not one of this machine's",
  EAGAIN: "its host name cannot be resolved at the moment",
  EINVAL: "the system does not take it",
  EISDIR: "a directory has this name",
  ELOOP: "its path has a circle of links",
  ENAMETOOLONG: "its path is too long",
  ENODEV: "this machine has no such host, address or interface",
  ENOENT: "its directory does not exist",
  ENOTDIR: "a part of its path is not a directory",
  EPERM: "this process is not permitted to use it",
  EROFS: "its file system is read-only"
}

/** Why something failed; `endpoint` is what it was done with. */
export const reasonOf = (failure: Failure, endpoint = "the socket"): Reason => {
  const problem = unavailable[failure.code]
  if (problem !== undefined) return new AddressUnavailable({ endpoint, problem })
  switch (failure.code) {
    case "EADDRINUSE":
      return new AddressInUse({ endpoint })
    case "EPROTONOSUPPORT":
    case "ENOCOMPATPROTO":
    case "EAFNOSUPPORT":
      return new Unsupported({ transport: transportName, feature: endpoint, hint: "use tcp, ipc or inproc" })
    case "EMFILE":
    case "ENFILE":
      return new LimitReached({
        limit: "files that this process has open at once, of which each socket takes three",
        maximum: openFiles(),
        option: "`ulimit -n` (or ZmqTransport.layerWith({ maxSockets }), where zeromq's own sockets are in use too)"
      })
    case "ENOTSUP":
      return new InvalidState({ problem: "a socket of this type cannot do this" })
    case "EFSM":
      return new InvalidState({ problem: "the socket is not in a state in which this can be done" })
    case "EBADF":
    case "ENOTSOCK":
    case "ETERM":
      return new Closed()
    default:
      return new Unexpected({ code: failure.code, cause: failure.cause })
  }
}

/** Why a bind failed. Of a device that it was to go by, libzmq tells nothing but that it failed. */
export const reasonOfBind = (failure: Failure, endpoint: string, device: string | undefined): Reason =>
  device === undefined || failure.code === "EADDRINUSE" || failure.code === "EADDRNOTAVAIL"
    ? reasonOf(failure, endpoint)
    : new AddressUnavailable({
        endpoint,
        problem: `the device ${device} does not exist, or this process is not permitted to use it, or ${failure.code}`
      })

/** How many files this process may have open. */
const openFiles = (): number => {
  // `userLimits` is part of the report, which has no type.
  const report = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft: number } }
  }
  return report.userLimits?.open_files?.soft ?? Number.NaN
}

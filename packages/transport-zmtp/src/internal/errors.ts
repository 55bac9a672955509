/** The one table from the codes of the system to reasons. */
import {
  AddressInUse,
  AddressUnavailable,
  LimitReached,
  type Reason,
  Unexpected,
  Unsupported
} from "@effect-zmq/core/ZmqError"

export const transportName = "zmtp"

/** What makes an endpoint unusable, by code, in words. */
const unavailable: Readonly<Record<string, string>> = {
  EACCES: "this process is not permitted to use it",
  EADDRNOTAVAIL: "its address is not one of this machine's",
  EAI_AGAIN: "its host name cannot be resolved at the moment",
  EEXIST: "a file that is no socket has this name",
  EINVAL: "the system does not take it",
  EISDIR: "a directory has this name",
  ELOOP: "its path has a circle of links",
  ENAMETOOLONG: "its path is too long",
  ENODEV: "this machine has no such address or interface",
  ENOENT: "its directory does not exist",
  ENOTDIR: "a part of its path is not a directory",
  ENOTFOUND: "this machine knows no such host or interface",
  EPERM: "this process is not permitted to use it",
  EROFS: "its file system is read-only"
}

/** Why an endpoint could not be bound. */
export const reasonOf = (code: string, endpoint: string): Reason => {
  const problem = unavailable[code]
  if (problem !== undefined) return new AddressUnavailable({ endpoint, problem })
  if (code === "EADDRINUSE") return new AddressInUse({ endpoint })
  if (code === "EAFNOSUPPORT") return unsupported(endpoint, "use another address")
  if (code === "EMFILE" || code === "ENFILE") {
    return new LimitReached({ limit: "open files", maximum: Number.NaN, option: "`ulimit -n`" })
  }
  return new Unexpected({ code, cause: undefined })
}

export const unsupported = (feature: string, hint: string): Unsupported =>
  new Unsupported({ transport: transportName, feature, hint })

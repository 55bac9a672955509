/**
 * Files, in words: what goes wrong with them, and how large they are.
 */
import { Data, type PlatformError } from "effect"

export class FileProblem extends Data.TaggedError("FileProblem")<{ readonly message: string }> {}

/** What the system said of a file or a directory. */
export const describe = (name: string, { reason }: PlatformError.PlatformError): FileProblem => {
  switch (reason._tag) {
    case "NotFound":
      return new FileProblem({ message: `${name} does not exist` })
    case "PermissionDenied":
      return new FileProblem({ message: `${name} may not be used: permission denied` })
    case "AlreadyExists":
      return new FileProblem({ message: `there is a ${name} already` })
    default: {
      const { cause, message } = reason
      return new FileProblem({ message: `${name} cannot be used: ${cause instanceof Error ? cause.message : message}` })
    }
  }
}

/** Bytes as a person would write them. */
export const size = (bytes: number): string => {
  if (bytes < 1000) return `${bytes} bytes`
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`
}

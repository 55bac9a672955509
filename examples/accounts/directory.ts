/** `--directory DIR` */
import { Flag } from "effect/cli"

export const directory = Flag.String("directory").pipe(
  Flag.withDefault("ledgers"),
  Flag.withMetavar("DIR"),
  Flag.withDescription("where the accounts are kept, the same for all runners (default: ledgers)")
)

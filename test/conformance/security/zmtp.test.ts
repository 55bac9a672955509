import { zmtp } from "../zmtp.ts"
import { matrix } from "./matrix.ts"

// There is no CURVE yet.
matrix(
  zmtp,
  ["tcp", "ipc"],
  () => [],
  ({ client, server }) => server?._tag === "Curve" || client?._tag === "Curve"
)

/**
 * The id of a client: what the server's ROUTER is to call it.
 */
import { RoutingId } from "@effect-zmq/core"
import { Flag } from "effect/cli"

/** `--id TEXT`: its own, unless it is given one */
export const id = Flag.String("id").pipe(
  Flag.filter(
    (text) => RoutingId.make(text) !== undefined,
    () => "--id must have 1 to 255 bytes"
  ),
  Flag.withDefault(`client-${process.pid}`),
  Flag.withMetavar("TEXT"),
  Flag.withDescription("the client's routing id, which no other client of the server has (default: its process id)")
)

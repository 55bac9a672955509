import { zmq } from "../zmq.ts"
import { matrix } from "./matrix.ts"
import type { Row } from "./rows.ts"

/**
 * Where the mechanisms differ, both sides see it, and who sees it first closes the connection: the other one may learn of
 * the close (over ipc, always) before it has read the bytes that it would have seen it by.
 */
const closedFirst = ({ expected }: Row) =>
  expected.server === "protocol" && expected.client === "protocol"
    ? ([
        { server: "protocol", client: "other" },
        { server: "other", client: "protocol" }
      ] as const)
    : []

// libzmq knows no security over inproc.
matrix(zmq, ["tcp", "ipc"], closedFirst)

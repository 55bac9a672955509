/**
 * The TypeScript transport of effect-zmq: ZMTP 3.1 over the sockets of Node.
 *
 * @since 0.1.0
 */
export * as ZmtpTransport from "./ZmtpTransport.ts"

/**
 * The native transport of effect-zmq: libzmq, through the `zeromq` addon.
 *
 * @since 0.1.0
 */
export * as ZmqTransport from "./ZmqTransport.ts"

/**
 * ZeroMQ for Effect: sockets are scoped resources and streams of messages.
 *
 * @since 0.1.0
 */
export * as Endpoint from "./Endpoint.ts"
export * as EventLog from "./EventLog.ts"
export * as MemoryTransport from "./MemoryTransport.ts"
export * as Message from "./Message.ts"
export * as Poller from "./Poller.ts"
export * as Pub from "./Pub.ts"
export * as Pull from "./Pull.ts"
export * as Push from "./Push.ts"
export * as Rep from "./Rep.ts"
export * as Req from "./Req.ts"
export * as RoutingId from "./RoutingId.ts"
export * as Simulation from "./Simulation.ts"
export * as Socket from "./Socket.ts"
export * as SocketEvent from "./SocketEvent.ts"
export * as SocketOptions from "./SocketOptions.ts"
export * as SocketType from "./SocketType.ts"
export * as Sub from "./Sub.ts"
export * as Transport from "./Transport.ts"
export * as ZmqError from "./ZmqError.ts"

/**
 * The field's messaging patterns as Layers and services, over `@effect-zmq/core` alone.
 *
 * @since 0.1.0
 */
export * as Broker from "./Broker.ts"
export * as Doctor from "./Doctor.ts"
export * as Envelope from "./Envelope.ts"
export * as Shutdown from "./Shutdown.ts"
export * as Supervisor from "./Supervisor.ts"
export * as Topic from "./Topic.ts"
export * as WorkerPool from "./WorkerPool.ts"
export * as ZmqRpcClient from "./ZmqRpcClient.ts"
export * as ZmqRpcServer from "./ZmqRpcServer.ts"
export * as ZmqRunner from "./ZmqRunner.ts"

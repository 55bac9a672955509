/**
 * The field's messaging patterns as Layers and services, over `@effect-zmq/core` alone.
 *
 * @since 0.1.0
 */
export * as Broker from "./Broker.ts"
export * as Envelope from "./Envelope.ts"
export * as Topic from "./Topic.ts"

/**
 * The field's messaging patterns as Layers and services, over `@effect-zmq/core` alone.
 *
 * @since 0.1.0
 */

// Empty for now: the patterns arrive with the routing sockets (DEALER, ROUTER) that they stand on.
export {}

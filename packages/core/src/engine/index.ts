/**
 * The engine: the socket types of ZeroMQ over anything that carries messages. For transport authors.
 *
 * @since 0.1.0
 */
export * as Distributor from "./Distributor.ts"
export * as FairQueue from "./FairQueue.ts"
export * as Greeting from "./Greeting.ts"
export * as Inproc from "./Inproc.ts"
export * as Link from "./Link.ts"
export * as LoadBalancer from "./LoadBalancer.ts"
export * as Pattern from "./Pattern.ts"
export * as Pipe from "./Pipe.ts"
export * as Patterns from "./patterns/index.ts"
export * as SocketEngine from "./SocketEngine.ts"
export * as SubscriptionTree from "./SubscriptionTree.ts"

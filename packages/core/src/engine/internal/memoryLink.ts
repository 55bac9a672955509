import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Random from "effect/Random"
import * as Endpoint from "../../Endpoint.ts"
import type { Connection as Description, Dropped, Party } from "../../Network.ts"
import type * as Security from "../../Security.ts"
import { SocketEvent } from "../../SocketEvent.ts"
import type { SocketType } from "../../SocketType.ts"
import { AddressInUse, Unsupported } from "../../ZmqError.ts"
import { type Link, LinkDown, type Listener, type Port } from "../Link.ts"
import type { Engine } from "../SocketEngine.ts"
import { MemoryPipe } from "./memoryPipe.ts"
import type { MemoryNetwork } from "./network.ts"

/**
 * The network as one socket sees it.
 */
export class MemoryLink implements Link<MemoryPipe> {
  readonly network: MemoryNetwork
  readonly party: Party
  readonly type: SocketType
  /** What the socket draws chance from, and nobody else. */
  readonly random: Random.Random
  /** Those that may have something in them. */
  readonly pipes = new Set<MemoryPipe>()
  /** Of who opened the socket. */
  context: Context.Context<never> = Context.empty()
  /** Says who is let in; made when somebody asks. */
  judge: ReturnType<typeof Security.makeJudge> | undefined = undefined
  engine: Engine | undefined = undefined
  private sweepAt = 16

  constructor(network: MemoryNetwork, party: Party, type: SocketType, random: Random.Random) {
    this.network = network
    this.party = party
    this.type = type
    this.random = random
  }

  readonly pipe = (endpoint: Endpoint.Endpoint, port: Port): MemoryPipe =>
    this.add(new MemoryPipe(this, port, Endpoint.format(endpoint), endpoint._tag !== "Inproc", true))

  accepted(port: Port, endpoint: string, isNetworked: boolean): MemoryPipe {
    return this.add(new MemoryPipe(this, port, endpoint, isNetworked, false))
  }

  readonly listen = (endpoint: Endpoint.Endpoint, port: Port): Effect.Effect<Listener, AddressInUse | Unsupported> =>
    Effect.suspend((): Effect.Effect<Listener, AddressInUse | Unsupported> => {
      if (endpoint._tag === "Other") return Effect.fail(unsupported(endpoint))
      const bound = this.network.bind(endpoint, this, port)
      if (bound === undefined) return Effect.fail(new AddressInUse({ endpoint: Endpoint.format(endpoint) }))
      port.log(SocketEvent.Listening({ endpoint: Endpoint.format(bound.endpoint) }))
      this.network.appear(bound)
      return Effect.succeed({ endpoint: bound.endpoint, close: Effect.sync(() => this.network.unbind(bound)) })
    })

  readonly dial = (endpoint: Endpoint.Endpoint, pipe: MemoryPipe, _port: Port): Effect.Effect<never, LinkDown> =>
    Effect.withFiber((fiber) =>
      Effect.callback((resume) => {
        const { network } = this
        const attempt = (): boolean => {
          const bound = network.find(endpoint)
          if (bound === undefined) return false
          network.connect(pipe, endpoint, bound)
          return true
        }
        const abandon = Effect.sync(() => pipe.abandon())
        pipe.dial(fiber.currentDispatcher, (down) => resume(Effect.fail(down)))
        if (network.refuses(endpoint)) return pipe.failed("the connection was refused")
        if (attempt()) return abandon
        if (endpoint._tag !== "Inproc") {
          const appeared = Effect.callback<void>((resume) => {
            const look = () => {
              if (network.find(endpoint) === undefined) return false
              resume(Effect.void)
              return true
            }
            // It may have appeared before anybody waited.
            return look() ? undefined : Effect.sync(network.wait(endpoint, look))
          })
          return resume(Effect.fail(new LinkDown({ problem: "the connection was refused", appeared })))
        }
        return Effect.andThen(Effect.sync(network.wait(endpoint, attempt)), abandon)
      })
    )

  /** What is queued outside of connections. */
  describe(): ReadonlyArray<Description> {
    this.sweep()
    const nothing = { unsent: 0, inFlight: 0, received: 0, dropped: 0 }
    return Array.from(this.pipes).flatMap((pipe): ReadonlyArray<Description> => {
      if (pipe.connection !== undefined || (!pipe.isDialer && pipe.pending === 0)) return []
      const sent = { ...nothing, unsent: pipe.unsent.queued, dropped: pipe.missed }
      const received = { ...nothing, received: pipe.pending }
      const { endpoint, isDialer, open } = pipe
      return [
        {
          name: isDialer ? `${this.party.name} → ${endpoint}` : `→ ${this.party.name} ${endpoint}`,
          state: open ? "Connecting" : "Ended",
          from: isDialer ? this.party.name : undefined,
          to: isDialer ? undefined : this.party.name,
          endpoint,
          forward: isDialer ? sent : received,
          backward: isDialer ? received : sent
        }
      ]
    })
  }

  get unheard(): number {
    return this.engine?.unheard ?? 0
  }

  get unheardCause(): "unroutable" | "noSubscriber" {
    return this.engine?.unheardCause ?? "noSubscriber"
  }

  /** Messages of this socket are lost. */
  count(cause: keyof Dropped, messages: number, pipe?: MemoryPipe): void {
    this.network.count(cause, messages)
    // By its port: of a link within another one, the engine is not known here.
    const { losses } = pipe?.port ?? this.engine ?? {}
    losses?.add(cause, messages, pipe)
  }

  readonly settle = (): void => {
    for (const pipe of this.pipes) this.settlePipe(pipe)
    this.pipes.clear()
  }

  private settlePipe(pipe: MemoryPipe): void {
    this.network.settle(pipe)
    pipe.port.losses.add("unread", pipe.pending, pipe)
  }

  /** The socket is closed. */
  end(): void {
    this.network.count(this.unheardCause, this.unheard)
    this.settle()
  }

  private add(pipe: MemoryPipe): MemoryPipe {
    if (this.pipes.size >= this.sweepAt) {
      this.sweep()
      this.sweepAt = 2 * this.pipes.size + 16
    }
    this.pipes.add(pipe)
    return pipe
  }

  /** Lets go of pipes that are over: nothing comes in any more, and what has is taken, or nobody reads it. */
  private sweep(): void {
    for (const pipe of this.pipes) {
      if (pipe.open || pipe.connection !== undefined || (pipe.finished && pipe.pending > 0)) continue
      this.settlePipe(pipe)
      this.pipes.delete(pipe)
    }
  }
}

const unsupported = (endpoint: Endpoint.Other): Unsupported =>
  new Unsupported({
    transport: "memory",
    feature: `${endpoint.scheme}:// endpoints`,
    hint: "use tcp://host:port, ipc://path or inproc://name"
  })

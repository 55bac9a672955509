/** Request and reply. */
import { Effect } from "effect"
import { mixed, type Role } from "../roles.ts"

/** Takes the requests one after the other. */
export const helloServer: Role = {
  ours: {
    program: "hello/server",
    flags: ["--delay", "1 millis"],
    bound: [/^Listening on (\S+)$/m],
    did: /(Hello\n){3}/
  },
  python: { program: "hello_server", did: /(Received request: b'Hello'\n){3}/ }
}

export const helloClient: Role = {
  ours: { program: "hello/client", flags: ["--count", "3"], did: /^1: World\n2: World\n3: World\n/m },
  python: {
    program: "hello_client",
    flags: ["--count", "3"],
    did: /^Received reply 0 \[ b'World' ]\nReceived reply 1 \[ b'World' ]\nReceived reply 2 \[ b'World' ]\n$/
  }
}

mixed("hello", { server: helloServer, client: helloClient }, (cast) =>
  Effect.gen(function* () {
    const server = yield* cast.server({ bind: 1 })
    const client = yield* cast.client({ connect: server.endpoints })
    yield* client.ended
    yield* server.did
  })
)

mixed(
  "hello, in small letters",
  {
    server: {
      ours: { ...helloServer.ours, did: /(hello\n){2}/ },
      python: { program: "hello_server", did: /(Received request: b'hello'\n){2}/ }
    },
    client: {
      ours: {
        program: "hello/client",
        flags: ["--count", "2", "--say", "hello", "--interval", "1 millis"],
        did: /^1: world\n2: world\n/m
      },
      python: {
        program: "hello_client",
        flags: ["--count", "2", "--say", "hello"],
        did: /^Received reply 0 \[ b'world' ]\nReceived reply 1 \[ b'world' ]\n$/
      }
    }
  },
  (cast) =>
    Effect.gen(function* () {
      const server = yield* cast.server({ bind: 1 })
      const client = yield* cast.client({ connect: server.endpoints })
      yield* client.ended
      yield* server.did
    })
)

const routerServer: Role = {
  ours: {
    program: "dealer-router/server",
    bound: [/^Listening on (\S+)$/m],
    did: /^"Hello", \d+ under way$/m
  },
  python: { program: "router_server", did: /^(Received request: b'Hello'\n)+/m }
}

const dealerClient: Role = {
  ours: { program: "dealer-router/client", did: /^10: World\n10 answers in \d+ ms\n$/m },
  python: { program: "dealer_client", did: /^Received reply 10 \[b'World']\n$/m }
}

mixed("dealer-router", { server: routerServer, client: dealerClient }, (cast) =>
  Effect.gen(function* () {
    const server = yield* cast.server({ bind: 1 })
    const client = yield* cast.client({ connect: server.endpoints })
    yield* client.ended
    yield* server.did
  })
)

mixed("dealer-router, a DEALER at a REP", { server: helloServer, client: dealerClient }, (cast) =>
  Effect.gen(function* () {
    const server = yield* cast.server({ bind: 1 })
    const client = yield* cast.client({ connect: server.endpoints })
    yield* client.ended
    yield* server.did
  })
)

mixed(
  "dealer-router, a REQ at a ROUTER",
  { server: { ...routerServer, python: { ...routerServer.python, flags: ["--together", "1"] } }, client: helloClient },
  (cast) =>
    Effect.gen(function* () {
      const server = yield* cast.server({ bind: 1 })
      const client = yield* cast.client({ connect: server.endpoints })
      yield* client.ended
      yield* server.did
    })
)

const oneRequest = {
  ours: helloClient.ours,
  python: { ...helloClient.python, flags: ["--count", "1"], did: /^Received reply 0 \[ b'World' ]\n$/ }
}

mixed(
  "threads, the service",
  {
    service: {
      ours: {
        program: "threads/service",
        bound: [/^Listening on (\S+), with \d+ threads$/m],
        did: /^Thread \d+ got "Hello"$/m
      },
      python: helloServer.python
    },
    client: oneRequest
  },
  (cast) =>
    Effect.gen(function* () {
      const service = yield* cast.service({ bind: 1 })
      const clients = yield* Effect.forEach([1, 2], () => cast.client({ connect: service.endpoints }))
      yield* Effect.forEach(clients, ({ ended }) => ended)
      yield* service.did
    }),
  { python: [["client"]] }
)

mixed(
  "interrupt",
  {
    server: {
      ours: {
        program: "interrupt/server",
        bound: [/^Listening on (\S+): press Ctrl-C while it works$/m],
        did: /^Interrupted: answered 1 request, and delivered all answers$/m
      },
      python: helloServer.python
    },
    client: oneRequest
  },
  (cast) =>
    Effect.gen(function* () {
      const server = yield* cast.server({ bind: 1 })
      const client = yield* cast.client({ connect: server.endpoints })
      yield* server.program.prints(/^Working on "Hello"$/m)
      yield* server.program.signal("SIGINT")
      yield* client.ended
      yield* server.did
    }),
  { python: [["client"]] }
)

/** Publish and subscribe. */
import { Effect } from "effect"
import { mixed, type Role } from "../roles.ts"

mixed(
  "hello, published",
  {
    publisher: {
      ours: {
        program: "hello/publisher",
        flags: ["--interval", "20 millis"],
        bound: [/^Publishing Hello on (\S+),/m],
        did: /^Hello$/m
      },
      python: { program: "hello_publisher", flags: ["--interval", "0.02"], did: /bound/ }
    },
    subscriber: {
      ours: { program: "hello/subscriber", flags: ["--count", "3"], did: /^1: Hello\n2: Hello\n3: Hello\n/m },
      python: { program: "hello_subscriber", flags: ["--count", "3"], did: /^(\[b'Hello']\n){3}$/ }
    }
  },
  (cast) =>
    Effect.gen(function* () {
      const publisher = yield* cast.publisher({ bind: 1 })
      const subscriber = yield* cast.subscriber({ connect: publisher.endpoints })
      yield* subscriber.ended
      yield* publisher.did
    })
)

export const weatherPublisher: Role = {
  ours: { program: "weather/publisher", bound: [/^Publishing the weather on (\S+)$/m], did: /Publishing/ },
  python: { program: "weather_publisher", did: /bound/ }
}

export const weatherSubscriber: Role = {
  ours: {
    program: "weather/subscriber",
    flags: ["--count", "2"],
    did: /(^-?\d+ °F, humidity \d+ %\n){2}The average temperature in 10001 was -?\d+ °F, over 2 reports\n$/m
  },
  python: {
    program: "weather_subscriber",
    // A shorter prefix than the tutorial's: our publisher has the weather of the whole country.
    flags: ["--count", "20", "--filter", "100"],
    did: /^Average temperature for zipcode '100' was -?\d+F\n$/
  }
}

mixed("weather", { publisher: weatherPublisher, subscriber: weatherSubscriber }, (cast) =>
  Effect.gen(function* () {
    const publisher = yield* cast.publisher({ bind: 1 })
    const subscriber = yield* cast.subscriber({ connect: publisher.endpoints })
    yield* subscriber.ended
  })
)

mixed(
  "weather, in envelopes",
  {
    publisher: {
      ours: {
        program: "weather/envelope-publisher",
        bound: [/^Publishing the weather, in envelopes, on (\S+)$/m],
        did: /Publishing/
      },
      python: { program: "envelope_publisher", did: /bound/ }
    },
    subscriber: {
      ours: {
        program: "weather/envelope-subscriber",
        flags: ["--count", "2"],
        did: /(^-?\d+ °F, humidity \d+ %\n){2}The average temperature in 10001 was -?\d+ °F, over 2 reports\n$/m
      },
      python: {
        program: "envelope_subscriber",
        flags: ["--count", "20", "--filter", "100"],
        did: /^Average temperature for '100' was -?\d+F\n$/
      }
    }
  },
  (cast) =>
    Effect.gen(function* () {
      const publisher = yield* cast.publisher({ bind: 1 })
      const subscriber = yield* cast.subscriber({ connect: publisher.endpoints })
      yield* subscriber.ended
    })
)

mixed(
  "status",
  {
    server: {
      ours: {
        program: "status/server",
        bound: [/^Publishing on (\S+) what is reported to \S+$/m, /^Publishing on \S+ what is reported to (\S+)$/m],
        did: /^Publishing \(7:(ON|OFF)\)$/m
      },
      python: { program: "status_server", did: /^I: publishing update b'\(7:(ON|OFF)\)'$/m }
    },
    client: {
      ours: { program: "status/client", flags: ["--poll", "5 millis"], did: /^7: received \(7:(ON|OFF)\)$/m },
      python: { program: "status_client", flags: ["--poll", "5"], did: /^7: receive status => b'\(7:(ON|OFF)\)'$/m }
    }
  },
  (cast) =>
    Effect.gen(function* () {
      const server = yield* cast.server({ bind: 2 })
      const client = yield* cast.client({ connect: server.endpoints }, "--id", "7")
      yield* client.did
      yield* server.did
    })
)

mixed(
  "sync-pubsub",
  {
    publisher: {
      ours: {
        program: "sync-pubsub/publisher",
        bound: [
          /^Waiting for 2 subscribers on (\S+), ready on \S+$/m,
          /^Waiting for 2 subscribers on \S+, ready on (\S+)$/m
        ],
        did: /^Published 5,000 updates to 2 subscribers in \d+ ms$/m
      },
      python: { program: "sync_publisher", did: /^Published to 2 subscribers$/m }
    },
    subscriber: {
      ours: { program: "sync-pubsub/subscriber", did: /^Ready\nReceived 5,000 updates\n$/m },
      python: { program: "sync_subscriber", did: /^Received 5000 updates\n$/ }
    }
  },
  (cast) =>
    Effect.gen(function* () {
      const publisher = yield* cast.publisher({ bind: 2 }, "--subscribers", "2", "--messages", "5000")
      const subscribers = yield* Effect.all([
        cast.subscriber({ connect: publisher.endpoints }),
        cast.subscriber({ connect: publisher.endpoints })
      ])
      yield* Effect.forEach(subscribers, ({ ended }) => ended)
      yield* publisher.ended
    })
)

mixed(
  "high-water-mark",
  {
    publisher: {
      ours: {
        program: "high-water-mark/publisher",
        flags: ["--messages", "2000"],
        bound: [/^PUSH on (\S+), PUB on \S+$/m, /^PUSH on \S+, PUB on (\S+)$/m],
        did: /^\s*PUSH\s+2,000\s.*it waits/m
      },
      python: { program: "hwm_publisher", flags: ["--messages", "2000"], did: /^the subscriber has left$/m }
    },
    subscriber: {
      ours: { program: "high-water-mark/subscriber", did: /^\s*PULL\s+2,000\s+0\s*\n\s*SUB\s+[\d,]+\s+[\d,]+/m },
      python: { program: "hwm_subscriber", did: /^PULL: 2000 of 2000\nSUB: \d+ of 2000\n$/ }
    }
  },
  (cast) =>
    Effect.gen(function* () {
      const publisher = yield* cast.publisher({ bind: 2 })
      const subscriber = yield* cast.subscriber({ connect: publisher.endpoints })
      yield* subscriber.ended
      yield* publisher.ended
    })
)

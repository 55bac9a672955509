/** A finding in words: what it is, what was seen, why messages are lost, and the line that mends it. */
import { peers, type SocketType } from "@effect-zmq/core/SocketType"
import * as Duration from "effect/Duration"
import type { Finding } from "./finding.ts"

export interface Prescription {
  readonly title: string
  readonly seen: string
  readonly why: string
  readonly fix: string
}

export const prescribe = (finding: Finding): Prescription => {
  const { type } = finding.socket
  const make = makeOf(type)
  switch (finding._tag) {
    case "NoMatchingSubscription": {
      const { endpoint, publisher, published, subscriptions } = finding
      const all = subscriptions?.map((prefix) => JSON.stringify(prefix)).join(", ")
      return {
        title: "No subscription matches what is published",
        seen:
          subscriptions === undefined
            ? `connected on ${endpoint}, ${messages(published)} sent, and nobody has subscribed to any of them`
            : subscriptions.length === 0
              ? `connected on ${endpoint}, and subscribed to nothing`
              : `connected on ${endpoint}; ${publisher} sent ${messages(published)}, and none begins with ${all}`,
        why: "a publisher sends a message only to who has subscribed to what its first frame begins with, byte by byte",
        fix: 'yield* Sub.subscribe(sub, "") // everything: then see what the first frames are'
      }
    }
    case "SentTooEarly":
      return {
        title: "Sent before anybody subscribed",
        seen: `${messages(finding.lost)} sent on ${list(finding.endpoints)}, and nobody has ever been connected`,
        why: `a ${type} keeps nothing: what is sent while nobody has subscribed is gone, and who comes later does not get it`,
        fix: "yield* Topic.awaitSubscribers(publisher, 1) // before the first message"
      }
    case "IncompatiblePeer": {
      const { detail, endpoint, peer } = finding
      const fit = peers[type].join(" or ")
      return {
        title: "An incompatible peer",
        seen: `${endpoint} is ${peer === undefined ? "of a type that does not fit" : `${article(peer)} ${peer}`}: ${detail}`,
        why: `a ${type} is connected with ${fit} only; any other connection ends in its handshake, and nothing is sent over it`,
        fix: `yield* ${makeOf(partnerOf(type))}({ bind: "${endpoint}" }) // there, rather than ${peer === undefined ? "what it is" : makeOf(peer)}`
      }
    }
    case "HandshakeFailed": {
      const { detail, endpoint, problem } = finding
      return {
        title: "The handshake failed",
        seen: `with ${endpoint}: ${detail} (${problem})`,
        why: "the two sides have other security mechanisms or keys, or the other one does not speak ZeroMQ: nothing is sent before they agree",
        fix: `yield* ${make}({ ...options, security }) // the same mechanism on both sides, and the server's own key`
      }
    }
    case "Denied": {
      const { detail, endpoint, side } = finding
      return side === "bound"
        ? {
            title: "A client is not let in",
            seen: `at ${endpoint}: ${detail}`,
            why: "authenticate has denied it: it comes again and again, and its messages stay with it",
            fix: "const security = Security.plain({ authenticate: Security.passwords({ ada: password }) }) // all who are to be let in"
          }
        : {
            title: "Not let in",
            seen: `by ${endpoint}: ${detail}`,
            why: "the server has denied this client, and only the server knows why: its event HandshakeFailed tells",
            fix: `yield* ${make}({ connect: "${endpoint}", security }) // with a name and password, or a key, that the server knows`
          }
    }
    case "NobodyBound": {
      const { attempt, endpoint, queued, waiting, wasConnected } = finding
      const held = [
        ...(queued ? [`${messages(queued)} queued`] : []),
        ...(waiting ? [`${waiting === 1 ? "1 send waits" : `${waiting} sends wait`}`] : [])
      ]
      return {
        title: wasConnected ? "Nobody is bound any more" : "Nobody is bound",
        seen: `${endpoint} was tried ${attempt === 1 ? "once" : `${attempt} times`}${wasConnected ? " since the connection was lost" : ""}${held.map((one) => `; ${one}`).join("")}`,
        why: "the address is wrong, or the other side is not running: a connect succeeds without it, and waits for it",
        fix: `yield* ${makeOf(partnerOf(type))}({ bind: "${endpoint}" }) // in the program on the other side`
      }
    }
    case "AddressTaken": {
      const { endpoint, holder } = finding
      return {
        title: "Two sockets want one address",
        seen: `${endpoint} is taken${holder === undefined ? "" : ` by ${holder}`}`,
        why: "only one socket can be bound to an address: peers reach the one that has it, and never this one",
        fix: `yield* ${make}({ connect: "${endpoint}" }) // one binds, the others connect`
      }
    }
    case "HighWaterMark": {
      const { dropped, mark, peer, refused, waiting } = finding
      const who = peer ?? "a peer"
      const isLost = dropped + refused > 0
      return {
        title: "A high-water mark is reached",
        seen: isLost
          ? `${dropped > 0 ? `${messages(dropped)} dropped` : `${messages(refused)} refused`}, the last for ${who}; the mark is ${mark}`
          : `${waiting === 1 ? "1 send waits" : `${waiting} sends wait`} for ${who}, and none gets on; the mark is ${mark}`,
        why: isLost
          ? "the peer takes messages more slowly than they are sent, and this socket does not wait for it"
          : "the peer does not take messages: what is sent waits for room",
        fix:
          type === "ROUTER"
            ? `yield* Router.make({ bind, onFull: "suspend", highWaterMark: { send: ${mark * 10} } }) // and a faster reader`
            : `yield* ${make}({ bind, highWaterMark: { send: ${mark * 10} }${type === "PUB" ? ", noDrop: true" : ""} }) // and a faster reader`
      }
    }
    case "Unroutable": {
      const { count, routingId } = finding
      return type === "REP"
        ? {
            title: "No way to a client",
            seen: `${count === 1 ? "1 reply" : `${count} replies`} to clients that were gone`,
            why: "a reply goes back over the connection that its request came by, and that one has ended",
            fix: 'yield* Req.request(req, message).pipe(Effect.timeout("10 seconds")) // a client that waits long enough'
          }
        : {
            title: "No peer of this routing id",
            seen: `${messages(count)} for peers that are not there${routingId === undefined ? "" : `, the last for ${routingId}`}`,
            why: "a ROUTER sends to who is connected now: the peer has not come yet, has left, or is called otherwise",
            fix: "yield* Router.send(router, { to: received.from, message }) // to whom a message came from"
          }
    }
    case "DuplicateRoutingId": {
      const { endpoint, routingId, unheard } = finding
      return {
        title: "One routing id, two peers",
        seen: `on ${endpoint}, ${unheard === 1 ? "1 peer is" : `${unheard} peers are`} connected and not heard${routingId === undefined ? "" : `: ${routingId} is taken`}`,
        why: "a ROUTER knows its peers by their ids: of two that have the same, one is neither read nor written",
        fix: "yield* Dealer.make({ connect, routingId: crypto.randomUUID() }) // or none: then the ROUTER makes one up"
      }
    }
    case "DeadPeer": {
      const { endpoint, isBack } = finding
      return {
        title: "A request waits for a peer that is gone",
        seen: `the connection to ${endpoint} ended after the request${isBack ? ", and is there again without it" : ""}`,
        why: "the request, or its reply, went with the connection, and a REQ sends nothing again by itself",
        fix: 'yield* Req.request(req, message).pipe(Effect.timeout("2 seconds"), Effect.retry({ times: 3 }))'
      }
    }
    case "UnevenShare": {
      const { ahead, first, idle, sent } = finding
      return {
        title: "Who was first has everything",
        seen: `of ${messages(sent)}, ${ahead} are still before ${first}; ${idle} has none`,
        why: "a PUSH gives to those who are connected when it sends: the first one got all, and nothing is taken back",
        fix: "yield* Socket.awaitPeers(push, 2) // before the first message"
      }
    }
    case "ClosedUnsent": {
      const { dropped, endpoints, linger } = finding
      return {
        title: "Closed with messages queued",
        seen: `${dropped === undefined ? "not everything" : messages(dropped, "was not", "were not")}${dropped === undefined ? " was" : ""} delivered on ${list(endpoints)} within ${Duration.format(linger)}`,
        why: "a scope that closes delivers for as long as linger says, and drops the rest: the peer was not there, or too slow",
        fix: `yield* ${make}({ connect, linger: "30 seconds" }) // or keep the scope open until there is a reply`
      }
    }
    case "ShortLivedBinder": {
      const { endpoint, longest, times } = finding
      return {
        title: "What is bound comes and goes",
        seen: `${endpoint} was there ${times} times, for ${Duration.format(longest)} at most`,
        why: "each time it goes, connections end with what is on its way, and subscribers miss what is sent until they are back",
        fix: `yield* ${makeOf(type)}({ connect: "${endpoint}" }) // who stays binds, who comes and goes connects`
      }
    }
  }
}

const messages = (count: number, one = "", many = ""): string =>
  `${count.toLocaleString("en-US")} ${count === 1 ? "message" : "messages"}${one === "" ? "" : ` ${count === 1 ? one : many}`}`

const list = (endpoints: ReadonlyArray<string>): string =>
  endpoints.length === 0 ? "no endpoint" : endpoints.join(", ")

const article = (type: SocketType): string => (type === "XPUB" || type === "XSUB" ? "an" : "a")

/** Of the types that fit, the one that is mostly meant. */
const partnerOf = (type: SocketType): SocketType => (type === "DEALER" ? "ROUTER" : peers[type][0])

const modules: { readonly [Type in SocketType]: string } = {
  REQ: "Req",
  REP: "Rep",
  DEALER: "Dealer",
  ROUTER: "Router",
  PUB: "Pub",
  SUB: "Sub",
  XPUB: "XPub",
  XSUB: "XSub",
  PUSH: "Push",
  PULL: "Pull",
  PAIR: "Pair"
}

const makeOf = (type: SocketType): string => `${modules[type]}.make`

import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, Message, Pull, Push, Socket, Sub, XPub } from "@effect-zmq/core"
import { type Cause, Effect, Exit, Fiber, Option, Queue, Stream, Terminal } from "effect"
import { client } from "../../examples/chat/client.ts"
import * as Prompt from "../../examples/chat/prompt.ts"
import { server } from "../../examples/chat/server.ts"
import { inMemory, prints } from "./inMemory.ts"
import { example, run, start } from "./program.ts"
import { atPrompt } from "./someone.ts"

const root = path.join(import.meta.dirname, "../..")

const at = (port: number) => Endpoint.tcp("127.0.0.1", port)
const endpoints = [at(1), at(2)] as const

const someone = (name: string, room = "lobby") =>
  atPrompt((prompt) => client({ connect: endpoints, name, room, prompt }))

describe("chat, in memory", () => {
  it.live("what one says everyone in the room sees, who said it too, in one order, and nobody elsewhere", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(server({ bind: endpoints }))
      const ada = yield* someone("ada")
      yield* ada.sees("· ada is here")
      const bob = yield* someone("bob")
      const eve = yield* someone("eve", "lob")
      yield* Effect.all([ada.sees("· bob is here"), bob.sees("· bob is here"), eve.sees("· eve is here")])

      yield* ada.types("hello")
      yield* bob.sees("ada: hello")
      yield* bob.types("hi, ada")
      yield* ada.sees("bob: hi, ada")
      assert.deepStrictEqual(ada.seen.slice(2), ["· bob is here", "ada: hello", "bob: hi, ada"])
      assert.deepStrictEqual(bob.seen.slice(2), ["ada: hello", "bob: hi, ada"])
      assert.deepStrictEqual(eve.seen.slice(2), [])
    }).pipe(inMemory)
  )

  it.live("who leaves is missed, however they leave", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(server({ bind: endpoints }))
      const ada = yield* someone("ada")
      yield* ada.sees("· ada is here")
      const bob = yield* someone("bob")
      const eve = yield* someone("eve")
      yield* Effect.all([ada.sees("· bob is here"), ada.sees("· eve is here")])
      yield* bob.types("bye")
      yield* bob.leaves
      yield* ada.sees("· bob has left")
      assert.isBelow(ada.seen.indexOf("bob: bye"), ada.seen.indexOf("· bob has left"))
      yield* eve.vanishes
      yield* ada.sees("· eve has left")
    }).pipe(inMemory)
  )

  it.live("a client waits for the server; what was typed meanwhile is said then, and heard by who said it", () =>
    Effect.gen(function* () {
      const ada = yield* someone("ada")
      yield* ada.types("anyone?")
      yield* ada.types("  ")
      yield* Effect.forkScoped(server({ bind: endpoints }))
      yield* ada.leaves
      assert.deepStrictEqual(ada.seen.slice(1), ["· ada is here", "ada: anyone?"])
    }).pipe(inMemory)
  )

  it.live("a client says that the server is lost, and that it is back, and is let in anew", () =>
    Effect.gen(function* () {
      const killed = yield* Effect.forkScoped(server({ bind: endpoints }))
      const ada = yield* someone("ada")
      yield* ada.sees("· ada is here")
      yield* Fiber.interrupt(killed)
      yield* ada.sees("· the server is lost: waiting for it")
      yield* ada.types("anyone?")
      yield* Effect.forkScoped(server({ bind: endpoints }))
      yield* ada.sees("· the server is back")
      yield* ada.sees("ada: anyone?")
      assert.lengthOf(
        ada.seen.filter((line) => line === "· ada is here"),
        2
      )
    }).pipe(inMemory)
  )

  it.live("a client says nothing before the server has said that it is here", () =>
    Effect.gen(function* () {
      const members = yield* XPub.make({ bind: at(1) })
      const sayings = yield* Pull.make({ bind: at(2) })
      const ada = yield* someone("ada")
      yield* ada.types("hi")
      const subscriptions = yield* Stream.runCollect(Stream.take(XPub.stream(members), 2))
      assert.deepStrictEqual(
        subscriptions.map((event) => event._tag === "Subscribe" && Message.text([event.topic])),
        ["lobby/", "lobby/ada"]
      )
      yield* XPub.send(members, ["lobby/", "", "bob is here"])
      yield* ada.sees("· bob is here")
      assert.isTrue(Option.isNone(yield* Pull.poll(sayings)))
      yield* XPub.send(members, ["lobby/", "", "ada is here"])
      assert.deepStrictEqual(yield* Pull.receive(sayings), Message.make(["lobby/", "ada", "hi"]))
    }).pipe(inMemory)
  )

  it.live("server and clients pass over what is no saying", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(server({ bind: endpoints }))
      const push = yield* Push.make({ connect: at(2) })
      yield* Push.sendAll(push, ["hello", ["lobby", "ada", "hello"], ["lobby/", "ada", "hello"]])
      yield* prints(/^lobby\/ ada: hello$/)
      const expected = "expected a room with a / at its end, a name, and a text"
      yield* prints(new RegExp(`^Skipped "hello": ${expected}$`))
      yield* prints(new RegExp(`^Skipped "lobby" \\+ "ada" \\+ "hello": ${expected}$`))
    }).pipe(inMemory)
  )

  it.live("a listener in any language hears all rooms: three frames, the first with a /", () =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(server({ bind: endpoints }))
      const sub = yield* Sub.make({ connect: at(1), subscribe: "" })
      const heard = yield* Effect.forkScoped(Stream.runCollect(Stream.take(Sub.stream(sub), 2)))
      yield* Socket.awaitConnected(sub)
      const ada = yield* someone("ada")
      yield* ada.types("hi")
      const frames = (yield* Fiber.join(heard)).map((message) => message.map((frame) => Buffer.from(frame).toString()))
      assert.deepStrictEqual(frames, [
        ["lobby/", "", "ada is here"],
        ["lobby/", "ada", "hi"]
      ])
    }).pipe(inMemory)
  )
})

describe("chat, the line to type in", () => {
  const key = (
    name: string,
    options: { readonly input?: string; readonly ctrl?: boolean } = {}
  ): Terminal.UserInput => ({
    input: Option.fromUndefinedOr(options.input),
    key: { name, ctrl: options.ctrl === true, meta: false, shift: false }
  })
  const type = (text: string) => Array.from(text, (input) => key(input, { input }))

  /** An editor, its keys, and what its terminal looks like: what is above its last line, and that line. */
  const editor = Effect.fnUntraced(function* (columns = 80) {
    const keys = yield* Queue.make<Terminal.UserInput, Cause.Done>()
    const screen = [""]
    const display = (text: string) => {
      for (const [part] of text.matchAll(/\r.\[K|\n|[^\r\n]+/g)) {
        if (part === "\n") screen.push("")
        else if (part.startsWith("\r")) screen[screen.length - 1] = ""
        else screen[screen.length - 1] += part
      }
    }
    const prompt = yield* Effect.provideService(
      Prompt.editor,
      Terminal.Terminal,
      Terminal.make({
        columns: Effect.succeed(columns),
        rows: Effect.succeed(24),
        size: Effect.never,
        readInput: Effect.succeed(keys),
        readLine: Effect.never,
        display: (text) => Effect.sync(() => display(text))
      })
    )
    return { keys, screen, prompt }
  })

  it.live("what others say appears above the line, which stays as it was typed", () =>
    Effect.gen(function* () {
      const { keys, prompt, screen } = yield* editor()
      const lines = yield* Effect.forkScoped(Stream.runCollect(prompt.lines))
      yield* Queue.offerAll(keys, type("hel"))
      while (screen.at(-1) !== "> hel") yield* Effect.yieldNow
      yield* prompt.show("bob: hi")
      assert.deepStrictEqual(screen, ["bob: hi", "> hel"])
      yield* Queue.offerAll(keys, [...type("xy"), key("backspace"), key("backspace"), ...type("lo😀"), key("return")])
      yield* Queue.offerAll(keys, [...type("no"), key("u", { ctrl: true }), key("up"), ...type("ok"), key("enter")])
      yield* Queue.end(keys)
      assert.deepStrictEqual(yield* Fiber.join(lines), ["hello😀", "ok"])
      assert.deepStrictEqual(screen, ["bob: hi", "> "])
    })
  )

  it.live("a line that is longer than the terminal shows its end, in one line", () =>
    Effect.gen(function* () {
      const { keys, prompt, screen } = yield* editor(10)
      const lines = yield* Effect.forkScoped(Stream.runCollect(prompt.lines))
      yield* Queue.offerAll(keys, type("0123456789abcdef"))
      yield* Queue.end(keys)
      yield* Fiber.join(lines)
      assert.deepStrictEqual(screen, ["> 9abcdef"])
    })
  )

  it.live("Ctrl-C interrupts", () =>
    Effect.gen(function* () {
      const { keys, prompt } = yield* editor()
      yield* Queue.offerAll(keys, [...type("x"), key("c", { ctrl: true })])
      const exit = yield* Effect.exit(Stream.runDrain(prompt.lines))
      assert.isTrue(Exit.hasInterrupts(exit))
    })
  )

  it.live("what others say moves no cursor and colours nothing", () =>
    Effect.gen(function* () {
      const { prompt, screen } = yield* editor()
      yield* prompt.show("eve: \x1b[2J\r\nbob: lies")
      assert.deepStrictEqual(screen, ["eve: \u{fffd}[2J\u{fffd}\u{fffd}bob: lies", "> "])
    })
  )
})

/** Debian's `script` runs a program on a terminal of its own. */
const hasScript = spawnSync("script", ["--version"]).status === 0
if (!hasScript)
  console.log("skipped: there is no `script` here to run a program on a terminal; Debian's package is bsdutils")

describe("chat", () => {
  const anyPort = ["--bind", "tcp://127.0.0.1:*"]
  const listening = /^Clients listen to (\S+), and speak to (\S+)$/m
  const startServer = Effect.gen(function* () {
    const server = yield* example("chat/server", ...anyPort, ...anyPort)
    const [, ears = "", mouth = ""] = yield* server.prints(listening)
    return { server, flags: ["--connect", ears, "--connect", mouth] }
  })

  it.live("lines are piped in and out; killed or by Ctrl-C, who leaves is missed; Ctrl-C ends each in peace", () =>
    Effect.gen(function* () {
      const { flags, server } = yield* startServer
      const ada = yield* example("chat/client", "--name", "ada", ...flags)
      const bob = yield* example("chat/client", "--name", "bob", ...flags)
      yield* ada.prints(/^· ada is here$/m)
      yield* bob.prints(/^· bob is here$/m)
      yield* ada.input("hello\n")
      yield* bob.prints(/^ada: hello$/m)
      yield* bob.input("hi,\nada\n")
      yield* ada.prints(/^ada: hello\nbob: hi,\nbob: ada$/m)

      yield* bob.signal("SIGKILL")
      yield* ada.prints(/^· bob has left$/m)
      for (const [program, last] of [
        [ada, /^lobby\/ ada has left$/m],
        [server, undefined]
      ] as const) {
        yield* program.signal("SIGINT")
        if (last !== undefined) yield* server.prints(last)
        const { code, stderr } = yield* program.ended
        assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
      }
    })
  )

  it.live("when its input ends, a client has said everything, and leaves", () =>
    Effect.gen(function* () {
      const { flags } = yield* startServer
      const program = ["node_modules/.bin/node", "examples/chat/client.ts", "--name", "ada", ...flags].join(" ")
      const client = yield* start("sh", "-c", `cd ${root} && printf 'one\\ntwo\\n\\nthree' | ${program}`)
      const { code, stderr, stdout } = yield* client.ended
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.match(
        stdout,
        /^Joining lobby as ada, once tcp:\S+ is there\n· ada is here\nada: one\nada: two\nada: three\n$/
      )
    })
  )

  it.live("a taken port, and a name that cannot be, are a line, and exit code 1", () =>
    Effect.gen(function* () {
      const { flags } = yield* startServer
      const taken = yield* run("chat/server", "--bind", flags[1] ?? "", ...anyPort)
      assert.match(taken.stderr, new RegExp(`^${flags[1]} is in use already.*\n$`))
      const wrong = yield* run("chat/client", "--name", "a/b")
      assert.include(wrong.stderr, `one line, not empty, and without a "/"`)
      for (const { code, stderr, stdout } of [taken, wrong]) {
        assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
        assert.notMatch(stderr, /\n\s+at /, "no stack trace")
      }
    })
  )

  it.live.runIf(hasScript)("on a terminal, the line that is being typed survives what others say; Ctrl-C ends it", () =>
    Effect.gen(function* () {
      const { flags } = yield* startServer
      const program = [process.execPath, `${root}/examples/chat/client.ts`, "--name", "ada", ...flags].join(" ")
      const ada = yield* start("script", "-qec", program, "/dev/null")
      yield* ada.prints(/· ada is here\r\n> $/)
      yield* ada.input("hel")
      yield* ada.prints(/> hel$/)
      const bob = yield* example("chat/client", "--name", "bob", ...flags)
      yield* ada.prints(/\r.\[K· bob is here\r\n> hel$/)
      yield* ada.input("lo\r")
      yield* bob.prints(/^ada: hello$/m)
      yield* ada.prints(/\r.\[Kada: hello\r\n> $/)
      yield* ada.input("\x03")
      assert.strictEqual((yield* ada.ended).code, 130)
      yield* bob.prints(/^· ada has left$/m)
    })
  )
})

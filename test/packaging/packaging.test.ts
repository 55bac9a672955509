/**
 * What users get: the packages are built, packed, and installed by npm into an empty project; the README's hello world
 * then runs there as printed. Nothing of the workspace is in reach: no sources, no links, no development dependencies.
 */
import { execFile } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const root = path.join(import.meta.dirname, "../..")
const packages = ["core", "transport-zmq", "transport-zmtp", "patterns"]

const json = (file: string) => JSON.parse(readFileSync(file, "utf8"))

/** The version that the workspace itself is tested with. */
const tested = (name: string): string =>
  `${name}@${json(path.join(root, "node_modules", name, "package.json")).version}`

/** Runs a command to its end and gives what it printed; where it fails, the error is what a person needs to see. */
const run = (cwd: string, file: string, ...args: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(file, args, { cwd, timeout: 150_000, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const what = error.killed ? "did not end in time" : `failed (${error.code ?? error.signal})`
      reject(new Error(`${[path.basename(file), ...args].join(" ")} ${what}, in ${cwd}\n${stdout}${stderr}`.trimEnd()))
    })
  })

/** The first TypeScript block of the README, and what its `// =>` comment says it prints. */
const helloWorld = (): { readonly code: string; readonly prints: string } => {
  const code = /^```ts.*\n([\s\S]*?)^```/m.exec(readFileSync(path.join(root, "README.md"), "utf8"))?.[1]
  const prints = code === undefined ? undefined : /\/\/ => (.+)/.exec(code)?.[1]?.trim()
  if (code === undefined || prints === undefined) {
    throw new Error("README.md should begin with a ```ts block, with a `// => …` comment that says what it prints.")
  }
  return { code, prints }
}

describe("the packed packages, installed by npm in an empty project", () => {
  const project = mkdtempSync(path.join(tmpdir(), "effect-zmq-packaging-"))
  const installed = (name: string) => path.join(project, "node_modules/@effect-zmq", name)

  /** Every module that a user may import by its path, `@effect-zmq/core/Message`: all but what `exports` maps to null. */
  const modules = () =>
    packages.flatMap((name) => {
      const { exports } = json(path.join(installed(name), "package.json"))
      const closed = Object.keys(exports).filter((key) => exports[key] === null && key.endsWith("/*"))
      return globSync("**/*.js", { cwd: path.join(installed(name), "dist") })
        .filter((file) => !closed.some((key) => `./${file}`.startsWith(key.slice(0, -1))))
        .map((file) => path.posix.join("@effect-zmq", name, file.replace(/(^|\/)index\.js$|\.js$/, "")))
    })

  beforeAll(async () => {
    await run(root, process.execPath, "scripts/build.ts")
    for (const name of packages) {
      await run(path.join(root, "packages", name), "npx", "--yes", "pnpm@12", "pack", "--pack-destination", project)
    }
    writeFileSync(path.join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
    const tarballs = globSync("*.tgz", { cwd: project }).map((file) => `./${file}`)
    assert.strictEqual(tarballs.length, packages.length, `one tarball a package: ${tarballs}`)
    const others = ["effect", "@effect/platform-node", "@types/node"].map(tested)
    await run(project, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", ...tarballs, ...others)
  })

  afterAll(() => rmSync(project, { recursive: true, force: true }))

  it("run the README's hello world, which prints what the README says", async () => {
    const { code, prints } = helloWorld()
    writeFileSync(path.join(project, "hello.ts"), code)
    assert.include(await run(project, process.execPath, "hello.ts"), prints)
  })

  it("type-check in strict mode, their declarations included (skipLibCheck: false)", async () => {
    writeFileSync(path.join(project, "hello.ts"), helloWorld().code)
    writeFileSync(
      path.join(project, "all.ts"),
      modules()
        .map((module) => `import "${module}"`)
        .join("\n")
    )
    const compilerOptions = {
      target: "ES2022",
      lib: ["ES2024", "DOM", "DOM.AsyncIterable", "ESNext.Disposable"],
      module: "NodeNext",
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true
    }
    writeFileSync(
      path.join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["hello.ts", "all.ts"] })
    )
    await run(project, process.execPath, path.join(root, "node_modules/typescript/bin/tsc"))
  })

  it("export every module by its path", async () => {
    const found = modules()
    assert.includeMembers(
      found,
      packages.map((name) => `@effect-zmq/${name}`)
    )
    const code = `for (const module of ${JSON.stringify(found)}) await import(module)`
    await run(project, process.execPath, "--input-type=module", "--eval", code)
  })

  it("keep their internals to themselves", async () => {
    const internals = ["core/internal/socket", "core/engine/internal/x", "core/engine/patterns/pub", "core/index"]
    for (const module of [...internals, "transport-zmq/internal/addon"]) {
      const code = `import("@effect-zmq/${module}").then(() => "imported", (error) => error.code).then(console.log)`
      const answer = await run(project, process.execPath, "--eval", code)
      assert.strictEqual(answer.trim(), "ERR_PACKAGE_PATH_NOT_EXPORTED", `@effect-zmq/${module}`)
    }
  })

  it("carry versions, a license and their sources, and nothing of the workspace", () => {
    for (const name of packages) {
      const manifest = readFileSync(path.join(installed(name), "package.json"), "utf8")
      assert.notMatch(manifest, /workspace:|catalog:|"\.\/src/, name)
      const files = globSync("**/*", { cwd: installed(name) })
      assert.includeMembers(files, ["LICENSE", "src/index.ts", "dist/index.js", "dist/index.d.ts"], name)
      assert.deepStrictEqual(
        files.filter((file) => /tsbuildinfo|\.test\.|tsconfig|node_modules/.test(file)),
        [],
        name
      )
    }
  })
})

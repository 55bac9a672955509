import { defineConfig } from "vitest/config"
import { shared } from "./vitest.config.ts"

/** The long tier, `pnpm prove`: the same promises with large counts. Files are named `*.prove.ts`. */
export default defineConfig({
  test: {
    ...shared,
    include: ["packages/*/test/**/*.prove.ts", "test/**/*.prove.ts"],
    env: { PROVE: "1" },
    testTimeout: 600_000,
    // One at a time: what is counted and timed must not share the machine.
    fileParallelism: false
  }
})

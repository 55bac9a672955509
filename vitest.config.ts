import { defineConfig } from "vitest/config"

/** What the short tier (`pnpm test`) and the long one (`vitest.prove.config.ts`) share. */
export const shared = {
  // A process for each file: sockets, signals and process-wide contexts of one file are nothing to another.
  pool: "forks",
  testTimeout: 20_000,
  hookTimeout: 20_000,
  teardownTimeout: 5_000
} as const

export default defineConfig({
  test: {
    ...shared,
    projects: [
      {
        extends: true,
        test: {
          name: "main",
          include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
          exclude: ["**/node_modules/**", "test/packaging/**"],
          sequence: { groupOrder: 1 }
        }
      },
      {
        extends: true,
        test: {
          name: "packaging",
          include: ["test/packaging/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          // Builds and installs keep both cores busy: alone, after the others.
          sequence: { groupOrder: 2 }
        }
      }
    ]
  }
})

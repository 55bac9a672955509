/** The figures of a long run, printed as a table when its file is through. */
import { afterAll, assert, it } from "@effect/vitest"
import { Effect, Random } from "effect"

export interface Row {
  /** What was done, and how often. */
  readonly what: string
  readonly count: number
  /** What must be 0, by name. */
  readonly zero: Readonly<Record<string, number>>
}

/** Declares a test whose row is printed; a row whose `zero` is not fails. */
export const prove = (title: string) => {
  const rows: Array<Row & { readonly seed: number }> = []
  afterAll(() => {
    const width = Math.max(...rows.map(({ what }) => what.length))
    const lines = rows.map(({ count, seed, what, zero }) => {
      const zeros = Object.entries(zero).map(([name, n]) => `${n} ${name}`)
      return `  ${count.toLocaleString("en-US").padStart(11)}  ${what.padEnd(width)}  ${zeros.join(", ")}  (seed ${seed})`
    })
    console.log(`\n${title}\n${lines.join("\n")}\n`)
  })
  return <E>(name: string, body: Effect.Effect<Row, E>, seed = 1) =>
    it.live(
      name,
      () =>
        Effect.map(Random.withSeed(body, seed), (row) => {
          rows.push({ ...row, seed })
          for (const [what, n] of Object.entries(row.zero)) assert.strictEqual(n, 0, what)
        }),
      600_000
    )
}

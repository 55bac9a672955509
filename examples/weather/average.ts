/**
 * What both subscribers make of reports: a line each, and the average.
 */
import { Console, Effect, Stream } from "effect"
import type { Report } from "./Report.ts"

export const average = Effect.fnUntraced(function* <E, R>(
  reports: Stream.Stream<Report, E, R>,
  { count, zip }: { readonly zip: number; readonly count: number }
) {
  const sum = yield* reports.pipe(
    Stream.take(count),
    Stream.tap(({ humidity, temperature }) => Console.log(`${temperature} °F, humidity ${humidity} %`)),
    Stream.runFold(
      () => 0,
      (sum, { temperature }) => sum + temperature
    )
  )
  yield* Console.log(`The average temperature in ${zip} was ${Math.round(sum / count)} °F, over ${count} reports`)
})

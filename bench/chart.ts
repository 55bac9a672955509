/** Charts as SVG: lines and bars, to be read on a light page and on a dark one. */

export interface Series {
  readonly name: string
  /** Which of the colours, which are the same in all charts. */
  readonly colour: number
  readonly points: ReadonlyArray<readonly [number, number]>
}

export interface Axis {
  readonly label: string
  readonly format: (value: number) => string
  /** Where lines are, if not at powers of ten. */
  readonly ticks?: ReadonlyArray<number>
  /** Ticks are as far apart as their numbers, not as their logarithms. */
  readonly even?: boolean
}

export interface Lines {
  readonly title: string
  readonly note: string
  readonly x: Axis
  readonly y: Axis
  readonly series: ReadonlyArray<Series>
}

export interface Bars {
  readonly title: string
  readonly note: string
  readonly y: Axis
  readonly names: ReadonlyArray<{ readonly name: string; readonly colour: number }>
  /** A value for each name; nothing where it is `undefined`. */
  readonly groups: ReadonlyArray<{ readonly label: string; readonly values: ReadonlyArray<number | undefined> }>
}

const width = 800
const height = 440
const left = 84
const right = 24
const top = 96
const bottom = 56

const light = ["#c2560c", "#0b63b5", "#2b7a3d", "#7a9a1d", "#9b3fa0", "#6b7280"]
const dark = ["#f0a35e", "#6cb6ff", "#5fd07f", "#c3d96a", "#dd93e0", "#a3adba"]

const style = `<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
.title { font-size: 17px; font-weight: 600 }
.note, .tick { fill: #57606a; font-size: 12px }
.value { font-size: 10px }
.page { fill: #ffffff }
.grid { stroke: #d8dee4; stroke-width: 1 }
${light.map((colour, i) => `.line${i} { stroke: ${colour}; fill: none; stroke-width: 2.2 } .dot${i} { fill: ${colour} }`).join("\n")}
.line5 { stroke-dasharray: 6 4 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.note, .tick { fill: #9198a1 }
.page { fill: #0d1117 }
.grid { stroke: #30363d }
${dark.map((colour, i) => `.line${i} { stroke: ${colour} } .dot${i} { fill: ${colour} }`).join("\n")}
}
</style>`

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const text = (x: number, y: number, said: string, kind = "", anchor: "start" | "middle" | "end" = "start") =>
  `<text x="${round(x)}" y="${round(y)}"${kind === "" ? "" : ` class="${kind}"`} text-anchor="${anchor}">${escape(said)}</text>`

const round = (value: number) => Math.round(value * 10) / 10

const powers = (least: number, most: number): ReadonlyArray<number> => {
  const first = Math.floor(Math.log10(least))
  const last = Math.ceil(Math.log10(most))
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
}

/** A position between two pixels. */
const scale = (ticks: ReadonlyArray<number>, from: number, to: number, even = false) => {
  const place = even ? (value: number) => value : Math.log
  const [least, most] = [place(Math.min(...ticks)), place(Math.max(...ticks))]
  return (value: number) => from + ((place(value) - least) / (most - least || 1)) * (to - from)
}

const frame = (
  { note, title }: Pick<Lines, "title" | "note">,
  keys: ReadonlyArray<{ readonly name: string; readonly colour: number }>,
  body: ReadonlyArray<string>
) => {
  let x = left
  const legend = keys.flatMap(({ colour, name }) => {
    const at = x
    x += 34 + name.length * 6.4
    return [
      `<rect x="${round(at)}" y="64" width="12" height="12" rx="2" class="dot${colour}"/>`,
      text(at + 18, 75, name)
    ]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    style,
    `<rect class="page" width="${width}" height="${height}" rx="6"/>`,
    text(left, 30, title, "title"),
    text(left, 50, note, "note"),
    ...legend,
    ...body,
    "</svg>",
    ""
  ].join("\n")
}

const grid = (ticks: ReadonlyArray<number>, y: (value: number) => number, { format, label }: Axis) => [
  ...ticks.flatMap((tick) => [
    `<line class="grid" x1="${left}" x2="${width - right}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>`,
    text(left - 8, y(tick) + 4, format(tick), "tick", "end")
  ]),
  `<text class="note" transform="translate(18 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">${escape(label)}</text>`
]

/** Lines over two axes, which are logarithmic. */
export const lines = ({ note, series, title, x, y }: Lines): string => {
  const shown = series
    .map((one) => ({ ...one, points: one.points.filter(([, value]) => value > 0) }))
    .filter(({ points }) => points.length > 0)
  const values = shown.flatMap(({ points }) => points)
  const xTicks = x.ticks ?? powers(Math.min(...values.map(([at]) => at)), Math.max(...values.map(([at]) => at)))
  const yTicks = y.ticks ?? powers(Math.min(...values.map(([, at]) => at)), Math.max(...values.map(([, at]) => at)))
  const atX = scale(xTicks, left + 16, width - right - 16, x.even)
  const atY = scale(yTicks, height - bottom, top)
  return frame({ title, note }, shown, [
    ...grid(yTicks, atY, y),
    ...xTicks.map((tick) => text(atX(tick), height - bottom + 20, x.format(tick), "tick", "middle")),
    text((left + width - right) / 2, height - 12, x.label, "note", "middle"),
    ...shown.flatMap(({ colour, points }) => [
      `<polyline class="line${colour}" points="${points.map(([at, value]) => `${round(atX(at))},${round(atY(value))}`).join(" ")}"/>`,
      ...points.map(
        ([at, value]) => `<circle class="dot${colour}" cx="${round(atX(at))}" cy="${round(atY(value))}" r="3.2"/>`
      )
    ])
  ])
}

/** Bars in groups, from zero, each with its value. */
export const bars = ({ groups, names, note, title, y }: Bars): string => {
  const most = Math.max(...groups.flatMap(({ values }) => values.map((value) => value ?? 0)))
  const step = [1, 2, 5, 10].map((n) => n * 10 ** Math.floor(Math.log10(most / 5))).find((n) => most / n <= 6) ?? most
  const ticks = y.ticks ?? Array.from({ length: Math.ceil(most / step) + 1 }, (_, i) => i * step)
  const highest = Math.max(...ticks)
  const atY = (value: number) => height - bottom - (value / highest) * (height - bottom - top)
  const group = (width - left - right) / groups.length
  const bar = (group * 0.84) / names.length
  return frame({ title, note }, names, [
    ...grid(ticks, atY, y),
    ...groups.flatMap(({ label, values }, g) => {
      const start = left + g * group + group * 0.08
      return [
        text(left + (g + 0.5) * group, height - bottom + 20, label, "tick", "middle"),
        ...values.flatMap((value, i) =>
          value === undefined
            ? []
            : [
                `<rect class="dot${names[i]?.colour ?? 0}" x="${round(start + i * bar)}" y="${round(atY(value))}" width="${round(bar - 2)}" height="${round(height - bottom - atY(value))}" rx="1.5"/>`,
                text(start + (i + 0.5) * bar - 1, atY(value) - 4, y.format(value), "value", "middle")
              ]
        )
      ]
    })
  ])
}

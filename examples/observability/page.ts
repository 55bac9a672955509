/** The page: plain HTML, which hears the counts every second, and makes rates of them. It loads nothing from elsewhere. */
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sockets</title>
<style>
  :root { color-scheme: light dark; --ink: #1d2330; --soft: #6b7485; --line: #e3e6ec; --paper: #f7f8fa; --card: #fff;
    --in: #2f7ed8; --out: #1f9d68; --drop: #d0512f; --wait: #c08a1e }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8eaf0; --soft: #929bad; --line: #2b313d; --paper: #14171d;
    --card: #1b1f27; --in: #63a6f0; --out: #4cc38f; --drop: #f0805f; --wait: #e0b050 } }
  * { box-sizing: border-box }
  body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif }
  main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 48px }
  header { display: flex; align-items: baseline; gap: 14px; margin-bottom: 22px }
  h1 { font-size: 22px; font-weight: 650; margin: 0 }
  #state { color: var(--soft); font-size: 13px }
  #state::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%; margin-right: 7px;
    background: var(--soft) }
  #state.on::before { background: var(--out) }
  #sockets { display: grid; grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); gap: 14px }
  article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 15px 17px 13px }
  h2 { font-size: 15px; font-weight: 600; margin: 0; display: flex; justify-content: space-between; gap: 10px }
  h2 small { font: 600 11px/1.9 ui-monospace, monospace; color: var(--soft); letter-spacing: .04em }
  .rates { display: flex; gap: 22px; margin: 9px 0 4px; font-variant-numeric: tabular-nums }
  .rates b { font-size: 21px; font-weight: 600; display: block }
  .rates span { color: var(--soft); font-size: 12px }
  svg { display: block; width: 100%; height: 42px; margin: 2px 0 9px }
  polyline { fill: none; stroke-width: 1.6; stroke-linejoin: round; vector-effect: non-scaling-stroke }
  .facts { display: flex; flex-wrap: wrap; gap: 3px 14px; color: var(--soft); font-size: 12.5px;
    font-variant-numeric: tabular-nums }
  .queue { height: 5px; border-radius: 3px; background: var(--line); margin: 0 0 9px; overflow: hidden }
  .queue i { display: block; height: 100%; background: var(--wait); transition: width .4s }
  .drop { color: var(--drop) }
  footer { margin-top: 24px; color: var(--soft); font-size: 13px }
  a { color: inherit }
</style>
<main>
  <header><h1>Sockets</h1><span id="state">connecting</span></header>
  <section id="sockets"></section>
  <footer>Messages a second, over the last minute; a bar is a queue. The same as text for Prometheus:
    <a href="/metrics">/metrics</a>.</footer>
</main>
<script>
  const seconds = 60
  const history = new Map()
  const state = document.getElementById("state")
  const sockets = document.getElementById("sockets")
  const text = (value) => String(value).replace(/[&<>"]/g, (c) => "&#" + c.charCodeAt(0) + ";")
  const number = (value) => value >= 1e6 ? (value / 1e6).toFixed(1) + " M" : value >= 1e4 ? (value / 1e3).toFixed(1) + " k"
    : value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 })
  const bytes = (value) => value >= 1e6 ? (value / 1e6).toFixed(1) + " MB" : value >= 1e3 ? (value / 1e3).toFixed(1) + " kB"
    : value + " B"

  const line = (values, most, colour) => '<polyline stroke="var(' + colour + ')" points="' + values.map((value, i) =>
    (i + seconds - values.length) * (300 / (seconds - 1)) + "," + (40 - 37 * value / most)).join(" ") + '"/>'

  const card = (row, past) => {
    const count = (id) => row.counts[id] ?? 0
    const sent = past.map((p) => p.sent), received = past.map((p) => p.received)
    const most = Math.max(1, ...sent, ...received)
    const last = past[past.length - 1] ?? { sent: 0, received: 0 }
    const queued = count("zmq_messages_queued_send") + count("zmq_messages_queued_receive")
    const dropped = Object.entries(row.dropped).map(([cause, n]) =>
      '<span class="drop">' + number(n) + " dropped: " + text(cause) + "</span>")
    const facts = [
      count("zmq_peers") + (count("zmq_peers") === 1 ? " peer" : " peers"), number(queued) + " queued",
      bytes(count("zmq_bytes_sent") + count("zmq_bytes_received")) + " in all",
      ...count("zmq_sends_suspended") ? [number(count("zmq_sends_suspended")) + " sends waited"] : [],
      ...count("zmq_reconnects") ? [number(count("zmq_reconnects")) + " reconnects"] : []
    ].map((fact) => "<span>" + fact + "</span>")
    return "<article><h2>" + text(row.name) + "<small>" + text(row.type) + "</small></h2>" +
      '<div class="rates"><div><b style="color:var(--out)">' + number(last.sent) + "</b><span>sent/s</span></div>" +
      '<div><b style="color:var(--in)">' + number(last.received) + "</b><span>received/s</span></div></div>" +
      '<svg viewBox="0 0 300 42" preserveAspectRatio="none">' + line(sent, most, "--out") + line(received, most, "--in") +
      '</svg><div class="queue"><i style="width:' + Math.min(100, queued) + '%"></i></div>' +
      '<div class="facts">' + [...facts, ...dropped].join("") + "</div></article>"
  }

  const source = new EventSource("/live")
  source.onopen = () => { state.textContent = "live"; state.className = "on" }
  source.onerror = () => { state.textContent = "the program has ended, or cannot be reached"; state.className = "" }
  source.onmessage = ({ data }) => {
    const now = performance.now()
    sockets.innerHTML = JSON.parse(data).map((row) => {
      const key = row.type + " " + row.name
      const known = history.get(key)
      const sent = row.counts.zmq_messages_sent, received = row.counts.zmq_messages_received
      const rates = known?.rates ?? []
      const passed = (now - known?.at) / 1000
      if (known !== undefined && passed > 0.5) {
        rates.push({ sent: (sent - known.sent) / passed, received: (received - known.received) / passed })
        if (rates.length > seconds) rates.shift()
      }
      if (known === undefined || passed > 0.5) history.set(key, { at: now, sent, received, rates })
      return card(row, rates)
    }).join("")
  }
</script>
</html>
`

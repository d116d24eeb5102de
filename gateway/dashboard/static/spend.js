// The chart of the spend page, drawn from the numbers that the page carries. Tables below say the same.
"use strict";

function drawSpend() {
  const place = document.getElementById("spend-chart");
  const source = document.getElementById("spend-data");
  if (!place || !source || !window.uPlot) return;
  const { step, at, lines } = JSON.parse(source.textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const usd = (micros) => (micros / 1e6).toLocaleString("en-US", { style: "currency", currency: "USD" });
  const hourly = step < 86400;
  const date = (seconds) => new Date(seconds * 1000);
  const day = { day: "numeric", month: "short", timeZone: "UTC" };
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" };
  const told = (seconds) => date(seconds).toLocaleString("en-GB", hourly ? { ...day, ...time } : { ...day, year: "numeric" });

  // Stacked: each line stands on those after it, and is drawn before them.
  const stacked = lines.map((_, first) => at.map((_, i) => lines.slice(first).reduce((sum, line) => sum + line.costs[i], 0)));
  const paint = (i, line) => colour(line.rest ? "--kb-line-rest" : `--kb-line-${i}`);
  const bars = uPlot.paths.bars({ size: [0.8, 48], align: 1 });
  const axis = { stroke: colour("--pico-muted-color"), grid: { stroke: colour("--kb-line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };

  const chart = new uPlot({
    width: Math.max(place.clientWidth, 240),
    height: 288,
    padding: [12, 28, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(date(seconds), "Etc/UTC"),
    cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
    legend: { live: true },
    scales: {
      x: { range: () => [at[0], at[at.length - 1] + step] },
      y: { range: (_, __, most) => [0, (most || 1e6) * 1.08] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 70, values: (_, marks) => marks.map((s) => date(s).toLocaleString("en-GB", hourly && s % 86400 ? time : day)) },
      { ...axis, size: 76, values: (_, marks) => marks.map(usd) },
    ],
    series: [
      { label: hourly ? "Hour" : "Day", value: (_, seconds) => (seconds == null ? "–" : told(seconds)) },
      ...lines.map((line, i) => ({
        label: line.label,
        paths: bars,
        fill: paint(i, line),
        width: 0,
        points: { show: false },
        value: (_, __, ___, index) => (index == null ? "–" : usd(line.costs[index])),
      })),
    ],
  }, [at, ...stacked], place);
  return chart;
}

document.addEventListener("DOMContentLoaded", () => {
  let chart = null;
  const draw = () => {
    if (chart) chart.destroy();
    chart = drawSpend();
  };
  const place = document.getElementById("spend-chart");
  if (!place) return;
  place.hidden = false;
  const words = document.getElementById("spend-legend");
  if (words && window.uPlot) words.hidden = true;
  draw();
  document.addEventListener("theme", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => {
    if (chart && Math.abs(chart.width - place.clientWidth) > 1 && place.clientWidth > 0) chart.setSize({ width: place.clientWidth, height: 288 });
  }).observe(place);
});

// A small chart: lines over the last minutes, drawn as SVG. What it shows is also said in words beside it.

import { classed, drawn, element, say } from "./elements.js";
import { WINDOW_S } from "./rates.js";

const WIDTH = 600;
const HEIGHT = 100;
/** Less than this much of the window is not worth a scale of its own: a young chart is not stretched out; milliseconds. */
const LEAST_MS = 30_000;

export class Chart {
  /**
   * title  what is shown
   * lines  name → its word in the legend
   * write  a value → how it is written
   */
  constructor(place, { id, title, lines, write }) {
    this._lines = lines;
    this._write = write;
    this._paths = Object.keys(lines).map((name, number) => [name, drawn("path", { class: `line line${number}` })]);
    this._svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    this._svg.append(
      drawn("path", { class: "grid", d: `M0 ${HEIGHT / 2}H${WIDTH}` }),
      ...this._paths.map(([, path]) => path).reverse(),
    );
    this._top = element("span", { class: "top", "aria-hidden": "true" });
    this._since = element("span", { class: "since", "aria-hidden": "true" });
    this._now = element("p", { class: "now" });
    this._why = element("p", { class: "why" });
    this._figure = element(
      "figure",
      { id },
      element("figcaption", {}, element("h2", {}, title), this._now),
      element("div", { class: "plot" }, this._svg, this._top, this._since, this._why),
    );
    this._title = title;
    place.append(this._figure);
  }

  /** why: a sentence that stands in place of lines that are not there, or are not current; "" else. */
  show(series, why = "") {
    const points = series.points;
    const newest = points.at(-1)?.at ?? 0;
    const spanMs = Math.min(WINDOW_S * 1000, Math.max(LEAST_MS, newest - (points[0]?.at ?? newest)));
    const values = points
      .flatMap((point) => Object.keys(this._lines).map((name) => point.values[name]))
      .filter((each) => each !== null && each !== undefined);
    const highest = Math.max(...values, 0);
    const top = roundedUp(highest);
    for (const [name, path] of this._paths) path.setAttribute("d", line(points, name, newest - spanMs, spanMs, top));
    const isBlank = values.length === 0;
    classed(this._figure, isBlank && "blank", why && "stale");
    say(this._top, isBlank ? "" : this._write(top));
    say(this._since, isBlank ? "" : `${Math.round(spanMs / 1000)} s`);
    say(this._why, why);
    const words = Object.entries(this._lines)
      .map(([name, word]) => `${word}${this._write(series.last[name])}`)
      .join(" · ");
    say(this._now, why ? "not known" : words);
    this._svg.setAttribute(
      "aria-label",
      why || `${this._title}: now ${words}; at most ${this._write(highest)} in ${Math.round(spanMs / 1000)} seconds`,
    );
  }
}

/** An SVG path; it is broken where nothing is known. */
function line(points, name, beginMs, spanMs, top) {
  let path = "";
  let isDown = false;
  for (const { at, values } of points) {
    const value = values[name];
    if (value === null || value === undefined) {
      isDown = false;
      continue;
    }
    const x = ((at - beginMs) / spanMs) * WIDTH;
    const y = HEIGHT - (top ? (value / top) * (HEIGHT - 4) : 0) - 1;
    path += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDown = true;
  }
  return path;
}

/** The next of 1, 2, 5 times a power of ten. */
function roundedUp(value) {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

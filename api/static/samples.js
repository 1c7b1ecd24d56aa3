// Samples of /metrics, in Prometheus' text format. Pure: text in, numbers out.

/** Label value → the sample of one metric; empty where the text has none. */
export function samples(text, name, label) {
  const found = new Map();
  for (const line of (text ?? "").split("\n")) {
    if (!line.startsWith(`${name}{`)) continue;
    const value = labels(line)[label];
    const number = Number(
      line
        .slice(line.lastIndexOf("}") + 1)
        .trim()
        .split(" ")[0],
    );
    if (value !== undefined && !Number.isNaN(number)) found.set(value, number);
  }
  return found;
}

/** Cumulative counts by upper bound, ascending, over all series of one histogram; null when the text has none. */
export function histogram(text, name) {
  const sums = new Map();
  for (const line of text.split("\n")) {
    if (!line.startsWith(`${name}_bucket{`)) continue;
    const { le } = labels(line);
    const number = Number(
      line
        .slice(line.lastIndexOf("}") + 1)
        .trim()
        .split(" ")[0],
    );
    if (le === undefined || Number.isNaN(number)) continue;
    const upper = le === "+Inf" ? Infinity : Number(le);
    sums.set(upper, (sums.get(upper) ?? 0) + number);
  }
  return sums.size ? [...sums].sort(([a], [b]) => a - b) : null;
}

function labels(line) {
  const found = {};
  for (const [, name, value] of line.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
    found[name] = value.replace(/\\(.)/g, (_, sign) => (sign === "n" ? "\n" : sign));
  return found;
}

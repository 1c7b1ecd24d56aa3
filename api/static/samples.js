// Samples of /metrics, in Prometheus' text format. Pure: text in, numbers out. What is asked for is summed over all other labels.

/** Label value → the sum of one metric's samples; empty where the text has none. */
export function samples(text, name, label) {
  const found = new Map();
  for (const [labels, number] of series(text, name)) {
    const value = labels[label];
    if (value !== undefined) found.set(value, (found.get(value) ?? 0) + number);
  }
  return found;
}

/** The sum of all samples of one metric; 0 where the text has none. */
export function sum(text, name) {
  return series(text, name).reduce((all, [, number]) => all + number, 0);
}

/** Cumulative counts by upper bound, ascending, over all series of one histogram; null when the text has none. */
export function histogram(text, name) {
  const sums = new Map();
  for (const [{ le }, number] of series(text, `${name}_bucket`)) {
    if (le === undefined) continue;
    const upper = le === "+Inf" ? Infinity : Number(le);
    sums.set(upper, (sums.get(upper) ?? 0) + number);
  }
  return sums.size ? [...sums].sort(([a], [b]) => a - b) : null;
}

/** Labels and number of each sample that has labels. */
function series(text, name) {
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => [
      labels(line),
      Number(
        line
          .slice(line.lastIndexOf("}") + 1)
          .trim()
          .split(" ")[0],
      ),
    ])
    .filter(([, number]) => !Number.isNaN(number));
}

function labels(line) {
  const found = {};
  for (const [, name, value] of line.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
    found[name] = value.replace(/\\(.)/g, (_, sign) => (sign === "n" ? "\n" : sign));
  return found;
}

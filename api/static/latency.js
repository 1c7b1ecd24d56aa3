// Latency from histograms of /metrics. Pure: Prometheus text in, quantiles out.

export const DELIVERY = "ws_gateway_delivery_seconds";
export const LAG = "ws_gateway_exchange_lag_seconds";

/** Cumulative counts by upper bound, ascending, over all series of one histogram; null when the text has none. */
export function histogram(text, name) {
  const sums = new Map();
  const head = `${name}_bucket{`;
  for (const line of text.split("\n")) {
    if (!line.startsWith(head)) continue;
    const bound = /[{,]le="([^"]*)"/.exec(line)?.[1];
    const number = Number(/\}\s+(\S+)/.exec(line)?.[1]);
    if (bound === undefined || Number.isNaN(number)) continue;
    const upper = bound === "+Inf" ? Infinity : Number(bound);
    sums.set(upper, (sums.get(upper) ?? 0) + number);
  }
  return sums.size ? [...sums].sort(([a], [b]) => a - b) : null;
}

/** What was counted between two looks. null: nothing is known, at the first look and where a process began anew. */
export function between(before, after) {
  if (!before || !after) return null;
  const was = new Map(before);
  const news = after.map(([upper, number]) => [upper, number - (was.get(upper) ?? 0)]);
  return news.some(([, number]) => number < 0) ? null : news;
}

/** The value below which `share` of what was counted lies, straight within its bucket; null when nothing was counted. */
export function quantile(buckets, share) {
  const all = buckets?.at(-1)?.[1] ?? 0;
  if (!all) return null;
  const rank = share * all;
  let lower = 0;
  let below = 0;
  for (const [upper, number] of buckets) {
    if (number >= rank && number > below) {
      return upper === Infinity ? lower : lower + ((upper - lower) * (rank - below)) / (number - below);
    }
    if (upper !== Infinity) lower = upper;
    below = number;
  }
  return null;
}

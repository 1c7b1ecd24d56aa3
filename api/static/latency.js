// Latency from two looks at a histogram of /metrics. Pure: cumulative counts in, quantiles out.

export const DELIVERY = "ws_gateway_delivery_seconds";
export const LAG = "ws_gateway_exchange_lag_seconds";

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

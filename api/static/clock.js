// The gateway's clock. Ages are by it: the clock of whoever looks may be wrong, and so may that of a phone.

let aheadMs = 0;

/** Its Date header came just now. The header is cut to whole seconds, so half of one is added. */
export function heard(date) {
  const ms = Date.parse(date ?? "");
  if (!Number.isNaN(ms)) aheadMs = ms + 500 - Date.now();
}

/** Unix milliseconds, by the gateway's clock. */
export function now() {
  const own = Date.now();
  return Math.abs(aheadMs) > 1500 ? own + aheadMs : own;
}

/** Seconds since an ISO moment; null for none. */
export function age(iso) {
  const ms = Date.parse(iso ?? "");
  return Number.isNaN(ms) ? null : Math.max(0, (now() - ms) / 1000);
}

// Rates from counters. Pure: answers of /connections in, events a second out.

/** Samples that a chart shows, and how much time that is; seconds. */
export const WINDOW_S = 300;

/**
 * Events a second of each connection between two answers, by the times at which the processes wrote their counters.
 * null: not known, since the process is silent, new, or began anew.
 */
export function rates(before, after) {
  const found = {};
  for (const [name, is] of Object.entries(after)) {
    const was = before?.[name];
    const tookMs = was ? Date.parse(is.last_heartbeat_at) - Date.parse(was.last_heartbeat_at) : 0;
    const isSame = was && was.pid === is.pid && is.events >= was.events;
    found[name] = isSame && tookMs > 0 ? ((is.events - was.events) * 1000) / tookMs : null;
  }
  return found;
}

/** Of all connections together; null when none is known. */
export function total(found) {
  const known = Object.values(found).filter((each) => each !== null);
  return known.length ? known.reduce((sum, each) => sum + each, 0) : null;
}

/** Values over time: what is older than the window is dropped. */
export class Series {
  constructor() {
    this.points = [];
  }

  /** at: milliseconds; values: by line, null where nothing is known. */
  add(at, values) {
    this.points.push({ at, values });
    while (this.points.length && this.points[0].at < at - WINDOW_S * 1000) this.points.shift();
  }

  get last() {
    return this.points.at(-1)?.values ?? {};
  }
}

// Numbers and times as a person reads them. What is not known is an en dash, never a nought.

export const UNKNOWN = "–";

const GROUPED = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const ONE_PLACE = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export function count(number) {
  return isKnown(number) ? GROUPED.format(number) : UNKNOWN;
}

/** Per second. */
export function rate(number) {
  if (!isKnown(number)) return UNKNOWN;
  return number >= 100 || number === 0 ? GROUPED.format(number) : ONE_PLACE.format(number);
}

/** A share, cut and not rounded: what is not whole never reads 100 %. */
export function percent(share) {
  return isKnown(share) ? `${(Math.floor(share * 10_000) / 100).toFixed(share >= 1 ? 0 : 2)} %` : UNKNOWN;
}

/** How long something lasts, from seconds: two units at most. */
export function span(seconds) {
  if (!isKnown(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** A latency, from seconds. */
export function latency(seconds) {
  if (!isKnown(seconds)) return UNKNOWN;
  if (seconds >= 10) return span(seconds);
  if (seconds >= 1) return `${ONE_PLACE.format(seconds)} s`;
  const ms = seconds * 1000;
  return `${ms >= 10 ? GROUPED.format(ms) : ONE_PLACE.format(ms)} ms`;
}

/** Of an ISO moment, in the zone of the person: the time, and the day where that is not today. */
export function moment(iso, now = new Date()) {
  if (!iso) return UNKNOWN;
  const when = new Date(iso);
  if (Number.isNaN(when.getTime())) return String(iso);
  const time = when.toLocaleTimeString("en-GB");
  const isToday = when.toDateString() === now.toDateString();
  return isToday ? time : `${when.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

/** "1 gap", "2 gaps". */
export function plural(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

function isKnown(number) {
  return number !== null && number !== undefined && Number.isFinite(Number(number));
}

// The five answers at the top. Pure: what the API said in, {look, answer, detail} out. look: good, warn, bad, idle or unknown.
// What is not known is said to be so: an answer is never made from half of what it needs.

import { AWAY } from "./connections.js";
import { IN_TROUBLE } from "./topics.js";
import { count, latency, plural } from "./words.js";

/** A delivery that takes longer is late, and much too late; seconds. The first is what the gateway promises. */
const LATE_S = 0.1;
const TOO_LATE_S = 1;
/** What waits for RabbitMQ for so long, and is not confirmed, is late; seconds. What came just now waits, too. */
const WAITS_S = 5;

export function connected(health) {
  const all = Object.entries(health.connections);
  const at_work = all.filter(([, each]) => each.connection_status !== "idle");
  const away = at_work.filter(([, each]) => AWAY.includes(each.connection_status));
  if (!at_work.length) return { look: "idle", answer: "Idle", detail: `nothing is wanted of ${plural(all.length, "connection")}` };
  if (away.length || !health.websocket_connected) {
    const named = away
      .map(([name, each]) => `${name} is ${each.connection_status}`)
      .slice(0, 3)
      .join(", ");
    const look = health.status === "unhealthy" ? "bad" : "warn";
    return { look, answer: `${count(at_work.length - away.length)} of ${count(at_work.length)}`, detail: named };
  }
  const reconnects = at_work.reduce((sum, [, each]) => sum + each.reconnection_count, 0);
  return {
    look: "good",
    answer: `All ${count(at_work.length)}`,
    detail: reconnects ? plural(reconnects, "reconnect") : "without a reconnect",
  };
}

/** topics: rows of the table; subscriptions: active ones, and how many there are in all. Both null without a key. */
export function subscribed(health, topics, subscriptions) {
  if (topics === null || subscriptions === null) {
    return {
      look: health.active_subscriptions ? "good" : "idle",
      answer: plural(health.active_subscriptions, "subscription"),
      detail: "",
    };
  }
  const troubled = topics.filter((row) => IN_TROUBLE.includes(row.state));
  const { rows, total } = subscriptions;
  if (!topics.length && !total) return { look: "idle", answer: "Nothing", detail: "no service has subscribed" };
  const services = plural(new Set(rows.map((each) => each.requesting_service)).size, "service");
  const isCut = total > rows.length;
  const cut = `${plural(total, "subscription")}, of which the oldest ${count(rows.length)} are looked at, those of ${services}`;
  const by = isCut ? cut : `${plural(total, "subscription")} of ${services}`;
  const refused = rows.filter((each) => each.state === "refused").length;
  const words = troubled.length
    ? IN_TROUBLE.map((state) => [troubled.filter((row) => row.state === state).length, state])
    : [[refused, "refused"]];
  const parts = words.filter(([n]) => n).map(([n, state]) => `${count(n)} ${state}`);
  return {
    look: parts.length ? "warn" : "good",
    answer: plural(topics.length, "topic"),
    detail: [parts.join(", "), troubled.length && !isCut ? "" : by].filter(Boolean).join("; "),
  };
}

/**
 * delivery, lag  the 99th percentile of what was counted lately, in seconds; null: nothing was
 * waiting        what RabbitMQ has not confirmed: the oldest's age in seconds, and how many of them wait on disk
 * isThere        whether RabbitMQ can be reached
 * why            why nothing can be known of what was delivered
 */
export function late(delivery, lag, { waiting, isThere, why }) {
  if (delivery === null && waiting.age > (isThere ? WAITS_S : 0)) {
    const look = waiting.age > TOO_LATE_S ? "bad" : "warn";
    const detail = `the oldest event has waited so long for RabbitMQ, which confirms nothing; ${count(waiting.onDisk)} wait on disk`;
    return { look, answer: latency(waiting.age), detail };
  }
  if (delivery === null && !isThere) return { look: "unknown", answer: "Not known", detail: "nothing can be delivered now" };
  if (why) return { look: "unknown", answer: "Not known", detail: why };
  if (delivery === null) return { look: "idle", answer: "Nothing to time", detail: "no event was delivered in the last seconds" };
  const look = delivery > TOO_LATE_S ? "bad" : delivery > LATE_S ? "warn" : "good";
  return { look, answer: latency(delivery), detail: `99 % from socket to broker; from the exchange ${latency(lag)}` };
}

/** gaps: those of 24 hours, of which there may be more (`total`); dropped: events, since counting began. */
export function lost(gaps, total, dropped) {
  const open = gaps.filter((gap) => gap.to === null);
  const lasting = gaps.filter((gap) => gap.to !== null && gap.recovered === false);
  const unsure = gaps.filter((gap) => gap.to !== null && gap.recovered === null);
  const more = total > gaps.length ? `; of ${count(total)} gaps the newest ${count(gaps.length)} are read` : "";
  const parts = [
    [open, "open"],
    [lasting, "not made good"],
    [unsure, "without a verdict"],
  ]
    .filter(([those]) => those.length)
    .map(([those, word]) => `${count(those.length)} ${word}`);
  const troubled = open.length + lasting.length + unsure.length;
  const good = gaps.length ? `${plural(gaps.length, "gap")} in 24 hours, all made good` : "no gap in 24 hours";
  const known = (troubled ? `${parts.join(", ")}; in 24 hours` : good) + more;
  const detail = dropped ? `${known}; ${plural(dropped, "event")} dropped since counting began` : known;
  if (troubled) return { look: open.length ? "bad" : "warn", answer: plural(troubled, "gap"), detail };
  if (dropped) return { look: "warn", answer: plural(dropped, "event"), detail };
  return { look: "good", answer: "Nothing known", detail };
}

export function read(health) {
  if (!health.queue_connected) return { look: "unknown", answer: "Not known", detail: "RabbitMQ cannot be asked" };
  const own = Object.entries(health.queues).filter(([, queue]) => queue.kind === "service");
  if (!own.length) return { look: "idle", answer: "No queues", detail: "of services" };
  const unread = own.filter(([, queue]) => queue.consumers === 0);
  const waiting = own.reduce((sum, [, queue]) => sum + queue.messages, 0);
  const [longest, depth] = own.map(([name, queue]) => [name, queue.messages]).sort(([, a], [, b]) => b - a)[0];
  const detail = waiting ? `${plural(waiting, "message")} wait, ${count(depth)} in ${longest}` : "nothing waits";
  if (unread.length === own.length) return { look: waiting ? "bad" : "warn", answer: "Nobody", detail };
  if (unread.length) return { look: "warn", answer: `${count(own.length - unread.length)} of ${count(own.length)} queues`, detail };
  return { look: "good", answer: `All ${plural(own.length, "queue")}`, detail };
}

// The five answers at the top. Pure: what the API said in, {look, answer, detail} out. look: good, warn, bad, idle or unknown.
// What is not known is said to be so: an answer is never made from half of what it needs.

import { isOfService } from "./queues.js";
import { IN_TROUBLE } from "./topics.js";
import { count, latency, plural } from "./words.js";

/** A delivery that takes longer is late, and much too late; seconds. The first is what the gateway promises. */
const LATE_S = 0.1;
const TOO_LATE_S = 1;

const ON = ["connected", "standby"];

export function connected(health) {
  const all = Object.entries(health.connections);
  const at_work = all.filter(([, each]) => each.connection_status !== "idle");
  const away = at_work.filter(([, each]) => !ON.includes(each.connection_status));
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

/** topics: rows of the table; subscriptions: active ones. Both null without a key. */
export function subscribed(health, topics, subscriptions) {
  if (topics === null || subscriptions === null) {
    return {
      look: health.active_subscriptions ? "good" : "idle",
      answer: plural(health.active_subscriptions, "subscription"),
      detail: "",
    };
  }
  const troubled = topics.filter((row) => IN_TROUBLE.includes(row.state));
  const services = new Set(subscriptions.map((each) => each.requesting_service)).size;
  const by = `${plural(subscriptions.length, "subscription")} of ${plural(services, "service")}`;
  if (!topics.length && !subscriptions.length) return { look: "idle", answer: "Nothing", detail: "no service has subscribed" };
  const refused = subscriptions.filter((each) => each.state === "refused").length;
  if (troubled.length) {
    const words = IN_TROUBLE.map((state) => [troubled.filter((row) => row.state === state).length, state]);
    return {
      look: "warn",
      answer: plural(topics.length, "topic"),
      detail: words
        .filter(([n]) => n)
        .map(([n, state]) => `${count(n)} ${state}`)
        .join(", "),
    };
  }
  return {
    look: refused ? "warn" : "good",
    answer: plural(topics.length, "topic"),
    detail: refused ? `${count(refused)} refused; ${by}` : by,
  };
}

/** delivery, lag: the 99th percentile of what was counted lately, in seconds; null: nothing was. why: why nothing can be known. */
export function late(delivery, lag, why) {
  if (why) return { look: "unknown", answer: "Not known", detail: why };
  if (delivery === null) return { look: "idle", answer: "Nothing to time", detail: "no event was delivered in the last seconds" };
  const look = delivery > TOO_LATE_S ? "bad" : delivery > LATE_S ? "warn" : "good";
  return { look, answer: latency(delivery), detail: `99 % from socket to broker; from the exchange ${latency(lag)}` };
}

/** gaps: those of 24 hours, of which there may be more (`total`); connections: by name. */
export function lost(gaps, total, connections) {
  const open = gaps.filter((gap) => gap.to === null);
  const lasting = gaps.filter((gap) => gap.to !== null && gap.recovered === false);
  const unsure = gaps.filter((gap) => gap.to !== null && gap.recovered === null);
  const dropped = Object.values(connections).reduce((sum, each) => sum + each.dropped, 0);
  const more = total > gaps.length ? `; of ${count(total)} gaps the newest ${count(gaps.length)} are read` : "";
  const parts = [
    [open, "open"],
    [lasting, "not made good"],
    [unsure, "without a verdict"],
  ]
    .filter(([those]) => those.length)
    .map(([those, word]) => `${count(those.length)} ${word}`);
  if (dropped) parts.push(`${plural(dropped, "event")} dropped`);
  const troubled = open.length + lasting.length + unsure.length;
  if (parts.length) {
    const answer = troubled ? plural(troubled, "gap") : plural(dropped, "event");
    return { look: open.length ? "bad" : "warn", answer, detail: `${parts.join(", ")}; in 24 hours${more}` };
  }
  const good = gaps.length ? `${plural(gaps.length, "gap")} in 24 hours, all made good` : "no gap in 24 hours";
  return { look: "good", answer: "Nothing known", detail: good + more };
}

/** inUse: the queues of active subscriptions; null without a key: then all that are named after a service. */
export function read(health, inUse) {
  if (!health.queue_connected) return { look: "unknown", answer: "Not known", detail: "RabbitMQ cannot be asked" };
  const own = Object.entries(health.queues).filter(([name]) => (inUse === null ? isOfService(name) : inUse.has(name)));
  if (!own.length) return { look: "idle", answer: "No queues", detail: "of services" };
  const unread = own.filter(([, queue]) => queue.consumers === 0);
  const waiting = own.reduce((sum, [, queue]) => sum + queue.messages, 0);
  const [longest, depth] = own.map(([name, queue]) => [name, queue.messages]).sort(([, a], [, b]) => b - a)[0];
  const detail = waiting ? `${plural(waiting, "message")} wait, ${count(depth)} in ${longest}` : "nothing waits";
  if (unread.length === own.length) return { look: waiting ? "bad" : "warn", answer: "Nobody", detail };
  if (unread.length) return { look: "warn", answer: `${count(own.length - unread.length)} of ${count(own.length)} queues`, detail };
  return { look: "good", answer: `All ${plural(own.length, "queue")}`, detail };
}

// Queues: how much waits in them, and who reads.

import { Table } from "./table.js";
import { count, percent, span } from "./words.js";

/** Fuller than this, a queue is about to lose its oldest messages. */
const CROWDED = 0.8;

/** Whether a queue is one service's own, by its name: `ws-gateway.CLASS.SERVICE`. */
export function isOfService(name) {
  return name.split(".").length > 2;
}

/** inUse: the queues of active subscriptions; oldest: name → seconds; fill: name → share of the queue's limits. */
export function queueRows(health, inUse, oldest, fill) {
  return Object.entries(health.queues).map(([name, queue]) => ({
    name,
    ...queue,
    kind: inUse.has(name) ? "service" : isOfService(name) ? "left" : "class",
    oldest: oldest.get(name) ?? null,
    fill: fill.get(name) ?? null,
  }));
}

export function queueTable(place) {
  const isUnread = (row) => row.kind === "service" && row.consumers === 0;
  return new Table(place, {
    name: "queues",
    first: 15,
    empty: "RabbitMQ has no queue of ours, or was not asked yet.",
    key: (row) => row.name,
    rank: (row) =>
      row.fill >= CROWDED || (isUnread(row) && row.messages)
        ? 0
        : row.kind === "service"
          ? 1
          : row.consumers || row.messages
            ? 2
            : 3,
    look: (row) => (row.fill >= CROWDED ? "bad" : isUnread(row) && row.messages ? "warn" : row.consumers ? "good" : "idle"),
    columns: [
      { id: "name", head: "Queue", of: (row) => row.name, mono: true },
      { id: "kind", bare: true, head: "Of", of: (row) => row.kind },
      { id: "messages", head: "Waiting", numeric: true, of: (row) => row.messages, write: (row) => count(row.messages) },
      { id: "oldest", head: "Oldest", numeric: true, of: (row) => row.oldest, write: (row) => span(row.oldest) },
      { id: "fill", head: "Full", numeric: true, of: (row) => row.fill, write: (row) => percent(row.fill) },
      { id: "consumers", head: "Readers", numeric: true, of: (row) => row.consumers, write: (row) => count(row.consumers) },
    ],
  });
}

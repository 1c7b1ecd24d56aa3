// Queues: how much waits in them, and who reads.

import { Table } from "./table.js";
import { count, percent, span } from "./words.js";

/** From this share of its limits an alarm is red: the queue is about to lose its oldest messages. */
const GRAVE = 0.95;

/** By name: oldest → seconds; fill → share of the queue's limits; level → the share whose alarm is on, 0 for none. */
export function queueRows(health, { oldest, fill, level }) {
  return Object.entries(health.queues).map(([name, queue]) => ({
    name,
    ...queue,
    oldest: oldest.get(name) ?? null,
    fill: fill.get(name) ?? null,
    level: level.get(name) ?? 0,
  }));
}

export function queueTable(place) {
  return new Table(place, {
    name: "queues",
    first: 15,
    empty: "RabbitMQ has no queue of ours, or was not asked yet.",
    key: (row) => row.name,
    rank: (row) => (isTroubled(row) ? 0 : row.kind === "service" ? 1 : row.consumers || row.messages ? 2 : 3),
    look: queueLook,
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

/** A class queue that fills because nobody wants it has no alarm, however full it is: that is said once, in the hint. */
export function queueLook(row) {
  if (isTroubled(row)) return row.level >= GRAVE ? "bad" : "warn";
  return row.consumers ? "good" : "idle";
}

function isTroubled(row) {
  return row.level > 0 || (row.kind === "service" && row.consumers === 0 && row.messages > 0);
}

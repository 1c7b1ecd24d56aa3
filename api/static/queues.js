// Queues: how much waits in them, and who reads.

import { Table } from "./table.js";
import { isOfService } from "./verdicts.js";
import { count } from "./words.js";

export function queueRows(health) {
  return Object.entries(health.queues).map(([name, queue]) => ({ name, ...queue, isOwn: isOfService(name) }));
}

export function queueTable(place) {
  const isUnread = (row) => row.isOwn && row.consumers === 0;
  return new Table(place, {
    name: "queues",
    empty: "RabbitMQ has no queue of ours, or was not asked yet.",
    key: (row) => row.name,
    rank: (row) => (isUnread(row) && row.messages ? 0 : row.isOwn ? 1 : row.consumers || row.messages ? 2 : 3),
    look: (row) => (isUnread(row) && row.messages ? "warn" : row.consumers ? "good" : "idle"),
    columns: [
      { id: "name", head: "Queue", of: (row) => row.name, mono: true },
      { id: "kind", head: "Of", of: (row) => (row.isOwn ? "a service" : "a class") },
      { id: "messages", head: "Waiting", numeric: true, of: (row) => row.messages, write: (row) => count(row.messages) },
      { id: "consumers", head: "Consumers", numeric: true, of: (row) => row.consumers, write: (row) => count(row.consumers) },
    ],
  });
}

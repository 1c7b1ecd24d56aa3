// Topics: each that a process holds, and each that a service wants and no process speaks of.

import { age } from "./clock.js";
import { ageColumn, stateColumn } from "./columns.js";
import { Table } from "./table.js";
import { count } from "./words.js";

/** States that need a person, or soon will. `unknown` and `not held` are this page's words. */
export const IN_TROUBLE = ["refused", "stalled", "unknown", "not held"];
const CATEGORIES = ["spot", "linear", "inverse", "option", "spread"];

/** Rows from the answers of /connections, /subscriptions (active ones) and /gaps (those of 24 hours). */
export function topicRows(connections, subscriptions, gaps) {
  const wishes = new Wishes(subscriptions);
  const byTopic = Map.groupBy(
    gaps.filter((gap) => gap.topic !== null),
    (gap) => `${gap.endpoint} ${gap.topic}`,
  );
  const byWorker = Map.groupBy(
    gaps.filter((gap) => gap.topic === null),
    (gap) => gap.worker,
  );
  const rows = Object.values(connections).flatMap((connection) => {
    const isSilent = connection.is_silent;
    return Object.entries(connection.topics).map(([topic, entry]) => {
      const concerned = [...(byTopic.get(`${connection.endpoint} ${topic}`) ?? []), ...(byWorker.get(connection.name) ?? [])];
      return {
        topic,
        worker: connection.name,
        state: isSilent ? "unknown" : entry.state,
        error: isSilent ? `${connection.name} is silent; it last said ${entry.state}` : entry.last_error,
        lastEventAt: entry.last_event_at,
        sequence: entry.sequence,
        services: named(wishes.take(topic, connection.endpoint)),
        gaps: concerned.length,
        open: concerned.filter((gap) => gap.to === null).length,
      };
    });
  });
  return [...rows, ...wishes.left.map((those) => lacking(those, connections))];
}

/** What is wanted and not held: its process is stopped or away, or has not heard of it yet. */
function lacking(those, connections) {
  const [{ topic, category, state, last_error: error, last_event_at: lastEventAt }] = those;
  const isNew = state === "requested";
  return {
    topic,
    worker: Object.values(connections).find((each) => each.endpoint === category)?.name ?? category ?? "",
    state: isNew ? state : "not held",
    error: error ?? (isNew ? null : "no process speaks of it now"),
    lastEventAt,
    sequence: null,
    services: named(those),
    gaps: null,
    open: 0,
  };
}

export function topicTable(place) {
  return new Table(place, {
    name: "topics",
    empty: "No topic is wanted of the exchange.",
    key: (row) => `${row.worker} ${row.topic}`,
    rank: (row) => (IN_TROUBLE.includes(row.state) || row.open ? 0 : row.state === "requested" ? 1 : 2),
    look: (row) =>
      row.state === "refused"
        ? "bad"
        : IN_TROUBLE.includes(row.state) || row.open
          ? "warn"
          : row.state === "requested"
            ? "idle"
            : "good",
    columns: [
      { id: "topic", head: "Topic", of: (row) => row.topic, mono: true },
      { id: "worker", bare: true, head: "Process", of: (row) => row.worker, mono: true },
      stateColumn((row) => row.state, (row) => row.error),
      ageColumn("age", "Last event", (row) => row.lastEventAt),
      { id: "sequence", head: "Sequence", numeric: true, of: (row) => row.sequence, write: (row) => count(row.sequence) },
      {
        id: "gaps",
        head: "Gaps",
        numeric: true,
        of: (row) => row.gaps,
        write: (row) => (row.open ? `${count(row.gaps)}, ${count(row.open)} open` : count(row.gaps)),
      },
      { id: "services", bare: true, head: "Services", of: (row) => row.services.join(", "), write: (row) => few(row.services) },
    ],
  });
}

/** Active subscriptions by what they want, and those that no topic was found for. The gateway's own events are no topic of the exchange. */
class Wishes {
  constructor(subscriptions) {
    const asked = subscriptions.filter((each) => each.channel_type !== "system");
    this._exact = Map.groupBy(
      asked.filter((each) => !each.topic.includes("*")),
      (each) => each.topic,
    );
    this._patterns = asked.filter((each) => each.topic.includes("*")).map((each) => ({ ...each, pattern: patternOf(each.topic) }));
    this._left = new Map(Map.groupBy(asked, (each) => `${each.category ?? ""} ${each.topic}`));
  }

  /** Those that a topic of an endpoint is held for. */
  take(topic, endpoint) {
    const isPublic = CATEGORIES.includes(endpoint);
    const exact = (this._exact.get(topic) ?? []).filter((each) => !isPublic || each.category === endpoint);
    const matching = this._patterns.filter((each) => each.category === endpoint && each.pattern.test(topic));
    for (const each of [...exact, ...matching]) this._left.delete(`${each.category ?? ""} ${each.topic}`);
    return [...exact, ...matching];
  }

  get left() {
    return [...this._left.values()];
  }
}

function patternOf(topic) {
  return new RegExp(
    `^${topic
      .split("*")
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}$`,
  );
}

function named(subscriptions) {
  return [...new Set(subscriptions.map((each) => each.requesting_service))].sort();
}

function few(names) {
  return names.length > 3 ? `${names.slice(0, 2).join(", ")} and ${count(names.length - 2)} more` : names.join(", ");
}

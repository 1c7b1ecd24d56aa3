// Connections and topics: what the worker processes said of themselves.

import { age } from "./clock.js";
import { element, say } from "./elements.js";
import { Table } from "./table.js";
import { count, rate, span } from "./words.js";

/** A process writes its state every second; one that has not for so long is gone or stuck; seconds. */
const SILENT_S = 6;

const AWAY = ["connecting", "authenticating", "subscribing", "reconnecting", "auth_failed"];
const IN_TROUBLE = ["refused", "stalled", "unknown"];
const DAY_GAPS = "gaps of 24 hours that concern it";

/** Rows from the answer of /connections. perSecond: name → events a second. */
export function connectionRows(connections, perSecond) {
  return Object.values(connections).map((each) => ({ ...each, isSilent: age(each.last_heartbeat_at) > SILENT_S, perSecond: perSecond[each.name] ?? null }));
}

export function connectionTable(place) {
  return new Table(place, {
    name: "connections",
    empty: "No process has reported yet.",
    key: (row) => row.name,
    rank: (row) => (row.isSilent || AWAY.includes(row.connection_status) ? 0 : row.connection_status === "idle" ? 2 : 1),
    look: (row) => (row.connection_status === "auth_failed" || (row.isSilent && row.wanted) ? "bad" : AWAY.includes(row.connection_status) ? "warn" : row.connection_status === "idle" ? "idle" : "good"),
    columns: [
      { id: "name", head: "Process", of: (row) => row.name, mono: true },
      { id: "state", head: "State", of: (row) => (row.isSilent ? "silent" : row.connection_status), fill: fillState },
      { id: "uptime", head: "Up for", numeric: true, of: (row) => (row.connection_status === "connected" ? row.connection_duration_seconds : null), write: (row) => span(row.connection_status === "connected" ? row.connection_duration_seconds : null) },
      { id: "reconnects", head: "Reconnects", numeric: true, of: (row) => row.reconnection_count, write: (row) => count(row.reconnection_count) },
      { id: "topics", head: "Topics", numeric: true, of: (row) => row.active_subscriptions, write: (row) => `${count(row.active_subscriptions)} of ${count(row.wanted)}` },
      { id: "rate", head: "Events/s", numeric: true, of: (row) => row.perSecond, write: (row) => rate(row.perSecond) },
      { id: "frame", head: "Last frame", numeric: true, of: (row) => age(row.last_frame_at), write: (row) => span(age(row.last_frame_at)) },
      { id: "dropped", head: "Dropped", numeric: true, of: (row) => row.dropped, write: (row) => count(row.dropped) },
    ],
  });
}

/** Rows of all topics. gaps: of 24 hours; subscriptions: active ones. */
export function topicRows(connections, subscriptions, gaps) {
  const holders = subscriptions.map((each) => ({ ...each, matches: matcher(each.topic) }));
  return Object.values(connections).flatMap((connection) => {
    const isSilent = age(connection.last_heartbeat_at) > SILENT_S;
    return Object.entries(connection.topics).map(([topic, entry]) => {
      const concerned = gaps.filter((gap) => gap.topic === topic ? gap.endpoint === connection.endpoint : gap.topic === null && gap.worker === connection.name);
      const services = holders.filter((each) => isOf(each, connection.endpoint) && each.matches(topic)).map((each) => each.requesting_service);
      return {
        topic, worker: connection.name, state: isSilent ? "unknown" : entry.state,
        error: isSilent ? `${connection.name} is silent; it last said ${entry.state}` : entry.last_error,
        lastEventAt: entry.last_event_at, sequence: entry.sequence, services: [...new Set(services)].sort(),
        gaps: concerned.length, open: concerned.filter((gap) => gap.to === null).length,
      };
    });
  });
}

export function topicTable(place) {
  return new Table(place, {
    name: "topics",
    empty: "No topic is wanted of the exchange.",
    key: (row) => `${row.worker} ${row.topic}`,
    rank: (row) => (IN_TROUBLE.includes(row.state) || row.open ? 0 : row.state === "requested" ? 1 : 2),
    look: (row) => (row.state === "refused" ? "bad" : IN_TROUBLE.includes(row.state) || row.open ? "warn" : row.state === "requested" ? "idle" : "good"),
    columns: [
      { id: "topic", head: "Topic", of: (row) => row.topic, mono: true },
      { id: "worker", head: "Process", of: (row) => row.worker, mono: true },
      { id: "state", head: "State", of: (row) => row.state, write: (row) => `${row.state} ${row.error ?? ""}`, fill: (cell, row) => fill(cell, row.state, row.error) },
      { id: "age", head: "Last event", numeric: true, of: (row) => age(row.lastEventAt), write: (row) => span(age(row.lastEventAt)) },
      { id: "sequence", head: "Sequence", numeric: true, of: (row) => row.sequence, write: (row) => count(row.sequence) },
      { id: "gaps", head: "Gaps", numeric: true, of: (row) => row.gaps, write: (row) => (row.open ? `${count(row.gaps)}, ${count(row.open)} open` : count(row.gaps)), title: DAY_GAPS },
      { id: "services", head: "Services", of: (row) => row.services.join(", "), write: (row) => few(row.services) },
    ],
  });
}

/** A state, and under it why it is so. */
export function fill(cell, state, why) {
  if (!cell.firstChild) cell.append(element("span", { class: "state" }), element("span", { class: "why" }));
  say(cell.firstChild, state);
  say(cell.lastChild, why ?? "");
}

function fillState(cell, row) {
  const isWell = !row.isSilent && !AWAY.includes(row.connection_status);
  fill(cell, row.isSilent ? "silent" : row.connection_status, isWell ? null : row.last_error);
}

function isOf(subscription, endpoint) {
  return subscription.category === endpoint || !["spot", "linear", "inverse", "option", "spread"].includes(endpoint);
}

/** Whether a topic is one that a subscription stands for: its own, or one of its pattern. */
function matcher(wanted) {
  if (!/[*]/.test(wanted)) return (topic) => topic === wanted;
  const pattern = new RegExp(`^${wanted.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);
  return (topic) => pattern.test(topic);
}

function few(names) {
  return names.length > 3 ? `${names.slice(0, 2).join(", ")} and ${count(names.length - 2)} more` : names.join(", ");
}

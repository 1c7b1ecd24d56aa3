// Connections: what the worker processes said of themselves.

import { ageColumn, withReason } from "./columns.js";
import { Table } from "./table.js";
import { count, percent, rate, span } from "./words.js";

/** Of a connection that has work and does not do it. */
export const AWAY = ["connecting", "authenticating", "subscribing", "reconnecting", "auth_failed"];

/**
 * Rows from the answer of /connections. By name: perSecond → events a second; uptime → share of the time with work;
 * dropped → events, since counting began.
 */
export function connectionRows(connections, { perSecond, uptime, dropped }) {
  return Object.values(connections).map((each) => ({
    ...each,
    perSecond: perSecond[each.name] ?? null,
    uptime: uptime.get(each.name) ?? null,
    dropped: dropped.get(each.name) ?? null,
  }));
}

export function connectionTable(place) {
  return new Table(place, {
    name: "connections",
    empty: "No process has reported yet.",
    key: (row) => row.name,
    rank: (row) => (row.is_silent || AWAY.includes(row.connection_status) ? 0 : row.connection_status === "idle" ? 2 : 1),
    look: (row) =>
      row.connection_status === "auth_failed" || (row.is_silent && row.wanted)
        ? "bad"
        : AWAY.includes(row.connection_status)
          ? "warn"
          : row.connection_status === "idle"
            ? "idle"
            : "good",
    columns: [
      { id: "name", head: "Process", of: (row) => row.name, mono: true },
      { id: "state", bare: true, head: "State", of: (row) => (row.is_silent ? "silent" : row.connection_status), fill: fillState },
      {
        id: "uptime",
        head: "Up for",
        numeric: true,
        of: (row) => (row.connection_status === "connected" ? row.connection_duration_seconds : null),
        write: (row) => span(row.connection_status === "connected" ? row.connection_duration_seconds : null),
      },
      { id: "ratio", head: "Uptime", numeric: true, of: (row) => row.uptime, write: (row) => percent(row.uptime) },
      {
        id: "reconnects",
        head: "Reconnects",
        numeric: true,
        of: (row) => row.reconnection_count,
        write: (row) => count(row.reconnection_count),
      },
      {
        id: "topics",
        head: "Topics",
        numeric: true,
        of: (row) => row.active_subscriptions,
        write: (row) => `${count(row.active_subscriptions)} of ${count(row.wanted)}`,
      },
      { id: "rate", head: "Events/s", numeric: true, of: (row) => row.perSecond, write: (row) => rate(row.perSecond) },
      ageColumn("frame", "Last frame", (row) => row.last_frame_at),
      { id: "dropped", head: "Dropped", numeric: true, of: (row) => row.dropped, write: (row) => count(row.dropped) },
    ],
  });
}

function fillState(cell, row) {
  const isWell = !row.is_silent && !AWAY.includes(row.connection_status);
  withReason(cell, row.is_silent ? "silent" : row.connection_status, isWell ? null : row.last_error);
}

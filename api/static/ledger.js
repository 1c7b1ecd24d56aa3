// Gaps and occurrences: what may be missing, and what happened.

import { element, say } from "./elements.js";
import { Table } from "./table.js";
import { moment, span } from "./words.js";

const TROUBLES = ["disconnected", "refused", "stalled", "gap", "overflow", "dead_letter", "damaged", "lease_ended"];

export function gapTable(place) {
  return new Table(place, {
    name: "gaps",
    empty: "None: nothing that is known is missing.",
    key: (row) => row.id,
    rank: (row) => [row.to === null, row.recovered === false, row.recovered === null].findIndex(Boolean) + 1 || 4,
    look: (row) => (row.to === null ? "bad" : row.recovered ? "good" : "warn"),
    columns: [
      { id: "from", head: "From", of: (row) => row.from, fill: (cell, row) => time(cell, row.from) },
      { id: "lasted", head: "Lasted", numeric: true, of: lasted, write: (row) => (row.to === null ? "open" : lasted(row) < 1 ? `${Math.round(lasted(row) * 1000)} ms` : span(lasted(row))) },
      { id: "cause", head: "Cause", of: (row) => row.cause },
      { id: "what", head: "What", of: (row) => row.topic ?? `all of ${row.worker}`, mono: true },
      { id: "verdict", head: "Made good", of: verdict, fill: (cell, row) => words(cell, verdict(row), row.detail), write: (row) => `${verdict(row)} ${row.detail ?? ""}` },
    ],
  });
}

export function occurrenceTable(place) {
  return new Table(place, {
    name: "events",
    empty: "Nothing was told yet.",
    key: (row) => row.event_id,
    look: (row) => (TROUBLES.includes(row.kind) ? "warn" : "plain"),
    rank: (row) => -Date.parse(row.timestamp),
    columns: [
      { id: "at", head: "At", of: (row) => row.timestamp, fill: (cell, row) => time(cell, row.timestamp) },
      { id: "kind", head: "What", of: (row) => row.kind, fill: (cell, row) => words(cell, row.kind, row.detail), write: (row) => `${row.kind} ${row.detail ?? ""}` },
      { id: "where", head: "Where", of: (row) => row.worker, mono: true },
      { id: "topic", head: "Topic", of: (row) => row.topic ?? "", mono: true },
    ],
  });
}

/** Seconds; null while it is open. */
function lasted(row) {
  return row.to === null ? null : (Date.parse(row.to) - Date.parse(row.from)) / 1000;
}

function verdict(row) {
  if (row.recovered === null) return row.to === null ? "not over" : "nobody knows yet";
  return row.recovered ? "yes" : "no";
}

function time(cell, iso) {
  if (!cell.firstChild) cell.append(element("time"));
  cell.firstChild.setAttribute("datetime", iso);
  say(cell.firstChild, moment(iso));
}

function words(cell, first, more) {
  if (!cell.firstChild) cell.append(element("span", { class: "state" }), element("span", { class: "why" }));
  say(cell.firstChild, first);
  say(cell.lastChild, more ?? "");
}

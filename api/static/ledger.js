// Gaps and occurrences: what may be missing, and what happened.

import { element, say } from "./elements.js";
import { Table } from "./table.js";
import { moment, span } from "./words.js";

/** Kinds of occurrences that a person should see among the others. */
const TROUBLES = [
  "disconnected",
  "refused",
  "stalled",
  "gap",
  "overflow",
  "unread",
  "expired",
  "dead_letter",
  "died",
  "fatal",
  "stuck",
];

export function gapTable(place) {
  return new Table(place, {
    name: "gaps",
    first: 8,
    empty: "None: nothing that is known is missing.",
    key: (row) => row.id,
    rank: (row) => [row.to === null, row.recovered === false, row.recovered === null].findIndex(Boolean) + 1 || 4,
    look: (row) => (row.to === null ? "bad" : row.recovered ? "good" : "warn"),
    columns: [
      { id: "from", head: "From", of: (row) => row.from, fill: (cell, row) => time(cell, row.from) },
      {
        id: "lasted",
        head: "Lasted",
        numeric: true,
        of: lasted,
        write: (row) => (row.to === null ? "open" : lasted(row) < 1 ? `${Math.round(lasted(row) * 1000)} ms` : span(lasted(row))),
      },
      {
        id: "what",
        bare: true,
        head: "What",
        of: (row) => row.cause,
        write: (row) => `${row.cause} ${row.topic ?? ""} ${row.worker} ${row.detail ?? ""}`,
        fill: (cell, row) => words(cell, row.cause, row.topic ?? `all of ${row.worker}`, row.detail),
      },
      { id: "verdict", head: "Made good", of: verdict, fill: (cell, row) => words(cell, verdict(row), "", "") },
    ],
  });
}

export function occurrenceTable(place) {
  return new Table(place, {
    name: "events",
    first: 15,
    empty: "Nothing was told yet.",
    key: (row) => row.event_id,
    look: (row) => (TROUBLES.includes(row.kind) ? "warn" : "plain"),
    rank: (row) => -Date.parse(row.timestamp),
    columns: [
      { id: "at", head: "At", of: (row) => row.timestamp, fill: (cell, row) => time(cell, row.timestamp) },
      {
        id: "kind",
        bare: true,
        head: "What",
        of: (row) => row.kind,
        write: (row) => `${row.kind} ${row.topic ?? ""} ${row.detail ?? ""}`,
        fill: (cell, row) => words(cell, row.kind, row.topic, row.detail),
      },
      { id: "where", bare: true, head: "Where", of: (row) => row.worker, mono: true },
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

/** A word, what it is about, and under it the sentence. */
function words(cell, first, about, sentence) {
  if (!cell.firstChild)
    cell.append(
      element("span", { class: "state" }),
      " ",
      element("span", { class: "about" }),
      " ",
      element("span", { class: "why" }),
    );
  const texts = [first, about, sentence];
  for (const [place, child] of [...cell.children].entries()) say(child, texts[place] ?? "");
}

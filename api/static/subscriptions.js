// Subscriptions: who holds what, and cancelling one, after a question.

import { age } from "./clock.js";
import { ask } from "./ask.js";
import { element, say } from "./elements.js";
import { ageColumn, stateColumn } from "./columns.js";
import { Table } from "./table.js";
import { UNKNOWN } from "./words.js";

/** changed: called after something was cancelled. */
export function subscriptionTable(place, changed) {
  const question = new Question(document.getElementById("cancel"), changed);
  return new Table(place, {
    name: "subscriptions",
    empty: "No service has subscribed.",
    key: (row) => row.id,
    rank: (row) => (["refused", "stalled"].includes(row.state) || row.last_error ? 0 : 1),
    look: (row) =>
      row.state === "refused"
        ? "bad"
        : row.state === "stalled" || row.last_error
          ? "warn"
          : row.state === "requested"
            ? "idle"
            : "good",
    columns: [
      { id: "service", head: "Service", of: (row) => row.requesting_service },
      { id: "channel", bare: true, head: "Channel", of: (row) => row.channel_type },
      {
        id: "symbol",
        bare: true,
        head: "Symbol",
        of: (row) => row.symbol ?? "",
        write: (row) => row.symbol ?? UNKNOWN,
        mono: true,
      },
      { id: "category", bare: true, head: "Category", of: (row) => row.category ?? "", write: (row) => row.category ?? UNKNOWN },
      stateColumn((row) => row.state, (row) => row.last_error),
      ageColumn("age", "Last event", (row) => row.last_event_at),
      { id: "act", bare: true, head: "Act", fill: (cell, row) => button(cell, row, question) },
    ],
  });
}

function button(cell, row, question) {
  if (cell.firstChild) return;
  const made = element("button", { type: "button", "aria-label": `Cancel ${named(row)}` }, "Cancel");
  made.addEventListener("click", () => question.put(row));
  cell.append(made);
}

function named(row) {
  return `${row.channel_type} ${row.symbol ?? row.topic} of ${row.requesting_service}`;
}

/** Asked before anything is cancelled; the answer that changes nothing is the one that Enter and Escape give. */
class Question {
  constructor(dialog, changed) {
    Object.assign(this, { _dialog: dialog, _changed: changed, _row: null });
    this._what = dialog.querySelector(".what");
    this._refusal = dialog.querySelector(".refusal");
    this._yes = dialog.querySelector(".danger");
    this._yes.addEventListener("click", () => this._cancel());
  }

  put(row) {
    this._row = row;
    say(this._what, `${named(row)}${row.category ? `, ${row.category}` : ""}: ${row.topic}`);
    say(this._refusal, "");
    this._dialog.showModal();
  }

  async _cancel() {
    this._yes.disabled = true;
    try {
      await ask(`/api/v1/subscriptions/${encodeURIComponent(this._row.id)}`, { method: "DELETE" });
      this._dialog.close();
      this._changed();
    } catch (refusal) {
      say(this._refusal, refusal.message);
    } finally {
      this._yes.disabled = false;
    }
  }
}

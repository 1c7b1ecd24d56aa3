// Columns that several tables have alike.

import { age } from "./clock.js";
import { element, say } from "./elements.js";
import { span } from "./words.js";

/** A state, and below it why it is so. why(row): null where there is nothing to say. */
export function stateColumn(state, why) {
  return {
    id: "state",
    bare: true,
    head: "State",
    of: state,
    write: (row) => `${state(row)} ${why(row) ?? ""}`,
    fill: (cell, row) => withReason(cell, state(row), why(row)),
  };
}

/** How long ago something was. at(row): an ISO moment. */
export function ageColumn(id, head, at) {
  return { id, head, numeric: true, of: (row) => age(at(row)), write: (row) => span(age(at(row))) };
}

/** A word, and below it why it is so. */
export function withReason(cell, word, why) {
  if (!cell.firstChild) cell.append(element("span", { class: "state" }), element("span", { class: "why" }));
  say(cell.firstChild, word);
  say(cell.lastChild, why ?? "");
}

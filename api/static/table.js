// A table that is searched and sorted, made for hundreds of rows that change every few seconds.
//
// Rows keep their elements by key, so that a focus stays where it is; while it is in the table, rows do not change places.

import { classed, element, say } from "./elements.js";
import { count } from "./words.js";

/** More rows than these are shown when somebody asks for them, where a table says nothing else. */
const FIRST = 25;

export class Table {
  /**
   * name     of what a row is, in the plural
   * columns  {id, head, of(row): what is sorted by, none: by nothing; write(row): its text, else `of`; fill(cell, row): elements;
   *          numeric; mono; bare: says itself what it is}
   * key      row → what makes it the same as before
   * rank     row → 0 for trouble, which stands first until another order is asked for
   * look     row → class of the row
   * first    how many rows are shown unless somebody asks for all
   */
  constructor(place, { name, columns, key, rank = () => 0, look = () => "", empty, first = FIRST }) {
    Object.assign(this, { _columns: columns, _key: key, _rank: rank, _look: look, _empty: empty, _name: name, _first: first });
    this._rows = [];
    this._shown = new Map();
    this._order = null;
    this._all = false;
    const id = `${place.id}_search`;
    this._search = element("input", {
      type: "search",
      id,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: `search ${name}`,
    });
    this._search.addEventListener("input", () => this._draw());
    this._count = element("output", { class: "count", for: id });
    this._head = element("tr", { role: "row" }, ...columns.map((column) => this._heading(column)));
    this._body = element("tbody", { role: "rowgroup" });
    this._none = element("p", { class: "none" });
    this._more = element("button", { type: "button", class: "more", hidden: true });
    this._more.addEventListener("click", () => {
      this._all = !this._all;
      this._draw();
    });
    const table = element(
      "table",
      { role: "table", "aria-labelledby": `${place.id}_head` },
      element("thead", { role: "rowgroup" }, this._head),
      this._body,
    );
    place.append(
      element("p", { class: "tools" }, element("label", { for: id, class: "aside" }, `Search ${name}`), this._search, this._count),
      table,
      this._none,
      this._more,
    );
  }

  show(rows) {
    this._rows = rows;
    this._draw();
  }

  _heading(column) {
    if (!column.of) return element("th", { scope: "col", role: "columnheader", "data-id": column.id }, column.head);
    const button = element("button", { type: "button" }, column.head);
    button.addEventListener("click", () => {
      const isSame = this._order?.column === column;
      const begins = column.numeric ? -1 : 1;
      this._order = { column, way: isSame ? -this._order.way : begins };
      this._mark();
      this._draw({ moving: true });
    });
    return element(
      "th",
      { scope: "col", role: "columnheader", "aria-sort": "none", class: column.numeric ? "number" : null, "data-id": column.id },
      button,
    );
  }

  _mark() {
    for (const [place, column] of this._columns.entries()) {
      if (!column.of) continue;
      const way = this._order?.column === column ? this._order.way : 0;
      this._head.children[place].setAttribute("aria-sort", ["descending", "none", "ascending"][way + 1]);
    }
  }

  _draw({ moving = false } = {}) {
    const words = this._search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const found = this._rows.filter((row) => {
      const text = words.length
        ? this._columns
            .map((column) => written(column, row))
            .join(" ")
            .toLowerCase()
        : "";
      return words.every((word) => text.includes(word));
    });
    found.sort((one, other) => this._compare(one, other));
    const listed = this._all ? found : found.slice(0, this._first);
    const keys = new Set(listed.map(this._key));
    for (const [key, tr] of this._shown) {
      if (!keys.has(key)) {
        tr.remove();
        this._shown.delete(key);
      }
    }
    const isHeld = !moving && this._body.contains(document.activeElement);
    for (const [place, row] of listed.entries()) this._put(row, place, isHeld);
    say(this._count, words.length ? `${count(found.length)} of ${count(this._rows.length)}` : count(this._rows.length));
    say(this._none, found.length ? "" : words.length ? `No ${this._name} match.` : this._empty);
    this._more.hidden = found.length <= this._first;
    say(this._more, this._all ? `Show the first ${this._first}` : `Show all ${count(found.length)}`);
  }

  _put(row, place, isHeld) {
    const key = this._key(row);
    let tr = this._shown.get(key);
    if (tr === undefined) {
      tr = element(
        "tr",
        { role: "row" },
        ...this._columns.map((column, number) =>
          element(number ? "td" : "th", {
            role: number ? "cell" : "rowheader",
            scope: number ? null : "row",
            "data-head": column.head,
            "data-id": column.id,
            class: [column.numeric && "number", column.mono && "mono", column.bare && "bare"].filter(Boolean).join(" ") || null,
          }),
        ),
      );
      this._shown.set(key, tr);
      this._body.append(tr);
    }
    for (const [number, column] of this._columns.entries()) {
      if (column.fill) column.fill(tr.children[number], row);
      else say(tr.children[number], written(column, row));
    }
    classed(tr, this._look(row));
    if (!isHeld && this._body.children[place] !== tr) this._body.insertBefore(tr, this._body.children[place] ?? null);
  }

  _compare(one, other) {
    if (this._order === null)
      return this._rank(one) - this._rank(other) || compared(this._columns[0].of(one), this._columns[0].of(other));
    const { column, way } = this._order;
    const [a, b] = [column.of(one), column.of(other)];
    if (isNone(a) || isNone(b)) return isNone(a) - isNone(b); // what is not known is last, either way
    return way * compared(a, b) || compared(this._key(one), this._key(other));
  }
}

const NATURAL = new Intl.Collator("en", { numeric: true });

function compared(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : NATURAL.compare(String(a ?? ""), String(b ?? ""));
}

function isNone(value) {
  return value === null || value === undefined || value === "";
}

/** A cell's text. */
function written(column, row) {
  return String((column.write ?? column.of)?.(row) ?? "");
}

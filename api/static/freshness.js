// What is old is marked as old: a panel whose source no longer answers says since when and why, and its figures are struck dim.

import { classed, element, say } from "./elements.js";
import { span } from "./words.js";

export class Freshness {
  /** section: a panel; sources: those that it shows. */
  constructor(section, sources) {
    this._section = section;
    this._sources = sources;
    this._note = element("p", { class: "freshness" });
    section.querySelector("h2").after(this._note);
  }

  mark() {
    const old = this._sources.filter((source) => !source.isCurrent);
    classed(this._section, old.some((source) => source.data !== null) && "stale", old.some((source) => source.data === null) && "missing");
    say(this._note, old.map(sentence).join(" "));
  }
}

/** Why, and since when, a source's data is not what holds now. */
export function sentence(source) {
  const why = source.fault ? `${source.fault.message}.` : "";
  if (source.data === null) return source.fault ? `Not known: ${why}` : "Being asked …";
  return `Not current: as it was at ${new Date(source.at).toLocaleTimeString("en-GB")}, ${span((Date.now() - source.at) / 1000)} ago. ${why}`.trim();
}

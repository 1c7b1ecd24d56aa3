// What is old is marked as old: a panel whose source no longer answers says since when and why, and its figures are struck dim.

import { classed, element, say } from "./elements.js";
import { span } from "./words.js";

export class Freshness {
  /** section: a panel; sources: those that it shows; doubt → why what they say is old although they answer; "" where it is not. */
  constructor(section, sources, doubt = () => "") {
    this._section = section;
    this._sources = sources;
    this._doubt = doubt;
    this._note = element("p", { class: "freshness" });
    section.querySelector("h2").after(this._note);
  }

  mark() {
    const old = this._sources.filter((source) => !source.isCurrent);
    const doubt = old.length ? "" : this._doubt();
    classed(this._section, (doubt || old.some((source) => source.data !== null)) && "stale");
    say(this._note, doubt ? `Not current: ${doubt}.` : [...new Set(old.map(sentence))].join(" "));
  }
}

/** Why, and since when, a source's data is not what holds now. */
export function sentence(source) {
  if (source.data === null) return source.fault ? `Not known: ${reason(source)}` : "Being asked …";
  return `Not current: as it was ${when(source)}. ${reason(source)}`.trim();
}

/** When the newest answer came. */
export function when(source) {
  return `at ${new Date(source.at).toLocaleTimeString("en-GB")}, ${span((Date.now() - source.at) / 1000)} ago`;
}

/** Why there is none newer, as a sentence; "" where nobody knows. */
export function reason(source) {
  const words = source.fault?.message ?? "";
  return words && `${words[0].toUpperCase()}${words.slice(1)}.`;
}

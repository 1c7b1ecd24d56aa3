// The top of the page: five answers, and what is wrong, in the gateway's own sentences.

import { classed, element, say } from "./elements.js";
import { reason, sentence, when } from "./freshness.js";

export class Glance {
  constructor(section) {
    this._cells = Object.fromEntries([...section.querySelectorAll("[data-answer]")].map((cell) => [cell.dataset.answer, cell]));
    this._last = {};
  }

  /** Show an answer; one whose sources are old is not given as if it held, but what it was is told. */
  show(name, sources, make) {
    const old = sources.filter((source) => !source.isCurrent);
    if (!old.length) this._last[name] = make();
    const was = this._last[name];
    const shown = old.length ? { look: "unknown", answer: "Not known", detail: before(was, old[0]) } : was;
    const cell = this._cells[name];
    classed(cell, shown.look);
    say(cell.querySelector(".answer"), shown.answer);
    say(cell.querySelector(".detail"), shown.detail);
  }
}

/** What an answer was when its source last answered, and why there is none now. */
function before(was, source) {
  return was && source.data !== null ? `It was “${was.answer}” ${when(source)}. ${reason(source)}`.trim() : sentence(source);
}

/** Sentences about what is wrong; the section is hidden when there are none. */
export function showTrouble(section, sentences) {
  const list = section.querySelector("ul");
  const shown = [...list.children].map((item) => item.textContent);
  if (shown.length !== sentences.length || sentences.some((text, place) => text !== shown[place])) {
    list.replaceChildren(...sentences.map((text) => element("li", {}, text)));
  }
  section.hidden = sentences.length === 0;
}

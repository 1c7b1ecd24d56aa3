// The top of the page: five answers, and what is wrong, in the gateway's own sentences.

import { classed, element, say } from "./elements.js";
import { reason, sentence, when } from "./freshness.js";

/** More sentences than these push everything else out of sight. */
const MOST = 8;

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

/** Sentences about what is wrong, and others about queues; the section is hidden when there are none. */
export function showTrouble(section, reasons, alarms) {
  list(section.querySelector(".reasons"), reasons);
  list(section.querySelector(".alarms"), alarms);
  section.hidden = reasons.length + alarms.length === 0;
}

function list(place, sentences) {
  const shown = sentences.slice(0, MOST);
  if (sentences.length > MOST) shown.push(`and ${sentences.length - MOST} more`);
  place.hidden = !shown.length;
  const was = [...place.children].map((item) => item.textContent);
  if (was.length !== shown.length || shown.some((text, number) => text !== was[number])) {
    place.replaceChildren(...shown.map((text) => element("li", {}, text)));
  }
}

// The form that subscribes a service. What channels and categories there are is read from the API's own document.

import { ask, Refusal } from "./ask.js";
import { element, say } from "./elements.js";

/** Fields that are numbers in the request. */
const NUMBERS = ["depth", "snapshot_seconds", "ttl_seconds"];

/** State of a queue → what is still to come. */
const WAITS = {
  pending: "; events come as soon as RabbitMQ and the router know of it",
  turning: "; its messages are of the other form in a moment",
};

/** changed: called after something was subscribed. */
export function subscribeForm(place, changed) {
  const form = place.querySelector("form");
  const done = place.querySelector(".done");
  const refusal = place.querySelector(".refusal");
  place.addEventListener("toggle", () => {
    if (place.open && !form.elements.channel_type.length) offer(form).catch((fault) => say(refusal, fault.message));
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    say(done, "");
    say(refusal, "");
    mark(form, []);
    try {
      const row = await ask("/api/v1/subscriptions", { method: "POST", body: wish(form) });
      const waits = WAITS[row.queue_state] ?? "";
      say(
        done,
        `${row.requesting_service} is subscribed to ${row.topic}${row.category ? ` of ${row.category}` : ""}. Its queue is ${row.queue}${waits}.`,
      );
      changed();
    } catch (fault) {
      if (!(fault instanceof Refusal)) throw fault;
      say(refusal, fault.code ? `${fault.message} (${fault.code})` : fault.message);
      mark(form, blamed(fault));
    } finally {
      button.disabled = false;
    }
  });
}

/** What there is to choose from. */
async function offer(form) {
  const { components, paths } = await ask("/openapi.json", { withKey: false });
  const channels = components.schemas.SubscriptionRequest.properties.channel_type.enum;
  const filters = paths["/api/v1/subscriptions"].get.parameters;
  const categories = choices(filters.find((field) => field.name === "category").schema);
  form.elements.channel_type.replaceChildren(...channels.map((each) => element("option", { value: each }, each)));
  form.elements.category.replaceChildren(
    element("option", { value: "" }, "by the symbol"),
    ...categories.map((each) => element("option", { value: each }, each)),
  );
}

/** The request's body: what was filled in. A number that is none goes as it is, and the API says what is wrong with it. */
function wish(form) {
  const given = [...new FormData(form)].map(([name, text]) => [name, text.trim()]).filter(([, text]) => text !== "");
  return Object.fromEntries(
    given.map(([name, text]) => [name, NUMBERS.includes(name) && !Number.isNaN(Number(text)) ? Number(text) : text]),
  );
}

/** The field that the API's words are about, as far as it names one. */
function blamed(fault) {
  const named = (fault.details?.problems ?? []).map((problem) => problem.field);
  const known = {
    INVALID_CHANNEL_TYPE: "channel_type",
    MISSING_SYMBOL: "symbol",
    UNKNOWN_SYMBOL: "symbol",
    UNEXPECTED_SYMBOL: "symbol",
    INVALID_TOPIC: "topic",
    CATEGORY_DISABLED: "category",
    UNSUPPORTED_FOR_CATEGORY: "category",
    INVALID_DEPTH: "depth",
    INVALID_INTERVAL: "interval",
  };
  return [...named, known[fault.code]].filter(Boolean);
}

function mark(form, names) {
  for (const field of form.elements) {
    if (field.name) field.toggleAttribute("data-blamed", names.includes(field.name));
    if (names.includes(field.name)) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
  form.elements.namedItem(names[0] ?? "")?.focus();
}

function choices(schema) {
  return schema.enum ?? schema.anyOf?.find((each) => each.enum)?.enum ?? [];
}

// Asking the API that this page came from. The key goes into a header, never into a URL; it is kept in this tab alone.

import * as clock from "./clock.js";

const KEY = "ws-gateway.key";
/** How long an answer is waited for; milliseconds. */
const PATIENCE_MS = 8000;

/** Why there is no answer that can be used: status 0 where there was none at all; else the API's own words and code. */
export class Refusal extends Error {
  constructor(status, words, code = "", details = {}) {
    super(words);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  keep: (text) => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

/** The answer's JSON. Throws Refusal. `also`: statuses beside 2xx whose body is an answer all the same. */
export async function ask(path, { method = "GET", body, withKey = true, also = [] } = {}) {
  const response = await reached(path, method, body, withKey);
  const answer = await response.json().catch(() => null);
  if (response.ok || also.includes(response.status)) {
    if (answer !== null) return answer;
    throw new Refusal(response.status, `the answer to ${path} is no JSON`);
  }
  const words = answer?.error ?? `the API answered ${response.status} without words`;
  throw new Refusal(response.status, words, answer?.code, answer?.details);
}

/** The answer as text. Throws Refusal. */
export async function askText(path) {
  const response = await reached(path, "GET", undefined, false);
  const text = await response.text();
  if (response.ok) return text;
  throw new Refusal(response.status, `${path} answered ${response.status}`);
}

async function reached(path, method, body, withKey) {
  const headers = {};
  if (withKey) headers["X-API-Key"] = key.get();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
      credentials: "omit",
      redirect: "error",
      cache: "no-store",
    });
    clock.heard(response.headers.get("Date"));
    return response;
  } catch (fault) {
    const slow = fault.name === "TimeoutError";
    throw new Refusal(0, slow ? `the API has not answered within ${PATIENCE_MS / 1000} s` : "the API cannot be reached");
  }
}

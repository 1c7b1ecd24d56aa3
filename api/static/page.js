// The control page: sources ─▶ panels. Each source asks by itself; each panel is drawn when one of its sources has answered.

import { ask, askText, key, Refusal } from "./ask.js";
import { balanceTable } from "./balances.js";
import { Chart } from "./chart.js";
import { connectionRows, connectionTable } from "./connections.js";
import { classed, say } from "./elements.js";
import { Freshness, sentence } from "./freshness.js";
import { Glance, showTrouble } from "./glance.js";
import { between, DELIVERY, LAG, quantile } from "./latency.js";
import { gapTable, occurrenceTable } from "./ledger.js";
import { queueRows, queueTable } from "./queues.js";
import { rates, Series, total } from "./rates.js";
import { histogram, samples, sum } from "./samples.js";
import { Source } from "./source.js";
import { subscribeForm } from "./subscribe.js";
import { subscriptionTable } from "./subscriptions.js";
import { topicRows, topicTable } from "./topics.js";
import * as verdicts from "./verdicts.js";
import { count, latency, rate } from "./words.js";

const DAY_MS = 86_400_000;
/** Rows of one answer, and answers of one list, that are asked for. */
const PAGE = 1000;
const MOST_PAGES = 5;

const TABLES = ["connections", "topics", "subscriptions", "queues", "gaps", "occurrences", "balances"];

const at = (id) => document.getElementById(id);

const health = new Source("health", 2, askHealth, { keyed: false });
const metrics = new Source("latency", 5, () => askText("/metrics"), { keyed: false });
const connections = new Source("connections", 2, async () => (await ask("/api/v1/connections")).connections);
const subscriptions = new Source("subscriptions", 5, allSubscriptions);
const gaps = new Source("gaps", 5, () =>
  ask(`/api/v1/gaps?limit=${PAGE}&from=${encodeURIComponent(new Date(Date.now() - DAY_MS).toISOString())}`),
);
const occurrences = new Source("events", 5, () => ask("/api/v1/events?limit=200"));
const balances = new Source("balances", 5, () => ask(`/api/v1/balances?limit=${PAGE}`));
const sources = [health, metrics, connections, subscriptions, gaps, occurrences, balances];

const eventRates = new Series();
const deliveryTimes = new Series();
const exchangeLags = new Series();
/** The answers before the newest: rates and latencies are differences. */
const before = { connections: null, delivery: null, lag: null };
let perSecond = {};
const topics = { made: "", rows: [] };

const panels = {};

/** An unhealthy gateway says so with 503; so may something in between that knows nothing of it. */
async function askHealth() {
  const answer = await ask("/health", { withKey: false, also: [503] });
  if (answer.connections === undefined) throw new Refusal(503, answer.error ?? "/health answered 503 without words");
  return answer;
}

async function allSubscriptions() {
  const rows = [];
  let total = 0;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await ask(`/api/v1/subscriptions?is_active=true&limit=${PAGE}&offset=${rows.length}`);
    rows.push(...answer.subscriptions);
    total = answer.total;
    if (rows.length >= total || !answer.subscriptions.length) break;
  }
  return { rows, total };
}

function build() {
  const again = () => [subscriptions, connections].forEach((source) => source.start());
  panels.glance = new Glance(at("glance"));
  panels.rate = new Chart(at("charts"), { id: "rate", title: "Events a second", lines: { all: "" }, write: rate });
  panels.delivery = new Chart(at("charts"), {
    id: "delivery",
    title: "Socket to broker",
    lines: { p99: "99 % ", p50: "half " },
    write: latency,
  });
  panels.lag = new Chart(at("charts"), {
    id: "lag",
    title: "Exchange to socket",
    lines: { p99: "99 % ", p50: "half " },
    write: latency,
  });
  panels.connections = connectionTable(at("connections"));
  panels.topics = topicTable(at("topics"));
  panels.subscriptions = subscriptionTable(at("subscriptions"), again);
  panels.queues = queueTable(at("queues"));
  panels.gaps = gapTable(at("gaps"));
  panels.occurrences = occurrenceTable(at("occurrences"));
  panels.balances = balanceTable(at("balances"));
  panels.freshness = [
    [at("connections"), [connections]],
    [at("topics"), [connections, subscriptions, gaps]],
    [at("subscriptions"), [subscriptions]],
    [at("queues"), [health], () => (health.data.queue_connected ? "" : "RabbitMQ cannot be asked")],
    [at("gaps"), [gaps]],
    [at("occurrences"), [occurrences]],
    [at("balances"), [balances]],
  ].map((given) => new Freshness(...given));
  subscribeForm(at("subscribe"), again);
}

function listen() {
  connections.whenever(({ fault, data }) => {
    perSecond = fault || !before.connections ? {} : rates(before.connections, data);
    before.connections = fault ? null : data;
    eventRates.add(Date.now(), { all: total(perSecond) });
  });
  metrics.whenever(({ fault, data }) => {
    for (const [name, series, metric] of [
      ["delivery", deliveryTimes, DELIVERY],
      ["lag", exchangeLags, LAG],
    ]) {
      const is = fault ? null : histogram(data, metric);
      const counted = between(before[name], is);
      before[name] = is;
      series.add(Date.now(), { p50: quantile(counted, 0.5), p99: quantile(counted, 0.99) });
    }
  });
  for (const source of sources) {
    source.whenever(({ fault, keyed }) => (keyed && [401, 403, 429].includes(fault?.status) ? signOut(fault.message) : draw()));
  }
}

function draw() {
  drawTop();
  drawCharts();
  drawTables();
  for (const each of panels.freshness) each.mark();
}

function drawTop() {
  const isOpen = key.get() !== "";
  const known = isOpen ? [health, connections, subscriptions, gaps] : [health];
  panels.glance.show("connected", [health], () => verdicts.connected(health.data));
  panels.glance.show("subscribed", known, () =>
    verdicts.subscribed(health.data, isOpen ? rowsOfTopics() : null, isOpen ? subscriptions.data : null),
  );
  panels.glance.show("late", [health], () =>
    verdicts.late(deliveryTimes.last.p99 ?? null, exchangeLags.last.p99 ?? null, {
      waiting: {
        age: ofMetrics("ws_gateway_spool_age_seconds", "sink").get("broker") ?? 0,
        onDisk: ofMetrics("ws_gateway_spool_messages", "sink").get("broker") ?? 0,
      },
      isThere: health.data.queue_connected,
      why: whyNoLatency(DELIVERY),
    }),
  );
  if (isOpen)
    panels.glance.show("lost", [gaps, metrics], () =>
      verdicts.lost(gaps.data.gaps, gaps.data.total, sum(metrics.data, "ws_gateway_dropped_total")),
    );
  else
    panels.glance.show("lost", [], () => ({
      look: "unknown",
      answer: "Not known",
      detail: "gaps are shown to those who have a key",
    }));
  panels.glance.show("read", [health], () => verdicts.read(health.data));
  const { data } = health;
  const status = health.isCurrent ? data.status : "not known";
  say(at("status"), status);
  classed(at("status"), { healthy: "good", degraded: "warn", unhealthy: "bad" }[status] ?? "unknown");
  say(at("where"), data ? data.environment : "");
  say(at("as_of"), health.at ? `as of ${new Date(health.at).toLocaleTimeString("en-GB")}` : "");
  document.title = status === "healthy" ? "ws-gateway" : `${status} – ws-gateway`;
  const unknown = data || health.fault ? [`The gateway's health is not known. ${sentence(health)}`] : [];
  showTrouble(at("trouble"), health.isCurrent ? data.reasons : unknown, health.isCurrent ? (data.alarms ?? []) : []);
}

function drawCharts() {
  panels.rate.show(eventRates, connections.isCurrent ? "" : sentence(connections));
  panels.delivery.show(deliveryTimes, whyNoLatency(DELIVERY));
  panels.lag.show(exchangeLags, whyNoLatency(LAG));
}

/** What is old stays as it was, and does not age: only what it was when it came is known of it. */
function drawTables() {
  if (connections.isCurrent)
    panels.connections.show(
      connectionRows(connections.data, {
        perSecond,
        uptime: ofMetrics("ws_gateway_uptime_ratio", "worker"),
        dropped: ofMetrics("ws_gateway_dropped_total", "worker"),
      }),
    );
  if (connections.isCurrent && subscriptions.data) panels.topics.show(rowsOfTopics());
  if (subscriptions.isCurrent) panels.subscriptions.show(subscriptions.data.rows);
  if (health.isCurrent) {
    panels.queues.show(
      queueRows(health.data, {
        oldest: ofMetrics("ws_gateway_queue_oldest_seconds", "queue"),
        fill: ofMetrics("ws_gateway_queue_fill_ratio", "queue"),
        level: ofMetrics("ws_gateway_queue_backlog_alarm", "queue"),
      }),
    );
    say(at("queues").querySelector(".hint"), health.data.hint ?? "");
  }
  if (gaps.isCurrent) panels.gaps.show(gaps.data.gaps);
  if (occurrences.isCurrent) panels.occurrences.show(occurrences.data.events);
  if (balances.isCurrent) panels.balances.show(balances.data.balances);
}

/** Made anew when one of its sources has answered: there may be thousands. */
function rowsOfTopics() {
  const made = [connections.at, subscriptions.at, gaps.at].join();
  if (topics.made !== made)
    Object.assign(topics, { made, rows: topicRows(connections.data, subscriptions.data?.rows ?? [], gaps.data?.gaps ?? []) });
  return topics.rows;
}

/** By the values of a label; empty while /metrics does not answer. */
function ofMetrics(name, label) {
  return samples(metrics.isCurrent ? metrics.data : "", name, label);
}

/** "" when latency is known, or could be. */
function whyNoLatency(metric) {
  if (metrics.fault) return `Latency is not known: ${metrics.fault.message}.`;
  if (!metrics.isCurrent || deliveryTimes.points.length < 2) return "Latency is being measured …";
  return histogram(metrics.data, metric) ? "" : `Latency is not known: /metrics has no ${metric}.`;
}

function signIn() {
  const isOpen = key.get() !== "";
  at("sign_in").hidden = isOpen;
  at("data").hidden = !isOpen;
  at("forget").hidden = !isOpen;
  for (const source of sources) {
    if (isOpen || !source.keyed) source.start();
  }
  draw();
  if (!isOpen) at("key").focus();
}

/** why: the API's words, where it refused the key. */
function signOut(why) {
  key.forget();
  for (const source of sources) {
    if (source.keyed) source.forget();
  }
  before.connections = null;
  for (const name of TABLES) panels[name].show([]);
  say(at("sign_in").querySelector(".refusal"), why);
  signIn();
}

at("sign_in")
  .querySelector("form")
  .addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = at("key").value.trim();
    at("key").value = "";
    const isKey = /^[\x21-\x7e]+$/.test(typed);
    say(at("sign_in").querySelector(".refusal"), isKey ? "" : "found spaces, or letters that no key has; expected a key");
    if (!isKey) return;
    key.keep(typed);
    signIn();
    at("data").focus({ preventScroll: true });
  });
at("forget").addEventListener("click", () => signOut(""));
document.addEventListener("visibilitychange", () => {
  for (const source of sources) {
    if (document.hidden) source.stop();
    else if (key.get() || !source.keyed) source.start();
  }
  if (!document.hidden) draw();
});
say(
  at("zone"),
  `Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone}, where you are; ages are by the gateway's clock. ` +
    `${count(PAGE * MOST_PAGES)} subscriptions at most are shown.`,
);
build();
listen();
signIn();
setInterval(() => {
  if (!document.hidden) draw();
}, 1000); // ages grow, and what is old comes to be marked so

"use strict";
// Alerts quote attackers. Everything from them goes through textContent, which never becomes markup.

const REFRESH_MS = 2000;
const ROWS = 100;
const RATES = { records_scored_total: "Requests a second", attacks_total: "Attacks a second" };
const shown = { totals: null, at: 0, alerts: "" };

function make(name, text, className) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = visible(String(text));
  if (className) node.className = className;
  return node;
}

// Characters that reorder or hide text are shown by their number.
function visible(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"));
}

function setState(text, className) {
  const state = document.getElementById("state");
  state.textContent = visible(text);
  state.className = className;
}

function timeOf(value) {
  const date = new Date(typeof value === "number" ? value * 1000 : value);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString();
}

function requestOf(request) {
  if (!request) return "";
  const query = request.query && Object.keys(request.query).length ? " " + JSON.stringify(request.query) : "";
  const body = request.requestPayload ? " " + JSON.stringify(request.requestPayload) : "";
  const text = `${String(request.method || "").toUpperCase()} ${request.path || ""}${query}${body}`;
  return text.length > 300 ? text.slice(0, 300) + "…" : text;
}

function explanationOf(explanation) {
  const cell = make("td", undefined, "code");
  if (!explanation) return cell;
  const characters = Array.from(String(explanation.excerpt || ""));
  const piece = (from, to) => characters.slice(from, to).join("");
  cell.append(
    make("span", `${explanation.field || ""}: ${piece(0, explanation.start)}`),
    make("mark", piece(explanation.start, explanation.end)),
    make("span", piece(explanation.end)),
  );
  return cell;
}

function rowOf(alert) {
  const row = make("tr");
  row.append(
    make("td", timeOf(alert.time), "nowrap"),
    make("td", typeof alert.score === "number" ? alert.score.toFixed(4) : ""),
    make("td", alert.kind ?? ""),
    make("td", alert.client?.address ?? ""),
    make("td", alert.message ?? requestOf(alert.request), "code"),
    explanationOf(alert.explanation),
    make("td", alert.count ?? 1),
  );
  return row;
}

function showAlerts(alerts) {
  const text = JSON.stringify(alerts);
  if (text === shown.alerts) return;  // leaves a selection of the reader's alone
  shown.alerts = text;
  document.getElementById("alerts").replaceChildren(...alerts.map(rowOf));
  document.getElementById("none").hidden = alerts.length > 0;
}

function total(figure) {
  return Object.values(figure || {}).reduce((sum, value) => sum + value, 0);
}

function figureOf(name, value) {
  const box = make("div");
  box.append(make("dt", name), make("dd", value));
  return box;
}

function showStats(stats) {
  const now = performance.now();
  const figures = stats.figures || {};
  const totals = Object.fromEntries(Object.keys(RATES).map((name) => [name, total(figures[name])]));
  const boxes = [];
  for (const [name, title] of Object.entries(RATES)) {
    const seconds = (now - shown.at) / 1000;
    const grown = shown.totals ? Math.max(0, totals[name] - shown.totals[name]) / seconds : 0;
    boxes.push(figureOf(title, grown.toLocaleString(undefined, { maximumFractionDigits: 1 })));
  }
  boxes.push(
    figureOf("Requests scored", totals.records_scored_total.toLocaleString()),
    figureOf("Attacks", totals.attacks_total.toLocaleString()),
    figureOf("Alerts delivered", total(figures.alerts_delivered_total).toLocaleString()),
    figureOf("Alerts waiting", total(figures.outbox_pending).toLocaleString()),
    figureOf("Unparsable records", total(figures.records_unparsable_total).toLocaleString()),
  );
  for (const [name, lag] of Object.entries(figures.source_lag || {})) {
    boxes.push(figureOf(`Not yet read: ${name}`, lag.toLocaleString()));
  }
  if (stats.model) boxes.push(figureOf("Model", stats.model.name ?? ""));
  if (stats.version) boxes.push(figureOf("Version", stats.version));
  shown.totals = totals;
  shown.at = now;
  document.getElementById("figures").replaceChildren(...boxes);
}

async function ask(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(10000) });
  return answer.json();
}

async function refresh() {
  try {
    const [ready, alerts, stats] = await Promise.all([ask("readyz"), ask(`api/alerts?limit=${ROWS}`), ask("api/stats")]);
    if (ready.ready) setState("ready", "good");
    else setState("not ready: " + (ready.reasons || []).join("; "), "bad");
    showAlerts(alerts.alerts || []);
    showStats(stats);
  } catch (error) {
    setState("no answer from weirlog: " + error.message, "bad");
  }
  setTimeout(refresh, document.hidden ? 5 * REFRESH_MS : REFRESH_MS);
}

refresh();

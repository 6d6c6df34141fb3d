// The dashboard: shows what /api/v1/state says, live by Server-Sent Events, by asking again where those do not come.
"use strict";

const POLL_MS = 2000;
const SILENCE_MS = 40000;
let token = null; // kept here and nowhere else: a reload of the page forgets it
let shownAt = 0;
let ageAtShow = null;
let state = null;

const $ = (id) => document.getElementById(id);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const sign = (amount) => (amount.startsWith("-") ? "bad" : Number(amount) > 0 ? "good" : "");
const plus = (amount) => (Number(amount) > 0 ? "+" + amount : amount.replace("-", "−"));
const clock = (at) => (at ? at.slice(11, 19) : "");

function badge(id, text, className) {
  $(id).textContent = text;
  $(id).className = "badge " + (className || "");
}

function headers(more) {
  const all = { ...more };
  if (token) all.Authorization = "Bearer " + token;
  return all;
}

// ---- showing ----

function show(document_) {
  state = document_;
  const data = document_.data;
  shownAt = performance.now();
  ageAtShow = data.feed.age_seconds;
  $("version").textContent = data.version;
  document.title = `bea · ${data.trading.state}`;
  badge("mode", data.mode, data.mode === "LIVE" ? "bad" : "");
  const trading = data.trading.state;
  badge("trading", trading, { ACTIVE: "good", HALTED: "bad" }[trading] || "warn");
  badge("health", "health " + data.health, { pass: "good", warn: "warn", fail: "bad" }[data.health]);
  const banner = $("banner");
  banner.hidden = trading === "ACTIVE";
  banner.className = trading === "HALTED" ? "banner bad" : "banner";
  banner.textContent = { HALTED: "Betting is halted: ", PAUSED: "Betting is paused: ", REDUCE: "Only what lowers the risk may be bet: " }[trading] + data.trading.reason;
  $("kill").hidden = trading === "HALTED";
  $("pause").hidden = trading !== "ACTIVE" && trading !== "REDUCE";
  $("resume").hidden = trading === "ACTIVE";
  const notes = data.notes.filter((note) => !note.startsWith("DRY_RUN") && !note.startsWith("mode:"));
  $("notes").hidden = notes.length === 0;
  $("notes").replaceChildren(...notes.map((note) => element("li", "", note)));

  const currency = document_.currency;
  const cents = data.strategies.reduce((sum, s) => sum + Math.round(Number(s.profit_net) * 100), 0);
  const net = (cents / 100).toFixed(2);
  $("net").textContent = `${plus(net)} ${currency}`;
  $("net").className = "figure " + sign(net);
  const all = data.risk.used.find((used) => used.limit_name === "risk.together.max_exposure");
  $("at-risk").textContent = all ? `${all.used} ${currency}` : "–";
  $("at-risk-limit").textContent = all ? `of ${all.limit}, every open bet at its worst` : "";
  $("open").textContent = data.open_orders;
  $("unresolved").textContent = data.risk.unresolved ? `${data.risk.unresolved} not heard of yet` : "all heard of";
  $("feed").textContent = data.feed.recording ? `${data.feed.recording} · ${data.feed.updates} changes` : "nothing yet";
  $("run").textContent = `run ${document_.run}, ${currency}, published ${document_.generated_at}`;
  age();
  equity(data.equity, currency);
  strategies(data.strategies);
  limits(data.risk.used);
  refusals(data.refusals);
  intents(data.intents);
  orders(data.orders);
  alerts(data.alerts);
}

function age() {
  if (ageAtShow === null) return;
  const seconds = ageAtShow + (performance.now() - shownAt) / 1000;
  const stale = seconds > 60 && state && !state.data.feed.finished;
  $("age").textContent = seconds < 120 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min`;
  $("age").className = "figure" + (stale ? " warn" : "");
}

function equity(points, currency) {
  const svg = $("equity");
  $("equity-empty").hidden = points.length > 0;
  svg.style.display = points.length > 0 ? "" : "none";
  if (points.length === 0) { $("equity-range").textContent = ""; return; }
  const values = [0, ...points.map((point) => Number(point.net))];
  const low = Math.min(...values), high = Math.max(...values);
  const span = high - low || 1;
  const x = (at) => (values.length > 1 ? (at / (values.length - 1)) * 800 : 0).toFixed(1);
  const y = (value) => (190 - ((value - low) / span) * 180).toFixed(1);
  const line = values.map((value, at) => `${at ? "L" : "M"}${x(at)} ${y(value)}`).join("");
  svg.replaceChildren(
    shape("path", { class: "area", d: `${line}L800 ${y(0)}L0 ${y(0)}Z` }),
    shape("line", { class: "zero", x1: 0, x2: 800, y1: y(0), y2: y(0) }),
    shape("path", { class: "line", d: line }),
  );
  $("equity-range").textContent = `${points.length} settled, from ${plus(low.toFixed(2))} to ${plus(high.toFixed(2))} ${currency}`;
}

function rows(id, list, cells) {
  const body = $(id).tBodies[0];
  const made = list.map((item) => {
    const row = document.createElement("tr");
    row.append(...cells(item));
    return row;
  });
  body.replaceChildren(...made);
  const empty = $(id + "-empty");
  if (empty) { empty.hidden = list.length > 0; $(id).hidden = list.length === 0; }
}

const cell = (text, className) => element("td", className, text);

function strategies(list) {
  rows("strategies", list, (s) => {
    const name = cell("", "");
    name.append(element("strong", "", s.name));
    if (s.standing !== "running") name.append(" ", element("span", "badge warn", s.standing.replace("_", " ")));
    const wrong = s.trouble || (s.standing === "quarantined" ? s.last_error : null);
    if (wrong) name.append(element("span", "under warn", wrong));
    const version = cell("", "");
    version.append(element("code", "", s.hash ? s.hash.slice(0, 12) : "–"));
    return [
      name, version,
      cell(plus(s.profit_net), "n " + sign(s.profit_net)),
      cell(plus(s.profit_today), "n " + sign(s.profit_today)),
      cell(s.bets, "n"), cell(s.refused, "n"), cell(s.open_orders, "n"), cell(s.at_risk, "n"),
    ];
  });
}

function bar(label, figures, ratio, className) {
  const item = element("li");
  const head = element("div", "head");
  const name = element("span", "", label);
  name.title = label;
  head.append(name, element("span", "", figures));
  const svg = shape("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", role: "img", "aria-label": `${label}: ${figures}` });
  svg.append(
    shape("rect", { class: "track", width: 100, height: 6 }),
    shape("rect", { class: "fill " + className, width: Math.min(100, ratio * 100).toFixed(1), height: 6 }),
  );
  item.append(head, svg);
  return item;
}

function limits(list) {
  const shown = list.slice(0, 10).map((used) => {
    const what = used.limit_name.replace("risk.together.", "").replace("risk.", "").replaceAll("_", " ").replace(/^max /, "").replace(" ratio", "");
    const who = used.scope === "all" ? "all" : used.scope === "strategy" ? used.name : `${used.scope} ${used.name}`;
    const label = `${who}: ${what.replace(`${used.scope} `, "")}`;
    const className = used.used_ratio >= 0.9 ? "bad" : used.used_ratio >= 0.7 ? "warn" : "";
    return bar(label, `${used.used} of ${used.limit}`, used.used_ratio, className);
  });
  $("limits").replaceChildren(...shown);
}

function refusals(list) {
  $("refusals-empty").hidden = list.length > 0;
  const most = Math.max(1, ...list.map((refused) => refused.count));
  $("refusals").replaceChildren(...list.slice(0, 10).map((refused) =>
    bar(`${refused.code} · ${refused.strategy}`, String(refused.count), refused.count / most, "")));
}

function intents(list) {
  rows("intents", list, (i) => {
    const verdict = cell("", "");
    verdict.append(element("span", "badge " + (i.verdict === "APPROVED" ? "good" : "warn"), i.verdict === "APPROVED" ? "approved" : "refused"));
    const asked = [i.action === "PLACE" ? "" : i.action.toLowerCase(), (i.side || "").toLowerCase(), i.size, i.price ? "at " + i.price : "", i.runner ? "on " + i.runner : ""].filter(Boolean).join(" ");
    const why = cell("", "long");
    if (i.code) why.append(element("code", "", i.code), i.value ? ` ${i.value}` : "", i.limit ? ` (limit ${i.limit})` : "");
    if (i.reason) why.append(element("span", i.code ? "under quiet" : "quiet", i.reason));
    return [cell(clock(i.at)), cell(i.strategy), cell(i.market), cell(asked), verdict, why];
  });
}

function orders(list) {
  rows("orders", list, (o) => [
    cell(o.strategy), cell(o.market),
    cell(`${o.side.toLowerCase()} ${o.size}${o.price ? " at " + o.price : ""} on ${o.runner}`),
    cell(o.matched, "n"), cell(o.state.toLowerCase()),
  ]);
}

function alerts(list) {
  $("alerts-empty").hidden = list.length > 0;
  $("alerts").replaceChildren(...list.map((alert) => {
    const item = element("li", alert.severity);
    item.append(element("strong", "", alert.code), " ", element("span", "quiet", clock(alert.at)), element("span", "under", alert.text));
    return item;
  }));
}

// ---- hearing ----

async function ask() {
  const answer = await fetch("/api/v1/state", { headers: headers() });
  if (answer.status === 401) { await askForToken("Reading takes a token."); return false; }
  if (!answer.ok) throw new Error(`the server says ${answer.status}`);
  show(await answer.json());
  return true;
}

// Reads the events of one connection until it ends. fetch and not EventSource: that cannot send a token.
async function listen() {
  const answer = await fetch("/api/v1/events", { headers: headers() });
  if (answer.status === 401) { await askForToken("Reading takes a token."); return; }
  if (!answer.ok) throw new Error(`the server says ${answer.status}`);
  badge("link", "live", "good");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const silence = new Promise((_, give) => setTimeout(() => give(new Error("silence")), SILENCE_MS));
    const { done, value } = await Promise.race([reader.read(), silence]);
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      hear(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
}

function hear(block) {
  let kind = "", data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) kind = line.slice(6).trim();
    if (line.startsWith("data:")) data += line.slice(5).trim();
  }
  if (kind === "state") show(JSON.parse(data));
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function run() {
  for (let failures = 0; ; ) {
    try {
      await listen();
      failures = 0;
    } catch {
      failures += 1;
    }
    try {
      await ask();
      badge("link", "polling", "warn");
    } catch {
      badge("link", "not connected", "bad");
    }
    await pause(Math.min(POLL_MS * Math.max(1, failures), 10000));
  }
}

// ---- doing ----

let asking = null;

function dialog(title, text, wants, doIt) {
  if (asking) return asking;
  asking = new Promise((done) => {
    $("ask-title").textContent = title;
    $("ask-text").textContent = text;
    $("ask-error").textContent = "";
    $("ask-token").value = "";
    $("ask-reason").value = "";
    $("ask-token-label").hidden = !wants.token;
    $("ask-reason-label").hidden = !wants.reason;
    $("ask-yes").className = wants.danger ? "danger" : "";
    $("ask-yes").textContent = title.split(" ")[0];
    const end = (result) => {
      $("ask").close();
      asking = null;
      done(result);
    };
    $("ask-no").onclick = () => end(false);
    $("ask").oncancel = () => end(false);
    $("ask").querySelector("form").onsubmit = async (event) => {
      event.preventDefault();
      $("ask-yes").disabled = true;
      try {
        const wrong = await doIt($("ask-token").value.trim(), $("ask-reason").value.trim());
        if (wrong) $("ask-error").textContent = wrong; else end(true);
      } catch {
        $("ask-error").textContent = "the server does not answer";
      } finally {
        $("ask-yes").disabled = false;
      }
    };
    $("ask").showModal();
    (wants.token ? $("ask-token") : $("ask-reason")).focus();
  });
  return asking;
}

const askForToken = (text) => dialog("Continue with a token", text + " It is kept in this page only, until you leave it.", { token: true }, async (given) => {
  const answer = await fetch("/api/info", { headers: { Authorization: "Bearer " + given } });
  if (answer.status === 429) return "too many wrong tokens: wait a minute";
  if (!answer.ok) return "this token is none";
  token = given;
  return null;
});

async function post(path, body, withToken) {
  if (withToken) token = withToken;
  const key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const answer = await fetch(path, {
    method: "POST",
    headers: headers({ "Content-Type": "application/json", "X-Requested-With": "dashboard", "Idempotency-Key": key }),
    body: JSON.stringify(body),
  });
  if (answer.ok) return null;
  const problem = await answer.json().catch(() => ({}));
  if (answer.status === 401) token = null;
  return problem.detail || `the server says ${answer.status}`;
}

function act(title, text, path, danger, needsToken) {
  dialog(title, text, { token: needsToken && !token, reason: true, danger }, async (given, reason) => {
    if (!reason) return "give a reason: it is kept in the ledger";
    return post(path, { reason }, given);
  });
}

function wire() {
  const tokens = () => state && state.data.tokens_required;
  $("kill").onclick = () => act("Kill betting", "Nothing new leaves and what rests is cancelled, over restarts too, until somebody resumes.", "/api/v1/kill", true, tokens());
  $("pause").onclick = () => act("Pause betting", "Nothing new leaves; what rests stays.", "/api/v1/pause", false, true);
  $("resume").onclick = () => act("Resume betting", "Bets may leave again. This takes a control token.", "/api/v1/resume", false, true);
  $("reload").onclick = async () => {
    if (token) await post("/api/v1/reload", {});
    else dialog("Reload strategies", "This takes a control token.", { token: true }, (given) => post("/api/v1/reload", {}, given));
  };
  setInterval(age, 500);
  run();
}

wire();

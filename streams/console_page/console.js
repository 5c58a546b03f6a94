// The console's page: one stream of whole states in, the page out. Drawing is in draw.js, the key
// explorer in keys.js. Only what changed is replaced, so that focus and selection stay.
import { clock, clockMs, duration, el, keysChart, lagChart, table, tag, VERDICTS, words } from "/draw.js";
import { explain, keyText } from "/keys.js";

const $ = (id) => document.getElementById(id);
const SIGNS = { pass: "✓", fail: "✕", inconclusive: "…" };
const WORDS = { pass: "passes", fail: "fails", inconclusive: "not proved" };
const TONES = { good: "✓", wait: "…", bad: "!", unknown: "?" };
const SILENCE_SECONDS = 6;
let points = [], opened = null, heard = 0, last = {}, sides = {};

function put(id, what) {
  const key = JSON.stringify(what.key);
  if (last[id] === key) return;
  last[id] = key;
  $(id).replaceChildren(...[what.make()].flat());
}

function show(state) {
  heard = Date.now();
  link("live", "live");
  const said = state.headline;
  document.title = `${TONES[said.tone]} ${said.title} · figwatch`;
  sides = state.sides;
  $("migration").textContent = state.migration;
  $("hero").dataset.tone = said.tone;
  $("tone").textContent = TONES[said.tone];
  for (const [id, text] of [["title", said.title], ["detail", said.detail], ["next", said.look_next]]) put(id, { key: text, make: () => words(text) });
  if ($("said").textContent !== said.title) $("said").textContent = said.title;
  $("at").textContent = `As of ${clock(state.at)}.`;
  if (state.point && points[points.length - 1]?.t !== state.point.t) points.push(state.point);
  if (points.length > 21600) points.shift();
  stages(state);
  counts(state);
  lag(state);
  findings(state);
  pairs(state);
  coverage(state);
}

function stages(state) {
  const open = opened ?? (state.stages.some((stage) => stage.name === state.stage) ? state.stage : "decommission");
  const key = state.stages.map(({ name, verdict }) => [name, verdict]);
  put("ladder", { key: [key, open, state.stage], make: () => state.stages.map((stage, i) => el("li", {},
    el("button", { type: "button", "data-verdict": stage.verdict, "aria-expanded": String(stage.name === open), "aria-controls": "criteria", on: { click: () => { opened = stage.name; stages(state); focusStage(i); } } },
      el("span", { class: "name" }, stage.name, stage.name === state.stage ? el("small", {}, "  now") : null),
      el("span", { class: "word", "data-verdict": stage.verdict }, `${SIGNS[stage.verdict] ?? "–"} ${WORDS[stage.verdict] ?? (stage.trouble ? "cannot be asked" : "not asked")}`)))) });
  const stage = state.stages.find(({ name }) => name === open);
  $("h-criteria").textContent = `What stage ${stage.name} asks for`;
  const report = state.report ? [" · ", el("a", { href: `/report/${encodeURIComponent(state.report)}` }, `newest report (${state.report})`)] : [];
  put("gate-links", { key: [open, state.report], make: () => ["Ask it yourself: ", el("code", {}, `figwatch gate check --stage ${open}`), ...report] });
  const [passed, rest] = [stage.criteria.filter(passes), stage.criteria.filter((one) => !passes(one))];
  put("criteria-list", { key: [open, stage.trouble, rest, stage.not_checked], make: () => [
    ...(stage.trouble ? [el("li", {}, el("span", { class: "sign" }, "?"), el("b", {}, "cannot be asked"), el("span", {}, ...words(stage.trouble)))] : []),
    ...rest.map(criterion),
    ...stage.not_checked.map((text) => el("li", {}, el("span", { class: "sign" }, "·"), el("b", {}, "not checked"), el("span", {}, ...words(text))))] });
  $("passed").hidden = !passed.length;
  $("passed").firstElementChild.textContent = `✓ ${passed.length} ${passed.length === 1 ? "criterion passes" : "criteria pass"}`;
  const key2 = JSON.stringify(passed);
  if (last.passed !== key2) { last.passed = key2; $("passed").lastElementChild.replaceChildren(...passed.map(criterion)); }
}

const passes = (one) => one.verdict === "pass";

const criterion = (one) => el("li", {},
  el("span", { class: "sign", "data-verdict": one.verdict, role: "img", "aria-label": WORDS[one.verdict] }, SIGNS[one.verdict]),
  el("b", {}, one.name.replaceAll("_", " "), one.of ? el("span", { class: "of" }, ` ${one.of}`) : null),
  el("span", {}, ...words(one.reason)),
  one.missing ? el("span", { class: "missing" }, "wants: ", ...words(one.missing)) : null);

const focusStage = (i) => $("ladder").children[i].firstElementChild.focus();

function counts(state) {
  const sum = (verdict) => state.pairs.filter((pair) => !pair.canary).reduce((n, pair) => n + (pair.keys[verdict] ?? 0), 0);
  const alarms = { divergent: "bad", overdue: "wait", unknown: "wait" };
  const all = ["divergent", "overdue", "unknown", "in_flight", "consistent"].map((verdict) => [verdict, sum(verdict)]);
  put("counts", { key: all, make: () => all.map(([verdict, n]) => el("div", { "data-alarm": n ? alarms[verdict] : null }, el("dt", {}, verdict.replace("_", " ")), el("dd", {}, n.toLocaleString()))) });
}

function lag(state) {
  const now = state.point;
  const parts = now ? [["half within", now.p50, "--blue"], ["99 % within", now.p99, "--violet"], ["oldest not shown", now.oldest || null, "--wait"]] : [];
  put("lag-now", { key: parts, make: () => [
    ...parts.map(([name, value, colour]) => el("div", {}, el("dt", {}, swatch(colour), name), el("dd", {}, duration(value)))),
    el("div", {}, el("dt", {}, "objective"), el("dd", {}, duration(state.objective_seconds)))] });
  put("lag-chart", { key: points.length && points[points.length - 1].t, make: () => lagChart(points, state.objective_seconds) });
  put("keys-chart", { key: points.length && points[points.length - 1].t, make: () => keysChart(points) });
  put("keys-legend", { key: 1, make: () => VERDICTS.map(([name, colour]) => el("li", {}, dot(colour), name.replace("_", " "))) });
  const recent = points.filter((_, i) => i % 15 === 0).slice(-20).reverse();
  put("lag-table", { key: recent.map((point) => point.t), make: () => table([["time"], ["p50", "n"], ["p99", "n"], ["oldest", "n"], ["divergent", "n"], ["overdue", "n"]],
    recent.map((p) => [clock(p.t), duration(p.p50), duration(p.p99), duration(p.oldest), p.divergent, p.overdue]), "Lag and verdicts over time") });
}

// The policy forbids style attributes in markup; setting a property is a script's own doing.
function swatch(colour) { const made = el("span", { class: "swatch" }); made.style.background = `var(${colour})`; return made; }
function dot(colour) { const made = el("i", { "aria-hidden": "true" }); made.style.background = `var(${colour})`; return made; }

function findings(state) {
  put("findings", { key: [state.findings, state.findings_open], make: () => {
    if (!state.findings.length) return el("p", { class: "empty" }, "None. Every divergence that is proved will stand here, with its evidence, until it is resolved and after.");
    const rows = state.findings.map((one) => [
      tag(one.void ? "withdrawn" : one.resolved_us === null ? "open" : "resolved", one.resolved_us === null ? "bad" : "good"),
      one.pair,
      el("button", { type: "button", class: "mono", title: "Explain this key", on: { click: () => look(one.pair, JSON.stringify(one.key), keyText(one.key)) } }, keyText(one.key)),
      one.kind.replace("_", " "), one.columns.join(", "), clockMs(one.since_us), one.resolved_us === null ? "" : `after ${duration((one.resolved_us - one.detected_us) / 1e6)}`, one.evidence]);
    const more = state.findings_open - state.findings.filter((one) => one.resolved_us === null).length;
    return [table([["state"], ["pair"], ["key"], ["kind"], ["columns"], ["since"], ["resolved"], ["evidence"]], rows, "Newest findings, open ones first"),
      more > 0 ? el("p", { class: "faint" }, `and ${more} more open ones: figwatch findings --open`) : el("span", {})];
  } });
}

function look(pair, key, text) {
  $("pair").value = pair;
  $("key").value = text;
  $("explore").scrollIntoView({ block: "start", behavior: "auto" });
  explain(pair, key, $("explained"), sides);
}

function pairs(state) {
  const names = state.pairs.map((pair) => pair.name);
  put("pair", { key: names, make: () => names.map((name) => el("option", { value: name }, name)) });
  put("pairs", { key: [state.pairs, Math.floor(state.at / 2)], make: () => table(
    [["pair"], ["divergent", "n"], ["overdue", "n"], ["unknown", "n"], ["in flight", "n"], ["consistent", "n"], ["p50", "n"], ["p99", "n"], ["verified", "n"], [state.sides.source, "n"], [state.sides.target, "n"]],
    state.pairs.map((pair) => [el("span", {}, pair.name, pair.canary ? " (self-test)" : "", pair.demoted ? " " : "", pair.demoted ? tag("offsets not believed", "wait") : ""),
      ...["divergent", "overdue", "unknown", "in_flight", "consistent"].map((verdict) => (pair.keys[verdict] ?? 0).toLocaleString()),
      duration(pair.p50), duration(pair.p99), age(pair.verified_age), ...pair.watermark_ages.map(age)]),
    "Pairs: keys by verdict, lag lately, and how long ago everything was judged and applied") });
}

const age = (seconds) => (seconds === null ? "never" : `${duration(Math.max(0, seconds))} ago`);

function coverage(state) {
  const cells = state.partitions.map((part) => {
    const worst = ["divergent", "overdue", "unknown"].find((verdict) => part.keys[verdict]);
    const tone = part.state !== "fresh" ? "unknown" : worst === "divergent" ? "bad" : worst ? "wait" : "good";
    const keys = Object.entries(part.keys).map(([verdict, n]) => `${n} ${verdict.replace("_", " ")}`).join(", ") || "no keys yet";
    return { tone, text: part.state === "fresh" ? keys : `${part.state}: judged by nobody${part.worker ? `, last by ${part.worker} ${age(part.age)}` : ""}`, sign: part.state !== "fresh" ? "?" : worst ? part.keys[worst] : "✓" };
  });
  put("ranges", { key: cells, make: () => cells.map((cell, i) => el("li", { class: "cell", "data-tone": cell.tone, title: `range ${i}: ${cell.text}`, "aria-label": `range ${i}: ${cell.text}` }, cell.sign)) });
  $("ranges").classList.toggle("many", cells.length > 96);
  const n = state.workers.length;
  const judges = n ? `Judged by ${n} worker${n > 1 ? "s" : ""}: ${state.workers.slice(0, 8).join(", ")}${n > 8 ? " …" : ""}. ` : "";
  $("workers").textContent = judges + (state.silent.length ? `Silent: ${state.silent.join(", ")}` : "");
  const streams = state.streams.map((one) => [one.topic, one.partition, one.age === null ? "never" : duration(Math.max(0, one.age)), one.behind ?? "–", one.gap]);
  put("streams", { key: [streams, Math.floor(state.at / 2)], make: () => [
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Change streams" }, table([["topic"], ["partition", "n"], ["applied up to", "n"], ["replicator behind", "n"], ["lost"]],
      streams.map(([topic, part, applied, behind, gap]) => [el("span", { class: "mono" }, topic), part, applied === "never" ? applied : `${applied} ago`, behind, gap ? tag(gap.replaceAll("_", " "), "wait") : ""]), "Raw partitions")),
    state.streams_left_out ? el("p", { class: "faint" }, `and ${state.streams_left_out} more`) : el("span", {})] });
}

function link(state, text) {
  $("link").dataset.state = state;
  $("link").textContent = text;
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  try { localStorage.setItem("figwatch-theme", name); } catch { /* private mode */ }
}

async function begin() {
  let wanted = null;
  try { wanted = localStorage.getItem("figwatch-theme"); } catch { /* private mode */ }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  document.documentElement.dataset.theme = wanted ?? (dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => { document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; });
  $("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  $("explore").addEventListener("submit", (event) => { event.preventDefault(); explain($("pair").value, $("key").value.trim(), $("explained"), sides); });
  try { points = await (await fetch("/api/history")).json(); } catch { points = []; }
  const events = new EventSource("/api/events");
  events.addEventListener("message", (event) => { const state = JSON.parse(event.data); if (state.current) show(state); });
  events.addEventListener("error", () => link("lost", "connection lost, trying again"));
  setInterval(() => { if (heard && Date.now() - heard > SILENCE_SECONDS * 1000) { link("lost", `nothing heard for ${Math.round((Date.now() - heard) / 1000)} s`); $("hero").dataset.tone = "unknown"; $("tone").textContent = "?"; } }, 1000);
}

begin();

// The key explorer: both sides' versions side by side through time, and the rule that decided.
import { el, clockMs, tag } from "/draw.js";

const TONES = { consistent: "good", in_flight: "wait", overdue: "wait", divergent: "bad", unknown: "unknown" };
const EVENTS = { create: "created", update: "changed", delete: "deleted", snapshot: "read by a snapshot", read: "read by a snapshot", truncate: "table emptied", malformed: "could not be decoded", tombstone: "tombstone" };

export const keyText = (key) => Object.entries(key).map(([name, value]) => `${name}=${value}`).join(", ");

export async function explain(pair, key, into, sides) {
  into.replaceChildren(el("p", { class: "empty" }, `Reading ${key} back from Kafka, this takes some seconds …`));
  let answer;
  try {
    const query = new URLSearchParams({ pair, key });
    answer = await (await fetch(`/api/key?${query}`)).json();
  } catch {
    answer = { error: "the console does not answer" };
  }
  into.replaceChildren(...(answer.error ? [el("p", { class: "empty" }, answer.error)] : shown(answer, sides)));
}

function shown(found, sides) {
  const verdict = found.verdict ?? "never seen";
  const parts = [
    el("p", { class: "verdict" },
      el("strong", {}, `${keyText(found.key)} `, tag(verdict.replace("_", " "), TONES[verdict] ?? "unknown")),
      el("span", {}, found.why),
      found.columns.length ? el("span", {}, "Differs in ", el("b", {}, found.columns.join(", "))) : null,
      el("span", { class: "faint" }, [found.rule && `rule ${found.rule}`, found.kind, found.evidence && `evidence ${found.evidence}`, found.remedy && `resolved by ${found.remedy}`].filter(Boolean).join(" · "))),
  ];
  if (found.versions.length) parts.push(lanes(found, sides));
  if (found.partial) parts.push(el("p", { class: "faint" }, `Older records exist than the ${found.scanned} that were read.`));
  if (found.left_out) parts.push(el("p", { class: "faint" }, `${found.left_out} older versions are left out.`));
  return parts;
}

// Equal rows get the same letter on both sides, so that one sees which version the other side shows.
function lanes(found, sides) {
  const { source, target } = sides;
  const letters = new Map();
  const on = new Map();
  for (const version of found.versions) {
    if (!version.fingerprint) continue;
    if (!letters.has(version.fingerprint)) letters.set(version.fingerprint, letterOf(letters.size));
    on.set(version.fingerprint, (on.get(version.fingerprint) ?? new Set()).add(version.side));
  }
  const grid = el("div", { class: "lanes" }, el("div", { class: "head time" }, "committed"), el("div", { class: "head" }, source), el("div", { class: "head" }, target));
  const before = {};
  const inOrder = [...found.versions].sort((a, b) => (a.commit_us ?? a.append_us) - (b.commit_us ?? b.append_us));
  for (const version of inOrder) {
    const cell = el("div", { class: "version", "data-side": version.side },
      version.fingerprint
        ? el("span", { class: "print", "data-shared": on.get(version.fingerprint).size > 1 ? "yes" : "no", title: `fingerprint ${version.fingerprint}` }, letters.get(version.fingerprint))
        : el("span", { class: "print" }, "∅"),
      EVENTS[version.event] ?? version.event,
      values(version, before));
    const blank = el("div", { class: "blank" });
    grid.append(el("div", { class: "mono", title: `${version.topic}[${version.partition}]@${version.offset}` }, clockMs(version.commit_us)), ...(version.side === source ? [cell, blank] : [blank, cell]));
  }
  return grid;
}

function values(version, before) {
  if (!version.values) { delete before[version.side]; return null; }
  const last = before[version.side];
  before[version.side] = version.values;
  const line = el("div", { class: "values mono" });
  for (const [name, value] of Object.entries(version.values)) {
    const text = `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`;
    const changed = last && JSON.stringify(last[name]) !== JSON.stringify(value);
    line.append(changed ? el("mark", {}, text) : text, "  ");
  }
  return line;
}

const letterOf = (index) => (index < 26 ? String.fromCharCode(65 + index) : String(index + 1));

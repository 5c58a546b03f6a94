// Charts, cells and small parts of the console's page. Text goes in as text, never as markup.

export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined).map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

// What stands in backticks is a command or a setting.
export const words = (text) => text.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));

function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0) return "now";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

export const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
// Of another day than today, with its date.
const day = (us) => { const at = new Date(us / 1000); return at.toDateString() === new Date().toDateString() ? "" : `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")} `; };
export const clockMs = (us) => (us ? `${day(us)}${clock(us / 1e6)}.${String(Math.floor((us / 1000) % 1000)).padStart(3, "0")}` : "–");

const WIDTH = 560, HEIGHT = 180, LEFT = 46, RIGHT = 8, TOP = 8, BOTTOM = 22;
const LAGS = [0.01, 0.1, 1, 10, 100, 1000];

// Lags span five decades: a logarithmic axis, or a second would hide beside a minute.
const yLag = (seconds) => {
  const [low, high] = [Math.log10(0.005), Math.log10(2000)];
  const at = (Math.log10(Math.min(Math.max(seconds, 0.005), 2000)) - low) / (high - low);
  return HEIGHT - BOTTOM - at * (HEIGHT - TOP - BOTTOM);
};

function frame(points, label) {
  const [from, to] = [points[0].t, Math.max(points[points.length - 1].t, points[0].t + 60)];
  const x = (t) => LEFT + ((t - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const part of [0, 0.5, 1]) {
    const t = from + (to - from) * part;
    const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
    const text = svg("text", { x: x(t), y: HEIGHT - 6, "text-anchor": anchor });
    text.textContent = clock(t);
    picture.append(text);
  }
  return { picture, x };
}

function path(points, x, y, name) {
  let open = false, way = "";
  for (const point of points) {
    const value = point[name];
    if (value === null || value === undefined) { open = false; continue; }
    way += `${open ? "L" : "M"}${x(point.t).toFixed(1)} ${y(value).toFixed(1)}`;
    open = true;
  }
  return way;
}

export function lagChart(points, objective) {
  if (points.length < 2) return el("p", { class: "empty" }, "The graph begins in a few seconds.");
  const last = points[points.length - 1];
  const label = `Lag over time. Now: half of the changes within ${duration(last.p50)}, all but one percent within ${duration(last.p99)}, oldest change not shown ${duration(last.oldest)}.`;
  const { picture, x } = frame(points, label);
  for (const seconds of LAGS) {
    picture.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: yLag(seconds), y2: yLag(seconds) }));
    const text = svg("text", { x: LEFT - 6, y: yLag(seconds) + 4, "text-anchor": "end" });
    text.textContent = duration(seconds);
    picture.append(text);
  }
  picture.append(svg("line", { class: "goal", x1: LEFT, x2: WIDTH - RIGHT, y1: yLag(objective), y2: yLag(objective) }));
  const quiet = points.map((point) => ({ ...point, oldest: point.oldest > 0 ? point.oldest : null }));
  const lines = [["oldest", "--wait", 1.5], ["p99", "--violet", 2], ["p50", "--blue", 2]];
  for (const [name, colour, width] of lines) {
    picture.append(svg("path", { d: path(quiet, x, yLag, name), fill: "none", stroke: `var(${colour})`, "stroke-width": width, "vector-effect": "non-scaling-stroke", "stroke-linejoin": "round" }));
  }
  return picture;
}

export const VERDICTS = [["divergent", "--bad"], ["overdue", "--wait"], ["unknown", "--unknown"], ["in_flight", "--blue"]];

export function keysChart(points) {
  if (points.length < 2) return el("p", { class: "empty" }, "The graph begins in a few seconds.");
  const total = (point) => VERDICTS.reduce((sum, [name]) => sum + point[name], 0);
  const most = Math.max(4, ...points.map(total));
  const y = (count) => HEIGHT - BOTTOM - (count / most) * (HEIGHT - TOP - BOTTOM);
  const last = points[points.length - 1];
  const words = VERDICTS.map(([name]) => `${last[name]} ${name.replace("_", " ")}`).join(", ");
  const { picture, x } = frame(points, `Keys that are not consistent, over time. Now: ${words}.`);
  for (const part of [0, 0.5, 1]) {
    const count = Math.round(most * part);
    picture.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(count), y2: y(count) }));
    const text = svg("text", { x: LEFT - 6, y: y(count) + 4, "text-anchor": "end" });
    text.textContent = count;
    picture.append(text);
  }
  let floor = points.map(() => 0);
  for (const [name, colour] of VERDICTS) {
    const ceiling = points.map((point, i) => floor[i] + point[name]);
    const up = points.map((p, i) => `${x(p.t).toFixed(1)} ${y(ceiling[i]).toFixed(1)}`);
    const down = points.map((p, i) => `${x(p.t).toFixed(1)} ${y(floor[i]).toFixed(1)}`).reverse();
    picture.append(svg("path", { d: `M${[...up, ...down].join("L")}Z`, fill: `var(${colour})`, "fill-opacity": name === "in_flight" ? 0.35 : 0.85 }));
    floor = ceiling;
  }
  return picture;
}

export function table(columns, rows, caption) {
  const head = el("tr", {}, ...columns.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)));
  const body = rows.map((row) => el("tr", {}, ...row.map((cell, i) => el("td", { class: columns[i][1] }, cell))));
  return el("table", {}, el("caption", { class: "hidden" }, caption), el("thead", {}, head), el("tbody", {}, ...body));
}

export const tag = (text, tone) => el("span", { class: "tag", "data-tone": tone }, text);

"use strict";
// What is known of all trajectories, and which of them are shown. What the page shows is in its address
// (#tab=list&right=wrong&tool=rag), so that a view can be sent as a link.
const index = JSON.parse(document.getElementById("index").textContent);
const { count, columns, names } = index;
const state = new URLSearchParams(location.hash.slice(1));

function set(changes) {
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === "") state.delete(key);
    else state.set(key, value);
  }
  history.replaceState(null, "", "#" + state);
}

// Elements from words: never markup, so that nothing in them can become an element or code. A function listens.
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const shown = (value) => value.toLocaleString("en");
const percent = (share) => (Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : "–");
const seconds = (value) => (value === null ? "–" : value < 0.9995 ? `${Math.round(1000 * value)} ms` : value < 99.95 ? `${value.toFixed(1)} s` : `${Math.floor(value / 60)} m ${String(Math.round(value % 60)).padStart(2, "0")} s`);
const number = (value) => (value === null || value === undefined ? "–" : Math.abs(value) >= 10000 ? shown(Math.round(value)) : String(Number(value.toPrecision(4))));

// The turns of all trajectories follow one another: those of trajectory i from first[i] to first[i + 1].
const first = new Uint32Array(count + 1);
for (let i = 0; i < count; i++) first[i + 1] = first[i] + columns.turns[i];
const kinds = (names.turn ?? []).map(([action, tool, status]) => ({ action, tool, status, call: action === "call" && status !== null }));

function counted(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

// How often each tool was called, the most called first; a tool has one colour on the whole page.
const tools = (() => {
  const counts = new Map();
  for (const code of index.turns) if (kinds[code].call) counts.set(kinds[code].tool, (counts.get(kinds[code].tool) ?? 0) + 1);
  return new Map([...counts].sort((a, b) => b[1] - a[1]));
})();
const colours = new Map([...tools.keys()].map((tool, i) => [tool, `var(--tool-${Math.min(i, 6)})`]));
const STATUSES = ["ok", "user_error", "blocked_by_time", "timeout", "infra_error"];

// A facet is a filter with a list of values. `of(i)` is the value of a trajectory; `has` where it may have several.
const RIGHT = ["wrong", "right"], SIGNAL = ["mixed", "all the same"];
const named = (column) => (i) => names[column][columns[column][i]] ?? "none";
const facets = [
  { key: "right", title: "answer", of: (i) => RIGHT[columns.right[i]] ?? "unknown" },
  { key: "stop", title: "stop", of: named("stop") },
  { key: "tool", title: "tool", has: (kind) => kind.call && kind.tool, options: () => tools },
  { key: "outcome", title: "outcome", has: (kind) => kind.call && kind.status, options: outcomes },
  { key: "label", title: "label", of: named("label") },
  { key: "person", title: "person", of: named("person") },
  { key: "signal", title: "signal", of: (i) => SIGNAL[index.flat[columns.group[i]]] ?? "alone" },
  { key: "source", title: "file", of: named("source") },
];

function outcomes() {
  const counts = counted(index.turns.map((code) => kinds[code].call && kinds[code].status));
  counts.delete(false);
  return counts;
}

for (const facet of facets) {
  const counts = facet.options ? facet.options() : counted(Array.from({ length: count }, (_, i) => facet.of(i)));
  facet.counts = new Map([...counts].sort((a, b) => b[1] - a[1]));
}

const ranges = [
  { key: "turns", title: "turns", values: columns.turns },
  { key: "step", title: "steps", values: columns.step },
];
for (const range of ranges) {
  const known = (range.values ?? []).filter((value) => value !== null);
  range.low = known.reduce((a, b) => Math.min(a, b), Infinity);
  range.high = known.reduce((a, b) => Math.max(a, b), -Infinity);
}

const searched = (names.asked ?? []).map(([id, question]) => `${id}\n${question}`.toLowerCase());

// The numbers of the trajectories that pass every filter, in the order that is asked for.
function chosen() {
  const tests = [];
  for (const { key, of } of facets) {
    if (of && state.has(key)) { const value = state.get(key); tests.push((i) => of(i) === value); }
  }
  const [tool, outcome] = [state.get("tool"), state.get("outcome")];
  if (tool !== null || outcome !== null) {
    const wanted = kinds.map((kind) => kind.call && (tool === null || kind.tool === tool) && (outcome === null || kind.status === outcome));
    tests.push((i) => { for (let t = first[i]; t < first[i + 1]; t++) if (wanted[index.turns[t]]) return true; return false; });
  }
  for (const { key, values } of ranges) {
    const low = Number(state.get(`${key}_min`) ?? -Infinity), high = Number(state.get(`${key}_max`) ?? Infinity);
    if (low > -Infinity || high < Infinity) tests.push((i) => values[i] !== null && low <= values[i] && values[i] <= high);
  }
  if (state.has("group")) { const group = Number(state.get("group")); tests.push((i) => columns.group[i] === group); }
  const words = (state.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) {
    const found = searched.map((text) => words.every((word) => text.includes(word)));
    tests.push((i) => found[columns.asked[i]]);
  }
  const rows = [];
  for (let i = 0; i < count; i++) if (tests.every((test) => test(i))) rows.push(i);
  // Without a choice: in the order of the files, which is when each ended, but groups stay together.
  const column = sortable[state.get("sort")] ?? ((i) => columns.group[i]);
  const turn = state.has("down") ? -1 : 1;
  return rows.sort((a, b) => {
    const [x, y] = [column(a), column(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return turn * (x < y ? -1 : x > y ? 1 : 0) || a - b;
  });
}

const sortable = {
  right: (i) => columns.right[i],
  step: (i) => columns.step[i],
  id: (i) => searched[columns.asked[i]],
  label: (i) => names.label[columns.label[i]],
  turns: (i) => columns.turns[i],
  score: (i) => columns.score[i],
  seconds: (i) => columns.seconds[i],
  tokens: (i) => columns.tokens[i],
};

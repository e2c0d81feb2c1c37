// What the tools did, how trajectories ended and how long they were, of the trajectories that pass the filters.
const MOST_TOOLS = 25; // a model may invent any number of names

function quantile(sorted, share) {
  if (!sorted.length) return null;
  const at = share * (sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

function gather() {
  const found = new Map(); // tool -> what its calls were
  for (const i of rows) {
    const seen = new Set();
    for (let t = first[i]; t < first[i + 1]; t++) {
      const { tool, status, call } = kinds[index.turns[t]];
      if (!call) continue;
      if (!found.has(tool)) found.set(tool, { calls: 0, users: 0, right: 0, known: 0, statuses: new Map(), waits: [] });
      const one = found.get(tool);
      one.calls++;
      one.statuses.set(status, (one.statuses.get(status) ?? 0) + 1);
      one.waits.push(index.waits[t]);
      if (seen.has(tool)) continue;
      seen.add(tool);
      one.users++;
      if (columns.right[i] !== null) { one.known++; one.right += columns.right[i]; }
    }
  }
  return [...found].sort((a, b) => b[1].calls - a[1].calls);
}

const mean = (column) => {
  const known = rows.map((i) => columns[column][i]).filter((value) => value !== null);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
};

function tiles(calls) {
  const groups = new Map(rows.map((i) => [columns.group[i], index.flat[columns.group[i]]]));
  const real = [...groups.values()].filter((flat) => flat !== null);
  const waits = rows.map((i) => columns.seconds[i]).filter((value) => value !== null).sort((a, b) => a - b);
  const facts = [
    ["trajectories", shown(rows.length)],
    ["right", percent(mean("right") ?? NaN)],
    ["mean score", number(mean("score"))],
    ["turns", number(mean("turns"))],
    ["calls per trajectory", number(rows.length ? calls / rows.length : null)],
    ["tokens written", number(mean("tokens"))],
    ["time, median", seconds(quantile(waits, 0.5))],
    ["with faults of tools", percent(rows.filter((i) => columns.faults[i]).length / rows.length)],
    ["groups without signal", real.length ? `${percent(real.filter(Boolean).length / real.length)}` : "–", `${shown(real.length)} groups; the scores in such a group are all the same`],
  ];
  return el("dl", { class: "tiles" }, ...facts.map(([name, value, hint]) => el("div", { title: hint }, el("dt", {}, name), el("dd", {}, value))));
}

function link(words, changes) {
  const click = () => filter({ ...changes, tab: "list" });
  return el("button", { type: "button", class: "link", title: "Show these trajectories", click }, words);
}

function toolTable(found) {
  const head = ["tool", "calls", "trajectories", "right of these", "outcomes", "p50", "p90", "p99", "longest"];
  const body = found.slice(0, MOST_TOOLS).map(([tool, one]) => {
    const waits = one.waits.sort((a, b) => a - b);
    const outcomes = [...one.statuses].sort((a, b) => STATUSES.indexOf(a[0]) - STATUSES.indexOf(b[0]));
    const bar = el("span", { class: "outcomes" }, ...outcomes.map(([status, n]) =>
      el("i", { class: status, title: `${status}: ${shown(n)}`, style: `flex-grow: ${n}` })));
    const words = outcomes.flatMap(([status, n], k) => [k ? " · " : "", link(`${status} ${shown(n)}`, { tool, outcome: status })]);
    const name = el("span", { class: "tool", style: `--c: ${colours.get(tool)}` }, link(tool, { tool, outcome: null }));
    return el("tr", {}, el("th", { scope: "row" }, name), ...[shown(one.calls), `${shown(one.users)} (${percent(one.users / rows.length)})`, percent(one.right / one.known)].map((value) => el("td", {}, value)),
      el("td", { class: "wide" }, bar, el("small", {}, ...words)), ...[0.5, 0.9, 0.99, 1].map((share) => el("td", {}, seconds(quantile(waits, share) / 1000))));
  });
  if (!body.length) return el("p", { class: "quiet" }, "No tool was called.");
  return el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ...head.map((title) => el("th", { scope: "col" }, title)))), el("tbody", {}, ...body)),
    found.length > MOST_TOOLS ? el("p", { class: "quiet" }, `and ${shown(found.length - MOST_TOOLS)} other names`) : null);
}

// Bars of numbers of trajectories, each with the share that is right; a click sets the filters of `changes(value)`.
function bars(title, values, changes, order) {
  const found = new Map();
  for (const i of rows) {
    const value = values(i);
    const one = found.get(value) ?? { n: 0, right: 0, known: 0 };
    one.n++;
    if (columns.right[i] !== null) { one.known++; one.right += columns.right[i]; }
    found.set(value, one);
  }
  const most = Math.max(...[...found.values()].map(({ n }) => n), 1);
  const lines = [...found].sort(order).slice(0, 40).map(([value, { n, right, known }]) => {
    const parts = Object.entries({ right, wrong: known - right, unknown: n - known });
    const pieces = parts.map(([name, part]) => el("i", { class: name, style: `width: ${(100 * part) / most}%` }));
    return el("tr", {}, el("th", { scope: "row" }, link(String(value), changes(value))), el("td", { class: "wide" }, el("span", { class: "bar" }, ...pieces)), el("td", {}, shown(n)), el("td", {}, known ? percent(right / known) : ""));
  });
  return el("figure", { class: "bars" }, el("figcaption", {}, title), el("table", {}, el("tbody", {}, ...lines)));
}

function drawTools() {
  const panel = document.querySelector("#tools");
  if (!rows.length) { panel.replaceChildren(el("p", { class: "quiet" }, "No trajectory passes the filters.")); return; }
  const found = gather();
  const most = (a, b) => b[1].n - a[1].n, byValue = (a, b) => a[0] - b[0];
  const byFacet = facets.filter(({ key, of, counts }) => of && ["stop", "label", "person", "source"].includes(key) && (key === "stop" || counts.size > 1));
  panel.replaceChildren(
    tiles(found.reduce((sum, [, { calls }]) => sum + calls, 0)),
    el("h2", {}, "Tools"), toolTable(found),
    el("h2", {}, "Trajectories"), el("p", { class: "quiet" }, el("b", { class: "right" }, "right"), " and ", el("b", { class: "wrong" }, "wrong"), ", how many, and the share that is right."),
    el("div", { class: "figures" }, bars("turns", (i) => columns.turns[i], (value) => ({ turns_min: value, turns_max: value }), byValue),
      ...byFacet.map(({ key, title, of }) => bars(title, of, (value) => ({ [key]: value }), most))));
}

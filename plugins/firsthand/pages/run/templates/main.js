// Tabs, filters and keys.
const TABS = { curves: "Curves", tools: "Tools", list: "Trajectories" };
const available = Object.keys(TABS).filter((key) => (key === "curves" ? metrics.length : count));
const tabs = available.map((key) => {
  const click = () => { set({ tab: key }); refresh(); };
  return [key, el("button", { type: "button", role: "tab", "aria-controls": key, click }, TABS[key])];
});
document.querySelector("nav").append(...tabs.map(([, button]) => button));

const form = document.querySelector("#filters");
const input = (attributes, key) =>
  el("input", { ...attributes, value: state.get(key) ?? "", input: (event) => { set({ [key]: event.target.value }); refresh(); } });

function filter(changes) {
  set(changes);
  drawFilters();
  refresh();
}

function drawFilters() {
  const search = input({ type: "search", placeholder: "Find in ids and questions", "aria-label": "Find in ids and questions" }, "q");
  const choices = facets.filter(({ key, counts }) => counts.size > 1 || state.has(key) || (key === "tool" && counts.size)).map(({ key, title, counts }) => {
    const options = [...counts].slice(0, 200).map(([value, n]) => el("option", { value, selected: state.get(key) === value }, `${String(value).slice(0, 60)} (${shown(n)})`));
    const change = (event) => filter({ [key]: event.target.value });
    return el("select", { "aria-label": title, class: state.has(key) ? "on" : null, change }, el("option", { value: "" }, title), ...options);
  });
  const spans = ranges.filter(({ low, high }) => low < high).map(({ key, title, low, high }) =>
    el("label", {}, title, input({ type: "number", min: low, max: high, placeholder: low, "aria-label": `${title} from` }, `${key}_min`), "–", input({ type: "number", min: low, max: high, placeholder: high, "aria-label": `${title} to` }, `${key}_max`)));
  const all = () => filter({ group: null });
  const group = state.has("group") ? el("button", { type: "button", class: "more on", "aria-label": "show all groups again", click: all }, "one group ×") : "";
  const keys = [...facets.map(({ key }) => key), ...ranges.flatMap(({ key }) => [`${key}_min`, `${key}_max`]), "q", "group"];
  const none = () => filter(Object.fromEntries(keys.map((key) => [key, null])));
  const clear = el("button", { type: "button", class: "more", click: none }, "clear");
  form.replaceChildren(search, ...choices, ...spans, group, el("output"), clear);
}
addEventListener("hashchange", () => location.reload()); // an address typed by hand; our own changes do not say so
form.addEventListener("submit", (event) => event.preventDefault());

function refresh() {
  const tab = available.includes(state.get("tab")) ? state.get("tab") : available[0];
  for (const [key, button] of tabs) {
    button.setAttribute("aria-selected", String(key === tab));
    document.getElementById(key).hidden = key !== tab;
  }
  form.hidden = tab === "curves";
  if (tab === "curves") { if (!drawn.length) drawCurves(); return; }
  rows = chosen();
  form.querySelector("output").textContent = `${shown(rows.length)} of ${shown(count)}`;
  if (tab === "tools") { drawTools(); return; }
  drawList();
  if (!rows.length) article.replaceChildren(el("p", { class: "quiet" }, "No trajectory passes the filters."));
  else if (place.has(Number(state.get("row") ?? -1))) talk(Number(state.get("row")));
  else select(rows[0]);
}

const KEYS = {
  j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
  PageDown: () => move(20), PageUp: () => move(-20), Home: () => move(-Infinity), End: () => move(Infinity),
  r: () => { set({ raw: state.has("raw") ? null : 1 }); talk(Number(state.get("row"))); },
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = /^(INPUT|SELECT)$/.test(event.target.tagName);
  if (typing) { if (event.key === "Escape") event.target.blur(); return; }
  const tab = available[Number(event.key) - 1];
  if (tab) { set({ tab }); refresh(); }
  else if (event.key === "/" && !form.hidden) form.querySelector("input").focus();
  else if (!document.querySelector("#list").hidden && KEYS[event.key] && !(event.key.length > 1 && article.contains(event.target))) KEYS[event.key]();
  else return;
  event.preventDefault();
});

const steps = ranges[1].high >= ranges[1].low ? `steps ${ranges[1].low}–${ranges[1].high}, ` : "";
document.querySelector("#facts").textContent = count ? `${steps}${shown(count)} trajectories` : "metrics only: this run kept no trajectories";
if (index.notes.length) {
  const notes = document.querySelector("#notes");
  notes.hidden = false;
  notes.firstElementChild.textContent = `${shown(index.notes.length)} notes on what is missing`;
  notes.lastElementChild.append(...index.notes.slice(0, 1000).map((note) => el("li", {}, note)));
}
drawFilters();
drawMetrics();
refresh();
document.documentElement.dataset.ready = String(Math.round(performance.now()));

"use strict";
// What the page shows is in its address (#show=wrong&label=scene&step=40), so that a view can be sent as a link.
const points = JSON.parse(document.getElementById("points").textContent);
const state = new URLSearchParams(location.hash.slice(1));

function set(key, value) {
  if (value === null || value === "all") state.delete(key);
  else state.set(key, value);
  history.replaceState(null, "", "#" + state);
}

// Curves: one cursor for all charts of a section, in each at the point nearest to the step; a chart that ends earlier has
// none. Only that of the first section is in the address.
const charts = [...document.querySelectorAll(".chart")];
const closest = (series, value, i) =>
  series.reduce((best, point) => (Math.abs(point[i] - value) < Math.abs(best[i] - value) ? point : best));

function showStep(step, section) {
  section.dataset.step = step ?? "";
  for (const chart of section.querySelectorAll(".chart")) {
    const series = points[chart.dataset.series];
    const inside = step !== null && series[0][0] <= step && step <= series.at(-1)[0];
    const [at, value, x, y] = inside ? closest(series, step, 0) : series.at(-1);
    const [line, dot] = chart.querySelector(".cursor").children;
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    chart.querySelector(".cursor").classList.toggle("on", inside);
    chart.querySelector("output").textContent = step === null ? value : inside ? `${at}: ${value}` : "–";
  }
}

for (const chart of charts) {
  const series = points[chart.dataset.series];
  const svg = chart.querySelector("svg");
  const section = chart.closest("section");
  const move = (step) => {
    if (section.id) set("step", step);
    showStep(step, section);
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    move(closest(series, ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width, 2)[0]);
  });
  svg.addEventListener("pointerleave", () => move(null));
  chart.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = section.dataset.step;
    const now = at ? series.indexOf(closest(series, Number(at), 0)) + by : series.length - 1;
    move(series[Math.min(Math.max(now, 0), series.length - 1)][0]);
  });
}

// Trajectories: two filters and a count.
const articles = [...document.querySelectorAll("article")];
const buttons = [...document.querySelectorAll(".filters button")];

function filter() {
  const show = state.get("show") ?? "all";
  const label = state.get("label") ?? "all";
  for (const article of articles) {
    const verdict = show === "all" || article.dataset.verdicts.split(" ").includes(show);
    article.hidden = !(verdict && (label === "all" || article.dataset.label === label));
  }
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String((state.get(button.dataset.key) ?? "all") === button.dataset.value));
  }
  const output = document.querySelector(".filters output");
  if (output) output.textContent = `${articles.filter((article) => !article.hidden).length} shown`;
}

for (const button of buttons) {
  button.addEventListener("click", () => { set(button.dataset.key, button.dataset.value); filter(); });
}

// Frames: a click shows one large, another click closes it.
const dialog = document.querySelector("dialog");
for (const image of document.querySelectorAll(".frames img")) {
  image.addEventListener("click", () => {
    dialog.querySelector("img").src = image.src;
    dialog.querySelector("p").textContent = image.title;
    dialog.showModal();
  });
}
dialog.addEventListener("click", () => dialog.close());

for (const element of document.querySelectorAll(".filters, .hint")) element.hidden = false;
const first = document.getElementById("curves");
if (first) showStep(state.has("step") ? Number(state.get("step")) : null, first);
filter();
document.documentElement.dataset.ready = "true";

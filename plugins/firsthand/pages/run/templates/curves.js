// Learning curves of the metrics that are chosen, one cursor over all of them. A click on a step shows its trajectories.
const WIDTH = 340, HEIGHT = 170, LEFT = 44, RIGHT_EDGE = 330, TOP = 10, BOTTOM = 148, SMOOTH_FROM = 20;
const FIRST = /^(reward\/|val-core\/|val-aux\/.*\/accuracy\/|groups\/|turns\/mean|tools\/(calls|faulty_rollouts)$|critic\/score\/mean|response_length\/mean|actor\/(entropy|grad_norm|kl_loss)$|timing_s\/step$)/;
const SHARE = /^(reward\/|groups\/|turns\/stop_|tools\/[^/]+$)/; // on one axis from 0 to 1, so that charts can be compared
const metrics = Object.keys(index.series);
const picked = new Set(state.has("metrics") ? state.get("metrics").split(",") : metrics.filter((name) => FIRST.test(name)));
if (!state.has("metrics") && !picked.size) metrics.slice(0, 9).forEach((name) => picked.add(name));
let drawn = []; // {steps, values, x, y, cursor, output} of each chart

function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function niceTicks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= (span / 4) * (1 - 1e-9));
  const [from, to] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  return Array.from({ length: Math.max(to, from + 1) - from + 1 }, (_, i) => (from + i) * step);
}

// The mean of up to `width` values around each one; at the ends of as many as there are on the shorter side.
function movingMean(values, width) {
  const sums = [0];
  for (const value of values) sums.push(sums.at(-1) + value);
  return values.map((_, i) => {
    const half = Math.min(width >> 1, i, values.length - 1 - i);
    return (sums[i + half + 1] - sums[i - half]) / (2 * half + 1);
  });
}

const brief = (value) => {
  for (const [unit, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (Math.abs(value) >= Math.max(unit, 1e4)) return Number((value / unit).toPrecision(4)) + letter;
  return String(Number(value.toPrecision(4)));
};

function chart(name, low, high) {
  const [steps, values] = index.series[name];
  const least = values.reduce((a, b) => Math.min(a, b)), most = values.reduce((a, b) => Math.max(a, b));
  const ticks = SHARE.test(name) && least >= 0 && most <= 1 && most >= 0.05 ? [0, 0.25, 0.5, 0.75, 1] : niceTicks(least, most);
  const x = (step) => LEFT + ((step - low) / (high - low || 1)) * (RIGHT_EDGE - LEFT);
  const y = (value) => BOTTOM - ((value - ticks[0]) / (ticks.at(-1) - ticks[0])) * (BOTTOM - TOP);
  const line = (points) => "M" + points.map((value, i) => `${x(steps[i]).toFixed(1)},${y(value).toFixed(1)}`).join("L");
  const smooth = steps.length >= SMOOTH_FROM;
  const cursor = svg("g", { class: "cursor" }, svg("line", { y1: TOP, y2: BOTTOM }), svg("circle", { r: 3.5 }));
  const output = el("output", {}, number(values.at(-1)));
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${name}, last ${number(values.at(-1))}` },
    ...ticks.flatMap((tick) => [
      svg("line", { class: "grid", x1: LEFT, x2: RIGHT_EDGE, y1: y(tick), y2: y(tick) }),
      svg("text", { x: LEFT - 6, y: y(tick), dy: "0.35em", "text-anchor": "end" }, brief(tick)),
    ]),
    svg("text", { x: LEFT, y: HEIGHT - 6 }, `step ${low}`), svg("text", { x: RIGHT_EDGE, y: HEIGHT - 6, "text-anchor": "end" }, String(high)),
    svg("path", { class: smooth ? "curve faint" : "curve", d: line(values) }),
    ...(smooth ? [svg("path", { class: "curve", d: line(movingMean(values, Math.floor(values.length / 12) * 2 + 1)) })] : []),
    svg("circle", { class: "end", cx: x(steps.at(-1)), cy: y(values.at(-1)), r: 2.5 }), cursor);
  const stepAt = (event) => {
    const area = picture.getBoundingClientRect();
    const step = low + ((((event.clientX - area.left) / area.width) * WIDTH - LEFT) / (RIGHT_EDGE - LEFT)) * (high - low);
    return steps.reduce((best, one) => (Math.abs(one - step) < Math.abs(best - step) ? one : best));
  };
  picture.addEventListener("pointermove", (event) => point(stepAt(event)));
  picture.addEventListener("pointerleave", () => point(null));
  if (columns.step?.some((step) => step !== null)) {
    picture.addEventListener("click", (event) => { const at = stepAt(event); filter({ step_min: at, step_max: at, tab: "list" }); });
  }
  drawn.push({ steps, values, x, y, cursor, output });
  return el("figure", { class: "chart" }, el("figcaption", {}, el("span", {}, name), output), picture);
}

function point(step) {
  for (const { steps, values, x, y, cursor, output } of drawn) {
    const at = step === null ? steps.length - 1 : steps.indexOf(step);
    cursor.classList.toggle("on", step !== null && at >= 0);
    output.textContent = at < 0 ? "–" : (step === null ? "" : `${step}: `) + number(values[at]);
    if (at < 0) continue;
    const [line, dot] = cursor.children;
    line.setAttribute("x1", x(steps[at]));
    line.setAttribute("x2", x(steps[at]));
    dot.setAttribute("cx", x(steps[at]));
    dot.setAttribute("cy", y(values[at]));
  }
}

function drawCurves() {
  const names = metrics.filter((name) => picked.has(name));
  const steps = metrics.flatMap((name) => [index.series[name][0][0], index.series[name][0].at(-1)]);
  const [low, high] = [steps.reduce((a, b) => Math.min(a, b), Infinity), steps.reduce((a, b) => Math.max(a, b), -Infinity)];
  drawn = [];
  document.querySelector(".charts").replaceChildren(...names.map((name) => chart(name, low, high)));
  if (!names.length) document.querySelector(".charts").append(el("p", { class: "quiet" }, "Choose metrics on the left."));
}

function drawMetrics() {
  const search = document.querySelector("#curves input");
  const groups = new Map(metrics.map((name) => [name.split("/")[0], []]));
  for (const name of metrics) groups.get(name.split("/")[0]).push(name);
  const boxes = [...groups].map(([group, members]) => el("fieldset", {}, el("legend", {}, group), ...members.map((name) => {
    const change = (event) => {
      if (event.target.checked) picked.add(name); else picked.delete(name);
      set({ metrics: [...picked].join(",") });
      drawCurves();
    };
    return el("label", { title: name }, el("input", { type: "checkbox", checked: picked.has(name), change }), name.slice(name.indexOf("/") + 1));
  })));
  document.querySelector("#curves .metrics").replaceChildren(...boxes);
  search.addEventListener("input", () => {
    for (const label of document.querySelectorAll("#curves .metrics label")) label.hidden = !label.title.toLowerCase().includes(search.value.toLowerCase());
    for (const box of boxes) box.hidden = !box.querySelector("label:not([hidden])");
  });
}

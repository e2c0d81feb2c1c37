// The list: only the rows in view are elements, whatever the number of trajectories.
const ROW = 28;
const box = document.querySelector("#list .rows"), spacer = box.firstElementChild;
let rows = [], place = new Map(); // the trajectories shown, and the position of each

const some = (column) => columns[column]?.some((value) => value !== null);
const heads = [ // key, title, what a cell shows; a column without any value is left out
  ["right", "✓", mark],
  ["step", "step", (i) => columns.step[i] ?? "", some("step")],
  ["id", "question", (i) => { const [id, question] = names.asked[columns.asked[i]]; return question || id; }],
  ["label", "label", (i) => names.label[columns.label[i]] ?? "", names.label?.some(Boolean)],
  ["turns", "turns", path],
  ["score", "score", (i) => columns.score[i]?.toFixed(2) ?? "", some("score")],
  ["tokens", "tokens", (i) => shown(columns.tokens[i])],
  ["seconds", "time", (i) => seconds(columns.seconds[i])],
].filter(([, , , known = true]) => known);

function drawHeads() {
  const sort = state.get("sort"), down = state.has("down");
  const buttons = heads.map(([key, title]) => {
    const arrow = sort === key ? (down ? " ↓" : " ↑") : "";
    const click = () => { // upwards, downwards, not at all
      set(sort !== key ? { sort: key, down: null } : down ? { sort: null, down: null } : { down: 1 });
      refresh();
    };
    return el("button", { type: "button", title: `Sort by ${key}`, "aria-pressed": String(sort === key), class: key, click }, title + arrow);
  });
  document.querySelector("#list .columns").replaceChildren(...buttons);
}

function mark(i) {
  const right = columns.right[i];
  return el("span", { class: RIGHT[right], title: RIGHT[right] ?? "not known" }, right === null ? "·" : right ? "✓" : "✗");
}

// One small square per turn: in the tool's colour, hollow if the call failed, grey for the answer.
function path(i) {
  const squares = Array.from(index.turns.slice(first[i], Math.min(first[i + 1], first[i] + 12)), (code) => {
    const { action, tool, status, call } = kinds[code];
    const kind = call ? (status === "ok" ? "call" : "failed") : action;
    return el("i", { class: kind, title: call ? `${tool}: ${status}` : action, style: call && `--c: ${colours.get(tool)}` });
  });
  return el("span", { class: "path" }, ...squares, columns.turns[i] > 12 ? "…" : "");
}

function drawRows() {
  const from = Math.max(0, Math.floor(box.scrollTop / ROW) - 5);
  const to = Math.min(rows.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + 5);
  const selected = Number(state.get("row") ?? -1);
  const made = rows.slice(from, to).map((i, offset) => {
    const row = el("div", { role: "option", id: `row-${i}`, "aria-selected": String(i === selected), "aria-posinset": from + offset + 1, "aria-setsize": rows.length, title: names.asked[columns.asked[i]].join("\n").slice(0, 1000) },
      ...heads.map(([key, , cell]) => el("span", { class: key }, cell(i))));
    row.classList.toggle("first", parted(rows[from + offset - 1], i));
    row.style.top = `${(from + offset) * ROW}px`;
    row.addEventListener("click", () => select(i));
    return row;
  });
  spacer.replaceChildren(...made);
  box.setAttribute("aria-activedescendant", selected < 0 ? "" : `row-${selected}`);
}

// Between two groups of several tries at a question there is a line.
function parted(before, i) {
  if (before === undefined || columns.group[before] === columns.group[i]) return false;
  return index.flat[columns.group[before]] !== null || index.flat[columns.group[i]] !== null;
}

function drawList() {
  place = new Map(rows.map((i, at) => [i, at]));
  spacer.style.height = `${rows.length * ROW}px`;
  drawHeads();
  reveal();
  drawRows();
}

function reveal() {
  const at = place.get(Number(state.get("row") ?? -1));
  if (at === undefined) return;
  const top = at * ROW;
  if (top < box.scrollTop) box.scrollTop = top;
  if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
}

function select(i) {
  set({ row: i });
  reveal();
  drawRows();
  talk(i);
}

function move(by) {
  if (!rows.length) return;
  const at = place.get(Number(state.get("row") ?? -1));
  select(rows[at === undefined ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1)]);
}

let drawing = false;
box.addEventListener("scroll", () => {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; drawRows(); });
});
new ResizeObserver(() => drawRows()).observe(box);

// One trajectory as a conversation. It is in a chunk: inside the page, or in a script beside it that is loaded now.
const LONG = 4000; // characters of a text that are shown at once
const article = document.querySelector("article");
const chunks = new Map(); // number -> promise of its content, the last ones used
const waiting = new Map();
const policy = globalThis.trustedTypes?.createPolicy("chunks", {
  createScriptURL: (url) => { if (/^[^/:]+\/\d{5}\.js$/.test(url)) return url; throw new TypeError(url); },
}) ?? { createScriptURL: (url) => url };

globalThis.chunk = (build, number, content) => waiting.get(number)?.(build, content);

function load(number) {
  const inside = document.getElementById(`chunk-${number}`);
  if (inside) return Promise.resolve(JSON.parse(inside.textContent));
  const name = `${String(number).padStart(5, "0")}.js`, file = `${index.folder}/${name}`;
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = policy.createScriptURL(`${encodeURIComponent(index.folder)}/${name}`);
    script.onerror = () => reject(new Error(`${file} is not beside this page; keep the folder together with it.`));
    waiting.set(number, (build, content) => {
      if (build === index.build) resolve(content);
      else reject(new Error(`${file} belongs to another page; make both again.`));
    });
    document.head.append(script);
  }).finally(() => waiting.delete(number));
}

function chunkOf(i) {
  let low = 0, high = index.starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (index.starts[middle] <= i) low = middle; else high = middle - 1;
  }
  return low;
}

async function conversation(i) {
  const number = chunkOf(i);
  const loaded = chunks.get(number) ?? load(number);
  chunks.delete(number);
  chunks.set(number, loaded);
  if (chunks.size > 8) chunks.delete(chunks.keys().next().value);
  try {
    const { rows, frames } = await loaded;
    return [rows[i - index.starts[number]], frames];
  } catch (error) {
    chunks.delete(number);
    throw error;
  }
}

async function talk(i) {
  try {
    const [row, frames] = await conversation(i);
    if (Number(state.get("row")) !== i) return; // another one was chosen meanwhile
    article.replaceChildren(...heading(i, row), ...turns(row, frames));
  } catch (error) {
    article.replaceChildren(el("p", { class: "failure" }, error.message));
  }
  article.scrollTop = 0;
}

function long(text, className) {
  if (text.length <= LONG) return el("div", { class: className }, text);
  const all = (event) => event.target.parentElement.replaceChildren(text);
  const more = el("button", { type: "button", class: "more", click: all }, `show all ${shown(text.length)} characters`);
  return el("div", { class: className }, text.slice(0, LONG) + " … ", more);
}

function heading(i, row) {
  const [id, question] = names.asked[columns.asked[i]];
  const { right, step, score } = columns;
  const facts = [
    columns.right[i] === null ? null : el("b", { class: RIGHT[columns.right[i]] }, RIGHT[columns.right[i]]),
    el("code", {}, id),
    names.label[columns.label[i]], names.person[columns.person[i]], row.asked && `asked at ${row.asked}`, row.target && `evidence at ${row.target}`,
    step[i] === null ? null : `step ${step[i]}`, names.stop[columns.stop[i]] && `ended by ${names.stop[columns.stop[i]]}`,
    columns.faults[i] ? el("b", { class: "wrong" }, `${columns.faults[i]} faults of tools`) : null,
  ].filter(Boolean).map((fact) => el("span", {}, fact));
  const group = columns.group[i], size = columns.group.filter((one) => one === group).length;
  if (size > 1) facts.push(el("button", { type: "button", class: "more", click: () => filter({ group }) }, `all ${size} of its group`));
  const options = (row.options ?? []).map(([letter, text]) => {
    const marks = [letter === row.answer ? "correct" : "", letter === row.letter ? "given" : ""].filter(Boolean).join(" ");
    return el("li", { class: marks }, el("b", {}, letter), text);
  });
  const given = options.length ? null : row.letter || row.answer ? el("p", {}, `Answered ${row.letter ?? "nothing readable"}${row.answer ? `; right is ${row.answer}` : ""}.`) : null;
  return [
    el("p", { class: "facts" }, ...facts),
    question ? el("h2", {}, question) : null,
    options.length ? el("ol", { class: "options" }, ...options) : given,
    parts(score[i], row.parts ?? []),
    timeline(row),
  ].filter(Boolean);
}

function parts(score, values) {
  if (!values.length && score === null) return null;
  const all = [...(values.some(([name]) => name === "score") || score === null ? [] : [["score", score]]), ...values];
  return el("dl", { class: "parts" }, ...all.map(([name, value]) => {
    const bar = el("i", { class: value < 0 ? "negative" : null, style: `width: ${100 * Math.abs(value)}%` });
    const share = value !== null && Math.abs(value) <= 1; // counts have no bar
    return el("div", {}, el("dt", {}, name), el("dd", {}, number(value)), share ? el("s", {}, bar) : null);
  }));
}

// Where the time went: writing in grey, tools in their colours.
function timeline(row) {
  const pieces = (row.turns ?? []).flatMap((turn, n) => [
    { title: `turn ${n + 1}, writing`, time: turn.seconds ?? 0, colour: "var(--line-strong)" },
    { title: `turn ${n + 1}, ${turn.tool}`, time: turn.waited ?? 0, colour: colours.get(turn.tool) },
  ]).filter(({ time }) => time > 0);
  const total = pieces.reduce((sum, { time }) => sum + time, 0);
  if (!total) return null;
  const waited = (row.turns ?? []).reduce((sum, turn) => sum + (turn.waited ?? 0), 0);
  const bars = pieces.map(({ title, time, colour }) =>
    el("i", { title: `${title}: ${seconds(time)}`, style: `flex-grow: ${time / total}; background: ${colour}` }));
  const cost = row.turns.reduce((sum, turn) => sum + (turn.cost ?? 0), 0);
  const words = [`${seconds(total - waited)} writing`, `${seconds(waited)} in tools`, cost ? `$${cost.toPrecision(2)}` : ""];
  return el("div", { class: "timeline" }, el("div", {}, ...bars), el("p", { class: "quiet" }, words.filter(Boolean).join(", ")));
}

function turns(row, frames) {
  if (!row.traced) return [el("p", { class: "quiet" }, "This run kept no conversations: single turns without tools have rewards only.")];
  return (row.turns ?? []).map((turn, n) => el("section", { class: `turn ${turn.action}` },
    el("h3", {}, String(n + 1)),
    el("div", {},
      state.has("raw") ? long(turn.text ?? "", "raw") : spoken(turn),
      observation(turn, frames),
      el("p", { class: "quiet" }, [`${turn.tokens ?? 0} tokens`, `${seconds(turn.seconds ?? 0)} writing`, turn.waited ? `${seconds(turn.waited)} waiting` : "", turn.cost ? `$${turn.cost.toPrecision(2)}` : ""].filter(Boolean).join(" · ")))));
}

// A turn that could be read is one thought and one action; any other is shown as it was written.
function spoken(turn) {
  const text = turn.text ?? "";
  if (turn.action === "invalid") return long(text || "(empty)", "raw");
  const [begun, ended] = [text.indexOf("<think>"), text.indexOf("</think>")];
  const thought = ended < 0 ? "" : text.slice(begun < 0 ? 0 : begun + 7, ended).trim();
  const rest = text.slice(ended < 0 ? 0 : ended + 8).trim();
  const parts = thought ? [long(thought, "thought")] : [];
  if (turn.action === "call") parts.push(called(turn));
  else parts.push(long(rest.replace(/^<answer>/, "").replace(/<\/answer>$/, ""), "final"));
  return el("div", {}, ...parts);
}

function called(turn) {
  const values = (turn.arguments ?? []).map(([name, value]) => el("div", {}, el("dt", {}, name), long(value ?? "null", "value")));
  const colour = `--c: ${colours.get(turn.tool) ?? "var(--quiet)"}`;
  return el("div", { class: "called", style: colour }, el("b", { class: "tool" }, turn.tool ?? ""), turn.status ? el("span", { class: `status ${turn.status === "ok" ? "" : "wrong"}` }, turn.status) : el("span", { class: "quiet" }, "not carried out"), el("dl", {}, ...values));
}

function observation(turn, frames) {
  const pictures = (turn.frames ?? []).map((name) => {
    const image = el("img", { src: frames[name], alt: name, title: name });
    return el("figure", {}, image, el("figcaption", {}, name.split(" ").at(-1)));
  });
  const spans = turn.spans ?? [];
  const about = pictures.length && !turn.brought ? "video at that time" : null;
  if (!turn.observation && !pictures.length && !spans.length) return null;
  return el("div", { class: "seen" },
    turn.observation ? long(turn.observation, "observation") : null,
    spans.length ? el("p", { class: "quiet spans" }, `rests on ${spans.slice(0, 6).join(", ")}${spans.length > 6 ? ` and ${spans.length - 6} more` : ""}`) : null,
    pictures.length ? el("div", { class: "frames" }, about ? el("p", { class: "quiet" }, about) : null, ...pictures) : null);
}

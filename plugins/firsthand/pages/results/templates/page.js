"use strict";
// The questions with what each run said: filtered by verdict, by group, by words. What is shown is in the address.
const { runs, items, frames } = JSON.parse(document.getElementById("items").textContent);
const form = document.querySelector("form"), list = document.querySelector(".panes > ol"), pane = document.querySelector("article");
const state = new URLSearchParams(location.hash.slice(1));
const MOST = 400; // lines of the list at once

// Elements from words, never markup.
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const word = (worth) => (worth === 1 ? "right" : worth === 0 ? "wrong" : typeof worth === "number" ? worth.toFixed(2) : worth);
const colour = (worth) => (worth === 1 ? "right" : typeof worth === "number" && worth > 0 ? "" : "wrong");
const number = (worth) => (typeof worth === "number" ? worth : 0);
const flip = (item) => Math.sign(number(item.worth[runs.length - 1]) - number(item.worth[0]));

const filters = { words: (item, value) => JSON.stringify([item.id, item.question, item.options, item.said]).toLowerCase().includes(value.toLowerCase()) };
runs.forEach((run, i) => { filters[`run${i}`] = (item, value) => word(item.worth[i]) === value; });
if (runs.length > 1) filters.flip = (item, value) => ({ better: 1, worse: -1, same: 0 })[value] === flip(item);
for (const key of new Set(items.flatMap((item) => Object.keys(item.groups)))) filters[`by ${key}`] = (item, value) => item.groups[key] === value;

function select(name, title, values) {
  const options = values.map((value) => el("option", { value }, value));
  const made = el("select", { name, title, "aria-label": title }, el("option", { value: "" }, title), ...options);
  made.value = state.get(name) ?? "";
  return made;
}

function controls() {
  const search = el("input", { type: "search", name: "words", placeholder: "Find words", "aria-label": "Find words" });
  search.value = state.get("words") ?? "";
  form.append(search);
  runs.forEach((run, i) => form.append(select(`run${i}`, run, [...new Set(items.map((item) => word(item.worth[i])))].sort())));
  if (runs.length > 1) form.append(select("flip", `${runs[runs.length - 1]} against ${runs[0]}`, ["better", "worse", "same"]));
  for (const name of Object.keys(filters).filter((name) => name.startsWith("by "))) {
    const key = name.slice(3);
    form.append(select(name, key, [...new Set(items.map((item) => item.groups[key]).filter((value) => value !== undefined))].sort()));
  }
  form.append(el("output"));
  form.addEventListener("input", () => {
    for (const field of form.elements) if (field.name) field.value ? state.set(field.name, field.value) : state.delete(field.name);
    show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
}

function shown() {
  const chosen = Object.entries(filters).filter(([name]) => state.get(name));
  return items.filter((item) => chosen.every(([name, fits]) => fits(item, state.get(name))));
}

function show() {
  const found = shown();
  form.querySelector("output").textContent = `${found.length} of ${items.length}`;
  list.replaceChildren(...found.slice(0, MOST).map((item) =>
    el("li", { "data-id": item.id, click: () => open(item) }, item.question || item.id,
      el("div", { class: "quiet" }, ...runs.map((run, i) => el("span", { class: colour(item.worth[i]) }, `${word(item.worth[i])} `))))));
  if (found.length > MOST) list.append(el("li", {}, `and ${found.length - MOST} more`));
  const current = found.find((item) => item.id === state.get("id")) ?? found[0];
  if (current) open(current);
  else pane.replaceChildren();
}

function open(item) {
  state.set("id", item.id);
  history.replaceState(null, "", "#" + state);
  for (const line of list.children) line.setAttribute("aria-current", line.dataset.id === item.id);
  const letters = Object.entries(item.options).map(([letter, text]) => el("li", letter === item.answer ? { class: "answer" } : {}, `${letter}. ${text}`));
  const groups = Object.entries(item.groups).map(([key, value]) => `${key}: ${value}`).join(", ");
  pane.replaceChildren(
    el("h3", {}, item.question || item.id),
    el("ul", {}, ...letters),
    el("p", { class: "quiet" }, `${item.id}; right: ${item.answer ?? "not public"}${groups ? "; " + groups : ""}`),
    item.frames.length ? el("div", { class: "frames" }, ...item.frames.map((path) => el("img", { src: frames[path], alt: path, title: path }))) : null,
    item.media.length ? el("p", { class: "quiet" }, `${item.frames.length} of ${item.media.length} shown: ${item.media.slice(0, 3).join(", ")}${item.media.length > 3 ? " ..." : ""}`) : null,
    ...runs.flatMap((run, i) => [
      el("p", {}, `${run}: `, el("span", { class: `verdict ${colour(item.worth[i])}` }, word(item.worth[i]))),
      ...item.said[i].map((part) => el("pre", { class: part.who }, part.text)),
    ]),
    el("details", {}, el("summary", {}, "The prompt, as asked"), ...item.prompt.map((part) => el("pre", {}, `${part.role}\n${part.text}`))),
  );
}

list.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (!step) return;
  const found = shown(), next = found[found.findIndex((item) => item.id === state.get("id")) + step];
  event.preventDefault();
  if (next) open(next);
  list.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
});

controls();
show();

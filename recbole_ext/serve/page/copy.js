// The same lists without the page: the address, a command, a few lines of Python.

import { byId, h, say } from "./dom.js";
import * as api from "./api.js";
import { K, request } from "./lists.js";
import { somebody, state } from "./state.js";
import { spoken } from "./words.js";

const parts = {};

export function build() {
  const button = (words, text) => h("button", { type: "button", onclick: (event) => copy(text(), event.currentTarget) }, words);
  parts.code = h("pre", { class: "code", tabindex: 0, role: "region", "aria-label": "Python" });
  byId("copy").append(
    h("p", { class: "row" }, button("Copy the link", () => location.href), button("Copy as Python", python), button("Copy as curl", curl)),
    h("details", { class: "small" }, h("summary", {}, "Show the Python"), parts.code));
}

export function show() {
  byId("copy-section").hidden = !somebody();
  parts.code.textContent = python();
}

async function copy(text, button) {
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    say("Copied.");
  } catch {
    button.textContent = "The browser does not allow it";
  }
  setTimeout(() => (button.textContent = words), 1600);
}

const literal = (value) => JSON.stringify(value).replaceAll('":', '": ').replaceAll(",", ", ");

function python() {
  const { user, history, rerank } = request(state.models[0]);
  const who = user === undefined ? `history=${literal(history)}` : literal(user);
  const names = history?.map((token) => api.card(token)).filter(Boolean).map((item) => spoken(item.title)) ?? [];
  const block = rerank ? `, rerank=${literal(rerank)}` : "";
  return [
    "import recbole_ext as rx", "",
    ...(names.length ? [`# ${names.join(" · ").replace(/\s+/g, " ")}`] : []),
    `for folder in ${literal(state.models.map((name) => `saved/${name}`))}:`,
    `    run = rx.load(folder)`,
    `    print(run.recommend(${who}, k=${K}${block}))`, "",
  ].join("\n");
}

function curl() {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  return state.models.map((model) =>
    `curl -s ${quoted(`${location.origin}/v1/recommend`)} -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(request(model)))}`).join("\n\n") + "\n";
}

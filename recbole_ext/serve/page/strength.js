// The slider, and beside it what each strength costs and gains on the validation data.

import * as api from "./api.js";
import { byId, debounced, h, s } from "./dom.js";
import { offered, set, state } from "./state.js";
import { methodMeaning, methodName, noun, percent, signed } from "./words.js";

const METRICS = [
  { key: "ndcg", name: (k) => `NDCG@${k}`, meaning: () => `how high a hidden ${noun.one} stands`, text: (value) => value.toFixed(4) },
  { key: "itemcoverage", name: () => "Coverage", meaning: () => `${noun.many} that anybody is shown`, text: (value) => percent(value) },
  { key: "tailshare", name: () => "Tail share", meaning: () => "places that go to the long tail", text: (value) => percent(value) },
];
const WIDTH = 200;
const HEIGHT = 64;

let cards = [];
let methods = [];
const found = new Map();
const parts = {};

export async function build(all) {
  cards = all;
  methods = offered(all);
  if (!methods.length) {
    byId("strength").append(h("p", { class: "soft" }, "These models offer no re-ranker."));
    return;
  }
  parts.value = h("output", { for: "slider" });
  parts.select = h("select", { id: "method", onchange: () => choose(parts.select.value) },
    methods.map((one) => h("option", { value: one.method }, methodName(one.method))));
  const moved = debounced((value) => set({ strength: value }), 90);
  parts.slider = h("input", { id: "slider", type: "range", min: 0, step: 0.01, oninput: () => {
    draw(Number(parts.slider.value));
    moved(Number(parts.slider.value));
  } });
  parts.meaning = h("p", { class: "soft small" });
  parts.charts = h("div", { class: "charts" });
  parts.told = h("div", { class: "told small soft" });
  byId("strength").append(
    h("div", { class: "dial" },
      h("p", { class: "field" }, h("label", { for: "method" }, "Method"), parts.select),
      h("p", { class: "field" }, h("label", { for: "slider" }, "Strength"), parts.value),
      parts.slider,
      h("p", { class: "ends small soft", "aria-hidden": "true" }, h("span", {}, "as the model orders"), h("span", {}, "strongest")),
      parts.meaning),
    h("div", { class: "cost" }, parts.charts, parts.told));
}

function choose(method) {
  set({ method, strength: Math.min(state.strength, range(method)) });
}

const described = (method) => methods.find((one) => one.method === method);

// The largest strength of the slider: what was measured, else 1 or the method's own end.
function range(method) {
  if (!described(method).symbol) return 1;
  const measured = [...found.values()].flatMap((curve) => points(curve, method).map((one) => one.strength));
  const most = Math.max(...measured, 0) || 1;
  return Math.min(described(method)?.highest_strength ?? Infinity, Math.max(most, state.method === method ? state.strength : 0));
}

const points = (curve, method) =>
  curve ? curve.validation.filter((one) => one.method === method).sort((a, b) => a.strength - b.strength) : [];

// The points of a method with the model's own list at 0; empty where the run has no curve of it.
function line(name, method) {
  const curve = found.get(name);
  const own = points(curve, method);
  const base = curve?.validation.find((one) => one.method === "none");
  if (!own.length) return [];
  return base && own[0].strength > 0 ? [{ ...base, strength: 0 }, ...own] : own;
}

// Straight between two measured strengths.
function at(line, strength, key) {
  const after = line.findIndex((one) => one.strength >= strength);
  if (after < 0) return line.at(-1)[key];
  if (after === 0) return line[0][key];
  const [a, b] = [line[after - 1], line[after]];
  const part = (strength - a.strength) / (b.strength - a.strength);
  return a[key] + part * (b[key] - a[key]);
}

export async function show() {
  if (!methods.length) return;
  const chosen = state.models.map((name) => cards.find((one) => one.name === name));
  await Promise.all(chosen.filter((one) => one.curves && !found.has(one.name)).map(async (one) => {
    found.set(one.name, await api.curves(one.name).catch(() => null));
  }));
  parts.select.value = state.method;
  parts.slider.max = range(state.method);
  parts.slider.step = described(state.method).symbol ? 0.01 : 1;
  parts.slider.value = state.strength;
  const { rule, paper, coverage, tail_share: tail } = described(state.method);
  const floors = [coverage && `coverage of ${percent(coverage, 0)}`, tail && `tail share of ${percent(tail, 0)}`].filter(Boolean);
  parts.meaning.replaceChildren(methodMeaning(state.method), floors.length ? ` Floors: ${floors.join(", ")}.` : "", rule ? h("span", { class: "rule" }, h("code", {}, `${state.method}: ${rule}`), paper ? ` ${paper}` : "") : "");
  draw(state.strength);
}

// Where a strength stands on the curve: a method that is on or off has one place, its floor.
function placeOf(strength) {
  const { symbol, coverage } = described(state.method);
  return symbol || !strength ? strength : (coverage ?? strength);
}

function draw(given) {
  const words = given ? (described(state.method).symbol ? given.toFixed(2) : "on") : "off";
  const strength = placeOf(given);
  parts.value.textContent = words;
  parts.slider.setAttribute("aria-valuetext", words);
  const lines = state.models.map((name, place) => ({ name, colour: place + 1, line: line(name, state.method) }));
  const drawn = lines.filter((one) => one.line.length);
  const k = found.get(drawn[0]?.name)?.k ?? 10;
  parts.charts.replaceChildren(...(drawn.length ? METRICS.map((metric) => chart(metric, drawn, strength, k)) : []));
  parts.told.replaceChildren(...told(lines));
}

function chart(metric, lines, strength, k) {
  const end = Number(parts.slider.max) || 1;
  const top = 1.08 * Math.max(...lines.flatMap((one) => one.line.map((point) => point[metric.key])), 1e-9);
  const x = (value) => ((WIDTH - 8) * value) / end + 4;
  const y = (value) => HEIGHT - 3 - ((HEIGHT - 6) * value) / top;
  const path = (line) => line.map((point, place) => `${place ? "L" : "M"}${x(point.strength).toFixed(1)} ${y(point[metric.key]).toFixed(1)}`).join("");
  const dots = (line) => line.map((point) => `M${x(point.strength).toFixed(1)} ${y(point[metric.key]).toFixed(1)}h0`).join("");
  const now = (line) => `M${x(strength).toFixed(1)} ${y(at(line, strength, metric.key)).toFixed(1)}h0`;
  const picture = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    s("path", { class: "floor", d: `M0 ${HEIGHT - 3}H${WIDTH}` }), s("path", { class: "now", d: `M${x(strength).toFixed(1)} 0V${HEIGHT}` }),
    lines.map((one) => [band(one, metric.key, x, y), s("path", { class: `curve m${one.colour}`, d: path(one.line) }), s("path", { class: `dots m${one.colour}`, d: dots(one.line) }),
      s("path", { class: `mark m${one.colour}`, d: now(one.line) })]));
  return h("figure", {}, h("figcaption", {}, h("b", {}, metric.name(k)), h("span", { class: "soft" }, ` ${metric.meaning()}`)), picture,
    h("ul", { class: "values" }, lines.map((one) => value(one, metric, strength))));
}

const measured = (line, key) => line.every((point) => Number.isFinite(point[`${key}_change_low`]));

// The interval of the change of each measured point, where the run has it.
function band({ line, colour }, key, x, y) {
  if (!measured(line, key)) return null;
  const edge = (end) => line.map((point) => `${x(point.strength).toFixed(1)} ${y(Math.max(0, line[0][key] + point[`${key}_change_${end}`])).toFixed(1)}`);
  return s("path", { class: `band m${colour}`, d: `M${edge("low").join("L")}L${edge("high").reverse().join("L")}Z` });
}

function value({ name, colour, line }, metric, strength) {
  const before = line[0][metric.key];
  const now = at(line, strength, metric.key);
  const relative = before > 0 && metric.key === "ndcg";
  const inWords = (change) => signed((100 * change) / (relative ? before : 1), 1);
  const ends = measured(line, metric.key) ? ["low", "high"].map((end) => inWords(at(line, strength, `${metric.key}_change_${end}`))) : null;
  const change = strength ? `${inWords(now - before)} ${relative ? "%" : "points"}` : "";
  const interval = ends && strength ? h("span", { class: "interval soft" }, ` [${ends.join(", ")}]`) : null;
  return h("li", {}, h("span", { class: `key m${colour}`, "aria-hidden": "true" }), h("span", { class: "hidden" }, `${name}: `),
    h("b", {}, metric.text(now)), change && h("span", { class: "soft" }, ` ${change}`), interval);
}

// What the curves are, and how to make those that are missing.
function told(lines) {
  const missing = lines.filter((one) => !one.line.length).map((one) => one.name);
  const said = [];
  if (missing.length < lines.length) said.push(h("p", {}, `Measured at the dots, on the validation data, all users together; axes begin at 0.${lines.some((one) => one.line.length && measured(one.line, "ndcg")) ? ` Shades and brackets: ${percent(found.get(lines.find((one) => one.line.length).name).level ?? 0.95, 0)} intervals of the change; coverage, one number for all users, has none.` : ""}`));
  if (missing.length) {
    const names = missing.join(" and ");
    said.push(h("p", {}, `What this costs ${names} has not been measured: `, h("code", {}, `python run.py pareto saved/${missing[0]} --methods=${state.method}`), " draws the curve."));
  }
  return said;
}

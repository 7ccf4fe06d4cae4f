// The lists of the chosen models, side by side, each film with the reasons for it.

import * as api from "./api.js";
import { byId, h, moving, problem, say } from "./dom.js";
import { arrange, like } from "./person.js";
import { current, MOST_MODELS, offered, remove, set, somebody, state } from "./state.js";
import { capital, counted, effect, noun, methodName, number, percent, sentence, spoken, tailMeaning, whole } from "./words.js";

export const K = 10;

// What is asked of a model: also what the copied commands ask.
export function request(model) {
  const who = state.user === null ? { history: state.history } : { user: state.user };
  const rerank = state.strength > 0 && offers(model) ? block() : undefined;
  return { model, ...who, k: K, rerank };
}

// A method without a symbol has no strength: it is on or off.
const block = () => {
  const { symbol } = offered(cards).find((one) => one.method === state.method);
  return symbol ? { method: state.method, strength: state.strength } : { method: state.method };
};
const offers = (name) => cards.find((one) => one.name === name).rerank.some((one) => one.method === state.method);

const columns = new Map();
let cards = [];
let updated = () => {};
let feedback = false;

export function build(all, keepsFeedback, whenUpdated) {
  cards = all;
  feedback = keepsFeedback;
  updated = whenUpdated;
  byId("legend").append(
    h("span", { class: "bar head", "aria-hidden": "true" }, h("i", { class: "full" })), "how popular ",
    h("span", { class: "bar tail", "aria-hidden": "true" }, h("i", { class: "full" })), `long tail: ${tailMeaning(cards[0].head_rule)}`,
    feedback ? `. This server keeps what you add from a list (+), so that models can learn from it.` : "");
  if (cards.length < 2) return;
  byId("models").append(h("ul", { class: "chips", "aria-label": "Models to compare" }, cards.map((one) => h("li", {}, h("button", {
    type: "button", class: "chip toggle", "data-model": one.name, "aria-pressed": "false", onclick: () => toggle(one.name),
  }, one.name)))));
}

function toggle(name) {
  const there = state.models.includes(name);
  if (there && state.models.length === 1) return say("One model must stay.");
  const others = state.models.filter((one) => one !== name);
  set({ models: there ? others : [...others.slice(0, MOST_MODELS - 1), name] });
  say(there ? `${name} left.` : `${name} added.`);
}

// Puts the columns in place; each asks again if what it rests on has changed.
export function show() {
  for (const button of byId("models").querySelectorAll("[data-model]"))
    button.setAttribute("aria-pressed", String(state.models.includes(button.dataset.model)));
  const wanted = state.models.map((name, place) => {
    if (!columns.has(name)) columns.set(name, new Column(cards.find((one) => one.name === name)));
    const column = columns.get(name);
    column.element.dataset.colour = place + 1;
    return column;
  });
  byId("columns").hidden = !somebody();
  byId("columns").dataset.count = wanted.length;
  arrange(byId("columns"), wanted.map((one) => one.element));
  if (somebody()) wanted.forEach((one) => one.ask());
  else columns.forEach((one) => one.forget());
}

// What tells a model from the others, in a sentence.
function inShort(model) {
  if (model.explained.kind === "popularity") return "The same list for everybody: what is popular.";
  if (model.history.kind === "none") return `Knows the users it was trained on, and nobody else.`;
  const order = model.history.knows_order ? "reads your list in its order" : "does not look at the order";
  return `${capital(KIND[model.family] ?? model.family_meaning)}; ${order}.`;
}

const KIND = { floor: "a fixed rule", classic: "classic", sequential_classic: "classic", neural: "a neural network", sequence: "a neural network" };

class Column {
  constructor(model) {
    this.model = model;
    this.rows = new Map();
    this.asked = null;
    this.ground = h("p", { class: "ground small" });
    this.list = h("ol", { class: "films", "aria-label": `List of ${model.name}`, tabindex: -1 });
    this.change = h("div", { class: "change small" });
    this.how = h("p", { class: "soft small how" });
    this.element = h("section", { class: "column", "aria-label": model.name }, this.head(), this.ground, this.list, this.change, this.how);
  }

  head() {
    const { model } = this;
    return h("header", {}, h("h3", {}, model.name), h("p", { class: "soft small" }, inShort(model)), about(model));
  }

  forget() {
    this.asked?.controller.abort();
    this.asked = null;
    this.rows.clear();
    this.list.replaceChildren();
  }

  async ask() {
    const body = request(this.model.name);
    const key = JSON.stringify(body);
    if (this.asked?.key === key) return;
    this.asked?.controller.abort();
    const asked = { key, controller: new AbortController() };
    this.asked = asked;
    this.element.setAttribute("aria-busy", "true");
    try {
      const answer = await api.recommend({ ...body, explain: true, reasons: 6 }, asked.controller.signal);
      if (this.asked !== asked) return;
      api.remember(answer.items);
      this.fill(answer);
      updated(this.model.name, answer);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.forget();
      this.ground.replaceChildren(problem(error));
      this.change.replaceChildren(h("button", { type: "button", onclick: () => this.ask() }, "Try again"));
      this.how.textContent = "";
    }
    if (this.asked === asked || this.asked === null) this.element.setAttribute("aria-busy", "false");
  }

  fill(answer) {
    const came = new Set(answer.rerank?.put_in);
    const list = { kind: answer.explained?.kind, id: answer.list_id, model: answer.model, shown: answer.items.map((one) => one.item) };
    this.ground.replaceChildren(...ground(answer));
    const held = this.list.contains(document.activeElement);
    moving(this.list, () => {
      const wanted = answer.items.map((place) => {
        const before = this.rows.get(place.item);
        const one = row(place, came.has(place.item), before, list);
        this.rows.set(place.item, one);
        return one;
      });
      arrange(this.list, wanted);
    });
    for (const [token, one] of this.rows) if (!one.isConnected) this.rows.delete(token);
    if (held && !this.list.contains(document.activeElement)) this.list.focus({ preventScroll: true });
    this.change.replaceChildren(...change(answer));
    this.how.replaceChildren(...how(answer));
  }
}

// What a list rests on, in a sentence.
function ground({ basis, why, history }) {
  if (basis === "fallback_popular") return [h("b", {}, "The most popular, for everybody"), `: ${why}.`];
  const share = history.known === history.given ? "all known to the model" : `the model knows ${history.known} of them (${percent(history.share_known, 0)})`;
  const start = basis === "known_user" ? `A user it was trained on, with ${counted(history.given, noun.one, noun.many)}` : `From ${counted(history.given, noun.one, noun.many)}`;
  const single = history.given === 1 && history.known === 1;
  return [`${start}, ${single ? "known to the model" : share}.`, ...history.unknown.map((one) => ` ${one.name}: ${one.reason}.`)];
}

function how({ explained }) {
  if (!explained) return [];
  return [h("b", {}, `Reasons: ${explained.method}.`), ` ${explained.meaning}`];
}

// What a re-ranker took out and put in.
function change({ model, rerank }) {
  if (!rerank) return state.strength > 0 && !offers(model) ? [h("p", {}, `${model} does not offer “${methodName(state.method)}”: this is its own list.`)] : [];
  if (!rerank.put_in.length) return [h("p", {}, `The same ${K} ${noun.many} as without the slider.`)];
  return [h("p", {}, h("b", {}, `${rerank.put_in.length} came in, ${rerank.taken_out.length} left: `),
    h("span", { class: "soft" }, rerank.taken_out.map((item) => spoken(item.title)).join(" · ")))];
}

function popularity({ interactions, share, place, group }) {
  const bar = h("span", { class: `bar ${group}`, "aria-hidden": "true" }, h("i"));
  bar.firstChild.style.inlineSize = `${Math.max(4, 100 * share)}%`;
  return h("span", { class: "popularity", title: `${counted(interactions, "interaction", "interactions")} in training, place ${number(place)} by popularity` },
    bar, h("span", { class: `group ${group === "head" ? "hidden" : "tail"}` }, group), h("span", { class: "hidden" }, `, ${counted(interactions, "interaction", "interactions")}`));
}

function links(item) {
  const link = (name, address) => h("a", { href: address, rel: "noopener noreferrer", target: "_blank", "aria-label": `${spoken(item.title)} on ${name}, in a new tab` }, name);
  return [
    item.imdb_id && link("IMDb", `https://www.imdb.com/title/tt${encodeURIComponent(item.imdb_id.replace(/^tt/, ""))}/`),
    item.tmdb_id && link("TMDB", `https://www.themoviedb.org/movie/${encodeURIComponent(item.tmdb_id)}`),
  ];
}

// Adds a film of a list; a server that keeps feedback learns which of the list it was.
function choose(place, list) {
  like(place);
  if (feedback) api.feedback({ model: list.model, list_id: list.id, shown: list.shown, chosen: [place.item] }).catch((error) => say(error.sentence));
}

// A row of a list; one that was there stays the same element, so that it can move and keep the focus.
function row(place, came, before, list) {
  const one = before ?? h("li", { "data-item": place.item });
  const open = before?.querySelector("details")?.open;
  const focused = before?.contains(document.activeElement) && document.activeElement.dataset.focus;
  const title = spoken(place.title);
  const plus = h("button", { type: "button", class: "icon add", "data-focus": "add", "aria-label": `Add ${title} to what you like`, title: "I like it", onclick: () => choose(place, list) },
    h("span", { "aria-hidden": "true" }, "+"));
  one.classList.toggle("came", came);
  one.replaceChildren(
    h("div", { class: "line" },
      h("p", { class: "title", title: whole(place.title) }, title, place.year && h("span", { class: "year" }, ` ${place.year}`), came && h("span", { class: "new" }, "came in")), plus),
    h("p", { class: "facts small" }, popularity(place.popularity), h("span", { class: "genres soft" }, place.genres.slice(0, 2).join(" · ")), h("span", { class: "links" }, links(place))),
    ...why(place, open, list.kind),
  );
  if (focused) one.querySelector(`[data-focus="${focused}"]`)?.focus();
  return one;
}

// The items that speak for one; those of “nearest” resemble it, which is no cause.
function why(place, open, kind) {
  const reasons = place.reasons ?? [];
  if (!reasons.length) return [];
  const names = reasons.filter((one) => one.effect > 0).slice(0, 2).map((one) => spoken(one.title));
  const most = Math.max(...reasons.map((one) => Math.abs(one.effect)), 1e-12);
  const rest = place.genres_in_history?.filter((one) => one.share > 0).slice(0, 3) ?? [];
  return [h("details", { class: "why small", open },
    h("summary", { "data-focus": "why" }, h("span", { class: "hidden" }, `Why ${spoken(place.title)}? `), names.length ? `${kind === "nearest" ? "close to" : "because of"} ${names.join(", ")}` : "nothing in your list speaks for it"),
    h("ul", {}, reasons.map((one) => reason(one, most))),
    rest.length ? h("p", { class: "soft" }, `Share of your list: ${rest.map((one) => `${one.genre} ${percent(one.share, 0)}`).join(", ")}.`) : null)];
}

function reason(one, most) {
  const bar = h("span", { class: `bar effect${one.effect < 0 ? " against" : ""}`, "aria-hidden": "true" }, h("i"));
  bar.firstChild.style.inlineSize = `${(100 * Math.abs(one.effect)) / most}%`;
  const title = spoken(one.title);
  return h("li", {},
    h("span", { class: "name" }, title), bar, h("span", { class: "value" }, effect(one.effect)),
    h("button", { type: "button", class: "icon", "data-focus": "why", "aria-label": `Remove ${title} from your list`, title: "Remove it and see what moves", onclick: () => {
      remove(one.item);
      say(`${title} removed: the lists move.`);
    } }, h("span", { "aria-hidden": "true" }, "×")),
    one.rank_without === null ? null : h("span", { class: "soft without" }, `without it: place ${number(one.rank_without)}`));
}

// What a model says of itself.
function about(model) {
  const { trained_on: on, figures } = model;
  const shown = figures.test.filter((one) => /^(ndcg|hit|itemcoverage|tailshare)@/.test(one.metric));
  const value = (one) => (/^(itemcoverage|tailshare|hit)/.test(one.metric) ? percent(one.value) : one.value.toFixed(4));
  const ends = (one) => (one.low === null ? "" : /^(itemcoverage|tailshare|hit)/.test(one.metric) ? `${percent(one.low)} to ${percent(one.high)}` : `${one.low.toFixed(4)} to ${one.high.toFixed(4)}`);
  return h("details", { class: "about small" }, h("summary", {}, "About this model"),
    h("p", {}, `${model.model}${model.paper ? ` (${model.paper})` : ""}, trained on ${on.dataset}: ${counted(on.users, "user", "users")}, ${counted(on.items, noun.one, noun.many)}, ${counted(on.interactions, "interaction", "interactions")}. ${sentence(model.history.meaning)}`),
    h("table", {}, h("caption", {}, `Test of ${number(figures.users)} users, intervals of ${percent(figures.level, 0)}`),
      h("tbody", {}, shown.map((one) => h("tr", {}, h("th", { scope: "row" }, METRIC[one.metric.split("@")[0]] + (one.metric.startsWith("item") || one.metric.startsWith("tail") ? "" : `@${figures.k}`)), h("td", {}, value(one)), h("td", { class: "soft" }, ends(one)))))),
    h("p", {}, h("b", {}, "What it is bad at")), h("ul", { class: "plainlist" }, model.bad_at.map((one) => h("li", {}, sentence(one)))));
}

const METRIC = { ndcg: "NDCG", hit: "Hit", itemcoverage: "Coverage", tailshare: "Tail share" };

// What the page shows before anybody likes anything.
export function start(starters) {
  const cell = (item) => h("li", {}, h("button", { type: "button", class: "starter", onclick: () => {
    like(item);
    byId("lists").focus({ preventScroll: true });
  } },
    h("span", { class: "title", title: whole(item.title) }, spoken(item.title), item.year && h("span", { class: "year" }, ` ${item.year}`)), h("span", { class: "soft small" }, item.genres.slice(0, 2).join(" · "))));
  byId("start").append(h("p", { class: "lead" }, `Click ${noun.many} you like, or search for them. After the first one the lists appear, and three or four already tell a taste.`), h("ul", { class: "starters", "aria-label": `${capital(noun.many)} to start with` }, starters.map(cell)));
}

export const historyLength = () => current().length;

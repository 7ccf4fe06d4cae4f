// Starts the page, and keeps its parts with the state.

import * as api from "./api.js";
import * as catalogue from "./catalogue.js";
import * as copy from "./copy.js";
import { byId, h, say } from "./dom.js";
import * as lists from "./lists.js";
import * as person from "./person.js";
import { changedOutside, current, read, set, somebody, state, subscribe } from "./state.js";
import * as strength from "./strength.js";
import { counted, noun, nounsOf, sentence, spoken } from "./words.js";

const gate = byId("gate");
let cards = [];

async function opened() {
  for (;;) {
    try {
      const { ready, error } = await api.live();
      if (ready) return await api.models();
      gate.textContent = error ? sentence(error) : "Opening the models …";
    } catch (error) {
      if (error.status === 401) {
        await tokenAsked(error);
        continue;
      }
      gate.textContent = error.sentence;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function tokenAsked(error) {
  return new Promise((resolve) => {
    const input = h("input", { id: "token", type: "password", autocomplete: "off", required: true });
    gate.replaceChildren(h("form", { class: "inline", onsubmit: (event) => {
      event.preventDefault();
      api.keepToken(input.value.trim());
      gate.textContent = "Opening the models …";
      resolve();
    } }, h("p", {}, "This server asks for its token."), h("label", { for: "token" }, "Token"), input, h("button", { type: "submit" }, "Open")));
    if (sessionStorage.getItem("token")) gate.append(h("p", { class: "note alarm", role: "alert" }, error.sentence));
    input.focus();
  });
}

function welcome() {
  const { trained_on: on } = cards[0];
  nounsOf(cards);
  byId("kicker").textContent = `${on.dataset} · ${counted(on.users, "user", "users")} · ${counted(on.items, noun.one, noun.many)}`;
  byId("lead").textContent = `Say which ${noun.many} you like. Each model answers with a list and its reasons; the slider makes room for rarer ${noun.many} and shows what that costs.`;
}

async function follow() {
  const wanted = read(location.hash, cards);
  try {
    await api.cards(cards[0].name, wanted.history);
    if (wanted.user !== null) wanted.theirs = (await rememberedUser(wanted.user)) ?? [];
  } catch (error) {
    say(error.sentence);
  }
  set({ theirs: [], ...wanted });
}

async function rememberedUser(token) {
  const found = await api.user(cards[0].name, token);
  api.remember(found.items);
  return found.items.map((item) => item.item);
}

async function begin() {
  const found = await opened();
  cards = found.models;
  welcome();
  const starters = await api.starters(cards[0].name).catch(() => []);
  api.remember(starters);
  person.build(cards, starters);
  await strength.build(cards);
  lists.start(starters);
  copy.build();
  lists.build(cards, found.feedback, (name, answer) => {
    const first = answer.items[0];
    if (first) say(`${name}: first ${spoken(first.title)}.`);
    catalogue.refresh();
  });
  subscribe(() => {
    person.show();
    strength.show();
    lists.show();
    copy.show();
    byId("start").hidden = somebody();
    byId("layout").classList.toggle("empty", !somebody());
    catalogue.refresh();
  });
  await follow();
  gate.hidden = true;
  byId("layout").hidden = false;
  addEventListener("hashchange", () => changedOutside() && follow());
}

begin();

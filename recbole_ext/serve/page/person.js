// The person: what they like, in order, or a user of the data set.

import * as api from "./api.js";
import { byId, h, moving, problem, say } from "./dom.js";
import { searchField } from "./search.js";
import { add, current, move, remove, set, somebody, state } from "./state.js";
import { capital, counted, noun, spoken, whole } from "./words.js";

const FIRST = 12;
const ENOUGH = 3;
let main = "";
let all = false;
let parts = {};

export function build(cards, starters) {
  main = cards[0].name;
  const many = noun.many;
  parts = {
    list: h("ol", { class: "history", reversed: true }),
    note: h("p", { class: "soft small" }),
    more: h("button", { type: "button", class: "plain", onclick: () => ((all = true), show()) }),
    clear: h("button", { type: "button", class: "plain", onclick: clear }, "Clear"),
    ideas: h("div", { class: "ideas" }),
    users: h("div", { class: "users" }),
  };
  byId("person-words").textContent = `${capital(many)} you like`;
  byId("person").append(
    searchField(main, (item) => like(item), (token) => current().includes(token)),
    parts.note, parts.list, h("p", { class: "row" }, parts.more, parts.clear), parts.ideas, userPicker(),
  );
  ideas(starters);
}

export function like(item) {
  api.remember([item]);
  const there = current().includes(item.item);
  add(item.item);
  say(there ? `${spoken(item.title)} is in your list already.` : `${spoken(item.title)} added.`);
}

function clear() {
  set({ user: null, theirs: [], history: [] });
  say("Your list is empty.");
  byId("search").focus();
}

function ideas(starters) {
  const list = h("ul", { class: "chips" }, starters.map((item) => h("li", {}, h("button", {
    type: "button", class: "chip", "data-item": item.item, onclick: () => {
      like(item);
      const next = parts.ideas.querySelector("li:not([hidden]) .chip");
      (parts.ideas.hidden || !next ? byId("lists") : next).focus({ preventScroll: true });
    },
  }, spoken(item.title)))));
  parts.ideas.append(h("h3", {}, "To start with"), list);
}

// Shows the history, the latest on top; keeps the elements of items that stay.
const rows = new Map();

export function show() {
  const history = current();
  const tokens = [...history].reverse();
  const shown = all ? tokens : tokens.slice(0, FIRST);
  parts.list.start = history.length;
  moving(parts.list, () => {
    const wanted = shown.map((token, place) => {
      if (!rows.has(token)) rows.set(token, row(token));
      const one = rows.get(token);
      one.querySelector(".later").disabled = place === 0;
      one.querySelector(".earlier").disabled = place === tokens.length - 1;
      return one;
    });
    arrange(parts.list, wanted);
  });
  for (const token of rows.keys()) if (!history.includes(token)) rows.delete(token);
  parts.more.hidden = shown.length === tokens.length;
  parts.more.textContent = `Show all ${tokens.length}`;
  parts.clear.hidden = !somebody();
  parts.note.textContent = note(history.length);
  parts.note.hidden = !parts.note.textContent;
  parts.list.hidden = parts.clear.parentElement.hidden = !somebody();
  parts.ideas.hidden = state.user !== null || history.length === 0 || history.length >= ENOUGH;
  for (const chip of parts.ideas.querySelectorAll(".chip")) chip.parentElement.hidden = history.includes(chip.dataset.item);
}

// Puts children in order and moves only those that are out of place, so that the focus stays.
export function arrange(list, wanted) {
  for (const child of [...list.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((one, place) => {
    if (list.children[place] !== one) list.insertBefore(one, list.children[place] ?? null);
  });
}

function note(length) {
  if (state.user !== null && !length) return `Nothing is known of user ${state.user}.`;
  if (state.user !== null) return `User ${state.user} of the data set: ${counted(length, noun.one, noun.many)}, the latest first. A change makes the list yours.`;
  if (!length) return "";
  return length > 1 ? "The latest on top: models that read order care most about it." : "Two or three more tell the models a lot.";
}

function row(token) {
  const item = api.card(token);
  const title = item ? spoken(item.title) : token;
  const button = (kind, words, sign, action) => h("button", {
    type: "button", class: `icon ${kind}`, "aria-label": `${words} ${title}`, title: words, onclick: action,
  }, h("span", { "aria-hidden": "true" }, sign));
  const moved = (by) => (event) => {
    const pressed = event.currentTarget;
    if (move(token, by)) say(`${title} is number ${current().indexOf(token) + 1} of ${current().length}.`);
    const other = by > 0 ? ".earlier" : ".later";
    (pressed.disabled ? rows.get(token).querySelector(other) : pressed).focus();
  };
  const gone = () => {
    const next = one.nextElementSibling ?? one.previousElementSibling;
    remove(token);
    say(`${title} removed.`);
    (next?.querySelector(".gone") ?? byId("search")).focus();
  };
  const one = h("li", { "data-item": token },
    h("span", { class: "name", title: item && whole(item.title) }, title, item?.year && h("span", { class: "year" }, ` ${item.year}`),
      item ? null : h("span", { class: "soft small" }, " not in this catalogue")),
    h("span", { class: "buttons" }, button("later", "Move up", "↑", moved(1)), button("earlier", "Move down", "↓", moved(-1)),
      button("gone", "Remove", "×", gone)));
  return one;
}

function userPicker() {
  const input = h("input", { id: "user", type: "text", autocomplete: "off", maxlength: 200, placeholder: "Number of a user" });
  const told = h("div");
  const choices = h("ul", { class: "chips" });
  const take = async (token) => {
    told.replaceChildren();
    try {
      await load(token);
      say(`User ${token} taken.`);
    } catch (error) {
      told.replaceChildren(problem(error));
    }
  };
  const form = h("form", {
    class: "inline", onsubmit: (event) => {
      event.preventDefault();
      if (input.value.trim()) take(input.value.trim());
    },
  }, h("label", { for: "user", class: "hidden" }, "Number of a user"), input, h("button", { type: "submit" }, "Take"));
  const details = h("details", { class: "users" }, h("summary", {}, "Or take a user of the data set"), form, told, choices);
  details.addEventListener("toggle", async () => {
    if (!details.open || choices.children.length) return;
    try {
      const found = await api.users(main);
      choices.replaceChildren(...found.map((one) => h("li", {}, h("button", {
        type: "button", class: "chip", onclick: () => take(one.user),
      }, `User ${one.user} `, h("span", { class: "soft" }, one.items)))));
    } catch (error) {
      told.replaceChildren(problem(error));
    }
  });
  return details;
}

// Takes a user of the data set with their history.
export async function load(token) {
  const found = await api.user(main, token);
  api.remember(found.items);
  all = false;
  set({ user: token, theirs: found.items.map((item) => item.item), history: [] });
}

// The field that finds titles: a combobox with a list, by mouse and by keyboard.

import * as api from "./api.js";
import { debounced, h, say } from "./dom.js";
import { counted, noun, spoken, whole } from "./words.js";

export function searchField(model, chosen, taken) {
  const input = h("input", {
    id: "search", type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", enterkeyhint: "search",
    "aria-expanded": "false", "aria-controls": "found", "aria-autocomplete": "list",
    placeholder: "A title, or part of one",
  });
  const list = h("ul", { id: "found", role: "listbox", "aria-label": `Found ${noun.many}`, hidden: true });
  const told = h("p", { class: "soft small", hidden: true });
  let items = [];
  let active = -1;
  let asked = null;

  const close = () => {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (place) => {
    active = place;
    [...list.children].forEach((one, index) => one.setAttribute("aria-selected", String(index === place)));
    if (place < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", list.children[place].id);
    list.children[place].scrollIntoView({ block: "nearest" });
  };
  const choose = (item) => {
    input.value = "";
    close();
    chosen(item);
    input.focus();
  };
  const show = (found) => {
    items = found;
    list.replaceChildren(...found.map((item, place) => h("li", {
      id: `found-${place}`, role: "option", "aria-selected": "false",
      onmousedown: (event) => event.preventDefault(), onclick: () => choose(item),
    }, h("span", { title: whole(item.title) }, spoken(item.title), item.year && h("span", { class: "year" }, ` ${item.year}`)),
    taken(item.item) ? h("span", { class: "soft small" }, "in your list")
      : h("span", { class: "soft small" }, item.genres.slice(0, 2).join(" · ")))));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    told.hidden = found.length > 0;
    told.textContent = `No ${noun.one} has these words in its title: try fewer, or another spelling.`;
    say(found.length ? `${counted(found.length, noun.one, noun.many)} found` : told.textContent);
    mark(found.length ? 0 : -1);
  };
  const look = debounced(async () => {
    const text = input.value.trim();
    asked?.abort();
    told.hidden = true;
    if (!text) return close();
    asked = new AbortController();
    try {
      const found = await api.search(model, text.slice(0, 200), asked.signal);
      api.remember(found);
      if (document.activeElement === input) show(found);
    } catch (error) {
      if (error.name === "AbortError") return;
      close();
      told.hidden = false;
      told.textContent = error.sentence;
    }
  }, 120);

  input.addEventListener("input", look);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const open = !list.hidden;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && open) mark((active + step + items.length) % items.length);
    else if (step) look();
    else if (event.key === "Enter" && open && active >= 0) choose(items[active]);
    else if (event.key === "Escape" && (open || input.value)) open ? close() : (input.value = "");
    else return;
    event.preventDefault();
  });
  return h("div", { class: "search" }, h("label", { for: "search" }, `Search ${noun.many}`), input, list, told);
}

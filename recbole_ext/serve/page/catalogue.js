// What has been shown to anybody since the server was started, from popular to rare.

import * as api from "./api.js";
import { byId, debounced, h, problem, s } from "./dom.js";
import { somebody, state } from "./state.js";
import { counted, noun, number, percent } from "./words.js";

const PARTS = 200;
let written = null;

export const refresh = debounced(async () => {
  const names = [...state.models];
  byId("catalogue-section").hidden = !somebody();
  if (!somebody()) return;
  try {
    const found = await Promise.all(names.map((name) => api.catalogue(name, PARTS)));
    const key = JSON.stringify(found);
    if (key === written) return;
    written = key;
    byId("catalogue").replaceChildren(
      h("p", { class: "soft" }, `All ${noun.many}, the most popular on the left; lit is what anybody has been shown since the server was started.`),
      h("ul", { class: "strips" }, found.map((one, place) => strip(one, place + 1))), legend());
  } catch (error) {
    written = null;
    byId("catalogue").replaceChildren(problem(error));
  }
}, 350);

function strip(found, colour) {
  const { items, shown, coverage, floor, places, tail } = found;
  const against = floor === null ? `no floor is set (serve --floor=0.3)` : `the floor is ${percent(floor, 0)}`;
  return h("li", { "data-colour": colour },
    h("p", { class: "strip-head" }, h("b", {}, found.model), ` has shown ${number(shown)} of ${number(items)} ${noun.many} `, h("span", { class: "soft" }, `(${percent(coverage)}; ${against}). The long tail got ${tail.share_of_places === null ? "none" : percent(tail.share_of_places, 0)} of ${counted(places, "place", "places")}, with ${number(tail.shown)} of its ${number(tail.items)} ${noun.many}.`)),
    picture(found), floor === null ? null : gauge(coverage, floor));
}

// A bar a part of the catalogue, the brighter the more of its items were shown.
function picture({ parts }) {
  return s("svg", { viewBox: `0 0 ${parts.length} 1`, preserveAspectRatio: "none", class: "strip", "aria-hidden": "true" },
    parts.map((part, place) => {
      const kind = 2 * part.tail > part.items ? "tail" : "head";
      const at = { x: place, y: 0, height: 1 };
      return [
        s("rect", { class: `ground ${kind}`, width: 1.02, ...at }),
        part.shown ? s("rect", { class: `lit ${kind}`, width: 1, opacity: (0.55 + (0.45 * part.shown) / part.items).toFixed(2), ...at }) : null,
      ];
    }));
}

function gauge(coverage, floor) {
  const bar = h("span", { class: "gauge", "aria-hidden": "true" }, h("i"), h("b"));
  bar.firstChild.style.inlineSize = `${Math.min(100, 100 * coverage)}%`;
  bar.lastChild.style.insetInlineStart = `${100 * floor}%`;
  return bar;
}

const legend = () => h("p", { class: "legend small soft" }, h("span", { class: "swatch head", "aria-hidden": "true" }), "head", h("span", { class: "swatch tail", "aria-hidden": "true" }), "long tail");

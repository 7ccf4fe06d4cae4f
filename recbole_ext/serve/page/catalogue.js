// What has been shown to anybody since the server was started, from popular to rare.

import * as api from "./api.js";
import { byId, debounced, h, problem, s } from "./dom.js";
import { somebody, state } from "./state.js";
import { counted, noun, number, percent } from "./words.js";

const PARTS = 100;
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
      h("p", { class: "soft" }, `Every ${noun.one} is a place in these strips, the most popular on the left. Light falls on what has stood in anybody’s list since the server was started.`),
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
    h("p", { class: "strip-head" }, h("b", {}, found.model), ` has shown ${number(shown)} of ${number(items)} ${noun.many} `, h("span", { class: "soft" }, `(${percent(coverage)}; ${against})`)),
    picture(found), floor === null ? null : gauge(coverage, floor),
    h("p", { class: "small soft" }, `${counted(places, "place", "places")} in all; ${tail.share_of_places === null ? "none" : percent(tail.share_of_places, 0)} of them to the long tail, where ${number(tail.shown)} of ${number(tail.items)} ${noun.many} have been seen.`));
}

// A bar a part of the catalogue, as high as the share of its items that was shown; at least a spark where one was.
function picture({ parts }) {
  const height = (part) => (part.shown ? 4 + (36 * part.shown) / part.items : 0);
  return s("svg", { viewBox: `0 0 ${parts.length * 10} 44`, preserveAspectRatio: "none", class: "strip", "aria-hidden": "true" },
    parts.map((part, place) => {
      const kind = 2 * part.tail > part.items ? "tail" : "head";
      return [
        s("rect", { class: `ground ${kind}`, x: place * 10, y: 40, width: 8, height: 4 }),
        part.shown ? s("rect", { class: `lit ${kind}`, x: place * 10, y: 40 - height(part), width: 8, height: height(part) + 4 }) : null,
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

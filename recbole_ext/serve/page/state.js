// What the page shows, all of it in the address, so that every state has a permanent link.

export const MOST_MODELS = 3;

// history: tokens, the oldest first; user: a token, or null for a person of one's own; theirs: what that user had.
export const state = { models: [], history: [], user: null, theirs: [], method: null, strength: 0 };

// What the lists rest on, whoever it is of.
export const current = () => (state.user === null ? state.history : state.theirs);
export const somebody = () => state.user !== null || state.history.length > 0;

const listeners = [];
export const subscribe = (listener) => listeners.push(listener);

let written = null;

export function set(patch) {
  Object.assign(state, patch);
  written = address();
  history.replaceState(null, "", `#${written}`);
  for (const listener of listeners) listener(state, patch);
}

const list = (tokens) => tokens.map(encodeURIComponent).join(",");

export function address() {
  const parts = [`models=${list(state.models)}`];
  if (state.user !== null) parts.push(`user=${encodeURIComponent(state.user)}`);
  else if (state.history.length) parts.push(`likes=${list(state.history)}`);
  if (state.method) parts.push(`rerank=${encodeURIComponent(state.method)}:${state.strength}`);
  return parts.join("&");
}

// The state of an address; what it does not say, or says wrongly, is left as the page begins.
export function read(hash, cards) {
  const said = new Map(hash.replace(/^#/, "").split("&").map((part) => [part.split("=")[0], part.slice(part.indexOf("=") + 1)]));
  const decoded = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return "";
    }
  };
  const tokens = (name) => [...new Set((said.get(name) ?? "").split(",").map(decoded).filter(Boolean))];
  const names = cards.map((one) => one.name);
  const chosen = tokens("models").filter((name) => names.includes(name)).slice(0, MOST_MODELS);
  const methods = offered(cards);
  const [method, strength] = (said.get("rerank") ?? "").split(":");
  const found = methods.find((one) => one.method === decoded(method)) ?? methods[0];
  const value = Number.parseFloat(strength);
  return {
    models: chosen.length ? chosen : names.slice(0, MOST_MODELS),
    history: tokens("likes"),
    user: said.has("user") ? decoded(said.get("user")) : null,
    method: found?.method ?? null,
    strength: Number.isFinite(value) ? Math.max(0, Math.min(value, found?.highest_strength ?? 100)) : 0,
  };
}

export const changedOutside = () => location.hash.replace(/^#/, "") !== written;

// The methods that at least one model offers, each once.
export const offered = (cards) => [
  ...new Map(cards.flatMap((one) => one.rerank).map((method) => [method.method, method])).values(),
];

// A change of what a user had makes it a person of one's own.
const own = (history) => set({ user: null, theirs: [], history });

export function add(token) {
  if (!current().includes(token)) own([...current(), token]);
}

export const remove = (token) => own(current().filter((one) => one !== token));

export function move(token, by) {
  const found = [...current()];
  const place = found.indexOf(token);
  const to = place + by;
  if (place < 0 || to < 0 || to >= found.length) return false;
  found.splice(place, 1);
  found.splice(to, 0, token);
  own(found);
  return true;
}

// Requests to the server that the page came from, and to nobody else.

const KEY = "token";

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  get sentence() {
    const text = this.message.charAt(0).toUpperCase() + this.message.slice(1);
    return /[.!?]$/.test(text) ? text : `${text}.`;
  }
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
}

async function ask(path, body, signal) {
  const headers = {};
  const token = sessionStorage.getItem(KEY);
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "offline", "the server does not answer: is it still running?");
  }
  const content = await answer.json().catch(() => null);
  if (answer.ok && content) return content;
  const told = content?.error;
  throw new ApiError(answer.status, told?.code ?? "http", told?.message ?? `the server answers ${answer.status}`);
}

const query = (values) => {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) found.append(name, one);
  return found.toString();
};

export const live = () => ask("/live");
export const models = () => ask("/v1/models");
export const feedback = (body) => ask("/v1/feedback", body);
export const curves = (model) => ask(`/v1/curves?${query({ model })}`).then((found) => found.points);
export const catalogue = (model, parts) => ask(`/v1/catalogue?${query({ model, parts })}`);
export const recommend = (body, signal) => ask("/v1/recommend", body, signal);
export const starters = (model) => ask(`/v1/starters?${query({ model })}`).then((found) => found.items);
export const users = (model, q) => ask(`/v1/users?${query({ model, q })}`).then((found) => found.users);
export const user = (model, token) => ask(`/v1/users/${encodeURIComponent(token)}?${query({ model })}`);
export const search = (model, q, signal) =>
  ask(`/v1/items?${query({ model, q, k: 8 })}`, null, signal).then((found) => found.items);

const known = new Map();

// What is known of items: token to item. Answers that hold items are remembered.
export const remember = (items) => items.forEach((item) => known.set(item.item, item));
export const card = (token) => known.get(token);

export async function cards(model, tokens) {
  const missing = tokens.filter((token) => !known.has(token));
  for (let start = 0; start < missing.length; start += 50) {
    const found = await ask(`/v1/cards?${query({ model, item: missing.slice(start, start + 50) })}`);
    remember(found.items);
  }
}

// Names and numbers as people read them.

export const noun = { one: "item", many: "items", like: "like" };

export function nounsOf(cards) {
  if (cards.every((one) => /^ml-/i.test(one.trained_on.dataset))) Object.assign(noun, { one: "film", many: "films" });
}

const ARTICLE = /^(.+), (The|A|An|Le|La|Les|L'|Il|El|Los|Las|Der|Die|Das)$/;

// "Killer, The (Die xue shuang xiong)" as it is said: without other names, the article in front.
export function spoken(title) {
  const short = title.replace(/(\s*\([^()]*\))+$/, "") || title;
  const found = ARTICLE.exec(short);
  return found ? `${found[2]}${found[2].endsWith("'") ? "" : " "}${found[1]}` : short;
}

// The whole title, where something was left out of it.
export const whole = (title) => (/\)$/.test(title) ? title : null);

export const number = (value) => value.toLocaleString("en-GB");
export const percent = (value, digits = 1) => `${(100 * value).toFixed(digits)} %`;
export const signed = (value, digits) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
export const counted = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

// Effects have the unit of the score, which each model chooses.
export const effect = (value) => {
  const size = Math.abs(value);
  return signed(value, size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
};

// What counts as the long tail.
export function tailMeaning(rule) {
  const share = /^interactions_(\d+)$/.exec(rule);
  if (share) return `the less popular ${noun.many}, which share ${100 - share[1]} % of the interactions`;
  if (rule === "items_20") return `the less popular 80 % of the ${noun.many}`;
  return `the less popular ${noun.many} (${rule})`;
}

export const METHODS = {
  popularity_penalty: ["Take popularity off", "A film’s popularity is taken off its score."],
  value_aware: ["Mix in rarity", "The score is mixed with how rare the film is."],
  xquad: ["A turn for each group", "Head and tail each get places, by how much this person likes either."],
  calibrated: ["As popular as your own", "The list gets the same mix of popular and rare as the history."],
  mmr: ["Avoid look-alikes", "A film that shares its genres with those above it moves down."],
  exposure: ["A fair share of the places", "Prices learnt from all users make room for films that are seldom shown."],
};

export const methodName = (method) => METHODS[method]?.[0] ?? method.replaceAll("_", " ");
export const methodMeaning = (method) => (METHODS[method]?.[1] ?? "").replaceAll("film", noun.one);

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const sentence = (text) => (/[.!?]$/.test(text) ? capital(text) : `${capital(text)}.`);

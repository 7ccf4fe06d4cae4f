// Names and numbers as people read them.

export const noun = { one: "item", many: "items", like: "like" };

export function nounsOf(cards) {
  if (cards.every((one) => /^ml-/i.test(one.trained_on.dataset))) Object.assign(noun, { one: "film", many: "films" });
}

const ARTICLE = /^(.+), (The|A|An|Le|La|Les|L'|Il|El|Los|Las|Der|Die|Das)$/;

// "Matrix, The" as it is said.
export function spoken(title) {
  const found = ARTICLE.exec(title);
  return found ? `${found[2]}${found[2].endsWith("'") ? "" : " "}${found[1]}` : title;
}

export const number = (value) => value.toLocaleString("en-GB");
export const percent = (value, digits = 1) => `${(100 * value).toFixed(digits)} %`;
export const signed = (value, digits) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
export const counted = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

// Effects have the unit of the score, which each model chooses.
export const effect = (value) => {
  const size = Math.abs(value);
  return signed(value, size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
};

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

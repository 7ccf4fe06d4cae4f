"""Search of titles that forgives: case, accents, the place of an article, unfinished words and one typing error."""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Sequence

import numpy as np

__all__ = ["TitleSearch", "plain_words"]

_WORD = re.compile(r"[^\W_]+")
_ARTICLES = {"the", "a", "an", "le", "la", "les", "l", "il", "el", "los", "las", "der", "die", "das"}
_WHOLE, _BEGUN, _MISTYPED = 3.0, 2.0, 1.0
_WHOLE_TITLE = 1.5
_SHORTEST_MISTYPED = 4
# Letters that Unicode does not take apart.
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})


def plain_words(text: str) -> list[str]:
    """The words of a text without case, accents and punctuation: ``Amélie, L'`` has ``amelie`` and ``l``."""
    # Some letters have a case only once they are taken apart.
    apart = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    return _WORD.findall("".join(one for one in apart if not unicodedata.combining(one)))


def _shortened(word: str) -> set[str]:
    """A word, and what is left when one of its letters is missing."""
    return {word, *(word[:place] + word[place + 1 :] for place in range(len(word)))}


def _one_error(a: str, b: str) -> bool:
    """Whether two words differ by one letter added, left out, exchanged or swapped with its neighbour."""
    if abs(len(a) - len(b)) > 1:
        return False
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    a, b = a[start:], b[start:]
    swapped = len(a) > 1 and len(b) > 1 and a[0] == b[1] and a[1] == b[0] and a[2:] == b[2:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or swapped


class TitleSearch:
    """The titles of a catalogue by their words.

    Args:
        titles: ``(n_items,)`` by internal id; 0 is padding.
        weights: ``(n_items,)`` which of two equally good matches comes first, such as training interactions.
    """

    def __init__(self, titles: Sequence[str], weights: np.ndarray) -> None:
        self._items: dict[str, list[int]] = {}
        self._lengths = np.ones(len(titles), dtype=np.int64)
        for item, title in enumerate(titles):
            words = dict.fromkeys(plain_words(title)) if item else {}
            self._lengths[item] = max(1, sum(word not in _ARTICLES for word in words))
            for word in words:
                self._items.setdefault(word, []).append(item)
        self._words = sorted(self._items)
        self._near: dict[str, list[str]] = {}
        for word in self._words:
            if len(word) >= _SHORTEST_MISTYPED:
                for part in _shortened(word):
                    self._near.setdefault(part, []).append(word)
        self._weights = weights / max(1.0, float(weights.max(initial=0)))

    def find(self, text: str, k: int) -> list[int]:
        """Internal ids of the items whose titles match best.

        Each word of the text must be in the title: as a whole, as its beginning, or with one error in a word of four
        letters or more. An article may be missing.

        Args:
            text: What was typed.
            k: At most so many.
        """
        words = plain_words(text)
        sought = [word for word in words if word not in _ARTICLES] or words
        found: dict[int, float] | None = None
        for word in sought[:12]:
            here = self._matches(word)
            if found is not None:
                here = {item: value + found[item] for item, value in here.items() if item in found}
            found = here
        scored = {
            item: value / len(sought)
            + _WHOLE_TITLE * (len(sought) >= self._lengths[item])
            + self._weights[item]
            for item, value in (found or {}).items()
        }
        return sorted(scored, key=lambda item: (-scored[item], item))[:k]

    def _matches(self, word: str) -> dict[int, float]:
        """Items with a word, and how well it agrees."""
        found: dict[int, float] = {}
        for other, value in self._alike(word):
            for item in self._items[other]:
                found[item] = max(value, found.get(item, 0.0))
        return found

    def _alike(self, word: str) -> list[tuple[str, float]]:
        first = bisect.bisect_left(self._words, word)
        alike = [(word, _WHOLE)] if word in self._items else []
        place = first + len(alike)
        while place < len(self._words) and self._words[place].startswith(word):
            alike.append((self._words[place], _BEGUN))
            place += 1
        if len(word) >= _SHORTEST_MISTYPED:
            near = {other for part in _shortened(word) for other in self._near.get(part, ())}
            alike += [(other, _MISTYPED) for other in near if other != word and _one_error(word, other)]
        return alike

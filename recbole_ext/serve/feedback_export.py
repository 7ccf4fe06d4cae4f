"""From kept feedback to an ``.inter`` file that ``prepare --merge`` takes: the loop closes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recbole_ext.data.files import write_whole
from recbole_ext.data.text import clean, token
from recbole_ext.errors import OutputError
from recbole_ext.serve.feedback_store import Store

__all__ = ["Exported", "export"]


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        rows: Pairs of a person and an item.
        people: Different people.
        messages: Messages that were read.
        nameless: Messages with a choice of nobody in particular, which are left out.
        other: Messages of other data sets, which are left out.
    """

    rows: int
    people: int
    messages: int
    nameless: int
    other: int


def export(store: Store, path: Path, *, rating: float | None = None, dataset: str | None = None) -> Exported:
    """Writes what people chose: a row for each person and item, with the time of the first choice.

    Args:
        store: The feedback.
        path: A new ``.inter`` file.
        rating: The rating of every choice, for data that has ratings; no such column if None.
        dataset: Choices of models that were trained on it alone; of all if None.

    Raises:
        FeedbackError: The store cannot be read.
        OutputError: The file exists, or cannot be written.
    """
    if path.exists():
        raise OutputError(f"{path} exists already: choose another --output, or remove it")
    first: dict[tuple[str, str], int] = {}
    messages = nameless = other = 0
    for one in store.messages():
        messages += 1
        if dataset is not None and one.dataset != dataset:
            other += 1
        elif not one.person:
            nameless += bool(one.chosen_items)
        else:
            for item in one.chosen_items:
                first.setdefault((clean(token(one.person)), item), one.time)
    names = [
        "user_id:token",
        "item_id:token",
        *(["rating:float"] if rating is not None else []),
        "timestamp:float",
    ]
    given = [] if rating is None else [f"{rating:g}"]
    lines = ["\t".join(names)]
    for (person, item), time in sorted(first.items(), key=lambda pair: (pair[0][0], pair[1], pair[0][1])):
        lines.append("\t".join([person, item, *given, str(time)]))
    write_whole(path, "\n".join(lines) + "\n")
    return Exported(len(first), len({person for person, _ in first}), messages, nameless, other)

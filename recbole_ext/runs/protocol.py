"""Which runs may stand side by side: what their figures rest on, and which keys may differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recbole_ext.errors import ConfigError
from recbole_ext.runs.run import Run

__all__ = [
    "NOT_COMPARED",
    "Origin",
    "by_settings",
    "candidates_words",
    "check_same_protocol",
    "is_sampled",
    "origin_of",
    "protocol_line",
    "same_history_words",
    "split_words",
]

Origin = tuple[Path, Mapping[str, Any]]
"""Path of a folder, and what its figures rest on: data set, fingerprint and protocol as far as it says so."""

NOT_COMPARED = frozenset(
    {"data_path", "download", "gpu_id", "log_wandb", "offline_dataset", "output", "show_progress", "use_gpu"}
)
"""Keys of a configuration that say how a run is carried out, not what it computes."""

_FREE = frozenset({"seed", "topk"})
"""Keys of the protocol in which runs of one comparison may differ."""

_FREE_BESIDE_RUNS = _FREE | {"seeds", "confidence", "phase", "head_rule", "shown_k"}
"""A re-ranking may have a head of its own, an ablation its own K."""

_UNSAID = {
    "same_history": False,
    "history_shuffle": "none",
    "split_targets": "all",
    "split_time": None,
    "valid_users": None,
}
"""What a protocol means that does not name these keys."""


def origin_of(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What the figures of a ``metrics.json`` rest on."""
    places = {"dataset": "dataset", "data": "fingerprint"}
    known = {name: metrics[place] for name, place in places.items() if metrics.get(place) is not None}
    return {**known, **_UNSAID, **metrics["protocol"]} if "protocol" in metrics else known


def same_history_words(protocol: Mapping[str, Any]) -> str:
    """What the models read at the test, as every table says it."""
    if protocol.get("split") in ("k_fold", "cold_items"):
        return "every model reads a user's training items"
    if protocol.get("split") == "cold_users":
        return "every model reads the items that are given of a user"
    if protocol.get("same_history", False):
        return "every model reads a history up to the held-out item"
    return "sequential models read a history up to the held-out item, the others what they were trained on"


_WHOLE = "whole filtered catalogue"


def candidates_words(block: Mapping[str, Any] | None) -> str:
    """The value of ``candidates`` in a configuration, as the protocol says it."""
    if block is None:
        return _WHOLE
    if block["kind"] == "cold":
        return "COLD ITEMS ONLY: the held-out item among those without training interaction"
    return (
        f"SAMPLED CANDIDATES: {block['n']} beside the held-out items ({block['kind']}, seed {block['seed']}), for "
        "comparison with papers only"
    )


def is_sampled(protocol: Mapping[str, Any]) -> bool:
    """Whether held-out items were ranked among some candidates, sampled or cold, and not the whole catalogue."""
    return str(protocol.get("candidates", _WHOLE)).startswith(("SAMPLED", "COLD"))


def split_words(protocol: Mapping[str, Any]) -> str:
    """The split in a few words: its points in time or its ratio, and which items are held out."""
    ratio, points = protocol.get("split_ratio"), protocol.get("split_time")
    where = "" if ratio is None else f" {ratio}"
    if points is not None:
        where = f" at {' and '.join(_moment(point) for point in points)}"
    kept = protocol.get("split_targets", "all")
    one = "one random" if kept == "random" else f"the {kept}"
    what = "" if kept == "all" else f", {one} item of each user's period held out"
    if "fold" in protocol:
        where = f" ({protocol['fold']} of {protocol['folds']})"
    if "cold_history" in protocol:
        where += f", the first {protocol['cold_history']} items of a cold user given"
    cold = ""
    if "cold_users" in protocol:
        cold = (
            f" ({protocol['cold_users']:.1%} of the test users are cold, and so are the items of "
            f"{protocol['cold_targets']:.1%} of the targets)"
        )
    return f"{protocol['split']}{where}{what}{cold}"


def _moment(seconds: int) -> str:
    """The date of a point in time, with the time of day unless it is midnight, in UTC."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%Y-%m-%d}" if seconds % 86_400 == 0 else f"{at:%Y-%m-%d %H:%M:%S}"


def _first_difference(first: Mapping[str, Any], said: Mapping[str, Any], keys: frozenset[str]) -> str | None:
    """The key that explains most: the data set, then the protocol; the fingerprint follows from those."""
    ordered = sorted(keys, key=lambda key: (key == "data", key != "dataset", key))
    return next((key for key in ordered if first[key] != said.get(key)), None)


def check_same_protocol(
    runs: Sequence[Origin],
    others: Sequence[Origin] = (),
    *,
    free: frozenset[str] = frozenset(),
    remedy: str = "write two reports",
) -> None:
    """Figures of one table must be comparable, and curves, lists and searches beside them of the same data.

    Args:
        runs: All that is said of them must be the same, seeds and values of K aside.
        others: What both they and the first run say must be the same.
        free: Further keys in which runs may differ.
        remedy: What to do with folders that differ.

    Raises:
        ConfigError: Two folders differ.
    """
    if not runs:
        return
    path, first = runs[0]
    pairs = [(other, said, frozenset(first) - _FREE - free) for other, said in runs[1:]]
    pairs += [
        (other, said, frozenset(first.keys() & said.keys()) - _FREE_BESIDE_RUNS) for other, said in others
    ]
    for other, said, keys in pairs:
        key = _first_difference(first, said, keys)
        if key is not None:
            raise ConfigError(
                f"{path} and {other} are not comparable: {key} is {first[key]!r} and {said.get(key)!r}; {remedy}"
            )


def by_settings(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs of one model that differ in their seed alone under one name; others are told apart by their folder."""
    free = NOT_COMPARED | {"seed", "checkpoint_dir"}
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        settings = str(sorted((key, str(value)) for key, value in run.config.items() if key not in free))
        groups.setdefault((run.model, settings), []).append(run)
    names = [model for model, _ in groups]
    result: dict[str, list[Run]] = {}
    for (model, _), members in groups.items():
        label = model if names.count(model) == 1 else f"{model} ({members[0].path.name})"
        result.setdefault(label, []).extend(members)
    return result


def protocol_line(metrics: Mapping[str, Any]) -> str:
    """The protocol of a run's ``metrics.json`` in one sentence."""
    protocol, filters = metrics["protocol"], metrics["protocol"]["filter"]
    threshold = filters["rating_threshold"]
    return (
        f"{metrics['dataset']}, "
        f"{'all ratings' if threshold is None else f'ratings >= {threshold}'}, core users >= "
        f"{filters['min_user_interactions']}, items >= {filters['min_item_interactions']}; "
        f"split {split_words(protocol)}; {protocol['candidates']}, seen items "
        f"{'masked' if protocol['mask_seen'] else 'not masked'}; {same_history_words(protocol)}; "
        f"{metrics['users']['test']} test users; seed {protocol['seed']}; {_shuffle(protocol)}"
        f"{_epochs(protocol)}the tie-break "
        f"'{protocol['tie_break']}' decides a held-out item of {protocol['users_decided_by_tie_break']:.1%} of the "
        "users"
    )


def _epochs(protocol: Mapping[str, Any]) -> str:
    some = protocol.get("valid_users")
    return "" if some is None else f"epochs chosen on {some} users of the validation; "


def _shuffle(protocol: Mapping[str, Any]) -> str:
    within = protocol.get("history_shuffle", "none")
    places = {"seconds": "equal seconds", "sessions": "sessions", "all": "the whole history"}
    return "" if within == "none" else f"HISTORIES SHUFFLED within {places[within]}; "

"""Whether folders belong into one report, and whether their files hold what is drawn of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_ext.errors import CheckpointError, ConfigError

__all__ = ["Origin", "check_ablation", "check_curves", "check_same_protocol"]

# Path of a folder, and what its figures stand on: data set, fingerprint and protocol as far as it says so.
Origin = tuple[Path, Mapping[str, Any]]

# Of runs, only seeds and the values of K may differ; a re-ranking may have its own head, an ablation its own K.
_FREE = {"seed", "topk"}
_FREE_BESIDE_RUNS = _FREE | {"seeds", "confidence", "phase", "head_rule", "shown_k"}

_CURVE_ROW = ("method", "strength", "ndcg", "itemcoverage", "tailshare")
_TESTED = (*_CURVE_ROW, "ndcg_difference", "difference_low", "difference_high")


def check_same_protocol(runs: Sequence[Origin], others: Sequence[Origin]) -> None:
    """Figures of one table must be comparable, and curves, lists and searches beside them of the same data.

    Args:
        runs: All that is said of them must be the same.
        others: What both they and the first run say must be the same.

    Raises:
        ConfigError: Two folders differ.
    """
    if not runs:
        return
    path, first = runs[0]
    pairs = [(other, said, first.keys() - _FREE) for other, said in runs[1:]]
    pairs += [(other, said, (first.keys() & said.keys()) - _FREE_BESIDE_RUNS) for other, said in others]
    for other, said, keys in pairs:
        for key in sorted(keys, key=lambda key: (key != "dataset", key)):
            if first[key] != said.get(key):
                raise ConfigError(
                    f"{path} and {other} are not comparable: {key} is {first[key]!r} and {said.get(key)!r}; write "
                    "two reports"
                )


def _holds(path: Path, rows: Any, names: Sequence[str], what: str) -> None:
    rows = rows if isinstance(rows, list) else [None]
    for row in rows:
        lacking = [name for name in names if not isinstance(row, Mapping) or name not in row]
        if lacking:
            raise CheckpointError(f"{path} lacks {lacking[0]!r} in {what}: write its folder again")


def check_curves(path: Path, metrics: Mapping[str, Any]) -> None:
    """The ``metrics.json`` of ``pareto``.

    Raises:
        CheckpointError: It lacks a figure that is drawn.
    """
    _holds(path, [metrics], ("test", "validation", "bounds", "rule"), "the curves")
    _holds(path, metrics["validation"], _CURVE_ROW, "'validation'")
    _holds(path, metrics["test"], _TESTED, "'test'")


def check_ablation(path: Path, content: Mapping[str, Any]) -> None:
    """``ablation.json``.

    Raises:
        CheckpointError: It lacks a figure that is drawn.
    """
    _holds(path, [content], ("sweeps",), "the ablation")
    _holds(path, content["sweeps"], ("model", "key", "points"), "'sweeps'")
    for sweep in content["sweeps"]:
        _holds(path, sweep["points"], ("value", "ndcg"), "'points'")
        _holds(path, [point["ndcg"] for point in sweep["points"]], ("mean",), "'ndcg'")

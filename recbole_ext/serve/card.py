"""How each model describes itself: what it learnt from, what it reads, how good it is and what it is bad at."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_ext.errors import RecBoleExtError
from recbole_ext.model.explainable import how_read
from recbole_ext.model.foldable import FOLD_INS
from recbole_ext.model.registry import FAMILIES, model_spec
from recbole_ext.runs.figures import CurveFigures
from recbole_ext.runs.forms import read_form
from recbole_ext.serve.model import ServedModel
from recbole_ext.serve.rerankers import methods_of

__all__ = ["card", "curves"]

_HEADLINES = ("ndcg", "hit", "recall", "mrr", "itemcoverage", "tailcoverage", "tailshare", "novelty", "gini")


def card(model: ServedModel) -> dict[str, Any]:
    """The description of a model that ``/v1/models`` gives."""
    run, metrics = model.run, model.run.metrics
    statistics = metrics["statistics"]
    spec = run.spec
    curve = curves(model)
    return {
        "name": model.name,
        "model": spec.name,
        "family": spec.family,
        "family_meaning": FAMILIES[spec.family],
        "paper": _paper(spec.name),
        "fingerprint": model.fingerprint,
        "trained_on": {
            "dataset": metrics["dataset"],
            "fingerprint": metrics["fingerprint"],
            "users": statistics["users"],
            "items": statistics["items"],
            "interactions": statistics["train"],
            "filter": metrics["protocol"]["filter"],
            "split": metrics["protocol"]["split"],
            "epochs": metrics["epochs"],
            "seed": metrics["protocol"]["seed"],
        },
        "history": _history(model),
        "explained": {
            "kind": spec.explained,
            "method": how_read(spec.explained, spec.explained).method,
            "meaning": how_read(spec.explained, spec.explained).meaning,
        },
        "figures": _figures(metrics),
        "bad_at": _weaknesses(model),
        "rerank": methods_of(model),
        "curves": curve is not None,
        "head_rule": model.catalogue.groups.head_rule,
        "masks_seen": model.masks_seen,
    }


def _paper(name: str) -> str | None:
    try:
        paper = model_spec(name).paper
    except RecBoleExtError:
        return None
    return paper or None


def _history(model: ServedModel) -> dict[str, Any]:
    """What a model reads of a person."""
    spec, config = model.run.spec, model.run.config
    window = int(config["MAX_ITEM_LIST_LENGTH"]) if spec.fold_in == "window" else None
    return {
        "kind": "none" if model.refused else spec.fold_in,
        "meaning": model.refused or FOLD_INS[spec.fold_in],
        "longest": window,
        "knows_order": spec.family in ("sequence", "sequential_classic"),
    }


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    """Test figures with the intervals that they have, and what a random recommender would get."""
    k = int(metrics["protocol"]["shown_k"])
    bounds = metrics["test_bounds"]
    rows = []
    for name in _HEADLINES:
        key = f"{name}@{k}"
        if key in metrics["test"]:
            low, high = metrics["test_intervals"].get(key, (None, None))
            rows.append(
                {
                    "metric": key,
                    "value": metrics["test"][key],
                    "low": low,
                    "high": high,
                    "random": bounds["random"].get(key),
                    "ceiling": bounds["ceiling"].get(key),
                }
            )
    return {
        "k": k,
        "level": metrics["protocol"]["confidence"],
        "users": metrics["users"]["test"],
        "test": rows,
    }


def _weaknesses(model: ServedModel) -> list[str]:
    """What a model is bad at, from its own figures."""
    run, metrics, found = model.run, model.run.metrics, []
    k = int(metrics["protocol"]["shown_k"])
    test, bounds = metrics["test"], metrics["test_bounds"]
    coverage, tail = test.get(f"itemcoverage@{k}"), test.get(f"tailshare@{k}")
    items = metrics["statistics"]["items"]
    if coverage is not None:
        found.append(
            f"its lists of {k} for the {metrics['users']['test']:,} test users show {coverage:.0%} of the {items:,} "
            f"items (random lists: {bounds['random'].get(f'itemcoverage@{k}', float('nan')):.0%})"
        )
    if tail is not None:
        share = float(model.catalogue.groups.tail.sum()) / model.catalogue.n_items
        found.append(f"{tail:.1%} of the places go to tail items, which are {share:.0%} of the catalogue")
    found += _weak_users(metrics, k)
    cold = int((model.catalogue.counts[1:] == 0).sum())
    if cold:
        found.append(f"{cold:,} items have no interaction in training: it knows nothing about them")
    if model.refused:
        found.append(f"it cannot be asked about people whom it was not trained on: {model.refused}")
    elif run.spec.fold_in == "window":
        found.append(
            f"it reads the last {int(run.config['MAX_ITEM_LIST_LENGTH'])} items of a history, none before"
        )
    elif run.spec.family not in ("sequence", "sequential_classic"):
        found.append("it does not know the order of a history")
    return found


def _weak_users(metrics: dict[str, Any], k: int) -> list[str]:
    groups = metrics.get("test_by_user_group") or {}
    values = {name: group.get(f"ndcg@{k}") for name, group in groups.items() if name in ("heavy", "light")}
    if len(values) < 2 or any(value is None for value in values.values()):
        return []
    weak = min(values, key=lambda name: values[name])
    strong = max(values, key=lambda name: values[name])
    words = {"heavy": "the quarter of users with the longest histories", "light": "that with the shortest"}
    if np.isclose(values[weak], values[strong]):
        return []
    return [f"NDCG@{k} is {values[weak]:.4f} for {words[weak]} and {values[strong]:.4f} for {words[strong]}"]


def curves(model: ServedModel) -> dict[str, Any] | None:
    """The points of ``pareto`` beside a run, for sliders; None where there are none of this model and data.

    The folder is ``NAME-pareto`` beside the run folder, which ``pareto`` writes unless it is told another one.
    """
    folder = model.folder.with_name(f"{model.folder.name}-pareto")
    if not (folder / "metrics.json").is_file():
        return None
    try:
        found = read_form(folder / "metrics.json", CurveFigures, "run pareto again")
    except RecBoleExtError:
        return None
    if found.fingerprint not in (None, model.run.metrics["fingerprint"]):
        return None
    return {
        "model": model.name,
        "rule": found.rule,
        "level": found.level,
        "k": int(model.run.metrics["protocol"]["shown_k"]),
        "validation": [one.model_dump() for one in found.validation],
        "test": [one.model_dump() for one in found.test],
        "bounds": found.bounds,
        "hypervolume": found.hypervolume,
    }

"""Re-rankers on a trained model: candidates from its scores, facts from its training data, figures of the new lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from recbole_ext.config.blocks import ExposureSettings, read_rerank
from recbole_ext.data.build import PreparedData
from recbole_ext.data.dataloader import EvaluationLoader
from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.evaluate import Evaluation, evaluated_lists, evidence_of
from recbole_ext.evaluator.groups import popularity_thirds
from recbole_ext.rerank import (
    Candidates,
    Facts,
    ItemFacts,
    UserFacts,
    candidates_from_scores,
    reranker_of,
)
from recbole_ext.rerank.exposure.solve import Candidate, best_users_per_item, exposure
from recbole_ext.trainer.trainer import ExactTrainer

__all__ = ["Rerankable", "Reranked", "ranked_again", "rerankable"]


@dataclass(frozen=True)
class Rerankable:
    """One phase of a trained model, ready for any number of re-rankings; the model is not asked again.

    Attributes:
        loader: The phase.
        candidates: The N best items of each user.
        extra: For each item the users with its largest scores: what makes a coverage floor reachable.
        facts: Popularity, head, genres and histories of the training part.
        k: Length of the lists.
        before: Figures of the model's own lists of k.
    """

    loader: EvaluationLoader
    candidates: Candidates
    extra: Candidate
    facts: Facts
    k: int
    before: Evaluation


@dataclass(frozen=True)
class Reranked:
    """Lists after a re-ranker, and what is to be said of them.

    Attributes:
        settings: The re-ranker as plain data; reads back.
        rule: One sentence with formula, strength and scaling.
        after: Figures of the new lists; ``scores`` are the model's own.
        note: What the method guarantees, or an empty string.
    """

    settings: dict[str, Any]
    rule: str
    after: Evaluation
    note: str = ""


def _blocks(trainer: ExactTrainer, loader: EvaluationLoader) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of users and their masked scores ``(B, n_items)``."""
    first = 0
    for batch in loader:
        scores = trainer.masked_scores_of(batch).double().cpu().numpy()
        yield np.arange(first, first + len(scores)), scores
        first += len(scores)


def _facts(loader: EvaluationLoader) -> Facts:
    evidence = evidence_of(loader, np.zeros((len(loader.users), 1), dtype=np.int64))
    assert evidence.profiles is not None
    indptr, history = (rows.astype(np.int64) for rows in evidence.profiles)
    items = ItemFacts(
        popularity=evidence.counts.astype(np.int64),
        head=evidence.groups.head,
        groups=popularity_thirds(evidence.counts).astype(np.int64),
        genres=evidence.features,
    )
    return Facts(items, UserFacts(indptr, history))


def rerankable(
    trainer: ExactTrainer,
    data: PreparedData,
    loader: EvaluationLoader,
    *,
    candidates: int = 200,
    k: int | None = None,
) -> Rerankable:
    """Scores the users of a phase once.

    Args:
        trainer: With the weights of the run.
        data: Its data.
        loader: ``data.validation`` or ``data.test``.
        candidates: N.
        k: Length of the lists; that of ``valid_metric`` if None.

    Raises:
        ConfigError: N is below k.
    """
    k = k or int(str(trainer.config["valid_metric"]).partition("@")[2])
    n_items = data.dataset.item_num
    if candidates < k:
        raise ConfigError(
            f"rerank has candidates {candidates} for lists of {k}: give at least {k} candidates"
        )
    depth = min(candidates, n_items - 1)
    trainer.begin(loader)
    parts = [candidates_from_scores(scores, depth) for _, scores in _blocks(trainer, loader)]
    pool = Candidates(
        np.concatenate([part.items for part in parts]), np.concatenate([part.scores for part in parts])
    )
    extra = best_users_per_item(_blocks(trainer, loader), n_items)
    before = evaluated_lists(
        loader, pool.items[:, :k], pool.scores[:, :k], metrics=trainer.config["metrics"], topk=[k]
    )
    return Rerankable(loader, pool, extra, _facts(loader), k, before)


def _exposed(phase: Rerankable, floors: ExposureSettings) -> tuple[np.ndarray, str, str]:
    coverage, tail_share = floors.coverage, floors.tail_share
    facts = phase.facts.items
    tail = ~facts.head
    tail[0] = False
    result = exposure(
        phase.candidates.items,
        phase.candidates.scores,
        tail=tail,
        n_items=facts.n_items,
        k=phase.k,
        coverage=coverage,
        tail_share=tail_share,
        extra=phase.extra,
    )
    rule = (
        f"exposure (best total of position-discounted scores, min-max scaled per user over the top "
        f"{phase.candidates.depth}, with coverage >= {coverage:g} and tail share >= {tail_share:g})"
    )
    note = f"solved by the {result.method} method; at most {result.gap:.2%} below the best lists with these floors"
    return result.items, rule, note


def ranked_again(phase: Rerankable, block: Mapping[str, Any]) -> Reranked:
    """Applies one re-ranker.

    Args:
        phase: What :func:`rerankable` gave.
        block: As ``rerank:`` in a configuration, such as ``{method: popularity_penalty, alpha: 0.1}`` or
            ``{method: exposure, coverage: 0.8, tail_share: 0.5}``.

    Raises:
        ConfigError: The method, a key or a value cannot be used, or a floor is out of reach.
    """
    note, chosen = "", read_rerank(block)
    if isinstance(chosen, ExposureSettings):
        items, rule, note = _exposed(phase, chosen)
    else:
        items, _ = reranker_of(chosen)(phase.candidates, phase.facts, phase.k)
        rule = str(chosen)
    after = evaluated_lists(
        phase.loader,
        items,
        _scores_of(phase, items),
        metrics=phase.loader.config["metrics"],
        topk=[phase.k],
    )
    return Reranked(chosen.plain(), rule, after, note)


def _scores_of(phase: Rerankable, items: np.ndarray) -> np.ndarray:
    """``(U, k)`` the model's scores of the chosen items; NaN for one from beyond a user's own candidates."""
    scores = np.full(items.shape, np.nan)
    for position in range(items.shape[1]):
        same = phase.candidates.items == items[:, position, None]  # (U, N)
        place = same.argmax(axis=1)[:, None]
        found = np.take_along_axis(phase.candidates.scores, place, axis=1)[:, 0]
        scores[:, position] = np.where(same.any(axis=1), found, np.nan)
    return scores

"""Re-rankers on a trained model: candidates from its scores, side information from its training data, new figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from recbole_ext.config.blocks import ExposureSettings, RerankSettings, check_candidates_fit
from recbole_ext.data.dataloader import EvaluationLoader
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.evaluator.evaluate import Evaluation, evaluated_lists
from recbole_ext.evaluator.groups import popularity_thirds
from recbole_ext.evaluator.metrics.beyond_accuracy import Evidence
from recbole_ext.progress import stage
from recbole_ext.rerank.exposure.candidates import BestUsers, ExtraCandidates
from recbole_ext.rerank.exposure.solve import ExposureSolver
from recbole_ext.rerank.methods.candidates import Candidates
from recbole_ext.rerank.methods.side_information import ItemInformation, SideInformation, UserHistories
from recbole_ext.rerank.methods.table import reranker_of
from recbole_ext.rerank.trained_run import TrainedRun

if TYPE_CHECKING:
    import torch

    from recbole_ext.data.dataloader import EvaluationBatch

__all__ = [
    "NewLists",
    "Rerankable",
    "Reranked",
    "exposure_solver",
    "new_lists",
    "rerankable",
    "reranked",
    "side_information",
]


@dataclass(frozen=True)
class Rerankable:
    """A scored phase of a trained model, for any number of re-rankings without scoring again.

    Attributes:
        loader: The phase.
        candidates: The N best items of each user.
        best_users: The users with the largest scores for each item, which make a coverage floor reachable; None unless
            collected for ``exposure``.
        side: Popularity, head, genres and histories of the training part.
        k: Length of the lists.
        before: Metrics of the model's own lists of length k.
    """

    loader: EvaluationLoader
    candidates: Candidates
    best_users: ExtraCandidates | None
    side: SideInformation
    k: int
    before: Evaluation

    @cached_property
    def solver(self) -> ExposureSolver:
        """Of ``exposure``, for one floor after the other."""
        return exposure_solver(self.candidates, self.side, self.k, self.best_users)

    def evaluated(self, items: np.ndarray, scores: np.ndarray) -> Evaluation:
        """Evaluates lists ``(U, k)`` of the phase's users."""
        return _evaluated(self.loader, items, scores, self.k)


@dataclass(frozen=True)
class Reranked:
    """The lists produced by a re-ranker, with their metrics and a description.

    Attributes:
        settings: The re-ranker as plain data, as in a ``rerank:`` block.
        rule: One sentence with formula, strength and scaling.
        after: Metrics of the new lists; their ``scores`` are the model's own.
        note: The guarantee of the method, or an empty string.
    """

    settings: dict[str, Any]
    rule: str
    after: Evaluation
    note: str = ""


def _evaluated(loader: EvaluationLoader, items: np.ndarray, scores: np.ndarray, k: int) -> Evaluation:
    metrics = loader.config["metrics"]
    return evaluated_lists(loader.users, items, scores, evidence=loader.evidence, metrics=metrics, topk=[k])


def side_information(evidence: Evidence) -> SideInformation:
    """What re-rankers look at, from the evidence of the users whose lists they re-rank.

    Raises:
        DataError: The evidence has no profiles.
    """
    if evidence.profiles is None:
        raise DataError("re-rankers need the users' histories: build the evidence with profiles")
    items = ItemInformation(
        popularity=evidence.counts.astype(np.int64),
        head=evidence.groups.head,
        groups=popularity_thirds(evidence.counts).astype(np.int64),
        genres=evidence.features,
    )
    return SideInformation(items, UserHistories(*(rows.astype(np.int64) for rows in evidence.profiles)))


def rerankable(
    run: TrainedRun,
    loader: EvaluationLoader,
    *,
    candidates: int = 200,
    k: int | None = None,
    for_exposure: bool = True,
) -> Rerankable:
    """Scores each user of a phase once, batch by batch, and stores the inputs of re-rankers.

    Args:
        run: The trained model.
        loader: ``run.data.validation`` or ``run.data.test``.
        candidates: N, the number of best items of each user that re-rankers choose from.
        k: Length of the lists; that of ``valid_metric`` if None.
        for_exposure: Whether to collect the best users of each item, which ``exposure`` needs.

    Raises:
        ConfigError: N is below k, or the run has sampled candidates.
        DataError: A score is NaN or +infinity.
    """
    if run.config["candidates"] is not None:
        raise ConfigError(
            f"{run.folder} was ranked among sampled candidates, whose lists cannot be re-ranked: train with "
            "candidates: null"
        )
    k = k or int(run.metrics["protocol"]["shown_k"])
    n_items = run.data.dataset.item_num
    check_candidates_fit(candidates, k)
    best_users = BestUsers(n_items)

    def collect(rows: slice, batch: EvaluationBatch, scores: torch.Tensor, values: torch.Tensor) -> None:
        best_users.add(np.arange(rows.start, rows.stop), scores.double().cpu().numpy())

    best = run.lists(loader, min(candidates, n_items - 1), visit=collect if for_exposure else None)
    pool = Candidates(best.items, best.scores)
    with stage("collecting histories, genres and popularity"):
        return Rerankable(
            loader,
            pool,
            best_users.candidates() if for_exposure else None,
            side_information(loader.evidence),
            k,
            _evaluated(loader, pool.items[:, :k], pool.scores[:, :k], k),
        )


@dataclass(frozen=True)
class NewLists:
    """Lists in a re-ranker's order.

    Attributes:
        items: ``(U, k) int64``, best first.
        scores: ``(U, k) float64`` the model's own scores; NaN for an item outside a user's candidates.
        rule: One sentence with formula, strength and scaling.
        note: The guarantee of the method, or an empty string.
    """

    items: np.ndarray
    scores: np.ndarray
    rule: str
    note: str


def new_lists(
    candidates: Candidates,
    side: SideInformation,
    k: int,
    settings: RerankSettings | ExposureSettings,
    solver: ExposureSolver | None = None,
) -> NewLists:
    """Re-orders the candidates of some people.

    Args:
        candidates: The N best items of each person.
        side: What is known of the items, and of the people in the rows of the candidates.
        k: Length of the lists.
        settings: From :func:`~recbole_ext.config.blocks.read_rerank`. ``exposure`` is one problem over all rows; the
            other methods look at each row alone.
        solver: From :func:`exposure_solver`, with the same candidates; a new one without best users if None.

    Raises:
        ConfigError: A floor cannot be reached, or a user has fewer candidates than a list has places.
        DataError: The data set lacks information that the method needs, such as genres.
    """
    note = ""
    with stage(f"re-ranking by {settings.method}"):
        if isinstance(settings, ExposureSettings):
            items, rule, note = _exposed(
                solver or exposure_solver(candidates, side, k), candidates.depth, settings
            )
        else:
            items, _ = reranker_of(settings)(candidates, side, k)
            rule = str(settings)
    return NewLists(items, _scores_of(candidates, items), rule, note)


def exposure_solver(
    candidates: Candidates, side: SideInformation, k: int, best_users: ExtraCandidates | None = None
) -> ExposureSolver:
    """The joint problem of some people; the arguments are those of :func:`new_lists` and :class:`Rerankable`."""
    tail = ~side.items.head
    tail[0] = False
    return ExposureSolver(
        candidates.items, candidates.scores, tail=tail, n_items=side.items.n_items, k=k, extra=best_users
    )


def _exposed(solver: ExposureSolver, depth: int, floors: ExposureSettings) -> tuple[np.ndarray, str, str]:
    """Lists, rule and note of ``exposure``."""
    result = solver.solve(floors.coverage, floors.tail_share)
    rule = (
        f"exposure (best total of position-discounted scores, min-max scaled per user over the top "
        f"{depth}, with coverage >= {floors.coverage:g} and tail share >= {floors.tail_share:g})"
    )
    note = f"solved by the {result.method} method; at most {result.gap:.2%} below the best lists with these floors"
    return result.items, rule, note


def reranked(phase: Rerankable, settings: RerankSettings | ExposureSettings) -> Reranked:
    """Applies one re-ranker.

    Args:
        phase: From :func:`rerankable`, with ``for_exposure`` where the settings are those of ``exposure``.
        settings: From :func:`~recbole_ext.config.blocks.read_rerank`.

    Raises:
        ConfigError, DataError: As :func:`new_lists`.
    """
    solver = phase.solver if isinstance(settings, ExposureSettings) else None
    new = new_lists(phase.candidates, phase.side, phase.k, settings, solver)
    with stage("computing metrics"):
        return Reranked(settings.plain(), new.rule, phase.evaluated(new.items, new.scores), new.note)


def _scores_of(candidates: Candidates, items: np.ndarray) -> np.ndarray:
    """``(U, k)`` the model's scores of the chosen items; NaN for an item outside the user's own candidates."""
    scores = np.full(items.shape, np.nan)
    for position in range(items.shape[1]):
        same = candidates.items == items[:, position, None]  # (U, N)
        place = same.argmax(axis=1)[:, None]
        found = np.take_along_axis(candidates.scores, place, axis=1)[:, 0]
        scores[:, position] = np.where(same.any(axis=1), found, np.nan)
    return scores

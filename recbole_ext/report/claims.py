"""The published claims of the study that is reproduced, checked against the figures of this report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recbole_ext.data.movielens.catalog import DATASETS
from recbole_ext.evaluator.groups import HEAD_RULES
from recbole_ext.report.comparison import ComparisonView, RowView
from recbole_ext.report.context import Context
from recbole_ext.report.sentences.models import NEURAL, leaders, reference
from recbole_ext.report.wording import joined, number, percent

__all__ = ["Claim", "claims_of"]

HOLDS, FAILS, OPEN = "holds", "does not hold", "not testable"


@dataclass(frozen=True)
class Claim:
    """A claim, our figure, the verdict and the reason."""

    claim: str
    figure: str
    verdict: str
    why: str


def _balance(comparison: ComparisonView) -> Claim:
    claim = "GRU has the best balance of accuracy and coverage"
    row, key = comparison.row("GRU4Rec"), comparison.key("itemcoverage")
    if row is None or row.mean(key) is None or comparison.baseline is None:
        return Claim(claim, "–", OPEN, "It needs runs of GRU4Rec and of a model to compare it with.")
    ndcg = number(row.mean(comparison.key("ndcg")) or 0.0)
    figure = f"NDCG@{comparison.k} {ndcg}, coverage {percent(row.mean(key) or 0)}"
    front = {one.model: share for one in leaders(comparison) if (share := one.mean(key)) is not None}
    best = reference(comparison)
    if row.model not in front:
        return Claim(claim, figure, FAILS, f"It is significantly less accurate than {best}.")
    widest = max(front, key=lambda model: front[model])
    if widest == row.model:
        why = f"No other model that is not significantly behind {best} shows more."
        return Claim(claim, figure, HOLDS, why)
    other = comparison.row(widest)
    assert other is not None
    close = "" if widest == best else f" and is not significantly behind {best} in accuracy"
    why = (
        f"{widest} shows {percent(front[widest])} of the items{close}; GRU4Rec reaches {ndcg}, {widest} "
        f"{number(other.mean(comparison.key('ndcg')) or 0)}."
    )
    return Claim(claim, figure, FAILS, why)


def _deep(comparison: ComparisonView) -> Claim:
    claim = f"Deep models beat the baselines in Recall@{comparison.k} and hit rate"
    base = comparison.row(comparison.baseline)
    both = {comparison.key(name): shown for name, shown in (("recall", "Recall"), ("hit", "Hit"))}
    keys = [key for key in both if any(key in row.difference for row in comparison.rows)]
    deep = _neural_with_tests(comparison, keys)
    if base is None or base.family in NEURAL or not deep:
        why = "It needs a neural model that is tested against a non-neural baseline."
        return Claim(claim, "–", OPEN, why)
    first = keys[0]
    above = [row.model for row in deep if _is_above(row, keys)]
    best = max(deep, key=lambda row: row.mean(first) or 0.0)
    figure = (
        f"{best.model} {number(best.mean(first) or 0)}, {base.model} {number(base.mean(first) or 0)} "
        f"({both[first]}@{comparison.k})"
    )
    return Claim(claim, figure, *_deep_verdict(deep, above, keys, base.model))


def _deep_verdict(
    deep: Sequence[RowView], above: Sequence[str], keys: Sequence[str], base: str
) -> tuple[str, str]:
    """Whether all neural models are above the baseline in both metrics, and why."""
    if undecided := _left_open(deep, above, keys):
        return (
            OPEN,
            f"The test against {base} is undecided for {joined(undecided)}: other flips could turn it.",
        )
    verdict = HOLDS if len(above) == len(deep) else FAILS
    return verdict, _deep_why([row.model for row in deep], list(above), base)


def _neural_with_tests(comparison: ComparisonView, keys: list[str]) -> list[RowView]:
    """Neural models that were tested against the baseline in every one of some metrics."""
    rows = [row for row in comparison.rows if row.family in NEURAL]
    return [row for row in rows if keys and all(key in row.difference for key in keys)]


def _is_above(row: RowView, keys: list[str]) -> bool:
    return all(row.difference[key].significant and row.difference[key].mean > 0 for key in keys)


def _left_open(deep: Sequence[RowView], above: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Models whose tests are undecided, where the claim hangs on them: one that is surely not above settles it."""
    rest = [row for row in deep if row.model not in above]
    for row in rest:
        tests = [row.difference[key] for key in keys]
        if not all((one.significant or one.undecided) and one.mean > 0 for one in tests):
            return []
    return [row.model for row in rest]


def _deep_why(deep: list[str], above: list[str], base: str) -> str:
    """Which of the neural models are above the baseline in both metrics."""
    if len(deep) == 1:
        return f"{deep[0]}, the only neural model, {'is' if above else 'is not'} significantly above {base} in both."
    if len(above) == len(deep):
        return f"All {len(deep)} neural models are significantly above {base} in both."
    some = f"only {len(above)} of {len(deep)} neural models ({joined(above)})"
    return f"Significantly above {base} in both: {some if above else f'none of {len(deep)} neural models'}."


@dataclass(frozen=True)
class _AlphaPoint:
    """What α = 0.1 does to the lists of one model in one phase."""

    model: str
    phase: str
    coverage: tuple[float, float]
    ndcg: tuple[float, float]

    @property
    def loss(self) -> float:
        """Share of the NDCG that is lost."""
        before, after = self.ndcg
        return 1 - after / before if before else 0.0


def _alpha_points(context: Context) -> list[_AlphaPoint]:
    """Every measurement at α = 0.1, from lists and from curves."""
    found = []
    for one in context.reranked:
        (ndcg, ndcg_after), (before, after) = one.figures("ndcg"), one.figures("itemcoverage")
        if None in (ndcg, ndcg_after, before, after) or not one.is_alpha_tenth:
            continue
        found.append(_AlphaPoint(one.name, "test", (before, after), (ndcg, ndcg_after)))  # type: ignore[arg-type]
    for model, curve in context.inputs.curves.items():
        for phase in ("validation", "test"):
            found += _alpha_points_of_curve(model, phase, curve.get(phase, ()))
    return found


def _alpha_points_of_curve(model: str, phase: str, rows: Sequence[Mapping[str, Any]]) -> list[_AlphaPoint]:
    own = next((row for row in rows if row["method"] == "none"), None)
    if own is None:
        return []
    return [
        _AlphaPoint(model, phase, (own["itemcoverage"], row["itemcoverage"]), (own["ndcg"], row["ndcg"]))
        for row in rows
        if row["method"] == "popularity_penalty" and abs(row["strength"] - 0.1) < 1e-9
    ]


def _alpha(context: Context) -> Claim:
    claim = "α = 0.1 lifts coverage to 82 % with minimal loss"
    found = _alpha_points(context)
    if not found:
        return Claim(claim, "–", OPEN, "It needs lists or a curve at α = 0.1.")
    widest = max(found, key=lambda point: point.coverage[1])
    (before, after), (ndcg, ndcg_after) = widest.coverage, widest.ndcg
    figure = (
        f"{percent(before)} → {percent(after)}, NDCG {number(ndcg)} → {number(ndcg_after)} ({widest.model}, "
        f"{widest.phase})"
    )
    ceiling = context.comparison.bounds.get("ceiling", {}).get(context.comparison.key("itemcoverage"))
    limit = f" The ceiling is {percent(ceiling)}." if ceiling is not None else ""
    if after < 0.82:
        return Claim(claim, figure, FAILS, _too_narrow(found, after) + limit + _other_rule(context))
    if widest.loss <= 0.02:
        why = f"Coverage reaches 82 % at a relative loss of {percent(widest.loss)}."
        return Claim(claim, figure, HOLDS, why + limit)
    why = f"Coverage is reached, but NDCG loses {percent(widest.loss)}, more than 2 %."
    return Claim(claim, figure, FAILS, why + limit)


def _too_narrow(found: Sequence[_AlphaPoint], coverage: float) -> str:
    models = list(dict.fromkeys(point.model.partition(",")[0] for point in found))
    most = "The largest coverage at α = 0.1" if len(found) > 1 else "Coverage at α = 0.1"
    return (
        f"{most} of {joined(models)}, the models looked at, with scores min-max scaled per user, is "
        f"{percent(coverage)}."
    )


def _other_rule(context: Context) -> str:
    """A re-ranking that does reach the coverage, without a proven loss."""
    found = [
        one for one in context.reranked if one.is_cheap and (one.figures("itemcoverage")[1] or 0.0) >= 0.8195
    ]
    return f" Another rule reaches 82 % without a proven loss: {found[0].name}." if found else ""


def _less_popular(context: Context) -> Claim:
    """Checked on the most accurate model alone, since any model that ranks badly recommends rare films."""
    claim, asked = "77.6 % of the recommendations are less popular films", 0.776
    best = reference(context.comparison)
    run, dataset = context.one_run_each.get(best), context.dataset
    if run is None:
        return Claim(claim, "–", OPEN, "It needs the run of the most accurate model.")
    if dataset is None:
        return Claim(claim, "–", OPEN, "It needs the data set, to count the popular films.")
    films = len(dataset.popularity)
    shares = {rule: context.tail_share(run, rule) or 0.0 for rule in HEAD_RULES}
    tails = {rule: len(dataset.tail_tokens(rule)) / films for rule in HEAD_RULES}
    figure = f"{best}: {', '.join(f'{percent(share)} ({rule})' for rule, share in shares.items())}"
    reached = [rule for rule, share in shares.items() if share >= asked]
    if not reached:
        return Claim(claim, figure, FAILS, f"It is not reached by {best} under any of the head rules.")
    if len(reached) == len(shares):
        return Claim(
            claim, figure, HOLDS, f"{best}, the most accurate model, reaches it under every head rule."
        )
    calls = joined([f"{percent(tails[rule])} of the films under {rule}" for rule in shares])
    return Claim(
        claim,
        figure,
        OPEN,
        f"It depends on what is called less popular, which the claim does not say: {calls}. {best}, the most accurate "
        f"model, reaches it under {joined(reached)} only.",
    )


def claims_of(context: Context) -> list[Claim]:
    """The four claims and their verdicts; none where the data is not MovieLens, which they are about."""
    comparison = context.comparison
    if comparison.dataset not in DATASETS:
        return []
    return [_balance(comparison), _deep(comparison), _alpha(context), _less_popular(context)]

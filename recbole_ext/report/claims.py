"""The published claims of the study that is reproduced, held against the figures of this report."""

from __future__ import annotations

from dataclasses import dataclass

from recbole_ext.evaluator.groups import HEAD_RULES
from recbole_ext.report.comparison import Comparison, Row
from recbole_ext.report.context import Context
from recbole_ext.report.sentences import leaders, reference
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


def _balance(comparison: Comparison) -> Claim:
    claim = "GRU has the best balance of accuracy and coverage"
    row, key = comparison.row("GRU4Rec"), comparison.key("itemcoverage")
    if row is None or row.mean(key) is None or comparison.baseline is None:
        return Claim(claim, "–", OPEN, "GRU4Rec or a model to compare it with is not among the runs.")
    ndcg = row.mean(comparison.key("ndcg")) or 0.0
    figure = f"NDCG@{comparison.k} {number(ndcg)}, coverage {percent(row.mean(key) or 0)}"
    front = [one for one in leaders(comparison) if one.mean(key) is not None]
    if row.model not in [one.model for one in front]:
        return Claim(claim, figure, FAILS, f"It is significantly less accurate than {reference(comparison)}.")
    widest = max(front, key=lambda one: one.mean(key) or 0.0)
    if widest.model == row.model:
        return Claim(
            claim,
            figure,
            HOLDS,
            f"No other model that is not significantly behind {reference(comparison)} shows more.",
        )
    return Claim(
        claim,
        figure,
        FAILS,
        f"{widest.model} shows {percent(widest.mean(key) or 0)} of the items and is not significantly behind "
        f"{reference(comparison)} in accuracy; GRU4Rec stands at {number(ndcg)}, {widest.model} at "
        f"{number(widest.mean(comparison.key('ndcg')) or 0)}.",
    )


def _deep(comparison: Comparison) -> Claim:
    claim = f"Deep models beat the baselines in Recall@{comparison.k} and hit rate"
    base = comparison.row(comparison.baseline)
    both = [comparison.key(name) for name in ("recall", "hit")]
    keys = [key for key in both if any(key in row.difference for row in comparison.rows)]
    deep = [
        row
        for row in comparison.rows
        if keys and row.family in ("neural", "sequence") and all(key in row.difference for key in keys)
    ]
    if base is None or base.family in ("neural", "sequence") or not deep:
        return Claim(
            claim,
            "–",
            OPEN,
            "A neural model with its test against a non-neural baseline is not among the runs.",
        )

    def beats(row: Row) -> bool:
        return all(row.difference[key].significant and row.difference[key].mean > 0 for key in keys)

    above = [row.model for row in deep if beats(row)]
    best = max(deep, key=lambda row: row.mean(keys[0]) or 0.0)
    figure = (
        f"{best.model} {number(best.mean(keys[0]) or 0)}, {base.model} {number(base.mean(keys[0]) or 0)} "
        f"({'Recall' if keys[0] == both[0] else 'Hit'}@{comparison.k})"
    )
    holds = len(above) == len(deep)
    if len(deep) == 1:
        verb = "is" if holds else "is not"
        why = f"{best.model}, the only neural model, {verb} significantly above {base.model} in both."
    elif holds:
        why = f"All {len(deep)} neural models are significantly above {base.model} in both."
    else:
        some = f"only {len(above)} of {len(deep)} neural models ({joined(above)})"
        none = f"none of {len(deep)} neural models"
        why = f"Significantly above {base.model} in both: {some if above else none}."
    return Claim(claim, figure, HOLDS if holds else FAILS, why)


def _alpha_points(context: Context) -> list[tuple[str, float, float, float, float]]:
    """``(name, coverage before, after, NDCG before, after)`` at α = 0.1, from lists and from curves."""
    found = []
    for one in context.reranked:
        (ndcg, ndcg_after), (before, after) = one.figures("ndcg"), one.figures("itemcoverage")
        if one.is_alpha_tenth and None not in (ndcg, ndcg_after, before, after):
            found.append((f"{one.name}, test", before, after, ndcg, ndcg_after))
    for model, curve in context.inputs.curves.items():
        for phase in ("validation", "test"):
            rows = curve.get(phase, ())
            own = next((row for row in rows if row["method"] == "none"), None)
            for row in rows:
                if own and row["method"] == "popularity_penalty" and abs(row["strength"] - 0.1) < 1e-9:
                    values = own["itemcoverage"], row["itemcoverage"], own["ndcg"], row["ndcg"]
                    found.append((f"{model}, {phase}", *values))
    return found  # type: ignore[return-value]


def _alpha(context: Context) -> Claim:
    claim = "α = 0.1 lifts coverage to 82 % with minimal loss"
    found = _alpha_points(context)
    if not found:
        return Claim(claim, "–", OPEN, "No lists or curve at α = 0.1 are among the folders.")
    name, before, after, ndcg, ndcg_after = max(found, key=lambda point: point[2])
    loss = 1 - ndcg_after / ndcg if ndcg else 0.0
    figure = f"{percent(before)} → {percent(after)}, NDCG {number(ndcg)} → {number(ndcg_after)} ({name})"
    ceiling = context.comparison.bounds.get("ceiling", {}).get(context.comparison.key("itemcoverage"))
    limit = f" The ceiling is {percent(ceiling)}." if ceiling is not None else ""
    if after >= 0.82 and loss <= 0.02:
        return Claim(
            claim, figure, HOLDS, f"Coverage reaches 82 % at a relative loss of {percent(loss)}.{limit}"
        )
    if after >= 0.82:
        return Claim(
            claim,
            figure,
            FAILS,
            f"Coverage is reached, but NDCG loses {percent(loss)}, more than 2 %.{limit}",
        )
    other = [
        one for one in context.reranked if one.is_cheap and (one.figures("itemcoverage")[1] or 0.0) >= 0.8195
    ]
    if other:
        limit += f" Another rule reaches 82 % without a proven loss: {other[0].name}."
    models = list(dict.fromkeys(point[0].partition(",")[0] for point in found))
    most = "The largest coverage at α = 0.1" if len(found) > 1 else "Coverage at α = 0.1"
    return Claim(
        claim,
        figure,
        FAILS,
        f"{most} of {joined(models)}, the models looked at, with scores min-max scaled per user, is {percent(after)}."
        f"{limit}",
    )


def _less_popular(context: Context) -> Claim:
    """Judged by the lists of one model: any that ranks badly enough recommends rare films."""
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
    """The four claims and their verdicts."""
    comparison = context.comparison
    return [_balance(comparison), _deep(comparison), _alpha(context), _less_popular(context)]

"""Which model ranks best, and what is proven of it."""

from __future__ import annotations

from recbole_ext.report.comparison import ComparisonView, RowView
from recbole_ext.report.sentences.models import NEURAL, baseline_words, verdicts
from recbole_ext.report.wording import against, joined, number, p_text, with_interval

__all__ = ["accuracy", "headline", "neural"]


def headline(comparison: ComparisonView) -> tuple[str, str]:
    """The finding in one sentence, and the figures behind it."""
    key, best, base = comparison.key("ndcg"), comparison.rows[0], comparison.row(comparison.baseline)
    figure = f"NDCG@{comparison.k} {with_interval(best.metrics[key])}" if key in best.metrics else ""
    if base is None or len(comparison.rows) < 2:
        return f"{best.model} on {comparison.dataset}", f"{best.model} reaches {figure} on the test items."
    proven = verdicts(comparison, comparison.rows).above
    if best.model in proven:
        return (
            f"{best.model} ranks best, significantly ahead of {base.model}",
            f"{best.model} reaches {figure}; against {baseline_words(comparison)}: {against(best.difference[key])}.",
        )
    if proven:
        gap = f", {against(best.difference[key])}" if key in best.difference else ""
        return (
            f"{best.model} has the largest NDCG; proven better than {base.model}: {joined(proven)}",
            f"{best.model} reaches {figure}{gap}.",
        )
    lead = f"{_none_is_better(comparison)} significantly better than {baseline_words(comparison)}"
    if best.model == base.model:
        return f"No model ranks better than {base.model}", f"{best.model} reaches {figure}. {lead}."
    return (
        f"{best.model} leads, but no model is proven better than {base.model}",
        f"{best.model} reaches {figure}. {lead} ({number(base.metrics[key].mean)}).",
    )


def _none_is_better(comparison: ComparisonView) -> str:
    others = [row.model for row in comparison.rows if row.model != comparison.baseline]
    return f"{others[0]} is not" if len(others) == 1 else f"None of {len(others)} other models is"


def accuracy(comparison: ComparisonView) -> tuple[str, str]:
    """Which model is the most accurate, and which ones the tests cannot tell apart from it."""
    best, base = comparison.rows[0], comparison.row(comparison.baseline)
    figure = with_interval(best.metrics[comparison.key("ndcg")])
    if len(comparison.rows) == 1:
        return "For accuracy", f"{best.model} reaches an NDCG@{comparison.k} of {figure}."
    sentences = [f"{best.model} has the largest NDCG@{comparison.k}, {figure}."]
    if base is not None:
        sentences += [*_lead(comparison, base), *_behind_best(comparison), *_beside(comparison, base)]
    return "For accuracy", " ".join(sentences)


def _lead(comparison: ComparisonView, base: RowView) -> list[str]:
    best, key = comparison.rows[0], comparison.key("ndcg")
    if best.model == base.model or key not in best.difference:
        return []
    return [f"Against {base.model}: {against(best.difference[key])}."]


def _near(comparison: ComparisonView) -> list[str]:
    return [
        model for model, one in comparison.below_best.items() if not one.significant and not one.undecided
    ]


def _behind_best(comparison: ComparisonView) -> list[str]:
    best, near = comparison.rows[0].model, _near(comparison)
    undecided = [model for model, one in comparison.below_best.items() if one.undecided]
    if not comparison.below_best:
        return []
    sentences = [f"Not significantly behind {best}: {joined(near)}."] if near else []
    if undecided:
        sentences.append(f"Undecided whether behind {best}: {joined(undecided)}.")
    if sentences:
        return sentences
    others = comparison.rows[1].model if len(comparison.rows) == 2 else "Every other model"
    return [f"{others} is significantly behind {best}."]


def _beside(comparison: ComparisonView, base: RowView) -> list[str]:
    """Models without a significant difference from the baseline, and those below it."""
    found = verdicts(comparison, comparison.rows)
    # Where the baseline leads, the tests against it and those against the best are the same ones.
    said = base.model == comparison.rows[0].model and bool(comparison.below_best)
    sentences = []
    if found.alike and not said:
        sentences.append(f"No significant difference from {base.model} is shown for {joined(found.alike)}.")
    if found.undecided and not said:
        sentences.append(f"Undecided against {base.model}: {joined(found.undecided)}.")
    if found.below and (_near(comparison) or not said):
        sentences.append(f"Significantly below {base.model}: {joined(found.below)}.")
    return sentences


def neural(comparison: ComparisonView) -> tuple[str, str] | None:
    """Do neural models beat the best non-neural one?"""
    key, base = comparison.key("ndcg"), comparison.row(comparison.baseline)
    deep = [row for row in comparison.rows if row.family in NEURAL and key in row.difference]
    if base is None or not deep or base.family in NEURAL:
        return None
    best, many = deep[0], len(deep) > 1
    compared = f"{len(deep)} neural models were" if many else "One neural model was"
    most = f"The most accurate of them, {best.model}," if many else "It"
    return "Neural or not", (
        f"{compared} compared with {base.model}: {_verdict_words(comparison, deep)}. {most} reaches "
        f"{number(best.metrics[key].mean)} against {number(base.metrics[key].mean)} "
        f"({p_text(best.difference[key].p_holm)})."
    )


def _verdict_words(comparison: ComparisonView, rows: list[RowView]) -> str:
    found = verdicts(comparison, rows)
    parts = [
        f"{joined(names)} {'is' if len(names) == 1 else 'are'} significantly {word}"
        for names, word in ((found.above, "better"), (found.below, "worse"))
        if names
    ]
    if found.alike:
        parts.append(f"for {joined(found.alike)} no significant difference is shown")
    if found.undecided:
        parts.append(f"for {joined(found.undecided)} the test is undecided")
    return joined(parts)

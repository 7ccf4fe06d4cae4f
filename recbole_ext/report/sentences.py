"""What the numbers mean, in plain sentences: each follows from the tables, and carries its figure."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_ext.report.comparison import Comparison, Row
from recbole_ext.report.wording import against, joined, number, p_text, percent, seconds, with_interval

__all__ = [
    "accuracy",
    "baseline_words",
    "certainty",
    "coverage",
    "fairness",
    "headline",
    "leaders",
    "neural",
    "platform",
    "reference",
    "speed",
    "targets",
    "users",
]


def reference(comparison: Comparison) -> str:
    """The model that :func:`leaders` are measured against: the most accurate one, or the baseline."""
    best = comparison.rows[0].model
    return best if comparison.below_best else comparison.baseline or best


def leaders(comparison: Comparison) -> list[Row]:
    """The models that are not significantly less accurate than :func:`reference`, which is among them.

    Random is never one: with few users nothing might be proven of it.
    """
    key = comparison.key("ndcg")
    name = reference(comparison)
    tests = comparison.below_best or {
        row.model: row.difference[key] for row in comparison.rows if key in row.difference
    }
    kept = {name, *(model for model, one in tests.items() if not one.significant or one.mean > 0)}
    return [row for row in comparison.rows if row.model in kept and row.family != "floor"]


def baseline_words(comparison: Comparison) -> str:
    """What the baseline is, said once."""
    row = comparison.row(comparison.baseline)
    neural_only = row is not None and row.family in ("neural", "sequence")
    kind = "model" if neural_only else "non-neural baseline"
    return f"{comparison.baseline}, the best {kind} by validation NDCG"


def headline(comparison: Comparison) -> tuple[str, str]:
    """The finding in one sentence, and the figures behind it."""
    key, best, base = comparison.key("ndcg"), comparison.rows[0], comparison.row(comparison.baseline)
    figure = f"NDCG@{comparison.k} {with_interval(best.metrics[key])}" if key in best.metrics else ""
    if base is None or len(comparison.rows) < 2:
        return f"{best.model} on {comparison.dataset}", f"{best.model} reaches {figure} on the test items."
    found = [r for r in comparison.rows if key in r.difference and r.difference[key].mean > 0]
    proven = [row.model for row in found if row.difference[key].significant]
    others = len(comparison.rows) - 1
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
    alone = next(row.model for row in comparison.rows if row.model != base.model)
    none = f"{alone} is not" if others == 1 else f"None of {others} other models is"
    lead = f"{none} significantly better than {baseline_words(comparison)}"
    if best.model == base.model:
        return f"No model ranks better than {base.model}", f"{best.model} reaches {figure}. {lead}."
    return (
        f"{best.model} leads, but no model is proven better than {base.model}",
        f"{best.model} reaches {figure}. {lead} ({number(base.metrics[key].mean)}).",
    )


def _all_others(comparison: Comparison) -> str:
    return comparison.rows[1].model if len(comparison.rows) == 2 else "Every other model"


def accuracy(comparison: Comparison) -> tuple[str, str]:
    """Which model for accuracy, and from which the test cannot tell it apart."""
    key, best = comparison.key("ndcg"), comparison.rows[0]
    base = comparison.row(comparison.baseline)
    figure = with_interval(best.metrics[key])
    if len(comparison.rows) == 1:
        return "For accuracy", f"{best.model} reaches an NDCG@{comparison.k} of {figure}."
    words = f"{best.model} has the largest NDCG@{comparison.k}, {figure}."
    if base is None:
        return "For accuracy", words
    if best.model != base.model and key in best.difference:
        words += f" Against {base.model}: {against(best.difference[key])}."
    near = [model for model, one in comparison.below_best.items() if not one.significant]
    if comparison.below_best:
        words += (
            f" Not significantly behind {best.model}: {joined(near)}."
            if near
            else f" {_all_others(comparison)} is significantly behind {best.model}."
        )
    alike = [
        row.model
        for row in comparison.rows
        if row.model != base.model and key in row.difference and not row.difference[key].significant
    ]
    below = [
        row.model
        for row in comparison.rows
        if key in row.difference and row.difference[key].significant and row.difference[key].mean < 0
    ]
    # Where the baseline leads, the tests against it and those against the best are the same ones.
    said = base.model == best.model and bool(comparison.below_best)
    if alike and not said:
        words += f" No significant difference to {base.model} is shown for {joined(alike)}."
    if below and (near or not said):
        words += f" Significantly below {base.model}: {joined(below)}."
    return "For accuracy", words


def neural(comparison: Comparison) -> tuple[str, str] | None:
    """Do neural models beat the best non-neural one?"""
    key, base = comparison.key("ndcg"), comparison.row(comparison.baseline)
    deep = [row for row in comparison.rows if row.family in ("neural", "sequence") and key in row.difference]
    if base is None or not deep or base.family in ("neural", "sequence"):
        return None
    above = [r.model for r in deep if r.difference[key].significant and r.difference[key].mean > 0]
    below = [r.model for r in deep if r.difference[key].significant and r.difference[key].mean < 0]
    rest = [row.model for row in deep if row.model not in (*above, *below)]
    parts = []
    if above:
        parts.append(f"{joined(above)} {'is' if len(above) == 1 else 'are'} significantly better")
    if below:
        parts.append(f"{joined(below)} {'is' if len(below) == 1 else 'are'} significantly worse")
    if rest:
        parts.append(f"for {joined(rest)} no significant difference is shown")
    best = deep[0]
    many = len(deep) > 1
    words = (
        f"{f'{len(deep)} neural models were' if many else 'One neural model was'} compared with {base.model}: "
        f"{joined(parts)}. {f'The most accurate of them, {best.model},' if many else 'It'} stands at "
        f"{number(best.metrics[key].mean)} against {number(base.metrics[key].mean)} "
        f"({p_text(best.difference[key].p_holm)})."
    )
    return "Neural or not", words


def platform(comparison: Comparison) -> tuple[str, str] | None:
    """The figures of the most accurate model and of the baseline in people and films."""
    hit, cover, items = (
        comparison.key("hit"),
        comparison.key("itemcoverage"),
        comparison.protocol.get("items"),
    )
    base = comparison.row(comparison.baseline)
    rows = [row for row in (comparison.rows[0], base) if row is not None and row.mean(hit) is not None]
    rows = list({row.model: row for row in rows}.values())
    if not rows:
        return None
    found = joined([f"{1000 * (row.mean(hit) or 0):.0f} with {row.model}" for row in rows])
    words = f"Of 1,000 visitors, the very film that each rated next stands in a list of {comparison.k} for {found}."
    wide = [row for row in rows if row.mean(cover) is not None]
    if items and wide:
        shown = joined([f"{row.model} shows {(row.mean(cover) or 0) * items:,.0f}" for row in wide])
        words += f" Of {items:,} films, {shown} to anybody at all."
    return "For a platform", words


def _among(comparison: Comparison, front: Sequence[Row]) -> str:
    """``Of EASE and the 2 models that are not significantly less accurate``: which rows are compared, two or more."""
    name = reference(comparison)
    others = [row.model for row in front if row.model != name]
    some = f"{others[0]}, which is" if len(others) == 1 else f"the {len(others)} models that are"
    if len(others) == len(front):
        return f"Of {some} not significantly less accurate than {name}"
    return f"Of {name} and {some} not significantly less accurate"


def coverage(comparison: Comparison) -> tuple[str, str] | None:
    """Which of the accurate models shows most of the catalogue, beside Random and the ceiling."""
    key, front = comparison.key("itemcoverage"), leaders(comparison) or comparison.rows[:1]
    front = [row for row in front if row.mean(key) is not None]
    if not front:
        return None
    widest = max(front, key=lambda row: row.mean(key) or 0.0)
    words = (
        f"{_among(comparison, front)}, {widest.model} shows {'more' if len(front) == 2 else 'most'} of the catalogue: "
        if len(front) > 1
        else f"{widest.model} shows "
    )
    words += (
        f"{percent(widest.mean(key) or 0)} of the items"
        if len(front) == 1
        else percent(widest.mean(key) or 0)
    )
    limits = [
        f"{label} {percent(comparison.bounds[kind][key])}"
        for kind, label in (("random", "a random recommender expects"), ("ceiling", "the ceiling is"))
        if key in comparison.bounds.get(kind, {})
    ]
    words += f" ({'; '.join(limits)})." if limits else "."
    tail = comparison.key("tailshare")
    if widest.mean(tail) is not None:
        words += f" Of its places in the lists, {percent(widest.mean(tail) or 0)} go to tail items"
        random = comparison.bounds.get("random", {}).get(tail)
        words += f"; at random it would be {percent(random)}." if random is not None else "."
    return "For coverage without a proven loss" if len(comparison.rows) > 1 else "For coverage", words


def _group_sentence(row: Row, names: tuple[str, str], words: tuple[str, str]) -> str | None:
    if not all(name in row.groups for name in names):
        return None
    (a, n_a), (b, n_b) = (row.groups[name] for name in names)
    apart = None not in (a.low, a.high, b.low, b.high) and (
        (a.low or 0) > (b.high or 0) or (b.low or 0) > (a.high or 0)
    )
    verdict = "their intervals do not overlap" if apart else "their intervals overlap"
    known = a.low is not None and b.low is not None
    return (
        f"{row.model}: {words[0]} NDCG {with_interval(a)} (n = {n_a}), {words[1]} {with_interval(b)} (n = {n_b})"
        f"{'; ' + verdict if known else ''}."
    )


def _for_rows(comparison: Comparison, names: tuple[str, str], words: tuple[str, str]) -> list[str]:
    shown = [comparison.rows[0]]
    base = comparison.row(comparison.baseline)
    if base is not None and base.model != shown[0].model:
        shown.append(base)
    return [text for row in shown if (text := _group_sentence(row, names, words))]


def users(comparison: Comparison) -> tuple[str, str] | None:
    """What users with long and with short histories get."""
    found = _for_rows(comparison, ("heavy", "light"), ("heavy users", "light users"))
    return ("Heavy and light users", " ".join(found)) if found else None


def targets(comparison: Comparison) -> tuple[str, str] | None:
    """How well popular and rare held-out items are found."""
    found = _for_rows(comparison, ("head", "tail"), ("a held-out head item", "a held-out tail item"))
    return ("Popular and rare films", " ".join(found)) if found else None


def speed(comparison: Comparison) -> tuple[str, str] | None:
    """Which of the accurate models is trained fastest."""
    timed = [row for row in leaders(comparison) if row.seconds_training is not None]
    if len(timed) < 2:
        return None
    fast = min(timed, key=lambda row: row.seconds_training or 0.0)
    slow = max(timed, key=lambda row: row.seconds_training or 0.0)
    quick, long = seconds(fast.seconds_training or 0), seconds(slow.seconds_training or 0)
    times = (
        f"each trains in {quick}"
        if quick == long
        else f"{fast.model} trains in {quick} and {slow.model} in {long}"
    )
    return "For speed", f"{_among(comparison, timed)}, {times}, on the machine of these runs."


def certainty(comparison: Comparison) -> tuple[str, str] | None:
    """How wide the intervals are: what this many users cannot show."""
    key = comparison.key("hit")
    halves = [
        (row.metrics[key].high - row.metrics[key].low) / 2  # type: ignore[operator]
        for row in comparison.rows
        if key in row.metrics and row.metrics[key].low is not None and row.metrics[key].high is not None
    ]
    if not halves or comparison.users is None:
        return None
    words = f"With {comparison.users:,} test users, Hit@{comparison.k} is known to about ±{max(halves):.3f}"
    if len(comparison.rows) > 1:
        words += (
            " at worst, so that a smaller gap between two rows of a column proves nothing by itself. The tests compare "
            "user by user, which sees more"
        )
    return "How sure this is", f"{words}."


def _won_by_one_metric(comparison: Comparison) -> str:
    """Models whose lead over the baseline is proven in NDCG, but not in Hit."""
    keys = comparison.key("ndcg"), comparison.key("hit")
    found = [
        row.model
        for row in comparison.rows
        if all(key in row.difference for key in keys)
        and row.difference[keys[0]].significant
        and row.difference[keys[0]].mean > 0
        and not row.difference[keys[1]].significant
    ]
    if not found:
        return ""
    verb = "is" if len(found) == 1 else "are"
    return (
        f" {joined(found)} {verb} significantly better than {comparison.baseline} in NDCG@{comparison.k}, but not in "
        f"Hit@{comparison.k}."
    )


def fairness(comparison: Comparison) -> tuple[str, str] | None:
    """What the protocol gives one model and not another, and what chance decides in it."""
    protocol, kinds = comparison.protocol, {row.family for row in comparison.rows}
    words = _won_by_one_metric(comparison)
    if protocol.get("split") == "leave_one_out" and "sequence" in kinds and kinds & {"classic", "neural"}:
        words += (
            " At the test a sequential model reads a user's whole history up to the held-out film; the other models "
            "know what they were trained on, which is one film less. Part of the lead may come from that film."
        )
    decided = protocol.get("users_decided_by_tie_break")
    if decided:
        words += (
            f" For {percent(decided)} of the users several films bear the time of the held-out one, and the order of "
            "the file decides which of them is held out."
        )
    return ("What to bear in mind", words.strip()) if words else None

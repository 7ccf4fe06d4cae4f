"""The question, what the figures mean, and how the published claims fare."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from recbole_ext.report.claims import claims_of
from recbole_ext.report.context import Context, Reranked, saved_level
from recbole_ext.report.document import Bullets, Cell, Paragraph, Section, Table
from recbole_ext.report.sentences import (
    accuracy,
    certainty,
    coverage,
    fairness,
    neural,
    platform,
    speed,
    targets,
    users,
)
from recbole_ext.report.wording import Nouns, joined, level_name, nouns_of, number, percent, points, signed
from recbole_ext.runs.protocol import is_sampled

__all__ = ["claims_section", "debiasing_sentences", "meaning_section", "question_section"]


def question_section(context: Context) -> Section:
    """The question, the models and the protocol in a few lines."""
    c, p = context.comparison, context.comparison.protocol
    models = joined([row.model for row in c.rows])
    several = len(c.rows) > 1
    same = "the same " if several else ""
    users = f"{same}{c.users:,} users" if c.users else "all users"
    ranks = "every model ranks" if several else "the model ranks"
    split = {
        "leave_one_out": "each user's last item is held out for the test and the one before it for validation",
        "ratio": "the last part of each user's items is held out",
        "k_fold": f"a fold of each user's items, drawn at random, is held out{_fold(p)}",
        "cold_items": "items that nobody had in training are held out",
        "cold_users": (
            f"users who are not in training are tested on what followed their first {p.get('cold_history')} items"
        ),
        "global_time": f"one point in time separates training from test{_kept(p)}",
    }.get(str(p.get("split")), "the last items are held out")
    masked = f"{'No model may' if several else 'The model may not'} recommend an item of a user's history."
    if not p.get("mask_seen", True):
        masked = "Items of a user's history may be recommended again."
    nouns = nouns_of(c.dataset)
    among = str(p["candidates"]) if is_sampled(p) else "the whole filtered catalogue"
    text = (
        f"Which recommender ranks the next {nouns.one} best, how much of the catalogue does it show, and what does it "
        f"cost to show more? {models} {'were' if several else 'was'} trained on {c.dataset} and tested on "
        f"{users}: {split}, and {ranks} {among}. {masked}"
    )
    return Section(
        "question", "What was asked", (Paragraph(text), Paragraph(_words_of_metrics(c.k, nouns), quiet=True))
    )


def _fold(protocol: Mapping[str, Any]) -> str:
    return f" (fold {protocol.get('fold')} of {protocol.get('folds')})"


def _kept(protocol: Mapping[str, Any]) -> str:
    """Which items of a user's later ones are held out, after the words for the split."""
    kept = protocol.get("split_targets", "all")
    return "" if kept == "all" else f", and one item of each user's later ones is held out ({kept})"


def _words_of_metrics(k: int, nouns: Nouns) -> str:
    """What the names of the metrics mean."""
    return (
        f"Hit@{k}: the share of users whose held-out {nouns.one} is among the {k} recommended ones. NDCG@{k}: the "
        f"same, but {nouns.a_one} at rank r counts 1 / log2(r + 1): 1 at the first rank, "
        f"{1 / math.log2(k + 1):.2f} at the last. MRR@{k}: it counts 1 / r. Coverage: the share of the catalogue that "
        "appears in at least one list. Tail share: how much "
        f"of all lists goes to rarely {nouns.chosen} {nouns.many}. Diversity: how much the genres within a list "
        f"differ, from 0 to 1. Novelty and mean popularity: how rarely, or how often, the recommended {nouns.many} "
        f"were {nouns.chosen}. "
        f"Gini: how unevenly {nouns.many} are recommended, 0 if all equally often."
    )


def _other_level(level: float, context: Context) -> str:
    """The name of an interval whose level is not that of the comparison."""
    return "" if level == context.comparison.level else f", {level_name(level)} interval"


def _sure(one: Reranked, context: Context) -> str:
    """The paired difference of NDCG, and whether it is significant."""
    if one.ndcg_difference is None:
        return ""
    mean, low, high = one.ndcg_difference
    words = "" if low > 0 or high < 0 else "no significant difference: "
    return f" ({words}{signed(mean)} [{signed(low)}, {signed(high)}]{_other_level(one.level, context)})"


def _rerank_sentence(one: Reranked, context: Context) -> tuple[str, str] | None:
    (ndcg, after), (cover, cover_after) = one.figures("ndcg"), one.figures("itemcoverage")
    tail, tail_after = one.figures("tailshare")
    if ndcg is None or after is None or cover is None or cover_after is None:
        return None
    words = (
        f"It changes NDCG@{one.k} from {number(ndcg)} to {number(after)}{_sure(one, context)} and coverage "
        f"from {percent(cover)} to {percent(cover_after)} ({points(cover_after - cover)})"
    )
    if tail is not None and tail_after is not None:
        words += f"; tail items ({one.head_rule}) take {percent(tail_after)} of the places instead of {percent(tail)}"
    return one.name, words + "."


def debiasing_sentences(context: Context) -> list[tuple[str, str]]:
    """Cost and gain of each re-ranking and of each chosen point of the curves."""
    found = [text for one in context.reranked if (text := _rerank_sentence(one, context))]
    for model, curve in context.inputs.curves.items():
        own = next((row for row in curve["test"] if row["method"] == "none"), None)
        tested = [row for row in curve["test"] if row["method"] != "none"]
        if own is None or not tested:
            continue
        tested.sort(key=lambda row: -row["itemcoverage"])
        row, low, high = tested[0], tested[0]["difference_low"], tested[0]["difference_high"]
        sure = _other_level(saved_level(curve), context)
        sure += "" if low > 0 or high < 0 else ", no significant difference"
        words = (
            f"Of the strengths chosen on validation and tested once, {row['method']} at {row['strength']:g} shows the "
            f"most: coverage goes from {percent(own['itemcoverage'])} to {percent(row['itemcoverage'])} for an NDCG "
            f"difference of {signed(row['ndcg_difference'])} [{signed(low)}, {signed(high)}]{sure}."
        )
        if len(tested) > 1:
            words += f" The other chosen re-rankers reach at most {percent(tested[1]['itemcoverage'])}."
        found.append((f"Debiasing {model}", words))
    return found


def meaning_section(context: Context) -> Section:
    """Plain sentences, each with its figure."""
    c = context.comparison
    sentences = [accuracy(c), neural(c), platform(c), coverage(c), *debiasing_sentences(context)]
    sentences += [users(c), targets(c), speed(c), certainty(c), fairness(c)]
    merged: dict[str, str] = {}
    for sentence in sentences:
        if sentence is not None:
            merged[sentence[0]] = f"{merged.get(sentence[0], '')} {sentence[1]}".strip()
    return Section("meaning", "What this means", (Bullets(tuple(merged.items())),))


def claims_section(context: Context) -> Section | None:
    """The table of the published claims, which are about MovieLens; None for other data."""
    claims = claims_of(context)
    if not claims:
        return None
    tones = {"holds": "good", "does not hold": "bad"}
    rows = tuple(
        (
            Cell(claim.claim),
            Cell(claim.verdict, tone=tones.get(claim.verdict, "quiet")),
            Cell(claim.figure),
            Cell(claim.why),
        )
        for claim in claims
    )
    table = Table(
        "Published claims against the figures of this report",
        ("Claim", "Verdict", "Our figure", "Why"),
        rows,
        text_columns=(0, 1, 2, 3),
    )
    note = Paragraph(
        "A claim holds if the difference is significant after correction, or the figure is reached. GRU4Rec has "
        "the best balance if it is not significantly behind the most accurate model and no other such model shows "
        "more of the catalogue; a loss of NDCG is minimal up to 2 %.",
        quiet=True,
    )
    return Section("claims", "The published claims", (table, note))

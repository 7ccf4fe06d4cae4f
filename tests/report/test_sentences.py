"""From numbers to sentences: each verdict follows from the tests, not from the means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, cast

from recbole_ext.evaluator.groups import HEAD_RULES
from recbole_ext.report import sentences
from recbole_ext.report.claims import HOLDS, OPEN, claims_of
from recbole_ext.report.comparison import ComparisonView, Estimate
from recbole_ext.report.context import Context, Reranked
from recbole_ext.report.dataset import DatasetFacts
from recbole_ext.report.document import Details, Paragraph
from recbole_ext.report.inputs import Inputs
from recbole_ext.report.sections.closing import interpretability_section
from recbole_ext.report.sections.opening import claims_section, debiasing_sentences, question_section
from recbole_ext.report.sections.people import groups_section
from recbole_ext.report.sections.results import comparison_section
from recbole_ext.report.sections.tuning import tuning_section
from recbole_ext.report.wording import against, joined, p_text, percent, seconds, signed
from recbole_ext.runs.run import ListFolder, Run
from recbole_ext.study.table import difference_text
from tests.report.toy import against_base, comparison, difference, row


def on_films(comparison_: ComparisonView, inputs: Inputs | None = None) -> Context:
    """The claims are about MovieLens."""
    return context(replace(comparison_, dataset="ml-100k"), inputs)


def context(comparison_: object, inputs: Inputs | None = None) -> Context:
    return Context(inputs or Inputs(), comparison_, None, "", ())  # type: ignore[arg-type]


def test_a_lead_without_proof_is_called_so() -> None:
    c = comparison(row("EASE", 0.04), against_base("GRU4Rec", 0.045, 0.005, False))
    title, lead = sentences.headline(c)
    assert title == "GRU4Rec leads, but no model is proven better than EASE"
    assert (
        "GRU4Rec is not significantly better than EASE, the best non-neural baseline by validation NDCG"
        in lead
    )
    assert "no significant difference: +0.0050" in sentences.accuracy(c)[1]
    assert "No significant difference from EASE is shown for GRU4Rec." in sentences.accuracy(c)[1]


def test_a_proven_lead_and_a_proven_loss() -> None:
    c = comparison(
        row("EASE", 0.04), against_base("GRU4Rec", 0.07, 0.03, True), against_base("MLP", 0.01, -0.03, True)
    )
    assert sentences.headline(c)[0] == "GRU4Rec ranks best, significantly ahead of EASE"
    assert "no significant difference" not in sentences.headline(c)[1]
    assert "Significantly below EASE: MLP." in sentences.accuracy(c)[1]
    assert (
        "GRU4Rec is significantly better and MLP is significantly worse"
        in (sentences.neural(c) or ("", ""))[1]
    )


def test_nobody_is_better_than_the_baseline() -> None:
    c = comparison(row("EASE", 0.05), against_base("GRU4Rec", 0.045, -0.005, False))
    assert sentences.headline(c)[0] == "No model ranks better than EASE"
    c = comparison(*c.rows, against_base("MLP", 0.01, -0.04, True))
    assert "None of 2 other models is significantly better than EASE" in sentences.headline(c)[1]


def test_one_run_alone_is_not_compared() -> None:
    c = comparison(row("EASE", 0.05), baseline=None)
    assert sentences.headline(c)[0] == "EASE on toy"
    assert sentences.coverage(c) == (
        "For coverage",
        "EASE shows 20.0\u00a0% of the items (a random recommender expects 81.0\u00a0%; the ceiling is 100.0\u00a0%). "
        "Of its places in the lists, 5.0\u00a0% go to tail items.",
    )
    assert sentences.accuracy(c)[1] == "EASE reaches an NDCG@10 of 0.0500 [0.0400, 0.0600]."
    assert sentences.certainty(c) == (
        "How sure this is",
        "With 600 test users, Hit@10 is known to about ±0.020.",
    )
    assert "verlapping bars" not in str(comparison_section(context(c)).blocks[0].caption)  # type: ignore[union-attr]
    asked = question_section(context(c)).blocks[0].text  # type: ignore[union-attr]
    assert "EASE was trained on toy and tested on 600 users" in asked
    assert (
        "the model ranks the whole filtered catalogue. The model may not recommend an item of a user's history."
        in asked
    )
    assert sentences.neural(c) is None


def test_a_model_better_than_the_baseline_proves_nothing_of_a_third_one() -> None:
    c = comparison(
        row("EASE", 0.04),
        against_base("GRU4Rec", 0.07, 0.03, True),
        against_base("MLP", 0.06, 0.02, False, 0.5),
    )
    c = replace(c, below_best={"EASE": difference(-0.03, True), "MLP": difference(-0.01, False)})
    assert [one.model for one in sentences.leaders(c)] == ["GRU4Rec", "MLP"]
    assert (sentences.coverage(c) or ("", ""))[1].startswith(
        "Of GRU4Rec and MLP, which is not significantly less accurate, MLP shows more of the catalogue: 50.0\u00a0%"
    )
    assert (
        "a random recommender expects 81.0\u00a0%; the ceiling is 100.0\u00a0%"
        in (sentences.coverage(c) or ("", ""))[1]
    )


def test_groups_are_compared_by_their_intervals() -> None:
    groups = {"heavy": (Estimate(0.02, 0.01, 0.03), 152), "light": (Estimate(0.08, 0.05, 0.11), 152)}
    c = comparison(row("EASE", 0.05, groups=groups))
    found = sentences.users(c)
    assert found is not None
    assert found[1].endswith("their intervals do not overlap.")
    assert sentences.targets(c) is None


def test_claims_hold_only_where_the_test_says_so() -> None:
    c = comparison(
        row("EASE", 0.04, 0.2),
        against_base("GRU4Rec", 0.045, 0.005, False, 0.4),
        against_base("MLP", 0.03, -0.01, False),
    )
    balance, deep, alpha, tail = claims_of(on_films(c))
    assert balance.verdict == HOLDS
    assert (deep.verdict, deep.why) == (
        "does not hold",
        "Significantly above EASE in both: none of 2 neural models.",
    )
    assert alpha.verdict == tail.verdict == OPEN


def test_the_balance_goes_to_the_wider_of_two_equally_accurate() -> None:
    c = comparison(row("EASE", 0.05, 0.6), against_base("GRU4Rec", 0.045, -0.005, False, 0.4))
    balance = claims_of(on_films(c))[0]
    assert balance.verdict == "does not hold"
    # EASE is the most accurate model itself: it cannot be behind itself.
    assert balance.why == "EASE shows 60.0\u00a0% of the items; GRU4Rec reaches 0.0450, EASE 0.0500."
    c = comparison(
        row("EASE", 0.05),
        against_base("GRU4Rec", 0.045, -0.005, False, 0.4),
        against_base("MLP", 0.044, -0.006, False, 0.7),
    )
    assert claims_of(on_films(c))[0].why.startswith(
        "MLP shows 70.0\u00a0% of the items and is not significantly behind EASE in accuracy; GRU4Rec"
    )


def test_alpha_is_read_from_curves() -> None:
    rows = [
        {"method": "none", "strength": 0.0, "ndcg": 0.05, "itemcoverage": 0.2},
        {"method": "popularity_penalty", "strength": 0.1, "ndcg": 0.0495, "itemcoverage": 0.83},
    ]
    inputs = Inputs(curves={"EASE": {"validation": rows}})
    alpha = claims_of(on_films(comparison(row("EASE", 0.05)), inputs))[2]
    assert alpha.verdict == HOLDS
    assert "20.0\u00a0% → 83.0\u00a0%" in alpha.figure
    tested = [{**rows[0], "itemcoverage": 0.21}, {**rows[1], "itemcoverage": 0.84}]
    both = Inputs(curves={"EASE": {"validation": rows, "test": tested}})
    assert "(EASE, test)" in claims_of(on_films(comparison(row("EASE", 0.05)), both))[2].figure
    rows[1]["ndcg"] = 0.04
    assert "NDCG loses 20.0\u00a0%" in claims_of(on_films(comparison(row("EASE", 0.05)), inputs))[2].why


def test_numbers_become_words() -> None:
    assert percent(0.1764) == "17.6\u00a0%"
    assert percent(0.0005) == "0.05\u00a0%"
    assert signed(-0.0052) == "−0.0052"
    assert p_text(0.0002) == "p < 0.001"
    assert joined(["a", "b", "c"]) == "a, b and c"
    assert [seconds(value) for value in (0.2, 90, 600, 9000)] == ["under 1 s", "90 s", "10 min", "2.5 h"]
    assert against(difference(0.01, True)) == "+0.0100 [0.0000, +0.0200], p = 0.004 after Holm's correction"


def test_a_rerankings_loss_is_judged_by_its_interval(tmp_path: Path) -> None:
    def reranked(after: float, difference: list[float]) -> Reranked:
        values = {"ndcg@10": 0.05, "itemcoverage@10": 0.2, "tailshare@10": 0.1}
        metrics = {
            **{"rerank": {"method": "exposure", "coverage": 0.8}, "k": 10, "before": values},
            **{
                "after": {**values, "ndcg@10": after, "itemcoverage@10": 0.8},
                "difference": {"ndcg@10": difference},
            },
            "protocol": {"head_rule": "interactions_20"},
        }
        return Reranked(ListFolder(tmp_path, metrics), None, "EASE, exposure (coverage ≥ 0.8)")

    kept, lost = reranked(0.0495, [-0.0005, -0.002, 0.001]), reranked(0.03, [-0.02, -0.03, -0.01])
    assert (kept.is_cheap, lost.is_cheap) == (True, False)
    c = replace(context(comparison(row("EASE", 0.05))), reranked=(kept, lost))
    (name, first), (_, second) = debiasing_sentences(c)
    assert name == "EASE, exposure (coverage ≥ 0.8)"
    assert "(no significant difference: −0.0005 [−0.0020, +0.0010])" in first
    assert "from 20.0\u00a0% to 80.0\u00a0% (+60.0 points); tail items (interactions_20)" in first
    assert "no significant difference" not in second


def test_the_share_of_rare_films_is_that_of_the_most_accurate_model_under_each_head_rule() -> None:
    shares = {
        "SASRec": {"interactions_80": 0.2, "interactions_20": 0.8, "items_20": 0.4},
        "MLP": dict.fromkeys(HEAD_RULES, 0.95),
    }

    class WithShares(Context):
        def tail_share(self, folder: ListFolder, rule: str) -> float:
            return shares[folder.path.name][rule]

    class Films:
        popularity: ClassVar = dict.fromkeys("abcdefghij", 1)

        def tail_tokens(self, rule: str) -> list[str]:
            return list("abcdefghij"[: {"interactions_80": 6, "interactions_20": 9, "items_20": 8}[rule]])

    runs = {name: Run(Path(name), {}) for name in shares}
    c = comparison(
        row("EASE", 0.04), against_base("SASRec", 0.07, 0.03, True), against_base("MLP", 0.001, -0.04, True)
    )
    c = replace(c, rows=tuple(replace(one, runs=(runs[one.model],)) for one in c.rows if one.model in runs))
    c = replace(c, below_best={"MLP": difference(-0.069, True)}, dataset="ml-100k")
    known = WithShares(Inputs(), c, cast(DatasetFacts, Films()), "", ())
    found = claims_of(known)[3]
    assert (found.verdict, found.figure) == (
        OPEN,
        "SASRec: 20.0\u00a0% (interactions_80), 80.0\u00a0% (interactions_20), 40.0\u00a0% (items_20)",
    )
    assert found.why == (
        "It depends on what is called less popular, which the claim does not say: 60.0\u00a0% of the films under "
        "interactions_80, 90.0\u00a0% of the films under interactions_20 and 80.0\u00a0% of the films under items_20. "
        "SASRec, the most accurate model, reaches it under interactions_20 only."
    )
    shares["SASRec"]["interactions_20"] = 0.7
    assert claims_of(known)[3].verdict == "does not hold"
    shares["SASRec"] = dict.fromkeys(HEAD_RULES, 0.776)
    assert claims_of(known)[3].verdict == HOLDS
    assert claims_of(WithShares(Inputs(), c, None, "", ()))[3].verdict == OPEN


def test_a_platform_reads_people_and_films() -> None:
    c = comparison(row("EASE", 0.04, 0.2), against_base("SASRec", 0.07, 0.03, True, 0.5))
    c = replace(c, protocol={**c.protocol, "items": 3650})
    assert sentences.platform(c) == (
        "For a platform",
        "Out of 1,000 visitors, 140 with SASRec and 80 with EASE find in their list of 10 the item that they choose "
        "next. Of 3,650 items, SASRec shows 1,825 and EASE shows 730 to at least one user.",
    )
    c = replace(c, dataset="ml-1m")
    assert sentences.platform(c) == (
        "For a platform",
        "Out of 1,000 visitors, 140 with SASRec and 80 with EASE find in their list of 10 the film that they rate "
        "next. Of 3,650 films, SASRec shows 1,825 and EASE shows 730 to at least one user.",
    )


def test_what_favours_a_model_is_said() -> None:
    gru = against_base("GRU4Rec", 0.05, 0.01, True)
    gru = replace(gru, family="sequence", difference={**gru.difference, "hit@10": difference(0.01, False)})
    c = replace(comparison(row("EASE", 0.04), gru), protocol={"split": "leave_one_out"})
    name, words = sentences.fairness(c) or ("", "")
    assert name == "What to bear in mind"
    assert words.startswith(
        "GRU4Rec is significantly better than EASE in NDCG@10, but not in Hit@10. In the test, a "
    )
    c = replace(c, dataset="ml-1m", rows=(row("EASE", 0.04),), protocol={"users_decided_by_tie_break": 0.225})
    assert (sentences.fairness(c) or ("", ""))[1].startswith(
        "For 22.5\u00a0% of the users several films have the time stamp of the held-out one, and the order of the file "
    )
    drawn = replace(c, protocol={**c.protocol, "tie_break": "random"})
    assert (
        "and a random draw decides which of them is held out." in (sentences.fairness(drawn) or ("", ""))[1]
    )
    assert sentences.fairness(replace(c, protocol={})) is None


def test_a_baseline_that_leads_is_compared_once() -> None:
    gaps = {"ItemKNN": (-0.005, False), "MLP": (-0.04, True), "Random": (-0.045, True)}
    c = comparison(
        row("EASE", 0.05), *(against_base(name, 0.05 + gap, gap, sure) for name, (gap, sure) in gaps.items())
    )
    c = replace(c, below_best={name: difference(*values) for name, values in gaps.items()})
    words = sentences.accuracy(c)[1]
    assert words.endswith(
        " Not significantly behind EASE: ItemKNN. Significantly below EASE: MLP and Random."
    )
    tests = next(block for block in comparison_section(context(c)).blocks if isinstance(block, Details))
    assert len(tests.blocks) == 1
    c = replace(c, below_best={name: difference(gap, True) for name, (gap, _) in gaps.items()})
    assert sentences.accuracy(c)[1].endswith(" Every other model is significantly behind EASE.")
    c = replace(c, rows=c.rows[:2], below_best={"ItemKNN": difference(-0.005, True)})
    assert sentences.accuracy(c)[1].endswith(" ItemKNN is significantly behind EASE.")


def test_a_floor_that_is_not_proven_worse_is_not_called_so() -> None:
    c = comparison(row("EASE", 0.05), against_base("Random", 0.045, -0.005, False))
    c = replace(c, below_best={"Random": difference(-0.005, False)})
    assert "Every other model" not in sentences.accuracy(c)[1]
    assert "Not significantly behind EASE: Random." in sentences.accuracy(c)[1]


def test_one_neural_model_is_no_plural() -> None:
    c = comparison(row("EASE", 0.05, 0.6), against_base("MLP", 0.03, -0.02, True))
    assert sentences.neural(c) == (
        "Neural or not",
        "One neural model was compared with EASE: MLP is significantly worse. It reaches 0.0300 against 0.0500 "
        "(p = 0.004).",
    )
    assert (
        claims_of(on_films(c))[1].why
        == "MLP, the only neural model, is not significantly above EASE in both."
    )
    c = comparison(
        row("EASE", 0.05),
        against_base("GRU4Rec", 0.07, 0.02, True),
        against_base("MLP", 0.049, -0.001, False),
    )
    assert (
        "2 neural models were compared with EASE: GRU4Rec is significantly better and for MLP no"
        in (sentences.neural(c) or ("", ""))[1]
    )
    assert claims_of(on_films(c))[1].why == (
        "Significantly above EASE in both: only 1 of 2 neural models (GRU4Rec)."
    )


def test_models_that_do_not_learn_are_not_called_accurate() -> None:
    c = comparison(row("Random", 0.004, 0.9), row("Random 2", 0.003, 0.95), baseline="Random")
    c = replace(c, rows=tuple(replace(one, family="floor") for one in c.rows))
    c = replace(c, below_best={"Random 2": difference(-0.001, False)})
    assert (sentences.coverage(c) or ("", ""))[1].startswith("Random shows 90.0\u00a0% of the items")
    assert sentences.speed(c) is None


def test_equal_times_are_said_once() -> None:
    c = comparison(
        row("EASE", 0.05, seconds_training=0.2),
        replace(against_base("ItemKNN", 0.049, -0.001, False), seconds_training=0.4),
    )
    assert sentences.speed(c) == (
        "For speed",
        "Of EASE and ItemKNN, which is not significantly less accurate, each trains in under 1 s, on the machine of "
        "these runs.",
    )


def test_the_table_of_the_tuning_shows_seconds_where_minutes_would_be_nothing() -> None:
    effort = {
        "EASE": {"trials": 3, "best_value": 0.1, "minutes": 0.03},
        "MLP": {"trials": 3, "minutes": 1.26},
    }
    found = tuning_section(context(replace(comparison(row("EASE", 0.05)), tuning=effort)))
    assert found is not None
    assert [cells[3].text for cells in found.blocks[0].rows] == ["2 s", "1.3"]  # type: ignore[union-attr]


def test_the_remark_below_the_table_is_right_in_both_formats() -> None:
    c = comparison(row("EASE", 0.05))
    (words,) = (block.text for block in comparison_section(context(c)).blocks if isinstance(block, Paragraph))
    assert words.startswith("Below a figure, or in brackets after it: 95 % bootstrap interval over users. ")
    assert "The last two rows of the second table say what a random recommender expects" in words
    assert "The last two rows" not in str(comparison_section(context(replace(c, bounds={}))).blocks)
    groups = {name: (Estimate(0.05, 0.04, 0.06), 9) for name in ("heavy", "light")}
    found = groups_section(context(comparison(row("EASE", 0.05, groups=groups))))
    assert found is not None
    assert "Small type" not in str(found.blocks[-1])
    assert "in brackets after it: 95 % bootstrap interval" in str(found.blocks[-1])


def test_an_undecided_test_is_called_so() -> None:
    """Neither a significant difference nor none: other flips of the same test could decide it."""
    c = comparison(row("EASE", 0.04), against_base("GRU4Rec", 0.045, 0.005, False))
    gru = next(one for one in c.rows if one.model == "GRU4Rec")
    for key, one in gru.difference.items():
        gru.difference[key] = replace(one, p=0.0499, p_holm=0.0499, undecided=True)
    assert sentences.headline(c)[0] == "GRU4Rec leads, but no model is proven better than EASE"
    assert "undecided: +0.0050" in sentences.accuracy(c)[1]
    assert "Undecided against EASE: GRU4Rec." in sentences.accuracy(c)[1]
    told = sentences.neural(c)
    assert told is not None
    assert "for GRU4Rec the test is undecided" in told[1]
    assert claims_of(on_films(c))[1].verdict == OPEN
    assert difference_text(next(iter(gru.difference.values()))).endswith("p 0.0499 (undecided)")
    table = repr(comparison_section(context(c)).blocks)
    assert "undecided, p = 0.050" in table
    assert "undecided = p is within two of its standard errors of the level" in table


def test_data_of_ones_own_has_items_and_no_published_claims() -> None:
    c = comparison(row("EASE", 0.04), against_base("GRU4Rec", 0.07, 0.03, True))
    assert claims_of(context(c)) == []
    assert claims_section(context(c)) is None
    assert len(claims_of(on_films(c))) == 4
    for dataset, there, absent in (("toy", "item", "film"), ("ml-20m", "film", "published item")):
        known = context(replace(c, dataset=dataset))
        page = [question_section(known), interpretability_section(known)]
        assert f"the next {there} best" in str(page)
        assert f"likes the {there}" in str(page)
        assert absent not in str(page).replace("item_id", "")

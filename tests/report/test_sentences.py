"""From numbers to sentences: each verdict follows from the tests, not from the means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from recbole_ext.report import sentences
from recbole_ext.report.claims import HOLDS, OPEN, claims_of
from recbole_ext.report.comparison import Estimate
from recbole_ext.report.context import Context, Reranked
from recbole_ext.report.inputs import Inputs, ListFolder
from recbole_ext.report.sections.opening import debiasing_sentences
from recbole_ext.report.wording import against, joined, p_text, percent, seconds, signed
from tests.report.toy import against_base, comparison, difference, row


def context(comparison_: object, inputs: Inputs | None = None) -> Context:
    return Context(inputs or Inputs(), comparison_, None, "", ())  # type: ignore[arg-type]


def test_a_lead_without_proof_is_called_so() -> None:
    c = comparison(row("EASE", 0.04), against_base("GRU4Rec", 0.045, 0.005, False))
    title, lead = sentences.headline(c)
    assert title == "GRU4Rec leads, but no model is proven better than EASE"
    assert "none is significantly better than EASE, the best non-neural baseline by validation NDCG" in lead
    assert "no significant difference: +0.0050" in sentences.accuracy(c)[1]
    assert "No significant difference to EASE is shown for GRU4Rec." in sentences.accuracy(c)[1]


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


def test_one_run_alone_is_not_compared() -> None:
    c = comparison(row("EASE", 0.05), baseline=None)
    assert sentences.headline(c)[0] == "EASE on toy"
    assert sentences.neural(c) is None


def test_a_model_better_than_the_baseline_proves_nothing_of_a_third_one() -> None:
    c = comparison(
        row("EASE", 0.04),
        against_base("GRU4Rec", 0.07, 0.03, True),
        against_base("MLP", 0.06, 0.02, False, 0.5),
    )
    c = replace(c, below_best={"EASE": difference(-0.03, True), "MLP": difference(-0.01, False)})
    assert [one.model for one in sentences.leaders(c)] == ["GRU4Rec", "MLP"]
    assert "MLP shows most of the catalogue: 50.0\u00a0%" in (sentences.coverage(c) or ("", ""))[1]
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
    balance, deep, alpha, tail = claims_of(context(c))
    assert balance.verdict == HOLDS
    assert (deep.verdict, deep.why) == (
        "does not hold",
        "Significantly above EASE in both: none of 2 neural models.",
    )
    assert alpha.verdict == tail.verdict == OPEN


def test_the_balance_goes_to_the_wider_of_two_equally_accurate() -> None:
    c = comparison(row("EASE", 0.05, 0.6), against_base("GRU4Rec", 0.045, -0.005, False, 0.4))
    balance = claims_of(context(c))[0]
    assert balance.verdict == "does not hold"
    assert "EASE shows 60.0\u00a0% of the items" in balance.why


def test_alpha_is_read_from_curves() -> None:
    rows = [
        {"method": "none", "strength": 0.0, "ndcg": 0.05, "itemcoverage": 0.2},
        {"method": "popularity_penalty", "strength": 0.1, "ndcg": 0.0495, "itemcoverage": 0.83},
    ]
    inputs = Inputs(curves={"EASE": {"validation": rows}})
    alpha = claims_of(context(comparison(row("EASE", 0.05)), inputs))[2]
    assert alpha.verdict == HOLDS
    assert "20.0\u00a0% → 83.0\u00a0%" in alpha.figure
    rows[1]["ndcg"] = 0.04
    assert "NDCG loses 20.0\u00a0%" in claims_of(context(comparison(row("EASE", 0.05)), inputs))[2].why


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


def test_a_model_that_ranks_badly_does_not_prove_the_share_of_rare_films() -> None:
    shares = {"SASRec": 0.3, "EASE": 0.1, "MLP": 0.9}

    class WithShares(Context):
        one_run_each = property(lambda self: {name: name for name in shares})  # type: ignore[assignment]

        def tail_share(self, folder: object, rule: str) -> float:
            return shares[str(folder)]

    c = comparison(
        row("EASE", 0.04), against_base("SASRec", 0.07, 0.03, True), against_base("MLP", 0.001, -0.04, True)
    )
    found = claims_of(WithShares(Inputs(), c, None, "", ()))[3]  # type: ignore[arg-type]
    assert found.verdict == "does not hold"
    assert "SASRec" in found.figure
    assert "MLP" not in found.figure
    shares["SASRec"] = 0.8
    assert claims_of(WithShares(Inputs(), c, None, "", ()))[3].verdict == HOLDS  # type: ignore[arg-type]

"""Intervals have the confidence level of the runs, and are named by the level with which they were computed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recbole_ext.evaluator.confidence import mean_interval, paired_difference
from recbole_ext.report import write_report
from recbole_ext.report.comparison import compare_runs
from recbole_ext.report.context import Context, Reranked, context_of
from recbole_ext.report.document import Table
from recbole_ext.report.inputs import Inputs, ListFolder, Run, read_inputs
from recbole_ext.report.sections.opening import debiasing_sentences
from recbole_ext.report.sections.people import overlap_section
from recbole_ext.report.wording import interval_words
from tests.report.toy import against_base, comparison, row

SAMPLES = Path(__file__).parents[1] / "runs" / "written_by_0_1_0"
FOLDERS = ("gru", "knn", "gru-rerank", "gru-pareto", "ablation")
Content = dict[str, Any]


def changed(file: Path, change: Callable[[Content], Any]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.fixture
def at_80(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders of 0.1.0 whose protocol says 0.8."""
    shutil.copytree(SAMPLES / "dataset", tmp_path / "dataset")
    monkeypatch.chdir(tmp_path)
    for name in FOLDERS:
        shutil.copytree(SAMPLES / "saved" / name, tmp_path / "saved" / name)
        file = "ablation.json" if name == "ablation" else "metrics.json"
        changed(tmp_path / "saved" / name / file, lambda content: content["protocol"].update(confidence=0.8))
    return [Path("saved") / name for name in FOLDERS]


def test_every_interval_is_named_by_its_level(at_80: list[Path]) -> None:
    text = write_report(at_80, output=Path("r.md")).read_text(encoding="utf-8")
    # What rerank and pareto of 0.1.0 have stored, and nothing else, is at 95 %: the notes below two tables, and
    # a sentence for the lists and one for the curves.
    assert text.count("95 % interval") == 4
    assert "in brackets after it: 95 % interval over users; n.s. = the interval contains 0" in text
    assert "in brackets after it: 95 % interval over users; n.s. = no significant difference" in text
    for words in (
        "(80 % interval 0.",
        "on the test items, with 80 % intervals",
        "in brackets after it: 80 % bootstrap interval over users",
        "| Difference | 80 % interval | p |",
        "Bars: 80 % interval of NDCG",
        "in brackets after it: 80 % bootstrap interval.",
        "; band: 80 % interval.",
        "in brackets after it: 80 % bootstrap interval of a setting, over users",
    ):
        assert words in text, words
    for name in ("gru-rerank", "gru-pareto"):
        changed(Path("saved") / name / "metrics.json", lambda content: content.update(level=0.8))
    text = write_report(at_80, output=Path("r.md")).read_text(encoding="utf-8")
    assert "95 %" not in text
    assert "in brackets after it: 80 % interval over users; n.s. = the interval contains 0" in text


def test_intervals_and_tests_are_computed_at_the_level_of_the_runs(at_80: list[Path]) -> None:
    runs = {run.model: run for run in read_inputs(at_80[:2]).runs}
    found = compare_runs(tuple(runs.values()))
    key = found.key("ndcg")
    (other,) = (name for name in runs if name != found.baseline)
    values = {name: run.per_user[key].to_numpy() for name, run in runs.items()}
    wanted = paired_difference(values[other], values[str(found.baseline)], level=0.8)
    tested = found.rows[[one.model for one in found.rows].index(other)].difference[key]
    assert (tested.low, tested.high) == (wanted.low, wanted.high)
    assert paired_difference(values[other], values[str(found.baseline)]).low < tested.low
    best, second = (one.model for one in found.rows)
    against = paired_difference(values[second], values[best], level=0.8)
    assert (found.below_best[second].low, found.below_best[second].high) == (against.low, against.high)


def test_a_difference_is_significant_at_the_level_of_the_runs(at_80: list[Path]) -> None:
    """Four users differ, all alike: of 16 ways to give signs 2 are as far from zero, so p = 0.125 < 0.2."""
    for name, gained in (("gru", 1.0), ("knn", 0.0)):
        file = Path("saved") / name / "per_user.parquet"
        table = pl.read_parquet(file)
        values = np.where(np.arange(len(table)) < 4, gained, 0.0)
        table.with_columns(pl.Series("ndcg@5", values)).write_parquet(file)
        mean = float(values.mean())
        changed(
            file.with_name("metrics.json"),
            lambda content, mean=mean: content["test"].update({"ndcg@5": mean}),
        )
    found = compare_runs(read_inputs(at_80[:2]).runs)
    (tested,) = (one.difference["ndcg@5"] for one in found.rows if one.difference)
    (against_best,) = found.below_best.values()
    for one in (tested, against_best):
        assert (one.p_holm, one.significant) == (pytest.approx(0.125), True)


def test_seeds_and_groups_have_intervals_at_the_level_of_the_runs(at_80: list[Path]) -> None:
    second = Path("saved") / "second"
    shutil.copytree("saved/gru", second)
    changed(second / "metrics.json", lambda content: content["protocol"].update(seed=7))
    config = (second / "config.yaml").read_text()
    (second / "config.yaml").write_text(config.replace("seed: 2020", "seed: 7"))
    known = context_of(read_inputs([at_80[0], second]))
    (only,) = known.comparison.rows
    table = pl.read_parquet("saved/gru/per_user.parquet").sort("user_id")
    values = table["ndcg@5"].to_numpy()
    figure = only.metrics["ndcg@5"]
    assert (figure.low, figure.high) == pytest.approx(mean_interval(values, level=0.8))
    assert known.dataset is not None
    heavy = values[table["user_id"].is_in(list(known.dataset.users_of["heavy"])).to_numpy()]
    estimate, n = only.groups["heavy"]
    assert (estimate.low, estimate.high, n) == pytest.approx((*mean_interval(heavy, level=0.8), len(heavy)))


def reranked(tmp_path: Path, **more: Any) -> Reranked:
    values = {"ndcg@10": 0.05, "itemcoverage@10": 0.2}
    metrics = {"rerank": {"method": "mmr"}, "k": 10, "before": values, "after": values, **more}
    return Reranked(ListFolder(tmp_path, metrics), None, "EASE, mmr")


def test_a_difference_of_another_level_says_so(tmp_path: Path) -> None:
    """0.1.0 computed the differences of a re-ranking at 0.95, whatever the protocol said, and did not record it."""
    stored = {"difference": {"ndcg@10": [-0.01, -0.02, -0.001]}}
    c = replace(comparison(row("EASE", 0.05)), protocol={"confidence": 0.8})
    old, new = reranked(tmp_path, **stored), reranked(tmp_path, **stored, level=0.8)
    assert (old.level, new.level) == (0.95, 0.8)
    (_, first), (_, second) = debiasing_sentences(Context(Inputs(), c, None, "", (old, new)))
    assert "(−0.0100 [−0.0200, −0.0010], 95 % interval)" in first
    assert "(−0.0100 [−0.0200, −0.0010])" in second
    curve = {
        "test": [
            {"method": "none", "strength": 0.0, "ndcg": 0.05, "itemcoverage": 0.2},
            {
                **{"method": "mmr", "strength": 0.3, "ndcg": 0.04, "itemcoverage": 0.4},
                **{"ndcg_difference": -0.01, "difference_low": -0.02, "difference_high": -0.001},
            },
        ]
    }
    for level, words in ((None, "[−0.0200, −0.0010], 95 % interval."), (0.8, "[−0.0200, −0.0010].")):
        inputs = Inputs(curves={"EASE": curve if level is None else {**curve, "level": level}})
        assert debiasing_sentences(Context(inputs, c, None, "", ()))[0][1].endswith(words)


def test_a_difference_that_is_not_stored_is_computed_at_the_level_of_the_run(at_80: list[Path]) -> None:
    changed(Path("saved/gru-rerank/metrics.json"), lambda content: content.pop("difference"))
    (one,) = context_of(read_inputs([at_80[0], at_80[2]])).reranked
    before, after = (
        pl.read_parquet(f"saved/{name}/per_user.parquet").sort("user_id")["ndcg@5"].to_numpy()
        for name in ("gru", "gru-rerank")
    )
    wanted = paired_difference(after, before, level=0.8)
    assert one.level == 0.8
    assert one.ndcg_difference == (wanted.mean, wanted.low, wanted.high)


def test_levels_that_differ_are_named_one_by_one() -> None:
    assert interval_words({"EASE": 0.95, "MLP": 0.95}) == "95 % interval"
    assert interval_words({"EASE": 0.95, "MLP": 0.8}) == "interval of 95 % (EASE) and 80 % (MLP)"
    assert interval_words({"EASE": 0.999}, "bootstrap interval") == "99.9 % bootstrap interval"


def lists(folder: Path, kept: dict[str, int]) -> Run:
    """A run whose list of each user holds so many of the items 0 to 9, and others."""
    rows = [
        {"user_id": user, "rank": place + 1, "item_id": str(place if place < count else place + 10)}
        for user, count in kept.items()
        for place in range(10)
    ]
    folder.mkdir()
    pl.DataFrame(rows).write_parquet(folder / "recommendations.parquet")
    return Run(folder, {})


class Users:
    """A data set whose groups give their members in the order in which a hash might put them."""

    def __init__(self, order: list[str]) -> None:
        self.users = sorted(order)
        self.users_of = {"heavy": order, "light": order}


def test_a_share_in_common_is_summed_in_one_order(tmp_path: Path) -> None:
    """The order of a set of texts changes from process to process, and (a + b) + c is not always a + (b + c)."""
    kept = {"a": 0, "b": 1, "c": 3}
    runs = (lists(tmp_path / "EASE", dict.fromkeys(kept, 10)), lists(tmp_path / "GRU4Rec", kept))
    c = comparison(row("EASE", 0.05), against_base("GRU4Rec", 0.04, -0.01, False))
    c = replace(c, rows=tuple(replace(one, runs=(run,)) for one, run in zip(c.rows, runs, strict=True)))
    found = set()
    for order in ("abc", "acb", "bac", "bca", "cab", "cba"):
        known = Context(Inputs(), c, Users(list(order)), "", ())  # type: ignore[arg-type]
        section = overlap_section(known)
        assert section is not None
        table = section.blocks[-1]
        assert isinstance(table, Table)
        found.add(tuple(cell.value for cell in table.rows[0][1:]))
    (values,) = found
    assert values == pytest.approx((4 / 30, 4 / 30, 4 / 30))

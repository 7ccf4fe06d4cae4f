"""Searches in the report: the direction of an aim, the front, what a parameter explains, and damaged tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recbole_ext.errors import CheckpointError
from recbole_ext.report import write_report
from recbole_ext.report.document import Figure, Paragraph, Table
from recbole_ext.report.importance import by_chance, explained
from recbole_ext.report.sections.search_charts import search_charts
from recbole_ext.report.sections.search_front import front_of_search
from recbole_ext.runs.results import TuneFigures
from recbole_ext.runs.trials import Trials, by_model, read_trials


def search(folder: Path, columns: str, rows: list[str], **facts: Any) -> Trials:
    """A search as ``tune`` leaves it; ``columns`` are those of objectives, ``k`` and ``kind`` are searched."""
    folder.mkdir(parents=True)
    head = f"number,state,{columns},seconds,epochs,best_epoch,k,kind,same_as,reason"
    (folder / "trials.csv").write_text("\n".join([head, *rows]) + "\n")
    (folder / "tuning.json").write_text(json.dumps({"objectives": columns.split(","), **facts}))
    return read_trials(folder, TuneFigures(**facts))


def minimised(folder: Path, **facts: Any) -> Trials:
    """Four trials: 30, 10, 20 and 40."""
    rows = [
        f"{n},complete,{value},1.0,1,0,{n + 5},{kind},,"
        for n, (value, kind) in enumerate(((30, "a"), (10, "b"), (20, "a"), (40, "b")))
    ]
    column = str(facts.get("objectives", ["AvgPopularity@10"])[0]).lower()
    return search(folder, column, rows, **facts)


def test_the_best_of_a_metric_to_be_minimised_is_the_smallest(tmp_path: Path) -> None:
    history, kind, k = search_charts("Pop", minimised(tmp_path / "s", objectives=["AvgPopularity@10"]))
    assert isinstance(history, Figure)
    assert history.description == (
        "The best of 4 finished trials, 10.0000, is number 1: the smallest, since a smaller Mean popularity@10 is "
        "better"
    )
    assert "Mean popularity@10 on validation (less is better)" in history.wide
    assert isinstance(k, Figure)
    assert k.description == "The best of 4 different trials, number 1, has k = 6"
    assert isinstance(kind, Figure)
    assert kind.description == "b (2 trials) 10.0000; a (2 trials) 20.0000"


def test_the_line_of_the_best_so_far_follows_the_direction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(
        "recbole_ext.report.sections.search_charts.lines_chart",
        lambda title, words, lines, labels, **more: (
            drawn.append(lines) or Figure(title, words, "", "")  # type: ignore[func-returns-value]
        ),
    )
    search_charts("Pop", minimised(tmp_path / "s", objectives=["AvgPopularity@10"]))
    assert list(drawn[0][1].y) == [30, 30, 10, 10, 10, 10, 10]
    assert list(drawn[0][1].x) == [0, 1, 1, 2, 2, 3, 3]


def test_a_metric_that_only_the_search_knew_has_the_direction_of_its_winner(tmp_path: Path) -> None:
    for winner, bigger in ((1, False), (3, True)):
        one = minimised(tmp_path / str(winner), objectives=["Own@10"], best_number=winner)
        assert [(o.key, o.name, o.bigger) for o in one.objectives] == [("own@10", "Own@10", bigger)]


def test_the_front_is_named_drawn_and_listed(tmp_path: Path) -> None:
    # 2 is beaten by 0 and 3 by 1; 4 repeats the settings of 0.
    values = ["0.3,50", "0.2,20", "0.25,60", "0.2,30", "0.3,50"]
    rows = [
        f"{n},complete,{value},1.0,1,0,{5 + n % 4},a,{0 if n == 4 else ''}," for n, value in enumerate(values)
    ]
    names = ["NDCG@10", "AvgPopularity@10"]
    words, chart, table = front_of_search(
        "EASE", search(tmp_path / "s", "ndcg@10,avgpopularity@10", rows, objectives=names)
    )
    assert isinstance(words, Paragraph)
    assert words.text.startswith(
        "The front of the search is trials 0 and 1, out of 4: no other trial is better"
    )
    assert isinstance(chart, Figure)
    assert chart.caption == "4 different trials finished, 2 of them on the front, with their numbers."
    assert chart.wide.count('class="c1 line"') == 1
    assert chart.legend == (("c5", "another trial"), ("c1", "on the front"))
    assert isinstance(table, Table)
    assert table.columns == ("Trial", "NDCG@10", "Mean popularity@10", "k", "kind")
    assert [[one.text for one in row] for row in table.rows] == [
        ["0", "0.3000", "50.0000", "5", "a"],
        ["1", "0.2000", "20.0000", "6", "a"],
    ]


def test_a_trial_that_is_best_in_every_aim_is_the_whole_front(tmp_path: Path) -> None:
    rows = [f"{n},complete,0.{n + 1},0.{n + 1},1.0,1,0,5,a,," for n in range(3)]
    words, chart, _ = front_of_search("EASE", search(tmp_path / "s", "ndcg@10,itemcoverage@10", rows))
    assert "Trial 2 is the whole front" in str(words)
    assert isinstance(chart, Figure)
    assert 'class="c1 line"' not in chart.wide


def test_what_a_parameter_explains_is_less_what_chance_gives() -> None:
    trials = pl.DataFrame({"a": ["x", "y"] * 4, "b": [1, 1, 2, 2] * 2, "value": [1.0, 2.0] * 4})
    assert explained(trials, "value", ["a", "b"]) == pytest.approx({"a": 1.0, "b": 0.0})
    # Means of the halves 2.5 and 4.5: within 5 + 5, total 10 + 8; 1 - 10/18 * 7/6 = 38/108, where eta squared is 8/18.
    halves = pl.DataFrame({"k": range(8), "value": [1.0, 2, 3, 4, 3, 4, 5, 6]})
    assert explained(halves, "value", ["k"]) == pytest.approx({"k": 38 / 108})


def test_what_chance_reaches_is_counted() -> None:
    # Of 70 ways to deal four zeros and four ones to halves, 2 part them (share 1), 32 leave three and one: between
    # 8 * 0.25^2 of 2, so 1 - 3/4 * 7/6 = 1/8. One in twenty lies among the 32.
    trials = pl.DataFrame({"k": ["x"] * 4 + ["y"] * 4, "value": [0.0] * 4 + [1.0] * 4})
    assert by_chance(trials, "value", ["k"]) == pytest.approx(1 / 8)


def test_a_value_that_is_no_number_is_named(tmp_path: Path, folders: dict[str, Path]) -> None:
    rows = ["0,complete,0.1,1.0,1,0,5,a,,", "1,fail,,1.0,,,6,a,,late", "2,complete,abc,1.0,1,0,7,a,,"]
    with pytest.raises(
        CheckpointError, match=r"trials\.csv has 'abc' in the column ndcg@10 of row 3, where a"
    ):
        search(tmp_path / "bad", "ndcg@10", rows)
    with pytest.raises(
        CheckpointError, match=r"has 'abc' in the column ndcg@10 .*: remove this file and repeat"
    ):
        write_report([folders["Pop"], tmp_path / "bad"], output=tmp_path / "r.md")
    with pytest.raises(CheckpointError, match="has nothing in the column ndcg@10 of row 1"):
        search(tmp_path / "none", "ndcg@10", ["0,complete,,1.0,1,0,5,a,,"])
    with pytest.raises(CheckpointError, match="has 'x' in the column number of row 1"):
        search(tmp_path / "number", "ndcg@10", ["x,complete,1,1.0,1,0,5,a,,"])
    (tmp_path / "bad" / "trials.csv").write_text("number,state,seconds,best_epoch,same_as\n0,complete,1,1,\n")
    with pytest.raises(CheckpointError, match="lacks the value of each trial between state and seconds"):
        read_trials(tmp_path / "bad", TuneFigures())


def test_searches_are_called_by_their_model_and_none_hides_another(tmp_path: Path) -> None:
    pop, ease = ({"model": model, "objectives": ["AvgPopularity@10"]} for model in ("Pop", "EASE"))
    first, second = minimised(tmp_path / "a" / "tuned", **pop), minimised(tmp_path / "b" / "tuned", **pop)
    third, other = minimised(tmp_path / "b" / "more", **pop), minimised(tmp_path / "c" / "tuned", **ease)
    again = read_trials(tmp_path / "a" / ".." / "c" / "tuned", TuneFigures(**ease))
    found = by_model([first, second, third, other, again])
    assert list(found) == ["Pop (a/tuned)", "Pop (b/tuned)", "Pop (more)", "EASE"]
    assert list(found.values())[:3] == [first, second, third]


def test_a_search_without_objectives_or_with_a_cut_table_is_named(
    tmp_path: Path, folders: dict[str, Path]
) -> None:
    folder = tmp_path / "search"
    search(folder, "ndcg@10", ["0,complete,0.1,1.0,1,0,5,a,,"])
    (folder / "trials.parquet").write_bytes(b"PAR1")
    with pytest.raises(CheckpointError, match=r"trials\.parquet is damaged"):
        write_report([folders["Pop"], folder], output=tmp_path / "r.md")
    (folder / "trials.parquet").unlink()
    (folder / "tuning.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"tuning\.json lacks objectives: repeat the search"):
        write_report([folders["Pop"], folder], output=tmp_path / "r.md")
    assert not (tmp_path / "r.md").exists()

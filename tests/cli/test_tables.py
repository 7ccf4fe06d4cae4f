"""Tables at any width: fewer columns, but every name and number whole."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from recbole_ext.cli import main, show
from recbole_ext.cli.table import runs_table
from recbole_ext.cli.tables import Grid, fitting, print_grid
from recbole_ext.evaluator.difference import Difference
from recbole_ext.runs.results import Comparison, ComparisonRow, Estimate
from recbole_ext.study.table import comparison_tables
from tests.conftest import write_inter

SAMPLES = Path(__file__).parents[1] / "runs" / "written_by_0_1_0" / "saved"
NAMES = ["Random", "GRU4Rec", "PersonalTopK", "SequentialRules"]


def screen(width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width, height=24, color_system=None, soft_wrap=True)


def printed(grid: Grid, width: int = 80) -> str:
    console = screen(width)
    print_grid(grid, console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def cells_of(line: str) -> list[str]:
    """Cells of a line: they are set apart by two blanks."""
    return [cell for cell in re.split(r"\s{2,}", line.strip()) if cell]


def check_whole(grid: Grid, width: int = 80) -> int:
    """Every row of the table stands in one line with whole cells; the number of columns that are shown."""
    console = screen(width)
    table, left_out = fitting(grid, console)
    shown = [column for column, header in enumerate(grid.headers) if header not in left_out]
    lines = [line for line in printed(grid, width).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("(")]
    assert all(len(line) <= width for line in lines)
    body = lines[-len(grid.rows) :]
    for row, line in zip(grid.rows, body, strict=True):
        assert cells_of(line) == [row[column] for column in shown if row[column]]
    return len(table.columns)


WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=14)
FIGURES = st.floats(-9999, 9999).map("{:.4f}".format)
INTERVALS = st.tuples(FIGURES, FIGURES, FIGURES).map(lambda three: "{} [{}, {}]".format(*three))


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    columns, rows = draw(st.integers(1, 12)), draw(st.integers(1, 20))
    heads = [f"{draw(WORDS)}@{number}" for number in range(columns)]
    body = [[draw(WORDS), *(draw(FIGURES | INTERVALS) for _ in range(columns - 1))] for _ in range(rows)]
    order = draw(st.permutations(range(1, columns))) if draw(st.booleans()) else ()
    return Grid("", heads, body, order)


@given(grids(), st.integers(60, 200))
def test_every_cell_that_is_shown_is_whole(grid: Grid, width: int) -> None:
    check_whole(grid, width)


@given(grids())
def test_nothing_is_left_out_where_there_is_room_and_all_is_named_where_not(grid: Grid) -> None:
    assert fitting(grid, screen(10_000))[1] == []
    left_out = fitting(grid, screen(60))[1]
    said = printed(grid, 60)
    assert all(header in said for header in left_out)


def test_the_important_columns_stay() -> None:
    row = ["GRU4Rec", "0.0778 [0.065, 0.092]", "0.1527 [0.130, 0.175]", "0.0554 [0.044, 0.067]", "0.303"]
    heads = ["model", "NDCG@10", "Hit@10", "MRR@10", "ItemCoverage@10"]
    left_out = fitting(Grid("", heads, [row], order=(1, 4, 2, 3)), screen(80))[1]
    # Without room for MRR, which comes last.
    assert left_out == ["MRR@10"]


def test_a_name_longer_than_the_terminal_goes_on_in_the_next_line() -> None:
    name = "my_package.my_module:" + "X" * 100
    said = printed(Grid("", ["model", "NDCG@10"], [[name, "0.1"]]))
    assert name in "".join(said.split())


def metrics() -> dict[str, Any]:
    values: dict[str, Any] = json.loads((SAMPLES / "gru" / "metrics.json").read_text())
    return values


@pytest.mark.parametrize("ks", [[5], [5, 10, 20], [1, 2, 5, 10, 20, 50, 100]])
def test_the_tables_of_a_run_are_whole(ks: list[int]) -> None:
    content = metrics()
    old = content["protocol"]["topk"][0]
    for block in ("test", "test_intervals"):
        names = [key.partition("@")[0] for key in content[block] if key.endswith(f"@{old}")]
        content[block] = {f"{name}@{k}": content[block][f"{name}@{old}"] for name in names for k in ks}
    content["protocol"] = {**content["protocol"], "topk": ks, "shown_k": ks[-1]}
    grid = show._accuracy(content, ["recall", "ndcg", "precision"])
    assert check_whole(grid) == 1 + min(len(ks), 3)
    # The K that decides is there, however many there are.
    assert f"@{ks[-1]} " in printed(grid) + " "
    bounds = {"random": {}, "ceiling": {}}
    beyond = [key.partition("@")[0] for key in content["test"] if key.endswith(f"@{ks[-1]}")]
    assert check_whole(show._beyond({**content, "test_bounds": bounds}, beyond, ks[-1])) == 5


def test_runs_side_by_side_are_whole() -> None:
    runs = [SAMPLES / "gru", SAMPLES / "knn"]
    for against in (None, SAMPLES / "knn"):
        assert check_whole(runs_table(runs, against=against).grid()) >= 3


def comparison(models: Sequence[str]) -> Comparison:
    keys = [f"{name}@10" for name in ("ndcg", "hit", "recall", "mrr", "itemcoverage", "tailshare", "gini")]
    one, other = (
        Estimate(0.0765, 0.0622, 0.0912, 0.0021),
        Difference(0.0415, 0.0241, 0.0584, 0.002, 0.002, True),
    )
    rows = [
        ComparisonRow(
            model,
            metrics=dict.fromkeys(keys, one),
            difference=dict.fromkeys(keys[:3], other) if number else {},
        )
        for number, model in enumerate(models)
    ]
    protocol = {"shown_k": 10, "confidence": 0.95, "baseline_rule": "r", "test_rule": "t", "head_rule": "h"}
    return Comparison(baseline=models[0], protocol=protocol, epochs_from=1, rows=rows)


def test_the_tables_of_a_comparison_are_whole() -> None:
    for table in comparison_tables(comparison(NAMES)):
        assert check_whole(Grid(table.title, table.head, table.rows)) >= 2


def test_every_table_of_the_commands_fits_into_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipe has 80 columns, too; --wide has as many as it takes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    rows = [(f"u{u}", f"i{(u + 3 * place) % 20}", 4.0, 100 + place) for u in range(30) for place in range(6)]
    write_inter(tmp_path / "dataset", "toy", rows)
    (tmp_path / "toy.yaml").write_text(
        "dataset: toy\ntopk: [1, 2, 3, 4, 5]\nvalid_metric: NDCG@2\nepochs: 1\ndownload: false\n"
        "min_item_interactions: 1\nmin_user_interactions: 1\n"
    )
    (tmp_path / "study.yaml").write_text(
        "base: toy.yaml\nmodels: [Pop, EASE]\nseeds: [1]\ntrials: 2\n"
        "curves: {models: 1, methods: [popularity_penalty]}\n"
    )
    commands = [
        "--model=EASE --config=toy.yaml --output=run",
        "evaluate run",
        "pareto run --methods=popularity_penalty --candidates=10",
        "rerank run --method=popularity_penalty --alpha=0.1 --candidates=10 --output=lists",
        "table run",
        "compare --config=study.yaml --output=study",
        "datasets",
        "keys",
    ]
    for words in commands:
        main(words.split())
        said = capsys.readouterr().out.splitlines()
        ends = [number for number, line in enumerate(said) if set(line.strip()) == {"─"}]
        assert ends, words
        for end in ends:
            body = said[end - 1 :]
            length = next(number for number, line in enumerate(body) if not line.strip())
            assert length <= 22 or words == "keys", words
            assert all(len(line) <= 80 for line in body[:length]), words
            assert not any("…" in line for line in body[:length]), words
    main(["table", "run"])
    assert "--wide shows them" in capsys.readouterr().out
    main(["table", "run", "--wide"])
    assert "--wide shows" not in capsys.readouterr().out

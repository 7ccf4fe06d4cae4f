"""The tables of docs/study.md are those of the reports that stand in the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_SETS = ("ml-latest-small", "ml-100k")


def _rows(text: str, head: str) -> tuple[list[str], dict[str, list[str]]]:
    """Names of the columns and the rows by model of the first table that begins with ``head``."""
    lines = text[text.index(head) :].splitlines()
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines[: lines.index("")]]
    return cells[0], {row[0].partition(" (")[0]: row for row in cells[2:] if len(row) == len(cells[0])}


def _first_number(text: str) -> str:
    found = re.search(r"[\d.]+", text)
    return found.group() if found else ""


@pytest.mark.parametrize("name", _SETS)
def test_figures_are_those_of_the_report(name: str) -> None:
    page = (_ROOT / "docs" / "study.md").read_text(encoding="utf-8")
    report = (_ROOT / "docs" / "report" / f"{name}.md").read_text(encoding="utf-8").replace("\u00a0", " ")
    ours, shown = _rows(
        page[page.index(f"**{name}**:") :].replace("<!-- /accuracy -->", ""), "| model | NDCG |"
    )
    columns, reported = _rows(report, "| Model | NDCG@10 |")
    beyond, lists = _rows(report, "| Model | Coverage |")
    columns, reported = columns + beyond, {model: reported[model] + lists[model] for model in reported}
    pairs = {"NDCG": "NDCG@10", "Hit": "Hit@10", "coverage": "Coverage", "tail share": "Tail share"}
    pairs["diversity"] = "Diversity"
    assert len(shown) == 11
    for model, row in shown.items():
        for column, theirs in pairs.items():
            figure = reported[model][columns.index(theirs)]
            assert _first_number(row[ours.index(column)]) == _first_number(figure), (model, column)
        low, high = re.findall(r"[\d.]+", reported[model][1])[1:3]
        assert f"[{low}, {high}]" in row[1], model
        difference = reported[model][columns.index("Δ NDCG")].replace("−", "-")
        assert difference == "baseline" or row[ours.index("NDCG less EASE, p")].startswith(difference[:7]), (
            model
        )


def test_the_readme_repeats_figures_of_the_page() -> None:
    readme = (_ROOT / "README.md").read_text(encoding="utf-8")
    page = (_ROOT / "docs" / "study.md").read_text(encoding="utf-8")
    _, rows = _rows(readme, "| NDCG@10, test |")
    figures = [figure for name in _SETS for figure in rows[name][1:]]
    assert len(figures) == 6
    assert [figure for figure in figures if figure not in page] == []

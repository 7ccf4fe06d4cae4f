"""The pages of the site say of metrics, re-rankers and pages what the package and the folder say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recbole_ext.evaluator.groups import HEAD_RULES
from recbole_ext.evaluator.metric_info import ACCURACY, METRIC_INFO, REFUSED

DOCS = Path(__file__).parents[1] / "docs"
BETTER = {True: "higher", False: "lower", None: ""}


def rows(page: str) -> dict[str, list[str]]:
    """The rows of all tables of a page by their first cell."""
    text = (DOCS / page).read_text(encoding="utf-8")
    cells = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return {row[0].strip("`"): row for row in cells}


@pytest.mark.parametrize("name", ACCURACY)
def test_each_accuracy_metric_has_a_formula(name: str) -> None:
    assert "`" in rows("metrics.md")[name][1]


@pytest.mark.parametrize("name", METRIC_INFO)
def test_each_metric_beyond_accuracy_has_a_formula_and_its_facts(name: str) -> None:
    info = METRIC_INFO[name]
    _, formula, over, better, source = rows("metrics.md")[name]
    assert len(formula) > 10
    assert over == ("users" if info.per_user else "all lists")
    assert better == BETTER[info.bigger]
    assert source == info.source


def test_no_metric_is_defined_that_does_not_exist() -> None:
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    accuracy, beyond = re.split(r"^## .*$", text, flags=re.MULTILINE)[1:3]
    defined = set(re.findall(r"^\| ([A-Z]\w+) \|", accuracy + beyond, re.MULTILINE))
    assert defined == {*ACCURACY, *METRIC_INFO}


def test_head_rules_and_refused_metrics_are_named() -> None:
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert all(f"`{rule}`" in text for rule in HEAD_RULES)
    assert all(name in text.lower() for name in REFUSED)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    pages |= {f"notebooks/{page.stem}.md" for page in DOCS.glob("notebooks/*.ipynb")}
    hidden = {page for page in pages if page.startswith("report/")}
    assert {page for page in pages - hidden if page not in navigation} == set()

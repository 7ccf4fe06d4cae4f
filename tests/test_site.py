"""The pages of the site say of metrics, re-rankers and pages what the package and the folder say."""

from __future__ import annotations

import re
import subprocess
import sys
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


@pytest.mark.parametrize(
    ("page", "loads"),
    [
        ('<script src="https://example.org/a.js"></script>', 1),
        ('<link rel="stylesheet" href="//example.org/a.css">', 1),
        ('<img src="a.png" srcset="https://example.org/a.png 2x">', 1),
        (
            "<style>@import 'https://example.org/a.css'; b { background: url(https://example.org/b.png) }</style>",
            2,
        ),
        ("<p style=\"background: url('https://example.org/b.png')\">", 1),
        ('<a href="https://example.org">a link</a><link rel="canonical" href="https://example.org">', 0),
        ('<script src="assets/a.js"></script><img src="data:image/png;base64,AA">', 0),
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(page: str, loads: int, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    script = DOCS.parent / ".ci" / "offline_site.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == (1 if loads else 0)
    assert done.stdout.count("page.html: ") == loads


def test_the_slides_load_nothing_and_name_no_folder_of_a_machine() -> None:
    slides = (DOCS / "notebooks" / "sequences-and-classics.slides.html").read_text(encoding="utf-8")
    assert len(slides) < 5_000_000
    assert re.findall(r"(?:src|srcset)=\"(?!data:)", slides) == []
    assert re.findall(r"<link|@import|url\(", slides) == []
    for file in DOCS.glob("notebooks/*"):
        assert re.findall(r"/(?:home|root|tmp|Users|work)/\w", file.read_text(encoding="utf-8")) == [], (
            file.name
        )

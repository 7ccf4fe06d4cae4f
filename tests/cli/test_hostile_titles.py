"""Titles, tokens and names with escape sequences, HTML and Markdown, followed from the data set to every output."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from recbole_ext.cli import main
from tests.conftest import write_inter

TITLES = (
    "\x1b[2J\x1b[31mred",
    "\x1b]8;;http://evil\x07click\x1b]8;;\x07",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</title></svg></pre></details><b>bold",
    "![x](http://evil/x.png) [y](javascript:alert(1))",
    "a|b `c` *d* _e_ ```",
    "\x9b31mC1 \x85 \x01 \x7f \u202eturned",
    "[red]rich[/red] {{ 7 * 7 }} {% raw %}",
)
DATASET = "<i>toy `x` & _y_"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Tags(HTMLParser):
    """The names of all elements, and of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, int] = {}
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] = self.names.get(tag, 0) + 1
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def tags_of(page: Path) -> Tags:
    found = Tags()
    found.feed(page.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The working folder, and all that the commands have said."""
    home = tmp_path_factory.mktemp("hostile titles")
    patch, capture = pytest.MonkeyPatch(), pytest.MonkeyPatch()
    patch.chdir(home)
    tokens = [f"i{number}{title.replace(chr(9), ' ')}" for number, title in enumerate(TITLES)]
    rows = [
        (f"u{user}\x1b[1m<b>", tokens[(user + place) % len(tokens)], 4.0, 100 + place)
        for user in range(12)
        for place in range(6)
    ]
    write_inter(home / "dataset", DATASET, rows)
    items = ["item_id:token\ttitle:token_seq\tgenres:token_seq"]
    items += [f"{token}\t{title}\tDrama <u>x\x1b[5m" for token, title in zip(tokens, TITLES, strict=True)]
    (home / "dataset" / DATASET / f"{DATASET}.item").write_text("\n".join(items) + "\n", encoding="utf-8")
    lines: list[str] = []
    import click

    capture.setattr(click, "echo", lambda text="", err=False, **_: lines.append(str(text)))
    options = [f"--dataset={DATASET}", "--topk=[3]", "--valid_metric=NDCG@3", "--epochs=1"]
    options += ["--min_user_interactions=1", "--min_item_interactions=1", "--show_progress=false"]
    main(["--model=ItemKNN", "--output=knn", *options])
    main(["--model=Pop", "--output=pop", *options])
    main(["explain", "knn", "--user=u1\x1b[1m<b>"])
    main(["rerank", "knn", "--method=popularity_penalty", "--alpha=0.5", "--output=lists", "--candidates=3"])
    main(["table", "knn", "pop"])
    for name in ("page.html", "page.md"):
        main(["report", "knn", "pop", "lists", f"--output={name}", "--figures=charts"])
    with pytest.raises(SystemExit):
        main(["explain", "knn", "--user=\x1b[31mnobody"])
    capture.undo()
    patch.undo()
    return home, "\n".join(lines)


def test_the_terminal_gets_no_order(said: tuple[Path, str]) -> None:
    _, text = said
    assert not CONTROL.search(text)
    assert r"\x1b[31mnobody" in text
    assert r"\x1b" in text


def test_the_tables_of_a_run_get_no_order_and_read_no_markup(
    said: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(said[0])
    main(["evaluate", "knn"])
    shown = capsys.readouterr().out
    assert not CONTROL.search(shown)
    assert f"ItemKNN on {DATASET}" in shown


def test_the_page_has_the_elements_of_a_page_with_harmless_titles(said: tuple[Path, str]) -> None:
    home, _ = said
    page = tags_of(home / "page.html")
    assert not CONTROL.search((home / "page.html").read_text(encoding="utf-8"))
    assert page.names["script"] == 1
    assert not page.names.keys() & {"img", "u"}
    assert not page.handlers
    assert "alert(1)" in (home / "page.html").read_text(encoding="utf-8")


def test_charts_are_well_formed(said: tuple[Path, str]) -> None:
    charts = list((said[0] / "charts").glob("*.svg"))
    assert charts
    for chart in charts:
        tree = ElementTree.parse(chart)
        assert not [node for node in tree.iter() if node.tag.endswith("script")]


def test_markdown_has_neither_tags_nor_links_of_titles(said: tuple[Path, str]) -> None:
    text = (said[0] / "page.md").read_text(encoding="utf-8")
    assert not CONTROL.search(text)
    prose = re.sub(r"^(`{3,})\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"<(?!/?(details|summary)>)", prose)
    assert not re.search(r"(?<!\\)\]\(", prose)
    assert r"\[y\](javascript" in prose
    tables = re.findall(r"(?:^\|.*\n)+", prose, flags=re.MULTILINE)
    assert tables
    for table in tables:
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_the_log_is_plain(said: tuple[Path, str]) -> None:
    assert not CONTROL.search((said[0] / "knn" / "log.txt").read_text(encoding="utf-8"))


def test_figures_keep_what_was_written(said: tuple[Path, str]) -> None:
    """Files of results are data: they hold the names as they are, for a machine to compare."""
    assert json.loads((said[0] / "knn" / "metrics.json").read_text())["dataset"] == DATASET

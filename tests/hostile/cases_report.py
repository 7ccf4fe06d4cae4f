"""Reports: damaged folders, and texts that must not act in a terminal, a browser or Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.harness.client import Outcome
from tests.hostile.case import Case, Setup, both, cut, edit_json, module, remove, replace, write

_REPORT = "report saved/gru saved/knn --output=new.html"


def damaged(what: str, setup: Setup, words: str, inputs: str = "saved/gru saved/knn") -> Case:
    """A folder of which no report can be made."""
    return Case(f"report: {what}", f"report {inputs} --output=new.html", words, setup)


def edited(what: str, path: str, place: str, value: Any) -> Case:
    """An edited file of results."""
    folder = str(Path(path).parent)
    # Curves, re-ranked lists and searches stand beside a run.
    folder = folder if folder in ("saved/gru", "saved/study", "saved/ablation") else f"saved/gru {folder}"
    return damaged(what, edit_json(path, place, value), re.escape(Path(path).name), folder)


_COMPARISON, _ABLATION = "saved/study/comparison.json", "saved/ablation/ablation.json"
_CURVES, _TUNING = "saved/gru-pareto/metrics.json", "saved/tuned/tuning.json"
_DAMAGED = [
    Case("report: nothing", "report", "report|folder|run"),
    Case("report: a folder that does not exist", "report saved/nothing", "saved/nothing"),
    Case("report: a file", "report toy.yaml", r"toy\.yaml"),
    Case("report: a folder of something else", "report dataset", "dataset"),
    Case("report: an empty path", "report ''", "folder|path|run"),
    Case("report: a path with a NUL", "report 'a\0b'", "a"),
    Case("report: an interrupted run", "report saved/stopped", "saved/stopped"),
    Case("report: a run twice", "report saved/gru saved/gru --output=new.html", "saved/gru"),
    Case("report: an unknown format", "report saved/gru --format=pdf", "pdf"),
    Case("report: an unknown ending", "report saved/gru --output=new.pdf", "pdf"),
    Case("report: an output that is a folder", "report saved/gru --output=saved", "saved"),
    Case("report: an output below a file", "report saved/gru --output=toy.yaml/x.html", r"toy\.yaml"),
    Case("report: an empty output", "report saved/gru --output=", "output"),
    Case("report: an output with a NUL", "report saved/gru '--output=a\0b.html'", "output|a"),
    Case("report: charts in a file", "report saved/gru saved/knn --output=new.html --figures=toy.yaml", r"toy\.yaml|figures"),
    Case("report: empty charts", "report saved/gru --output=new.html --figures=", "figures"),
    Case("report: an output that is a file of another kind", "report saved/gru --output=toy.yaml", r"toy\.yaml|yaml"),
    damaged("cut figures", cut("saved/gru/metrics.json"), r"metrics\.json"),
    damaged("figures of null", write("saved/gru/metrics.json", "null"), r"metrics\.json"),
    damaged("figures 100,000 deep", write("saved/gru/metrics.json", "[" * 100_000), r"metrics\.json"),
    damaged("figures of 6,000 digits", write("saved/gru/metrics.json", '{"test": ' + "9" * 6000 + "}"), r"metrics\.json"),
    damaged("cut values of users", cut("saved/gru/per_user.parquet"), r"per_user\.parquet"),
    damaged("no values of users", remove("saved/gru/per_user.parquet"), r"per_user\.parquet"),
    damaged("cut lists", cut("saved/gru/recommendations.parquet"), r"recommendations\.parquet"),
    damaged("lists of text", write("saved/gru/recommendations.parquet", "hello"), r"recommendations\.parquet"),
    damaged("a cut configuration", cut("saved/gru/config.yaml", 0.1), r"config\.yaml"),
    damaged("another data set", edit_json("saved/gru/metrics.json", "dataset", "other"), "dataset|data set"),
    edited("a test of null", "saved/gru/metrics.json", "test", None),
    edited("an empty test", "saved/gru/metrics.json", "test", {}),
    edited("a figure of text", "saved/gru/metrics.json", "test.ndcg@5", "high"),
    edited("intervals of null", "saved/gru/metrics.json", "test_intervals", None),
    edited("bounds of null", "saved/gru/metrics.json", "test_bounds", None),
    edited("statistics of null", "saved/gru/metrics.json", "statistics", None),
    edited("empty statistics", "saved/gru/metrics.json", "statistics", {}),
    edited("a history of null", "saved/gru/metrics.json", "history", None),
    edited("a history of text", "saved/gru/metrics.json", "history", "long"),
    edited("a history of numbers", "saved/gru/metrics.json", "history", [1, 2]),
    edited("user groups of null", "saved/gru/metrics.json", "test_by_user_group", None),
    edited("seconds of null", "saved/gru/metrics.json", "seconds", None),
    edited("parameters of text", "saved/gru/metrics.json", "parameters", "many"),
    edited("a protocol of null", "saved/gru/metrics.json", "protocol", None),
    edited("a best epoch of text", "saved/gru/metrics.json", "best_epoch", "last"),
    edited("curves of null", _CURVES, "validation", None),
    edited("a protocol of curves of null", _CURVES, "protocol", None),
    edited("curves without a test", _CURVES, "test", ...),
    edited("re-ranked figures of null", "saved/gru-rerank/metrics.json", "after", None),
    edited("a method of null", "saved/gru-rerank/metrics.json", "rerank", None),
    edited("a comparison of null rows", _COMPARISON, "rows", None),
    edited("a comparison without rows", _COMPARISON, "rows", []),
    edited("a comparison's protocol of null", _COMPARISON, "protocol", None),
    edited("an ablation of null sweeps", _ABLATION, "sweeps", None),
    damaged("an ablation of empty sweeps", edit_json(_ABLATION, "sweeps", []), "saved/ablation", "saved/ablation"),
    edited("an ablation's protocol of null", _ABLATION, "protocol", None),
    edited("a search of null", _TUNING, "best", None),
    edited("objectives of null", _TUNING, "objectives", None),
    edited("states of text", _TUNING, "states", "fine"),
    damaged("a cut comparison", cut(_COMPARISON), r"comparison\.json", "saved/study"),
    damaged("a comparison of null", write(_COMPARISON, "null"), r"comparison\.json", "saved/study"),
    damaged("an empty comparison", write(_COMPARISON, "{}"), r"comparison\.json", "saved/study"),
    damaged("a cut ablation", cut(_ABLATION), r"ablation\.json", "saved/ablation"),
    damaged("an empty ablation", write(_ABLATION, "{}"), r"ablation\.json", "saved/ablation"),
    damaged("a cut search", cut(_TUNING), r"tuning\.json", "saved/gru saved/tuned"),
    damaged("an empty search", write(_TUNING, "{}"), r"tuning\.json", "saved/gru saved/tuned"),
    damaged("cut trials", cut("saved/tuned/trials.parquet"), r"trials\.parquet", "saved/gru saved/tuned"),
    damaged("empty curves", write(_CURVES, "{}"), r"metrics\.json", "saved/gru saved/gru-pareto"),
    damaged("cut points of curves", cut("saved/gru-pareto/test.parquet"), r"test\.parquet", "saved/gru saved/gru-pareto"),
    Case("report: figures of null at the real command line", "report saved/gru --output=new.html", r"metrics\.json", write("saved/gru/metrics.json", "null"), real=True),
]

# Control bytes that act in a terminal: escape sequences that colour, and that set the window's title.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")
_ANSI = "\x1b[31mred\x1b]0;owned\x07"
_HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>"
_MARKDOWN = "[click](javascript:alert(1)) | *bold* `code` ![x](http://e/x) \\| #"


def title(text: str) -> Setup:
    """The title of the films that are recommended most."""

    def setup(root: Path) -> None:
        path = root / "dataset/toy/toy.item"
        path.write_text(re.sub(r"Film number \d+", lambda _: text, path.read_text("utf-8")), "utf-8")

    return setup


def _quiet(outcome: Outcome, root: Path) -> None:
    found = _CONTROL.search(outcome.out + outcome.err)
    assert found is None, f"the terminal gets {found!r}"


def _quiet_log(outcome: Outcome, root: Path) -> None:
    _quiet(outcome, root)
    log = next((root / "saved").glob("new*/log.txt")).read_text("utf-8", "surrogateescape")
    assert _CONTROL.search(log) is None, "the log has control bytes"


def _safe_page(name: str) -> Any:
    def check(outcome: Outcome, root: Path) -> None:
        _quiet(outcome, root)
        page = (root / name).read_bytes().decode("utf-8", "surrogateescape")
        found = _CONTROL.search(page)
        assert found is None, f"the report has {found!r}"
        if name.endswith(".md"):  # what is fenced is shown as it stands
            page = re.sub(r"^(`{3,})\n.*?^\1$", "", page, flags=re.MULTILINE | re.DOTALL)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        if name.endswith(".md"):
            assert "[click](javascript" not in page
            assert "![x](http" not in page

    return check


def _run_with(text: str) -> Setup:
    """Lists whose titles are hostile, as a run on hostile data leaves them."""

    def setup(root: Path) -> None:
        import polars as pl

        for run in ("gru", "knn"):
            path = root / "saved" / run / "recommendations.parquet"
            pl.read_parquet(path).with_columns(pl.lit(text).alias("title")).write_parquet(path)

    return both(title(text), setup)


_TEXTS = {"ANSI and OSC": _ANSI, "HTML": _HTML, "Markdown": _MARKDOWN, "a format of rich": "[red]x[/red] [/] [link=x]"}
_HARMLESS = [
    *(
        Case(f"explain: titles with {what} are harmless", "explain saved/knn --user=u0", setup=_run_with(text), survives=_quiet)
        for what, text in _TEXTS.items()
    ),
    *(
        Case(f"report: titles with {what} are harmless in {kind}", f"report saved/gru saved/knn --output=new.{kind}", setup=_run_with(text), survives=_safe_page(f"new.{kind}"))
        for what, text in _TEXTS.items()
        for kind in ("html", "md")
    ),
    *(
        Case(f"train: titles with {what} are harmless", "--model=Pop --config=toy.yaml --output=saved/new", setup=title(text), survives=_quiet_log)
        for what, text in _TEXTS.items()
    ),
    *(
        Case(
            f"report: a model's name with {what} is harmless in {kind}",
            f"report saved/gru saved/knn --output=new.{kind}",
            setup=both(edit_json("saved/gru/metrics.json", "model", text), edit_json("saved/gru/metrics.json", "command", text)),
            survives=_safe_page(f"new.{kind}"),
        )
        for what, text in _TEXTS.items()
        for kind in ("html", "md")
    ),
    *(
        Case(
            f"table: a model's name with {what} is harmless",
            "table saved/gru saved/knn",
            setup=both(edit_json("saved/gru/metrics.json", "model", text), edit_json("saved/gru/metrics.json", "command", text)),
            survives=_quiet,
        )
        for what, text in _TEXTS.items()
    ),
    Case(
        "train: ids with ANSI and OSC are harmless",
        "--model=Pop --config=toy.yaml --output=saved/new",
        setup=replace("dataset/toy/toy.inter", "u0\t", f"u0{_ANSI}\t"),
        survives=_quiet_log,
    ),
    Case(
        "explain: ids with ANSI and OSC are harmless",
        "explain saved/new '--user=u0'",
        setup=both(module("own_nothing", ""), _run_with(_ANSI)),
        words="saved/new",
    ),
    Case("a refused path with ANSI and OSC does not reach the terminal", f"evaluate 'saved/{_ANSI}'", r"saved/[^\x1b\x07]*$"),
    Case("a refused value with ANSI and OSC does not reach the terminal", f"--model=BPR --config=toy.yaml '--dataset={_ANSI}'", r"^[^\x1b\x07]*$"),
    Case("a refused model with ANSI and OSC does not reach the terminal", f"--model='{_ANSI}' --config=toy.yaml", r"^[^\x1b\x07]*$"),
    Case("a refused command with ANSI and OSC does not reach the terminal", f"'{_ANSI}'", r"^[^\x1b\x07]*$"),
]

CASES = [*_DAMAGED, *_HARMLESS]

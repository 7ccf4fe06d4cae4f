"""Whole reports: offline, complete, honest about what is missing."""

from __future__ import annotations

import html.parser
import itertools
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recbole_ext.cli import main
from recbole_ext.errors import CheckpointError, ConfigError, OutputError
from recbole_ext.evaluator.confidence import holm, paired_difference
from recbole_ext.report import write_report
from recbole_ext.report.comparison import compare_runs
from recbole_ext.report.document import Table
from recbole_ext.report.inputs import read_inputs
from recbole_ext.report.sections.data import features_table
from recbole_ext.runs.run import read_run
from recbole_ext.study.tune import TuneOptions, tune
from recbole_ext.trainer.train import train
from tests.conformance.contract import overrides, write_walks

MODELS = ("Random", "Pop", "ItemKNN", "MLP")


class Page(html.parser.HTMLParser):
    """Addresses, anchors and text of a page; complains of nothing, so tags are counted too."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.sections: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [str(values[key]) for key in ("src", "href", "action", "data") if values.get(key)]
        if tag == "section":
            self.sections.append(str(values.get("id")))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(list(folders.values()), output=tmp_path_factory.mktemp("page") / "report.html")


def test_the_page_is_whole_light_and_asks_for_nothing(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = Page(text)
    assert not found.open
    assert all(address.startswith(("#", "data:,")) for address in found.addresses)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", text)
    assert page.stat().st_size < 500_000
    assert set(found.sections) >= {
        "meaning",
        "comparison",
        "coverage",
        "debiasing",
        "groups",
        "lists",
    }
    assert "claims" not in found.sections, "they are about MovieLens"
    assert set(found.sections) >= {"examples", "data", "timing", "why", "protocol"}
    assert all(f"#{key}" in found.addresses for key in found.sections if key != "absent")


def test_what_is_missing_is_said_with_the_command_that_adds_it(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    text = write_report([folders["Pop"]], output=tmp_path / "one.html").read_text(encoding="utf-8")
    assert 'id="debiasing"' not in text
    assert f"python run.py pareto {folders['Pop']}" in text
    assert "python run.py ablate" in text
    assert "A comparison needs a second model" in text


def test_without_the_data_set_the_rest_is_still_there(folders: dict[str, Path], tmp_path: Path) -> None:
    run = tmp_path / "Pop"
    shutil.copytree(folders["Pop"], run)
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(re.sub(r"data_path: .*", f"data_path: {tmp_path}/none/cycle", config))
    text = write_report([run], output=tmp_path / "one.md").read_text(encoding="utf-8")
    assert "python run.py prepare --dataset=cycle" in text
    assert "## The data" in text


def test_markdown_says_the_same(folders: dict[str, Path], tmp_path: Path) -> None:
    text = write_report(list(folders.values()), output=tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "<svg" not in text
    metrics = json.loads((folders["MLP"] / "metrics.json").read_text())
    assert f"{metrics['test']['ndcg@5']:.4f}" in text
    lines = text.splitlines()
    for before, line in itertools.pairwise(lines):
        if re.fullmatch(r"\|( ---:? \|)+", line):
            assert before.count("|") == line.count("|")


def test_rows_and_tests_are_those_of_the_saved_values(folders: dict[str, Path]) -> None:
    runs = read_inputs([folders[name] for name in MODELS]).runs
    found = compare_runs(runs)
    classic = {r.model: r.metrics["validation"]["ndcg@5"] for r in runs if r.model != "MLP"}
    assert found.baseline == max(classic, key=lambda name: classic[name])
    values = {r.model: r.per_user["ndcg@5"].to_numpy() for r in runs}
    others = [name for name in MODELS if name != found.baseline]
    raw = [paired_difference(values[name], values[str(found.baseline)]).p_value for name in others]
    for name, p in zip(others, holm(raw), strict=True):
        row = found.row(name)
        assert row is not None
        assert row.difference["ndcg@5"].p_holm == pytest.approx(p)
        assert row.difference["ndcg@5"].significant == (p < 0.05)
    assert set(found.below_best) == {row.model for row in found.rows[1:]}


def test_seeds_of_a_model_are_one_row(folders: dict[str, Path], tmp_path: Path) -> None:
    second = tmp_path / "second"
    shutil.copytree(folders["MLP"], second)
    config, metrics = second / "config.yaml", second / "metrics.json"
    config.write_text(re.sub(r"(?m)^seed: .*", "seed: 7", config.read_text()))
    content = json.loads(metrics.read_text())
    content["protocol"]["seed"] = 7
    content["test"]["ndcg@5"] += 0.02
    metrics.write_text(json.dumps(content))
    values = pl.read_parquet(second / "per_user.parquet")
    values.with_columns(pl.col("ndcg@5") + 0.02).write_parquet(second / "per_user.parquet")
    rows = compare_runs(read_inputs([folders["MLP"], second, folders["Pop"]]).runs).rows
    row = next(row for row in rows if row.model == "MLP")
    assert len(rows) == 2
    assert 7 in row.seeds
    assert row.metrics["ndcg@5"].sd_over_seeds == pytest.approx(0.02 / np.sqrt(2))


def study(folder: Path, folders: dict[str, Path]) -> Path:
    """A comparison study with its cells, as ``compare`` writes it."""
    for name in ("Pop", "ItemKNN"):
        shutil.copytree(folders[name], folder / "cells" / f"{name}-seed1")
    shutil.copytree(folders["curves"], folder / "curves" / "ItemKNN")
    tested = {"mean": 0.1, "low": 0.05, "high": 0.2, "p": 0.01, "p_holm": 0.02, "significant": True}
    rows = [
        {
            "model": name,
            "seeds": [1],
            "tuned": {"k": 50},
            "metrics": {
                "ndcg@5": {"mean": mean, "low": mean - 0.01, "high": mean + 0.01},
                "hit@5": {"mean": 0.3},
            },
            "difference": {"ndcg@5": tested},
            "groups": {"heavy": {"ndcg": 0.1, "n": 15}, "light": {"ndcg": 0.2, "n": 15}},
            "seconds_training": 3,
        }
        for name, mean in (("Pop", 0.1), ("ItemKNN", 0.2))
    ]
    del rows[0]["difference"]
    protocol = json.loads((folders["Pop"] / "metrics.json").read_text())["protocol"]
    content = {"title": "Two models", "baseline": "Pop", "protocol": protocol, "rows": rows}
    (folder / "comparison.json").write_text(json.dumps(content))
    tune = folder / "tune" / "ItemKNN"
    tune.mkdir(parents=True)
    lines = [f"{n},complete,{0.1 + 0.01 * n},1.0,1,0,{10 + n},{'a' if n % 2 else 'b'},," for n in range(8)]
    head = "number,state,ndcg@5,seconds,epochs,best_epoch,k,kind,same_as,reason"
    (tune / "trials.csv").write_text("\n".join([head, *lines, "8,pruned,,1.0,,,1,a,,late"]) + "\n")
    return folder


def test_a_study_folder_is_read_with_all_that_is_in_it(folders: dict[str, Path], tmp_path: Path) -> None:
    place = study(tmp_path / "study", folders)
    sweep = {
        "model": "ItemKNN",
        "key": "k",
        "points": [{"value": v, "ndcg": {"mean": v / 100}} for v in (5, 50)],
    }
    (tmp_path / "ablation").mkdir()
    (tmp_path / "ablation" / "ablation.json").write_text(json.dumps({"command": "c", "sweeps": [sweep]}))
    text = write_report([place, tmp_path / "ablation"], output=tmp_path / "s.md").read_text(encoding="utf-8")
    assert text.startswith("# ItemKNN ranks best, significantly ahead of Pop")
    for words in (
        "Two models",
        "history of the tuning",
        "what goes along with NDCG@5, as far as 8 trials can tell",
        "ItemKNN: k",
        "8 of 9 trials",
        "0.5000",
    ):
        assert words in text


def test_bad_input_is_answered_in_one_sentence(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least one folder"):
        write_report([])
    with pytest.raises(CheckpointError, match="is not a folder"):
        write_report([tmp_path / "nothing"])
    with pytest.raises(CheckpointError, match="holds no results"):
        write_report([tmp_path])
    with pytest.raises(ConfigError, match="holds no run"):
        write_report([folders["curves"]])
    with pytest.raises(ConfigError, match="format of a report is 'pdf'"):
        write_report([folders["Pop"]], output=tmp_path / "x.pdf")
    broken = tmp_path / "broken"
    shutil.copytree(folders["Pop"], broken)
    (broken / "recommendations.parquet").write_bytes(b"no")
    with pytest.raises(CheckpointError, match=r"recommendations\.parquet is missing or damaged"):
        write_report([broken, folders["MLP"]], output=tmp_path / "x.html")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "comparison.json").write_text('{"rows": [{"model": "Pop"}]}')
    with pytest.raises(CheckpointError, match=r"study.comparison\.json lacks baseline: run 'compare' again"):
        write_report([tmp_path / "study"], output=tmp_path / "x.html")
    with pytest.raises(OutputError, match="is a folder"):
        write_report([folders["Pop"]], output=tmp_path / "study", form="html")
    assert not (tmp_path / "x.html").exists()
    assert not list(tmp_path.glob("*.partial"))


def test_runs_of_other_protocols_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folders["Pop"], other)
    content = json.loads((other / "metrics.json").read_text())
    content["protocol"]["mask_seen"] = False
    (other / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="not comparable: mask_seen is True and False"):
        write_report([folders["MLP"], other], output=tmp_path / "x.html")


@pytest.mark.parametrize("name", ["rerank", "curves"])
def test_lists_and_curves_of_other_data_are_refused(
    name: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(folders[name], other)
    content = json.loads((other / "metrics.json").read_text())
    assert (
        content["fingerprint"] == json.loads((folders["ItemKNN"] / "metrics.json").read_text())["fingerprint"]
    )
    content["protocol"]["head_rule"] = "items_20"
    (other / "metrics.json").write_text(json.dumps(content))
    read_inputs([folders["ItemKNN"], other])  # a re-ranking may have a head of its own
    (other / "metrics.json").write_text(json.dumps({**content, "dataset": "another"}))
    with pytest.raises(ConfigError, match="not comparable: dataset is 'cycle' and 'another'"):
        read_inputs([folders["ItemKNN"], other])


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("metrics.json", {"validation": [], "rule": "", "bounds": {}}, "metrics.json lacks test: write"),
        (
            "metrics.json",
            {"validation": [{"method": "none"}], "test": [], "bounds": {}, "rule": ""},
            "metrics.json lacks strength in entry 1 of validation: write",
        ),
        ("ablation.json", {}, "ablation.json lacks sweeps: write"),
        (
            "ablation.json",
            {"protocol": {}, "sweeps": [{"model": "MLP", "key": "k", "points": [{"value": 1}]}]},
            "ablation.json lacks ndcg in entry 1 of points in entry 1 of sweeps: write",
        ),
        (
            "ablation.json",
            {"protocol": {}, "sweeps": 3},
            "ablation.json is damaged (sweeps must be a list, not 3): write",
        ),
    ],
)
def test_a_file_that_lacks_what_is_drawn_is_named(
    file: str, content: dict[str, Any], words: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / file).write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=re.escape(words)):
        read_inputs([folders["Pop"], tmp_path])


@pytest.mark.parametrize(("option", "what"), [("--output", "file"), ("--figures", "folder")])
def test_an_empty_path_is_refused(
    option: str, what: str, folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["report", str(folders["Pop"]), f"{option}="])
    assert ended.value.code == 2
    assert f"{option} is empty: name a {what}" in capsys.readouterr().err


def test_runs_of_other_confidence_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    """Their intervals would stand in one column."""
    other = tmp_path / "other"
    shutil.copytree(folders["Pop"], other)
    content = json.loads((other / "metrics.json").read_text())
    content["protocol"]["confidence"] = 0.5
    (other / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"not comparable: confidence is 0.95 and 0.5"):
        read_inputs([folders["MLP"], other])


def test_the_command(folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["report", str(folders["Pop"]), f"--output={tmp_path / 'r.md'}"])
    assert (tmp_path / "r.md").read_text().startswith("# Pop on cycle")
    with pytest.raises(SystemExit) as stop:
        main(["report", str(tmp_path / "none")])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_trials_of_a_real_search_are_drawn(quick: dict[str, Any], tmp_path: Path) -> None:
    """What ``tune`` writes is what the report reads: no table made by hand stands between them."""
    space = tmp_path / "space.yaml"
    space.write_text("reg_weight: {type: float, low: 1, high: 1000, log: true}\n")
    result = tune("EASE", (), quick, TuneOptions(space, trials=3, output=tmp_path / "EASE"))
    run = train(files=[result.folder / "best.yaml"], output=tmp_path / "run").folder
    text = write_report([run, result.folder], output=tmp_path / "r.md").read_text(encoding="utf-8")
    assert "EASE: 3 of 3 trials finished" in text
    assert "EASE: history of the tuning" in text
    assert f"The best of 3 finished trials, {result.value:.4f}, is number" in text
    # Three trials cannot say what a parameter explains.
    assert "what goes along with" not in text
    rows = (result.folder / "trials.csv").read_text().splitlines()
    (result.folder / "trials.csv").write_text("\n".join(rows[:2]) + "\n")
    text = write_report([run, result.folder], output=tmp_path / "r.md").read_text(encoding="utf-8")
    assert "EASE: 1 of 1 trial finished, too few to draw." in text
    (result.folder / "trials.csv").write_text("number,value\n0,1.0\n")
    with pytest.raises(CheckpointError, match=r"trials\.csv lacks the column state"):
        write_report([run, result.folder], output=tmp_path / "r2.md")


def test_only_reports_are_written_over(folders: dict[str, Path], tmp_path: Path) -> None:
    place = study(tmp_path / "study", folders)
    (place / "comparison.md").write_text("the study's own")
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    for name in ("comparison.json", "comparison.md", "new", "cells/new.txt"):
        with pytest.raises(OutputError, match="is among the results in"):
            write_report([place], output=place / name, form="md")
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    assert write_report([place], output=place / "report.md").is_file()
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"mine\.txt exists and its name is not that of a report"):
        write_report([folders["Pop"]], output=tmp_path / "mine.txt", form="md")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    with pytest.raises(ConfigError, match=r"ends in \.md, but --format is html"):
        write_report([folders["Pop"]], output=tmp_path / "r.md", form="html")
    assert not (tmp_path / "r.md").exists()


def test_a_file_in_the_way_of_the_charts_is_found_first(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match=r"--figures=.* cannot be written, since .*file is a file"):
            write_report([folders["Pop"]], output=tmp_path / "r.html", figures=place)
    assert not (tmp_path / "r.html").exists()
    (tmp_path / "charts" / "timing-1.svg").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"timing-1\.svg is a folder: name a file with --figures"):
        write_report([folders["Pop"]], output=tmp_path / "r.html", figures=tmp_path / "charts")


def test_an_unfinished_folder_is_called_so(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["Pop"], tmp_path / "run.partial")
    for name in ("run.partial", "run"):
        with pytest.raises(CheckpointError) as error:
            write_report([tmp_path / name], output=tmp_path / "r.md")
        run = tmp_path / "run"
        assert (
            str(error.value)
            == f"{run}.partial is unfinished: continue it with python run.py train --resume {run}"
        )
    (tmp_path / "run.partial" / "metrics.json").unlink()
    with pytest.raises(CheckpointError, match="is unfinished"):
        write_report([tmp_path / "run.partial"], output=tmp_path / "r.md")


def test_a_figure_says_its_caption_once(folders: dict[str, Path], tmp_path: Path) -> None:
    place = study(tmp_path / "study", folders)
    text = write_report([place], output=tmp_path / "r.md").read_text(encoding="utf-8")
    for words in (
        "form the head by the rule",
        "are most alike",
        "The best of 8 finished trials",
        "goes along with one parameter",
    ):
        assert text.count(words) == 1, words
    # A curve may turn back: its last point is not the largest share that it reaches.
    assert "At the largest strength: popularity_penalty" in text
    assert "on average (epsilon squared): k " in text


def test_a_folder_that_is_named_twice_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    twice = folders["Pop"].parent / "." / folders["Pop"].name / ".." / folders["Pop"].name
    with pytest.raises(ConfigError, match="Pop is named twice, or belongs to another folder"):
        read_inputs([folders["Pop"], folders["MLP"], twice])


@pytest.mark.parametrize("table", ["validation.parquet", "test.parquet"])
def test_a_cut_table_of_curves_is_named(table: str, folders: dict[str, Path], tmp_path: Path) -> None:
    curves = shutil.copytree(folders["curves"], tmp_path / "curves")
    (curves / table).write_bytes((curves / table).read_bytes()[:100])
    with pytest.raises(CheckpointError, match=rf"{table} is damaged \(.*\): write its folder again"):
        read_inputs([folders["ItemKNN"], curves])


def test_features_of_items_have_a_table(tmp_path: Path) -> None:
    home = write_walks(tmp_path)
    runs = []
    for name, features in (("ContentKNN", ["genres"]), ("Pop", ["id"])):
        values = {**overrides(name, home), "item_features": features}
        train(name, overrides=values, output=tmp_path / name)
        runs.append(read_run(tmp_path / name))
    (table,) = features_table(runs)
    assert isinstance(table, Table)
    assert [cell.text for cell in table.rows[0][:3]] == ["genres", "one column for each of 3 genres", "5"]
    assert len(table.rows) == 1
    assert features_table(runs[1:]) == []

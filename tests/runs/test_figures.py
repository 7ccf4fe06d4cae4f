"""Blocks of result files that are null, empty, gone or of another kind: one sentence that names the part."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from recbole_ext.cli import main
from recbole_ext.errors import CheckpointError
from recbole_ext.runs.figures import RunFigures
from recbole_ext.runs.folder import read_metrics
from recbole_ext.runs.forms import as_form

SAMPLE = Path(__file__).parent / "written_by_0_1_0"


class Gone:
    """The key is removed; a name of the test that is the same in every process."""

    def __str__(self) -> str:
        return "gone"


GONE = Gone()
GOOD: dict[str, Any] = json.loads((SAMPLE / "saved" / "gru" / "metrics.json").read_text())
BAD = (
    ("test", {}),
    ("test", None),
    ("validation", {}),
    ("users", {}),
    ("users.test", None),
    ("statistics", {}),
    ("statistics", None),
    ("statistics.users", "x"),
    ("statistics.sparsity", None),
    ("statistics.tail_items", {}),
    ("statistics.head_items", []),
    ("protocol", {}),
    ("protocol.filter", None),
    ("protocol.filter.min_user_interactions", GONE),
    ("protocol.users_decided_by_tie_break", "x"),
    ("protocol.topk", []),
    ("protocol.split", GONE),
    ("test_intervals.ndcg@5", []),
    ("test_intervals.ndcg@5", [0.1]),
    ("seconds", None),
)


def changed(content: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(content)
    *above, last = place.split(".")
    inner = result
    for key in above:
        inner = inner[key]
    if value is GONE:
        del inner[last]
    else:
        inner[last] = value
    return result


@pytest.mark.parametrize(("place", "value"), BAD, ids=str)
def test_a_part_that_cannot_be_used_is_named(place: str, value: Any, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(changed(GOOD, place, value)))
    with pytest.raises(CheckpointError) as error:
        read_metrics(tmp_path)
    said = str(error.value)
    assert said.startswith(f"{tmp_path / 'metrics.json'} ")
    assert (
        place.rsplit(".", maxsplit=1)[-1].split("@", maxsplit=1)[0] in said
        or place.split(".", maxsplit=1)[0] in said
    )
    assert "\n" not in said


def test_figures_of_version_0_1_0_are_whole() -> None:
    for file in SAMPLE.rglob("metrics.json"):
        content = json.loads(file.read_text())
        if "test_bounds" in content:
            as_form(content, RunFigures, file, "")


@pytest.mark.parametrize(
    ("folder", "name", "place", "value"),
    [
        ("gru", "metrics.json", "test.ndcg@5", GONE),
        ("gru-rerank", "metrics.json", "rerank.strength", "x"),
        ("gru-rerank", "metrics.json", "rerank", {}),
        ("gru-rerank", "metrics.json", "after", {}),
        ("study", "comparison.json", "protocol.filter", None),
        ("study", "comparison.json", "protocol.confidence", {}),
        ("study", "comparison.json", "protocol.shown_k", "x"),
        ("study", "comparison.json", "protocol", {}),
        ("ablation", "ablation.json", "protocol.confidence", None),
    ],
)
def test_a_report_refuses_it_in_one_line(
    folder: str,
    name: str,
    place: str,
    value: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(shutil.copytree(SAMPLE, tmp_path / "sample"))
    file = Path("saved") / folder / name
    file.write_text(json.dumps(changed(json.loads(file.read_text()), place, value)))
    with pytest.raises(SystemExit) as stop:
        main(["report", f"saved/{folder}", "--output=page.md"])
    said = capsys.readouterr().err
    assert (stop.value.code, said.count("\n")) == (2, 1), said
    assert not Path("page.md").exists()

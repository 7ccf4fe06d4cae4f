"""A study goes on in a folder of its own kind, and begins in a new or an empty one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from recbole_ext.errors import OutputError
from recbole_ext.runs.kinds import RESULT_FILES, Study, check_study_folder

STUDIES = get_args(Study)

HOLD = {
    "run": ["config.yaml", "metrics.json", "state.safetensors", "best.safetensors"],
    "search": ["journal.log", "study.lock", "trials.csv", "tuning.json"],
    "comparison": [
        "comparison.json",
        "tune/BPR/journal.log",
        "cells/BPR-seed1/config.yaml",
        "cells/BPR-seed1.partial/log.txt",
    ],
    "ablation": ["ablation.json", "cells/BPR-embedding_size-8-seed1/config.yaml"],
    "study of order": ["sequentiality.json", "cells/BPR-order-shuffled_whole-seed1/config.yaml"],
}


def held(folder: Path, name: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    return folder


@pytest.mark.parametrize("kind", STUDIES)
@pytest.mark.parametrize(
    ("holds", "file"), [(holds, file) for holds, files in HOLD.items() for file in files]
)
def test_a_study_goes_on_in_a_folder_of_its_own_kind_alone(
    kind: Study, holds: str, file: str, tmp_path: Path
) -> None:
    folder = held(tmp_path / "there", file)
    if kind == {"study of order": "sequentiality"}.get(holds, holds):
        check_study_folder(folder, kind)
        return
    with pytest.raises(OutputError, match=rf"there holds the results of an? {holds} \(.*\): choose another"):
        check_study_folder(folder, kind)


@pytest.mark.parametrize("kind", STUDIES)
def test_a_study_begins_in_a_new_or_empty_folder(kind: Study, tmp_path: Path) -> None:
    check_study_folder(tmp_path / "new", kind)
    held(tmp_path / "empty", ".DS_Store")
    check_study_folder(tmp_path / "empty", kind)
    # A study that was killed before its first cell.
    (tmp_path / "killed" / "cells").mkdir(parents=True)
    if kind != "search":
        check_study_folder(tmp_path / "killed", kind)
    with pytest.raises(
        OutputError, match=r"holds files of something else \(notes\.txt\): choose a new or empty"
    ):
        check_study_folder(held(tmp_path / "mine", "notes.txt"), kind)


@pytest.mark.parametrize("kind", ["comparison", "ablation", "sequentiality"])
def test_a_study_killed_while_its_result_was_written_goes_on(kind: Study, tmp_path: Path) -> None:
    """Its folder was refused for comparison.json.host-1234.partial."""
    folder = held(tmp_path / "killed", "cells/other.txt")
    (folder / "cells/other.txt").unlink()
    stem = RESULT_FILES[kind].removesuffix(".json")
    for ending in ("json", "md"):
        (folder / f"{stem}.{ending}.host-1234.partial").write_text("half")
    check_study_folder(folder, kind)
    (folder / "notes.json.host-1234.partial").write_text("")
    with pytest.raises(OutputError, match="files of something else"):
        check_study_folder(folder, kind)


def test_the_folder_of_all_searches_is_no_comparison(tmp_path: Path) -> None:
    held(held(tmp_path / "saved", "tune/ml-100k-BPR/journal.log"), "gru/config.yaml")
    with pytest.raises(OutputError, match=r"files of something else \(gru\)"):
        check_study_folder(tmp_path / "saved", "comparison")


def test_a_search_goes_on_beside_its_own_database(tmp_path: Path) -> None:
    check_study_folder(held(held(tmp_path / "search", "study.lock"), "tune.db"), "search")


def test_a_comparison_with_an_ablation_of_version_0_1_0_inside_goes_on(tmp_path: Path) -> None:
    check_study_folder(held(held(tmp_path / "both", "comparison.json"), "ablation.json"), "comparison")


@pytest.mark.parametrize("kind", STUDIES)
@pytest.mark.parametrize("place", [".", "..", "/", "below/.."])
def test_no_study_takes_the_folder_that_the_user_works_in(
    kind: Study, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(OutputError, match=f"^{re.escape(str(Path(place)))} contains the working folder"):
        check_study_folder(Path(place), kind)


@pytest.mark.parametrize("kind", STUDIES)
def test_no_study_takes_the_root_of_a_checkout(kind: Study, tmp_path: Path) -> None:
    (tmp_path / "project" / ".git").mkdir(parents=True)
    with pytest.raises(OutputError, match="project is the root of a Git checkout: name a new folder"):
        check_study_folder(tmp_path / "project", kind)

"""What a folder of results holds, told by its own files, and where a study may write."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from recbole_ext.errors import OutputError

__all__ = ["RESULT_FILES", "Study", "check_study_folder"]

Study = Literal["search", "comparison", "ablation", "sequentiality"]

RESULT_FILES = {
    "comparison": "comparison.json",
    "ablation": "ablation.json",
    "sequentiality": "sequentiality.json",
    "search": "trials.csv",
    "run": "metrics.json",
}
"""The file by which a finished folder is recognised; re-rankings and curves have that of a run."""

# What an unfinished folder has already; "cells" is shared by several kinds, so that its content decides.
_BEGUN = {
    "comparison": ("tune", "curves"),
    "ablation": (),
    "sequentiality": (),
    "search": ("tuning.json", "journal.log", "journal.log.lock", "study.lock", "scratch"),
    "run": ("config.yaml", "best.safetensors", "state.safetensors"),
}
_PARTS = {
    "comparison": {"cells", "tune", "curves", "rerank"},
    "ablation": {"cells"},
    "sequentiality": {"cells"},
    "search": set[str](),
}
_CELL_OF_COMPARISON = re.compile(r"[^-]+-seed\d+(\.partial)?")
_CELL_OF_SEQUENTIALITY = re.compile(r".+-order-[a-z_]+-seed\d+(\.partial)?")
_NAMES = {
    "run": "a run",
    "search": "a search",
    "comparison": "a comparison",
    "ablation": "an ablation",
    "sequentiality": "a study of order",
}


def check_study_folder(folder: Path, kind: Study) -> None:
    """Refuses a folder that a study may not write to: it must be new, empty, or hold a study of the same kind.

    Args:
        folder: The output; it need not exist.
        kind: Of the study.

    Raises:
        OutputError: The folder contains the working folder, is the root of a checkout, cannot be read, or holds
            something else.
    """
    if Path.cwd().is_relative_to(folder.resolve()):
        raise OutputError(f"{folder} contains the working folder: name a new folder with --output")
    if not folder.is_dir():
        return
    try:
        names, found = sorted(os.listdir(folder)), _evidence(folder)
    except OSError as error:
        raise OutputError(f"{folder} cannot be read ({error.strerror}): choose another --output") from error
    if ".git" in names:
        raise OutputError(f"{folder} is the root of a Git checkout: name a new folder with --output")
    others = [other for other in found if other == "run" or kind not in found]
    if others:
        raise OutputError(
            f"{folder} holds the results of {_NAMES[others[0]]} ({found[others[0]]}): choose another --output"
        )
    if found.get(kind) != RESULT_FILES[kind] and (foreign := _foreign(kind, names, kind in found)):
        raise OutputError(
            f"{folder} holds files of something else ({foreign}): choose a new or empty folder with --output"
        )


def _evidence(folder: Path) -> dict[str, str]:
    """Each kind of results that a folder holds, with the file or folder that shows it."""
    found = {
        kind: name
        for kind in RESULT_FILES
        for name in reversed((RESULT_FILES[kind], *_BEGUN[kind]))
        if (folder / name).exists()
    }
    for cell in sorted(os.listdir(folder / "cells")) if (folder / "cells").is_dir() else ():
        found.setdefault(_kind_of_cell(cell), f"cells/{cell}")
    return found


def _kind_of_cell(name: str) -> Study:
    if _CELL_OF_COMPARISON.fullmatch(name):
        return "comparison"
    return "sequentiality" if _CELL_OF_SEQUENTIALITY.fullmatch(name) else "ablation"


def _foreign(kind: Study, names: Sequence[str], begun: bool) -> str:
    """A name in the folder of an unfinished study that the study has not written; empty if there is none."""
    if kind == "search" and begun:
        return ""  # its database may be there under any name
    stem = RESULT_FILES[kind].partition(".")[0]
    left = re.compile(rf"\..*|{stem}\.(json|md)\..+\.partial")  # a kill while the result was written
    return next((name for name in names if not left.fullmatch(name) and name not in _PARTS[kind]), "")

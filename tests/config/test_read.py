"""Layers: which of two keys was written over which other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recbole_ext.config.model_source import model_source
from recbole_ext.config.problem import Origin
from recbole_ext.config.read import read_config

MODEL = model_source("recbole_ext.model.general_recommender.pop:Pop")


@pytest.mark.parametrize(
    ("files", "overrides", "dataset", "expected"),
    [
        # The README's first command: one file names both.
        (["dataset: a\noffline_dataset: b\n"], {}, None, "b"),
        # The default set, which nobody named.
        (["offline_dataset: b\n"], {}, None, "b"),
        ([], {"offline_dataset": "b"}, None, "b"),
        # The substitute is named with, or over, the set.
        (["dataset: a\n", "offline_dataset: b\n"], {}, None, "b"),
        (["dataset: a\n"], {"offline_dataset": "b"}, None, "b"),
        # The set is named over the substitute: it is that one or none.
        ([], {"dataset": "a", "offline_dataset": "b"}, None, None),
        ([], {"offline_dataset": "b"}, "a", None),
        (["dataset: a\noffline_dataset: b\n"], {}, "c", None),
        (["dataset: a\noffline_dataset: b\n"], {"dataset": "c"}, None, None),
        (["dataset: a\noffline_dataset: b\n", "dataset: c\n"], {}, None, None),
    ],
)
def test_a_data_set_is_replaced_only_by_who_names_it(
    files: list[str], overrides: dict[str, Any], dataset: str | None, expected: str | None, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.yaml" for number in range(len(files))]
    for path, text in zip(paths, files, strict=True):
        path.write_text(text)
    assert read_config(MODEL, paths, overrides, dataset=dataset)["offline_dataset"] == expected


def test_an_option_stands_over_the_lines_of_a_study() -> None:
    lines = {"dataset": Origin("study.yaml", 3), "offline_dataset": Origin("study.yaml", 4)}
    values = {"dataset": "a", "offline_dataset": "b"}
    assert read_config(MODEL, (), values, origins=lines)["offline_dataset"] == "b"
    option = {"offline_dataset": lines["offline_dataset"]}
    assert read_config(MODEL, (), values, origins=option)["offline_dataset"] is None

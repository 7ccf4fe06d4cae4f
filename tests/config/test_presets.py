"""Every preset is a configuration that its model takes, and says in its first line whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from recbole_ext.config.yaml_reader import read_yaml
from recbole_ext.trainer.configure import read_model_config

PRESETS = sorted((Path(__file__).parents[2] / "config" / "presets").glob("*.yaml"))


@pytest.mark.parametrize("file", PRESETS, ids=[file.stem for file in PRESETS])
def test_a_preset_is_a_configuration_of_its_model(file: Path) -> None:
    values = read_yaml(file).values
    spec, checked = read_model_config(values["model"], [file], {})
    first, _, _ = file.read_text(encoding="utf-8").partition("\n")
    year = file.stem.rpartition("-")[2]
    assert first.startswith("# ")
    assert year in first
    assert spec.name in first or spec.name.lower() in file.stem
    for key, value in values.items():
        if key != "model":
            assert checked[key] == value

"""Presets: every one passes the checks of its model, lies under files and options, and is named in errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from recbole_ext.config.presets import known_presets, preset, read_layer, slug
from recbole_ext.config.yaml_reader import read_packaged_yaml
from recbole_ext.errors import ConfigError
from recbole_ext.model.registry import known_models
from recbole_ext.trainer.configure import chosen_model, command_line, read_model_config

RUNNABLE = [name for name, one in known_presets().items() if one.model in known_models()]


@pytest.mark.parametrize("name", RUNNABLE)
def test_every_preset_is_a_configuration_of_its_model(name: str) -> None:
    file = f"preset:{name}"
    model = chosen_model(None, [file], {})
    _, checked = read_model_config(model, [file], {})
    for key, value in preset(name).read().values.items():
        if key != "model":
            assert checked[key] == value
            assert checked.origins[key].source.endswith(".yaml")
            assert checked.origins[key].line


def test_a_row_of_a_paper_is_a_preset_with_the_settings_of_the_row() -> None:
    rows = read_packaged_yaml(known_presets()["gsasrec-2023:gSASRec"].path)["models"]
    row = next(row for row in rows if row["label"] == "gSASRec")
    assert preset("GSASREC-2023:gsasrec").read().values == {"model": "SASRec", **row["settings"]}
    assert slug("SASRec+ 3000") == "SASRec_3000"


def test_no_fact_stands_twice() -> None:
    """A file of presets is not a row of a paper again."""
    files = [one for one in known_presets().values() if one.path.parent.name == "presets"]
    rows = [one for one in known_presets().values() if one.path.parent.name == "papers"]
    assert files
    for one in files:
        assert all(one.read().values != row.read().values for row in rows)


def test_files_and_options_win_over_a_preset(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("hidden_size: 32\nn_layers: 3\n")
    layers = ["preset:gsasrec-2023:gSASRec", own]
    _, checked = read_model_config("SASRec", layers, {"n_layers": 1})
    assert (checked["loss_negatives"], checked["hidden_size"], checked["n_layers"]) == (256, 32, 1)


def test_a_command_names_the_preset() -> None:
    words = command_line(None, "ml-100k", [Path("preset:gru4rec-2023-xe")], {"seed": 1})
    assert words.endswith("--config=preset:gru4rec-2023-xe --dataset=ml-100k --seed=1")


@pytest.mark.parametrize(
    ("model", "name", "words"),
    [
        (None, "gsasrec-2023", r"no preset; did you mean gsasrec-2023:SASRec or gsasrec-2023:gSASRec\?"),
        (None, "gru4rec-2023-xee", r"no preset; did you mean 'gru4rec-2023-xe'"),
        ("GRU4Rec", "gsasrec-2023:gSASRec", "holds the settings of SASRec, not of GRU4Rec"),
    ],
)
def test_other_presets_are_refused(model: str | None, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        chosen_model(model, [f"preset:{name}"], {})


def test_a_file_is_read_as_before(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("epochs: 3\n")
    assert read_layer(own).values == read_layer(str(own)).values == {"epochs": 3}

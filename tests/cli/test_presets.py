"""``presets`` and ``--preset``: what is listed can be trained, and a command names what it took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from recbole_ext.cli.entry import main
from recbole_ext.config.presets import known_presets


def test_all_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["presets", "--wide"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in known_presets())
    assert "The Effect of Third Party Implementations on Reproducibility (RecSys 2023)" in shown


def test_a_preset_is_trained_under_files_and_options(
    quick: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {**quick, "epochs": 1, "hidden_size": 8, "embedding_size": 8, "loss_negatives": 5}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({**keys, "sampling_alpha": 0.7}))
    words = ["--preset=gru4rec-2023-xe", f"--config={tmp_path / 'own.yaml'}", "--loss-negatives=6"]
    main(["train", *words, f"--output={tmp_path / 'run'}"])
    stored = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    taken = ("model", "output_bias", "hidden_dropout_prob", "sampling_alpha", "loss_negatives")
    assert [stored[key] for key in taken] == ["GRU4Rec", True, 0.2, 0.7, 6]
    assert "--config=preset:gru4rec-2023-xe" in (tmp_path / "run" / "metrics.json").read_text()


def test_another_name_ends_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "--preset=esasrec"])
    assert ended.value.code == 2
    assert "is no preset; did you mean esasrec-2025:" in capsys.readouterr().err

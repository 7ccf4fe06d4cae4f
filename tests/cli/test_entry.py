"""Signals: the same word whichever ends a command."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import click
import pytest

from recbole_ext.cli import entry


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_answered_with_a_sentence(
    number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGTERM ended the program without a word, and without removing what was half-written."""
    left: list[str] = []

    @click.command()
    def waits() -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(10)
        finally:
            left.append("cleaned up")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(entry._Commands, "get_command", lambda *_: waits)
    # A shell starts background processes with SIGINT ignored.
    interrupts = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as caught:
            entry.main(["train"])
    finally:
        signal.signal(signal.SIGINT, interrupts)
    assert caught.value.code == code
    assert left == ["cleaned up"]
    assert capsys.readouterr().err.strip().startswith("interrupted: a run continues with --resume")
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("command", ["compare", "ablate"])
def test_a_run_folder_is_no_output_of_a_study(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("model: Pop\n")
    base = "base: {dataset: toy, topk: [5], valid_metric: NDCG@5}\n"
    rest = {
        "compare": "models: [Pop, Random]\n",
        "ablate": "sweeps: [{model: BPR, key: embedding_size, values: [4, 8]}]\n",
    }[command]
    (tmp_path / "study.yaml").write_text(base + rest)
    (tmp_path / "dataset" / "toy").mkdir(parents=True)
    (tmp_path / "dataset" / "toy" / "toy.inter").write_text("user_id:token\titem_id:token\n")
    with pytest.raises(SystemExit) as caught:
        entry.main([command, "--config=study.yaml", "--output=run"])
    assert caught.value.code == 2
    assert "run holds the results of a run (config.yaml): choose another" in capsys.readouterr().err
    assert os.listdir("run") == ["config.yaml"]

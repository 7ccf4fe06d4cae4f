"""The beginning of a run folder, its configuration, and the sentences that say how it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from recbole_ext.config.yaml_reader import as_document, read_yaml
from recbole_ext.errors import CheckpointError, OutputError
from recbole_ext.runs.files import alone_in, check_new
from recbole_ext.runs.folder import RunFolder, check_new_run, read_config, read_metrics, resuming


@pytest.mark.parametrize("files", [(), ("log.txt",), ("log.txt", "config.yaml.host-1.partial")])
def test_a_beginning_without_a_configuration_is_taken_over(files: tuple[str, ...], tmp_path: Path) -> None:
    """Killed between making the folder and writing config.yaml: it could be neither resumed nor replaced."""
    partial = tmp_path / "run.partial"
    partial.mkdir()
    for name in files:
        (partial / name).write_text("of the killed process\n")
    with pytest.raises(CheckpointError, match=r"ended before it began: repeat the command"):
        read_config(partial)
    with pytest.raises(OutputError, match="ended early has left"):
        check_new(tmp_path / "run")
    folder = RunFolder.create({}, "BPR", tmp_path / "run")
    with folder:
        folder.write_config({"model": "BPR"}, "command")
        (partial / "state.safetensors").write_text("")
    assert "killed" not in (partial / "log.txt").read_text()
    with pytest.raises(OutputError, match=r"holds an interrupted run: continue it with --resume \S*run, or"):
        check_new_run(tmp_path / "run")


def test_what_is_no_beginning_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run.partial").mkdir()
    (tmp_path / "run.partial/notes.txt").write_text("mine")
    (tmp_path / "other.partial").write_text("mine")
    for name in ("run", "other"):
        with pytest.raises(OutputError, match=rf"{name}\.partial, the place of .* is taken: choose another"):
            check_new_run(tmp_path / name)
    assert (tmp_path / "run.partial/notes.txt").read_text() == "mine"


def test_two_that_begin_at_once_do_not_remove_the_folder_of_the_first(tmp_path: Path) -> None:
    first, second = (RunFolder.create({}, "BPR", tmp_path / "run") for _ in range(2))
    with first:
        first.write_config({"model": "BPR"}, "command")
        with pytest.raises(OutputError, match="another process is running in"), second:
            pass
        assert read_config(first.path)["model"] == "BPR"
        (first.path / "state.safetensors").write_text("")
    with pytest.raises(OutputError, match="holds an interrupted run"), second:
        pass
    with alone_in(first.path):  # the second one has given the folder back
        assert (first.path / "state.safetensors").exists()


def test_texts_like_numbers_stay_texts_in_a_configuration(tmp_path: Path) -> None:
    values = {"model": "BPR", "dataset": "1e3", "title": "2020-01-01", "rate": 1e-5, "big": 1e300, "no": "no"}
    (tmp_path / "config.yaml").write_text(as_document(values))
    assert read_config(tmp_path) == read_yaml(tmp_path / "config.yaml").values == values


BOMB = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\n" for n in range(1, 33))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB + "model: *a32\n", "aliases grow"),
        (f"model: BPR\nseed: {'9' * 6000}\n", "line 2 .*an integer of 6,000 characters"),
        (f"model: {'[' * 4000}", "nested"),
        ("model: [", r"config\.yaml"),
        ("- model\n", "key: value"),
        ("seed: 1\n", "is not the configuration of a run"),
    ],
)
def test_a_hostile_configuration_of_a_run_is_refused_in_one_line(
    text: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(CheckpointError, match=words) as error:
        read_config(tmp_path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_figures_that_are_nested_deeply_are_refused(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text("[" * 100_000)
    with pytest.raises(
        CheckpointError, match=r"metrics\.json is damaged \(its values are nested too deeply\): train"
    ):
        read_metrics(tmp_path)


@pytest.mark.parametrize(
    ("config", "option"),
    [
        ({"model": "BPR"}, "--resume {}"),
        ({"model": "own:Model"}, "--resume {} --trust"),
        ({"model": "BPR", "metrics": ["NDCG", "own:metric"]}, "--resume {} --trust"),
        ({"model": "recbole.model.general_recommender:BPR"}, "--resume {}"),
    ],
)
def test_trust_is_named_where_resuming_asks_for_it(
    config: dict[str, object], option: str, tmp_path: Path
) -> None:
    (tmp_path / "run.partial").mkdir()
    (tmp_path / "run.partial/config.yaml").write_text(as_document(config))
    assert resuming(tmp_path / "run") == option.format(tmp_path / "run")

"""Two processes that train together: the batches, gradients and figures of one, and exact resumption."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from recbole_ext._compat.host import Interaction
from recbole_ext.cli.keys import without_option
from recbole_ext.data.dealing import own_part
from recbole_ext.errors import CheckpointError, ConfigError
from recbole_ext.trainer.distributed import check_is_dealt, check_processes
from recbole_ext.trainer.launch import _free_port, launch
from recbole_ext.trainer.ranked import Ranked
from tests.trainer.two_processes import MODELS, Found, found

ROOT = Path(__file__).parents[2]


def together(folder: Path, keys: dict[str, Any]) -> None:
    """Both processes, until they have written what they find."""
    port = _free_port()
    command = [sys.executable, "-m", "tests.trainer.two_processes", str(folder), json.dumps(keys)]
    processes = []
    for rank in range(2):
        group = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_PORT": str(port)}
        environment = {**os.environ, **group, "MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"}
        processes.append(
            subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        )
    try:
        for process in processes:
            _, errors = process.communicate(timeout=300)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()


@pytest.fixture(scope="module")
def both(
    cycle_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, list[Found]]]:
    """Keys, and what each process finds of each model."""
    folder = tmp_path_factory.mktemp("both")
    keys = {
        "data_path": str(cycle_home),
        "dataset": "cycle",
        "train_batch_size": 100,
        "eval_batch_size": 7,
        "MAX_ITEM_LIST_LENGTH": 8,
        "topk": [5],
        "valid_metric": "NDCG@5",
        "min_user_interactions": 1,
        "min_item_interactions": 1,
        "show_progress": False,
        "use_gpu": False,
        "softmax_precision": "float32",
    }
    together(folder, keys)
    return (
        keys,
        {
            model: [
                Found(**torch.load(folder / f"{model}-{rank}.pt", weights_only=False)) for rank in range(2)
            ]
            for model in MODELS
        },
    )


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_two_processes_find_what_one_finds(
    model: str, both: tuple[dict[str, Any], dict[str, list[Found]]], tmp_path: Path
) -> None:
    keys, parts = both
    first, second = parts[model]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = found(model, {**keys, **MODELS[model]}, tmp_path)
    finally:
        torch.set_num_threads(threads)
    assert len(alone.rows) == len(first.rows) == len(second.rows) > 2
    for whole, *dealt in zip(alone.rows, first.rows, second.rows, strict=True):
        for field, evens, odds in zip(whole, *dealt, strict=True):
            assert len(whole[0]) > 1
            assert evens == field[::2]
            assert odds == field[1::2]
    assert torch.equal(first.gradient, second.gradient)
    assert alone.gradient.abs().max() > 1e-4
    torch.testing.assert_close(first.gradient, alone.gradient, atol=1e-6, rtol=0)
    for one in (first, second):
        assert one.means.keys() == alone.means.keys()
        for name, value in alone.means.items():
            assert abs(one.means[name] - value) <= 1e-12, name
        assert one.ndcg == alone.ndcg


def test_every_row_belongs_to_one_process_and_counts_once() -> None:
    targets = torch.tensor([[1, 0, 0], [2, 3, 0], [4, 5, 6], [0, 0, 0], [7, 0, 0]])
    batch = Interaction({"user_id": torch.arange(5), "target_seq": targets})
    parts = [own_part(batch, rank, 3) for rank in range(3)]
    # Seven targets: rows 0 and 3 have one, rows 1 and 4 three, row 2 three.
    assert [part["user_id"].tolist() for part, _ in parts] == [[0, 3], [1, 4], [2]]
    assert [share for _, share in parts] == pytest.approx([3 * 1 / 7, 3 * 3 / 7, 3 * 3 / 7])


def test_a_process_without_a_row_computes_one_that_does_not_count() -> None:
    batch = Interaction({"user_id": torch.arange(2), "target_seq": torch.tensor([[0, 0], [3, 4]])})
    for rank in (0, 2):  # the row of the first has no target, the third has no row
        part, share = own_part(batch, rank, 3)
        assert (part["user_id"].tolist(), share) == ([1], 0.0)
    assert own_part(batch, 1, 3)[1] == 3.0


def test_parts_of_several_processes_stand_in_the_order_of_one() -> None:
    def part(users: list[int], owners: list[int]) -> Ranked:
        rows, targets = np.array(users), np.array(owners)
        return Ranked(
            rows[:, None] * 10,
            rows[:, None] / 2,
            targets * 1.0,
            targets + 1,
            targets,
            rows / 4,
            float(len(users)),
        )

    # Users 0 and 3 rank in one process, 1 and 2 in the other; user 3 has two held-out items.
    first = (np.array([0, 3]), part([0, 3], [0, 1, 1]))
    second = (np.array([1, 2]), part([1, 2], [0, 1]))
    whole = Ranked.together([first, second], 4)
    assert whole.items.ravel().tolist() == [0, 10, 20, 30]
    assert whole.owners.tolist() == [0, 1, 2, 3, 3]
    assert whole.ranks.tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert whole.areas is not None
    assert whole.areas.tolist() == [0.0, 0.25, 0.5, 0.75]
    assert whole.seconds == 2.0


@pytest.mark.parametrize(
    "arguments", [["--model=Pop", "--nproc=2", "--epochs=3"], ["--model=Pop", "--nproc", "2", "--epochs=3"]]
)
def test_the_processes_get_the_arguments_without_their_number(arguments: list[str]) -> None:
    assert without_option(arguments, "--nproc") == ["--model=Pop", "--epochs=3"]


def command(quick: dict[str, Any], *more: str) -> list[str]:
    keys = [f"--{key}={value}" for key, value in quick.items()]
    return [sys.executable, "run.py", "--model=GRU4Rec", *keys, *more]


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.slow
def test_a_process_that_dies_ends_all_and_the_run_goes_on_exactly(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    quick = {**quick, "epochs": 6, "train_batch_size": 64}
    done = run(command(quick, "--nproc=2", f"--output={tmp_path / 'whole'}"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch   1") == 1
    words = command(quick, "--nproc=2", f"--output={tmp_path / 'parts'}")
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    state = tmp_path / "parts.partial" / "state.safetensors"
    deadline = time.monotonic() + 200
    while not state.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[1]), 9)
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 2, errors
    assert errors.count("error: ") == 1, errors
    assert "process 1 of 2 was killed by signal 9, and with it the others: epochs that were" in errors
    assert "Traceback" not in errors
    again = run([sys.executable, "run.py", f"--resume={tmp_path / 'parts'}", "--nproc=2"])
    assert again.returncode == 0, again.stderr
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    figures = [json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("whole", "parts")]
    assert figures[0]["test"] == figures[1]["test"]


@pytest.mark.parametrize(
    ("name", "host", "staged", "words"),
    [
        ("Pop", "TraditionalTrainer", False, "Pop learns nothing from gradients, so that several processes"),
        ("RecVAE", "RecVAETrainer", False, "RecVAE has a training loop of its own, so that several"),
        ("S3Rec", "Trainer", True, "S3Rec has a training loop of its own"),
    ],
)
def test_a_model_that_cannot_be_shared_is_refused(name: str, host: str, staged: bool, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_is_dealt(name, torch.nn.Linear, host, staged)
    check_is_dealt("BPR", torch.nn.Linear, "Trainer", False)


def test_a_run_goes_on_with_as_many_processes_only(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError,
        match=r"was trained by 2 processes so far, and 1 would draw something else: go on with --nproc=2",
    ):
        check_processes({"processes": 2}, tmp_path)
    check_processes({}, tmp_path)  # of one process, or of an earlier version
    check_processes(None, tmp_path)  # no epoch was finished


def test_a_number_of_processes_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="--nproc is 0: give 1 or more"):
        launch(0, [])

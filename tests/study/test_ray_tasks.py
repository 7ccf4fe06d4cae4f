"""A study on a cluster of two nodes: the numbers of one process, whatever is lost on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from recbole_ext.errors import ConfigError
from recbole_ext.study.jobs import Chain, Job, Lost, Place, run_chains
from recbole_ext.study.where import Where
from tests.conftest import cycle_rows, write_inter
from tests.study.small import check_same, computed, write_study

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'recbole_ext[ray]'")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
THREADS = torch.get_num_threads()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and a node, of one core each; both are processes of this machine and see its disk."""
    from ray.cluster_utils import Cluster

    # Nodes pass on to their tasks what they find in the environment.
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    found.add_node(num_cpus=1)
    yield found
    ray.shutdown()
    found.shutdown()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """As the fixture ``quick``, for the whole module."""
    home = tmp_path_factory.mktemp("dataset")
    write_inter(home, "cycle", cycle_rows())
    return {
        "data_path": str(home),
        "dataset": "cycle",
        "train_batch_size": 256,
        "MAX_ITEM_LIST_LENGTH": 8,
        "min_user_interactions": 1,
        "min_item_interactions": 1,
        "show_progress": False,
        "use_gpu": False,
    }


@pytest.fixture(scope="module")
def alone(base: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The file of a study, and its folder as one process computes it with one thread."""
    folder = tmp_path_factory.mktemp("alone")
    file = write_study(folder, base)
    torch.set_num_threads(1)
    try:
        return file, computed(file, folder / "alone", Where())
    finally:
        torch.set_num_threads(THREADS)


def address(cluster: Any) -> Where:
    return Where(ray=cluster.address)


@dataclass(frozen=True)
class Deed:
    """Work whose process is killed so often."""

    home: Path
    until: int
    error: Exception | None = None

    def __call__(self, place: Place) -> int:
        attempt = len(list(self.home.glob("[0-9]*")))
        (self.home / str(attempt)).touch()
        if attempt < self.until:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.error is not None:
            raise self.error
        return attempt


def each(works: list[Any]) -> Chain[list[Any]]:
    results = yield [Job(f"job {number}", work) for number, work in enumerate(works)]
    return results


def test_two_nodes_give_the_numbers_of_one_process(
    cluster: Any, alone: tuple[Path, Path], tmp_path: Path
) -> None:
    file, right = alone
    check_same(computed(file, tmp_path / "both", address(cluster)), right)
    log = (tmp_path / "both" / "cells" / "GRU4Rec-seed1" / "log.txt").read_text()
    assert f"on {os.uname().nodename}, process " in log.partition("\n")[0]
    assert f"process {os.getpid()}\n" not in log


def test_a_killed_worker_and_a_lack_of_memory_cost_the_others_nothing(cluster: Any, tmp_path: Path) -> None:
    from recbole_ext.study.ray_tasks import RayTasks

    def deed(name: str, until: int, error: Exception | None = None) -> Deed:
        (tmp_path / name).mkdir()
        return Deed(tmp_path / name, until, error)

    works = [deed("once", 1), deed("always", 9), deed("memory", 0, MemoryError("no room")), deed("never", 0)]
    with RayTasks(address(cluster)) as tasks:
        ((once, always, memory, never),) = run_chains([each(works)], tasks)
        assert tasks.slots == 2
    assert (once, never) == (1, 0)
    assert isinstance(always, Lost)
    assert always.reason.startswith("it was killed, perhaps for want of memory")
    assert memory == Lost("it ran out of memory (no room)")
    assert len(list((tmp_path / "always").glob("[0-9]*"))) == 2


def test_a_node_of_its_own_disk_sends_the_same_folders(
    cluster: Any, alone: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recbole_ext.study.ray_tasks import RayTasks

    file, right = alone
    # A node that does not see the file does not share the disk.
    monkeypatch.setattr(RayTasks, "_probe", lambda self, home: home / "nobody-sees-this")
    check_same(computed(file, tmp_path / "apart", address(cluster)), right)
    for name in ("config.yaml", "metrics.json", "log.txt"):
        text = (tmp_path / "apart" / "cells" / "GRU4Rec-seed2" / name).read_text()
        assert f"recbole_ext-{os.getuid()}" not in text


def test_a_study_whose_command_is_killed_goes_on(
    cluster: Any, alone: tuple[Path, Path], tmp_path: Path
) -> None:
    file, right = alone
    command = [sys.executable, str(ROOT / "run.py"), "compare", f"--config={file}"]
    command += [f"--output={tmp_path / 'killed'}", f"--ray={cluster.address}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cells = tmp_path / "killed" / "cells"
    while process.poll() is None and not list(cells.glob("*-seed*")):
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not (tmp_path / "killed" / "comparison.json").exists()
    check_same(computed(file, tmp_path / "killed", address(cluster)), right)


def test_a_node_that_is_lost_costs_its_tasks_an_attempt(
    cluster: Any, alone: tuple[Path, Path], tmp_path: Path
) -> None:
    """The last test: the cluster has one node afterwards."""
    file, right = alone
    folder = tmp_path / "lost"
    gone: list[bool] = []

    def remove() -> None:
        while not list((folder / "cells").glob("*")):
            time.sleep(0.02)
        gone.append(True)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    remover = threading.Thread(target=remove, daemon=True)
    remover.start()
    computed(file, folder, address(cluster))
    remover.join(30)
    assert gone
    check_same(folder, right)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nowhere", "--ray=nowhere is no address: give the address that 'ray start --head' shows"),
        ("127.0.0.1:1", r"--ray=127\.0\.0\.1:1: nobody answers there \(.*\): give the address"),
    ],
)
def test_an_address_without_a_cluster_is_one_sentence(address: str, words: str, tmp_path: Path) -> None:
    from recbole_ext.study.ray_tasks import RayTasks

    with RayTasks(Where(ray=address)) as tasks, pytest.raises(ConfigError, match=words):
        tasks.start(Job("job", Deed(tmp_path, 0)))


def test_a_claim_that_no_node_meets_is_refused(
    cluster: Any, alone: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no node of the Ray cluster has what a run claims"):
        computed(alone[0], tmp_path / "out", Where(ray=cluster.address, cores_per_run=64))

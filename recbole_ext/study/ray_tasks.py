"""Jobs as tasks of a Ray cluster: a node or worker that is lost costs the jobs it had one more attempt.

A node that shares the disk of the study works in its folders, and goes on where a killed attempt stopped. Any other
node gets the data set and the configuration files once, through the object store, and its run folder comes back through
it. Nothing here is imported, and nothing of Ray started, unless a study asks for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recbole_ext.data.build import DataCache
from recbole_ext.errors import ConfigError
from recbole_ext.progress import stage
from recbole_ext.runs.files import made_folder, new_folder, partial_of
from recbole_ext.study.jobs import Job, Lost, Place
from recbole_ext.study.processes import MOST_ATTEMPTS, Answer, value_of
from recbole_ext.study.ray_node import Board, Bundle, do
from recbole_ext.study.where import Where
from recbole_ext.trainer.configure import read_model_config

__all__ = ["RayTasks"]

_POLL_SECONDS = 0.5
_TOLD_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
# A node that goes is nobody's fault; a cluster that loses every node would try for ever.
_MOST_NODES_LOST = 5
_PROBE = ".ray-"


def _check_address(address: str) -> None:
    """Ray itself would try for minutes.

    Raises:
        ConfigError: Nobody listens there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    remedy = "give the address that 'ray start --head' shows, such as 10.0.0.1:6379"
    if not host or not port.isdigit():
        raise ConfigError(f"--ray={address} is no address: {remedy}")
    try:
        socket.create_connection((host, int(port)), _ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--ray={address}: nobody answers there ({error}): {remedy}") from error


class RayTasks:
    """A cluster that is joined or started when the first job is; a context manager that leaves it.

    Args:
        where: Address, and what each task claims.
    """

    def __init__(self, where: Where) -> None:
        self._where = where
        self._ray: Any = None
        self._board: Any = None
        self._task: Any = None
        self._cache = DataCache()
        self._numbers = itertools.count()
        self._jobs: dict[int, Job] = {}
        self._attempts: dict[int, list[int]] = {}
        self._refs: dict[Any, int] = {}
        self._told: dict[int, str] = {}
        self._asked = 0.0
        self._stored: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
        self._probes: dict[Path, Path] = {}
        self._joined = False

    def __enter__(self) -> RayTasks:
        return self

    def __exit__(self, *_: object) -> None:
        if self._ray is None:
            return
        for ref in self._refs:
            with contextlib.suppress(Exception):
                self._ray.cancel(ref, force=True)
        for probe in self._probes.values():
            probe.unlink(missing_ok=True)
        if not self._joined:
            self._ray.shutdown()

    def _connected(self) -> Any:
        """Ray, once it is joined or started."""
        if self._ray is not None:
            return self._ray
        if self._where.ray != "auto":
            _check_address(str(self._where.ray))
        # Ray reports how it is used unless it is told not to before it is imported.
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        import ray

        self._joined = ray.is_initialized()
        address = None if self._where.ray == "auto" else self._where.ray
        if not self._joined:
            try:
                with stage("joining the Ray cluster" if address else "joining or starting a Ray cluster"):
                    ray.init(
                        address=address,
                        include_dashboard=False,
                        log_to_driver=False,
                        logging_level=logging.ERROR,
                    )
            except (ConnectionError, ValueError, RuntimeError) as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                raise ConfigError(
                    f"--ray={self._where.ray}: the cluster cannot be reached ({reason[:200]}): give the address that "
                    "'ray start --head' shows"
                ) from error
        self._ray = ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._board = ray.remote(num_cpus=0)(Board).options(scheduling_strategy=node).remote()
        claims: dict[str, Any] = {"num_cpus": self._where.cores_per_run or 1, "max_retries": 0}
        if self._where.gpus_per_run:
            claims["num_gpus"] = self._where.gpus_per_run
        if self._where.gib_per_run is not None:
            claims["memory"] = int(self._where.gib_per_run * 2**30)
        self._task = ray.remote(do).options(**claims)
        self._check_room(ray)
        return ray

    def _check_room(self, ray: Any) -> None:
        """A run that fits no node would wait for ever."""
        for node in ray.nodes():
            has = node["Resources"]
            if (
                node["Alive"]
                and has.get("CPU", 0) >= (self._where.cores_per_run or 1)
                and has.get("GPU", 0) >= self._where.gpus_per_run
                and has.get("memory", 0) >= (self._where.gib_per_run or 0) * 2**30
            ):
                return
        raise ConfigError(
            "no node of the Ray cluster has what a run claims: lower --cores-per-run, --gpus-per-run or --gib-per-run, "
            "or add a larger node"
        )

    @property
    def slots(self) -> int:
        """As many runs as the nodes that are there hold."""
        has = self._connected().cluster_resources()
        claims = (
            ("CPU", self._where.cores_per_run or 1),
            ("GPU", self._where.gpus_per_run),
            ("memory", (self._where.gib_per_run or 0) * 2**30),
        )
        return max(1, min(int(has.get(name, 0) / claim + 1e-9) for name, claim in claims if claim))

    def free(self) -> bool:
        """Whether the nodes that are there can take one more."""
        return self._ray is None or len(self._jobs) < self.slots

    def start(self, job: Job) -> int:
        """Hands a task to Ray, which chooses the node."""
        self._connected()
        number = next(self._numbers)
        self._jobs[number], self._attempts[number] = job, [0, 0]
        self._submit(number)
        return number

    def _submit(self, number: int) -> None:
        work: Any = self._jobs[number].work
        probe, bundle = self._probe(work.home), self._bundle(work)
        ref = self._task.remote(work, number, self._board, self._where.threads(1), probe, bundle)
        self._refs[ref] = number

    def _probe(self, home: Path) -> Path:
        """A file in a folder of the study: a node that sees it shares the disk."""
        if home not in self._probes:
            made_folder(home)
            for left in home.glob(f"{_PROBE}*"):
                left.unlink(missing_ok=True)
            self._probes[home] = home / f"{_PROBE}{uuid.uuid4().hex}"
            self._probes[home].touch()
        return self._probes[home]

    def _bundle(self, work: Any) -> Bundle | None:
        """What a node without this disk needs; None for work that is done with the study's folders only."""
        if not hasattr(work, "at"):
            return None
        _, config = read_model_config(work.model, work.files, work.values)
        data_path, name = str(config["data_path"]), str(config["dataset"])
        if (data_path, name) not in self._stored:
            self._stored[data_path, name] = self._put(Path(data_path).expanduser() / name)
        digest, data = self._stored[data_path, name]
        files = [(str(file), Path(file).read_bytes()) for file in work.files]
        return Bundle(digest, name, data, files, data_path)

    def _put(self, folder: Path) -> tuple[str, dict[str, Any]]:
        """Puts the files of a data set into the object store, once for all jobs."""
        import numpy as np

        digest, data = hashlib.sha256(), {}
        for path in sorted(one for one in folder.iterdir() if one.is_file()):
            content = np.fromfile(path, dtype=np.uint8)
            digest.update(f"{path.name} {len(content)} ".encode())
            digest.update(content.data)
            data[path.name] = self._connected().put(content)
        return digest.hexdigest(), data

    def ended(self) -> Iterator[tuple[int, Any]]:
        """As in :class:`~recbole_ext.study.jobs.Executor`."""
        if not self._refs:
            return
        ray = self._connected()
        done, _ = ray.wait(list(self._refs), num_returns=1, timeout=_POLL_SECONDS)
        for ref in done:
            number = self._refs.pop(ref)
            try:
                answer = ray.get(ref)
            except ray.exceptions.RayError as error:
                yield from self._lost(number, error)
                continue
            self._told.pop(number, None)
            yield number, self._value(answer, self._jobs.pop(number))

    def _value(self, answer: Answer, job: Job) -> Any:
        kind, value = answer
        if kind == "elsewhere":
            return job.work(Place(self._cache))
        if kind == "folder":
            final = job.work.final  # type: ignore[attr-defined]
            shutil.rmtree(partial_of(final), ignore_errors=True)
            with new_folder(final) as folder:
                for name, content in value.items():
                    (folder / name).write_bytes(content)
            return None
        return value_of(answer, job)

    def _lost(self, number: int, error: Exception) -> Iterator[tuple[int, Any]]:
        """The task is tried again, or lost."""
        exceptions = self._connected().exceptions
        # Which node was lost says nothing of the job; a worker that is killed may.
        gone = isinstance(error, exceptions.NodeDiedError | exceptions.ObjectLostError) or (
            "node" in str(error).lower() and "died" in str(error).lower()
        )
        attempts = self._attempts[number]
        attempts[gone] += 1
        if attempts[0] < MOST_ATTEMPTS and attempts[1] <= _MOST_NODES_LOST:
            self._told[number] = "again"
            self._submit(number)
            return
        del self._jobs[number]
        memory = isinstance(error, exceptions.OutOfMemoryError)
        how = "ran out of memory" if memory else "was killed, perhaps for want of memory"
        yield number, Lost(f"it {how} ({' '.join(str(error).split())[:200]})")

    def at_work(self) -> list[str]:
        """Each job with its node, its process and the last words on it."""
        if self._ray is not None and self._jobs and time.monotonic() - self._asked > _TOLD_SECONDS:
            self._asked = time.monotonic()
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._told.update(self._ray.get(self._board.all.remote(), timeout=5))
        return [
            f"{job.name} on {self._told.get(number, 'no node yet')}" for number, job in self._jobs.items()
        ]

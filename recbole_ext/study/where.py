"""Where the runs of a study are computed: in this process, in processes of this machine, or on a Ray cluster."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from recbole_ext.errors import ConfigError

__all__ = ["HERE", "Where"]


@dataclass(frozen=True)
class Where:
    """The options ``--workers``, ``--ray`` and what a run gets; the same in ``tune``, ``compare`` and ``ablate``.

    Attributes:
        workers: Number of processes on this machine.
        ray: Address of a Ray cluster; ``auto`` joins the one of this machine, or starts one; None for no Ray.
        cores_per_run: Processor cores of each run, which is the number of its threads. If None, a run in this process
            has what torch takes, a worker its share of the machine, and a Ray task one core. The last digits of a
            figure depend on the number of threads.
        gpus_per_run: GPUs of each Ray task; a fraction shares one.
        gib_per_run: Memory of each Ray task that the cluster keeps free, in GiB; None for no such claim.
    """

    workers: int = 1
    ray: str | None = None
    cores_per_run: float | None = None
    gpus_per_run: float = 0.0
    gib_per_run: float | None = None

    def check(self) -> None:
        """Refuses what cannot be, before anything is computed.

        Raises:
            ConfigError: A number is too small, two options exclude each other, or Ray is not installed.
        """
        if self.workers < 1:
            raise ConfigError(f"--workers is {self.workers}: give 1 or more")
        if self.cores_per_run is not None and not self.cores_per_run > 0:
            raise ConfigError(f"--cores-per-run is {self.cores_per_run:g}: give a number above 0")
        if self.ray is None:
            self._check_local()
            return
        if self.workers > 1:
            raise ConfigError("--workers and --ray exclude each other: Ray counts the cores of its nodes")
        if self.gpus_per_run < 0:
            raise ConfigError(f"--gpus-per-run is {self.gpus_per_run:g}: give 0 or more")
        if self.gib_per_run is not None and not self.gib_per_run > 0:
            raise ConfigError(f"--gib-per-run is {self.gib_per_run:g}: give a number above 0")
        if importlib.util.find_spec("ray") is None:
            raise ConfigError("--ray needs Ray, which is not installed: pip install 'recbole_ext[ray]'")

    def _check_local(self) -> None:
        if self.gpus_per_run or self.gib_per_run is not None:
            option = "--gpus-per-run" if self.gpus_per_run else "--gib-per-run"
            raise ConfigError(f"{option} is a claim on a Ray cluster: add --ray, or leave it out")
        if self.cores_per_run is not None and self.cores_per_run % 1:
            raise ConfigError(
                f"--cores-per-run is {self.cores_per_run:g}: give a whole number, or a fraction with --ray"
            )

    @property
    def is_here(self) -> bool:
        """Whether runs are computed in this process, with the threads that torch takes."""
        return self.ray is None and self.workers == 1 and self.cores_per_run is None

    def threads(self, cores: int) -> int:
        """Threads of a run outside this process.

        Args:
            cores: Of the machine.
        """
        if self.cores_per_run is not None:
            return max(1, int(self.cores_per_run))
        return 1 if self.ray is not None else max(1, cores // self.workers)


HERE = Where()
"""In this process."""

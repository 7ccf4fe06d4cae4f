"""One training over several processes: gradients averaged by DistributedDataParallel, evaluation put together exactly.

Each process is a whole run that computes the same: it cuts the same batches, keeps its rows of them, and ends each
step with the same weights. The first one writes the run folder; the others keep theirs in a temporary place. The
processes are started by ``--nproc`` or by torchrun.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from recbole_ext.data.dataloader import EvaluationLoader
from recbole_ext.data.dealing import DealtLoader, dealt_users
from recbole_ext.errors import CheckpointError, ConfigError, RecBoleExtError
from recbole_ext.runs.files import partial_of
from recbole_ext.trainer.launch import LAUNCHED, LOST
from recbole_ext.trainer.ranked import Ranked
from recbole_ext.trainer.trainer import ExactTrainer

__all__ = [
    "DealtTrainer",
    "Group",
    "check_is_dealt",
    "check_processes",
    "current",
    "joined",
    "keys_of_process",
    "own_folder",
]

_PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True)
class Group:
    """The processes of a training.

    Attributes:
        rank, world: Number of this one, from 0, and of all.
        device: Number of this process on its machine.
        objects: For what is no gradient: always on processors.
    """

    rank: int
    world: int
    device: int
    objects: Any

    @property
    def leads(self) -> bool:
        """Whether this process writes the run folder."""
        return self.rank == 0

    def gathered(self, value: Any) -> list[Any]:
        """The value of each process, in their order."""
        found: list[Any] = [None] * self.world
        distributed.all_gather_object(found, value, group=self.objects)
        return found


_current: list[Group] = []


def current() -> Group | None:
    """The group that this process trains in; None if it trains alone."""
    return _current[-1] if _current else None


@contextlib.contextmanager
def joined() -> Iterator[Group | None]:
    """Joins the processes that torchrun or ``--nproc`` has started, until the block ends.

    Raises:
        RecBoleExtError: Another process has ended.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world < 2 or _current:
        yield current()
        return
    rank, device = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", os.environ["RANK"]))
    if os.environ.get(LAUNCHED):
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        objects = distributed.new_group(backend="gloo", timeout=_PATIENCE)
        _current.append(Group(rank, world, device, objects))
        yield current()
    except (RuntimeError, ValueError) as error:
        if isinstance(error, RecBoleExtError) or not _is_of_a_peer(error):
            raise
        if os.environ.get(LAUNCHED):
            raise SystemExit(LOST) from error  # whoever has started the processes says which one it was
        raise RecBoleExtError(
            f"another process of this training has ended, after which process {rank} of {world} cannot go on: the "
            "training so far is kept, go on with --resume and the run folder"
        ) from error
    finally:
        _current.clear()
        distributed.destroy_process_group()


def _end_with(parent: int) -> None:
    """Processes whose command is killed end, too."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(LOST)


def _is_of_a_peer(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, distributed.DistBackendError) or any(
        words in text for words in ("gloo", "connection closed by peer", "connection reset", "socket")
    )


@contextlib.contextmanager
def own_folder(run: Path | None) -> Iterator[Path | None]:
    """Where this process writes its run: the run folder itself, or a temporary place that is removed in the end.

    Args:
        run: The run folder that the first process writes; what an interruption has left there is copied.
    """
    group = current()
    if group is None:
        yield run
        return
    with contextlib.ExitStack() as stack:
        if not group.leads:
            place = Path(tempfile.mkdtemp(prefix=f"recbole_ext-rank{group.rank}-"))
            stack.callback(shutil.rmtree, place, ignore_errors=True)
            if run is not None and partial_of(run).is_dir():
                shutil.copytree(partial_of(run), place / partial_of(run).name)
            run = place / ("run" if run is None else partial_of(run).name.removesuffix(".partial"))
        group.gathered(None)  # the first one changes nothing before the others have their copies
        yield run


def check_processes(state: Mapping[str, Any] | None, partial: Path) -> None:
    """Refuses to go on with another number of processes: dropout draws in each of them.

    Args:
        state: Of the interrupted run; None if no epoch was finished.
        partial: Its folder.

    Raises:
        CheckpointError: It was another one.
    """
    group = current()
    now, before = group.world if group else 1, int((state or {}).get("processes", 1))
    if state is not None and now != before:
        option = f"--nproc={before}" if before > 1 else "one process, without --nproc"
        raise CheckpointError(
            f"{partial} was trained by {before} process{'es' if before > 1 else ''} so far, and {now} would draw "
            f"something else: go on with {option}, or remove the folder and train the model again"
        )


class _Loss(torch.nn.Module):
    """A model's loss as a module, whose gradients can be averaged.

    Args:
        model: It stays as it is; its parameters are the same.
        batches: Say how much a batch counts.
    """

    def __init__(self, model: torch.nn.Module, batches: DealtLoader) -> None:
        super().__init__()
        self.model, self.batches = model, [batches]

    def forward(self, interaction: Any) -> Any:
        model: Any = self.model
        losses, share = model.calculate_loss(interaction), self.batches[0].share
        return tuple(loss * share for loss in losses) if isinstance(losses, tuple) else losses * share


class DealtTrainer(ExactTrainer):
    """Mixed in before RecBole's trainer where several processes train together."""

    group: Group

    def __init__(self, config: Any, model: torch.nn.Module) -> None:
        group = current()
        assert group is not None
        self.group = group
        super().__init__(config, model)
        self._parallel: DistributedDataParallel | None = None

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """RecBole's loop; dropout draws differently in each process."""
        if self.start_epoch == 0 and not self.group.leads:
            torch.manual_seed(int(self.config["seed"]) + 1_000_003 * self.group.rank)
        self.resumable = self.resumable and self.group.leads
        return super().fit(*args, **kwargs)

    def loss_of(self, batches: DealtLoader) -> DistributedDataParallel:
        """The loss whose gradients are averaged over the processes, of the batch that was given out last."""
        if self._parallel is None:
            devices = [self.device] if self.device.type == "cuda" else None
            self._parallel = DistributedDataParallel(
                _Loss(self.model, batches), device_ids=devices, find_unused_parameters=True
            )
        self._parallel.module.batches[0] = batches
        return self._parallel

    def _train_epoch(self, train_data: Any, epoch_idx: int, *args: Any, **kwargs: Any) -> Any:
        batches = DealtLoader(train_data, self.group.rank, self.group.world)
        loss = super()._train_epoch(batches, epoch_idx, self.loss_of(batches), **kwargs)
        parts = self.group.gathered(loss)
        if isinstance(loss, tuple):
            return tuple(sum(part) / self.group.world for part in zip(*parts, strict=True))
        return sum(parts) / self.group.world

    def ranked(self, loader: EvaluationLoader, areas: bool) -> Ranked:
        """Each process ranks its users; every one has all of them in the end."""
        part, rows = dealt_users(loader, self.group.rank, self.group.world)
        own = super().ranked(part, areas)
        return Ranked.together(self.group.gathered((rows, own)), len(loader.users))

    def save_state(self, epoch: int) -> None:
        """The state of the first process, and the random generators of all."""
        self._generators = self.group.gathered(torch.get_rng_state())
        if self.group.leads:
            super().save_state(epoch)

    def state_of(self, epoch: int) -> dict[str, Any]:
        """With the number of the processes."""
        return {
            **super().state_of(epoch),
            "processes": self.group.world,
            "generators": self._generators,
        }

    def _take_state(self, state: dict[str, Any], train_data: Any) -> None:
        super()._take_state(state, train_data)
        torch.set_rng_state(state["generators"][self.group.rank])


def check_is_dealt(name: str, model: type, host: str, staged: bool) -> None:
    """Refuses a model that several processes cannot train together.

    Args:
        name: Of the model.
        model: Its class.
        host: Name of RecBole's trainer for it.
        staged: Whether it goes through stages.

    Raises:
        ConfigError: It is one.
    """
    if host == "Trainer" and not staged:
        return
    nothing = host == "TraditionalTrainer" or not getattr(model, "learns", True)
    reason = "learns nothing from gradients" if nothing else "has a training loop of its own"
    raise ConfigError(
        f"{name} {reason}, so that several processes cannot share it: leave out --nproc (or torchrun)"
    )


def keys_of_process() -> dict[str, Any]:
    """Keys that differ between processes: where there are GPUs, each process has one."""
    group = current()
    if group is None or torch.cuda.device_count() <= group.device:
        return {}
    return {"gpu_id": group.device}

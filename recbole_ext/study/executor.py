"""The executor that the options ask for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from recbole_ext.data.build import DataCache
from recbole_ext.study.jobs import Executor, InProcess
from recbole_ext.study.where import Where

__all__ = ["opened"]


@contextlib.contextmanager
def opened(where: Where, cache: DataCache) -> Iterator[Executor]:
    """Where jobs run, until the block ends.

    Args:
        where: The options.
        cache: Interactions that this process has read.

    Raises:
        ConfigError: The options contradict each other, or a cluster cannot be reached.
    """
    where.check()
    if where.is_here:
        yield InProcess(cache)
    elif where.ray is None:
        from recbole_ext.study.processes import Processes

        with Processes(where.workers, where.threads(os.cpu_count() or 1)) as processes:
            yield processes
    else:
        from recbole_ext.study.ray_tasks import RayTasks

        with RayTasks(where) as tasks:
            yield tasks

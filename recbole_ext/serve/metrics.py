"""What Prometheus reads at ``/metrics``: requests, batches, lists and feedback, of all processes together."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from recbole_ext.data.files import process_lives

__all__ = ["SHARED", "Metrics"]

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder that several processes share; it is read when prometheus_client is imported."""

_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.5, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The figures of one process; :meth:`text` adds those of the others where there are any."""

    def __init__(self) -> None:
        self._shared = os.environ.get(SHARED)
        own = CollectorRegistry()
        self._registry = own
        self._requests = Counter(
            "recbole_requests", "Requests by address and status.", ["route", "status"], registry=own
        )
        self._seconds = Histogram(
            "recbole_request_seconds", "Seconds of a request.", ["route"], buckets=_SECONDS, registry=own
        )
        self._batch = Histogram(
            "recbole_batch_size", "Requests that were scored together.", buckets=_SIZES, registry=own
        )
        self._scoring = Histogram(
            "recbole_scoring_seconds", "Seconds in which a batch was scored.", buckets=_SECONDS, registry=own
        )
        self._lists = Counter(
            "recbole_lists", "Lists by model and what they rest on.", ["model", "basis"], registry=own
        )
        self._feedback = Counter("recbole_feedback", "Feedback by what became of it.", ["kept"], registry=own)
        self._memory = Gauge(
            "recbole_memory_bytes", "Memory of the processes.", registry=own, multiprocess_mode="livesum"
        )
        self._ready = Gauge(
            "recbole_ready", "Processes that are ready.", registry=own, multiprocess_mode="livesum"
        )
        self._waiting = Gauge(
            "recbole_feedback_waiting",
            "Feedback that waits in memory.",
            registry=own,
            multiprocess_mode="livesum",
        )

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, size: int, seconds: float) -> None:
        """A batch was scored."""
        self._batch.observe(size)
        self._scoring.observe(seconds)

    def list(self, model: str, basis: str) -> None:
        """A list was answered."""
        self._lists.labels(model, basis).inc()

    def feedback(self, kept: str) -> None:
        """Feedback was ``kept``, is ``waiting`` or was ``refused``."""
        self._feedback.labels(kept).inc()

    def now(self, *, memory: int, ready: bool, waiting: int) -> None:
        """The state of this process."""
        self._memory.set(memory)
        self._ready.set(int(ready))
        self._waiting.set(waiting)

    def text(self) -> tuple[bytes, str]:
        """What Prometheus reads, and its type."""
        if self._shared is None:
            return generate_latest(self._registry), CONTENT_TYPE_LATEST
        _forget_the_dead(Path(self._shared))
        everybody = CollectorRegistry()
        multiprocess.MultiProcessCollector(everybody, path=self._shared)  # type: ignore[no-untyped-call]
        return generate_latest(everybody), CONTENT_TYPE_LATEST


def _forget_the_dead(folder: Path) -> None:
    """Drops the state of processes that were killed; what they have counted stays."""
    for path in folder.glob("gauge_live*_*.db"):
        number = path.stem.rpartition("_")[2]
        if number.isdecimal() and not process_lives(int(number)):
            multiprocess.mark_process_dead(int(number), path=str(folder))  # type: ignore[no-untyped-call]

"""What a process of the server holds: the models, who has been shown what, and whether it is ready."""

from __future__ import annotations

import functools
import resource
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from recbole_ext.errors import RecBoleExtError
from recbole_ext.progress import stage
from recbole_ext.serve.batching import Batcher
from recbole_ext.serve.feedback import Feedback
from recbole_ext.serve.feedback_store import open_store, shown_address
from recbole_ext.serve.generation import Generation
from recbole_ext.serve.metrics import Metrics
from recbole_ext.serve.settings import ServeSettings, Told

if TYPE_CHECKING:
    from recbole_ext.serve.items import Catalogue
    from recbole_ext.serve.model import Ask, Found, ServedModel
    from recbole_ext.serve.shown import Shown
    from recbole_ext.serve.similar import SimilarItems

__all__ = ["Models", "State", "memory_bytes"]

_SECONDS_BETWEEN, _SECONDS_TO_FOLLOW = 0.3, 60.0

# What opens a run takes seconds to import, and a server answers /live meanwhile.


@dataclass(frozen=True, eq=False)
class Served:
    """A model with what is made once for it."""

    model: ServedModel
    shown: Shown
    card: dict[str, object]

    @functools.cached_property
    def similar(self) -> SimilarItems:
        """How its items compare."""
        from recbole_ext.serve.similar import SimilarItems

        return SimilarItems(self.model)


Models = Mapping[str, Served]


@dataclass(eq=False)
class State:
    """What a process of the server holds.

    Attributes:
        settings: What the server was told.
        process: Name of this process among those of the server.
        models: By name; empty until they are opened, and exchanged as a whole.
        error: Why the models could not be opened; empty if they could.
        say: Receives each line that a user should see.
        settled: Called once the models are open, or cannot be.
    """

    settings: ServeSettings
    process: str
    models: Models = field(default_factory=dict)
    error: str = ""
    say: Callable[[str], None] = lambda line: None
    settled: Callable[[], None] = lambda: None
    _alone: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        self.batcher: Batcher[tuple[ServedModel, Ask], Found] = Batcher(
            _answer, window=self.settings.window, most=self.settings.most, seen=self.metrics.batch
        )
        self._generation = Generation(self.folder)
        self._closed = threading.Event()
        address = self.settings.feedback
        self.feedback = None if address is None else Feedback(open_store(address))

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return bool(self.models)

    @property
    def folder(self) -> Path:
        """The folder of the session."""
        assert self.settings.state is not None
        return self.settings.state

    def open(self) -> None:
        """Opens the models; whoever asks before gets 503."""
        try:
            self.models = self._opened(self.settings.runs)
        except Exception as error:
            self.error = (
                str(error) if isinstance(error, RecBoleExtError) else "the models could not be opened"
            )
            self.say(f"not ready: {error}")
            if not isinstance(error, RecBoleExtError):
                raise
            return
        finally:
            self.settled()
        names = ", ".join(f"{name} ({one.model.run.spec.name})" for name, one in self.models.items())
        self.say(f"ready: {names}; {memory_bytes() / 2**20:,.0f} MiB")

    def reload(self) -> tuple[Models, int]:
        """Opens the same folders again, and exchanges the models if all of them are whole; other processes follow.

        Returns:
            The models, and the number of processes that have them.

        Raises:
            RecBoleExtError: A folder is missing or damaged; the models stay as they were.
        """
        with self._alone:
            self.models = models = self._opened(self.settings.runs)
            number = self._generation.next()
        return models, self._generation.followed(number, _SECONDS_TO_FOLLOW)

    def follow(self) -> None:
        """Reloads whenever another process has done so; until :meth:`close`."""
        while not self._closed.wait(_SECONDS_BETWEEN):
            number = self._generation.wanted()
            if number <= self._generation.own:
                continue
            with self._alone:
                try:
                    self.models = self._opened(self.settings.runs)
                except RecBoleExtError as error:
                    self.say(f"not reloaded: {error}")
                self._generation.at(number)

    def close(self) -> None:
        """Ends the threads once what is waiting is answered and kept."""
        self._closed.set()
        self.batcher.close()
        if self.feedback is not None and (lost := self.feedback.close()):
            self.say(
                f"{lost:,} messages of feedback are lost: {shown_address(str(self.settings.feedback))} is away"
            )

    def _opened(self, runs: Sequence[Told]) -> Models:
        with stage("importing torch and RecBole"):
            from recbole_ext.serve.card import card
            from recbole_ext.serve.model import ServedModel
            from recbole_ext.serve.shown import Shown

        shelf: dict[str, Catalogue] = {}
        found: dict[str, Served] = {}
        for told in runs:
            model = ServedModel.open(told, self.settings.trust, shelf)
            model.warm()
            shown = Shown(self.folder, told.name, model.catalogue, self.process)
            found[told.name] = Served(model, shown, card(model))
        return found


def _answer(asks: Sequence[tuple[ServedModel, Ask]]) -> list[Found | Exception]:
    """Answers asks of several models, those of one model together."""
    by_model: dict[ServedModel, list[int]] = {}
    for place, (model, _) in enumerate(asks):
        by_model.setdefault(model, []).append(place)
    found: dict[int, Found | Exception] = {}
    for model, places in by_model.items():
        found.update(zip(places, model.answer([asks[place][1] for place in places]), strict=True))
    return [found[place] for place in range(len(asks))]


def memory_bytes() -> int:
    """Memory of this process; its largest where the system does not say what it is now."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

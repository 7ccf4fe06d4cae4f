"""The interface that re-ranking needs of a trained model: data, configuration, metrics and lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

    from recbole_ext.data.build import PreparedData
    from recbole_ext.data.dataloader import EvaluationBatch, EvaluationLoader
    from recbole_ext.evaluator.ranking import Lists

__all__ = ["TrainedRun"]


class TrainedRun(Protocol):
    """A trained run that can score users; :class:`~recbole_ext.trainer.opened.OpenedRun` is one."""

    @property
    def folder(self) -> Path:
        """The run folder; re-ranked lists are written beside it."""
        ...

    @property
    def model_name(self) -> str:
        """Display name of the model."""
        ...

    @property
    def config(self) -> Any:
        """RecBole's configuration."""
        ...

    @property
    def data(self) -> PreparedData:
        """Split and loaders."""
        ...

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The content of the run's ``metrics.json``."""
        ...

    def lists(
        self,
        loader: EvaluationLoader,
        k: int,
        *,
        visit: Callable[[slice, EvaluationBatch, torch.Tensor, torch.Tensor], None] | None = None,
    ) -> Lists:
        """Returns the k best candidates of each user of a phase; each user is scored once.

        Args:
            loader: The phase.
            k: Length of the lists.
            visit: As in :func:`~recbole_ext.evaluator.ranking.best_candidates`.
        """
        ...

"""The curves of one model as a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_ext.config.blocks import read_rerank
from recbole_ext.progress import stage
from recbole_ext.rerank.curves import Curves
from recbole_ext.rerank.run import pareto_run, rerank_run
from recbole_ext.study.jobs import Place
from recbole_ext.trainer.opened import open_model

__all__ = ["CurveWork", "Draw"]

Draw = Callable[[Curves, str], str]
"""Renders a page from the curves of a model and a title."""

_PUBLISHED = {"method": "popularity_penalty", "alpha": 0.1}


@dataclass(frozen=True)
class CurveWork:
    """Curves of a model, and the lists of the reproduced study, in picklable form.

    Attributes:
        model: Its name.
        run: Its run folder.
        keys: Of the ``pareto`` block.
        curves, lists: The folders that are written, unless they are there.
        draw: Renders the page; None for no page. A function of a module, where another process does the work.
    """

    model: str
    run: Path
    keys: Mapping[str, Any]
    curves: Path
    lists: Path
    draw: Draw | None

    @property
    def home(self) -> Path:
        """A folder of the study."""
        return self.run.parent

    def __call__(self, place: Place) -> list[str]:
        """Writes what is not there; returns the lines for the user."""
        said: list[str] = []
        # Trusted: the run was found to be what the study's own files say.
        if not self.curves.is_dir():
            with stage(f"curves of {self.model}"):
                pareto_run(
                    open_model(self.run, trust=True),
                    self.keys,
                    output=self.curves,
                    draw=self.draw,
                    report=said.append,
                )
        if not self.lists.is_dir():
            with stage(f"lists of {self.model}"):
                rerank_run(open_model(self.run, trust=True), read_rerank(_PUBLISHED), output=self.lists)
        return said

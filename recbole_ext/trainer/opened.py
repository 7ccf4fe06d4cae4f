"""A saved run opened again: its data, its model with the weights of the best epoch, and its figures computed anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_ext.config.build import to_plain
from recbole_ext.data.build import PreparedData, fingerprint, prepare_data
from recbole_ext.data.dataloader import EvaluationBatch, EvaluationLoader
from recbole_ext.errors import CheckpointError
from recbole_ext.evaluator.evaluate import Evaluation
from recbole_ext.evaluator.ranking import Lists
from recbole_ext.model.registry import ModelSpec
from recbole_ext.progress import stage
from recbole_ext.rerank.run import RerankResult
from recbole_ext.runs.folder import open_run, read_metrics, read_trusted_config
from recbole_ext.trainer.build import build_trainer, configure_saved
from recbole_ext.trainer.summary import describe, test_figures
from recbole_ext.trainer.trainer import ExactTrainer

__all__ = ["OpenedRun", "RunResult", "evaluate", "open_model"]

Report = Callable[[str], None]


def silent(_: str) -> None:
    """Receives a line and drops it."""


@dataclass(frozen=True)
class RunResult:
    """What a run gives; tuning, comparison, report and serving start from it.

    Attributes:
        folder: The run folder.
        model, dataset: Names, as they are shown.
        config: The complete configuration, plain.
        metrics: The content of ``metrics.json``.
        validation, test: The rankings behind it.
        epochs: One report after each validation.
        reranked: The test lists re-ranked as the configuration's ``rerank:`` block says; None without that block, and
            for a run that was only evaluated.
    """

    folder: Path
    model: str
    dataset: str
    config: dict[str, Any]
    metrics: dict[str, Any]
    validation: Evaluation
    test: Evaluation
    epochs: tuple[dict[str, float], ...]
    reranked: RerankResult | None = None


@dataclass(frozen=True)
class OpenedRun:
    """A run, ready to score: the weights of its best epoch are in the trainer's model.

    Attributes:
        folder: The run folder.
        spec: Its model.
        config: RecBole's configuration.
        data: Split and loaders, the same interactions as in training.
        trainer: ``rank`` gives lists and figures, ``masked_scores_of`` the scores of a batch.
        metrics: The content of ``metrics.json``.
    """

    folder: Path
    spec: ModelSpec
    config: Any
    data: PreparedData
    trainer: ExactTrainer
    metrics: dict[str, Any]

    @property
    def model_name(self) -> str:
        """Name of the model, as it is shown."""
        return self.spec.name

    def lists(
        self,
        loader: EvaluationLoader,
        k: int,
        *,
        users: np.ndarray | None = None,
        visit: Callable[[slice, EvaluationBatch, torch.Tensor, torch.Tensor], None] | None = None,
    ) -> Lists:
        """The k best candidates of users of a phase: :meth:`ExactTrainer.lists`."""
        return self.trainer.lists(loader, k, users=users, visit=visit)

    def result(self) -> RunResult:
        """The run with figures computed anew from its weights."""
        validation, test = self.trainer.rank(self.data.validation), self.trainer.rank(self.data.test)
        with stage("computing intervals"):
            figures = test_figures(self.data, validation, test, float(self.config["confidence"]))
        return RunResult(
            self.folder,
            self.spec.name,
            str(self.config["dataset"]),
            to_plain(self.config),
            {**self.metrics, **figures},
            validation,
            test,
            tuple(self.metrics.get("history", ())),
        )


def open_model(
    run: Path, *, head_rule: str | None = None, trust: bool = False, report: Report = silent
) -> OpenedRun:
    """Loads a saved run, in the process that trained it or in another.

    Args:
        run: A run folder.
        head_rule: What counts as the head, instead of the run's own rule; the weights do not depend on it.
        trust: Whether a model or metric from outside RecBole and this package may be imported because the folder's
            ``config.yaml`` names it; True for folders of your own only.
        report: Receives each line that a user should see.

    Raises:
        CheckpointError: The folder is not a whole run, a file is damaged, the data set has changed, or the folder names
            code from outside and is not trusted.
    """
    folder = open_run(run)
    plain, metrics = read_trusted_config(folder, trust), read_metrics(folder)
    if head_rule is not None:
        plain["head_rule"] = head_rule
        metrics["protocol"] = {**metrics["protocol"], "head_rule": head_rule}
    with stage(f"opening {run}"):
        spec, model_class, config = configure_saved(folder, plain, report)
        data = prepare_data(config)
        if fingerprint(data.split) != metrics.get("fingerprint"):
            raise CheckpointError(
                f"{config['dataset']} is not the data that {run} was trained on: prepare the same data set again"
            )
        trainer, _ = build_trainer(config, spec, model_class, data, folder)
        trainer.load_best(folder / "model.safetensors")
        return OpenedRun(folder, spec, config, data, trainer, metrics)


def evaluate(run: Path, *, trust: bool = False, report: Report = silent) -> RunResult:
    """Tests a saved run again, from its weights.

    Args:
        run: A run folder.
        trust: As in :func:`open_model`.
        report: As in :func:`open_model`.

    Raises:
        CheckpointError: As :func:`open_model`.
    """
    opened = open_model(run, trust=trust, report=report)
    report(describe(opened.config, opened.metrics["statistics"], opened.data))
    return opened.result()

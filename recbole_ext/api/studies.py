"""Studies from Python: searches, comparisons and ablations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_ext.api.train import layers_of, said_by

if TYPE_CHECKING:
    import pandas as pd

    from recbole_ext.api.train import Config
    from recbole_ext.runs.results import Estimate, ModelFigures
    from recbole_ext.study.tune_result import TuneResult

__all__ = ["Study", "ablate", "compare", "tune"]

_SHOWN = ("ndcg", "hit", "itemcoverage", "tailshare")


@dataclass(frozen=True, repr=False)
class Study:
    """The test figures of several models, or of one model at several values of a key.

    Attributes:
        folder: The study's folder, which :func:`~recbole_ext.report` takes.
        baseline: The model that the others are compared with; empty for an ablation.
        table: One row a model (or a value) and a metric: ``value``, the ends ``low`` and ``high`` of its interval,
            ``sd_over_seeds``; in a comparison also the ``difference`` from the baseline with its interval,
            ``p_holm`` and ``significant``.
        protocol: What the figures rest on.
    """

    folder: Path
    baseline: str
    table: pd.DataFrame
    protocol: dict[str, Any]

    def _wide(self) -> pd.DataFrame:
        """A row a model, with the metrics that matter at the K that is shown."""
        k = self.protocol.get("shown_k", 10)
        names = [f"{name}@{k}" for name in _SHOWN]
        rows = self.table[self.table["metric"].isin(names)]
        index = [name for name in ("model", "key", "setting") if name in rows.columns]
        wide = rows.pivot(index=index, columns="metric", values="value")
        return wide[[name for name in names if name in wide.columns]]

    def _line(self) -> str:
        against = f"; baseline {self.baseline}" if self.baseline else ""
        return (
            f"{self.protocol.get('dataset', '')}, test{against}; all figures: .table; folder: {self.folder}"
        )

    def __repr__(self) -> str:
        return f"{self._wide().to_string(float_format='{:.4f}'.format, na_rep='')}\n{self._line()}"

    def _repr_html_(self) -> str:
        table = self._wide().to_html(float_format="{:.4f}".format, na_rep="")
        return f"{table}<p><small>{escape(self._line())}</small></p>"


def _study_folder(config: Path, output: str | Path | None) -> Path:
    return Path(output).expanduser() if output is not None else Path("saved") / "study" / config.stem


def _estimate(value: Estimate | None) -> dict[str, float | None]:
    names = ("mean", "low", "high", "sd_over_seeds")
    found = [None if value is None else getattr(value, name) for name in names]
    return dict(zip(("value", *names[1:]), found, strict=True))


def _model_rows(row: ModelFigures) -> list[dict[str, Any]]:
    rows = []
    for metric, value in row.metrics.items():
        difference = row.difference.get(metric)
        rows.append(
            {
                **{"model": row.model, "family": row.family, "metric": metric, **_estimate(value)},
                "difference": getattr(difference, "mean", None),
                "difference_low": getattr(difference, "low", None),
                "difference_high": getattr(difference, "high", None),
                "p_holm": getattr(difference, "p_holm", None),
                "significant": getattr(difference, "significant", None),
            }
        )
    return rows


def compare(
    config: str | Path,
    *,
    output: str | Path | None = None,
    budget_minutes: float | None = None,
    workers: int = 1,
    ray: str | None = None,
    progress: bool = True,
    **keys: Any,
) -> Study:
    """Tunes, trains and compares models fairly; the same call continues an interrupted comparison.

    Args:
        config: YAML file of the study.
        output: Its folder; ``saved/study/NAME`` if None.
        budget_minutes: Time limit of each model's search, in place of the study's.
        workers: Number of processes on this machine.
        ray: Address of a Ray cluster; ``auto`` joins the one of this machine, or starts one.
        progress: Whether to print what is going on.
        **keys: Configuration keys of all runs.

    Raises:
        ConfigError: The study is invalid, or a run was computed with another configuration.
        RecBoleExtError: Tuning or training failed; finished results are kept.
    """
    from recbole_ext.study.plan import plan_comparison
    from recbole_ext.study.where import Where

    file = Path(config).expanduser()
    folder = _study_folder(file, output)
    plan = plan_comparison(file, layers_of(None, keys)[1], budget_minutes)

    import pandas as pd

    from recbole_ext.report.charts.curves import curves_page
    from recbole_ext.study.compare import run_comparison

    found = run_comparison(
        plan, output=folder, draw=curves_page, report=said_by(progress), where=Where(workers, ray)
    )
    rows = [row for model in found.rows for row in _model_rows(model)]
    return Study(folder, found.baseline or "", pd.DataFrame(rows), found.protocol)


def ablate(
    config: str | Path,
    *,
    output: str | Path | None = None,
    workers: int = 1,
    ray: str | None = None,
    progress: bool = True,
    **keys: Any,
) -> Study:
    """Trains models at several values of one key; the same call continues an interrupted ablation.

    Args:
        config: YAML file of the ablations.
        output, workers, ray, progress, **keys: As in :func:`compare`.

    Raises:
        ConfigError, RecBoleExtError: As :func:`compare`.
    """
    from recbole_ext.study.plan import plan_ablation
    from recbole_ext.study.where import Where

    file = Path(config).expanduser()
    folder = _study_folder(file, output)
    plan = plan_ablation(file, layers_of(None, keys)[1])

    import pandas as pd

    from recbole_ext.study.ablate import run_ablation

    found = run_ablation(plan, output=folder, report=said_by(progress), where=Where(workers, ray))
    k = found.protocol.get("shown_k", 10)
    rows = []
    for sweep in found.sweeps:
        for point in sweep.points:
            place = {"model": sweep.model, "key": sweep.key, "setting": str(point.value)}
            rows.append({**place, "metric": f"ndcg@{k}", **_estimate(point.ndcg)})
            rows.append({**place, "metric": f"itemcoverage@{k}", "value": point.itemcoverage})
            rows.append({**place, "metric": "seconds", "value": point.seconds})
    return Study(folder, "", pd.DataFrame(rows), found.protocol)


def tune(
    model: str | None = None,
    space: str | Path | None = None,
    config: Config = None,
    *,
    trials: int = 50,
    output: str | Path | None = None,
    storage: str | None = None,
    name: str | None = None,
    sampler: str = "tpe",
    pruner: str = "median",
    objectives: Sequence[str] = (),
    workers: int = 1,
    ray: str | None = None,
    budget_minutes: float | None = None,
    progress: bool = True,
    **keys: Any,
) -> TuneResult:
    """Searches for the best settings of a model on validation; the same call continues an interrupted search.

    Args:
        model: A model's name; the configuration's if None.
        space: YAML file of the search space.
        config: A YAML file, several, or a dict of keys.
        trials: Total over all processes and restarts.
        output: The folder; ``saved/tune/NAME`` if None.
        storage, name, sampler, pruner, objectives, budget_minutes: As in
            :class:`~recbole_ext.study.plan.TuneOptions`.
        workers, ray: As in :func:`compare`.
        progress: Whether to print what is going on.
        **keys: Configuration keys that win over ``config``; none of them may be searched.

    Returns:
        ``best`` settings and their ``value`` of the first objective; ``folder`` holds ``best.yaml``, which
        :func:`~recbole_ext.train` takes as ``config``, and a table of all trials.

    Raises:
        ConfigError: The space, an option or the configuration is invalid, or no trial gave a value.
        OutputError: The folder cannot be written.
    """
    from recbole_ext.errors import ConfigError
    from recbole_ext.study.plan import TuneOptions, plan_search
    from recbole_ext.study.where import Where

    if space is None:
        raise ConfigError("no search space is given: name its YAML file by space=")
    files, values = layers_of(config, keys)
    options = TuneOptions(
        space=Path(space).expanduser(),
        trials=trials,
        output=None if output is None else Path(output).expanduser(),
        storage=storage,
        name=name,
        sampler=sampler,
        pruner=pruner,
        objectives=[objectives] if isinstance(objectives, str) else objectives,
        where=Where(workers, ray),
        budget_minutes=budget_minutes,
    )
    plan = plan_search(model, files, values, options)

    from recbole_ext.data.build import DataCache
    from recbole_ext.study.tune import run_search

    say = said_by(progress)
    return run_search(
        plan,
        report=say,
        on_trial=lambda trial: say(f"{trial.done}/{trial.total}  {trial.last}"),
        cache=DataCache(),
    )

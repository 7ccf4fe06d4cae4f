"""The reproduction of a paper, checked completely before torch is imported: rows, keys, data set and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_ext.config.blocks import read_rerank
from recbole_ext.config.read import CheckedConfig
from recbole_ext.config.rules import read_metric_at_k
from recbole_ext.data.movielens.catalog import find_dataset
from recbole_ext.data.movielens.sources import HOME_VARIABLE
from recbole_ext.errors import ConfigError, DataError, DownloadError
from recbole_ext.evaluator.register import is_accuracy
from recbole_ext.runs.protocol import NOT_COMPARED
from recbole_ext.study.papers import PaperData, PaperFile, PaperModel, Proxy, chosen_rows, read_paper
from recbole_ext.trainer.configure import available_dataset, read_model_config

__all__ = ["ReproductionPlan", "plan_reproduction", "prepared_data"]

_OWN_KEYS = ("dataset", "model", "output", "seed", "rerank", "offline_dataset")


@dataclass(frozen=True)
class ReproductionPlan:
    """A reproduction that has passed all checks but those of the data.

    Attributes:
        file: The paper.
        rows: Those that are run.
        reasons: Label to the reason why a row is not run.
        data: The data set that is taken: the paper's, or its proxy.
        values: The keys of all runs.
        given: Keys that options have set; they win over those of a row.
        config: Of the first run; all runs have the same protocol.
    """

    file: PaperFile
    rows: tuple[PaperModel, ...]
    reasons: Mapping[str, str]
    data: PaperData
    values: Mapping[str, Any]
    given: Mapping[str, Any]
    config: CheckedConfig

    @property
    def deviation(self) -> str:
        """How the data differs from the paper's; empty on the paper's own."""
        return self.data.deviation if isinstance(self.data, Proxy) else ""

    @property
    def changed(self) -> dict[str, Any]:
        """The keys that decide what is computed and were set by an option."""
        return {key: value for key, value in self.given.items() if key not in NOT_COMPARED}

    def metrics(self) -> list[str]:
        """Every metric with K that the paper publishes, or that a claim rests on."""
        paper = self.file.paper
        published = [key for row in paper.models for key in row.published]
        return list(dict.fromkeys([*published, *(claim.metric for claim in paper.claims)]))


def plan_reproduction(
    name: str, models: Sequence[str] = (), overrides: Mapping[str, Any] | None = None
) -> ReproductionPlan:
    """Checks the reproduction of a paper.

    Args:
        name: A name of :func:`~recbole_ext.study.papers.known_papers`, or a file.
        models: Labels of rows, or names of models; all rows if empty.
        overrides: Keys that win over the file's.

    Raises:
        ConfigError: The paper, a row, a key or a value is unknown or cannot be used, or no row can be run.
    """
    file, given = read_paper(name), dict(overrides or {})
    chosen = chosen_rows(file, models)
    for key in _OWN_KEYS:
        if key in given:
            raise ConfigError(f"--{key} is set by the paper: leave it out")
    reasons = {row.label: reason for row in file.paper.models if (reason := file.paper.waiting(row))}
    rows = tuple(row for row in chosen if row.label not in reasons)
    if not rows:
        first = chosen[0].label
        raise ConfigError(
            f"{file.name} cannot be run: {first} {_as_clause(reasons[first])}; choose another paper or --models"
        )
    chosen_labels = {row.label for row in rows}
    for row in file.paper.models:
        if row.label not in chosen_labels:
            reasons.setdefault(row.label, "not asked for with --models")
    data = _data_of(file, given)
    candidates = file.paper.candidates
    values = {
        **file.paper.protocol,
        "candidates": None if candidates == "full" else candidates,
        **(data.settings if isinstance(data, Proxy) else {}),
        **given,
        "dataset": data.name,
        "show_progress": False,
    }
    config = _checked(file, rows, values, given, proxy=isinstance(data, Proxy))
    return ReproductionPlan(file, rows, reasons, data, values, given, config)


def _as_clause(reason: str) -> str:
    return reason if reason.startswith("waits for") else f"waits, for {reason}"


def _data_of(file: PaperFile, given: Mapping[str, Any]) -> PaperData:
    out = Path(str(given.get("data_path", "dataset"))).expanduser()
    return file.data(out)[0]


def _checked(
    file: PaperFile,
    rows: Sequence[PaperModel],
    values: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    proxy: bool,
) -> CheckedConfig:
    """Reads the configuration of every row that is run; the first one has the protocol of all."""
    found: list[CheckedConfig] = []
    for row in rows:
        if row.of:
            read_rerank(row.rerank)
            continue
        written = {key: one for key, one in file.origins(row, proxy).items() if key not in given}
        keys = {**values, **row.settings, **given, "seed": file.paper.seeds[0]}
        try:
            found.append(read_model_config(row.model, (), keys, origins=written)[1])
        except ConfigError as error:
            raise ConfigError(f"{file.name}, {row.label}: {error}", error.problem) from error
    _check_metrics(file, found[0])
    return found[0]


def _check_metrics(file: PaperFile, config: CheckedConfig) -> None:
    """Every published figure and every claim must be among what the runs measure.

    Raises:
        ConfigError: A metric or its K is not.
    """
    shown = str(config["valid_metric"]).partition("@")[2]
    names = {name.lower(): name for name in config["metrics"]}
    rows = [(f"{file.name}, {row.label}", key, row.of) for row in file.paper.models for key in row.published]
    claims = [(f"{file.name}, the claim '{one.says}'", one.metric, "") for one in file.paper.claims]
    for who, key, of in [*rows, *claims]:
        metric, _, k = key.partition("@")
        if metric not in names:
            raise ConfigError(f"{who}: {key} needs the metric {metric}: add it to metrics")
        read_metric_at_k(f"{names[metric]}@{k}", config["metrics"], config["topk"], key=who)
        if of and k != shown:
            raise ConfigError(f"{who}: re-ranked lists have {shown} places, not {k}: set valid_metric")
    for who, key, _ in claims:
        if not is_accuracy(key.partition("@")[0]):
            raise ConfigError(f"{who}: {key} has no value for each user: take a metric of accuracy")


def prepared_data(plan: ReproductionPlan, report: Callable[[str], None]) -> None:
    """Prepares the data set if it is not, and compares its counts with the published ones.

    Raises:
        DataError: It cannot be had, or has other counts.
        ConfigError: A filter cannot be used.
    """
    try:
        available_dataset(plan.config, report)
    except DownloadError as error:
        raise DataError(_what_to_get(plan)) from error
    from recbole_ext.data.interactions import interactions_of
    from recbole_ext.progress import stage

    name, out = plan.data.name, Path(str(plan.config["data_path"])).expanduser()
    with stage(f"counting {name}"):
        found = interactions_of(plan.config.values, out / name / f"{name}.inter")
    counts = {"users": found.n_users - 1, "items": found.n_items - 1, "interactions": len(found)}
    if differing := list(_differing(plan.data, counts)):
        what = "of the proxy" if isinstance(plan.data, Proxy) else "of the paper"
        raise DataError(
            f"{out / name} has {' and '.join(differing)} behind the filter: prepare the data set {what} again, or name "
            f"what you have as a proxy with its counts in a copy of {plan.file.path.name}"
        )
    if plan.deviation:
        report(f"NOTE: on the proxy {name}, not {plan.file.paper.dataset.name}: {plan.deviation}")


def _what_to_get(plan: ReproductionPlan) -> str:
    name, proxy = plan.data.name, plan.file.paper.proxy
    instead = f"; or make its proxy {proxy.name}: {' '.join(proxy.how.split())}" if proxy else ""
    return (
        f"{plan.file.name} needs {name}, which is not on this machine and cannot be downloaded: get "
        f"{find_dataset(name).url} and put it, or its folder, into a folder that {HOME_VARIABLE} names{instead}"
    )


def _differing(data: PaperData, counts: Mapping[str, int]) -> Iterator[str]:
    for what, count in counts.items():
        published = getattr(data, what)
        if count != published:
            yield f"{count:,} {what} instead of {published:,}"

"""A paper's rows trained and tested as it says, its figures beside ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recbole_ext.config.blocks import read_rerank
from recbole_ext.data.build import DataCache
from recbole_ext.data.files import write_whole
from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.confidence import holm, mean_intervals, paired_difference
from recbole_ext.model.registry import seeds_of
from recbole_ext.progress import stage
from recbole_ext.rerank.run import rerank_run
from recbole_ext.runs.compare import estimates, over_seeds
from recbole_ext.runs.figures import RerankFigures
from recbole_ext.runs.files import alone_in, made_folder
from recbole_ext.runs.forms import as_form, read_json
from recbole_ext.runs.kinds import check_study_folder
from recbole_ext.runs.reproduction import (
    ClaimVerdict,
    ReproducedClaim,
    ReproducedFigure,
    ReproducedModel,
    Reproduction,
    verdict_of,
)
from recbole_ext.runs.results import Estimate, write_result
from recbole_ext.runs.run import ListFolder, Run, read_run
from recbole_ext.study.cells import Cells, study_protocol
from recbole_ext.study.papers import PaperClaim, PaperModel
from recbole_ext.study.reproduce_table import reproduction_markdown
from recbole_ext.study.reproduction_plan import ReproductionPlan
from recbole_ext.study.steps import steps_of
from recbole_ext.trainer.opened import open_model

__all__ = ["default_folder", "default_page", "run_reproduction"]

Values = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Lists:
    """What a row has given.

    Attributes:
        figures: Metric with K to its test figure.
        values: Metric with K to ``(U,)``, averaged over seeds.
        runs: The trained runs; those of the re-ranked row for a row that re-ranks.
    """

    figures: Mapping[str, Estimate]
    values: Values
    runs: Sequence[Run]


def default_folder(name: str) -> Path:
    """Where the runs of a paper go unless told otherwise."""
    return Path("saved") / "papers" / name


def default_page() -> Path:
    """The folder of the pages: ``docs/papers`` in a checkout of this project, else beside the runs."""
    checkout = Path("docs/architecture.md").is_file() and Path("recbole_ext/study").is_dir()
    return Path("docs/papers") if checkout else Path("saved/papers")


def run_reproduction(
    plan: ReproductionPlan,
    *,
    output: Path | None = None,
    page: Path | None = None,
    command: str = "",
    report: Callable[[str], None] = lambda _: None,
) -> Reproduction:
    """Runs a paper's rows on data that :func:`~recbole_ext.study.reproduction_plan.prepared_data` has checked.

    The same call resumes an interrupted reproduction, and a call for further rows adds them to those that are there.
    The folder holds ``cells/<row>-reproduced-seed<seed>/`` (complete run folders), ``rerank/<row>-seed<seed>/``,
    ``papers.json`` and ``papers.md``; the page is ``<page>/<name>.md``.

    Args:
        plan: From :func:`~recbole_ext.study.reproduction_plan.plan_reproduction`.
        output: Folder of the runs; :func:`default_folder` if None.
        page: Folder of the page; :func:`default_page` if None.
        command: The command that repeats it, recorded in the files.
        report: Receives each line of output for the user.

    Raises:
        ConfigError: A cell was computed with another configuration.
        CheckpointError: A finished cell is damaged.
        RecBoleExtError: Training failed; finished cells are kept.
    """
    name = plan.file.name
    place = output or default_folder(name)
    check_study_folder(place, "reproduction")
    folder = made_folder(place)
    with alone_in(folder):
        others = sum(len(_seeds(plan, row)) for row in plan.rows if row.of)
        with steps_of(f"reproducing {name},", _count(plan), others) as steps:
            cells = Cells(folder / "cells", (), plan.values, DataCache(), report, steps)
            result = _Reproduced(plan, folder, cells, command).result()
        text = reproduction_markdown(result)
        write_result(folder, "papers", result, text)
        write_whole(made_folder(page or default_page()) / f"{name}.md", f"{text}\n", "--page")
    return result


def _count(plan: ReproductionPlan) -> int:
    """How many runs there are."""
    return sum(len(_seeds(plan, row)) for row in plan.rows if row.model)


def _seeds(plan: ReproductionPlan, row: PaperModel) -> Sequence[int]:
    trained = plan.file.paper.row(row.of) if row.of else row
    return seeds_of(trained.model, plan.file.paper.seeds)


def _name(row: PaperModel, seed: int) -> str:
    return f"{row.slug}-reproduced-seed{seed}"


@dataclass(frozen=True)
class _Reproduced:
    """The reproduction in its folder."""

    plan: ReproductionPlan
    folder: Path
    cells: Cells
    command: str

    def result(self) -> Reproduction:
        """Runs what is not there, and states every row and claim of the paper."""
        plan, paper = self.plan, self.plan.file.paper
        trained = [row for row in paper.models if row.model and not paper.waiting(row)]
        self.cells.check(_name(row, seed) for row in trained for seed in _seeds(plan, row))
        runs = {row.label: found for row in trained if (found := self._runs(row))}
        lists = {label: _of_runs(found, plan.metrics()) for label, found in runs.items()}
        for row in paper.models:
            if row.of and row.of in runs and row.label not in plan.reasons:
                lists[row.label] = self._reranked(row, runs[row.of])
        first = next(iter(runs.values()))[0]
        return Reproduction(
            name=plan.file.name,
            command=self.command,
            source=paper.source.words(),
            table=paper.source.table,
            read_in=paper.source.read_in,
            dataset=f"{plan.data.name}: {plan.data.words()}",
            published_data=f"{paper.dataset.name}: {paper.dataset.words()}",
            deviation=plan.deviation,
            changed=plan.changed,
            note=" ".join(paper.note.split()),
            protocol=_protocol(plan, first),
            models=[self._model(row, lists.get(row.label)) for row in paper.models],
            claims=[_claim(claim, lists, first.level) for claim in paper.claims],
        )

    def _runs(self, row: PaperModel) -> list[Run]:
        """The runs of a row; of one that is not asked for, those that an earlier call with these keys has finished."""
        seeds = _seeds(self.plan, row)
        if row in self.plan.rows:
            return [self.cells.get(_name(row, seed), row.model, self._keys(row, seed)) for seed in seeds]
        finals = [self.folder / "cells" / _name(row, seed) for seed in seeds]
        if not all(final.is_dir() for final in finals):
            return []
        try:
            for seed in seeds:
                self.cells.verify(_name(row, seed), row.model, self._keys(row, seed))
        except ConfigError:
            return []
        return [read_run(final) for final in finals]

    def _keys(self, row: PaperModel, seed: int) -> dict[str, Any]:
        return {**row.settings, **self.plan.given, "seed": seed}

    def _reranked(self, row: PaperModel, runs: Sequence[Run]) -> _Lists:
        """The test lists of another row's runs, re-ranked once."""
        settings, found = read_rerank(row.rerank), []
        for run in runs:
            folder = self.folder / "rerank" / f"{row.slug}-seed{run.figures.protocol.seed}"
            if folder.is_dir():
                self.cells.steps.skipped()
            else:
                with stage(f"lists of {row.label}"):
                    rerank_run(open_model(run.path, trust=True), settings, output=folder)
                self.cells.steps.took()
            remedy = f"remove {folder} and repeat the command"
            metrics = read_json(folder / "metrics.json", remedy)
            figures = as_form(metrics, RerankFigures, folder / "metrics.json", remedy)
            if figures.fingerprint != run.figures.fingerprint or figures.rerank.method != settings.method:
                raise ConfigError(f"{folder} holds lists of other settings or data: {remedy}")
            found.append(ListFolder(folder, metrics))
        values = {
            name: np.mean([one.per_user[name].to_numpy() for one in found], axis=0)
            for name in found[0].per_user.columns
            if name != "user_id"
        }
        intervals = mean_intervals(values, level=runs[0].level)
        after = [one.metrics["after"] for one in found]
        estimated = {
            name: _estimate([float(one[name]) for one in after], intervals.get(name)) for name in after[0]
        }
        return _Lists(estimated, values, runs)

    def _model(self, row: PaperModel, lists: _Lists | None) -> ReproducedModel:
        ours = lists.figures if lists else {}
        known = [key for key in self.plan.metrics() if key in row.published or (lists and key in ours)]
        figures = [
            ReproducedFigure(
                metric=key,
                published=row.published.get(key),
                ours=ours.get(key),
                verdict=verdict_of(row.published.get(key), ours.get(key)),
            )
            for key in sorted(known, key=lambda key: key not in row.published)
        ]
        ran = lists.runs if lists else ()
        return ReproducedModel(
            label=row.label,
            model=row.model,
            note=" ".join(row.note.split()),
            settings=row.rerank or row.settings,
            seeds=[run.figures.protocol.seed for run in ran],
            epochs=ran[0].figures.epochs if ran and row.model else None,
            reason="" if lists else self.plan.reasons.get(row.label) or f"{row.of} was not run",
            figures=figures,
        )


def _estimate(values: Sequence[float], interval: tuple[float, float] | None) -> Estimate:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    low, high = interval or (None, None)
    return Estimate(float(np.mean(values)), low, high, spread)


def _of_runs(runs: Sequence[Run], names: Sequence[str]) -> _Lists:
    return _Lists(estimates(runs, runs[0].level, names), over_seeds(runs), runs)


def _protocol(plan: ReproductionPlan, first: Run) -> dict[str, Any]:
    return {
        **study_protocol(first, plan.file.paper.seeds),
        "test_rule": "paired bootstrap over users of values averaged over seeds; paired randomisation test of "
        "the mean, Holm's correction over the pairs of a claim",
    }


def _claim(claim: PaperClaim, lists: Mapping[str, _Lists], level: float) -> ReproducedClaim:
    """A claim holds where every pair differs significantly in its sense, and does not where one does in the other."""
    lacking = [label for label in (*claim.above, *claim.below) if label not in lists]
    if lacking:
        why = f"{', '.join(lacking)} {'was' if len(lacking) == 1 else 'were'} not run."
        return ReproducedClaim(says=claim.says, metric=claim.metric, verdict="not run", why=why)
    pairs = [(above, below) for above in claim.above for below in claim.below]
    values = {label: one.values[claim.metric] for label, one in lists.items()}
    found = [paired_difference(values[above], values[below], level=level) for above, below in pairs]
    adjusted = holm([one.p_value for one in found]).tolist()
    tested = list(zip(pairs, found, adjusted, strict=True))
    signs = {math.copysign(1, one.mean) if p < 1 - level else 0 for _, one, p in tested}
    verdict: ClaimVerdict = "does not hold" if -1 in signs else "open" if 0 in signs else "holds"
    words = "; ".join(
        f"{above} less {below} {one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}], p {p:.3g}"
        for (above, below), one, p in tested
    )
    return ReproducedClaim(says=claim.says, metric=claim.metric, verdict=verdict, why=f"{words}.")

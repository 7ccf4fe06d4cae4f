"""Builds a report from folders, and names the command that would add each missing chapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from recbole_ext import __version__
from recbole_ext.data.files import write_whole
from recbole_ext.data.movielens import DATASETS
from recbole_ext.errors import ConfigError, OutputError, nearest, program
from recbole_ext.progress import stage, tracked
from recbole_ext.report.cards import cards_of
from recbole_ext.report.context import Context, context_of
from recbole_ext.report.document import Document, Section
from recbole_ext.report.inputs import read_inputs
from recbole_ext.report.render import FORMATS, render
from recbole_ext.report.sections.closing import interpretability_section, protocol_section, timing_section
from recbole_ext.report.sections.coverage import coverage_section
from recbole_ext.report.sections.data import data_section
from recbole_ext.report.sections.debiasing import debiasing_section
from recbole_ext.report.sections.examples import examples_section
from recbole_ext.report.sections.opening import claims_section, meaning_section, question_section
from recbole_ext.report.sections.order import order_section
from recbole_ext.report.sections.people import groups_section, overlap_section
from recbole_ext.report.sections.results import comparison_section
from recbole_ext.report.sections.tuning import ablation_section, tuning_section
from recbole_ext.report.sentences import headline
from recbole_ext.report.svg_files import figure_files
from recbole_ext.runs.protocol import same_history_words

__all__ = ["document_of", "write_report"]

# Written by compare, ablate, sequentiality and pareto, though their endings are those of a report.
_WRITTEN_BY_OTHERS = ("comparison.md", "ablation.md", "sequentiality.md", "curves.html")


_CHAPTERS: tuple[Callable[[Context], Section | None], ...] = (
    question_section,
    meaning_section,
    comparison_section,
    coverage_section,
    debiasing_section,
    claims_section,
    groups_section,
    overlap_section,
    examples_section,
    data_section,
    tuning_section,
    ablation_section,
    order_section,
    timing_section,
    interpretability_section,
    protocol_section,
)
"""In reading order."""


def _absent(context: Context, present: set[str]) -> tuple[str, ...]:
    """One sentence for each chapter that lacks its input."""
    best = next((row.runs[0] for row in context.comparison.rows if row.runs), None)
    run = str(best.path) if best else "RUN"
    hints = {
        "coverage": "A comparison needs a second model: name more run folders, for example those of "
        f"{program()} --model=EASE and --model=GRU4Rec.",
        "debiasing": f"Curves of re-rankers are added by the folder of: {program()} pareto {run}",
        "examples": f"Lists before and after a re-ranker are added by the folder of: {program()} rerank "
        f"{run} --method=popularity_penalty --alpha=0.1 (with its run among the folders).",
        "ablation": f"Ablations are added by the folder of: {program()} ablate (it holds ablation.json).",
        "order": f"What order is worth is added by the folder of: {program()} sequentiality --dataset="
        f"{context.comparison.dataset}",
        "tuning": f"The history of a tuning is added by a folder with trials.csv: {program()} tune, or compare.",
    }
    missing = [words for key, words in hints.items() if key not in present]
    return (*((context.data_absent,) if context.data_absent else ()), *missing)


def _users(context: Context) -> str:
    users = context.comparison.users
    return f"{users:,} test users" if users else "test users"


def _colophon(context: Context) -> str:
    """Version, protocol and source of the data in one line."""
    c, p = context.comparison, context.comparison.protocol
    words = (
        f"Written by recbole_ext {__version__}. Protocol: {c.dataset}, split {p.get('split')}, candidates: "
        f"{p.get('candidates')}, seen items {'masked' if p.get('mask_seen', True) else 'not masked'}, K = {c.k}, "
        f"{same_history_words(p)}, "
        f"head rule {p.get('head_rule')}, {_users(context)}. Nothing on this page is loaded from the network."
    )
    return words + (f" Data: {DATASETS[c.dataset].citation}" if c.dataset in DATASETS else "")


def document_of(context: Context) -> Document:
    """The chapters that the inputs allow, in reading order."""
    chapters = tracked(_CHAPTERS, "writing", len(_CHAPTERS), "chapters")
    sections = tuple(section for write in chapters if (section := write(context)) is not None)
    title, lead = headline(context.comparison)
    c = context.comparison
    models = f"{len(c.rows)} model{'s' if len(c.rows) > 1 else ''}"
    kicker = " · ".join(filter(None, [c.title, c.dataset, models, _users(context), c.created[:10]]))
    return Document(
        title=f"{title} – {c.dataset}",
        kicker=kicker,
        headline=title,
        lead=lead,
        cards=cards_of(context),
        sections=sections,
        absent=_absent(context, {section.key for section in sections}),
        colophon=_colophon(context),
    )


def _check_output(path: Path, chosen: str, folders: Sequence[Path]) -> None:
    """Nothing but a report may be overwritten: results can be the work of hours."""
    ending = path.suffix.removeprefix(".").lower()
    if ending in FORMATS and ending != chosen:
        raise ConfigError(f"--output={path} ends in .{ending}, but --format is {chosen}: make them agree")
    inside = next((one for one in folders if path.resolve().parent.is_relative_to(one.resolve())), None)
    if inside is not None and (ending not in FORMATS or path.name in _WRITTEN_BY_OTHERS):
        raise OutputError(f"{path} is among the results in {inside}: choose another --output")
    if ending not in FORMATS and path.exists() and not path.is_dir():
        raise OutputError(
            f"{path} exists and its name is not that of a report: choose an --output that ends in .html or .md"
        )


def _check_figures(folder: Path) -> None:
    """A file in place of the folder for the charts is found before the report is written."""
    place = next((one for one in (folder, *folder.parents) if one.exists()), None)
    if place is not None and not place.is_dir():
        raise OutputError(f"--figures={folder} cannot be written, since {place} is a file: name a folder")


def write_report(
    folders: Sequence[Path],
    *,
    output: Path | None = None,
    form: str | None = None,
    figures: Path | None = None,
) -> Path:
    """Writes the report of some folders.

    Args:
        folders: Of train, rerank, pareto, tune, ablate, compare or sequentiality.
        output: The file; ``report.html`` (or ``.md``) in the working folder if None.
        form: ``html`` or ``md``; by the ending of ``output`` if None.
        figures: A folder that also receives every chart as an SVG file of its own.

    Returns:
        The file.

    Raises:
        ConfigError: The form is unknown or not that of ``output``, or the folders do not belong together.
        CheckpointError: A folder is missing, damaged or of something else.
        OutputError: The file cannot be written, or something else stands there; nothing half-written is left.
    """
    chosen = form or (output.suffix.removeprefix(".").lower() if output and output.suffix else "html")
    if chosen not in FORMATS:
        raise ConfigError(
            f"the format of a report is {chosen!r}{nearest(chosen, FORMATS)} (formats: {', '.join(FORMATS)}): give "
            "--format, or an --output that ends in one of them"
        )
    path = output or Path(f"report.{chosen}")
    _check_output(path, chosen, folders)
    if figures is not None:
        _check_figures(figures)
    with stage("reading the folders"):
        inputs = read_inputs(folders)
    with stage("computing what chapters share"):
        context = context_of(inputs)
    document = document_of(context)
    with stage(f"writing {path}"):
        write_whole(path, render(document, chosen))
    if figures is not None:
        for name, text in figure_files(document).items():
            write_whole(figures / name, text, "--figures")
    return path

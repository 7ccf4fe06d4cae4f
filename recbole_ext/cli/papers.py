"""The commands on published papers: papers, presets, reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recbole_ext.cli.console import console, say, wide_option
from recbole_ext.cli.keys import overrides_of
from recbole_ext.cli.options import ANY_KEY, NamedPath, repeated
from recbole_ext.cli.progress import importing

if TYPE_CHECKING:
    from recbole_ext.study.papers import PaperFile

__all__ = ["papers", "presets", "reproduce"]


@click.command()
@click.option("--data-path", default="dataset", type=NamedPath(), help="Where the atomic files are.")
@wide_option
def papers(data_path: Path) -> None:
    """List the published papers that 'reproduce' takes, and whether their data is on disk."""
    from recbole_ext.cli.tables import Grid, print_grid
    from recbole_ext.study.papers import known_papers, read_paper

    rows = [_listed(read_paper(name), data_path) for name in known_papers()]
    heads = ("paper", "data set", "on disk", "rows that run", "what")
    order, words = (1, 2, 3, 4), {4: 20}
    print_grid(Grid("", heads, rows, order, words, frozenset({1, 2})), console())
    say("'reproduce NAME' runs one; 'datasets' says where data is looked for")


def _listed(file: PaperFile, data_path: Path) -> list[str]:
    paper = file.paper
    data, there = file.data(data_path)
    on_disk = "no" if there is None else "prepared" if there.prepared else "raw copy"
    if there is not None and data is paper.proxy:
        on_disk = f"proxy {data.name}"
    running = sum(not paper.waiting(row) for row in paper.models)
    what = f"{paper.source.words()}; {paper.source.table}"
    return [file.name, paper.dataset.name, on_disk, f"{running} of {len(paper.models)}", what]


@click.command()
@wide_option
def presets() -> None:
    """List the settings of published models that --preset takes."""
    from recbole_ext.cli.tables import Grid, print_grid
    from recbole_ext.config.presets import known_presets

    rows = [
        [one.name, one.model, " ".join([f"{one.source}.", one.note]).strip()]
        for one in known_presets().values()
    ]
    print_grid(
        Grid("", ("preset", "model", "from"), rows, order=(1, 2), words={2: 24}, left=frozenset({1})),
        console(),
    )
    say("'--preset=NAME' trains a model so; options and files win over it")


@click.command(context_settings=ANY_KEY)
@click.argument("name")
@click.option(
    "--models", help="Rows of the paper or names of models, separated by commas (default: all rows)."
)
@click.option("--output", type=NamedPath("folder"), help="Folder of the runs (default: saved/papers/<name>).")
@click.option(
    "--page",
    type=NamedPath("folder"),
    help="Folder of the page <name>.md (default: docs/papers in a checkout, else saved/papers).",
)
@wide_option
@click.pass_context
def reproduce(
    context: click.Context, name: str, models: str | None, output: Path | None, page: Path | None
) -> None:
    """Run a published paper's models as it says, and hold its figures against ours.

    NAME is one that 'papers' lists, or a file of your own that ends in .yaml. The same command continues after an
    interruption. Any configuration key can be given as --key=value or --key value; the page says so.
    """
    from recbole_ext.study.reproduction_plan import plan_reproduction, prepared_data

    names = tuple(part.strip() for part in models.split(",")) if models is not None else ()
    plan = plan_reproduction(name, names, overrides_of(context))
    prepared_data(plan, say)

    with importing():
        from recbole_ext.study.reproduce import default_page, run_reproduction
        from recbole_ext.study.reproduce_table import deviation_words, reproduction_tables

    result = run_reproduction(plan, output=output, page=page, command=repeated(), report=say)

    from recbole_ext.cli.tables import Grid, print_grid

    file = (page or default_page()) / f"{result.name}.md"
    say(result.source)
    for line in deviation_words(result):
        say(line)
    for table in reproduction_tables(result):
        last = len(table.head) - 1
        order = (2, 3, 5, 1, 4) if table.title == "Figures" else ()
        words = {} if table.title == "Figures" else {last: 20}
        print_grid(
            Grid(table.title, table.head, table.rows, order, words), console(), f"see --wide or {file}"
        )
    say(f"the page of the paper: {file}")

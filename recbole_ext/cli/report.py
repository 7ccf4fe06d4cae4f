"""The commands that present and explain results: report, explain."""

from __future__ import annotations

from pathlib import Path

import click

from recbole_ext.cli.console import say
from recbole_ext.cli.options import NamedPath, run_argument, trust_option
from recbole_ext.cli.progress import importing

__all__ = ["explain", "report"]


@click.command()
@click.argument("folders", metavar="RUN...", nargs=-1, type=NamedPath())
@click.option("--output", type=NamedPath("file"), help="The file (default: report.html).")
@click.option("--format", "form", help="html or md (default: by the ending of --output, else html).")
@click.option("--figures", type=NamedPath("folder"), help="A folder for the charts as SVG files too.")
def report(folders: tuple[Path, ...], output: Path | None, form: str | None, figures: Path | None) -> None:
    """Write one file that shows runs, curves, re-ranked lists, ablations or a whole comparison.

    Each RUN is a folder of train, rerank, pareto, tune, ablate, compare or sequentiality, in any order.
    """
    from recbole_ext.report import write_report

    say(f"report: {write_report(folders, output=output, form=form, figures=figures)}")


@click.command()
@run_argument
@click.option("--user", required=True, help="Token of a test user.")
@click.option("--top", default=3, type=click.IntRange(min=1), help="How many recommendations.")
@click.option("--reasons", default=5, type=click.IntRange(min=1), help="Items of the history for each.")
@trust_option
def explain(run: Path, user: str, top: int, reasons: int, trust: bool) -> None:
    """Show which part of a user's history made a recommendation."""
    from recbole_ext.runs.folder import open_run, read_trusted_config

    read_trusted_config(open_run(run), trust)

    with importing():
        from recbole_ext.cli.show import explanation_lines
        from recbole_ext.recommend import explain as interpretation

    found = interpretation.explain(run, user, top=top, reasons=reasons, trust=trust)
    say("\n".join(explanation_lines(found)))

"""The command that writes a run for programs without Python: export."""

from __future__ import annotations

from pathlib import Path

import click

from recbole_ext.cli.console import say
from recbole_ext.cli.options import NamedPath, run_argument, trust_option
from recbole_ext.cli.progress import importing

__all__ = ["export"]


@click.command()
@run_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["onnx", "lists"]),
    default="onnx",
    show_default=True,
    help="A model that takes histories, or finished lists of the test users.",
)
@click.option("--k", default=10, show_default=True, type=click.IntRange(min=1), help="Length of a list.")
@click.option("--output", type=NamedPath("path"), help="Folder or file (default: beside RUN).")
@trust_option
def export(run: Path, form: str, k: int, output: Path | None, trust: bool) -> None:
    """Write a saved run for other programs: a model in ONNX, or lists as JSON lines.

    The model in ONNX takes the last items of a history and gives the best next ones.
    """
    from recbole_ext.errors import OutputError
    from recbole_ext.runs.files import check_new
    from recbole_ext.runs.folder import open_run, read_trusted_config

    read_trusted_config(open_run(run), trust)
    final = output or run.with_name(f"{run.name}-onnx" if form == "onnx" else f"{run.name}-lists.jsonl")
    if form == "onnx":
        check_new(final)
    elif final.exists():
        raise OutputError(f"{final} exists: remove it, or choose another --output")

    with importing():
        from recbole_ext.recommend.export import check_extra, export_onnx, write_user_lists
        from recbole_ext.recommend.recommender import Recommender
        from recbole_ext.trainer.opened import open_model

    if form == "onnx":
        check_extra()
    recommender = Recommender(open_model(run, trust=trust, report=say))
    if form == "onnx":
        export_onnx(recommender, final, k)
        say(f"model and items: {final}")
    else:
        write_user_lists(recommender, final, k)
        say(f"lists: {final}")

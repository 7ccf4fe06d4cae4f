"""The command for what people chose of the lists of a server: feedback export."""

from __future__ import annotations

from pathlib import Path

import click

from recbole_ext.cli.console import say
from recbole_ext.cli.options import NamedPath

__all__ = ["feedback"]


@click.group()
def feedback() -> None:
    """What people chose of the lists that 'serve --feedback' showed them."""


@feedback.command()
@click.option("--feedback", "address", required=True, help="The SQLite file or postgresql:// URL of 'serve'.")
@click.option("--output", required=True, type=NamedPath("file"), help="The new .inter file.")
@click.option("--rating", type=float, help="What a choice is worth, for data that has ratings.")
@click.option("--dataset", help="Choices from lists of models that were trained on it (default: of all).")
def export(address: str, output: Path, rating: float | None, dataset: str | None) -> None:
    """Write what people chose as an .inter file, which 'prepare --merge' adds to a data set."""
    from recbole_ext.serve.feedback_export import export as write
    from recbole_ext.serve.feedback_store import open_store

    store = open_store(address)
    try:
        done = write(store, output, rating=rating, dataset=dataset)
    finally:
        store.close()
    left = f"; {done.nameless:,} choices of nobody in particular are left out" if done.nameless else ""
    left += f"; {done.other:,} messages are of other data sets" if done.other else ""
    say(f"{done.rows:,} choices of {done.people:,} people from {done.messages:,} messages: {output}{left}")
    say("add them with: prepare --source=dataset/NAME --dataset=NEW-NAME --merge=" + str(output))

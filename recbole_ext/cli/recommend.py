"""The commands that answer for people: recommend, explain, vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recbole_ext.cli.console import say
from recbole_ext.cli.keys import overrides_of
from recbole_ext.cli.options import ANY_KEY, NamedPath, run_argument, trust_option
from recbole_ext.cli.progress import importing

if TYPE_CHECKING:
    import polars as pl

    from recbole_ext.config.blocks import ExposureSettings, RerankSettings
    from recbole_ext.recommend.people import People
    from recbole_ext.recommend.recommender import Recommender

__all__ = ["explain", "recommend", "vectors"]

_TITLE_WIDTH = 48
likes_option = click.option(
    "--likes",
    multiple=True,
    help='An item that somebody likes, by title or token, the oldest first: --likes="Toy Story (1995)".',
)


@click.command(context_settings=ANY_KEY)
@run_argument
@click.option("--user", "users", multiple=True, help="Token of a user of the data set; may be repeated.")
@likes_option
@click.option("--all", "everybody", is_flag=True, help="For every test user; needs --output.")
@click.option("--k", default=10, show_default=True, type=click.IntRange(min=1), help="Length of a list.")
@click.option("--among", multiple=True, help="An item to choose from (default: the whole catalogue).")
@click.option("--include-seen", is_flag=True, help="Show items again that a person had before.")
@click.option(
    "--rerank", "method", help="A re-ranker; its options as for 'rerank': --rerank=mmr --lambda=0.7."
)
@click.option("--output", type=NamedPath("file"), help="A .parquet or .csv file, instead of the terminal.")
@trust_option
@click.pass_context
def recommend(
    context: click.Context,
    run: Path,
    users: tuple[str, ...],
    likes: tuple[str, ...],
    everybody: bool,
    k: int,
    among: tuple[str, ...],
    include_seen: bool,
    method: str | None,
    output: Path | None,
    trust: bool,
) -> None:
    """Recommend for users of the data set, or for anybody who likes some items.

    Users get the lists of the test; --likes is the history of one person whom the model need not have seen.
    """
    _check_people(users, likes, everybody, output)
    settings = _reranker(context, method)

    from recbole_ext.recommend.wish import Wish, check_wish

    wish = Wish(k, False if include_seen else None, among or None, settings)
    check_wish(wish)
    if output is not None:
        from recbole_ext.recommend.writing import check_output

        check_output(output)
    recommender = _opened(run, trust)

    from recbole_ext.recommend.recommendations import recommended

    people = _people(recommender, users, likes)
    blocks = recommended(recommender, people, wish)
    if output is None:
        for block in blocks:
            say("\n".join(_lines(block, likes=bool(likes))))
        return

    from recbole_ext.recommend.writing import write_recommendations

    rows = write_recommendations(output, blocks)
    say(f"{rows:,} recommendations for {len(people):,} people: {output}")


def _check_people(
    users: tuple[str, ...], likes: tuple[str, ...], everybody: bool, output: Path | None
) -> None:
    given = [
        name for name, value in (("--user", users), ("--likes", likes), ("--all", everybody or None)) if value
    ]
    if not given:
        raise click.UsageError(
            "for whom? Give --user=TOKEN, --likes=TITLE (both may be repeated), or --all with --output"
        )
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} are given: recommend for one of them at a time")
    if everybody and output is None:
        raise click.UsageError(
            "--all makes more lists than a terminal shows: add --output=lists.parquet or lists.csv"
        )


def _reranker(context: click.Context, method: str | None) -> RerankSettings | ExposureSettings | None:
    from recbole_ext.config.blocks import read_rerank

    block = overrides_of(context)
    if method is not None:
        return read_rerank({"method": method, **block})
    if block:
        raise click.UsageError(f"--{next(iter(block))} belongs to a re-ranker: add --rerank=METHOD")
    return None


def _opened(run: Path, trust: bool) -> Recommender:
    """The opened run, once it is clear that there is one."""
    from recbole_ext.runs.folder import open_run, read_trusted_config

    read_trusted_config(open_run(run), trust)

    with importing():
        from recbole_ext.recommend.recommender import Recommender
        from recbole_ext.trainer.opened import open_model

    return Recommender(open_model(run, trust=trust))


def _people(recommender: Recommender, users: tuple[str, ...], likes: tuple[str, ...]) -> People:
    return recommender.strangers([list(likes)]) if likes else recommender.known(list(users) or None)


def _lines(table: pl.DataFrame, likes: bool) -> list[str]:
    """A few lines for each person."""
    lines: list[str] = []
    width = min(_TITLE_WIDTH, max((len(title) for title in table["title"]), default=0))
    for (user,), rows in table.group_by("user", maintain_order=True):
        lines += [] if likes else [*([""] if lines else []), f"user {user}"]
        for rank, item, title, score in rows.select("rank", "item", "title", "score").iter_rows():
            shown = title if len(title) <= width else f"{title[: width - 1]}…"
            lines.append(f"{rank:>3}. {shown:{width}}  {score:>9.4f}  item {item}")
    return lines


@click.command()
@run_argument
@click.option("--user", help="Token of a test user.")
@likes_option
@click.option("--top", default=3, type=click.IntRange(min=1), help="How many recommendations.")
@click.option("--reasons", default=5, type=click.IntRange(min=1), help="Items of the history for each.")
@trust_option
def explain(run: Path, user: str | None, likes: tuple[str, ...], top: int, reasons: int, trust: bool) -> None:
    """Show which part of a history made a recommendation: that of a user, or of somebody who likes some items."""
    if (user is None) == (not likes):
        raise click.UsageError("whose history? Give --user=TOKEN, or --likes=TITLE, which may be repeated")
    recommender = _opened(run, trust)

    from recbole_ext.recommend.explain import explain_stranger, explain_user, explanation_lines

    if user is not None:
        found = explain_user(recommender, user, top=top, reasons=reasons)
    else:
        found = explain_stranger(recommender, recommender.strangers([list(likes)]), top=top, reasons=reasons)
    say("\n".join(explanation_lines(found)))


@click.command()
@run_argument
@click.option("--output", required=True, type=NamedPath("folder"), help="A folder that does not exist yet.")
@click.option("--index", "with_index", is_flag=True, help="Write an index, too, and measure its recall.")
@click.option(
    "--k", default=10, show_default=True, type=click.IntRange(min=1), help="Length of the lists of that."
)
@trust_option
def vectors(run: Path, output: Path, with_index: bool, k: int, trust: bool) -> None:
    """Save the vectors of people and items whose inner product is a model's score.

    Writes items.npy and people.npy, each with the tokens of its rows in .txt; people are the test users. An index finds
    the best items of a large catalogue without scoring all of them; how many it misses is measured on these people.
    """
    from recbole_ext.runs.files import check_new

    check_new(output)
    recommender = _opened(run, trust)

    from recbole_ext.recommend.vectors import indexed, recall_of_index, towers_of, write_towers

    towers = towers_of(recommender.run)
    index = indexed(towers.items) if with_index else None
    if index is not None:
        recall = recall_of_index(index, towers, k)
        say(f"recall@{k} of the index against exact search: {recall:.4f} over {len(towers.people):,} people")
    write_towers(output, towers, index)
    say(
        f"{len(towers.items):,} items and {len(towers.people):,} people, {towers.items.shape[1]} numbers each: {output}"
    )

"""The commands that re-rank the lists of a saved run: rerank, pareto."""

from __future__ import annotations

from pathlib import Path

import click

from recbole_ext.cli.console import console, say, wide_option
from recbole_ext.cli.keys import overrides_of
from recbole_ext.cli.options import (
    ANY_KEY,
    NamedPath,
    head_rule_option,
    k_option,
    run_argument,
    trust_option,
)
from recbole_ext.cli.progress import importing

__all__ = ["pareto", "rerank"]


def _check_folders(run: Path, trust: bool, head_rule: str | None, output: Path | None) -> None:
    """Refuses at once what re-ranking would refuse after imports of seconds."""
    from recbole_ext.config.messages import config_error
    from recbole_ext.config.problem import Problem, origin_of_option
    from recbole_ext.evaluator.groups import HEAD_RULES
    from recbole_ext.runs.files import check_new
    from recbole_ext.runs.folder import open_run, read_trusted_config

    read_trusted_config(open_run(run), trust)
    if head_rule is not None and head_rule not in HEAD_RULES:
        key, known = "head_rule", tuple(HEAD_RULES)
        raise config_error(
            Problem((key,), "unknown_name", head_rule, known=known, origin=origin_of_option(key))
        )
    if output is not None:
        check_new(output)


@click.command(context_settings=ANY_KEY)
@run_argument
@click.option("--method", help="popularity_penalty, value_aware, xquad, calibrated, mmr or exposure.")
@k_option
@click.option("--output", type=NamedPath("folder"), help="Folder for the new lists (default: beside RUN).")
@click.option("--save-prices", is_flag=True, help="Also keep the prices of exposure, for a server.")
@head_rule_option
@trust_option
@wide_option
@click.pass_context
def rerank(
    context: click.Context,
    run: Path,
    method: str | None,
    k: int | None,
    output: Path | None,
    save_prices: bool,
    head_rule: str | None,
    trust: bool,
) -> None:
    """Re-rank the test lists of a saved run, without training it again.

    Options of the method are given as --key=value or --key value, for example --alpha=0.1, --lambda=0.3,
    --candidates=200, or for exposure --coverage=0.8 --tail_share=0.5.
    """
    from recbole_ext.config.blocks import read_rerank

    block = overrides_of(context)
    if method is not None:
        block["method"] = method
    settings = read_rerank(block)
    if save_prices and settings.method != "exposure":
        raise click.UsageError(f"{settings.method} has no prices: --save-prices goes with --method=exposure")
    _check_folders(run, trust, head_rule, output)

    with importing():
        from recbole_ext.cli import show
        from recbole_ext.rerank.run import rerank_run
        from recbole_ext.trainer.opened import open_model

    opened = open_model(run, head_rule=head_rule, trust=trust, report=say)
    result = rerank_run(opened, settings, k=k, output=output, save_prices=save_prices)
    show.show_reranked(result.metrics, console())
    say(f"lists and figures: {result.folder}")


@click.command()
@run_argument
@click.option("--methods", help="Separated by commas (default: all).")
@click.option("--candidates", type=click.IntRange(min=1), help="Length of the lists re-ranked.")
@click.option("--most-loss", type=float, help="Share of validation NDCG that a chosen strength may cost.")
@click.option("--output", type=NamedPath("folder"), help="Folder for table and plot (default: beside RUN).")
@head_rule_option
@trust_option
@wide_option
def pareto(
    run: Path,
    methods: str | None,
    candidates: int | None,
    most_loss: float | None,
    output: Path | None,
    head_rule: str | None,
    trust: bool,
) -> None:
    """Draw the curves of re-rankers: swept on validation, chosen by a rule, tested once.

    Whatever is not given comes from the block pareto: of the run's configuration.
    """
    from recbole_ext.config.blocks import read_pareto

    names = None if methods is None else [name.strip() for name in methods.split(",")]
    given = {"methods": names, "candidates": candidates, "most_loss": most_loss}
    changes = {key: value for key, value in given.items() if value is not None}
    read_pareto(changes)
    _check_folders(run, trust, head_rule, output)

    with importing():
        from recbole_ext.cli import show
        from recbole_ext.report.charts.curves import curves_page
        from recbole_ext.rerank.run import pareto_run
        from recbole_ext.trainer.opened import open_model

    opened = open_model(run, head_rule=head_rule, trust=trust, report=say)
    result = pareto_run(opened, changes, output=output, draw=curves_page, report=say)
    show.show_curves(result.metrics, console())
    say(f"table and plot: {result.folder}")

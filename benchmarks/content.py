"""What content brings, from the runs of an ablation: ``python -m benchmarks.content results/content-ml-latest-small``.

A row for each model and each ``item_features``: accuracy, the paired difference to the first row of the model, coverage
and tail, means over seeds. With ``--write=docs/content.md`` the table goes between the marks that the page has for the
data set.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.confidence import mean_interval
from recbole_ext.runs.compare import differences, over_seeds
from recbole_ext.runs.run import Run, read_run

__all__ = ["main", "placed", "rows_of"]

_SHOWN = (("itemcoverage", "{:.1%}"), ("tailshare", "{:.1%}"), ("avgpopularity", "{:.1f}"))
_HEAD = (
    "| model | features | seeds | NDCG@{k} [95 %] | less its first row [95 %], p | ItemCoverage | TailShare "
    "| AvgPopularity |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
)


def _name(run: Run) -> str:
    """The features that a run reads; nothing but ids if none counts."""
    names = list(run.config["item_features"])
    return "id" if run.model == "CEASE" and not run.config["side_weight"] else ", ".join(names)


def rows_of(runs: Sequence[Run]) -> list[str]:
    """The lines of the table.

    Args:
        runs: Those of one data set and one protocol, in the order in which they shall stand.
    """
    groups: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        groups.setdefault(run.model, {}).setdefault(_name(run), []).append(run)
    k = runs[0].k
    lines = [_HEAD[0].format(k=k), _HEAD[1]]
    for model, variants in groups.items():
        values = {name: over_seeds(members) for name, members in variants.items()}
        first = next(iter(values))
        against = differences(values, first, [f"ndcg@{k}"], runs[0].level)
        for name, members in variants.items():
            ndcg = values[name][f"ndcg@{k}"]
            low, high = mean_interval(ndcg, level=runs[0].level)
            other = against[name].get(f"ndcg@{k}")
            less = (
                ""
                if other is None
                else f"{other.mean:+.4f} [{other.low:+.4f}, {other.high:+.4f}], {other.p_holm:.3f}"
            )
            beyond = [
                form.format(np.mean([run.figures.test[f"{metric}@{k}"] for run in members]))
                for metric, form in _SHOWN
            ]
            lines.append(
                f"| {model} | {name} | {len(members)} | {ndcg.mean():.4f} [{low:.3f}, {high:.3f}] | {less} | "
                f"{' | '.join(beyond)} |"
            )
    return lines


def placed(page: str, dataset: str, lines: Sequence[str]) -> str:
    """The page with the lines between ``<!-- content: NAME -->`` and ``<!-- end -->``.

    Raises:
        ConfigError: The page has no such marks.
    """
    mark = re.compile(rf"(<!-- content: {re.escape(dataset)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if mark.search(page) is None:
        raise ConfigError(f"the page has no marks <!-- content: {dataset} --> and <!-- end -->: add them")
    return mark.sub(lambda found: found[1] + "\n" + "\n".join(lines) + "\n\n" + found[2], page)


def _runs(folder: Path) -> list[Run]:
    """The runs of an ablation, in the order of its sweeps."""
    cells = [cell for cell in (folder / "cells").iterdir() if (cell / "metrics.json").is_file()]
    if not cells:
        raise ConfigError(f"{folder} holds no finished run: give the folder of an ablation")
    return sorted((read_run(cell) for cell in cells), key=_place)


def _place(run: Run) -> tuple[str, bool, int, int]:
    """Ids first, then more features, then content alone."""
    names = list(run.config["item_features"])
    alone = "id" not in names and run.model not in ("CEASE", "MARec", "ContentKNN")
    return run.model, alone, 0 if _name(run) == "id" else len(names), run.figures.protocol.seed


def main(arguments: list[str] | None = None) -> None:
    """Prints the table, or writes it into a page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.content", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path, help="a page with marks for the table")
    options = parser.parse_args(arguments)
    runs = _runs(options.folder)
    lines = rows_of(runs)
    if options.write is None:
        print("\n".join(lines))
        return
    page = options.write.read_text(encoding="utf-8")
    options.write.write_text(placed(page, runs[0].figures.dataset, lines), encoding="utf-8")
    print(f"{len(lines) - 2} rows of {runs[0].figures.dataset}: {options.write}")


if __name__ == "__main__":
    main()

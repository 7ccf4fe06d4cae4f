"""The table of the side-by-side benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_ext.evaluator.confidence import paired_difference

__all__ = ["HOSTS", "OURS", "table"]

OURS = "recbole_ext"
HOSTS = ("RecBole", "RecTools")

_HEAD = (
    "| data set | model | side | seeds | learning rate | s an epoch | epochs | best epoch | s to its best | "
    "s to the other's best | validation NDCG@10 | test NDCG@10 | difference of test [95 %] | peak GiB | load s |"
)
_LINE = (
    "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)

Rows = list[dict[str, Any]]


def _mean(rows: Rows, name: str) -> float:
    values = [row[name] for row in rows if row.get(name) is not None]
    return float(np.mean(values)) if values else float("nan")


def _per_user(rows: Rows) -> dict[str, float]:
    users = rows[0].get("per_user") or {}
    return {
        user: float(np.mean([row["per_user"][user] for row in rows if row.get("per_user")])) for user in users
    }


def seconds_to(rows: Rows, quality: float) -> float | None:
    """Mean seconds until validation first reaches a quality; None if a run never does.

    Args:
        rows: Results with ``validation`` and ``seconds`` of each epoch.
        quality: NDCG@10.
    """
    found = []
    for row in rows:
        reached = np.flatnonzero(np.array(row["validation"]) >= quality)
        if not len(reached):
            return None
        found.append(float(np.sum(row["seconds"][: reached[0] + 1])))
    return float(np.mean(found)) if found else None


def _shown(value: float | None, digits: int) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:,.{digits}f}"


def _learning_rate(rows: Rows) -> str:
    keys = rows[0].get("keys", {})
    return f"{keys.get('learning_rate', keys.get('lr', '')):g}" if keys else ""


def _side_line(dataset: str, model: str, side: str, rows: Rows, other: Rows) -> str:
    per_user, difference = _per_user(rows), ""
    if side == OURS and per_user and other and (theirs := _per_user(other)):
        users = sorted(per_user)
        found = paired_difference(
            np.array([per_user[user] for user in users]), np.array([theirs[user] for user in users])
        )
        difference = f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
    cut = "" if all(row["finished"] for row in rows) else " (cut short)"
    # Seeds of the other side may be fewer: its mean best is what has to be reached.
    to_other = seconds_to(rows, _mean(other, "best_validation")) if other else None
    cells = [
        *(dataset, model, side, str(len(rows)), _learning_rate(rows)),
        _shown(_mean(rows, "epoch_seconds"), 2),
        f"{_mean(rows, 'epochs'):.0f}{cut}",
        _shown(_mean(rows, "best_epoch"), 0),
        _shown(_mean(rows, "seconds_to_best"), 0),
        (_shown(to_other, 0) or "never") if other and side == OURS else "",
        _shown(_mean(rows, "best_validation"), 4),
        _shown(float(np.mean(list(per_user.values()))), 4) if per_user else "",
        *(difference, _shown(_mean(rows, "peak_gib"), 2), _shown(_mean(rows, "load_seconds"), 1)),
    ]
    return f"| {' | '.join(cells)} |"


def _ratio_line(dataset: str, model: str, host: str, theirs: Rows, ours: Rows) -> str:
    epoch, best, peak, load = (
        _mean(theirs, name) / _mean(ours, name)
        for name in ("epoch_seconds", "seconds_to_best", "peak_gib", "load_seconds")
    )
    whole = "" if all(row["finished"] for row in theirs) else "≥ "
    same = seconds_to(ours, _mean(theirs, "best_validation"))
    alike = f"**{_mean(theirs, 'seconds_to_best') / same:,.1f}**" if same else ""
    reached = f"**{whole}{best:,.1f}**" if np.isfinite(best) else ""
    cells = [dataset, model, f"**{host} : {OURS}**", "", "", f"**{epoch:,.1f}**", "", "", reached, alike]
    return f"| {' | '.join([*cells, '', '', '', f'{peak:.2f}', f'{load:.1f}'])} |"


def table(results: Rows) -> str:
    """Markdown: for each data set and model every side, means over its seeds, and ratios to this package.

    Args:
        results: What the sides printed.
    """
    lines = [_HEAD, _LINE]
    whole = [row for row in results if "failed" not in row]
    for dataset, model in dict.fromkeys((row["dataset"], row["model"]) for row in whole):
        sides = {
            side: [r for r in whole if (r["dataset"], r["model"], r["side"]) == (dataset, model, side)]
            for side in (*HOSTS, OURS)
        }
        present = [host for host in HOSTS if sides[host]]
        lines += [_side_line(dataset, model, host, sides[host], sides[OURS]) for host in present]
        if sides[OURS]:
            other = sides[present[0]] if present else []
            lines.append(_side_line(dataset, model, OURS, sides[OURS], other))
            lines += [_ratio_line(dataset, model, host, sides[host], sides[OURS]) for host in present]
    failed = [
        f"- failed: {row['side']} {row['model']}: {row['failed']}" for row in results if "failed" in row
    ]
    return "\n".join([*lines, *failed])

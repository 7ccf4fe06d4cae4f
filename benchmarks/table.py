"""The tables of the side-by-side benchmark: time, test figures, opening and evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_ext.evaluator.confidence import mean_interval, paired_difference

__all__ = ["HOSTS", "OURS", "table"]

OURS = "recbole_ext"
HOSTS = ("RecBole", "RecTools")

_TIME = (
    *("data set", "model", "side", "seeds", "learning rate", "s an epoch", "epochs", "best epoch"),
    *("s to its best", "s to the other's best", "validation NDCG@10", "peak GiB"),
)
_TEST = ("data set", "model", "side", "seeds", "NDCG@10 [95 %]", "Hit@10 [95 %]", "NDCG@10 less the other's")
_SPEED = ("data set", "model", "side", "prepare s", "load s", "evaluation, users a second")
_NAMES = 3

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


def _lines(head: tuple[str, ...], rows: list[list[str]]) -> str:
    rule = ["---"] * _NAMES + ["---:"] * (len(head) - _NAMES)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in ([*head], rule, *rows))


def _time_row(dataset: str, model: str, side: str, rows: Rows, other: Rows) -> list[str]:
    cut = "" if all(row["finished"] for row in rows) else " (cut short)"
    # Seeds of the other side may be fewer: its mean best is what has to be reached.
    to_other = seconds_to(rows, _mean(other, "best_validation")) if other else None
    return [
        *(dataset, model, side, str(len(rows)), _learning_rate(rows)),
        _shown(_mean(rows, "epoch_seconds"), 2),
        f"{_mean(rows, 'epochs'):.0f}{cut}",
        _shown(_mean(rows, "best_epoch"), 0),
        _shown(_mean(rows, "seconds_to_best"), 0),
        (_shown(to_other, 0) or "never") if other and side == OURS else "",
        _shown(_mean(rows, "best_validation"), 4),
        _shown(_mean(rows, "peak_gib"), 2),
    ]


def _time_ratio(dataset: str, model: str, host: str, theirs: Rows, ours: Rows) -> list[str]:
    epoch, best, peak = (
        _mean(theirs, name) / _mean(ours, name) for name in ("epoch_seconds", "seconds_to_best", "peak_gib")
    )
    whole = "" if all(row["finished"] for row in theirs) else "≥ "
    same = seconds_to(ours, _mean(theirs, "best_validation"))
    alike = f"**{_mean(theirs, 'seconds_to_best') / same:,.1f}**" if same else ""
    reached = f"**{whole}{best:,.1f}**" if np.isfinite(best) else ""
    name = f"**{host} : {OURS}**"
    return [dataset, model, name, "", "", f"**{epoch:,.1f}**", "", "", reached, alike, "", f"{peak:.2f}"]


def _interval(values: np.ndarray) -> str:
    low, high = mean_interval(values)
    return f"{values.mean():.4f} [{low:.4f}, {high:.4f}]"


def _test_row(dataset: str, model: str, side: str, rows: Rows, other: Rows) -> list[str]:
    """Intervals are over users, of their means over the seeds; whoever gains anything has a hit."""
    per_user, difference = _per_user(rows), ""
    users = sorted(per_user)
    if side == OURS and other and (theirs := _per_user(other)):
        found = paired_difference(
            np.array([per_user[user] for user in users]), np.array([theirs[user] for user in users])
        )
        difference = f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
    gains = np.array([[row["per_user"][user] for user in users] for row in rows if row.get("per_user")])
    shown = [_interval(gains.mean(axis=0)), _interval((gains > 0).mean(axis=0))] if users else ["", ""]
    return [dataset, model, side, str(len(rows)), *shown, difference]


def _speed_rows(dataset: str, model: str, sides: dict[str, Rows]) -> list[list[str]]:
    """How fast data are opened and users ranked, RecBole and this package; RecBole has no converter."""
    rows = [
        [
            *(dataset, model, side),
            _shown(_mean(found, "prepare_seconds"), 2),
            _shown(_mean(found, "load_seconds"), 2),
            _shown(_mean(found, "users_a_second"), 0),
        ]
        for side, found in sides.items()
        if found
    ]
    host, ours = sides["RecBole"], sides[OURS]
    if host and ours:
        load = _mean(host, "load_seconds") / _mean(ours, "load_seconds")
        speed = _mean(ours, "users_a_second") / _mean(host, "users_a_second")
        rows.append(
            [dataset, model, f"**RecBole : {OURS}**", "", f"**{load:,.1f}**", f"**1 : {speed:,.1f}**"]
        )
    return rows


def _sides(rows: Rows) -> dict[str, Rows]:
    """The runs of each side, in the order of the tables."""
    return {side: [row for row in rows if row["side"] == side] for side in (*HOSTS, OURS)}


def _rows_of_model(dataset: str, model: str, rows: Rows) -> tuple[list[list[str]], list[list[str]]]:
    """The rows of a model in the tables of time and of test figures."""
    sides = _sides([row for row in rows if row["most_epochs"] > 0])
    hosts, ours = [host for host in HOSTS if sides[host]], sides[OURS]
    other = sides[hosts[0]] if hosts else []
    compared = [(host, ours) for host in hosts] + ([(OURS, other)] if ours else [])
    times = [_time_row(dataset, model, side, sides[side], against) for side, against in compared]
    tests = [_test_row(dataset, model, side, sides[side], against) for side, against in compared]
    if ours:
        times += [_time_ratio(dataset, model, host, sides[host], ours) for host in hosts]
    return times, tests


def table(results: Rows) -> str:
    """Markdown: for each data set and model every side, means over its seeds, and ratios to this package.

    Args:
        results: What the sides printed.
    """
    by_model: dict[tuple[str, str], Rows] = {}
    for row in results:
        if "failed" not in row:
            by_model.setdefault((row["dataset"], row["model"]), []).append(row)
    times, tests, speeds = [], [], []
    for (dataset, model), rows in by_model.items():
        of_time, of_test = _rows_of_model(dataset, model, rows)
        times += of_time
        tests += of_test
        # Runs without epochs measure how fast data are opened and users ranked; RecTools has none.
        untrained = _sides([row for row in rows if row["most_epochs"] == 0])
        speeds += _speed_rows(dataset, model, {side: untrained[side] for side in ("RecBole", OURS)})
    shown = [_lines(head, rows) for head, rows in ((_TIME, times), (_TEST, tests), (_SPEED, speeds)) if rows]
    failed = [
        f"- failed: {row['side']} {row['model']}: {row['failed']}" for row in results if "failed" in row
    ]
    return "\n\n".join([*shown, *(["\n".join(failed)] if failed else [])])

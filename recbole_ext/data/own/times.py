"""Times of interactions in any of the usual forms, as exact keys to sort by and as seconds since 1970."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl

from recbole_ext.data.own.tables import RowFaultError

__all__ = ["Clock", "TimeUnit", "Times"]

TimeUnit = Literal["s", "ms", "us", "ns"]

_PER_SECOND: dict[TimeUnit, int] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_UNIT_NAMES: dict[TimeUnit, str] = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}
# Seconds up to here end in the year 5138; milliseconds from here on begin in March 1973.
_SECONDS_BELOW = 1e11

_DAY = r"\d{4}-\d{2}-\d{2}"
_HOUR = r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?"
_FORMS = {
    "a number": r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$",
    "a date": rf"^{_DAY}$",
    "a date with a time of day": rf"^{_DAY}[T ]{_HOUR}$",
    "a date with a time of day and a zone": rf"^{_DAY}[T ]{_HOUR} ?(Z|UTC|[+-]\d{{2}}:?(\d{{2}})?)$",
}
_NUMBER, _DATE, _MOMENT, _ZONED = _FORMS


@dataclass(frozen=True)
class Times:
    """The times of all rows.

    Attributes:
        exact: ``(N,) int64 or float64`` in the unit of the source (of dates: microseconds), to sort by.
        seconds: ``(N,) int64`` since 1970, rounded down.
        words: What was found, such as ``milliseconds since 1970``.
    """

    exact: np.ndarray
    seconds: np.ndarray
    words: str


class Clock:
    """Reads times piece by piece; all of them must have one form and one unit.

    Args:
        unit: The unit of numbers; found out if None.
        place: Says where a row stands.
    """

    def __init__(self, unit: TimeUnit | None, place: Callable[[int], str]) -> None:
        self._unit = unit
        self._place = place
        self._form: str | None = None
        self._first = ""
        self._parts: list[np.ndarray] = []
        self._rows = 0

    def add(self, column: pl.Series) -> None:
        """The next rows.

        Raises:
            RowFaultError: A time is missing, of no known form, of another form than the first, or before 1970.
        """
        if column.dtype == pl.String:
            values = self._text(column.str.strip_chars())
        elif column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
            zone = column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None
            values = self._typed(column.cast(pl.Datetime("us", zone)), _MOMENT)
        elif column.dtype.is_numeric():
            values = self._typed(column, _NUMBER)
        else:
            raise RowFaultError(
                self._rows,
                f"the time is of type {column.dtype}; give dates, or numbers of seconds or milliseconds",
            )
        negative = np.flatnonzero(~(values >= 0))
        if len(negative):
            value = column[int(negative[0])]
            raise self._fault(int(negative[0]), f"the time {_short(value)} is not at or after 1970")
        self._parts.append(values)
        self._rows += len(values)

    def _typed(self, column: pl.Series, form: str) -> np.ndarray:
        self._form = form
        if column.null_count():
            raise self._fault(int(column.is_null().arg_max() or 0), "the time is missing")
        if column.dtype.is_float() or column.dtype.is_decimal():
            column = column.cast(pl.Float64)
            if not column.is_finite().all():
                bad = int((~column.is_finite()).arg_max() or 0)
                raise self._fault(bad, f"the time {column[bad]} is not a number")
            return column.to_numpy()
        whole = column.cast(pl.Int64, strict=False)
        if whole.null_count():
            bad = int(whole.is_null().arg_max() or 0)
            raise self._fault(bad, f"the time {column[bad]} is too large")
        return whole.to_numpy()

    def _text(self, column: pl.Series) -> np.ndarray:
        if self._form is None:
            self._form = next(
                (
                    form
                    for form, pattern in _FORMS.items()
                    if len(column) and _matches(column.head(1), pattern).all()
                ),
                None,
            )
            self._first = column[0] if len(column) else ""
        quick = _quick(column, self._form)
        if not quick.null_count():
            return quick.to_numpy()
        pattern = _FORMS[self._form] if self._form else "^$"
        other = ~_matches(column, pattern)
        if other.any() or self._form is None:
            raise self._other_form(int(other.arg_max() or 0), column)
        return _NUMBERS[self._form](self, column)

    def _other_form(self, row: int, column: pl.Series) -> RowFaultError:
        value = column[row]
        if value is None or not value:
            return self._fault(row, "the time is missing; fill it in or remove the row")
        form = next(
            (form for form, pattern in _FORMS.items() if _matches(column[row : row + 1], pattern).all()), None
        )
        if form is None or self._form is None:
            return self._fault(
                row,
                f"the time {_short(value)} is neither a number nor a date such as 2024-01-31 or 2024-01-31 12:00:00",
            )
        return self._fault(
            row,
            f"the time {_short(value)} is {form}, while {_short(self._first)} in the first row is {self._form}; write "
            "all times in one form",
        )

    def _numbers(self, column: pl.Series) -> np.ndarray:
        values = column.cast(pl.Float64, strict=False).fill_null(np.inf)
        if not values.is_finite().all():
            bad = int((~values.is_finite()).arg_max() or 0)
            raise self._fault(bad, f"the time {_short(column[bad])} is too large")
        return values.to_numpy()

    def _moments(self, column: pl.Series) -> np.ndarray:
        groups = pl.col("t").str.extract_groups(rf"^({_DAY})(?:[T ]({_HOUR}))? ?(.*)$")
        parts = (
            pl.DataFrame({"t": column})
            .select(groups.struct.rename_fields(["day", "hour", "zone"]))
            .unnest("t")
        )
        short = pl.col("hour").str.len_chars() == 5
        hour = pl.when(short).then(pl.col("hour") + ":00").otherwise(pl.col("hour")).fill_null("00:00:00")
        local = (pl.col("day") + " " + hour).str.to_datetime(
            "%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False
        )
        minutes = pl.col("zone").str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + pl.col("zone").str.slice(
            -2, 2
        ).cast(pl.Int64, strict=False) * (pl.col("zone").str.len_chars() > 3)
        sign = pl.when(pl.col("zone").str.starts_with("-")).then(-1).otherwise(1)
        offset = (sign * minutes).fill_null(0) * 60_000_000
        values = parts.select((local.cast(pl.Int64) - offset).alias("t"))["t"]
        if values.null_count():
            bad = int(values.is_null().arg_max() or 0)
            raise self._fault(bad, f"the time {_short(column[bad])} is on no calendar")
        return values.to_numpy()

    def _fault(self, row: int, text: str) -> RowFaultError:
        return RowFaultError(self._rows + row, text)

    def finish(self) -> Times:
        """All times, once every row was added.

        Raises:
            RowFaultError: The numbers have two units, or are dates without separators.
        """
        exact = np.concatenate(self._parts)
        self._parts = []
        if self._form != _NUMBER:
            return Times(exact, exact // 10**6, f"dates ({_span(exact // 10**6)})")
        unit = self._unit or self._found_unit(exact)
        seconds = (
            exact if unit == "s" and exact.dtype == np.int64 else np.floor_divide(exact, _PER_SECOND[unit])
        )
        if not seconds.max() < 2**53:
            raise RowFaultError(int(seconds.argmax()), "the time is too large for a number of seconds")
        seconds = seconds.astype(np.int64, copy=False)
        return Times(exact, seconds, f"{_UNIT_NAMES[unit]} since 1970 ({_span(seconds)})")

    def _found_unit(self, exact: np.ndarray) -> TimeUnit:
        low, high = _unit_of(exact.min()), _unit_of(exact.max())
        if low != high:
            first = _unit_of(exact[0])
            # Times in a file come in any order: the first that differs from the first row is the one to name.
            scale = 10.0 ** (11 + 3 * np.arange(3))
            other = np.flatnonzero(np.digitize(exact, scale) != get_args(TimeUnit).index(first))
            row = int(other[0])
            raise RowFaultError(
                row,
                f"the time {exact[row]} looks like {_UNIT_NAMES[_unit_of(exact[row])]}, while {exact[0]} in the first "
                f"row looks like {_UNIT_NAMES[first]}; write all in one unit, or say with --time-unit that they are",
            )
        if low == "s" and _is_day(exact.min()) and _is_day(exact.max()):
            raise RowFaultError(
                0,
                f"the time {exact[0]} looks like a date without separators; write it as 2024-01-31, or say with "
                "--time-unit=s that it is a number of seconds",
            )
        return low


_NUMBERS: dict[str, Callable[[Clock, pl.Series], np.ndarray]] = {
    _NUMBER: Clock._numbers,
    _DATE: Clock._moments,
    _MOMENT: Clock._moments,
    _ZONED: Clock._moments,
}


def _quick(column: pl.Series, form: str | None) -> pl.Series:
    """Whole numbers and times of day to the second, several times faster than by patterns; null for others."""
    if form == _NUMBER:
        return column.cast(pl.Int64, strict=False)
    if form == _MOMENT:
        spaced = column.str.replace("T", " ", literal=True)
        return spaced.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False).cast(pl.Int64)
    return pl.Series([None], dtype=pl.Int64)


def _matches(column: pl.Series, pattern: str) -> pl.Series:
    return column.str.contains(pattern).fill_null(False)


def _unit_of(value: float) -> TimeUnit:
    units: tuple[TimeUnit, ...] = get_args(TimeUnit)
    return next(
        (unit for place, unit in enumerate(units) if value < _SECONDS_BELOW * 10 ** (3 * place)), "ns"
    )


def _is_day(value: float) -> bool:
    """Whether a number reads as a day, such as 20240131."""
    try:
        day = datetime.datetime.strptime(str(int(value)), "%Y%m%d")
    except ValueError:
        return False
    return len(str(int(value))) == 8 and 1900 <= day.year <= 2100


def _span(seconds: np.ndarray) -> str:
    days = [
        str(np.datetime64(int(value), "s").astype("datetime64[D]"))
        for value in (seconds.min(), seconds.max())
    ]
    return f"{days[0]} to {days[1]}"


def _short(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")

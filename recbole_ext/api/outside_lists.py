"""Outside recommendation lists and the tables that they are measured with, as users, items and ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recbole_ext.api.events import opened_table
from recbole_ext.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from recbole_ext.api.events import Table

__all__ = ["Ids", "Tables"]


@dataclass(frozen=True)
class Tables:
    """The tables as columns ``user`` and ``item`` of text."""

    lists: pl.DataFrame
    train: pl.DataFrame
    test: pl.DataFrame
    validation: pl.DataFrame | None
    items: pl.DataFrame | None

    @classmethod
    def read(
        cls,
        lists: Table,
        train: Table,
        test: Table,
        validation: Table | None,
        items: Table | None,
        columns: Mapping[str, str] | None,
    ) -> Tables:
        """Reads the tables; arguments as in :func:`~recbole_ext.api.measure.measure`."""
        pair = ("user", "item")
        catalogue = None if items is None else opened_table(items, "items", ["item"], ["genres"], columns)
        if (
            catalogue is not None
            and (again := catalogue["item"].filter(catalogue["item"].is_duplicated())).len()
        ):
            raise DataError(f"items has {again[0]!r} twice: remove one of the rows")
        return cls(
            opened_table(lists, "lists", pair, ["rank", "score"], columns),
            opened_table(train, "train", pair, [], columns),
            opened_table(test, "test", pair, [], columns),
            None if validation is None else opened_table(validation, "validation", pair, [], columns),
            catalogue,
        )

    def catalogue(self) -> pl.Series:
        """Tokens of all items, in order.

        Raises:
            DataError: A table has an item that ``items`` lacks, or a list one that no table has.
        """
        import polars as pl

        events = {"train": self.train, "test": self.test, "validation": self.validation}
        named = [(what, table["item"]) for what, table in events.items() if table is not None]
        if self.items is None:
            known = pl.concat([column for _, column in named]).unique()
            advice = "give items=, the whole catalogue"
        else:
            known, advice = self.items["item"], "add it there"
        for what, column in [*named, ("lists", self.lists["item"])]:
            strange = column.filter(~column.is_in(known.implode()))
            if len(strange):
                where = "items" if self.items is not None else "train and test"
                raise DataError(f"{what} has the item {strange[0]!r}, which {where} lacks: {advice}")
        return known.sort()

    def measured_users(self) -> tuple[pl.Series, tuple[str, ...]]:
        """Tokens of the users of the test who have training items, in order, and what is said of the others."""
        tested = self.test["user"].unique()
        trained = self.train["user"].unique()
        users = tested.filter(tested.is_in(trained.implode())).sort()
        if not len(users):
            raise DataError("no user of test is in train: give tables of the same users, named alike")
        listed = self.lists["user"].unique()
        without = len(users) - int(users.is_in(listed.implode()).sum())
        beside = len(listed) - int(listed.is_in(users.implode()).sum())
        notes = (
            (len(tested) - len(users), "users of test are not in train and are left out"),
            (without, "users have no list: their accuracy counts as 0"),
            (beside, "users of lists are not measured: they are not in test, or not in train"),
        )
        return users, tuple(f"{number:,} {text}" for number, text in notes if number)


@dataclass(frozen=True)
class Ids:
    """Rows of users from 0 on, ids of items from 1 on."""

    users: pl.Series
    items: pl.Series

    def pairs(self, table: pl.DataFrame) -> pl.DataFrame:
        """``row`` and ``id`` beside the other columns, for the rows of ``users`` in the order of the table."""
        import polars as pl

        users = pl.DataFrame({"user": self.users, "row": pl.int_range(len(self.users), eager=True)})
        return self.with_ids(table.with_row_index("place").join(users, on="user")).sort("place")

    def with_ids(self, table: pl.DataFrame) -> pl.DataFrame:
        """A table with a column ``item``, with the column ``id`` beside it, in any order."""
        import polars as pl

        items = pl.DataFrame({"item": self.items, "id": pl.int_range(1, len(self.items) + 1, eager=True)})
        return table.join(items, on="item")

    def by_user(self, *tables: pl.DataFrame | None) -> tuple[np.ndarray, np.ndarray]:
        """Items of each user as ``(indptr, ids)``, in the order of the tables."""
        import numpy as np
        import polars as pl

        pairs = pl.concat([self.pairs(table).select("row", "id") for table in tables if table is not None])
        pairs = pairs.sort("row", maintain_order=True)
        counts = np.bincount(pairs["row"].to_numpy(), minlength=len(self.users))
        return np.concatenate([[0], np.cumsum(counts)]), pairs["id"].to_numpy().astype(np.int64)

    def counts(self, table: pl.DataFrame) -> np.ndarray:
        """``(n_items,) int64`` rows of each item, of all users."""
        import numpy as np

        return np.bincount(self.with_ids(table)["id"].to_numpy(), minlength=len(self.items) + 1)

    def lists(self, table: pl.DataFrame, width: int) -> np.ndarray:
        """``(U, width) int64`` ids, best first, 0 = no item.

        Raises:
            DataError: A list has an item or a rank twice, or a rank or score that is no number.
        """
        import numpy as np
        import polars as pl

        for role in ("rank", "score"):
            if role in table.columns and not table[role].dtype.is_numeric():
                raise DataError(f"the {role} of lists is {table[role].dtype}: give numbers")
        again = table.filter(table.select("user", "item").is_duplicated())
        if again.height:
            raise DataError(f"the list of user {again['user'][0]!r} has the item {again['item'][0]!r} twice")
        pairs = self.pairs(table)
        if "rank" in pairs.columns:
            again = table.filter(table.select("user", "rank").is_duplicated())
            if again.height:
                raise DataError(
                    f"the list of user {again['user'][0]!r} has the rank {again['rank'][0]} twice"
                )
            pairs = pairs.sort("row", "rank")
        elif "score" in pairs.columns:
            if pairs["score"].is_nan().any():
                raise DataError("lists has a score that is NaN: give numbers")
            pairs = pairs.sort(["row", "score"], descending=[False, True], maintain_order=True)
        else:
            pairs = pairs.sort("row", maintain_order=True)
        pairs = pairs.with_columns(column=pl.int_range(pl.len()).over("row")).filter(pl.col("column") < width)
        found = np.zeros((len(self.users), width), dtype=np.int64)
        found[pairs["row"].to_numpy(), pairs["column"].to_numpy()] = pairs["id"].to_numpy()
        return found

"""What there is to choose from: models and data sets, as tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["datasets", "models"]


def models() -> pd.DataFrame:
    """Every model that :func:`~recbole_ext.train` takes, by ``model``.

    Columns: ``family`` and its ``meaning``; ``source`` (``RecBole`` or this package) and ``paper``; ``deterministic``,
    whether every seed gives the same scores; ``explained`` and ``new_people``, how a recommendation is explained and
    how the history of a person whom it was not trained on is read.
    """
    import pandas as pd

    from recbole_ext.model.registry import FAMILIES, known_models, model_spec

    rows = []
    for name in known_models():
        spec = model_spec(name)
        ours = not spec.path.startswith("recbole.")
        rows.append(
            {
                "model": name,
                "family": spec.family,
                "meaning": FAMILIES[spec.family],
                "source": "recbole_ext" if ours else "RecBole",
                "paper": "" if spec.paper == "RecBole" else spec.paper,
                "deterministic": spec.deterministic,
                "explained": spec.explained,
                "new_people": spec.fold_in,
            }
        )
    return pd.DataFrame(rows).set_index("model")


def datasets(data_path: str | Path = "dataset") -> pd.DataFrame:
    """The data sets that :func:`~recbole_ext.train` takes, by ``dataset``: published ones, and those on disk.

    Columns: ``users``, ``items`` and ``interactions`` before any filter, where they are known; ``place`` of the set on
    this machine and whether it is ``prepared``; ``licence`` of a published set.

    Args:
        data_path: The folder of the prepared sets.

    Raises:
        DataError: The record of a prepared set is damaged.
    """
    import pandas as pd

    from recbole_ext.data.movielens.catalog import DATASETS
    from recbole_ext.data.movielens.shelf import shelf

    rows = [
        {
            "dataset": one.name,
            "users": one.users,
            "items": one.items,
            "interactions": one.interactions,
            "place": None if one.place is None else str(one.place),
            "prepared": one.prepared,
            "licence": DATASETS[one.name].licence if one.name in DATASETS else None,
        }
        for one in shelf(Path(data_path).expanduser())
    ]
    counts = ["users", "items", "interactions"]
    return pd.DataFrame(rows).astype(dict.fromkeys(counts, "Int64")).set_index("dataset")

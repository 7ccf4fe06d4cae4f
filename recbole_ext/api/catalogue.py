"""What there is to choose from: models and data sets, as tables."""

from __future__ import annotations

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


def datasets() -> pd.DataFrame:
    """The MovieLens sets that are prepared on demand, by ``dataset``.

    Columns: ``megabytes`` of the download where they are known; ``tags``, ``users`` and ``genome``, whether the set has
    tags, data on its users and tag genome scores; ``redistributable``, ``licence``, ``citation`` and ``url``.
    """
    import pandas as pd

    from recbole_ext.data.movielens.catalog import DATASETS

    rows = [
        {
            "dataset": name,
            "megabytes": None if one.size is None else round(one.size / 1e6, 1),
            "tags": one.has_tags,
            "users": one.has_users,
            "genome": one.has_genome,
            "redistributable": one.redistributable,
            "licence": one.licence,
            "citation": one.citation,
            "url": one.url,
        }
        for name, one in DATASETS.items()
    ]
    return pd.DataFrame(rows).set_index("dataset")

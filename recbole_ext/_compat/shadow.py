"""A module seen from one other module, with some of its names replaced there and nowhere else."""

from __future__ import annotations

import types
from typing import Any

__all__ = ["Shadow"]


class Shadow(types.ModuleType):
    """Stands in for a module where one of the host's modules looks names up.

    Args:
        shadowed: The module that answers for every other name.
        **replacements: Names that are answered differently.
    """

    def __init__(self, shadowed: types.ModuleType, **replacements: Any) -> None:
        super().__init__(shadowed.__name__, shadowed.__doc__)
        self.__dict__["shadowed"] = shadowed
        self.__dict__.update(replacements)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["shadowed"], name)

"""A module proxy that replaces some names for one other module only."""

from __future__ import annotations

import types
from typing import Any

__all__ = ["Shadow"]


class Shadow(types.ModuleType):
    """Replaces a module in the namespace of one of the host's modules.

    Args:
        shadowed: The module that provides all other names.
        **replacements: The replaced names.
    """

    def __init__(self, shadowed: types.ModuleType, **replacements: Any) -> None:
        super().__init__(shadowed.__name__, shadowed.__doc__)
        self.__dict__["shadowed"] = shadowed
        self.__dict__.update(replacements)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["shadowed"], name)

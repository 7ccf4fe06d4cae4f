"""Modules that a user names, as ``package.module:name``: a model or a metric of their own project."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

__all__ = ["import_outside"]


def import_outside(module: str) -> ModuleType:
    """Imports a module, from the installed packages or else from the working folder.

    The working folder comes last: a file in it that is called ``yaml.py`` must not take the place of the library.

    Args:
        module: Its dotted name.

    Raises:
        Exception: Whatever the module raises. ``sys.exit`` in it is an ImportError: it must not end the program as if
            all were well.
    """
    if "" not in sys.path:
        sys.path.append("")
    try:
        return importlib.import_module(module)
    except SystemExit as error:
        raise ImportError(f"it ends the program with sys.exit({error.code!r})") from error

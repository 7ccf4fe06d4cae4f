"""Functions that numba compiles. Its import takes half a second: only modules that are imported late use this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

__all__ = ["compiled"]

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def compiled(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Compiles a function of numbers and arrays at its first call, and keeps the machine code for later processes.

    The code lies in ``__pycache__`` beside the module, else in the user's cache folder or ``NUMBA_CACHE_DIR``. Where
    none of them can be written, such as in a read-only container, each process compiles anew.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)

"""Sequential and classic movie recommenders on RecBole, compared fairly in accuracy and in the long tail.

The public functions are imported from their modules when they are first used, so that importing the package is quick;
`__init__.pyi` tells type checkers and editors where they are.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_MODULES = {
    "Measured": "api.measure",
    "RecBoleExtError": "errors",
    "Run": "api.run",
    "ablate": "api.studies",
    "compare": "api.studies",
    "datasets": "api.catalogue",
    "evaluate": "api.train",
    "load": "api.run",
    "measure": "api.measure",
    "models": "api.catalogue",
    "prepare": "api.prepare",
    "register_metric": "evaluator.register",
    "report": "report",
    "resume": "api.train",
    "run_recbole": "api.host_script",
    "train": "api.train",
    "tune": "api.studies",
}
"""The module of each public name."""

__all__ = [
    "Measured",
    "RecBoleExtError",
    "Run",
    "__version__",
    "ablate",
    "compare",
    "datasets",
    "evaluate",
    "load",
    "measure",
    "models",
    "prepare",
    "register_metric",
    "report",
    "resume",
    "run_recbole",
    "train",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

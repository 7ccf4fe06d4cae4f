"""Sequential and classic movie recommenders on RecBole, compared fairly in accuracy and in the long tail."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"

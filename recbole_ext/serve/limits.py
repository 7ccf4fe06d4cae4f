"""The largest request that a server takes; more than that is refused before it costs anything."""

from __future__ import annotations

__all__ = ["BODY", "EXPLAINED", "FOUND", "HISTORY", "ITEMS", "NAME", "QUERY", "REASONS", "K"]

BODY = 256 * 1024
"""Bytes of a body."""
HISTORY = 1000
"""Items of a history."""
ITEMS = 5000
"""Items of ``exclude`` and of ``candidates``."""
K = 100
"""Places of a list."""
EXPLAINED = 20
"""Recommendations that are explained at once."""
REASONS = 20
"""Reasons of a recommendation."""
FOUND = 50
"""Items that a search finds."""
QUERY = 200
"""Characters that are searched for."""
NAME = 300
"""Characters of a token or title."""

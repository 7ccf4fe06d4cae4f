"""Whether a model's weights fit into memory: estimated before they are made, since a system may kill for them."""

from __future__ import annotations

import os
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from recbole_ext.errors import ConfigError

__all__ = ["check_memory"]

_WEIGHT_BYTES = 8  # a 32-bit weight and its gradient
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_memory(config: Any, keys: Collection[str], *, users: int, items: int, sequential: bool) -> None:
    """Refuses a key whose weights and gradients alone are larger than all of the memory.

    Args:
        config: The merged configuration.
        keys: Those that the model reads.
        users, items: Rows of embedding tables.
        sequential: Whether the model knows users by their items, without a table of users.

    Raises:
        ConfigError: There is such a key.
    """
    there = _memory(torch.device(config["device"] or "cpu"))
    for key, numbers in _weights(config, keys, items if sequential else users + items, sequential).items():
        needed = numbers * _WEIGHT_BYTES
        if needed > there:
            raise ConfigError(
                f"{key} is {config[key]}, which needs at least {_shown(needed)} of memory for {users:,} users and "
                f"{items:,} items, but there are {_shown(there)}: lower {key}"
            )


def _weights(config: Any, keys: Collection[str], rows: int, sequential: bool) -> dict[str, int]:
    """Numbers that each key makes at least."""

    def size(key: str) -> int:
        value = config[key] if key in keys else None
        return value if isinstance(value, int) else 0

    hidden, length = size("hidden_size"), size("MAX_ITEM_LIST_LENGTH") if sequential else 0
    layers = config["mlp_hidden_size"] if "mlp_hidden_size" in keys else None
    found = {
        "embedding_size": size("embedding_size") * rows,
        "hidden_size": hidden * hidden,
        "inner_size": size("inner_size") * hidden,
        "mlp_hidden_size": sum(a * b for a, b in pairwise([1, *(layers or [])])),
        "MAX_ITEM_LIST_LENGTH": length * max(size("embedding_size"), hidden, 1),
    }
    return {key: numbers for key, numbers in found.items() if numbers}


def _memory(device: torch.device) -> int:
    """Bytes that there are at all: of the accelerator, or of the machine or its container."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in map(Path, _LIMITS):
        try:
            total = min(total, int(file.read_text()))
        except (OSError, ValueError):
            continue
    return total


def _shown(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"

"""How the processes of a server exchange their models together: a number in the folder of the session."""

from __future__ import annotations

import os
import time
from pathlib import Path

from recbole_ext.data.files import process_lives, write_whole

__all__ = ["Generation"]

_FILE = "generation"


class Generation:
    """The number of the last reload, and which one each process has.

    Args:
        folder: Of the session.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.own = self.wanted()
        self.at(self.own)

    def wanted(self) -> int:
        """The number of the last reload that has succeeded in a process; 0 if there was none."""
        return _number(self._folder / _FILE)

    def next(self) -> int:
        """This process has reloaded, and the others shall."""
        number = max(self.own, self.wanted()) + 1
        write_whole(self._folder / _FILE, str(number))
        self.at(number)
        return number

    def at(self, number: int) -> None:
        """This process has the models of a number."""
        self.own = number
        write_whole(self._folder / f"process-{os.getpid()}", str(number))

    def followed(self, number: int, seconds: float) -> int:
        """Waits until all processes have a number.

        Args:
            number: From :meth:`next`.
            seconds: How long at most.

        Returns:
            How many have it.
        """
        until = time.monotonic() + seconds
        while True:
            numbers = self._numbers()
            there = sum(one >= number for one in numbers)
            if there == len(numbers) or time.monotonic() > until:
                return there
            time.sleep(0.05)

    def _numbers(self) -> list[int]:
        """The number of each process that lives."""
        found = []
        for path in self._folder.glob("process-*"):
            pid = path.name.partition("-")[2]
            if pid.isdecimal() and process_lives(int(pid)):
                found.append(_number(path))
        return found


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0

"""One line a case: what is hostile, the command, what the refusal must name."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.client import Outcome

Setup = Callable[[Path], object]
Check = Callable[[Outcome, Path], object]


@dataclass(frozen=True)
class Case:
    """A hostile input.

    Attributes:
        what: What is hostile.
        command: What follows ``run.py``, as in a shell.
        words: Regular expression that the refusal must match: the culprit.
        setup: Prepares the copied sample folder.
        real: Through the real command line, not a forked child.
        survives: For what must be harmless, not refused: examines the outcome and the folder.
    """

    what: str
    command: str
    words: str = ""
    setup: Setup | None = None
    real: bool = False
    survives: Check | None = None

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.command)


def complaints(case: Case, outcome: Outcome, changed: str) -> list[str]:
    """What is wrong with a refusal; empty where it is right."""
    found = []
    if outcome.hung:
        found.append("it hangs")
    elif outcome.code != 2:
        found.append(f"exit code {outcome.code}")
    if "Traceback (most recent call last)" in outcome.err + outcome.out:
        found.append("a traceback")
    if outcome.code == 2:
        message = outcome.message
        if not message or "\n" in message or outcome.err.count("error: ") > 1:
            found.append(f"not one line of error: {outcome.err[-400:]!r}")
        if len(message) > 700:
            found.append(f"a message of {len(message)} characters")
        if not re.search(case.words, message):
            found.append(f"{message!r} does not name {case.words!r}")
    if changed:
        found.append(f"the folder: {changed}")
    return found


def harm(outcome: Outcome) -> list[str]:
    """What is wrong with an input that ought to be harmless, before the case's own check."""
    found = ["it hangs"] if outcome.hung else []
    if outcome.code != 0:
        found.append(f"exit code {outcome.code}: {outcome.err[-300:]}")
    return found


def both(*steps: Setup) -> Setup:
    """Several steps, in this order."""

    def setup(root: Path) -> None:
        for step in steps:
            step(root)

    return setup


def write(path: str, content: str | bytes) -> Setup:
    """A file with this content."""

    def setup(root: Path) -> None:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)

    return setup


def folder(path: str) -> Setup:
    """An empty folder."""
    return lambda root: (root / path).mkdir(parents=True)


def remove(path: str) -> Setup:
    """A file less."""
    return lambda root: (root / path).unlink()


def cut(path: str, share: float = 0.5) -> Setup:
    """A file's beginning only."""

    def setup(root: Path) -> None:
        content = (root / path).read_bytes()
        (root / path).write_bytes(content[: int(len(content) * share)])

    return setup


def replace(path: str, old: str, new: str, count: int = -1) -> Setup:
    """One text in a file in place of another, which must be there."""

    def setup(root: Path) -> None:
        text = (root / path).read_bytes().decode("utf-8")
        assert old in text, f"{path} has no {old!r}"
        (root / path).write_bytes(text.replace(old, new, count).encode())

    return setup


def append(path: str, text: str) -> Setup:
    """Lines at the end of a file."""
    return lambda root: (root / path).write_bytes((root / path).read_bytes() + text.encode())


def edit_json(path: str, place: str, value: Any) -> Setup:
    """Another value at a place such as ``test.ndcg@5``; ``...`` removes it."""

    def setup(root: Path) -> None:
        content = json.loads((root / path).read_text("utf-8"))
        *parents, last = place.split(".")
        block = content
        for parent in parents:
            block = block[int(parent) if isinstance(block, list) else parent]
        if value is ...:
            block.pop(last, None)
        else:
            block[last] = value
        (root / path).write_text(json.dumps(content), "utf-8")

    return setup


def move(path: str, target: str) -> Setup:
    """Another name."""

    def setup(root: Path) -> None:
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / path).rename(root / target)

    return setup


def module(name: str, source: str) -> Setup:
    """A module of one's own in the working folder."""
    return write(f"{name}.py", textwrap.dedent(source))

"""Runs commands of the package in forked children of one process that has imported everything already.

A child is a process of its own, so that it can hang, exit, exhaust its memory or be killed, and still starts in
milliseconds. The parent uses neither torch nor Polars, because their threads would not survive a fork.

Protocol: one JSON object a line on standard input (see :class:`tests.harness.client.Request`), the answer on standard
output.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any

PRELOADED = (
    *("recbole_ext.cli", "recbole_ext.trainer.train", "recbole_ext.study.tune", "recbole_ext.study.compare"),
    *("recbole_ext.study.ablate", "recbole_ext.study.table", "recbole_ext.report", "recbole_ext.rerank.run"),
    *("recbole_ext.recommend.explain", "recbole_ext.data.movielens", "plotly.graph_objs", "pyarrow.parquet"),
    "torch._dynamo",
)
"""Modules that a child finds imported; one that does not exist any more costs time only."""


def _preload() -> None:
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"{name}: {error}", file=sys.stderr)


def _command(request: dict[str, Any]) -> Callable[[], object]:
    """What the child does: the command line, or a function given as ``module:name``."""
    if request["function"]:
        module, _, name = request["function"].partition(":")
        return lambda: getattr(importlib.import_module(module), name)(*request["arguments"])
    from recbole_ext.cli import main

    return main


_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.mkdir": 1, "os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.link": 2, "os.symlink": 2}
ESCAPED = 99


def _keep_inside(folder: str) -> None:
    """Ends the child with code 99 when it wants to write anywhere but beside its folder: ``--output=/`` is tried."""
    allowed = (
        os.path.realpath(os.path.dirname(folder)),
        os.path.realpath(tempfile.gettempdir()),
        "/dev",
        "/proc",
    )

    def check(path: Any) -> None:
        if isinstance(path, int) or path is None:
            return
        place = os.path.realpath(os.fsdecode(path).replace("\0", "?"))
        if "__pycache__" in place.split(os.sep):  # numba keeps what it compiled there
            return
        if not any(place == root or place.startswith(root + os.sep) for root in allowed):
            os.write(2, f"the command wants to write {place}, outside of its folder\n".encode())
            os._exit(ESCAPED)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and (arguments[2] or 0) & _WRITING:
            check(arguments[0])
        elif event in _CHANGES:
            for path in arguments[: _CHANGES[event]]:
                check(path)

    sys.addaudithook(hook)


def _child(request: dict[str, Any]) -> None:
    """Never returns."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for descriptor, path in ((1, request["stdout"]), (2, request["stderr"])):
        os.dup2(os.open(path, flags), descriptor)
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    code: Any = 0
    try:
        # Processor time, so that a busy machine does not look like a hang.
        resource.setrlimit(resource.RLIMIT_CPU, (request["processor"], request["processor"] + 5))
        if request["memory"]:
            resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
        os.chdir(request["folder"])
        os.environ.update(request["environment"])
        sys.argv = ["run.py", *request["arguments"]]
        _keep_inside(request["folder"])
        exec(request["prelude"], {"__name__": "prelude"})
        _command(request)()
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int):
        code = 0 if code is None else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _wait(child: int, deadline: float) -> tuple[int | None, bool]:
    """The exit code (negative: the signal) and whether the child had to be killed."""
    killed = False
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), killed
        if time.monotonic() > deadline and not killed:
            killed = True
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.002)


def serve() -> None:
    """Answers until the input ends."""
    # What the imports print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _preload()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    children: dict[int, float] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["kind"] == "start":
            child = os.fork()
            if child == 0:
                _child(request)
            children[child] = time.monotonic() + request["limit"]
            answer: dict[str, Any] = {"pid": child}
        else:
            code, killed = _wait(request["pid"], children.pop(request["pid"]))
            answer = {"code": code, "hung": killed or code == -signal.SIGXCPU}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve()

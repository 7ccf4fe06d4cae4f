"""Time and memory against the number of ratings: ``python -m benchmarks.scale``.

An epoch is extrapolated from its first 100 batches and an evaluation from 20,000 users, unless ``--batches=0`` and
``--users=0`` ask for all; the loss is the sampled soft-max, since the full one takes ratings × catalogue.
Each stage runs in a process of its own, so that its peak memory is its own. Finished stages stand in
``results.json`` and are not measured again; a stage that fails or runs out of time stands in the table as such.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.stages import STAGES, parser

__all__ = ["main", "measure", "table"]

_GIB = 2**30
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def measure(command: list[str], log: Path, limit: float) -> dict[str, Any]:
    """Runs a command.

    Args:
        command: Program and arguments.
        log: Receives its error output.
        limit: Seconds after which it is killed.

    Returns:
        ``seconds``, ``cpu_seconds`` and ``peak_bytes`` of this process alone, and ``facts`` from its last line, or
        ``failed`` with the reason.
    """
    began = time.perf_counter()
    with log.open("wb") as errors:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
        assert child.stdout is not None
        previous = signal.signal(signal.SIGALRM, lambda *_: child.kill())
        signal.setitimer(signal.ITIMER_REAL, limit)
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    found: dict[str, Any] = {"seconds": seconds, "peak_bytes": usage.ru_maxrss * _RSS_UNIT}
    found["cpu_seconds"] = usage.ru_utime + usage.ru_stime
    if child.returncode == 0:
        found["facts"] = json.loads(output.decode().splitlines()[-1])
    elif child.returncode == -signal.SIGKILL:
        found["failed"] = f"stopped after {seconds:.0f} s" if seconds >= limit else "killed (memory?)"
    else:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        found["failed"] = lines[-1][:200] if lines else f"exit status {child.returncode}"
    return found


def _growth(now: dict[str, Any], before: dict[str, Any] | None, key: str) -> str:
    if before is None or "failed" in now or "failed" in before:
        return ""
    return f"{now[key] / before[key]:.1f}"


def _row(name: str, ratings: int, now: dict[str, Any], before: dict[str, Any] | None) -> str:
    facts = now.get("facts", {})
    inside = f"{facts['inside']:.1f}" if "inside" in facts else ""
    notes = now.get("failed") or ", ".join(
        f"{key} {facts[key]:,.4g}"
        for key in ("extrapolated_epoch", "extrapolated", "fitting", "figures", "loss_per_batch", "ndcg@10")
        if key in facts
    )
    if name == "prepare" and inside:
        notes = f"{ratings / facts['inside'] / 1e6:.2f} M ratings a second"
    cells = [
        name,
        f"{ratings:,}",
        f"{now['seconds']:.1f}" if "failed" not in now else "failed",
        inside,
        f"{now['cpu_seconds']:.1f}",
        f"{now['peak_bytes'] / _GIB:.2f}",
        _growth(now, before, "cpu_seconds"),
        _growth(now, before, "peak_bytes"),
        notes,
    ]
    return "| " + " | ".join(cells) + " |"


def table(results: dict[str, dict[str, Any]]) -> str:
    """The results as a Markdown table; growth is the factor over the next smaller set, of
    the processor's time because it hardly depends on what else the machine does."""
    lines = [
        "| stage | ratings | process, s | stage itself, s | process, CPU s | peak, GiB | CPU × | memory × | notes |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for name in STAGES:
        before = None
        for ratings in sorted(map(int, results)):
            now = results[str(ratings)].get(name)
            if now is not None:
                lines.append(_row(name, ratings, now, before))
                before = now
    return "\n".join(lines)


def _serves(stored: dict[str, Any] | None, options: list[str]) -> bool:
    """Whether a finished stage was measured under these options."""
    return stored is not None and "failed" not in stored and stored.get("options") == options


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__, parents=[parser()])
    options.add_argument("--ratings", default="1000000,4000000,16000000,32000204")
    options.add_argument("--stages", default=",".join(STAGES))
    options.add_argument("--out", type=Path, default=Path("benchmarks/scale-data"))
    options.add_argument("--limit", type=float, default=600, help="seconds for a stage")
    options.add_argument("--again", action="store_true", help="measure finished stages anew")
    options.set_defaults(
        batches=100, users=20_000, set=["sequence_loss=sampled_softmax", "train_batch_size=16384"]
    )
    return options.parse_args()


def main() -> None:
    """Measures what is missing and prints the table."""
    options = _options()
    record = options.out / "results.json"
    results = json.loads(record.read_text()) if record.is_file() else {}
    stages = options.stages.split(",")
    unknown = sorted(set(stages) - set(STAGES))
    if unknown:
        raise SystemExit(f"{unknown[0]!r} is no stage: use {', '.join(STAGES)}")
    passed = [
        f"--batches={options.batches}",
        f"--users={options.users}",
        *(f"--set={s}" for s in options.set),
    ]
    passed += [f"--{name}" for name in ("figures", "gpu") if getattr(options, name)]
    for ratings in map(int, options.ratings.split(",")):
        folder = options.out / str(ratings)
        folder.mkdir(parents=True, exist_ok=True)
        done = results.setdefault(str(ratings), {})
        for stage in stages:
            if not options.again and _serves(done.get(stage), passed):
                continue
            command = [sys.executable, "-m", "benchmarks.stages", stage, str(folder), f"--ratings={ratings}"]
            done[stage] = measure([*command, *passed], folder / f"{stage}.log", options.limit)
            done[stage]["options"] = passed
            print(_row(stage, ratings, done[stage], None), flush=True)
            record.write_text(json.dumps(results, indent=2))
    print(table(results))


if __name__ == "__main__":
    main()

"""Shows what every hostile input gives today: ``python -m tests.hostile [part of a name]``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.harness.client import changes, copy_sample, tree
from tests.hostile.case import complaints, harm
from tests.hostile.mends import MENDS
from tests.hostile.test_table import CASES, execute


def main() -> None:
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    wrong = 0
    for case in CASES:
        if part not in case.what:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            place = copy_sample(Path(temporary) / "sample")
            if case.setup is not None:
                case.setup(place)
            before = tree(place)
            began = time.monotonic()
            outcome = execute(case, place)
            if case.survives is not None:
                found = harm(outcome)
                try:
                    case.survives(outcome, place)
                except Exception as error:  # a check that fails is a finding
                    found.append(f"{type(error).__name__}: {str(error)[:300]}")
            else:
                found = complaints(case, outcome, changes(before, tree(place)))
            wrong += bool(found)
            last = outcome.err.strip().splitlines()[-1:] or [""]
            state = "WRONG" if found else "right"
            if case.what in MENDS:
                state += " (marked)"
            seconds = time.monotonic() - began
            print(
                f"{seconds:.1f} {state}\t{case.what}\n\t\t{'; '.join(found)}\n\t\t{last[0][:300]}", flush=True
            )
    print(f"{wrong} wrong")


if __name__ == "__main__":
    main()

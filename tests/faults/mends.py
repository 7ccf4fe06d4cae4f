"""Faults that are not mended yet: the test of each is expected to fail until it is."""

MENDS = {
    # runs/folder: between making NAME.partial and writing its config.yaml.
    "train-SIGKILL-at-change-3": "a partial folder without config.yaml can neither be resumed nor replaced",
    "train-at-every-rename": "killed at the first rename, a partial folder without config.yaml stays in the way",
    "train-full-at-2": "a partial folder without config.yaml can neither be resumed nor replaced",
    "train-full": "a partial folder without config.yaml can neither be resumed nor replaced",
    # data/files.whole: NAME.PID.partial of a killed process is never removed.
    "tune-at-every-rename": "trials.csv.PID.partial stays in the search",
    "compare-at-every-rename": "trials.csv.PID.partial stays in the search",
    "ablate-at-every-rename": "best.safetensors.PID.partial stays in the finished run",
    "report-at-every-rename": "REPORT.PID.partial stays beside the report",
    # study/compare and ablate: no lock, so that two processes can get into each other's way (a race, not always).
    "ablate-two-on-one-folder": "each process meets the other's partial cell, and neither finishes",
    "compare-two-on-one-folder": "cells of one search and the best of the other: neither process can finish",
    # cli/entry
    "train-SIGTERM-says-a-word": "SIGTERM ends the process without a word",
}

"""Faults that are not mended yet: the test of each is expected to fail until it is."""

MENDS = {
    # runs/folder: between making NAME.partial and writing its config.yaml.
    "train-SIGKILL-at-change-3": "a partial folder without config.yaml can neither be resumed nor replaced",
    "train-at-every-rename": "killed at the first rename, a partial folder without config.yaml stays in the way",
    "train-full-at-2": "a partial folder without config.yaml can neither be resumed nor replaced",
}

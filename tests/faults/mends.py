"""Faults that are not mended yet: the test of each is expected to fail until it is."""

MENDS = {
    # runs/folder: between making NAME.partial and writing its config.yaml.
    "train-SIGKILL-at-change-3": "a partial folder without config.yaml can neither be resumed nor begun again",
    "train-full-at-2": "a partial folder without config.yaml stays behind, which can neither be resumed nor begun again",
    # cli/entry
    "train-SIGTERM-says-a-word": "SIGTERM ends the process without a word",
    "train-SIGINT-says-a-word": "the word to SIGINT is wrapped into two lines",
}

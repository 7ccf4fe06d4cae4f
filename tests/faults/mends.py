"""Faults that are not mended yet: the test of each is expected to fail until it is."""

MENDS: dict[str, str] = {}

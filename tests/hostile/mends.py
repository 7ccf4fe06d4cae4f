"""Inputs that are not handled yet, each with what happens instead: its test is expected to fail until it is mended."""

MENDS: dict[str, str] = {}

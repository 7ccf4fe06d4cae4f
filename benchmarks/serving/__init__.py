"""A server under load on this machine: ``python -m benchmarks.serving``."""

"""What the run of the table has counted, for the last lines of the output."""

from collections import Counter

COUNTS: Counter[str] = Counter()

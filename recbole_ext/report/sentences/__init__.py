"""What the numbers mean, in plain sentences: each follows from the tables, and carries its figure.

A function answers one question and returns a short lead and its text, or None where the figures cannot answer it.
"""

from recbole_ext.report.sentences.accuracy import accuracy, headline, neural
from recbole_ext.report.sentences.certainty import certainty, fairness
from recbole_ext.report.sentences.coverage import coverage, platform
from recbole_ext.report.sentences.groups import targets, users
from recbole_ext.report.sentences.models import baseline_words, leaders, reference
from recbole_ext.report.sentences.speed import speed

__all__ = [
    "accuracy",
    "baseline_words",
    "certainty",
    "coverage",
    "fairness",
    "headline",
    "leaders",
    "neural",
    "platform",
    "reference",
    "speed",
    "targets",
    "users",
]

"""Inputs that are not handled yet: the test of each is expected to fail until it is mended.

A mend takes its lines out. Grouped by the place of the mend; each with what happens instead.
"""

MENDS = {
    # report/inputs and checks
    "report: a run twice": "runs as if nothing were wrong",
    "report: a cut configuration": "a message of several lines",
    "report: an empty search": "the message does not name the culprit",
    "report: cut trials": "the message does not name the culprit",
    "report: cut points of curves": "the message does not name the culprit",
    # cli/console, report/render: texts that act
    "report: a model's name with HTML is harmless in md": "the text acts, or another folder is read",
    "report: a model's name with Markdown is harmless in md": "the text acts, or another folder is read",
}

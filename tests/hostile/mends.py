"""Inputs that are not handled yet: the test of each is expected to fail until it is mended.

A mend takes its lines out. Grouped by the place of the mend; each with what happens instead.
"""

MENDS = {
    # report/inputs and checks
    "report: a cut configuration": "a message of several lines",
    # cli/console, report/render: texts that act
}

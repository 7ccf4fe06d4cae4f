"""Inputs that are not handled yet: the test of each is expected to fail until it is mended.

A mend takes its lines out. Grouped by the place of the mend; each with what happens instead.
"""

MENDS = {
    # runs/folder, trainer/checkpoint: resuming
    "resuming with another model in the file": "the message does not name the culprit",
    "resuming without the best weights": "refused, but log and state have changed",
    "resuming cut best weights": "refused, but log and state have changed",
    "resuming on changed data": "goes on with other data",
    # trainer: models of one's own
    "a model's full_sort_predict returns three dimensions": "runs as if nothing were wrong",
    "a model's full_sort_predict returns complex numbers": "runs as if nothing were wrong",
    # evaluator: metrics of one's own
    "a metric that returns complex numbers": "the message does not name the culprit",
    "a metric that changes the lists": "runs as if nothing were wrong",
    # runs/folder: the files of a run
    "evaluate: a bomb for a configuration": "hangs",
    "evaluate: an integer of 6,000 digits": "traceback (ValueError)",
    "rerank: an integer of 6,000 digits": "traceback (ValueError)",
    "evaluate: another model in the configuration": "the message does not name the culprit",
    "rerank: figures 100,000 deep": "traceback (RecursionError)",
    "pareto: a method twice": "runs as if nothing were wrong",
    # report/comparison, runs/results: table
    "table: figures 100,000 deep": "traceback (RecursionError)",
    # report/inputs and checks
    "report: figures 100,000 deep": "traceback (RecursionError)",
    "report: a cut configuration": "a message of several lines",
    # cli/console, report/render: texts that act
}

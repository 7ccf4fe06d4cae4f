"""Inputs that are not handled yet: the test of each is expected to fail until it is mended.

A mend takes its lines out. Grouped by the place of the mend; each with what happens instead.
"""

MENDS = {
    # config/rules and build: keys
    "key ITEM_ID_FIELD=nobody of GRU4Rec": "runs as if nothing were wrong",
    "key TIME_FIELD=user_id of GRU4Rec": "runs as if nothing were wrong",
    "key ITEM_ID_FIELD=user_id of GRU4Rec": "traceback (ValueError)",
    "key RATING_FIELD=item_id of GRU4Rec": "the message does not name the culprit",
    "key POSITION_FIELD=item_id of GRU4Rec": "runs as if nothing were wrong",
    "key ITEM_LIST_LENGTH_FIELD=item_id of GRU4Rec": "runs as if nothing were wrong",
    "key load_col={inter: [user_id]} of GRU4Rec": "runs as if nothing were wrong",
    "key load_col={inter: 3} of GRU4Rec": "runs as if nothing were wrong",
    "key load_col={item: [item_id, nothing]} of GRU4Rec": "runs as if nothing were wrong",
    "key load_col={nothing: [x]} of GRU4Rec": "runs as if nothing were wrong",
    "key unload_col={inter: [user_id]} of GRU4Rec": "runs as if nothing were wrong",
    "key reg_weight=0 of EASE": "traceback (LinAlgError)",
    "key reg_weight=-5 of EASE": "runs as if nothing were wrong",
    "key n_heads=3 of SASRec": "traceback (ValueError)",
    "key hidden_act=tanhh of SASRec": "traceback (KeyError)",
    "key layer_norm_eps=-1 of SASRec": "the message does not name the culprit",
    "key preload_weight={a: b} of GRU4Rec": "traceback (ValueError)",
    "key normalize_field=[rating] of GRU4Rec": "runs as if nothing were wrong",
    "key alias_of_item_id=[x] of GRU4Rec": "runs as if nothing were wrong",
    "key state=LOUD of GRU4Rec": "runs as if nothing were wrong",
    "key loss_decimal_place=-1 of GRU4Rec": "traceback (ValueError)",
    "key discretization=3 of GRU4Rec": "traceback (AttributeError)",
    "key transform=magic of GRU4Rec": "traceback (NotImplementedError)",
    # runs/folder, trainer/checkpoint: resuming
    "resuming with another model in the file": "the message does not name the culprit",
    "resuming without the best weights": "refused, but log and state have changed",
    "resuming cut best weights": "refused, but log and state have changed",
    "resuming on changed data": "goes on with other data",
    # config/yaml_reader and rules
    "YAML: binary data": "a message of several lines",
    # trainer: models of one's own
    "a model's full_sort_predict returns three dimensions": "runs as if nothing were wrong",
    "a model's full_sort_predict returns complex numbers": "runs as if nothing were wrong",
    # evaluator: metrics of one's own
    "a metric that returns complex numbers": "the message does not name the culprit",
    "a metric that changes the lists": "runs as if nothing were wrong",
    # data/atomic_reader and interactions
    ".inter: a NUL in the header": "runs as if nothing were wrong",
    ".inter: a time of 6,000 digits": "the message repeats the whole value",
    ".inter: a user of blanks": "runs as if nothing were wrong",
    ".inter: a field too few": "the message does not name the culprit",
    ".inter: a field too many": "the message does not name the culprit",
    ".inter: a NUL in a token": "runs as if nothing were wrong",
    ".inter: the padding's token as item": "runs as if nothing were wrong",
    ".inter: the padding's token as user": "runs as if nothing were wrong",
    # data/features: read before training
    ".item: separated by commas": "runs as if nothing were wrong",
    ".item: a NUL": "runs as if nothing were wrong",
    ".item: a field too few": "runs as if nothing were wrong",
    ".item: an item without a token": "runs as if nothing were wrong",
    ".item: a folder in its place": "runs as if nothing were wrong",
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
    "report: a run twice": "runs as if nothing were wrong",
    "report: figures 100,000 deep": "traceback (RecursionError)",
    "report: a cut configuration": "a message of several lines",
    "report: an empty search": "the message does not name the culprit",
    "report: cut trials": "the message does not name the culprit",
    "report: cut points of curves": "the message does not name the culprit",
    # cli/console, report/render: texts that act
    "report: a model's name with HTML is harmless in md": "the text acts, or another folder is read",
    "report: a model's name with Markdown is harmless in md": "the text acts, or another folder is read",
}

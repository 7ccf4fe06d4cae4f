from recbole_ext.api.catalogue import datasets, models
from recbole_ext.api.host_script import run_recbole
from recbole_ext.api.measure import Measured, measure
from recbole_ext.api.prepare import prepare
from recbole_ext.api.run import Run, load
from recbole_ext.api.studies import ablate, compare, tune
from recbole_ext.api.train import evaluate, resume, train
from recbole_ext.errors import RecBoleExtError
from recbole_ext.evaluator.register import register_metric
from recbole_ext.report import report

__version__: str

__all__ = [
    "Measured",
    "RecBoleExtError",
    "Run",
    "__version__",
    "ablate",
    "compare",
    "datasets",
    "evaluate",
    "load",
    "measure",
    "models",
    "prepare",
    "register_metric",
    "report",
    "resume",
    "run_recbole",
    "train",
    "tune",
]

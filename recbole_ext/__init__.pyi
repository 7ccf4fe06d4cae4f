from recbole_ext.api.host_script import run_recbole
from recbole_ext.api.measure import Measured, measure
from recbole_ext.api.prepare import prepare
from recbole_ext.errors import RecBoleExtError
from recbole_ext.evaluator.register import register_metric
from recbole_ext.recommend.explain import explain
from recbole_ext.report import write_report
from recbole_ext.trainer.opened import evaluate
from recbole_ext.trainer.train import resume, train

__version__: str

__all__ = [
    "Measured",
    "RecBoleExtError",
    "__version__",
    "evaluate",
    "explain",
    "measure",
    "prepare",
    "register_metric",
    "resume",
    "run_recbole",
    "train",
    "write_report",
]

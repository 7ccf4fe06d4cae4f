"""Models and metrics of one's own that return nonsense, and code that nobody has asked to run."""

from __future__ import annotations

import textwrap
from pathlib import Path

from tests.harness.client import Outcome
from tests.hostile.case import Case, both, edit_json, module, replace, write

_MODEL = """
import sys
import numpy as np
import torch
from recbole.model.abstract_recommender import GeneralRecommender
from recbole.utils import InputType


class Own(GeneralRecommender):
    input_type = InputType.PAIRWISE

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.item = torch.nn.Embedding(self.n_items, 4)
        self.user = torch.nn.Embedding(self.n_users, 4)
        self.start()

    def start(self):
        pass

    def scores(self, interaction):
        return self.user(interaction[self.USER_ID]) @ self.item.weight.T

    def calculate_loss(self, interaction):
        users, items = interaction[self.USER_ID], interaction[self.ITEM_ID]
        return -(self.user(users) * self.item(items)).sum(dim=-1).sigmoid().log().mean()

    def predict(self, interaction):
        return (self.user(interaction[self.USER_ID]) * self.item(interaction[self.ITEM_ID])).sum(dim=-1)

    def full_sort_predict(self, interaction):
        return self.scores(interaction)

"""


def model(what: str, method: str, body: str, words: str = "", real: bool = False) -> Case:
    """A model of one's own with one method replaced."""
    arguments = {"start": "self", "calculate_loss": "self, interaction", "full_sort_predict": "self, interaction"}
    source = _MODEL + textwrap.indent(f"def {method}({arguments[method]}):\n    {body}\n", "    ")
    command = "--model=own_model:Own --config=toy.yaml --output=saved/new"
    return Case(f"a model's {method} {what}", command, words or f"Own|{method}", module("own_model", source), real)


def metric(what: str, body: str, words: str = "Mine") -> Case:
    """A metric of one's own."""
    source = f"import sys\nimport numpy as np\n\n\ndef Mine(evidence):\n    {body}\n"
    command = "--model=Pop --config=toy.yaml --output=saved/new '--metrics=[NDCG, own_metric:Mine]'"
    return Case(f"a metric that {what}", command, words, module("own_metric", source))


_FULL, _LOSS = "full_sort_predict", "calculate_loss"
_MODELS = [
    model("returns None", _FULL, "return None"),
    model("returns a list", _FULL, "return [1, 2, 3]"),
    model("returns numpy", _FULL, "return self.scores(interaction).detach().numpy()"),
    model("returns a number", _FULL, "return 1.0"),
    model("returns text", _FULL, "return 'scores'"),
    model("returns too few items", _FULL, "return self.scores(interaction)[:, :-3]"),
    model("returns too many items", _FULL, "return torch.cat([self.scores(interaction)] * 2, dim=1)"),
    model("returns one score a user", _FULL, "return self.scores(interaction)[:, 0]"),
    model("returns half of the users", _FULL, "return self.scores(interaction)[::2]"),
    model("returns three dimensions", _FULL, "return self.scores(interaction)[None, :, :, None]"),
    model("returns an empty tensor", _FULL, "return torch.zeros(0)"),
    model("returns NaN", _FULL, "return self.scores(interaction) * float('nan')"),
    model("returns -inf only", _FULL, "return torch.full_like(self.scores(interaction), -float('inf'))"),
    model("returns complex numbers", _FULL, "return self.scores(interaction).to(torch.complex64)"),
    model("raises", _FULL, "raise ValueError('my own mistake')", "my own mistake"),
    model("raises without words", _FULL, "raise AssertionError"),
    model("calls sys.exit(0)", _FULL, "sys.exit(0)"),
    model("never ends its recursion", _FULL, "return self.full_sort_predict(interaction)"),
    model("returns None", _LOSS, "return None"),
    model("returns a number", _LOSS, "return 1.0"),
    model("returns numpy", _LOSS, "return np.float32(1.0)"),
    model("returns a list", _LOSS, "return [torch.tensor(1.0)]"),
    model("returns a vector", _LOSS, "return self.item.weight.sum(dim=1)"),
    model("returns a constant", _LOSS, "return torch.tensor(1.0)"),
    model("returns NaN", _LOSS, "return self.item.weight.sum() * float('nan')", "NaN|nan|loss"),
    model("returns text", _LOSS, "return 'low'"),
    model("raises", _LOSS, "raise RuntimeError('my own mistake')", "my own mistake"),
    model("raises KeyError", _LOSS, "return interaction['nothing']", "nothing"),
    model("calls sys.exit(0)", _LOSS, "sys.exit(0)"),
    model("raises", "start", "raise ValueError('my own mistake')", "my own mistake"),
    model("calls sys.exit(0)", "start", "sys.exit(0)"),
    model("asks for what is not there", "start", "self.x = self.nothing"),
    model("wants 80 GB", "start", "self.big = torch.zeros(20_000_000_000)", "memory"),
    model("calls sys.exit(0) at the real command line", _FULL, "sys.exit(0)", real=True),
]

_NO_MODELS = [
    Case("a model's module does not exist", "--model=nowhere:Own --config=toy.yaml", "nowhere"),
    Case("a model's class does not exist", "--model=own_model:Nobody --config=toy.yaml", "Nobody", module("own_model", _MODEL)),
    Case("a model's module raises", "--model=own_bad:Own --config=toy.yaml", "own_bad", module("own_bad", "raise ValueError('no')")),
    Case("a model's module calls sys.exit(0)", "--model=own_bad:Own --config=toy.yaml", "own_bad", module("own_bad", "import sys; sys.exit(0)")),
    Case("a model's module is no Python", "--model=own_bad:Own --config=toy.yaml", "own_bad", module("own_bad", "def (:")),
    Case("a model that is a function", "--model=own_bad:Own --config=toy.yaml", "Own", module("own_bad", "def Own(): pass")),
    Case("a model that is a number", "--model=own_bad:Own --config=toy.yaml", "Own", module("own_bad", "Own = 3")),
    Case("a model that is any class", "--model=own_bad:Own --config=toy.yaml", "Own", module("own_bad", "class Own: pass")),
    Case("a model from the standard library", "--model=os:system --config=toy.yaml", "os:system"),
    Case("a model without a class", "--model=own_model: --config=toy.yaml", "own_model", module("own_model", _MODEL)),
    Case("a model without a module", "--model=:Own --config=toy.yaml", "Own"),
    Case("a model with two colons", "--model=a:b:c --config=toy.yaml", "a:b:c"),
]

_METRICS = [
    metric("returns None", "return None"),
    metric("returns text", "return 'good'"),
    metric("returns a list that is too short", "return [1.0]"),
    metric("returns too many values", "return np.zeros(len(evidence.items) + 1)"),
    metric("returns two dimensions", "return np.zeros((len(evidence.items), 2))"),
    metric("returns NaN", "return np.full(len(evidence.items), np.nan)"),
    metric("returns infinity", "return np.full(len(evidence.items), np.inf)"),
    metric("returns objects", "return np.array(['a'] * len(evidence.items), dtype=object)"),
    metric("returns complex numbers", "return np.full(len(evidence.items), 1j)"),
    metric("returns a generator", "return (1.0 for _ in evidence.items)"),
    metric("raises", "raise ValueError('my own mistake')", "my own mistake"),
    metric("raises KeyError", "return {}['nothing']", "nothing|Mine"),
    metric("calls sys.exit(0)", "sys.exit(0)"),
    metric("asks for what is not there", "return evidence.nothing", "nothing|Mine"),
    metric("changes the lists", "evidence.items[:] = 0; return np.zeros(len(evidence.items))"),
    Case(
        "a metric that is NaN as valid_metric",
        "--model=BPR --config=toy.yaml --output=saved/new '--metrics=[NDCG, own_metric:Mine]' --valid_metric=Mine@5",
        "Mine",
        module("own_metric", "import numpy as np\n\n\ndef Mine(evidence):\n    return np.full(len(evidence.items), np.nan)\n"),
    ),
    Case("a metric's module does not exist", "--model=Pop --config=toy.yaml '--metrics=[NDCG, nowhere:x]'", "nowhere"),
    Case("a metric's function does not exist", "--model=Pop --config=toy.yaml '--metrics=[NDCG, math:nothing]'", "nothing"),
    Case("a metric that is no function", "--model=Pop --config=toy.yaml '--metrics=[NDCG, math:pi]'", "pi"),
    Case("a metric's module raises", "--model=Pop --config=toy.yaml '--metrics=[NDCG, own_bad:x]'", "own_bad", module("own_bad", "raise ValueError('no')")),
    Case("a metric's module calls sys.exit(0)", "--model=Pop --config=toy.yaml '--metrics=[NDCG, own_bad:x]'", "own_bad", module("own_bad", "import sys; sys.exit(0)")),
    Case("a metric with the name of another", "--model=Pop --config=toy.yaml '--metrics=[NDCG, own_bad:Gini]'", "Gini", module("own_bad", "def Gini(evidence): pass")),
]

_EVIL = module("evil", "from pathlib import Path\nPath('owned').write_text('code ran')\n")


def evil_run(name: str, key: str, command: str, words: str = "evil") -> Case:
    """A run folder whose files name a module that leaves a trace when it is imported."""
    setups = {
        "model in config.yaml": replace("saved/gru/config.yaml", "model: GRU4Rec", "model: evil:Foo"),
        "metrics in config.yaml": replace("saved/gru/config.yaml", "- NDCG\n", "- NDCG\n- evil:x\n"),
        "valid_metric in config.yaml": replace("saved/gru/config.yaml", "valid_metric: NDCG@5", "valid_metric: evil:x@5"),
        "model in metrics.json": edit_json("saved/gru/metrics.json", "model", "evil:Foo"),
    }
    return Case(f"{name}: {key} names code", command, words, both(_EVIL, setups[key]))


def _not_owned(outcome: Outcome, root: Path) -> None:
    assert not (root / "owned").exists(), "code ran"


_CODE = [
    evil_run("evaluate", "model in config.yaml", "evaluate saved/gru"),
    evil_run("evaluate", "metrics in config.yaml", "evaluate saved/gru"),
    evil_run("evaluate", "valid_metric in config.yaml", "evaluate saved/gru"),
    evil_run("rerank", "model in config.yaml", "rerank saved/gru --method=mmr --lambda=0.5 --output=saved/new"),
    evil_run("rerank", "metrics in config.yaml", "rerank saved/gru --method=mmr --lambda=0.5 --output=saved/new"),
    evil_run("pareto", "model in config.yaml", "pareto saved/gru --methods=mmr --output=saved/new"),
    evil_run("pareto", "metrics in config.yaml", "pareto saved/gru --methods=mmr --output=saved/new"),
    evil_run("explain", "model in config.yaml", "explain saved/gru --user=u0"),
    evil_run("explain", "metrics in config.yaml", "explain saved/gru --user=u0"),
    Case(
        "resuming a folder whose configuration names a model of code",
        "train --resume=saved/stopped",
        "evil",
        both(_EVIL, replace("saved/stopped.partial/config.yaml", "model: GRU4Rec", "model: evil:Foo")),
    ),
    Case(
        "resuming a folder whose configuration names a metric of code",
        "train --resume=saved/stopped",
        "evil",
        both(_EVIL, replace("saved/stopped.partial/config.yaml", "- NDCG\n", "- NDCG\n- evil:x\n")),
    ),
    Case(
        "report: a model that names code is only a name",
        "report saved/gru saved/knn --output=new.html",
        setup=both(_EVIL, replace("saved/gru/config.yaml", "model: GRU4Rec", "model: evil:Foo"), edit_json("saved/gru/metrics.json", "model", "evil:Foo")),
        survives=_not_owned,
    ),
    Case(
        "report: metrics that name code are only names",
        "report saved/gru saved/knn --output=new.html",
        setup=both(_EVIL, replace("saved/gru/config.yaml", "- NDCG\n", "- NDCG\n- evil:x\n")),
        survives=_not_owned,
    ),
    Case(
        "table: a model that names code is only a name",
        "table saved/gru saved/knn",
        setup=both(_EVIL, edit_json("saved/gru/metrics.json", "model", "evil:Foo")),
        survives=_not_owned,
    ),
    Case("table: a column that names code", "table saved/gru --columns=NDCG,evil:x", "evil", _EVIL),
    Case("a space that names code is no number", "tune --model=ItemKNN --config=toy.yaml --space=bad.yaml --output=saved/new", "k", both(_EVIL, write("bad.yaml", "k: evil:x\n"))),
]

CASES = [*_MODELS, *_NO_MODELS, *_METRICS, *_CODE]

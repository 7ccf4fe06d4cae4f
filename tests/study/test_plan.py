"""A plan is everything that can be refused, made without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from recbole_ext.errors import ConfigError
from recbole_ext.study.plan import plan_ablation, plan_comparison
from recbole_ext.study.settings import PrunerName, SamplerName
from recbole_ext.study.worker import PRUNERS, SAMPLERS

ROOT = Path(__file__).resolve().parents[2]


def test_each_name_has_its_sampler_or_pruner() -> None:
    assert get_args(SamplerName) == tuple(SAMPLERS)
    assert get_args(PrunerName) == tuple(PRUNERS)


def test_plans_import_neither_torch_nor_the_host() -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from recbole_ext.study.plan import TuneOptions, plan_ablation, plan_comparison, plan_search\n"
        "plan_comparison(Path('config/study/ml-100k.yaml'), {})\n"
        "plan_ablation(Path('config/study/ablation.yaml'), {})\n"
        "plan_search('GRU4Rec', [], {}, TuneOptions(Path('config/search/gru4rec.yaml')))\n"
        "print(sorted({'torch', 'recbole', 'pandas', 'scipy', 'optuna', 'polars'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("key", ["model", "output", "seed"])
def test_no_option_sets_what_the_file_of_a_study_controls(key: str) -> None:
    words = rf"{key}.* is controlled by the study: leave the option out and edit config/study/"
    with pytest.raises(ConfigError, match=words):
        plan_comparison(Path("config/study/ml-100k.yaml"), {key: "3"})
    with pytest.raises(ConfigError, match=words):
        plan_ablation(Path("config/study/ablation.yaml"), {key: "3"})

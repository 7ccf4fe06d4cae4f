"""The only module that patches RecBole and its dependencies: one function per defect.

:func:`apply` runs when the package ``_compat`` is imported, even if RecBole was imported before. Repairs of individual
models are in ``model_repairs``. Each repair checks for its cause where possible, so that a fixed host stays
unchanged.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
import warnings
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch

from recbole_ext._compat import model_repairs
from recbole_ext._compat.shadow import Shadow
from recbole_ext.errors import CheckpointError, ConfigError

__all__ = ["NullWriter", "apply"]

_NUMPY_ALIASES: dict[str, type] = {
    "bool": np.bool_,
    "int": np.int_,
    "float": np.float64,
    "complex": np.complex128,
    "object": np.object_,
    "str": np.str_,
    "long": np.int_,
    "unicode": np.str_,
    "float_": np.float64,
    "complex_": np.complex128,
    "unicode_": np.str_,
}
_GENERAL = "recbole.model.general_recommender"
_MODULES_WITH_TORCH_LOAD = (
    f"{_GENERAL}.convncf",
    f"{_GENERAL}.nais",
    f"{_GENERAL}.neumf",
    f"{_GENERAL}.ract",
    "recbole.model.context_aware_recommender.kd_dagfm",
    "recbole.model.sequential_recommender.s3rec",
    "recbole.trainer.trainer",
)
# pandas warns about the lost fillna calls; torch about old constructors and slow or read-only input to them.
_HARMLESS_WARNINGS = (
    "A value is being set on a copy",
    "torch.sparse.SparseTensor",
    "Creating a tensor from a list of numpy.ndarrays",
    "The given NumPy array is not writable",
)
_applied = False


class NullWriter:
    """Replaces TensorBoard's ``SummaryWriter``: accepts RecBole's calls and writes nothing."""

    def add_scalar(self, *args: Any, **kwargs: Any) -> None:
        """Drops a scalar."""

    def add_hparams(self, *args: Any, **kwargs: Any) -> None:
        """Drops a table of hyper-parameters."""

    def flush(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def apply() -> None:
    """Applies all repairs once; later calls return immediately."""
    global _applied
    if _applied:
        return
    # Applied before RecBole is imported, because its import needs them.
    _numpy_aliases()
    _kmeans_pytorch()
    _scipy_dok_update()
    _import_without_anomaly_detection()
    _config_compatibility_settings()
    _pandas_fill_nan()
    _pandas_sequence_fields()
    _pandas_agg_len()
    _torch_load()
    _torch_amp()
    _tensorboard()
    model_repairs.apply()
    _warnings()
    _applied = True


def _import_without_anomaly_detection() -> None:
    """Importing RecBole's sequential models turns autograd's anomaly detection on for the whole process (SINE does).

    It records a stack trace for every operation, whatever the model: one step of a GRU took three times as long.
    The repair restores the previous setting; SINE trains without anomaly detection too.
    """
    before = torch.is_anomaly_enabled()
    for name in (
        "config",
        "data.dataset",
        "model.general_recommender",
        "model.sequential_recommender",
        "trainer",
    ):
        importlib.import_module(f"recbole.{name}")
    torch.autograd.set_detect_anomaly(before)


def _numpy_aliases() -> None:
    """RecBole reads ``np.float``, ``np.long``, ``np.bool`` and, in ``Config``, ``np.float_`` and friends.

    numpy 1.24 removed the first kind and numpy 2.0 the second (and gave ``bool`` and ``long`` back). Only
    missing names are set. The check uses ``vars``, because ``hasattr`` makes numpy 1.26 warn.
    """
    for name, meaning in _NUMPY_ALIASES.items():
        if name not in vars(np):
            setattr(np, name, meaning)


def _config_compatibility_settings() -> None:
    """``Config.compatibility_settings`` reads names that numpy 2 lacks, so that every ``Config(...)`` raises.

    It also overwrites ``np.bool`` and ``np.long`` for the whole process. :func:`_numpy_aliases` replaces it.
    """
    from recbole.config.configurator import Config

    def compatibility_settings(self: Any) -> None:
        _numpy_aliases()

    Config.compatibility_settings = compatibility_settings


def _kmeans_pytorch() -> None:
    """RecBole 1.2.0 imports ``kmeans_pytorch`` with its general models but does not declare it.

    Without it, every other model works, and LDiffRec's clustering says what to install.
    """
    if "kmeans_pytorch" in sys.modules or importlib.util.find_spec("kmeans_pytorch"):
        return

    def kmeans(*args: Any, **kwargs: Any) -> None:
        raise ConfigError(
            "LDiffRec with n_cate above 1 needs the package kmeans-pytorch: install it, or set n_cate: 1"
        )

    stub = types.ModuleType("kmeans_pytorch")
    stub.kmeans = kmeans  # type: ignore[attr-defined]
    sys.modules["kmeans_pytorch"] = stub


def _scipy_dok_update() -> None:
    """scipy 1.13 dropped ``dok_matrix._update``, with which the graph models fill their adjacency matrix.

    LightGCN, NGCF, NCL, GCMC, SpectralCF, KGIN and MCCLK. The keys come from index arrays of the right shape,
    so the unchecked update of the inner dictionary is as safe as it was, and as fast.
    """
    if hasattr(sp.dok_matrix, "_update"):
        return

    def _update(self: Any, data: dict[tuple[int, int], float]) -> None:
        self._dict.update(data)

    sp.dok_matrix._update = _update


def _pandas_fill_nan() -> None:
    """``feat[field].fillna(..., inplace=True)`` changes a copy under pandas 3: missing values survive.

    The repair is an assignment, which works the same in all versions of pandas.
    """
    from recbole.data.dataset.dataset import Dataset
    from recbole.utils import FeatureType

    def _fill_nan(self: Any) -> None:
        for feat_name in self.feat_name_list:
            feat = getattr(self, feat_name)
            for field in feat:
                kind = self.field2type[field]
                if kind == FeatureType.TOKEN:
                    feat[field] = feat[field].fillna(0)
                elif kind == FeatureType.FLOAT:
                    feat[field] = feat[field].fillna(feat[field].mean())
                else:
                    empty = np.array([], dtype=np.int64 if kind == FeatureType.TOKEN_SEQ else np.float64)
                    feat[field] = [empty if isinstance(value, float) else value for value in feat[field]]

    Dataset._fill_nan = _fill_nan


def _pandas_sequence_fields() -> None:
    """``Dataset._load_feat`` fills missing sequences in the same lost way, then calls ``split`` on NaN.

    One film without genres triggers it. The rest of the long method is correct, so ``read_csv`` is replaced in that
    module only and returns sequence columns without gaps.
    """
    host = importlib.import_module("recbole.data.dataset.dataset")

    def read_csv(*args: Any, **kwargs: Any) -> pd.DataFrame:
        frame = pd.read_csv(*args, **kwargs)
        for column in frame.columns:
            if str(column).endswith("_seq"):
                frame[column] = frame[column].fillna("")
        return frame

    host.pd = Shadow(pd, read_csv=read_csv)  # type: ignore[attr-defined]


def _pandas_agg_len() -> None:
    """``feat[field].agg(len)`` counts the rows under pandas 3; RecBole wants the length of each sequence.

    Every data set with a sequence field (a film's genres) fails. ``len`` is replaced in the three modules and
    measures a column element by element; none of them needs the number of rows of a column.
    """
    if isinstance(pd.Series([[1, 2], [3]]).agg(len), pd.Series):
        return

    def length(value: Any) -> Any:
        return value.map(len) if isinstance(value, pd.Series) else len(value)

    for name in ("dataset", "kg_dataset", "sequential_dataset"):
        importlib.import_module(f"recbole.data.dataset.{name}").len = length  # type: ignore[attr-defined]


def _torch_load() -> None:
    """Eleven bare ``torch.load`` calls: before torch 2.6 they execute code in the file; since then they raise.

    RecBole's own checkpoints hold a pickled ``Config`` and cannot be read safely; tensors and plain data can.
    The package itself never saves or loads this way. The remaining case is pre-trained weights that a user names
    (``pre_model_path`` and the like): they are read as data only, and anything else raises a clear error.
    """

    def load(f: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["weights_only"] = True
        try:
            return torch.load(f, *args, **kwargs)
        except Exception as error:
            raise CheckpointError(
                f"{f} is not a file of plain weights ({type(error).__name__}), and code in files is never executed: "
                "save the state with torch.save({'state_dict': model.state_dict()}, path)"
            ) from error

    for name in _MODULES_WITH_TORCH_LOAD:
        module = importlib.import_module(name)
        module.torch = Shadow(torch, load=load)  # type: ignore[attr-defined]


def _torch_amp() -> None:
    """``torch.cuda.amp.GradScaler`` is deprecated: a warning each epoch, and on a CPU a second one."""
    if not hasattr(torch.amp, "GradScaler"):
        return
    host = importlib.import_module("recbole.trainer.trainer")

    def grad_scaler(enabled: bool = True, **kwargs: Any) -> Any:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return torch.amp.GradScaler(device, enabled=enabled, **kwargs)  # type: ignore[attr-defined]

    def autocast(*args: Any, **kwargs: Any) -> Any:
        return torch.amp.autocast("cuda", *args, **kwargs)  # type: ignore[attr-defined]

    host.amp = Shadow(torch.cuda.amp, GradScaler=grad_scaler, autocast=autocast)  # type: ignore[attr-defined]


def _tensorboard() -> None:
    """Every trainer opens a TensorBoard writer in ``./log_tensorboard``, even if not requested."""

    def get_tensorboard(logger: Any) -> NullWriter:
        return NullWriter()

    for name in ("recbole.utils.utils", "recbole.utils", "recbole.trainer.trainer"):
        importlib.import_module(name).get_tensorboard = get_tensorboard  # type: ignore[attr-defined]


def _warnings() -> None:
    """Silences warnings about RecBole code that a user cannot change: harmless, or repaired above."""
    for message in _HARMLESS_WARNINGS:
        warnings.filterwarnings("ignore", message, module=r"recbole\.")

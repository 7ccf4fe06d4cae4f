"""RecBole's names used by the package, from the repaired host."""

from __future__ import annotations

from recbole.config import Config
from recbole.data.dataloader import UserDataLoader
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.data.transform import construct_transform
from recbole.data.utils import get_dataloader
from recbole.evaluator import register as metric_tables
from recbole.evaluator.base_metric import AbstractMetric
from recbole.model import general_recommender, sequential_recommender
from recbole.model.abstract_recommender import (
    AbstractRecommender,
    AutoEncoderMixin,
    GeneralRecommender,
    SequentialRecommender,
)
from recbole.model.layers import MultiHeadAttention
from recbole.model.loss import BPRLoss
from recbole.trainer import Trainer
from recbole.utils import (
    EvaluatorType,
    FeatureSource,
    FeatureType,
    InputType,
    ModelType,
    argument_list,
    get_model,
    get_trainer,
    init_seed,
)

__all__ = [
    "AbstractMetric",
    "AbstractRecommender",
    "AutoEncoderMixin",
    "BPRLoss",
    "Config",
    "Dataset",
    "EvaluatorType",
    "FeatureSource",
    "FeatureType",
    "GeneralRecommender",
    "InputType",
    "Interaction",
    "ModelType",
    "MultiHeadAttention",
    "SequentialRecommender",
    "Trainer",
    "UserDataLoader",
    "argument_list",
    "construct_transform",
    "general_recommender",
    "get_dataloader",
    "get_model",
    "get_trainer",
    "init_seed",
    "metric_tables",
    "sequential_recommender",
]

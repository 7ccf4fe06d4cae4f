"""A model and its trainer from a configuration: RecBole's trainer for that model, with our hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_ext._compat.host import AbstractRecommender, Config, ModelType, Trainer, get_trainer, init_seed
from recbole_ext.config.build import host_config, source_of
from recbole_ext.config.problem import Origin
from recbole_ext.data.build import PreparedData, train_loader
from recbole_ext.errors import RecBoleExtError
from recbole_ext.model.item_encoder import give_item_features
from recbole_ext.model.kernels.attention import quicken_attention
from recbole_ext.model.kernels.dropout import quicken_dropout
from recbole_ext.model.losses.popularity import check_debiasing
from recbole_ext.model.losses.positive_weight import set_positive_weight
from recbole_ext.model.registry import ModelSpec, resolve_model
from recbole_ext.progress import stage
from recbole_ext.trainer.configure import chosen_model, configure
from recbole_ext.trainer.distributed import DealtTrainer, check_is_dealt, current, keys_of_process
from recbole_ext.trainer.memory import check_memory
from recbole_ext.trainer.stages import StagedTrainer
from recbole_ext.trainer.trainer import ExactTrainer, trainer_class

__all__ = ["build_trainer", "configure_host", "configure_saved", "trainer_for"]


def configure_host(
    model: str | None,
    dataset: str | None,
    files: Sequence[Path | str],
    overrides: Mapping[str, Any],
    report: Callable[[str], None],
    origins: Mapping[str, Origin] | None = None,
) -> tuple[ModelSpec, type[AbstractRecommender], Config]:
    """As :func:`~recbole_ext.trainer.configure.configure`, with the model's class and RecBole's configuration."""
    overrides = {**overrides, **keys_of_process()}
    spec, checked = configure(model, dataset, files, overrides, report, origins)
    _, model_class = resolve_model(chosen_model(model, files, overrides))
    return spec, model_class, host_config(checked, model_class)


def configure_saved(
    folder: Path, plain: Mapping[str, Any], report: Callable[[str], None]
) -> tuple[ModelSpec, type[AbstractRecommender], Config]:
    """:func:`configure_host` of a run folder: an error names its ``config.yaml``.

    Args:
        folder: The run, finished or not.
        plain: Its configuration.
        report: Receives each line that a user should see.
    """
    place = Origin(str(folder / "config.yaml"))
    # What an earlier version began with other batches goes on with them.
    keys = {"window_batches": "random"} | {key: value for key, value in plain.items() if key != "model"}
    return configure_host(str(plain["model"]), None, (), keys, report, dict.fromkeys(keys, place))


def trainer_for(spec: ModelSpec, model: type[AbstractRecommender]) -> type[ExactTrainer]:
    """The host's trainer for a model, with our hooks; one epoch for a model that says it learns nothing."""
    kind = model.type if getattr(model, "learns", True) else ModelType.TRADITIONAL
    names = [spec.name, *(base.__name__ for base in model.__mro__)]
    host = next((t for t in (get_trainer(kind, name) for name in names) if t is not Trainer), Trainer)
    staged = hasattr(model, "stages")
    if current() is None:
        return trainer_class(host, StagedTrainer if staged else ExactTrainer)
    check_is_dealt(spec.name, model, host.__name__, staged)
    return trainer_class(host, DealtTrainer)


def build_trainer(
    config: Any, spec: ModelSpec, model_class: type, data: PreparedData, folder: Path
) -> tuple[ExactTrainer, Any]:
    """A model ready to train, seeded alike however often it is called.

    Args:
        config: RecBole's configuration, from :func:`~recbole_ext.config.build.build_config`.
        spec, model_class: From :func:`~recbole_ext.model.registry.resolve_model`.
        data: From :func:`~recbole_ext.data.build.prepare_data`.
        folder: Where the trainer keeps its best weights and its state; it is not made here.

    Returns:
        The trainer, whose ``model`` is on its device, and the loader of the training data.

    Raises:
        RecBoleExtError: The model needs more memory than there is, or fails while it is built.
    """
    config["checkpoint_dir"] = str(folder)
    # RecBole's transforms write names into the configuration that its models read when they are built.
    loader = train_loader(config, data, model_class)
    init_seed(config["seed"], config["reproducibility"])
    with stage(f"building {spec.name}"):
        model = _built(config, spec, model_class, data)
        quicken_dropout(model)
        quicken_attention(model)
        check_debiasing(model, config)
        set_positive_weight(model, float(config["positive_weight"]))
        trainer = trainer_for(spec, model_class)(config, model)
    trainer.folder = folder
    return trainer, loader


def _built(config: Any, spec: ModelSpec, model_class: type, data: PreparedData) -> Any:
    """The model on its device; whatever goes wrong in its constructor is one sentence."""
    source = source_of(model_class)
    dataset = data.dataset
    check_memory(
        config, source.keys, users=dataset.user_num, items=dataset.item_num, sequential=source.sequential
    )
    try:
        model = model_class(config, dataset)
        give_item_features(model, config, dataset)
        return model.to(config["device"])
    except RecBoleExtError:
        raise
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise RecBoleExtError(
            f"{spec.name} cannot be built with this configuration ({reason}): change the key it speaks of, or mend "
            "the model"
        ) from error

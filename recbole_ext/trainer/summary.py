"""The figures of a run as plain data, with the protocol without which they mean nothing: ``metrics.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recbole_ext.data.build import PreparedData, fingerprint
from recbole_ext.data.shuffle import shuffle_of
from recbole_ext.data.statistics import cold_groups, cold_shares
from recbole_ext.evaluator.confidence import mean_intervals
from recbole_ext.evaluator.evaluate import Evaluation, bounds, means_of_groups
from recbole_ext.runs.protocol import candidates_words, split_words
from recbole_ext.trainer.trainer import ExactTrainer

__all__ = [
    "describe",
    "doubts",
    "feature_lines",
    "loss_by_size",
    "protocol",
    "run_figures",
    "shown_k",
    "test_figures",
]


def shown_k(config: Any) -> int:
    """Length of the lists that are shown: the K of ``valid_metric``."""
    return int(str(config["valid_metric"]).partition("@")[2])


def test_figures(
    data: PreparedData, validation: Evaluation, test: Evaluation, level: float
) -> dict[str, Any]:
    """Means of both phases; for the test also intervals, user groups, ceilings and the expectation of Random."""
    return {
        "validation": dict(validation.means),
        "test": dict(test.means),
        "test_intervals": {
            name: list(ends) for name, ends in mean_intervals(test.per_user, level=level).items()
        },
        "test_by_user_group": {**means_of_groups(data.test.evidence, test), **_cold_means(data, test)},
        "test_bounds": bounds(data.test.evidence, test, data.test.config["topk"]),
        "users": {
            "validation": len(validation.users),
            "test": len(test.users),
            **_users_of_epochs(data),
        },
    }


def _cold_means(data: PreparedData, test: Evaluation) -> dict[str, dict[str, float]]:
    """Means of users and targets that were unknown before the test apart, where a split says how many are."""
    if data.test.config["split"] in ("leave_one_out", "ratio"):
        return {}
    return {
        name: {
            "users": float(mask.sum()),
            **{key: float(all_[mask].mean()) for key, all_ in test.per_user.items()},
        }
        for name, mask in cold_groups(data.split, test.users).items()
    }


def protocol(config: Any, data: PreparedData) -> dict[str, Any]:
    """Without these a figure means nothing."""
    return {
        "filter": {
            "rating_threshold": config["rating_threshold"],
            "min_user_interactions": config["min_user_interactions"],
            "min_item_interactions": config["min_item_interactions"],
        },
        **_split(config, data),
        "mask_seen": bool(config["mask_seen"]),
        "same_history": bool(config["same_history"]),
        "candidates": candidates_words(config["candidates"]),
        "topk": list(config["topk"]),
        "shown_k": shown_k(config),
        "head_rule": config["head_rule"],
        "tie_break": config["tie_break"],
        "users_decided_by_tie_break": data.split.tie_share,
        **_shuffle(config),
        **_propensity(config),
        **_validated(data),
        "users_without_history": data.test.users_without_history,
        "seed": config["seed"],
        "confidence": config["confidence"],
    }


def _split(config: Any, data: PreparedData) -> dict[str, Any]:
    split, time = config["split"], config["split_time"]
    by_ratio = split not in ("leave_one_out", "k_fold") and time is None
    ratio = list(config["split_ratio"]) if by_ratio else None
    found: dict[str, Any] = {"split": split, "split_ratio": ratio}
    if split in ("leave_one_out", "ratio"):
        return found
    keys = {
        "global_time": ("split_targets",),
        "k_fold": ("folds", "fold", "split_seed"),
        "cold_items": ("split_seed",),
        "cold_users": ("cold_history", "split_targets", "split_seed"),
    }
    found |= {key: config[key] for key in keys[split]}
    if split == "global_time":
        found["split_time"] = None if time is None else list(time)
    return {**found, **cold_shares(data.split)}


def _propensity(config: Any) -> dict[str, Any]:
    """The power, where a figure rests on it."""
    weighted = any(name.endswith("IPS") for name in config["metrics"])
    return {"propensity_power": config["propensity_power"]} if weighted else {}


def _shuffle(config: Any) -> dict[str, Any]:
    within = shuffle_of(config)
    if within == "none":
        return {}
    gap = {"session_gap": config["session_gap"]} if within == "sessions" else {}
    return {"history_shuffle": within, **gap}


def describe(config: Any, figures: Mapping[str, Any], data: PreparedData) -> str:
    """The data set in a few lines: size, filter, split, concentration, head and tail."""
    heads, tails = figures["head_items"], figures["tail_items"]
    core = data.split.interactions.core
    removed = f"{core.words()}\n" if core is not None else ""
    groups = "; ".join(f"{rule} {heads[rule]:,} and {tails[rule]:,}" for rule in heads)
    return (
        f"{config['dataset']}: {figures['users']:,} users, {figures['items']:,} items, "
        f"{figures['interactions']:,} interactions ({figures['sparsity']:.2%} sparse), "
        f"core users >= {config['min_user_interactions']}, items >= {config['min_item_interactions']}\n{removed}"
        f"split {split_words(_split(config, data))}: {figures['train']:,} training, {figures['validation']:,} "
        f"validation and {figures['test']:,} test interactions; the tie-break '{config['tie_break']}' decides a "
        f"held-out item of {data.split.tie_share:.1%} of the users\n"
        f"popularity in training: Gini {figures['popularity_gini']:.3f}; head and tail items by {groups}"
        f"{_unread(config)}{_sampled(config)}{_each_epoch(data)}"
    )


def _validated(data: PreparedData) -> dict[str, int]:
    """Whom the epochs were chosen on, where that is not everybody."""
    some = _users_of_epochs(data)
    return {"valid_users": some["each_epoch"]} if some else {}


def loss_by_size(config: Any, model: Any) -> str:
    """A line where the size of the catalogue decided the loss; an empty text elsewhere."""
    loss = getattr(model, "sequence_loss", None)
    if config["sequence_loss"] != "auto" or loss is None or loss.kind == "full_softmax":
        return ""
    return (
        f"loss: {loss.kind} with {loss.number} negatives, because there are {loss.catalogue:,} items; "
        "sequence_loss=full_softmax takes all of them"
    )


def _users_of_epochs(data: PreparedData) -> dict[str, int]:
    """How many are validated each epoch, where that was asked for or is not all of them."""
    some, every = len(data.validation.each_epoch.users), len(data.validation.users)
    asked = data.validation.config["valid_users"] not in (None, "auto")
    return {"each_epoch": some} if asked or some < every else {}


def _each_epoch(data: PreparedData) -> str:
    some, every = len(data.validation.each_epoch.users), len(data.validation.users)
    auto = " (valid_users: auto; null takes all)" if data.validation.config["valid_users"] == "auto" else ""
    return (
        "" if some == every else f"\neach epoch is validated on {some:,} of {every:,} users, drawn once{auto}"
    )


def _unread(config: Any) -> str:
    """Before one target of a period lie events that only some models read."""
    if (
        config["split"] != "global_time"
        or config["split_targets"] in ("all", "first")
        or config["same_history"]
    ):
        return ""
    return (
        "\nNOTE: general models do not read what a user did in the test period before the target, sequential ones do: "
        "same_history: true lets all of them read it"
    )


def _sampled(config: Any) -> str:
    if config["candidates"] is None:
        return ""
    return (
        f"\ncandidates: {candidates_words(config['candidates'])}; metrics beyond accuracy are left out, because they "
        "would describe what was drawn"
    )


def _parameters(model: Any) -> int:
    """Numbers that are learnt, without the one that RecBole's models without learning carry along."""
    learnt = (p for name, p in model.named_parameters() if name not in ("fake_loss", "dummy_param"))
    return sum(p.numel() for p in learnt if p.requires_grad)


def _features(model: Any) -> dict[str, Any]:
    """How the features of items were made, and how many items lack them, for a model that reads any."""
    features = getattr(model, "content_features", None)
    return {} if features is None else {"item_features": features.records()}


def feature_lines(model: Any) -> list[str]:
    """A line for each feature of items that a model reads."""
    features = getattr(model, "content_features", None)
    return [] if features is None else [f"feature {line}" for line in features.words()]


def run_figures(
    config: Any,
    data: PreparedData,
    trainer: ExactTrainer,
    validation: Evaluation,
    test: Evaluation,
    statistics: Mapping[str, Any],
) -> dict[str, Any]:
    """What ``metrics.json`` says of a finished run: protocol, figures, effort, and the data it stands on."""
    return {
        "protocol": protocol(config, data),
        **test_figures(data, validation, test, float(config["confidence"])),
        "epochs": len(trainer.seconds),
        "epochs_from": 1,
        "best_epoch": trainer.best_epoch + 1,
        "history": [{**entry, "epoch": int(entry["epoch"]) + 1} for entry in trainer.history],
        "parameters": _parameters(trainer.model),
        **_features(trainer.model),
        "seconds": {
            "training": sum(trainer.seconds.values()),
            "test": test.seconds,
        },
        "statistics": statistics,
        "fingerprint": fingerprint(data.split),
    }


_ROSE = 1.5


def doubts(config: Any, data: PreparedData, trainer: ExactTrainer, validation: Evaluation) -> list[str]:
    """A line for each sign that the training went wrong without an error.

    - The loss of the last epoch is more than 1.5 times that of the first one.
    - Recall on validation is not above that of a random recommender, which is K by the number of candidates.
    """
    lines = []
    losses = trainer.train_loss_dict
    if losses:
        first, last = losses[min(losses)], losses[max(losses)]
        if first > 0 and last > _ROSE * first:
            lines.append(
                f"NOTE: the training loss rose from {first:.4g} in epoch {min(losses) + 1} to {last:.4g} in epoch "
                f"{max(losses) + 1}: lower learning_rate"
            )
    k = shown_k(config)
    found = validation.per_user.get(f"recall@{k}")
    if found is not None and type(trainer.model).__name__ != "Random":
        users, loader = data.validation.users, data.validation
        seen = (loader.stop - loader.start)[users] if config["mask_seen"] else 0
        candidates = np.maximum(data.split.interactions.n_items - 1 - seen, 1)
        if loader.candidates is not None:
            drawn = loader.candidates.items.shape[1]
            cold = config["candidates"]["kind"] == "cold"  # the held-out items are among them
            candidates = drawn + (0 if cold else (loader.target_stop - loader.stop)[users])
        expected = float(np.minimum(k / candidates, 1.0).mean())
        if found.mean() <= expected < 1:
            lines.append(
                f"NOTE: Recall@{k} on validation is {found.mean():.4f}, not above the {expected:.4f} of a random "
                "recommender: look at learning_rate, epochs and the data"
            )
    return lines

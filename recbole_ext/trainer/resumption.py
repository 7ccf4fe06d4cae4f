"""What is checked before an interrupted run goes on: nothing is changed where its state, weights or data do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recbole_ext.errors import CheckpointError
from recbole_ext.runs.folder import read_metrics
from recbole_ext.trainer.checkpoint import load_tensors

__all__ = ["check_data_of", "check_model_of", "read_state"]


def read_state(partial: Path) -> dict[str, Any] | None:
    """The state of an interrupted run, once the weights of its best epoch are found to be whole.

    Args:
        partial: The unfinished folder.

    Returns:
        None where no epoch was finished, so that the run begins again.

    Raises:
        CheckpointError: State or weights are missing or damaged.
    """
    file, best = partial / "state.safetensors", partial / "best.safetensors"
    if not file.is_file():
        return None
    state = load_tensors(file)
    # The end of a run renames the weights first.
    weights = best if best.exists() else partial / "model.safetensors"
    if not weights.is_file():
        raise CheckpointError(
            f"{best} does not exist, the weights of the best epoch so far: restore it, or remove {partial} and train "
            "the model again"
        )
    load_tensors(weights)
    return state


def check_model_of(state: dict[str, Any] | None, partial: Path, model: str) -> None:
    """Refuses to go on with another model than that of the state.

    Args:
        state: From :func:`read_state`. That of version 0.1.0 names no model.
        partial: The unfinished folder.
        model: The model that its ``config.yaml`` names.

    Raises:
        CheckpointError: It is another one.
    """
    trained = (state or {}).get("origin", {}).get("model", model)
    if trained != model:
        raise CheckpointError(
            f"{partial / 'config.yaml'} names the model {model}, but state.safetensors beside it is of {trained}: undo "
            "what was changed in either, or train the model again"
        )


def check_data_of(state: dict[str, Any] | None, partial: Path, data: str) -> None:
    """Refuses to go on with other interactions than those that were trained on so far.

    Args:
        state, partial: As in :func:`check_model_of`. A state of version 0.1.0 names no data; ``metrics.json`` does
            where the run was interrupted at its end.
        data: Fingerprint of the data set as it is now.

    Raises:
        CheckpointError: They have changed.
    """
    trained = (state or {}).get("origin", {}).get("data")
    if trained is None and (partial / "metrics.json").is_file():
        trained = read_metrics(partial)["fingerprint"]
    if trained is not None and trained != data:
        raise CheckpointError(
            f"the data set is not the one that {partial} was trained on so far: prepare the same data set again, or "
            "remove the folder and train the model again"
        )

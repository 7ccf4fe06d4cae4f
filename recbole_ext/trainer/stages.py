"""Models that are pre-trained before they are trained: all stages in one run."""

from __future__ import annotations

from typing import Any

from recbole_ext.progress import stage as announced
from recbole_ext.trainer.trainer import ExactTrainer

__all__ = ["StagedTrainer"]


class StagedTrainer(ExactTrainer):
    """Mixed in before a RecBole trainer for pre-training.

    RecBole trains one stage a run and passes a pickled checkpoint on to the next. Here the model goes through its
    ``stages`` in one run: ``pretrain_epochs`` in each but the last, which is trained with early stopping. The model
    offers ``enter_stage(stage)``. A run that is killed before the last stage has had an epoch starts anew.
    """

    def fit(
        self,
        train_data: Any,
        valid_data: Any = None,
        verbose: bool = True,
        saved: bool = True,
        show_progress: bool = False,
        callback_fn: Any = None,
    ) -> Any:
        """All stages; returns the best validation score and its figures, as RecBole's trainers do."""
        *before, last = self.model.stages
        if self.start_epoch == 0:
            # RecBole would write a pickle each save_step.
            self.save_step = self.pretrain_epochs + 1
            for stage in before:
                self._begin(stage)
                with announced(f"pre-training {type(self.model).__name__}: {stage}"):
                    self.pretrain(train_data, verbose, show_progress)
            self._begin(last)
            self.train_loss_dict, self.seconds = {}, {}
        else:
            self.model.enter_stage(last)
        return super().fit(train_data, valid_data, verbose, saved, show_progress, callback_fn)

    def _begin(self, stage: str) -> None:
        self.model.enter_stage(stage)
        self.optimizer = self._build_optimizer()

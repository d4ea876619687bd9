"""What is recorded of each epoch, and what is warned of."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback

COLUMNS = (
    "epoch",
    "train_loss",
    "valid_loss",
    "valid_score",
    "lr",
    "gradient_norm",
    "largest_gradient_norm",
    "dur",
    "elapsed",
    "sequences_per_second",
    "padding_share",
)
"""Of a history, in the order they are shown; those of other callbacks come behind."""

_OF_SKORCH = ("batches", "train_batch_count", "valid_batch_count", "event_lr")
_logger = logging.getLogger("sklearn_rnn")


def shown(epoch: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is shown of an epoch: all but what skorch keeps for itself."""
    return {
        name: value
        for name, value in epoch.items()
        if name not in _OF_SKORCH and not _says_whether_best(name, epoch)
    }


def _says_whether_best(name: str, epoch: Mapping[str, Any]) -> bool:
    """Tell whether it is skorch's note beside a score, whether that is the best so far."""
    score = name.removesuffix("_best")
    return score != name and score in epoch and isinstance(epoch[name], bool)


class EpochRecord(Callback):
    """Record the time so far, sequences a second and the share of padding of each epoch."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Begin to count where the last fit ended."""
        self._started: float | None = None

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Start the clock."""
        self._epoch_started = self._trained = perf_counter()
        if self._started is None:  # not before: a checkpoint may have brought a history
            before = net.history[-2].get("elapsed", 0.0) if len(net.history) > 1 else 0.0
            self._started = self._epoch_started - before

    def on_batch_end(self, net: Any, training: bool, **kwargs: Any) -> None:
        """Note when the last training batch was done."""
        if training:
            self._trained = perf_counter()

    def on_epoch_end(self, net: Any, dataset_train: Any, **kwargs: Any) -> None:
        """Record."""
        assert self._started is not None  # since the epoch's begin
        seconds = self._trained - self._epoch_started
        net.history.record("elapsed", perf_counter() - self._started)
        net.history.record("sequences_per_second", len(dataset_train.rows) / seconds)
        net.history.record("padding_share", dataset_train.padding_share)


class GradientNorm(Callback):
    """Record the norm of the gradients over all weights, and shrink those that are too large.

    As ``torch.nn.utils.clip_grad_norm_``, in a fifth of the time: weights of a recurrent network
    are few and small, so that an update is mostly overhead. No batch leaves a tensor behind: small
    ones between the large blocks of their batches would keep these from being used as a whole.

    Parameters
    ----------
    max_norm : float or None
        Larger gradients are scaled down to it.
    """

    def __init__(self, max_norm: float | None) -> None:
        self.max_norm = max_norm

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget the last epoch."""
        self._sum, self._largest = torch.zeros(
            (2,), dtype=torch.float32, device=net.device
        ).unbind()
        self._n_batches = 0

    def on_grad_computed(self, net: Any, **kwargs: Any) -> None:
        """Scale all gradients by one factor, at most 1."""
        groups = net.optimizer_.param_groups
        gradients = [p.grad for group in groups for p in group["params"] if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.max_norm is not None:
            factor = (self.max_norm / (norm + 1e-6)).clamp_(max=1.0)
            torch._foreach_mul_(gradients, factor)
        self._sum += norm
        torch.maximum(self._largest, norm, out=self._largest)
        self._n_batches += 1

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record mean and maximum, before gradients were scaled."""
        net.history.record("gradient_norm", self._sum.item() / self._n_batches)
        net.history.record("largest_gradient_norm", self._largest.item())


class Watch(Callback):
    """Warn, by the logger "sklearn_rnn", of a training that goes wrong; once of each ill.

    Parameters
    ----------
    patience : int
        Epochs of a rising validation loss.
    stops : bool
        Whether early stopping looks after the validation loss.
    """

    def __init__(self, patience: int, stops: bool) -> None:
        self.patience = patience
        self.stops = stops

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Nothing was warned of yet."""
        self._warned: set[str] = set()
        self._n_before = len(net.history)  # epochs on what may be other, easier sequences

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Look at the losses and gradients so far."""
        history = net.history
        losses = np.array(history[:, "train_loss"])
        self._watch_loss(losses)
        norms = np.array([row.get("gradient_norm", np.nan) for row in history])
        self._watch_gradients(norms, history[-1, "largest_gradient_norm"], losses)
        if "valid_loss" in history[-1] and not self.stops:
            valid = np.array([row.get("valid_loss", np.nan) for row in history])
            self._watch_validation(valid, losses)

    def _watch_loss(self, losses: np.ndarray) -> None:
        first, epoch = self._n_before, len(losses)
        lowest = first + int(np.argmin(losses[first:]))
        high = max(2 * losses[lowest], 0.3 * losses[first])  # dropout alone makes low losses rise
        if epoch - first >= 4 and (losses[-3:] > high).all():
            self._warn(
                "loss",
                f"The training loss was {losses[lowest]:.3g} in epoch {lowest + 1} and is "
                f"{losses[-1]:.3g} in epoch {epoch}: training is unstable. Lower lr, or let "
                "lr_schedule lower it.",
            )

    def _watch_gradients(self, norms: np.ndarray, largest: float, losses: np.ndarray) -> None:
        usual, epoch = float(np.nanmedian(norms)), len(losses)
        if largest > 1000 * max(usual, 1.0):
            self._warn(
                "explode",
                f"The norm of a gradient was {largest:.3g} in epoch {epoch}, where {usual:.3g} is "
                "usual: gradients explode. Lower lr or gradient_clip, or look for extreme values "
                "in X and y.",
            )
        if norms[-1] < 1e-5 and losses[-1] > 0.5 * losses[0]:
            self._warn(
                "vanish",
                f"The norm of the gradients is {norms[-1]:.3g} in epoch {epoch}, and the training "
                f"loss still {losses[-1]:.3g}: gradients vanish. Take cell='gru' or 'lstm', "
                "another pooling than 'last', or shorter sequences.",
            )

    def _watch_validation(self, valid: np.ndarray, losses: np.ndarray) -> None:
        best = self._n_before + int(np.argmin(valid[self._n_before :]))
        rises = (valid[self._n_before :][-self.patience :] > 1.1 * valid[best]).all()
        if rises and losses[-1] < losses[best]:
            self._warn(
                "validation",
                f"The validation loss was lowest in epoch {best + 1} ({valid[best]:.3g}) and is "
                f"{valid[-1]:.3g} in epoch {len(valid)}, while the training loss falls: training "
                "sequences are learned by heart. early_stopping=True keeps the best weights; "
                "fewer epochs or more regularizing may help.",
            )

    def _warn(self, ill: str, message: str) -> None:
        if ill not in self._warned:
            self._warned.add(ill)
            _logger.warning(message)

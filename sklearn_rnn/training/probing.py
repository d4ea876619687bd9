"""Callbacks of trial fits: they look at a net at its start, or end a fit before its last epoch."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from skorch.callbacks import Callback

from sklearn_rnn.data.batching import PREDICTION_STEPS, cut_to_steps
from sklearn_rnn.training.record import Watch


class Ended(Exception):
    """A trial fit has shown what it should; nothing went wrong."""


class Probe(Callback):
    """A callback that ends the fit by raising :class:`Ended`.

    The fit leaves the estimator as it was. The callback keeps what it has seen: other callbacks are
    copied for a fit, this one is not.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the callback itself."""
        return self

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Keep the log free of warnings: a trial may go wrong."""
        net.callbacks_ = [(n, each) for n, each in net.callbacks_ if not isinstance(each, Watch)]


class AtStart(Probe):
    """Keep the net and its batches, and end the fit before the first update."""

    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        """Look and end."""
        self.net = net
        self.source = X
        raise Ended


class FitUntil(Probe):
    """Record the validation loss of each epoch; end the fit when it is low enough, or not finite.

    Parameters
    ----------
    loss : float
    """

    def __init__(self, loss: float) -> None:
        self.loss = loss
        self.losses: list[float] = []

    def on_batch_end(self, net: Any, loss: Any = None, training: bool = True, **kw: Any) -> None:
        """End a fit that diverges."""
        if loss is not None and not np.isfinite(loss.item()):
            self.losses.append(np.inf)
            raise Ended

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the loss, and end if it is low."""
        self.losses.append(float(net.history[-1, "valid_loss"]))
        if self.losses[-1] <= self.loss:
            raise Ended


class RisingRate(Probe):
    """Raise the learning rate by one factor each update and record the loss after it.

    Smith 2017, "Cyclical learning rates for training neural networks". The loss is measured on the
    same sequences each time, without dropout: that of the batches would go up and down with them.

    Parameters
    ----------
    rates : ndarray of shape (n_updates,)
    memory : float
        Weight of what came before in the running mean of the losses.
    limit : float
        End when the running mean is so many times the lowest one.
    n_sequences : int
        To measure by.
    """

    def __init__(self, rates: np.ndarray, memory: float, limit: float, n_sequences: int) -> None:
        self.rates = rates
        self.memory = memory
        self.limit = limit
        self.n_sequences = n_sequences
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self.diverged = False

    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        """Choose what to measure by."""
        super().on_train_begin(net)
        rows = np.unique(X.rows)
        if len(rows) > self.n_sequences:
            rows = np.random.default_rng(0).choice(rows, self.n_sequences, replace=False)
        rows = rows[np.argsort(X.inputs.lengths[rows], kind="stable")]
        self._measured = list(cut_to_steps(rows, X.inputs.lengths, PREDICTION_STEPS))
        self._source = X
        self.start = self._loss(net)

    def on_batch_begin(self, net: Any, training: bool = True, **kwargs: Any) -> None:
        """Set the rate of this update."""
        for group in net.optimizer_.param_groups:
            group["lr"] = float(self.rates[len(self.losses)])

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the loss; end where it has risen too far, and after the last rate."""
        value = self._loss(net)
        if not np.isfinite(value):
            self.diverged = True
            raise Ended
        self.losses.append(value)
        before = self.smoothed[-1] if self.smoothed else self.start
        self.smoothed.append(self.memory * before + (1 - self.memory) * value)
        self.diverged = self.smoothed[-1] > self.limit * min(self.smoothed)
        if self.diverged or len(self.losses) == len(self.rates):
            raise Ended

    def _loss(self, net: Any) -> float:
        total, n_rows = 0.0, 0
        net._set_training(False)
        with torch.inference_mode():
            for rows in self._measured:
                x, y = self._source.gather(rows)
                total += len(rows) * float(net.get_loss(net.infer(x), y, X=x))
                n_rows += len(rows)
        return total / n_rows

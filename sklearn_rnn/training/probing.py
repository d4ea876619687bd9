"""Callbacks of trial fits: they look at a net at its start, or end a fit before its last epoch."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from skorch.callbacks import Callback


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
    """Raise the learning rate by one factor each update and record the loss before it.

    Smith 2017, "Cyclical learning rates for training neural networks".

    Parameters
    ----------
    rates : ndarray of shape (n_updates,)
    memory : float
        Weight of what came before in the running mean of the losses.
    limit : float
        End when the running mean is so many times the lowest one.
    """

    def __init__(self, rates: np.ndarray, memory: float, limit: float) -> None:
        self.rates = rates
        self.memory = memory
        self.limit = limit
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self.diverged = False
        self._mean = 0.0

    def on_batch_begin(self, net: Any, training: bool = True, **kwargs: Any) -> None:
        """Set the rate of this update."""
        for group in net.optimizer_.param_groups:
            group["lr"] = float(self.rates[len(self.losses)])

    def on_batch_end(self, net: Any, loss: Any = None, **kwargs: Any) -> None:
        """Record the loss; end where it has risen too far, and after the last rate."""
        value = float(loss.item())
        if not np.isfinite(value):
            self.diverged = True
            raise Ended
        self.losses.append(value)
        self._mean = self.memory * self._mean + (1 - self.memory) * value
        self.smoothed.append(self._mean / (1 - self.memory ** len(self.losses)))
        if self.smoothed[-1] > self.limit * min(self.smoothed):
            self.diverged = True
            raise Ended
        if len(self.losses) == len(self.rates):
            raise Ended

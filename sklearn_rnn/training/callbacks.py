"""skorch callbacks of a fit: validation score, divergence, early stopping, teacher forcing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback

from sklearn_rnn.data.targets import Target
from sklearn_rnn.training.losses import at_end


class Closing(Callback):
    """A callback that has something open while training goes on."""

    def close(self) -> None:
        """Close it, also after an error; called when a fit ends in any way."""


class ValidationScore(Callback):
    """Record the target's score (accuracy, R squared) on the held-out rows as ``valid_score``."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget the last epoch."""
        self._outputs: list[np.ndarray] = []
        self._encoded: list[np.ndarray] = []

    def on_batch_end(self, net: Any, batch: Any, training: bool, **kwargs: Any) -> None:
        """Keep a validation batch's outputs."""
        if not training:
            outputs, encoded = kwargs["y_pred"], batch[1][0]
            if self.target.per_step:  # of the steps that have a target
                encoded, weight = encoded
                outputs, encoded = outputs[weight > 0], encoded[weight > 0]
            elif net.step_loss:  # answers after every step
                outputs = at_end(outputs, batch[0]["lengths"])
            self._outputs.append(outputs.cpu().numpy())
            self._encoded.append(encoded.cpu().numpy())

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Score them."""
        if self._outputs:
            outputs, encoded = np.concatenate(self._outputs), np.concatenate(self._encoded)
            if np.isfinite(outputs).all():
                net.history.record("valid_score", self.target.score(outputs, encoded))
            self._outputs, self._encoded = [], []


class DivergenceCheck(Callback):
    """Raise when the loss of an epoch, or a weight at the end, is not a finite number."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Look at the epoch's losses."""
        epoch = net.history[-1]
        for which in ("train", "valid"):
            loss = epoch.get(f"{which}_loss", 0.0)
            if not np.isfinite(loss):
                raise ValueError(
                    _diverged(f"the {which} loss became {loss} in epoch {len(net.history)}")
                )

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Look at the weights, which the last update may have spoilt."""
        check_weights(net)


def check_weights(net: Any) -> None:
    """Raise ValueError if a weight is not finite."""
    if not all(bool(torch.isfinite(p).all()) for p in net.module_.parameters()):
        raise ValueError(_diverged("a weight became infinite or NaN in the last epoch"))


def _diverged(what: str) -> str:
    return (
        f"Training diverged: {what}. Lower lr, set gradient_clip, keep standardize=True, or look "
        "for extreme values in X and y."
    )


class EarlyStopping(Callback):
    """Stop when the validation loss no longer falls, and go back to the best weights.

    Parameters
    ----------
    patience : int
        Epochs without a loss lower than the best by more than ``tol``.
    tol : float
    goes_back : bool
        Whether to go on from the best weights where the learning rate was lowered: what a lower
        rate can mend is best mended there.
    """

    best_epoch_: int

    def __init__(self, patience: int, tol: float, *, goes_back: bool = False) -> None:
        self.patience = patience
        self.tol = tol
        self.goes_back = goes_back

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Start counting."""
        self._best_loss = self._reference_loss = np.inf
        self._epochs_without = 0
        self._best_weights: dict[str, torch.Tensor] = {}
        self._lr = _rate(net)

    def state_dict(self) -> dict[str, Any]:
        """Return what a fit that is taken up again must know."""
        return {
            "best_loss": self._best_loss,
            "reference_loss": self._reference_loss,
            "epochs_without": self._epochs_without,
            "best_epoch": self.best_epoch_,
            "best_weights": self._best_weights,
            "lr": self._lr,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._best_loss = state["best_loss"]
        self._reference_loss = state["reference_loss"]
        self._epochs_without = state["epochs_without"]
        self.best_epoch_ = state["best_epoch"]
        self._best_weights = state["best_weights"]
        self._lr = state["lr"]

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Keep the weights if they are the best so far; count the epoch if not."""
        loss = net.history[-1, "valid_loss"]
        if loss < self._best_loss:
            self._best_loss = loss
            self.best_epoch_ = len(net.history)
            self._best_weights = {k: v.clone() for k, v in net.module_.state_dict().items()}
        if loss < self._reference_loss - self.tol:
            self._reference_loss = loss
            self._epochs_without = 0
        else:
            self._epochs_without += 1
        if self._epochs_without >= self.patience:
            net.stop_requested = True
        before, self._lr = self._lr, _rate(net)
        if self.goes_back and self._lr < before:
            net.module_.load_state_dict(self._best_weights)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Load the best weights and let go of the copy."""
        if self._best_weights:
            net.module_.load_state_dict(self._best_weights)
        self._best_weights = {}


def _rate(net: Any) -> float:
    return net.optimizer_.param_groups[0]["lr"]


class TeacherForcing(Callback):
    """Set what share of steps read the right answer before them, epoch by epoch.

    Parameters
    ----------
    share : float, "linear" or "sigmoid"
        A fixed share, or how it falls from 1 to 0 over the epochs (Bengio et al. 2015, "Scheduled
        sampling for sequence prediction with recurrent neural networks").
    n_epochs : int
    """

    def __init__(self, share: float | str, n_epochs: int) -> None:
        self.share = share
        self.n_epochs = n_epochs

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Start counting."""
        self._epoch = 0

    def state_dict(self) -> dict[str, Any]:
        """Return what a fit that is taken up again must know."""
        return {"epoch": self._epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._epoch = state["epoch"]

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Set the share of this epoch."""
        done = self._epoch / max(self.n_epochs - 1, 1)
        if self.share == "linear":
            share = 1 - done
        elif self.share == "sigmoid":
            share = 1 / (1 + np.exp(12 * (done - 0.5)))
        else:
            share = float(self.share)
        net.module_.teacher_forcing = share
        self._epoch += 1

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Leave a network that takes answers as they are given."""
        net.module_.teacher_forcing = 1.0


def are_callbacks(value: Any) -> bool:
    """Tell whether a value is a list of skorch callbacks, not of their classes."""
    return isinstance(value, list | tuple) and all(isinstance(cb, Callback) for cb in value)

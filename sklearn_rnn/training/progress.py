"""What ``verbose=1`` shows: a line of settings, then a bar over epochs."""

from __future__ import annotations

import sys
from typing import Any

from skorch import NeuralNet
from tqdm.auto import tqdm

from sklearn_rnn.training.batches import BatchSource
from sklearn_rnn.training.callbacks import Closing, EarlyStopping
from sklearn_rnn.training.samples import Samples


def settings_line(estimator: Any, samples: Samples, source: BatchSource, net: NeuralNet) -> str:
    """Return network, data and training of a fit in one line."""
    sequences, static = samples.inputs.sequences, samples.inputs.static
    lengths = sequences.lengths
    channels = f"{sequences.n_channels} channel(s)"
    if sequences.n_categorical:
        sizes = ", ".join(f"{len(v.categories):,}" for v in sequences.vocabularies)
        channels += f", {sequences.n_categorical} categorical (of {sizes} categories)"
    if static is not None:
        channels += f", {static.n_channels + static.n_categorical} static column(s)"
    cell, pooling, optimizer = (
        name if isinstance(name, str) else name.__name__
        for name in (estimator.cell, getattr(estimator, "pooling", ""), estimator.optimizer)
    )
    pooled = f", {pooling} pooling" if pooling else ""
    augmentation = f", augmentation {estimator.augmentation}" if estimator.augmentation else ""
    step_loss = f", step_loss {estimator.step_loss:g}" if estimator.step_loss else ""
    directions = ", both directions" if estimator.bidirectional else ""
    steps = source.batch_steps
    size = source.batch_size if steps is None else f"about {steps:,} steps"
    n_weights = sum(p.numel() for p in net.module_.parameters())
    return (
        f"{type(estimator).__name__}: {cell}, {estimator.num_layers} layer(s) of "
        f"{estimator.hidden_size} units{directions}{pooled}, {n_weights:,} weights; "
        f"{len(lengths):,} sequences of {lengths.min()}-{lengths.max()} steps, "
        f"{channels}; batches of {size}, {optimizer}, "
        f"lr {estimator.lr:g}, schedule {estimator.lr_schedule}{step_loss}{augmentation}; "
        f"on {samples.device}, random_state={estimator.random_state}"
    )


class ProgressBar(Closing):
    """One line of settings, then a bar over epochs with losses, score and time.

    Parameters
    ----------
    settings : str
    n_epochs : int
    stopping : EarlyStopping or None
        Told about at the end.
    """

    def __init__(self, settings: str, n_epochs: int, stopping: EarlyStopping | None) -> None:
        self.settings = settings
        self.n_epochs = n_epochs
        self.stopping = stopping
        self._bar: tqdm | None = None

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Print the settings and open the bar."""
        print(self.settings)
        self._bar = tqdm(total=self.n_epochs, unit="epoch", file=sys.stdout)
        self._n_before = len(net.history)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Move the bar."""
        epoch = net.history[-1]
        shown = {
            k: f"{epoch[k]:.4g}" for k in ("train_loss", "valid_loss", "valid_score") if k in epoch
        }
        assert self._bar is not None  # opened by on_train_begin
        self._bar.set_postfix(shown, refresh=False)
        self._move(net)

    def _move(self, net: Any) -> None:
        """Move the bar to where training is; a checkpoint may have brought epochs."""
        assert self._bar is not None
        self._bar.update(len(net.history) - self._n_before - self._bar.n)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Tell which weights were kept."""
        self._move(net)
        self.close()
        if self.stopping is not None:
            print(
                f"Trained {len(net.history)} epochs and kept the weights of epoch "
                f"{self.stopping.best_epoch_}, of the lowest valid_loss."
            )

    def close(self) -> None:
        """Close the bar, also after an error."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None

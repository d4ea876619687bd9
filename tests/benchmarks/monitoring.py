"""What watching a training costs: epochs with and without, interleaved.

Usage: python -m tests.benchmarks.monitoring
"""

from __future__ import annotations

import tempfile
from time import process_time

import numpy as np
import torch
from skorch.callbacks import Callback

from sklearn_rnn import RNNClassifier, _base
from sklearn_rnn._own_callbacks import own_callbacks
from sklearn_rnn.callbacks import TensorBoard
from sklearn_rnn.training.record import EpochRecord, GradientNorm, Watch

N_ROUNDS = 15


class Clock(Callback):
    """Note processor time where epochs begin, all threads together."""

    def on_train_begin(self, net, **kwargs):
        """Forget what was."""
        self.times = []

    def on_epoch_begin(self, net, **kwargs):
        """Note it."""
        self.times.append(process_time())

    def on_train_end(self, net, **kwargs):
        """Leave the time of a whole epoch, its callbacks and loggers included."""
        net.history.record("seconds", self.times[-1] - self.times[-2])


class GradientClipping(GradientNorm):
    """Clip and record nothing."""

    def on_epoch_end(self, net, **kwargs):
        """Leave them unrecorded."""


def unwatched(*args, **kwargs):
    """Return the callbacks of a fit without records and warnings."""
    callbacks = own_callbacks(*args, **kwargs)
    kept = [c for c in callbacks if not isinstance(c, EpochRecord | GradientNorm | Watch)]
    max_norm = args[0].gradient_clip
    return kept if max_norm is None else [GradientClipping(max_norm), *kept]


def workload(n_samples=1024, seed=0):
    """Return sequences of lognormal lengths (median 60) with 8 channels."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(np.log(60), 0.7, n_samples), 5, 400).astype(int)
    return [rng.normal(size=(n, 8)).astype(np.float32) for n in lengths], np.arange(n_samples) % 2


def main():
    """Print the median ratio of a fit's time, watched over unwatched."""
    torch.set_num_threads(1)
    X, y = workload()
    for cell in ("gru", "lstm"):
        for clip in (1.0, None):
            options = {"cell": cell, "gradient_clip": clip, "max_epochs": 2, "random_state": 0}
            options["bidirectional"] = False
            seconds = {"unwatched": [], "watched": [], "and TensorBoard": []}
            for _ in range(N_ROUNDS):
                with tempfile.TemporaryDirectory() as directory:
                    loggers = {
                        "unwatched": [],
                        "watched": [],
                        "and TensorBoard": [TensorBoard(directory)],
                    }
                    for name, logger in loggers.items():
                        _base.own_callbacks = unwatched if name == "unwatched" else own_callbacks
                        model = RNNClassifier(callbacks=[Clock(), *logger], **options)
                        seconds[name].append(model.fit(X, y).history_["seconds"].iloc[-1])
            base = np.array(seconds.pop("unwatched")[1:])
            for name, times in seconds.items():
                ratio = np.median(np.array(times[1:]) / base)
                print(f"{cell}, gradient_clip={clip}, {name}: {ratio:.3f}", flush=True)


if __name__ == "__main__":
    main()

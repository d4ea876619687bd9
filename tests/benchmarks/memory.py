"""What gates that start with long memories are worth where the first step decides.

python -m tests.benchmarks.memory > docs/defaults_memory.csv
"""

from __future__ import annotations

import csv
import sys

import numpy as np
import torch

from sklearn_rnn import RNNClassifier

N_SAMPLES, N_SEEDS, N_EPOCHS = 400, 3, 30


def first_of(n_steps, seed):
    """Return texts whose first character, one of four, is the label; the others are noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, N_SAMPLES)
    codes = rng.integers(4, 8, size=(N_SAMPLES, n_steps))
    codes[:, 0] = y
    return ["".join(map(str, row)) for row in codes], y


def main():
    """Print the test accuracy of each seed, read in one direction and answered at the end."""
    torch.set_num_threads(1)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["cell", "steps", "initialization", *(f"seed {i}" for i in range(N_SEEDS))])
    for n_steps in (100, 300):
        train, test = first_of(n_steps, 0), first_of(n_steps, 1)
        for cell in ("gru", "lstm"):
            for initialization in ("default", "chrono"):
                model = RNNClassifier(
                    cell=cell,
                    initialization=initialization,
                    bidirectional=False,
                    pooling="last",
                    max_epochs=N_EPOCHS,
                    label_smoothing=0.0,
                )
                scores = [
                    model.set_params(random_state=seed).fit(*train).score(*test)
                    for seed in range(N_SEEDS)
                ]
                writer.writerow([cell, n_steps, initialization, *(f"{s:.3f}" for s in scores)])
                sys.stdout.flush()


if __name__ == "__main__":
    main()

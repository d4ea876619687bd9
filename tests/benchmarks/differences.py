"""Reading changes from step to step, by folds of training parts: docs/defaults_differences.csv.

Test parts are not touched. Usage::

    python -m tests.benchmarks.differences [data set ...] > docs/defaults_differences.csv
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.data.canonical import canonical_rows
from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.reading import read_sequences
from sklearn_rnn.data.statistics import channel_statistics, step_sizes
from tests.benchmarks.data_sets import REGRESSION, load


@dataclass(frozen=True)
class Task:
    """How a data set is measured: rounds of four folds, and what is not at its default."""

    n_rounds: int
    options: dict = field(default_factory=dict)


TASKS = {
    "ArrowHead": Task(3),
    "GunPoint": Task(2),
    "OSULeaf": Task(1, {"stem": "conv"}),
    "CardanoSentiment": Task(2),
    "PickupGestureWiimoteZ": Task(1),
    "JapaneseVowels": Task(1),
    "ItalyPowerDemand": Task(2),
    "BasicMotions": Task(1),
    "digits": Task(4),
}
N_FOLDS = 4
BEFORE = {"pooling": "max"}
"""The default when the table was made."""


def splits(name, n_rounds):
    """Yield X and y to train on, X and y to judge by, and the seed of the fit."""
    if name == "digits":  # 80 pictures row by row, judged by 800
        X, y = load_digits(return_X_y=True)
        for seed in range(n_rounds):
            of = {"train_size": 80, "test_size": 800, "stratify": y, "random_state": seed}
            X_train, X_test, y_train, y_test = train_test_split(X.reshape(-1, 8, 8), y, **of)
            yield X_train, y_train, X_test, y_test, seed
        return
    X, y = load(name, "train")
    folds = KFold if name in REGRESSION else StratifiedKFold
    for seed in range(n_rounds):
        rows = folds(N_FOLDS, shuffle=True, random_state=seed).split(y, y)
        for fold, (train, test) in enumerate(rows):
            parts = [X[i] for i in train], y[train], [X[i] for i in test], y[test]
            yield *parts, 100 * seed + fold


def scores(name, differences):
    """Return the score of each split: accuracy, or R squared."""
    task = TASKS[name]
    estimator = RNNRegressor if name in REGRESSION else RNNClassifier
    return np.array(
        [
            estimator(random_state=seed, differences=differences, **BEFORE, **task.options)
            .fit(X, y)
            .score(X_test, y_test)
            for X, y, X_test, y_test, seed in splits(name, task.n_rounds)
        ]
    )


def change(name):
    """Return how much the channels change from step to step, as a share of their spread."""
    X, y = next(splits(name, 1))[:2]
    sequences = read_sequences(X, "X")
    training = canonical_rows(Inputs(sequences), y, np.ones(len(y)))
    statistics = channel_statistics(sequences, training)
    shares = step_sizes(sequences, training) / statistics.scale
    low, high = f"{shares.min():.2f}", f"{shares.max():.2f}"
    return low if low == high else f"{low} to {high}"


def main(names):
    """Print a line for each data set."""
    torch.set_num_threads(1)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["", "change from step to step", "splits", "without", "differences"])
    for name in names or TASKS:
        without, of_all = scores(name, False), scores(name, True)
        gain = of_all - without
        error = gain.std(ddof=1) / len(gain) ** 0.5
        writer.writerow(
            [
                name,
                change(name),
                len(gain),
                f"{without.mean():.3f}",
                f"{gain.mean():+.3f} ± {error:.3f}",
            ]
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

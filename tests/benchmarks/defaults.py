"""Choose defaults by cross-validation on training splits; test splits are not touched.

Usage::

    python -m tests.benchmarks.defaults results.csv [candidate ...]
    python -m tests.benchmarks.defaults table results.csv > docs/defaults_table.csv
"""

from __future__ import annotations

import csv
import sys
import time

import numpy as np
import torch
from sklearn.model_selection import RepeatedStratifiedKFold

from sklearn_rnn import RNNClassifier
from tests.benchmarks.data_sets import CLASSIFICATION, load

BASE = {
    "cell": "gru",
    "hidden_size": 64,
    "bidirectional": True,
    "pooling": "max",
    "dropout": 0.3,
    "recurrent_dropout": 0.2,
    "lr": 0.01,
    "lr_schedule": "cosine",
    "max_epochs": 100,
    "batch_size": "auto",
    "weight_decay": 0.01,
    "label_smoothing": 0.0,
}
CANDIDATES = {
    "base": {},
    "lr 0.003": {"lr": 0.003},
    "lr 0.006": {"lr": 0.006},
    "concat pooling": {"pooling": "concat"},
    "concat pooling, lr 0.003": {"pooling": "concat", "lr": 0.003},
    "concat pooling, lr 0.006": {"pooling": "concat", "lr": 0.006},
    "LSTM": {"cell": "lstm"},
    "vanilla RNN": {"cell": "rnn"},
    "minGRU": {"cell": "mingru"},
    "no recurrent dropout": {"recurrent_dropout": 0.0},
    "no dropout": {"dropout": 0.0},
    "128 units": {"hidden_size": 128},
    "last pooling": {"pooling": "last"},
    "one direction": {"bidirectional": False},
    "batches of 32": {"batch_size": 32},
    "label smoothing 0.05": {"label_smoothing": 0.05},
    "label smoothing 0.1": {"label_smoothing": 0.1},
}
N_SPLITS = 3
ROUNDS = ((2, 0), (4, 1))
"""Repeats and ``random_state`` of the folds: close candidates got a second, larger round."""


def folds(y):
    """Yield the training and test rows of all folds of all rounds, and the seed of the fit."""
    for n_repeats, random_state in ROUNDS:
        splits = RepeatedStratifiedKFold(
            n_splits=N_SPLITS, n_repeats=n_repeats, random_state=random_state
        )
        for seed, (train, test) in enumerate(splits.split(np.zeros(len(y)), y)):
            yield train, test, seed


def cross_validate(name, options):
    """Return mean score, its standard error and mean seconds of a fit."""
    X, y = load(name, "train")
    scores, seconds = [], []
    for train, test, seed in folds(y):
        started = time.perf_counter()
        estimator = RNNClassifier(random_state=seed, **BASE | options)
        estimator.fit([X[i] for i in train], y[train])
        seconds.append(time.perf_counter() - started)
        scores.append(estimator.score([X[i] for i in test], y[test]))
    return np.mean(scores), np.std(scores) / len(scores) ** 0.5, np.mean(seconds)


def main(path, labels):
    """Measure candidates and append a row for each data set; rows that are there are kept."""
    torch.set_num_threads(1)
    with open(path, "a+", newline="") as file:
        file.seek(0)
        done = {(row[0], row[1]) for row in csv.reader(file)}
        writer = csv.writer(file)
        for label in labels or CANDIDATES:
            for name in CLASSIFICATION:
                if (label, name) not in done:
                    mean, error, seconds = cross_validate(name, CANDIDATES[label])
                    writer.writerow([label, name, f"{mean:.4f}", f"{error:.4f}", f"{seconds:.1f}"])
                    file.flush()


def print_table(path):
    """Print a line for each candidate: its mean score and its score on each data set."""
    scores = {}
    with open(path, newline="") as file:
        for label, name, mean, error, _ in csv.reader(file):
            scores.setdefault(label, {})[name] = (float(mean), float(error))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    names = list(scores["base"])
    writer.writerow(["", "mean", *names])
    for label, row in scores.items():
        mean = np.mean([row[name][0] for name in names])
        cells = [f"{row[name][0]:.3f} ± {row[name][1]:.3f}" for name in names]
        writer.writerow([label, f"{mean:.3f}", *cells])


if __name__ == "__main__":
    if sys.argv[1] == "table":
        print_table(sys.argv[2])
    else:
        main(sys.argv[1], sys.argv[2:])

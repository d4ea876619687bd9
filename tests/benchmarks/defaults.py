"""Choose defaults by cross-validation on training splits; test splits are not touched.

Usage: python -m tests.benchmarks.defaults results.csv
"""

from __future__ import annotations

import csv
import sys
import time

import numpy as np
import torch
from sklearn.model_selection import KFold, StratifiedKFold

from sklearn_rnn import RNNClassifier, RNNRegressor
from tests.benchmarks.data_sets import CLASSIFICATION, REGRESSION, load

BASE = {
    "cell": "lstm",
    "hidden_size": 64,
    "bidirectional": True,
    "pooling": "max",
    "dropout": 0.3,
    "lr": 3e-3,
    "lr_schedule": "cosine",
    "max_epochs": 100,
    "batch_size": "auto",
    "weight_decay": 0.01,
}
CANDIDATES = {
    "base": {},
    "concat pooling": {"pooling": "concat"},
    "dropout 0.5": {"dropout": 0.5},
    "weight decay 1": {"weight_decay": 1.0},
    "no dropout": {"dropout": 0.0},
    "one direction": {"bidirectional": False},
    "lr 1e-3": {"lr": 1e-3},
    "batches of 32": {"batch_size": 32},
    "attention pooling": {"pooling": "attention"},
    "last pooling": {"pooling": "last"},
    "mean pooling": {"pooling": "mean"},
    "early stopping": {"early_stopping": True},
    "onecycle": {"lr_schedule": "onecycle"},
    "lr 1e-2": {"lr": 1e-2},
    "hidden 128": {"hidden_size": 128},
    "two layers": {"num_layers": 2},
}


def cross_validate(name, options, n_splits=3):
    """Return mean score, its standard error and mean seconds of a fit."""
    X, y = load(name, "train")
    is_regression = name in REGRESSION
    estimator_class = RNNRegressor if is_regression else RNNClassifier
    splitter = (KFold if is_regression else StratifiedKFold)(n_splits, shuffle=True, random_state=0)
    scores, seconds = [], []
    for fold, (train, test) in enumerate(splitter.split(np.zeros(len(X)), y)):
        started = time.perf_counter()
        estimator = estimator_class(random_state=fold, **BASE | options)
        estimator.fit([X[i] for i in train], y[train])
        seconds.append(time.perf_counter() - started)
        scores.append(estimator.score([X[i] for i in test], y[test]))
    return np.mean(scores), np.std(scores) / n_splits**0.5, np.mean(seconds)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with open(sys.argv[1], "a+", newline="") as file:  # goes on where it was stopped
        file.seek(0)
        done = {(row[0], row[1]) for row in csv.reader(file)}
        writer = csv.writer(file)
        for label, options in CANDIDATES.items():
            for name in CLASSIFICATION + REGRESSION:
                if (label, name) in done:
                    continue
                mean, error, seconds = cross_validate(name, options)
                writer.writerow([label, name, f"{mean:.4f}", f"{error:.4f}", f"{seconds:.1f}"])
                file.flush()

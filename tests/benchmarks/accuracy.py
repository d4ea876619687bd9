"""Test scores of the untouched defaults on official splits, five seeds each.

Nothing is chosen by these numbers; the defaults come from tests/benchmarks/defaults.py.

Usage: python -m tests.benchmarks.accuracy [data set ...]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from sklearn_rnn import RNNClassifier, RNNRegressor
from tests.benchmarks.data_sets import CLASSIFICATION, REGRESSION, load

N_SEEDS = 5


def scores_of_defaults(name):
    """Return the test score of each seed and the mean seconds of a fit."""
    X, y = load(name, "train")
    X_test, y_test = load(name, "test")
    estimator = RNNRegressor if name in REGRESSION else RNNClassifier
    scores, seconds = [], []
    for seed in range(N_SEEDS):
        started = time.perf_counter()
        model = estimator(random_state=seed).fit(X, y)
        seconds.append(time.perf_counter() - started)
        scores.append(model.score(X_test, y_test))
    return np.array(scores), float(np.mean(seconds))


if __name__ == "__main__":
    print(f"{'data set':24} {'mean':>6} {'min':>6} {'max':>6} {'s a fit':>8}")
    for name in sys.argv[1:] or CLASSIFICATION + REGRESSION:
        scores, seconds = scores_of_defaults(name)
        figures = f"{scores.mean():6.3f} {scores.min():6.3f} {scores.max():6.3f} {seconds:8.1f}"
        print(f"{name:24} {figures}", flush=True)

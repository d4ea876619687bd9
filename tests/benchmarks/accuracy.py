"""Test scores of the untouched defaults on official splits, five seeds each.

Nothing is chosen by these numbers; the defaults come from tests/benchmarks/defaults.py.

Usage: python -m tests.benchmarks.accuracy [data set ...] > docs/defaults_accuracy.csv
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
    print("data set,score,mean,lowest,highest,seconds a fit")
    for name in sys.argv[1:] or CLASSIFICATION[:3]:
        scores, seconds = scores_of_defaults(name)
        kind = "R squared" if name in REGRESSION else "accuracy"
        figures = f"{scores.mean():.3f},{scores.min():.3f},{scores.max():.3f},{seconds:.1f}"
        print(f"{name},{kind},{figures}", flush=True)

"""Test scores of the untouched defaults, mostly of five seeds: docs/defaults_accuracy.csv.

Nothing is chosen by these numbers; the defaults come from tests/benchmarks/defaults.py.

    python -m tests.benchmarks.accuracy [data set ...]

measures the data sets named, or all, on one core, and writes their lines anew.
"""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from sklearn_rnn import RNNClassifier, RNNRegressor
from tests.benchmarks.data_sets import load

PATH = Path(__file__).parents[2] / "docs" / "defaults_accuracy.csv"
HEADER = (
    "data set",
    "training sequences",
    "test sequences",
    "steps",
    "set by hand",
    "score",
    "seeds",
    "mean",
    "lowest",
    "highest",
    "seconds a fit",
)


@dataclass(frozen=True)
class Task:
    """What is fitted and measured on a data set.

    Attributes
    ----------
    estimator : class
    score : str
    options : dict
        Parameters that are not at their defaults.
    digits : int
    n_seeds : int
    """

    estimator: type
    score: str
    options: dict = field(default_factory=dict)
    digits: int = 3
    n_seeds: int = 5


STEM = {"stem": "conv"}
TASKS = {
    "JapaneseVowels": Task(RNNClassifier, "accuracy"),
    "BasicMotions": Task(RNNClassifier, "accuracy"),
    "ItalyPowerDemand": Task(RNNClassifier, "accuracy"),
    "GunPoint": Task(RNNClassifier, "accuracy"),
    "ArrowHead": Task(RNNClassifier, "accuracy"),
    "PickupGestureWiimoteZ": Task(RNNClassifier, "accuracy"),
    "OSULeaf": Task(RNNClassifier, "accuracy", STEM),
    "ACSF1": Task(RNNClassifier, "accuracy", STEM),
    "patients": Task(RNNClassifier, "area under the ROC curve"),
    "wages": Task(RNNRegressor, "R squared"),
    "solubility": Task(RNNRegressor, "R squared"),
    "tweets": Task(RNNRegressor, "R squared"),
    "Covid3Month": Task(RNNRegressor, "root mean squared error", digits=4),
    "adding": Task(RNNRegressor, "mean squared error", {"max_epochs": 30}, 5, n_seeds=2),
}


def score(task, model, X, y):
    """Return the score of a fitted model."""
    if task.score == "area under the ROC curve":
        return roc_auc_score(y, model.predict_proba(X)[:, 1])
    if task.score.endswith("squared error"):
        error = np.mean((model.predict(X) - y) ** 2)
        return error**0.5 if task.score.startswith("root") else error
    return model.score(X, y)


def line(name):
    """Return the line of a data set."""
    task = TASKS[name]
    X, y = load(name, "train")
    X_test, y_test = load(name, "test")
    scores, seconds = [], []
    for seed in range(task.n_seeds):
        started = time.process_time()
        model = task.estimator(random_state=seed, **task.options).fit(X, y)
        seconds.append(time.process_time() - started)
        scores.append(score(task, model, X_test, y_test))
        print(name, seed, f"{scores[-1]:.5f}", f"{seconds[-1]:.0f} s", flush=True)
    scores = np.array(scores)
    return {
        "data set": name,
        "training sequences": len(y),
        "test sequences": len(y_test),
        "steps": steps(X),
        "set by hand": ", ".join(f"{key}={value!r}" for key, value in task.options.items()),
        "score": task.score,
        "seeds": task.n_seeds,
        "mean": f"{scores.mean():.{task.digits}f}",
        "lowest": f"{scores.min():.{task.digits}f}",
        "highest": f"{scores.max():.{task.digits}f}",
        "seconds a fit": f"{np.mean(seconds):.1f}",
    }


def steps(X):
    """Return the lowest and the highest number of steps, as text."""
    if hasattr(X, "columns"):
        X = X[X.columns[0]].to_list()
    lengths = [len(x) for x in X]
    low, high = min(lengths), max(lengths)
    return str(low) if low == high else f"{low} to {high}"


def main(names):
    """Measure data sets and put their lines into the table."""
    torch.set_num_threads(1)
    lines = {}
    if PATH.exists():
        with PATH.open(newline="") as file:
            lines = {row["data set"]: row for row in csv.DictReader(file)}
    for name in names or TASKS:
        lines[name] = line(name)
        with PATH.open("w", newline="") as file:
            writer = csv.DictWriter(file, HEADER, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines[name] for name in TASKS if name in lines)


if __name__ == "__main__":
    main(sys.argv[1:])

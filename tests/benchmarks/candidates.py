"""What candidates for the defaults add to pooling by the maximum, by splits of training parts.

Test parts are not touched. Usage::

    python -m tests.benchmarks.candidates measure results.csv [candidate ...]
    python -m tests.benchmarks.candidates accuracy results.csv > docs/defaults_poolings.csv
    python -m tests.benchmarks.candidates loss results.csv > docs/defaults_poolings_loss.csv

Measuring goes on where it ended; rows that are in the file are kept.
"""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from sklearn_rnn import RNNClassifier, RNNRegressor
from tests.benchmarks.data_sets import load
from tests.benchmarks.prototypes import (
    LastMax,
    LastMeanMaxMin,
    MaxMin,
    MeanMax,
    MixingClassifier,
    NormalizingClassifier,
)

N_FOLDS = 4
NUMBERS = ("solubility", "Covid3Month", "CardanoSentiment", "wages")
FIRST, ALL = (1,), (1, 2, 3)
ROUNDS = {
    1: {
        "digits": {100: 1, 101: 1, 102: 1},
        "JapaneseVowels": {100: 3},
        "ItalyPowerDemand": {100: 4, 101: 2},
        "GunPoint": {100: 4},
        "ArrowHead": {100: 4},
    },
    2: {
        "digits": {103: 1, 104: 1, 105: 1},
        "JapaneseVowels": {101: 3},
        "ItalyPowerDemand": {102: 4, 103: 2},
        "GunPoint": {101: 4},
        "ArrowHead": {101: 4},
    },
    3: {
        "digits": {106: 1, 107: 1, 108: 1},
        "JapaneseVowels": {102: 4},
        "ItalyPowerDemand": {104: 4, 105: 2},
        "GunPoint": {102: 4},
        "ArrowHead": {102: 4},
        "BasicMotions": {100: 4},
    },
    "numbers": {
        "Covid3Month": {100: 4, 101: 4},
        "CardanoSentiment": {100: 4},
        "wages": {100: 4},
        "solubility": {100: 3},
    },
}
"""For each round and data set the seeds of the splits, and how many folds of each are measured."""


@dataclass(frozen=True)
class Candidate:
    """What is tried.

    Attributes
    ----------
    options : dict
        What differs from the default, and from pooling by the maximum.
    rounds : tuple
        Those it was measured in: what was behind after the first was given up.
    estimator : class
    """

    options: dict = field(default_factory=dict)
    rounds: tuple = FIRST
    estimator: type = RNNClassifier


EXTREMES = {"pooling": "extremes"}
CONCAT = {"pooling": "concat"}
BETAS = {"optimizer_options": {"betas": (0.9, 0.99)}}
CANDIDATES = {
    '``pooling="max"``, the default before': Candidate(rounds=(*ALL, "numbers")),
    "mean and max": Candidate({"pooling": MeanMax}),
    "max and min": Candidate({"pooling": MaxMin}),
    "last and max": Candidate({"pooling": LastMax}),
    'last, mean and max, ``"concat"``': Candidate(CONCAT, ALL),
    'last, max and min, ``"extremes"``': Candidate(EXTREMES, (*ALL, "numbers")),
    "last, mean, max and min": Candidate({"pooling": LastMeanMaxMin}),
    "mixup": Candidate(estimator=MixingClassifier),
    '``"concat"``, mixup': Candidate(CONCAT, estimator=MixingClassifier),
    '``"extremes"``, mixup': Candidate(EXTREMES, estimator=MixingClassifier),
    "layer normalization": Candidate(estimator=NormalizingClassifier),
    '``"extremes"``, layer normalization': Candidate(EXTREMES, estimator=NormalizingClassifier),
    '``"concat"``, weight decay 0.3': Candidate(CONCAT | {"weight_decay": 0.3}),
    '``"concat"``, recurrent dropout 0.4': Candidate(CONCAT | {"recurrent_dropout": 0.4}),
    '``"extremes"``, AdamW\'s second beta 0.99': Candidate(EXTREMES | BETAS),
}
"""By the name in the table; the first is what the others are compared with."""


def splits(name, seed, n_folds):
    """Yield X and y to train on, X and y to judge by, and the seed of the fit."""
    if name == "digits":  # 80 pictures row by row, judged by 800
        X, y = load_digits(return_X_y=True)
        of = {"train_size": 80, "test_size": 800, "stratify": y, "random_state": seed}
        X_train, X_test, y_train, y_test = train_test_split(X.reshape(-1, 8, 8), y, **of)
        yield X_train, y_train, X_test, y_test, 10 * seed
        return
    X, y = load(name, "train")
    X = X if hasattr(X, "columns") else np.array([*X, None], dtype=object)[:-1]
    folds = KFold if name in NUMBERS else StratifiedKFold
    rows = list(folds(N_FOLDS, shuffle=True, random_state=seed).split(y, y))
    for fold, (train, test) in enumerate(rows[:n_folds]):
        yield X[train], y[train], X[test], y[test], 10 * seed + fold


def fitted(candidate, name, seed, X, y):
    """Return the candidate, fitted."""
    kind = RNNRegressor if name in NUMBERS else candidate.estimator
    return kind(random_state=seed, **{"pooling": "max"} | candidate.options).fit(X, y)


def judged(model, X, y):
    """Return accuracy and log loss, or R squared and the root mean squared error."""
    if isinstance(model, RNNRegressor):
        return model.score(X, y), np.mean((model.predict(X) - y) ** 2) ** 0.5
    p = model.predict_proba(X)
    is_right = model.classes_[p.argmax(axis=1)] == y
    return is_right.mean(), log_loss(y, p, labels=model.classes_)


def measure(path, names):
    """Append a row for each candidate and split."""
    torch.set_num_threads(1)
    with open(path, "a+", newline="") as file:
        file.seek(0)
        done = {tuple(row[:3]) for row in csv.reader(file)}
        writer = csv.writer(file)
        for label in names or CANDIDATES:
            for name, of in parts_of(CANDIDATES[label].rounds):
                for *parts, seed in (s for each in of.items() for s in splits(name, *each)):
                    if (label, name, str(seed)) in done:
                        continue
                    X, y, X_test, y_test = parts
                    started = time.process_time()
                    model = fitted(CANDIDATES[label], name, seed, X, y)
                    seconds = time.process_time() - started
                    score, loss = judged(model, X_test, y_test)
                    numbers = f"{score:.5f}", f"{loss:.5f}", f"{seconds:.2f}"
                    writer.writerow([label, name, seed, *numbers])
                    file.flush()


def parts_of(rounds):
    """Yield the data sets of each round, and the splits of each."""
    for which in rounds:
        yield from ROUNDS[which].items()


def print_table(path, column):
    """Print the first candidate's means, and what the others add, split by split."""
    measured = {}
    with open(path, newline="") as file:
        for label, name, seed, *numbers in csv.reader(file):
            measured.setdefault(label, {}).setdefault(name, {})[seed] = float(numbers[column])
    base = measured[next(iter(CANDIDATES))]
    names = [name for name in base if name not in NUMBERS]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["", "splits", "mean", *names])
    means = [np.mean([*base[name].values()]) for name in names]
    n_splits = sum(len(base[name]) for name in names)
    cells = [f"{mean:.3f}" for mean in [np.mean(means), *means]]
    writer.writerow([next(iter(CANDIDATES)), n_splits, *cells])
    for label in list(CANDIDATES)[1:]:
        gains = {
            name: np.array([score - base[name][seed] for seed, score in row.items()])
            for name, row in measured.get(label, {}).items()
            if name in names
        }
        if gains:
            cells = [with_error(gains[name]) if name in gains else "" for name in names]
            n_splits = sum(map(len, gains.values()))
            writer.writerow([label, n_splits, with_error(*gains.values()), *cells])


def with_error(*gains):
    """Return the mean over data sets and its standard error, as text."""
    mean = np.mean([gain.mean() for gain in gains])
    variance = sum(gain.var(ddof=1) / len(gain) for gain in gains)
    return f"{mean:+.3f} ± {variance**0.5 / len(gains):.3f}"


if __name__ == "__main__":
    if sys.argv[1] == "measure":
        measure(sys.argv[2], sys.argv[3:])
    else:
        print_table(sys.argv[2], ("accuracy", "loss").index(sys.argv[1]))

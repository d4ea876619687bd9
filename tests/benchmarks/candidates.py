"""What candidates for the defaults add to them, by splits of training parts.

Test parts are not touched. Of three studies "poolings" has the default of then, the maximum, as its
base, "widths" and "clips" the one that came of it, "extremes". Usage::

    python -m tests.benchmarks.candidates STUDY measure results.csv [candidate ...]
    python -m tests.benchmarks.candidates STUDY accuracy results.csv > docs/defaults_STUDY.csv
    python -m tests.benchmarks.candidates STUDY loss results.csv > docs/defaults_STUDY_loss.csv

Behind the file "first" or "deciding" makes a table of these rounds alone. Measuring goes on where
it ended; rows that are in the file are kept.
"""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold, train_test_split

from sklearn_rnn import RNNClassifier, RNNRegressor
from tests.benchmarks.data_sets import load
from tests.benchmarks.patients import FACTS, patients
from tests.benchmarks.prototypes import (
    Averaging,
    EnsembleClassifier,
    KeepingGRU,
    LagClassifier,
    LastMax,
    LastMeanMaxMin,
    MasksClassifier,
    MaxMin,
    MeanMax,
    MixingClassifier,
    NormalizingClassifier,
    PairClassifier,
    QuantileClip,
    UnitsClassifier,
)

N_FOLDS = 4
DRAWS = {
    "digits": {"train_size": 80, "test_size": 800},  # pictures row by row
    "20 of GunPoint": {"train_size": 20},
    "24 of OSULeaf": {"train_size": 24},
}
"""How many sequences of a set are drawn to train on; the others, or so many, judge."""
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
    4: {"digits": {200: 1, 201: 1, 202: 1}},
    5: {"20 of GunPoint": {200: 1, 201: 1, 202: 1, 203: 1}},
    6: {"24 of OSULeaf": {200: 1, 201: 1, 202: 1}},
    7: {"ArrowHead": {200: 4}},
    "deciding": {
        "digits": {203: 1, 204: 1, 205: 1, 206: 1},
        "JapaneseVowels": {200: 4},
        "ItalyPowerDemand": {200: 4, 201: 4},
        "GunPoint": {200: 4, 201: 2},
        "ArrowHead": {202: 4, 203: 4, 204: 4},
        "patients": {200: 5, 201: 5},
        "20 of GunPoint": {204: 1, 205: 1, 206: 1, 207: 1},
        "24 of OSULeaf": {203: 1, 204: 1},
    },
    8: {
        "digits": {300: 1, 301: 1, 302: 1},
        "ArrowHead": {300: 4, 301: 4},
        "20 of GunPoint": {300: 1, 301: 1, 302: 1, 303: 1},
        "24 of OSULeaf": {300: 1, 301: 1, 302: 1},
    },
    "deciding clips": {
        "digits": {303: 1, 304: 1, 305: 1, 306: 1},
        "JapaneseVowels": {300: 4},
        "ItalyPowerDemand": {300: 4, 301: 4},
        "GunPoint": {300: 4},
        "ArrowHead": {302: 4, 303: 4, 304: 4},
        "20 of GunPoint": {304: 1, 305: 1, 306: 1, 307: 1},
        "24 of OSULeaf": {303: 1, 304: 1, 305: 1},
    },
    "numbers": {
        "Covid3Month": {100: 4, 101: 4},
        "CardanoSentiment": {100: 4},
        "wages": {100: 4},
        "solubility": {100: 3},
    },
}
"""For each round and data set the seeds of the splits, and how many folds of each are measured."""
DECIDING = ("deciding", "deciding clips")


@dataclass(frozen=True)
class Candidate:
    """What is tried.

    Attributes
    ----------
    options : dict
        What differs from the defaults of then.
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
POOLINGS = {
    '``pooling="max"``, the default before': Candidate({}, (*ALL, "numbers")),
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
KEEPING = {"cell": KeepingGRU}
AVERAGED = {"callbacks": [Averaging()], "lr_schedule_options": {"eta_min": 0.003}}
WIDTHS = {
    '``pooling="extremes"``, 64 units': Candidate(rounds=(4, 5, 6, 7, "deciding")),
    "128 units": Candidate({"hidden_size": 128}, (4, 5, 6, "deciding")),
    "four members of 32 units": Candidate({"hidden_size": 32}, (4, 5, 6, 7), EnsembleClassifier),
    "two members of 64 units": Candidate({}, (4, 5, 6), PairClassifier),
    "four members of 64 units": Candidate({}, (4,), EnsembleClassifier),
    "two layers": Candidate({"num_layers": 2}, (4,)),
    "200 epochs": Candidate({"max_epochs": 200}, (4,)),
    "rate 0.005": Candidate({"lr": 0.005}, (4, 7)),
    "rate 0.003": Candidate({"lr": 0.003}, (4,)),
    "rate 0.005, update gate's bias 1": Candidate({"lr": 0.005} | KEEPING, (4,)),
    '``lr_schedule="onecycle"``': Candidate({"lr_schedule": "onecycle"}, (4,)),
    "weights averaged, rate 0.003 at the end": Candidate(AVERAGED, (4,)),
    "recurrent dropout 0.1": Candidate({"recurrent_dropout": 0.1}, (4,)),
    "recurrent dropout 0.3": Candidate({"recurrent_dropout": 0.3}, (4,)),
    "dropout of whole units": Candidate({}, (4, 5), UnitsClassifier),
    "eight dropout masks a row": Candidate({}, (4, 7), MasksClassifier),
    "all four poolings": Candidate({"pooling": LastMeanMaxMin}, (4,)),
    "differences over two steps": Candidate({}, (4, 7), LagClassifier),
}
BOTH_ROUNDS = (8, "deciding clips")
CLIPS = {
    "gradients clipped at 1": Candidate(rounds=BOTH_ROUNDS),
    "clipped at 0.3": Candidate({"gradient_clip": 0.3}, BOTH_ROUNDS),
    "clipped at 0.1": Candidate({"gradient_clip": 0.1}, (8,)),
    "clipped at the median so far": Candidate({"callbacks": [QuantileClip(0.5)]}, (8,)),
    "clipped at the lowest tenth so far": Candidate(
        {"callbacks": [QuantileClip(0.1)]}, BOTH_ROUNDS
    ),
}
STUDIES = {
    "poolings": ({"hidden_size": 64, "pooling": "max"}, POOLINGS),
    "widths": ({"hidden_size": 64, "pooling": "extremes"}, WIDTHS),
    "clips": ({"hidden_size": 64, "pooling": "extremes"}, CLIPS),
}
"""The defaults of then, and the candidates by their name in the table, first those defaults."""


def splits(name, seed, n_folds):
    """Yield X and y to train on, X and y to judge by, and the seed of the fit."""
    if name in DRAWS:
        X, y = load_digits(return_X_y=True) if name == "digits" else load(name.split()[-1], "train")
        X = X.reshape(-1, 8, 8) if name == "digits" else np.array(X)
        of = DRAWS[name] | {"stratify": y, "random_state": seed}
        X_train, X_test, y_train, y_test = train_test_split(X, y, **of)
        yield X_train, y_train, X_test, y_test, 10 * seed
        return
    if name == "patients":
        table = patients()
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        X, y = table[["visits", *FACTS]], table["died"].to_numpy()
        rows = list(folds.split(X, y, table["id"]))
        for fold, (train, test) in enumerate(rows[:n_folds]):
            yield X.iloc[train], y[train], X.iloc[test], y[test], 10 * seed + fold
        return
    X, y = load(name, "train")
    X = X if hasattr(X, "columns") else np.array([*X, None], dtype=object)[:-1]
    folds = KFold if name in NUMBERS else StratifiedKFold
    rows = list(folds(N_FOLDS, shuffle=True, random_state=seed).split(y, y))
    for fold, (train, test) in enumerate(rows[:n_folds]):
        yield X[train], y[train], X[test], y[test], 10 * seed + fold


def fitted(candidate, before, name, seed, X, y):
    """Return the candidate, fitted."""
    kind = RNNRegressor if name in NUMBERS else candidate.estimator
    options = before | candidate.options
    if name == "patients":
        options["max_epochs"] = 30
    return kind(random_state=seed, **options).fit(X, y)


def judged(model, X, y):
    """Return accuracy and log loss, or R squared and the root mean squared error."""
    if isinstance(model, RNNRegressor):
        return model.score(X, y), np.mean((model.predict(X) - y) ** 2) ** 0.5
    p = model.predict_proba(X)
    if "visits" in getattr(X, "columns", ()):
        return roc_auc_score(y, p[:, 1]), log_loss(y, p)
    is_right = model.classes_[p.argmax(axis=1)] == y
    return is_right.mean(), log_loss(y, p, labels=model.classes_)


def measure(before, candidates, path, names):
    """Append a row for each candidate and split."""
    torch.set_num_threads(1)
    with open(path, "a+", newline="") as file:
        file.seek(0)
        done = {tuple(row[:3]) for row in csv.reader(file)}
        writer = csv.writer(file)
        for label in names or candidates:
            for name, of in parts_of(candidates[label].rounds):
                for *parts, seed in (s for each in of.items() for s in splits(name, *each)):
                    if (label, name, str(seed)) in done:
                        continue
                    X, y, X_test, y_test = parts
                    started = time.process_time()
                    model = fitted(candidates[label], before, name, seed, X, y)
                    seconds = time.process_time() - started
                    score, loss = judged(model, X_test, y_test)
                    numbers = f"{score:.5f}", f"{loss:.5f}", f"{seconds:.2f}"
                    writer.writerow([label, name, seed, *numbers])
                    file.flush()


def parts_of(rounds):
    """Yield the data sets of each round, and the splits of each."""
    for which in rounds:
        yield from ROUNDS[which].items()


def measured_in(path, column, which):
    """Return for each candidate and data set the numbers by split, of these rounds."""
    seeds = {
        (name, 10 * seed + fold)
        for name, of in parts_of(which)
        for seed, n_folds in of.items()
        for fold in range(n_folds)
    }
    measured = {}
    with open(path, newline="") as file:
        for label, name, seed, *numbers in csv.reader(file):
            if (name, int(seed)) in seeds:
                of_set = measured.setdefault(label, {}).setdefault(name, {})
                of_set[seed] = float(numbers[column])
    return measured


def print_table(candidates, path, column, which):
    """Print the first candidate's means, and what the others add, split by split."""
    measured = measured_in(path, column, which)
    first, *others = candidates
    base = measured[first]
    names = [name for name in dict(parts_of(which)) if name in base and name not in NUMBERS]
    in_mean = [name for name in names if name != "patients"]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["", "splits", "mean", *names])
    means = {name: np.mean([*base[name].values()]) for name in names}
    n_splits = sum(len(base[name]) for name in in_mean)
    mean = np.mean([means[name] for name in in_mean])
    writer.writerow([first, n_splits, f"{mean:.3f}", *(f"{means[name]:.3f}" for name in names)])
    for label in others:
        gains = {
            name: np.array([score - base[name][seed] for seed, score in row.items()])
            for name, row in measured.get(label, {}).items()
            if name in names
        }
        if gains:
            cells = [with_error(gains[name]) if name in gains else "" for name in names]
            meant = [gains[name] for name in gains if name in in_mean]
            writer.writerow([label, sum(map(len, meant)), with_error(*meant), *cells])


def with_error(*gains):
    """Return the mean over data sets and its standard error, as text."""
    mean = np.mean([gain.mean() for gain in gains])
    variance = sum(gain.var(ddof=1) / len(gain) for gain in gains)
    return f"{mean:+.3f} ± {variance**0.5 / len(gains):.3f}"


def main(study, task, path, *words):
    """Measure, or print a table."""
    before, candidates = STUDIES[study]
    if task == "measure":
        measure(before, candidates, path, words)
        return
    all_rounds = candidates[next(iter(candidates))].rounds
    which = {
        (): all_rounds,
        ("first",): [r for r in all_rounds if r not in DECIDING],
        ("deciding",): [r for r in all_rounds if r in DECIDING],
    }[words]
    print_table(candidates, path, ("accuracy", "loss").index(task), which)


if __name__ == "__main__":
    main(*sys.argv[1:])

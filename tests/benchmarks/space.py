"""What points of the space that is suggested for the classifier are worth beside its defaults.

python -m tests.benchmarks.space ItalyPowerDemand JapaneseVowels
"""

from __future__ import annotations

import csv
import sys

import numpy as np
import optuna
import torch
from sklearn.model_selection import StratifiedKFold

from sklearn_rnn import RNNClassifier
from sklearn_rnn.model_selection import suggest_space
from tests.benchmarks.data_sets import load

N_POINTS, N_FOLDS = 30, 2  # of three folds


def accuracy(X, y, params):
    """Return the mean accuracy over some folds of the training split."""
    folds = StratifiedKFold(3, shuffle=True, random_state=0).split(np.zeros(len(y)), y)
    scores = []
    for rows, others in list(folds)[:N_FOLDS]:
        model = RNNClassifier(random_state=0, device="cpu", **params)
        model.fit([X[i] for i in rows], y[rows])
        scores.append(model.score([X[i] for i in others], y[others]))
    return float(np.mean(scores))


def main(names):
    """Print the accuracy of the defaults and of points drawn at random, a line each."""
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = suggest_space(RNNClassifier())
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["data set", "accuracy", *space])
    for name in names:
        X, y = load(name, "train")
        writer.writerow([name, f"{accuracy(X, np.asarray(y), {}):.3f}"])
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
        for _ in range(N_POINTS):
            params = study.ask(space).params
            score = accuracy(X, np.asarray(y), params)
            writer.writerow([name, f"{score:.3f}", *params.values()])
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

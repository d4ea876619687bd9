"""Does augmentation help? Cross-validation inside training splits; test splits are not touched.

Usage::

    python -m tests.benchmarks.augmentation > docs/augmentation.csv
"""

from __future__ import annotations

import csv
import sys

import numpy as np
import torch
from sklearn.model_selection import RepeatedStratifiedKFold

from sklearn_rnn import RNNClassifier
from sklearn_rnn.augmentation import ChannelDropout, Crop, Jitter, Scaling, StepDropout, TimeWarp
from tests.benchmarks.data_sets import load

NAMES = ("ItalyPowerDemand", "BasicMotions", "JapaneseVowels")
CANDIDATES = (
    None,
    Jitter(),
    Scaling(),
    TimeWarp(),
    Crop(),
    ChannelDropout(),
    StepDropout(),
    [Jitter(), Crop()],
)


def accuracies(name, augmentation):
    """Return the accuracy on each of three times three folds, all else at its default."""
    X, y = load(name, "train")
    scores = []
    splits = RepeatedStratifiedKFold(n_splits=3, n_repeats=3, random_state=0)
    for seed, (train, test) in enumerate(splits.split(np.zeros(len(y)), y)):
        model = RNNClassifier(augmentation=augmentation, random_state=seed)
        model.fit([X[i] for i in train], y[train])
        scores.append(model.score([X[i] for i in test], y[test]))
    return np.array(scores)


def main():
    """Print accuracy and, fold by fold, its difference from none with its standard error."""
    torch.set_num_threads(1)
    columns = []
    for name in NAMES:
        rows = [accuracies(name, augmentation) for augmentation in CANDIDATES]
        differences = [row - rows[0] for row in rows]
        columns.append(
            [f"{rows[0].mean():.3f}"]
            + [f"{d.mean():+.3f} ± {d.std(ddof=1) / len(d) ** 0.5:.3f}" for d in differences[1:]]
        )
        print(name, columns[-1], file=sys.stderr, flush=True)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["", *NAMES])
    writer.writerows(zip(map(str, CANDIDATES), *columns, strict=True))


if __name__ == "__main__":
    main()

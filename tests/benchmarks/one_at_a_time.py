"""What each addition brings, by folds of training splits; test splits are not touched.

Usage::

    python -m tests.benchmarks.one_at_a_time augmentation > docs/augmentation.csv
    python -m tests.benchmarks.one_at_a_time regularizing > docs/regularizing.csv
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

AUGMENTATIONS = (
    Jitter(),
    Scaling(),
    TimeWarp(),
    Crop(),
    ChannelDropout(),
    StepDropout(),
    [Jitter(), Crop()],
)
BEFORE = {"label_smoothing": 0.0, "pooling": "max"}
"""The defaults when the tables were made; they, and others, led to those of now."""
NOTHING = {"dropout": 0.0, "recurrent_dropout": 0.0, "weight_decay": 0.0}
REGULARIZERS = {
    "dropout": {"dropout": 0.3},
    "recurrent_dropout": {"recurrent_dropout": 0.2},
    "input_dropout": {"input_dropout": 0.1},
    "weight_decay": {"weight_decay": 0.01},
    "label_smoothing": {"label_smoothing": 0.1},
    "early_stopping": {"early_stopping": True, "validation_fraction": 0.2},
    "augmentation": {"augmentation": Jitter()},
}
TABLES = {
    "augmentation": {"None": {}} | {str(a): {"augmentation": a} for a in AUGMENTATIONS},
    "regularizing": {"nothing": NOTHING}
    | {f"nothing but {name}": NOTHING | options for name, options in REGULARIZERS.items()}
    | {"the defaults": {}}
    | {
        f"the defaults and {name}": options
        for name, options in REGULARIZERS.items()
        if name not in NOTHING
    },
}
"""For each table a name and options for each line; lines are compared with the first."""

NAMES = ("ItalyPowerDemand", "BasicMotions", "JapaneseVowels")


def accuracies(name, options):
    """Return the accuracy on each of three times three folds, all else at its default."""
    X, y = load(name, "train")
    scores = []
    splits = RepeatedStratifiedKFold(n_splits=3, n_repeats=3, random_state=0)
    for seed, (train, test) in enumerate(splits.split(np.zeros(len(y)), y)):
        model = RNNClassifier(random_state=seed, **BEFORE | options)
        model.fit([X[i] for i in train], y[train])
        scores.append(model.score([X[i] for i in test], y[test]))
    return np.array(scores)


def main(table):
    """Print accuracy and, fold by fold, its difference from the first with its standard error."""
    torch.set_num_threads(1)
    columns = []
    for name in NAMES:
        rows = [accuracies(name, options) for options in TABLES[table].values()]
        differences = [row - rows[0] for row in rows]
        columns.append(
            [f"{rows[0].mean():.3f}"]
            + [f"{d.mean():+.3f} ± {d.std(ddof=1) / len(d) ** 0.5:.3f}" for d in differences[1:]]
        )
        print(name, columns[-1], file=sys.stderr, flush=True)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["", *NAMES])
    writer.writerows(zip(TABLES[table], *columns, strict=True))


if __name__ == "__main__":
    main(sys.argv[1])

"""What it is worth to read the answer before, with ``output_feedback``; five seeds each.

Usage: python -m tests.benchmarks.feedback [parity] [spans] [tags]
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from sklearn_rnn import StepClassifier
from sklearn_rnn.metrics import exact_match, step_accuracy
from tests.benchmarks.tagging import sentences

N_SEEDS = 5


def parity(seed):
    """Return bits, and whether those up to each step hold an odd number of ones."""
    rng = np.random.default_rng(seed)
    X = [rng.integers(0, 2, n).astype(float) for n in rng.integers(10, 40, 200)]
    return X, [(x.cumsum() % 2).astype(int) for x in X]


def spans(seed):
    """Return sequences whose label may change where a cue stands and nowhere else.

    What the label is, is told by noise around it alone: more clearly at the cue than after it.
    """
    rng = np.random.default_rng(seed)
    X, y = [], []
    for n_steps in rng.integers(10, 21, 800):
        cue = (rng.random(n_steps) < 0.12) | (np.arange(n_steps) == 0)
        label = rng.integers(0, 2, n_steps)[cue.cumsum() - 1]
        evidence = (2 * label - 1) * np.where(cue, 1.0, 0.3) + rng.normal(size=n_steps)
        X.append(np.column_stack([cue, evidence]))
        y.append(label)
    return X, y


def tags(seed):
    """Return written words with their endings, and their tags; the seed has no say."""
    words, classes = sentences("words")
    columns = {f"last {n}": [[w[-n:].lower() for w in row] for row in words] for n in range(1, 6)}
    return pd.DataFrame({"word": words} | columns), classes


TASKS = {"parity": (parity, 10), "spans": (spans, 20), "tags": (tags, 5)}
"""What makes the data, and the epochs."""


def scores(task, seed, **options):
    """Return the share of test steps, and of test sequences, that are answered right."""
    make, n_epochs = TASKS[task]
    X, X_test, y, y_test = train_test_split(*make(seed), test_size=0.25, random_state=seed)
    predicted = StepClassifier(max_epochs=n_epochs, random_state=seed, **options).fit(X, y)
    predicted = predicted.predict(X_test)
    return step_accuracy(y_test, predicted), exact_match(y_test, predicted)


if __name__ == "__main__":
    print("task,bidirectional,output_feedback,steps,sequences")
    for task in sys.argv[1:] or TASKS:
        for both in (False, True):
            for fed in (False, True):
                options = {"bidirectional": both, "output_feedback": fed}
                means = np.mean([scores(task, seed, **options) for seed in range(N_SEEDS)], axis=0)
                print(f"{task},{both},{fed}," + ",".join(f"{m:.3f}" for m in means), flush=True)

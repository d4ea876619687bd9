"""What a loss after every step is worth early, and what it costs at the end; five seeds each.

Usage: python -m tests.benchmarks.early
"""

from __future__ import annotations

import numpy as np

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels

N_SEEDS = 5
SHARES = (0.0, 0.3, 0.5)


def scores_after(step_loss, seed):
    """Return the test accuracy after a third, after half and after all of the steps."""
    X, y = load_japanese_vowels(return_X_y=True, split="train")
    X_test, y_test = load_japanese_vowels(return_X_y=True, split="test")
    options = {"bidirectional": False, "max_epochs": 50, "random_state": seed}
    options["pooling"] = "max"  # the default when the figures were taken
    model = RNNClassifier(step_loss=step_loss, **options).fit(X, y)
    steps = model.predict_proba_steps(X_test)
    scores = []
    for share in (3, 2, 1):
        probability = np.array([row[len(row) // share - 1] for row in steps])
        scores.append((model.classes_[probability.argmax(axis=1)] == y_test).mean())
    return scores


if __name__ == "__main__":
    print("step_loss,a third,half,all")
    for step_loss in SHARES:
        means = np.mean([scores_after(step_loss, seed) for seed in range(N_SEEDS)], axis=0)
        print(f"{step_loss}," + ",".join(f"{mean:.3f}" for mean in means), flush=True)

"""Real data sets with official splits, read from installed packages."""

from __future__ import annotations

from pathlib import Path

import aeon
import numpy as np
from aeon.datasets import load_from_ts_file

from sklearn_rnn.datasets import load_japanese_vowels

CLASSIFICATION = (
    "JapaneseVowels",
    "BasicMotions",
    "ItalyPowerDemand",
    "GunPoint",
    "ArrowHead",
)
REGRESSION = ("Covid3Month", "CardanoSentiment")


def load(name, split):
    """Return X (a list of (n_steps, n_channels) arrays) and y of one split, "train" or "test"."""
    if name == "JapaneseVowels":
        return load_japanese_vowels(return_X_y=True, split=split)
    if name == "adding":
        return adding_problem(400, 50, seed=split == "test")
    folder = Path(aeon.__path__[0]) / "datasets" / "data" / name
    X, y = load_from_ts_file(str(folder / f"{name}_{split.upper()}.ts"))
    return [np.ascontiguousarray(x.T) for x in X], y.astype(float) if name in REGRESSION else y


def adding_problem(n_samples, n_steps, seed):
    """Return sequences whose target is the sum of two marked numbers (Hochreiter 1997)."""
    rng = np.random.default_rng(seed)
    numbers = rng.uniform(size=(n_samples, n_steps))
    marks = np.zeros_like(numbers)
    half = n_steps // 2
    first = rng.integers(0, half, n_samples)
    second = rng.integers(half, n_steps, n_samples)
    rows = np.arange(n_samples)
    marks[rows, first] = marks[rows, second] = 1
    return np.stack([numbers, marks], axis=2), numbers[rows, first] + numbers[rows, second]

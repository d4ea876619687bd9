"""y <-> tensors: one class a kind of target.

A target is what sets a classifier apart from a regressor: how y is encoded, which loss fits it,
where the head's bias starts, and how the network's outputs become predictions. It is made from the
first y seen and kept by the fitted estimator.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from sklearn.metrics import r2_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d


class Target(ABC):
    """How y is encoded for training and how outputs are decoded for the user."""

    loss: ClassVar[str]
    """Name of the loss in :mod:`sklearn_rnn.training.losses`."""

    n_outputs: int
    """How many numbers the head puts out for a sample."""

    initial_outputs: np.ndarray
    """The best constant outputs, where the head's bias starts, shape (n_outputs,); after fit."""

    @abstractmethod
    def read(self, y: np.ndarray) -> np.ndarray:
        """Return y checked and as numbers, one row a sample."""

    @abstractmethod
    def fit(self, numbers: np.ndarray, weight: np.ndarray) -> None:
        """Learn scale and start from the training rows of what ``read`` returned."""

    @abstractmethod
    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """Return what ``read`` returned in the form that the loss compares outputs with."""

    @abstractmethod
    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the predictions that outputs of shape (n_samples, n_outputs) stand for."""

    @abstractmethod
    def score(self, outputs: np.ndarray, encoded: np.ndarray) -> float:
        """Return the estimator's score (accuracy or R squared) of outputs."""

    def strata(self, numbers: np.ndarray) -> np.ndarray | None:
        """Return the class a validation split should be stratified by, or None."""
        return None


class ClassTarget(Target):
    """One label of any type a sample <-> class indices, cross-entropy on logits."""

    loss = "cross_entropy"

    def __init__(self, classes: np.ndarray) -> None:
        self.classes = classes
        self.n_outputs = len(classes)

    @classmethod
    def from_y(cls, y: np.ndarray) -> ClassTarget:
        """Take the classes from y.

        Raises
        ------
        ValueError
            If y has missing labels, is continuous, or holds fewer than two classes.
        """
        classes = np.unique(_checked_labels(y))
        if len(classes) < 2:
            raise ValueError(
                "The number of classes has to be greater than one; got 1 class: "
                f"{classes.tolist()[0]!r}. Pass rows of at least two classes."
            )
        return cls(classes)

    def read(self, y: np.ndarray) -> np.ndarray:
        """Return class indices, shape (n_samples,), int64."""
        y = _checked_labels(y)
        unseen = np.setdiff1d(y, self.classes)
        if len(unseen):
            row = int(np.flatnonzero(y == unseen[0])[0])
            raise ValueError(
                f"y has the label {unseen.tolist()[0]!r} (first in row {row}), which is not among "
                f"the classes of the model: {self.classes.tolist()}. "
                "With partial_fit, name all classes in the first call: classes=[...]."
            )
        return np.searchsorted(self.classes, y)

    def fit(self, numbers: np.ndarray, weight: np.ndarray) -> None:
        """Start at the log-shares of the classes; one without rows counts as half a row."""
        counts = np.bincount(numbers, weights=weight, minlength=self.n_outputs)
        counts = np.maximum(counts, 0.5 * weight.mean())
        self.initial_outputs = np.log(counts / counts.sum())

    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """Return the class indices."""
        return numbers

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the labels of the largest outputs."""
        return self.classes[outputs.argmax(axis=1)]

    def score(self, outputs: np.ndarray, encoded: np.ndarray) -> float:
        """Return the accuracy."""
        return float((outputs.argmax(axis=1) == encoded).mean())

    def strata(self, numbers: np.ndarray) -> np.ndarray | None:
        """Return the class indices."""
        return numbers


class NumberTarget(Target):
    """One or several numbers a sample <-> standardised float32, squared error."""

    loss = "squared_error"

    def __init__(self, n_outputs: int, one_dimensional: bool) -> None:
        self.n_outputs = n_outputs
        self.one_dimensional = one_dimensional

    @classmethod
    def from_y(cls, y: np.ndarray) -> NumberTarget:
        """Take the number of outputs from y of shape (n_samples,) or (n_samples, n_outputs)."""
        y = _checked_numbers(y)
        return cls(1 if y.ndim == 1 else y.shape[1], y.ndim == 1)

    def read(self, y: np.ndarray) -> np.ndarray:
        """Return float64 numbers of shape (n_samples, n_outputs)."""
        y = _checked_numbers(y)
        columns = y.reshape(len(y), -1)
        if columns.shape[1] != self.n_outputs:
            raise ValueError(
                f"y has {columns.shape[1]} output(s), but the model was fitted with "
                f"{self.n_outputs}."
            )
        return columns

    def fit(self, numbers: np.ndarray, weight: np.ndarray) -> None:
        """Learn mean and standard deviation of each output; start at the mean."""
        self.mean = np.average(numbers, axis=0, weights=weight)
        scale = np.sqrt(np.average((numbers - self.mean) ** 2, axis=0, weights=weight))
        # A constant output keeps scale 1; so does one that varies by rounding alone.
        self.scale = np.where(scale <= 1e-12 * np.abs(self.mean), 1.0, scale)
        self.initial_outputs = np.zeros(self.n_outputs)

    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """Return standardised numbers, float32."""
        return ((numbers - self.mean) / self.scale).astype(np.float32)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return float64 numbers in y's units, shape (n_samples,) or (n_samples, n_outputs)."""
        numbers = outputs * self.scale + self.mean
        return numbers[:, 0] if self.one_dimensional else numbers

    def score(self, outputs: np.ndarray, encoded: np.ndarray) -> float:
        """Return R squared, averaged over outputs; NaN for a single row."""
        return float(r2_score(encoded, outputs)) if len(encoded) > 1 else float("nan")


def _checked_labels(y: np.ndarray) -> np.ndarray:
    y = column_or_1d(y, warn=True)
    missing = np.array([], dtype=int)
    if y.dtype.kind == "f":
        missing = np.flatnonzero(np.isnan(y))
    elif y.dtype == object:
        missing = np.flatnonzero([label is None or label != label for label in y])
    if len(missing):
        raise ValueError(
            f"Input y contains NaN or None: row {missing[0]} has no label "
            f"({len(missing)} such row(s)). Drop these rows."
        )
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise ValueError(f"Input y contains infinity: row {np.flatnonzero(np.isinf(y))[0]}.")
    check_classification_targets(y)
    return y


def _checked_numbers(y: np.ndarray) -> np.ndarray:
    y = check_array(y, ensure_2d=False, dtype="numeric", ensure_all_finite=False, input_name="y")
    if y.ndim > 2:
        raise ValueError(
            f"y must be of shape (n_samples,) or (n_samples, n_outputs). Got {y.shape} instead."
        )
    y = y.astype(np.float64, copy=False)
    finite = np.isfinite(y.reshape(len(y), -1)).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise ValueError(
            f"Input y contains NaN or infinity: row {row} ({(~finite).sum()} such row(s)). "
            "Drop these rows or fill in the numbers."
        )
    return y

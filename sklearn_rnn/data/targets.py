"""y <-> tensors: one class a kind of target.

A target is what sets a classifier apart from a regressor: how y is encoded, which loss fits it,
where the head's bias starts, and how the network's outputs become predictions. It is made from the
first y seen and kept by the fitted estimator.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import r2_score
from sklearn.utils.multiclass import check_classification_targets

from sklearn_rnn.data.per_sample import sorted_unique
from sklearn_rnn.data.reading import NUMERIC_KINDS

_LARGEST = 1e100


class Target(ABC):
    """How y is encoded for training and how outputs are decoded for the user."""

    per_step: ClassVar[bool] = False
    """Whether there is an entry for each step, all of them laid end to end."""
    feeds_network: bool = False
    """Whether the network reads entries too, as what was said at the steps before."""
    loss: ClassVar[str]
    """Name of the loss in :mod:`sklearn_rnn.training.losses`."""

    n_outputs: int
    """How many numbers the head puts out for a sample."""

    initial_outputs: np.ndarray
    """The best constant outputs, where the head's bias starts, shape (n_outputs,); after fit."""

    @staticmethod
    @abstractmethod
    def check(y: np.ndarray, name: str = "y") -> np.ndarray:
        """Return y if it is of this kind, else raise; messages call it by its name."""

    @classmethod
    @abstractmethod
    def from_y(cls, y: np.ndarray) -> Self:
        """Return the target for a checked y."""

    @abstractmethod
    def read(self, y: np.ndarray, name: str = "y") -> np.ndarray:
        """Return a checked y as numbers, one row a sample."""

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

    def known(self, encoded: np.ndarray) -> np.ndarray:
        """Return which entries are known; only a target of one entry a step has others."""
        return np.ones(len(encoded), dtype=bool)


class LabelError(ValueError):
    """The labels passed are not those that a model can be trained on."""


class ClassTarget(Target):
    """One label of any type a sample <-> class indices, cross-entropy on logits."""

    loss = "cross_entropy"

    def __init__(self, classes: np.ndarray) -> None:
        self.classes = classes
        self.n_outputs = len(classes)

    @staticmethod
    def check(y: np.ndarray, name: str = "y") -> np.ndarray:
        """Return y of shape (n_samples,), objects brought to their common type.

        Raises
        ------
        ValueError
            If labels are missing or continuous.
        TypeError
            If labels are of types without a common order.
        """
        return _checked_labels(y, name)

    @classmethod
    def from_y(cls, y: np.ndarray) -> Self:
        """Take the classes from y.

        Raises
        ------
        LabelError
            If it holds fewer than two classes.
        """
        classes = np.unique(y)
        if len(classes) < 2:
            raise LabelError(
                "The number of classes has to be greater than one; got 1 class: "
                f"{classes.tolist()[0]!r}. Pass rows of at least two classes."
            )
        return cls(classes)

    def read(self, y: np.ndarray, name: str = "y") -> np.ndarray:
        """Return class indices, shape (n_samples,), int64."""
        return class_indices(y, self.classes, name, "in row {}".format)

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

    @staticmethod
    def check(y: np.ndarray, name: str = "y") -> np.ndarray:
        """Return y as float64, of shape (n_samples,) or (n_samples, n_outputs).

        Raises
        ------
        ValueError
            If a number is missing, infinite or above 1e100, or the shape is another.
        TypeError
            If y does not hold numbers.
        """
        return _checked_numbers(y, name)

    @classmethod
    def from_y(cls, y: np.ndarray) -> Self:
        """Take the number of outputs from y."""
        return cls(1 if y.ndim == 1 else y.shape[1], y.ndim == 1)

    def read(self, y: np.ndarray, name: str = "y") -> np.ndarray:
        """Return float64 numbers of shape (n_samples, n_outputs)."""
        columns = y.reshape(len(y), -1)
        if columns.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} has {columns.shape[1]} output(s), but the model was fitted with "
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


def class_indices(
    y: np.ndarray, classes: np.ndarray, name: str, where: Callable[[int], str]
) -> np.ndarray:
    """Return which class each label is, int64; ``where`` tells of an entry where it stands.

    Raises
    ------
    LabelError
        If a label is none of the classes.
    """
    indices = pd.Index(classes).get_indexer(pd.Index(y))
    unseen = np.flatnonzero(indices < 0)
    if len(unseen):
        first = int(unseen[0])
        raise LabelError(
            f"{name} has the label {y.tolist()[first]!r} (first {where(first)}), which is not "
            f"among the classes of the model: {classes.tolist()}."
        )
    return indices.astype(np.int64)


def _checked_labels(y: np.ndarray, name: str) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] == 1:
        warnings.warn(
            f"A column-vector {name} was passed when a 1d array was expected. Please change the "
            f"shape of {name} to (n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=2,
        )
        y = y[:, 0]
    if y.ndim > 1:
        raise ValueError(f"{name} should be a 1d array, got an array of shape {y.shape} instead.")
    if y.dtype.kind == "T":  # numpy's StringDType, which can't be sorted
        y = y.astype(object)
    missing = np.flatnonzero(pd.isna(y))
    if len(missing):
        raise ValueError(
            f"Input {name} contains NaN or None: row {missing[0]} has no label "
            f"({len(missing)} such row(s)). Drop these rows."
        )
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise ValueError(f"Input {name} contains infinity: row {np.flatnonzero(np.isinf(y))[0]}.")
    if y.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {y.dtype}.")
    if y.dtype == object and not any(isinstance(label, str) for label in y):
        y = pd.Series(y).infer_objects().to_numpy()
    sorted_unique(y, name)
    check_classification_targets(y)
    return y


def _checked_numbers(y: np.ndarray, name: str) -> np.ndarray:
    if y.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {y.dtype}.")
    if y.dtype == object:
        text = next((v for v in y.flat if isinstance(v, str | bytes)), None)
        if text is not None:
            raise TypeError(f"{name} must hold numbers. Got {text!r} instead.")
        try:
            y = np.where(pd.isna(y), np.nan, y).astype(np.float64)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} must hold numbers: {error}") from error
    if y.dtype.kind not in NUMERIC_KINDS:
        raise TypeError(f"{name} must hold numbers. Got dtype {y.dtype} instead.")
    if y.ndim > 2:
        raise ValueError(
            f"{name} must be of shape (n_samples,) or (n_samples, n_outputs). "
            f"Got shape {y.shape} instead."
        )
    if y.ndim == 2 and y.shape[1] == 0:
        raise ValueError(
            f"Found {name} with 0 feature(s) (shape={y.shape}) while a minimum of 1 is required."
        )
    y = y.astype(np.float64, copy=False)
    size = np.abs(y.reshape(len(y), -1)).max(axis=1)
    _refuse_rows(~np.isfinite(size), f"Input {name} contains NaN or infinity", "Drop these rows")
    _refuse_rows(size > _LARGEST, f"Input {name} has numbers too large to square", "Scale it down")
    return y


def _refuse_rows(refused: np.ndarray, what: str, repair: str) -> None:
    if refused.any():
        row = int(np.flatnonzero(refused)[0])
        raise ValueError(f"{what}: row {row} ({refused.sum()} such row(s)). {repair}.")

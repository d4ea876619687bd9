"""What the loss of a class is multiplied by."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from sklearn_rnn._params import none, one_of, that
from sklearn_rnn.data.targets import ClassTarget


def _are_weights(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(weight, Real) and 0 <= float(weight) < np.inf for weight in value.values()
    )


CLASS_WEIGHT = (
    one_of(["balanced"]) | that("a dict of classes and weights >= 0", _are_weights) | none()
)


def class_factor(
    class_weight: Any, target: ClassTarget, numbers: np.ndarray, weight: np.ndarray, owner: str
) -> np.ndarray:
    """Return the factor of each entry.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
    target : ClassTarget
    numbers : ndarray of int
        Class indices.
    weight : ndarray
        Sample weight of each.
    owner : str
        Class name of the estimator, for messages.
    """
    if class_weight is None:
        return np.ones(len(numbers))
    if isinstance(class_weight, str):  # "balanced"
        counts = np.bincount(numbers, weights=weight, minlength=target.n_outputs)
        return 1 / counts[numbers]
    labels = target.classes.tolist()
    unknown = [label for label in class_weight if label not in labels]
    if unknown:
        raise ValueError(
            f"The 'class_weight' parameter of {owner} names {unknown[0]!r}, "
            f"which is not among the classes {labels}."
        )
    factors = np.array([float(class_weight.get(label, 1.0)) for label in labels])
    if not factors.any():
        raise ValueError(
            f"The 'class_weight' parameter of {owner} must be a dict of classes "
            f"and weights that are not all 0. Got {class_weight!r} instead."
        )
    return factors[numbers]

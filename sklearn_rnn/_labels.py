"""Labels as answers: what the classifiers of sequences and of their steps share."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_rnn._base import BaseRecurrent
from sklearn_rnn._class_weight import class_factor
from sklearn_rnn.data.targets import ClassTarget, LabelError


class BaseLabels(BaseRecurrent):
    """What the estimators of labels share: their classes, and the weights of these."""

    _target_kind: ClassVar[type[ClassTarget]]
    class_weight: Any
    classes_: np.ndarray

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train one epoch on these rows, going on from what is fitted.

        The first call settles the classes, and the scale of the channels for all later ones. The
        learning rate is ``lr`` throughout.

        Parameters
        ----------
        X : sequences of n_samples
            As in :meth:`fit`.
        y : labels
            As in :meth:`fit`.
        classes : array-like of shape (n_classes,), optional
            All labels that will ever come; needed in the first call if its y lacks some.
        sample_weight : array-like, optional
            As in :meth:`fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As :meth:`fit`, and if y has a label that is not among the classes, or classes are not
            those of the first call.
        """
        target = None
        if classes is not None:
            target = self._target_kind.from_y(_checked_classes(classes))
            if hasattr(self, "net_") and target.classes.tolist() != self.classes_.tolist():
                raise ValueError(
                    f"classes must stay as in the first call of partial_fit, "
                    f"{self.classes_.tolist()}. Got {target.classes.tolist()} instead."
                )
        try:
            return self._partial_fit(X, y, sample_weight, target)
        except LabelError as error:
            error.add_note(
                "Name all classes that will ever come in the first call of partial_fit: "
                "classes=[...]."
            )
            raise

    def _expose(self, net: Any, target: Any) -> None:
        super()._expose(net, target)
        self.classes_ = target.classes

    def _loss_factor(
        self, target: ClassTarget, numbers: np.ndarray, weight: np.ndarray
    ) -> np.ndarray:
        known = target.known(numbers)
        factor = np.zeros(len(numbers))
        factor[known] = class_factor(
            self.class_weight, target, numbers[known], weight[known], type(self).__name__
        )
        return factor


def _checked_classes(classes: Any) -> np.ndarray:
    array = np.asarray(classes)
    if array.ndim != 1:
        raise ValueError(f"classes must be a list of labels. Got {classes!r} instead.")
    return ClassTarget.check(array, "classes")

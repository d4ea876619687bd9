"""One sequence -> one label."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin

from sklearn_rnn._base import BaseRecurrent
from sklearn_rnn._params import Rule, none, one_of, that
from sklearn_rnn.data.targets import ClassTarget, LabelError
from sklearn_rnn.training.callbacks import EarlyStopping


def _are_weights(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(weight, Real) and 0 <= float(weight) < np.inf for weight in value.values()
    )


def _checked_classes(classes: Any) -> np.ndarray:
    array = np.asarray(classes)
    if array.ndim != 1:
        raise ValueError(f"classes must be a list of labels. Got {classes!r} instead.")
    return ClassTarget.check(array, "classes")


class RNNClassifier(ClassifierMixin, BaseRecurrent):
    """PLACEHOLDER."""

    _parameter_rules: ClassVar[dict[str, Rule]] = BaseRecurrent._parameter_rules | {
        "class_weight": one_of(["balanced"])
        | that("a dict of classes and weights >= 0", _are_weights)
        | none(),
    }

    def __init__(
        self,
        *,
        cell="lstm",
        hidden_size=64,
        num_layers=1,
        bidirectional=True,
        pooling="max",
        dropout=0.3,
        recurrent_dropout=0.2,
        standardize=True,
        lr=3e-3,
        max_epochs=100,
        batch_size="auto",
        optimizer="adamw",
        weight_decay=0.01,
        lr_schedule="cosine",
        gradient_clip=1.0,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        class_weight=None,
        callbacks=None,
        warm_start=False,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            cell=cell,
            hidden_size=hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            pooling=pooling,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            standardize=standardize,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            weight_decay=weight_decay,
            lr_schedule=lr_schedule,
            gradient_clip=gradient_clip,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            callbacks=callbacks,
            warm_start=warm_start,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    _target_kind = ClassTarget

    def _take_over(self, net: Any, target: Any, stopping: EarlyStopping | None) -> None:
        super()._take_over(net, target, stopping)
        self.classes_ = target.classes

    def _loss_factor(
        self, target: ClassTarget, numbers: np.ndarray, weight: np.ndarray
    ) -> np.ndarray:
        if self.class_weight is None:
            return np.ones(len(numbers))
        if self.class_weight == "balanced":
            counts = np.bincount(numbers, weights=weight, minlength=target.n_outputs)
            return 1 / counts[numbers]
        labels = target.classes.tolist()
        unknown = [label for label in self.class_weight if label not in labels]
        if unknown:
            raise ValueError(
                f"The 'class_weight' parameter of {type(self).__name__} names {unknown[0]!r}, "
                f"which is not among the classes {labels}."
            )
        factors = np.array([float(self.class_weight.get(label, 1.0)) for label in labels])
        if not factors.any():
            raise ValueError(
                f"The 'class_weight' parameter of {type(self).__name__} must be a dict of classes "
                f"and weights that are not all 0. Got {self.class_weight!r} instead."
            )
        return factors[numbers]

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
        y : array-like of shape (n_samples,)
        classes : array-like, optional
            All labels that will ever come; needed in the first call if its y lacks some.
        sample_weight : array-like of shape (n_samples,), optional
            As in :meth:`fit`.

        Returns
        -------
        self
        """
        target = None
        if classes is not None:
            target = ClassTarget.from_y(_checked_classes(classes))
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

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the log-odds of the classes.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            Two classes: the log-odds of the second. More: logits, whose softmax is
            :meth:`predict_proba`.
        """
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable label of each sequence.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples,), of the labels' own type
        """
        outputs = self._outputs(X)
        return self._target.decode(outputs)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Columns in the order of ``classes_``.
        """
        return softmax(self._outputs(X), axis=1)

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
        """
        return log_softmax(self._outputs(X), axis=1)

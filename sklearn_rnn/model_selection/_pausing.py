"""Estimators whose fit can pause after each epoch: this library's, alone or at a pipeline's end."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any, Self

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sklearn_rnn._base import BaseRecurrent
from sklearn_rnn.training.net import Pauses, Reply


def last_step(estimator: Any) -> Any:
    """Return the estimator itself or, of pipelines, the one at the end."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def can_pause(estimator: Any) -> bool:
    """Tell whether :func:`fit_by_epoch` has pauses: not in a subclass with a ``fit`` of its own."""
    last = last_step(estimator)
    if not isinstance(last, BaseRecurrent):
        return False
    return type(last).fit.__module__.partition(".")[0] == __name__.partition(".")[0]


def epochs_parameter(estimator: Any) -> str:
    """Return the name by which the epochs of the last step are set."""
    names = []
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        names.append(name)
    return "__".join([*names, "max_epochs"])


def fit_by_epoch(estimator: Any, X: Any, y: Any, fit_params: dict[str, Any]) -> Pauses:
    """Fit in place, pausing after each epoch; in a pause the estimator can predict.

    Any other estimator is fitted without a pause.

    Yields
    ------
    int
        How many epochs are done. ``send(Reply.END)`` ends the fit as its last epoch would;
        ``send(Reply.COMPLETE)`` pauses again, with all that a fitted estimator has; closing the
        generator leaves a network that is not fitted.
    """
    if not can_pause(estimator):
        estimator.fit(X, *(() if y is None else (y,)), **fit_params)
        return
    recurrent = last_step(estimator)
    if recurrent is not estimator:
        X, y, fit_params = _fit_all_before(estimator, X, y, fit_params)
    yield from recurrent._fit_by_epoch(X, y, **fit_params)


def fit_until(
    n_epochs: int | None, estimator: Any, X: Any, y: Any, fit_params: dict[str, Any]
) -> None:
    """Fit in place; end training after so many epochs, of all that it was laid out for."""
    with closing(fit_by_epoch(estimator, X, y, fit_params)) as epochs:
        for n_done in epochs:
            if n_done == n_epochs:
                with suppress(StopIteration):
                    epochs.send(Reply.END)


def _fit_all_before(
    pipeline: Pipeline, X: Any, y: Any, fit_params: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """Fit all steps of a pipeline but the last; return what that one would be fitted with."""
    innermost = pipeline
    while isinstance(innermost.steps[-1][1], Pipeline):
        innermost = innermost.steps[-1][1]
    name, last = innermost.steps[-1]
    catcher = _Catcher(last)
    innermost.steps = [*innermost.steps[:-1], (name, catcher)]
    try:
        pipeline.fit(X, y, **fit_params)
    finally:
        innermost.steps[-1] = (name, last)
    return catcher.fitted_with_


class _Catcher(BaseEstimator):
    """Stand for the last step of a pipeline, and keep what its fit is called with."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Self:
        """Keep X, y and all that comes with them."""
        self.fitted_with_ = X, y, fit_params
        return self

    def get_metadata_routing(self) -> Any:
        """Ask for what the last step asks for."""
        return self.estimator.get_metadata_routing()

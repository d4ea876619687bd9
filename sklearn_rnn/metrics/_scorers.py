"""Metrics -> scorers, to be passed as ``scoring``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from difflib import get_close_matches
from inspect import signature
from typing import Any, Self

import numpy as np
from sklearn.metrics import make_scorer
from sklearn.utils.metadata_routing import MetadataRequest

from sklearn_rnn.metrics._entities import entity_f1
from sklearn_rnn.metrics._reading import labelled_steps
from sklearn_rnn.metrics._sequences import edit_distance, exact_match, token_error_rate
from sklearn_rnn.metrics._steps import sequence_mae, sequence_rmse, step_accuracy, step_f1

_SCORERS: dict[str, Any] = {
    "step_accuracy": make_scorer(step_accuracy),
    "step_f1_macro": make_scorer(step_f1),
    "step_f1_micro": make_scorer(step_f1, average="micro"),
    "step_f1_weighted": make_scorer(step_f1, average="weighted"),
    "exact_match": make_scorer(exact_match),
    "entity_f1": make_scorer(entity_f1),
    "neg_edit_distance": make_scorer(edit_distance, greater_is_better=False),
    "neg_token_error_rate": make_scorer(token_error_rate, greater_is_better=False),
    "neg_sequence_mae": make_scorer(sequence_mae, greater_is_better=False),
    "neg_sequence_rmse": make_scorer(sequence_rmse, greater_is_better=False),
}


def get_scorer_names() -> list[str]:
    """Return the names that :func:`get_scorer` knows.

    Examples
    --------
    >>> from sklearn_rnn.metrics import get_scorer_names
    >>> get_scorer_names()[:3]
    ['entity_f1', 'exact_match', 'neg_edit_distance']
    """
    return sorted(_SCORERS)


def get_scorer(name: str) -> Any:
    """Return the scorer of a metric of this module, to be passed as ``scoring``.

    The names themselves are unknown to scikit-learn, whose own scorers fail on sequences of
    different lengths. For metrics with other parameters use :func:`sklearn.metrics.make_scorer` on
    the function, for scikit-learn's metrics :func:`make_step_scorer`.

    Parameters
    ----------
    name : str
        One of :func:`get_scorer_names`. Errors are negative, lest a search prefer the largest.

    Returns
    -------
    callable
        A new scorer ``scorer(estimator, X, y)``.

    Raises
    ------
    ValueError
        If there is none of this name.

    Examples
    --------
    >>> from sklearn_rnn.metrics import get_scorer
    >>> scoring = {"right": get_scorer("exact_match"), "error": get_scorer("neg_token_error_rate")}
    """
    if name not in _SCORERS:
        close = get_close_matches(str(name), _SCORERS, n=1)
        raise ValueError(
            f"There is no scorer {name!r}."
            + (f" Did you mean {close[0]!r}?" if close else "")
            + f" The names are {', '.join(get_scorer_names())}; for scikit-learn's metrics use "
            "make_step_scorer."
        )
    return deepcopy(_SCORERS[name])


def make_step_scorer(
    metric: Callable[..., float],
    *,
    greater_is_better: bool = True,
    response_method: str | Sequence[str] = "predict",
    name: str | None = None,
    **kwargs: Any,
) -> StepScorer:
    """Make a scorer for targets of one value a step from a metric on flat arrays.

    The steps of all sequences are laid end to end, those without a label are left out, and the
    metric sees one sample a step.

    Parameters
    ----------
    metric : callable
        Such as :func:`sklearn.metrics.f1_score`: ``metric(y_true, y_pred, **kwargs)``.
    greater_is_better : bool, default=True
        False turns the sign, for errors.
    response_method : {"predict", "predict_proba", "decision_function"} or list of them, \
            default="predict"
        What the metric gets from the estimator; of a list the first that it has. Of two classes it
        gets the values of the positive one, which is ``pos_label`` if that is passed, else the last
        of ``estimator.classes_``. With "predict_proba" a metric that takes ``labels`` gets
        ``estimator.classes_``, which a fold may lack some of.
    name : str, default=None
        What representation and messages call the metric. None takes the function's name.
    **kwargs
        For the metric.

    Returns
    -------
    StepScorer
        ``scorer(estimator, X, y, sample_weight=None)``, to be passed as ``scoring``. Weights are
        one a sequence; a step weighs as its sequence.

    Examples
    --------
    >>> from sklearn.metrics import f1_score, log_loss
    >>> from sklearn_rnn.metrics import make_step_scorer
    >>> make_step_scorer(f1_score, average="macro")
    make_step_scorer(f1_score, average='macro')
    >>> make_step_scorer(log_loss, greater_is_better=False, response_method="predict_proba")
    make_step_scorer(log_loss, greater_is_better=False, response_method='predict_proba')
    """
    if not callable(metric):
        raise TypeError(
            "The 'metric' parameter of make_step_scorer must be a function such as "
            f"sklearn.metrics.f1_score. Got {metric!r} instead."
        )
    methods = (response_method,) if isinstance(response_method, str) else tuple(response_method)
    known = ("predict", "predict_proba", "decision_function")
    if not methods or any(method not in known for method in methods):
        raise ValueError(
            "The 'response_method' parameter of make_step_scorer must be 'predict', "
            "'predict_proba', 'decision_function' or a list of these. "
            f"Got {response_method!r} instead."
        )
    return StepScorer(metric, greater_is_better, methods, name, kwargs)


class StepScorer:
    """A metric on flat arrays as a scorer of sequences; made by :func:`make_step_scorer`."""

    def __init__(
        self,
        metric: Callable[..., float],
        greater_is_better: bool,
        response_methods: tuple[str, ...],
        name: str | None,
        kwargs: dict[str, Any],
    ) -> None:
        self.metric = metric
        self.greater_is_better = greater_is_better
        self.response_methods = response_methods
        self.name = name or getattr(metric, "__name__", repr(metric))
        self.kwargs = kwargs
        self._request = MetadataRequest(owner="StepScorer")
        self._request.score.add_request(param="sample_weight", alias=None)

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of an estimator's answers to X, the higher the better."""
        method = self._method_of(estimator)
        steps = labelled_steps(y, getattr(estimator, method)(X), sample_weight)
        true, response = _single_column(steps.true), steps.pred
        kwargs = dict(self.kwargs)
        if method == "predict":
            response = _single_column(response)
        else:
            response, chosen = self._scores(response, _classes_of(estimator), method)
            kwargs = chosen | kwargs
        if sample_weight is not None:
            if "sample_weight" not in self._parameters():
                raise TypeError(f"The metric {self.name} takes no sample_weight.")
            kwargs["sample_weight"] = steps.step_weight
        score = float(self.metric(true, response, **kwargs))
        return score if self.greater_is_better else -score

    def _method_of(self, estimator: Any) -> str:
        for method in self.response_methods:
            if hasattr(estimator, method):
                return method
        raise AttributeError(
            f"{type(estimator).__name__} has no method {' or '.join(self.response_methods)}, which "
            f"{self!r} needs."
        )

    def _scores(
        self, response: np.ndarray, classes: list[Any], method: str
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return what the metric gets of the scores of classes, and what it takes beside them."""
        chosen = {}
        if method == "predict_proba" and "labels" in self._parameters():
            chosen["labels"] = classes
        if len(classes) != 2:
            return response, chosen
        positive = self.kwargs.get("pos_label", classes[1])
        if positive not in classes:
            raise ValueError(f"pos_label={positive!r} is not among the classes, {classes}.")
        if "pos_label" in self._parameters():
            chosen["pos_label"] = positive
        if response.ndim == 2 and response.shape[1] == 2:
            return response[:, classes.index(positive)], chosen
        response = _single_column(response)
        return (-response if positive == classes[0] else response), chosen

    def _parameters(self) -> Any:
        return signature(self.metric).parameters

    def set_score_request(self, *, sample_weight: bool | str | None) -> Self:
        """Request weights where metadata routing is enabled; return the scorer itself."""
        self._request.score.add_request(param="sample_weight", alias=sample_weight)
        return self

    def get_metadata_routing(self) -> MetadataRequest:
        """Return what was requested."""
        return self._request

    def __sklearn_clone__(self) -> Self:
        return deepcopy(self)

    def __repr__(self) -> str:
        parts = [str(self.name)]
        if not self.greater_is_better:
            parts.append("greater_is_better=False")
        if self.response_methods != ("predict",):
            methods = self.response_methods
            parts.append(f"response_method={methods[0] if len(methods) == 1 else list(methods)!r}")
        parts += [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"make_step_scorer({', '.join(parts)})"


def _classes_of(estimator: Any) -> list[Any]:
    if not hasattr(estimator, "classes_"):
        raise AttributeError(
            f"{type(estimator).__name__} has no classes_, which say what each column of its "
            "probabilities stands for."
        )
    return np.asarray(estimator.classes_).tolist()


def _single_column(values: np.ndarray) -> np.ndarray:
    """Return values of one output as a flat array."""
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values

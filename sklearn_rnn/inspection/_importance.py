"""How much each step and channel adds to a prediction."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from sklearn_rnn._language_model import RNNLanguageModel
from sklearn_rnn._params import a_bool, an_instance, an_int, none
from sklearn_rnn.data.batching import cut_to_steps
from sklearn_rnn.data.ragged import places_of, split_at
from sklearn_rnn.inspection._explained import (
    Explained,
    ExplainedNetwork,
    choice_of_output,
    read_explained,
)
from sklearn_rnn.inspection._preparing import check_estimator, check_options

MAX_STEPS = 1 << 16
"""Padded steps that go through the network at once, all points of the path counted."""

CLOSE, TOLERANCE = 0.02, 0.05
"""How far a sum may be off the difference of predictions, in parts of it, for no further points to
be taken, and for no warning."""

SMALL = 0.25
"""A difference below this, in log-odds or standard deviations of y, counts as this."""


def step_importance(
    estimator: Any,
    X: ArrayLike,
    *,
    output: Any = None,
    step: int | None = None,
    baseline: ArrayLike | None = None,
    n_steps: int = 50,
    return_static: bool = False,
) -> Any:
    """Return how much each step and channel of sequences adds to a prediction.

    Integrated gradients [1]_: the gradient of the prediction by the inputs, integrated along the
    straight way from a baseline that tells nothing to the sequence itself. The importances of a
    sequence sum up to the difference between its prediction and that of the baseline. They are
    computed by `captum <https://captum.ai>`_, which is installed with
    ``pip install sklearn-rnn[inspection]``.

    What is explained is a number: for labels and tokens the log-odds of a class, ``log(p / (1 -
    p))``, for regressors the prediction in the units of y.

    Parameters
    ----------
    estimator : fitted estimator of sklearn_rnn
    X : sequences of n_samples
        In any form that ``predict`` takes.
    output : label or int, optional
        The class, or token, whose log-odds are explained; without, the one that is predicted, for
        each sequence its own. For regressors of several numbers the place of one of them.
    step : int, optional
        For estimators that answer at each step, the step whose answer is explained; negative ones
        count from the end, and the last is taken without. For encoder/decoders the entry of the
        answer that they write themselves, -1 for its last. Not used by the others.
    baseline : array-like of shape (n_numbers,), optional
        Number(s) a step that tell nothing, in the units of X, one for each numeric channel;
        without, the channels' means in ``fit``. At each step of the baseline categories are unknown
        and no number is missing. Changes between steps, which the network may read beside the
        numbers, are zero there and count for the later step.
    n_steps : int, default=50
        Points of the way at which gradients are computed. Sequences whose sum is then more than 2%
        beside the difference of the predictions get four times as many, and again: gated networks
        change steeply at some point of the way.
    return_static : bool, default=False
        Also explain what stands beside the sequences. Without, static columns are the same all the
        way, and the difference is that of the sequences alone.

    Returns
    -------
    importance : ndarray of shape (n_samples,), dtype=object
        For each sequence an array of shape (n_steps, n_channels), float64: positive where the
        step's value raises what is explained. Channels come in the order of X; a categorical
        channel, token or time has one number a step, and what a missing number tells counts to its
        channel.
    static_importance : ndarray of shape (n_samples, n_static), float64
        Only with ``return_static=True``; static columns in the order of X. Their baseline is the
        mean, or 0 with ``standardize=False``, and the unknown category.

    Raises
    ------
    ImportError
        If captum is not installed.
    NotFittedError
        If the estimator is not fitted.
    ValueError, TypeError
        If a parameter or X is not as described.

    Warns
    -----
    UserWarning
        Where importances sum up to more than 5% beside the difference of the predictions.

    Notes
    -----
    The network is a function of all steps: an importance tells what a value adds beside the others
    of its sequence. An embedding's importance is that of the whole learned vector. Where answers
    are fed back (``output_feedback=True``, encoder/decoders), those before the one explained are
    kept as the network gave them.

    :class:`~sklearn_rnn.RNNLanguageModel` is explained in the token that comes next: the most
    probable one, the end maybe, or that of ``output``.

    References
    ----------
    .. [1] Sundararajan, M., Taly, A. and Yan, Q. (2017). Axiomatic attribution for deep networks.
           ICML.

    Examples
    --------
    The label is the sign of the first step, the rest is noise:

    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import step_importance
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(4, 8, size=60)]
    >>> y = [int(x[0, 0] > 0) for x in X]
    >>> model = RNNClassifier(hidden_size=8, pooling="last", max_epochs=30, random_state=0)
    >>> importance = step_importance(model.fit(X, y), X[:2])
    >>> importance[0].shape == X[0].shape
    True
    >>> [int(np.abs(steps[:, 0]).argmax()) for steps in importance]
    [0, 0]
    """
    check_estimator(estimator, "step_importance")
    check_options(
        "step_importance",
        {"n_steps": n_steps, "return_static": return_static, "step": step},
        {
            "n_steps": an_int(1),
            "return_static": a_bool(),
            "step": an_instance((int, np.integer), "an int") | none(),
        },
    )
    integrated_gradients = _captum()
    explained = read_explained(estimator, X, step)
    if return_static and explained.inputs.static is None:
        raise ValueError(
            "The 'return_static' parameter of step_importance must be False where X has no columns "
            "of single values beside the sequences. Got True instead."
        )
    network = ExplainedNetwork(estimator, explained, baseline, explain_static=return_static)
    integral = _Integral(
        network, explained, choice_of_output(estimator, output), integrated_gradients
    )
    pending = np.arange(len(explained.inputs))
    for n_points in (n_steps, 4 * n_steps, 16 * n_steps):
        integral.take(pending, n_points)
        pending = np.flatnonzero(integral.error > CLOSE)
    _warn_of_gaps(integral.error, n_steps)
    importance = split_at(integral.steps, explained.inputs.sequences.lengths)
    if isinstance(estimator, RNNLanguageModel):
        importance[:] = [of_row[1:] for of_row in importance]  # the start is no token
    return (importance, integral.static) if return_static else importance


class _Integral:
    """Importances of all rows, and how near their sums are to what they should be."""

    def __init__(
        self, network: ExplainedNetwork, explained: Explained, choose: Any, method: type[Any]
    ) -> None:
        self._network = network
        self._explained = explained
        self._choose = choose
        self._method = method
        n_rows, n_columns = len(explained.inputs), network.steps.width
        self.steps = np.zeros((len(explained.inputs.sequences.values), n_columns))
        self.static = np.zeros((n_rows, network.static.width if network.static else 0))
        self._sums, self._differences = np.zeros((2, n_rows))

    @property
    def error(self) -> np.ndarray:
        """How far sums are off the differences of predictions, in parts of their size."""
        size = np.maximum(abs(self._differences), SMALL * self._explained.unit)
        return abs(self._sums - self._differences) / size

    def take(self, rows: np.ndarray, n_points: int) -> None:
        """Integrate over so many points for some rows, as many rows at once as memory allows."""
        longest = self._explained.longest
        order = rows[np.argsort(longest[rows], kind="stable")]
        for part in cut_to_steps(order, longest, max(MAX_STEPS // n_points, 1)):
            self._take_batch(part, n_points)

    def _take_batch(self, rows: np.ndarray, n_points: int) -> None:
        network, explained = self._network, self._explained
        batch = network.gather(rows)
        with torch.no_grad():
            outputs = network.outputs(*batch.inputs, *batch.fixed)
            wanted = self._choose(outputs)
            difference = explained.number(outputs, wanted) - explained.number(
                network.outputs(*batch.baselines, *batch.fixed), wanted
            )

        def number(*tensors: Tensor) -> Tensor:
            *given, wanted = tensors
            return explained.number(network.outputs(*given), wanted)

        attributions = self._method(number).attribute(
            batch.inputs,
            batch.baselines,
            additional_forward_args=(*batch.fixed, wanted),
            n_steps=n_points,
        )
        self._sums[rows] = sum(a.flatten(1).sum(1).cpu().numpy() for a in attributions)
        self._differences[rows] = difference.cpu().numpy()
        sequences = explained.inputs.sequences
        inside = np.arange(attributions[0].shape[1]) < sequences.lengths[rows, None]
        of_steps = network.steps.folded(attributions[0])[inside]
        self.steps[places_of(sequences.offsets, rows)] = of_steps
        if network.static is not None and len(attributions) > 1:
            self.static[rows] = network.static.folded(attributions[1])


def _warn_of_gaps(error: np.ndarray, n_steps: int) -> None:
    rows = np.flatnonzero(error > TOLERANCE)
    if len(rows):
        warnings.warn(
            f"The importances of {len(rows)} of {len(error)} sequence(s), row {rows[0]} first, sum "
            f"up to more than {TOLERANCE:.0%} beside the difference between the predictions for "
            "them and for the baseline: on the way there the prediction changes too steeply for "
            f"n_steps={n_steps}. Raise n_steps, or give a baseline that is nearer.",
            UserWarning,
            stacklevel=3,
        )


def _captum() -> Any:
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise ImportError(
            "step_importance computes integrated gradients by captum, which is not installed. "
            "Install it with 'pip install sklearn-rnn[inspection]'."
        ) from error
    return IntegratedGradients

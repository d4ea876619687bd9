"""Whether a network can learn one batch by heart, and what is in its way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import _safe_indexing

from sklearn_rnn._language_model import RNNLanguageModel
from sklearn_rnn._params import a_number, an_int
from sklearn_rnn._random import spawn_seeds
from sklearn_rnn._seq2seq import BaseSeq2Seq
from sklearn_rnn._step import BaseStep
from sklearn_rnn.data.per_sample import read_y
from sklearn_rnn.data.sequence_y import read_answers
from sklearn_rnn.data.targets import ClassTarget
from sklearn_rnn.data.tokens import is_table, one_column
from sklearn_rnn.inspection._floor import Contradiction, lowest_loss
from sklearn_rnn.inspection._preparing import (
    check_estimator,
    check_options,
    fit_probed,
    prepared,
    seed_of,
    trial,
)
from sklearn_rnn.training.probing import FitUntil

FREED: dict[str, Any] = {
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "input_dropout": 0.0,
    "label_smoothing": 0.0,
    "weight_decay": 0.0,
    "augmentation": None,
    "teacher_forcing": 1.0,
    "lr_schedule": None,
}
"""What regularizes, off, and a constant learning rate."""

SAFE: dict[str, Any] = {
    "lr": 0.01,
    "gradient_clip": 1.0,
    "optimizer": "adamw",
    "standardize": True,
    "cell": "gru",
    "stem": None,
    "num_layers": 1,
    "bptt_steps": None,
    "class_weight": None,
}
"""What hardly ever keeps a network from learning one batch; and at least so many units:"""
SAFE_UNITS = 64

DIVERGED = 20.0
"""A loss that networks, which start at the best constant answer, come to by diverging alone."""

SLACK = 5
"""Times tol: a setting that keeps the loss below only slows training down."""

LARGE = 1_000_000
LONGEST_TEXT = 200
"""Tokens of a text, or other sequence for a language model, that are learned."""


@dataclass(frozen=True, eq=False, repr=False)
class OverfitResult:
    """What :func:`overfit_one_batch` returns.

    Attributes
    ----------
    reached : bool
        Whether the loss came near zero with the estimator's settings, but for what regularizes.
    loss : float
        The lowest loss it came to: cross-entropy in nats, or squared error in units of the
        target's variance in the batch. Infinite if training diverged.
    losses : ndarray of shape (n_updates,)
        The loss after each update, without dropout.
    tol : float
        What counts as near zero.
    floor : float
        What no network can get below: rows that are equal but have another y; for language models,
        texts that begin alike and go on differently.
    blocked_by : list of str
        What is in the way, a sentence each, as far as it was found.
    trials : pandas.DataFrame
        All that was tried: what was changed, the lowest loss, and the updates it took.
    rows : ndarray of int
        The rows of X in the batch.
    """

    reached: bool
    loss: float
    losses: np.ndarray
    tol: float
    floor: float
    blocked_by: list[str]
    trials: pd.DataFrame
    rows: np.ndarray = field(repr=False)

    def __repr__(self) -> str:
        """Return what came of it in a few lines."""
        above = f" (no network gets below {self.floor:.3g})" if self.floor > 0 else ""
        what = "Reached" if self.reached else "Not reached"
        fell = f"fell to {self.loss:.3g}" if np.isfinite(self.loss) else "shot up"
        first = (
            f"{what}: the loss of {len(self.rows)} sequence(s) {fell}{above} in "
            f"{len(self.losses)} update(s)."
        )
        return "\n".join([first, *(f"- {sentence}" for sentence in self.blocked_by)])


def overfit_one_batch(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    batch_size: int = 8,
    max_updates: int = 200,
    tol: float = 0.01,
) -> OverfitResult:
    """Check that the network can learn a few sequences by heart, and find what is in its way.

    A network, its data and its training are sound if it comes to a loss near zero on one small
    batch [1]_. A copy of the estimator is trained on a few sequences with all that regularizes
    turned off (dropout, weight decay, augmentation, label smoothing, teacher forcing below 1) and a
    constant learning rate. If that reaches the goal, what was turned off is turned on again; if it
    does not, settings that hardly ever fail are tried, and each one that differs is turned back to
    the estimator's value, one at a time, to see which of them is in the way.

    Parameters
    ----------
    estimator : estimator of sklearn_rnn
        It is copied, not changed.
    X : sequences of n_samples
        In any form that ``fit`` takes.
    y : as in ``fit``, optional
        None for :class:`~sklearn_rnn.RNNLanguageModel`.
    batch_size : int, default=8
        Sequences in the batch. They are drawn at random, by the estimator's ``random_state``; of as
        many classes as possible, if y holds some.
    max_updates : int, default=200
        Updates of a trial.
    tol : float, default=0.01
        A loss that counts as near zero.

    Returns
    -------
    OverfitResult

    Raises
    ------
    TypeError
        If the estimator is none of this library's, or X or y can't be read.
    ValueError
        If a parameter, X or y is not as described.

    Notes
    -----
    Losses are measured after each update without dropout, on the batch itself. The network is built
    for the batch alone: channels and targets have its mean and spread, ``min_frequency`` is 1, and
    ``step_loss`` is 0. A setting is said to be in the way where the loss remains above five times
    ``tol``: many make training slower without spoiling it. A language model learns the first 200
    tokens of each sequence.

    References
    ----------
    .. [1] Karpathy, A. (2019). A recipe for training neural networks.
           https://karpathy.github.io/2019/04/25/recipe/

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import overfit_one_batch
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=n) for n in rng.integers(5, 10, size=40)]
    >>> y = rng.integers(2, size=40)
    >>> overfit_one_batch(RNNClassifier(random_state=0), X, y).reached
    True
    >>> check = overfit_one_batch(RNNClassifier(lr=1e-6, random_state=0), X, y, max_updates=100)
    >>> check.reached
    False
    >>> print(check.blocked_by[0])
    With lr=1e-06 as set the loss remains at 0.6...; with lr=0.01 it falls to 0.00...
    """
    check_estimator(estimator, "overfit_one_batch")
    check_options(
        "overfit_one_batch",
        {"batch_size": batch_size, "max_updates": max_updates, "tol": tol},
        {"batch_size": an_int(2), "max_updates": an_int(1), "tol": a_number("(0, inf)")},
    )
    estimator._check_parameters()
    seed, trial_seed = spawn_seeds(seed_of(estimator), 2)
    rows = _chosen(estimator, X, y, batch_size, np.random.default_rng(seed))
    batch = _Trials(estimator, X, y, rows, max_updates, tol, trial_seed)
    freed = batch.present(FREED)
    losses = batch.run("", freed)
    floor = batch.floor
    loss = _lowest(losses)
    is_low = loss <= floor + tol
    blocked_by = [*map(batch.sentence_of, batch.contradictions)]
    if is_low:
        blocked_by += batch.blocking(freed, {}, loss)
    else:
        safe = batch.present(SAFE | {"hidden_size": max(estimator.hidden_size, SAFE_UNITS)})
        lowest = _lowest(batch.run(_named(safe), freed | safe)) if safe else loss
        if lowest <= floor + tol:
            blocked_by += batch.blocking(safe, freed, lowest, loss)
        else:
            blocked_by.append(batch.sentence_of_failure(safe, lowest))
    return OverfitResult(
        is_low and not batch.contradictions,
        loss,
        losses,
        tol,
        floor,
        blocked_by,
        pd.DataFrame(batch.trials, columns=["change", "loss", "n_updates"]),
        rows,
    )


class _Trials:
    """One batch, and what came of training on it in several ways."""

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        rows: np.ndarray,
        n_updates: int,
        tol: float,
        seed: int,
    ) -> None:
        self.estimator = estimator
        self.X = _safe_indexing(X, rows)
        self.y = None if y is None else _safe_indexing(y, rows)
        if isinstance(estimator, RNNLanguageModel):
            self.X = _cut(self.X)
        self.rows = rows
        self.n_updates = n_updates
        self.tol = tol
        self.trials: list[tuple[str, float, int]] = []
        one_batch = {
            "batch_size": LARGE,
            "batch_steps": None,
            "max_epochs": int(n_updates),
            "random_state": seed,
            "min_frequency": 1,
            "step_loss": 0.0,
        }
        self._model = trial(estimator, **self._known(one_batch))
        self.floor, self.contradictions = lowest_loss(
            self._model, prepared(trial(self._model, **self.present(FREED)), self.X, self.y)
        )
        if isinstance(estimator, RNNLanguageModel):  # texts may go on as they like
            self.contradictions = []

    def _known(self, settings: dict[str, Any]) -> dict[str, Any]:
        known = self.estimator.get_params(deep=False)
        return {name: value for name, value in settings.items() if name in known}

    def present(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the settings that the estimator has, with another value."""
        known = self._known(settings)
        return {
            name: value
            for name, value in known.items()
            if not _is_same(getattr(self.estimator, name), value)
        }

    def run(self, change: str, settings: dict[str, Any]) -> np.ndarray:
        """Return the losses of training with these settings."""
        probe = FitUntil(self.floor + self.tol)
        fit_probed(trial(self._model, **settings), probe, self.X, self.y, self.X, self.y)
        losses = np.array(probe.losses)
        self.trials.append((change, _lowest(losses), len(losses)))
        return losses

    def blocking(
        self,
        tried: dict[str, Any],
        others: dict[str, Any],
        reached: float,
        untouched: float | None = None,
    ) -> list[str]:
        """Turn what was tried back to the estimator's values; return which of them block.

        Parameters
        ----------
        tried : dict
            Settings with which, beside others, the loss came to ``reached``.
        others : dict
            Settings that stay.
        reached : float
        untouched : float, optional
            The loss with all of them as the estimator has them; without, that is tried first.
        """
        if not tried:
            return []
        goal = self.floor + SLACK * self.tol
        as_set = {name: getattr(self.estimator, name) for name in tried}
        together = untouched
        if together is None:
            together = _lowest(self.run(_named(as_set), others))
        if together <= goal:
            return []
        sentences = []
        for name, value in tried.items():
            rest = {other: v for other, v in tried.items() if other != name}
            remains = _lowest(self.run(f"{name}={as_set[name]!r}", rest | others))
            if remains > goal:
                sentences.append(
                    f"With {name}={as_set[name]!r} as set {_remaining(remains)}; with "
                    f"{name}={value!r} it falls to {reached:.3g}."
                )
        if sentences:
            return sentences
        return [
            f"None of {_named(as_set)} is in the way alone, but with all of them "
            f"{_remaining(together)} after {self.n_updates} updates; with {_named(tried)} it falls "
            f"to {reached:.3g}."
        ]

    def sentence_of(self, contradiction: Contradiction) -> str:
        """Tell of rows that read the same and have another y."""
        rows = self.rows[list(contradiction.rows)].tolist()
        where = f"Rows {rows[0]} and {rows[1]} of X"
        if contradiction.step is None:
            what = "are equal, but have different y"
        else:
            step = contradiction.step
            what = f"read the same up to and with step {step}, but have different y there"
            if isinstance(self.estimator, BaseStep) and not self.estimator.bidirectional:
                what += " (bidirectional=True would let the step know what comes after it)"
        return f"{where} {what}: no network gets below a loss of {self.floor:.3g}."

    def sentence_of_failure(self, safe: dict[str, Any], lowest: float) -> str:
        """Tell that nothing helped."""
        even = f"Even with {_named(safe)} " if safe else "By the usual settings "
        return (
            f"{even}{_remaining(lowest)} after {self.n_updates} updates. Raise max_updates: if it "
            "goes on falling, the batch is only hard to learn. Else look at the data, as by "
            "describe_sequences: does X hold what y follows from?"
        )


def _lowest(losses: np.ndarray) -> float:
    """Return the lowest loss, infinity if training diverged, wherever it came to afterwards."""
    return float(losses.min()) if losses.max() <= DIVERGED else np.inf


def _remaining(loss: float) -> str:
    return f"the loss remains at {loss:.3g}" if np.isfinite(loss) else "training diverges"


def _named(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())


def _is_same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and a == b) or (a == b and not isinstance(b, str))


# -- which rows -----------------------------------------------------------------------------------


def _chosen(estimator: Any, X: Any, y: Any, n_rows: int, random: np.random.Generator) -> np.ndarray:
    """Return rows drawn at random, of as many classes as possible, in their order."""
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    order = random.permutation(n_samples)
    first: Iterable[int] = []
    if not isinstance(estimator, BaseSeq2Seq | RNNLanguageModel):
        rows, entries = _entries_of(estimator, y, n_samples)
        if issubclass(estimator._target_kind, ClassTarget):
            codes = pd.factorize(entries)[0]
        else:  # any number will do, where some steps have none
            codes = np.where(pd.isna(entries), -1, 0)
        place = np.empty(n_samples, dtype=np.int64)
        place[order] = np.arange(n_samples)
        known = pd.DataFrame({"code": codes, "place": place[rows]})[codes >= 0]
        first = order[np.sort(known.groupby("code")["place"].min().to_numpy())]
    chosen = list(dict.fromkeys([*first, *order]))[:n_rows]
    return np.sort(np.array(chosen))


def _entries_of(estimator: Any, y: Any, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels or numbers, and the row of each."""
    owner = type(estimator).__name__
    if isinstance(estimator, BaseStep):
        answers, _ = read_answers(y, n_samples, owner)
        return answers.rows, answers.values.reshape(len(answers.values), -1)[:, 0]
    labels = read_y(y, n_samples, owner)
    return np.arange(n_samples), labels.reshape(n_samples, -1)[:, 0]


def _cut(X: Any) -> Any:
    """Return the first tokens of each sequence."""
    alone = one_column(X)
    if is_table(alone):
        return np.asarray(alone)[:, :LONGEST_TEXT]
    rows = alone.to_pylist() if hasattr(alone, "to_pylist") else list(alone)
    return [row[:LONGEST_TEXT] for row in rows]

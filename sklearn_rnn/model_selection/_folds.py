"""A candidate's parameters -> its scores in all folds, epoch by epoch where fits can pause."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from numbers import Real
from time import perf_counter
from traceback import format_exc
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _score
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from sklearn_rnn.model_selection._pausing import can_pause, fit_by_epoch, last_step
from sklearn_rnn.training.net import Reply

_FIRST_LOOKS, _MOST_LOOKS = 10, 50

Split = tuple[np.ndarray, np.ndarray]
Report = Callable[[int, float, bool], None]


@dataclass(frozen=True)
class Rows:
    """X, y and what is passed to fits and scorers beside them, of all rows."""

    X: Any
    y: Any
    fit_params: dict[str, Any]
    score_params: dict[str, Any]


@dataclass(frozen=True)
class Judging:
    """How fits are made and scored.

    Attributes
    ----------
    scorer : callable
        As scikit-learn's searches have it: one, or several in a ``_MultimetricScorer``.
    metric : str
        Name of the score that counts, where there are several.
    error_score : "raise" or float
    return_train_score : bool
    measure_size : bool
        Whether to measure the size of the fitted estimator.
    """

    scorer: Any
    metric: str
    error_score: Any
    return_train_score: bool = False
    measure_size: bool = False


@dataclass
class FoldResult:
    """What a fold has come to, named as scikit-learn's searches name it."""

    test_scores: Any = None
    train_scores: Any = None
    fit_time: float = 0.0
    score_time: float = 0.0
    fit_error: str | None = None
    model_size: float = np.nan


class FoldFit:
    """One fit on the training rows of a fold, judged by its test rows.

    Parameters
    ----------
    estimator : estimator
        Fitted in place.
    rows : Rows
    train, test : ndarray of int
    judging : Judging

    Attributes
    ----------
    result : FoldResult
    n_epochs : int
        Done so far; 0 where the estimator can't pause.
    """

    def __init__(
        self, estimator: Any, rows: Rows, train: np.ndarray, test: np.ndarray, judging: Judging
    ) -> None:
        self.estimator = estimator
        self.result = FoldResult()
        self.n_epochs = 0
        self._judging = judging
        self._train = _safe_split(estimator, rows.X, rows.y, train)
        self._test = _safe_split(estimator, rows.X, rows.y, test, train)
        self._params = {
            "fit": _check_method_params(rows.X, params=rows.fit_params, indices=train),
            "train": _check_method_params(rows.X, params=rows.score_params, indices=train),
            "test": _check_method_params(rows.X, params=rows.score_params, indices=test),
        }
        self._epochs = fit_by_epoch(estimator, self._train[0], self._train[1], self._params["fit"])

    def advance(self, reply: Reply | None = None) -> bool:
        """Train one epoch more, or do as told where the fit is; return whether it has not ended."""
        with self._timed("fit_time"):
            try:
                self.n_epochs = self._epochs.send(reply)
            except StopIteration:
                return False
            except Exception:  # of whatever kind: it is kept, or raised as it is
                self._fail()
                return False
        return True

    def run(self) -> None:
        """Train to the end and score."""
        while self.advance():
            pass
        self.score()

    def reach(self, n_epochs: int, reply: Reply = Reply.END) -> None:
        """Train until so many epochs are done, end or complete the fit there, and score."""
        while self.n_epochs < n_epochs and self.advance():
            pass
        self.advance(reply)
        self.score()

    def close(self) -> None:
        """Give the fit up; what was trained goes into its checkpoint, if it has one."""
        self._epochs.close()

    def score(self) -> None:
        """Score by what is trained so far."""
        judging, result = self._judging, self.result
        if result.fit_error is not None:
            return
        with self._timed("score_time"):
            result.test_scores = self._score_on("test")
        if judging.return_train_score:
            result.train_scores = self._score_on("train")
        if judging.measure_size:
            result.model_size = float(len(pickle.dumps(self.estimator)))

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = perf_counter()
        yield
        setattr(self.result, name, getattr(self.result, name) + perf_counter() - started)

    def _fail(self) -> None:
        """Note the error that is being handled, or pass it on if errors are to be raised."""
        error_score = self._judging.error_score
        if error_score == "raise":
            raise
        if not isinstance(error_score, Real):
            raise ValueError(
                f"The 'error_score' parameter must be 'raise' or a number. Got {error_score!r} "
                "instead."
            )
        self.result.fit_error = format_exc()
        scores: Any = float(error_score)
        if isinstance(self._judging.scorer, _MultimetricScorer):
            scores = dict.fromkeys(self._judging.scorer._scorers, scores)
        self.result.test_scores = self.result.train_scores = scores

    def _score_on(self, part: str) -> Any:
        X, y = self._test if part == "test" else self._train
        judging = self._judging
        return _score(self.estimator, X, y, judging.scorer, self._params[part], judging.error_score)


def evaluate(
    estimator: Any,
    params: Mapping[str, Any],
    rows: Rows,
    splits: Sequence[Split],
    judging: Judging,
    report: Report | None = None,
    *,
    best_epoch: bool = False,
) -> tuple[list[FoldResult], int]:
    """Fit and judge a candidate in all folds.

    Parameters
    ----------
    estimator : estimator
        Cloned for each fold.
    params : mapping
        Set on the clones.
    rows, splits, judging
    report : callable, optional
        Called with a step, the mean score there, and whether it is the last: after each epoch,
        where fits can pause, all folds being at the same one; else after each fold, with the mean
        of those so far. May raise to end it all.
    best_epoch : bool
        Whether the result is that of the epoch of the highest mean score, the last of equal ones.
        Estimators that stop early have chosen their weights themselves.

    Returns
    -------
    results : list of FoldResult
    n_epochs : int
        Of the result; 0 where fits can't pause.
    """

    def fold_fit(train: np.ndarray, test: np.ndarray) -> FoldFit:
        fitted = clone(estimator).set_params(**clone(dict(params), safe=False))
        return FoldFit(fitted, rows, train, test, judging)

    together = can_pause(estimator) and (report is not None or best_epoch)
    if together:
        fits = [fold_fit(*split) for split in splits]
        try:
            return _evaluate_together(fits, judging.metric, report, best_epoch=best_epoch)
        finally:
            for fit in fits:
                fit.close()
    results: list[FoldResult] = []
    n_epochs = 0
    for split in splits:
        fit = fold_fit(*split)
        fit.run()
        results.append(fit.result)
        n_epochs = max(n_epochs, fit.n_epochs)
        if report is not None and fit.result.fit_error is None:
            is_last = len(results) == len(splits)
            report(len(results), mean_score(results, judging.metric), is_last)
    return results, n_epochs


def _evaluate_together(
    fits: list[FoldFit], metric: str, report: Report | None, *, best_epoch: bool
) -> tuple[list[FoldResult], int]:
    """Train all folds in step, so that each epoch has a mean score."""
    best_score, best_results, best_n = -np.inf, [fit.result for fit in fits], 0
    while going := [fit for fit in fits if fit.advance()]:
        n_epochs = max(fit.n_epochs for fit in fits)
        max_epochs = last_step(fits[0].estimator).max_epochs
        if not is_looked_at(n_epochs, max_epochs):
            continue
        for fit in going:
            fit.score()
        results = [fit.result for fit in fits]
        if any(result.fit_error is not None for result in results):
            continue
        score = mean_score(results, metric)
        if score >= best_score:
            best_score, best_n = score, n_epochs
            best_results = [replace(result) for result in results]
        if report is not None:
            report(n_epochs, score, n_epochs == max_epochs)
    for fit in fits:
        fit.score()  # the end of a fit may have gone back to other weights
    results = [fit.result for fit in fits]
    if (
        not best_epoch
        or mean_score(results, metric) >= best_score
        or chooses_epoch(fits[0].estimator)
    ):
        return results, max(fit.n_epochs for fit in fits)
    for best, last in zip(best_results, results, strict=True):
        best.fit_time, best.score_time = last.fit_time, last.score_time
    return best_results, best_n


def is_looked_at(epoch: int, n_epochs: int) -> bool:
    """Tell whether all folds are scored after an epoch: the first ten, and 50 of the others.

    To score takes a sixth of the time of an epoch or more.
    """
    return epoch <= _FIRST_LOOKS or (n_epochs - epoch) % -(-n_epochs // _MOST_LOOKS) == 0


def chooses_epoch(estimator: Any) -> bool:
    """Tell whether a fit ends with the weights of an epoch of its own choice."""
    return bool(getattr(last_step(estimator), "early_stopping", False))


def mean_score(results: Sequence[FoldResult], metric: str) -> float:
    """Return the mean over folds of the score that counts."""
    scores = [result.test_scores for result in results]
    for each in scores:
        if isinstance(each, dict) and metric not in each:
            raise ValueError(
                f"The 'scoring' function must return the score to optimize, {metric!r}. Got "
                f"{', '.join(each)} instead. Let 'refit' or 'objectives' name one of them."
            )
    return float(np.mean([each[metric] if isinstance(each, dict) else each for each in scores]))

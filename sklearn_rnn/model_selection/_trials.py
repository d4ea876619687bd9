"""What one worker of a search does: trial after trial, until there are enough."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import optuna
import torch
from optuna import Study, Trial, TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial

from sklearn_rnn.model_selection._folds import FoldResult, Judging, Split, evaluate, mean_score
from sklearn_rnn.model_selection._shared_data import SharedData, Unshared
from sklearn_rnn.model_selection._study import (
    OUTCOME,
    is_surplus,
    kept_alive,
    put_back,
    wait_for_work,
    was_given_up,
)
from sklearn_rnn.model_selection._suggestions import Space, params_of

_STOPPED = "sklearn_rnn:stopped"
MEASURED = {"fit_time": "seconds", "score_time": "seconds", "model_size": "bytes"}
"""Objectives besides scores, the less the better."""


class Surplus(Exception):
    """A trial was begun that is not needed."""


@dataclass(frozen=True)
class Search:
    """All that a worker must know.

    Attributes
    ----------
    name : str
        Of this call of fit, as no other has it.
    estimator : estimator
    rows : SharedData
        Of :class:`~sklearn_rnn.model_selection._folds.Rows`.
    splits, judging
    space : dict of distributions or callable
    objectives : list of str
    best_epoch, prunes : bool
    n_trials : int or None
        To carry out, by all processes together.
    until : float
        When to begin no further trial, as ``time.time`` has it.
    stale_after : float
        Seconds.
    callbacks : list of callable
    n_workers : int
    quiet : bool
        Whether Optuna keeps its log to errors.
    """

    name: str
    estimator: Any
    rows: SharedData | Unshared
    splits: Sequence[Split]
    judging: Judging
    space: Space
    objectives: Sequence[str]
    best_epoch: bool
    prunes: bool
    n_trials: int | None
    until: float
    stale_after: float
    callbacks: Sequence[Callable[[Study, FrozenTrial], None]]
    n_workers: int
    quiet: bool

    def take_part(self, study: Study) -> None:
        """Carry out trials until there are enough, time is up, or a callback stops the study."""
        with _cores_shared(self.n_workers), log_level(self.quiet):
            if self.n_workers > 1:  # or copies of a sampler would all suggest the same
                study.sampler.reseed_rng()
            while self._has_work(study):
                if self._carry_out_many(study):
                    if self._has_work(study):  # but a callback wanted no more
                        study.set_user_attr(_STOPPED, self.name)
                    return

    def _carry_out_many(self, study: Study) -> bool:
        """Return whether it came to an end: not if a trial was given to another meanwhile."""
        untold: Trial | None = None

        def objective(trial: Trial) -> float | list[float]:
            nonlocal untold
            try:
                value = self._carry_out(trial)
            except (TrialPruned, UpdateFinishedTrialError):
                untold = trial
                raise
            untold = trial
            return value

        def told(study: Study, trial: FrozenTrial) -> None:
            nonlocal untold
            untold = None

        remaining = self.until - time.time()
        try:
            study.optimize(
                objective,
                timeout=None if remaining == np.inf else max(remaining, 0.0),
                catch=(Surplus,),
                callbacks=[told, *self.callbacks, self._stop_when_done],
            )
        except (ValueError, AssertionError, UpdateFinishedTrialError):
            if untold is None or not was_given_up(study, untold.number):
                raise
            return False  # this process slept and was thought to be dead: its trial can't be told
        return True

    def _has_work(self, study: Study) -> bool:
        if study.user_attrs.get(_STOPPED) == self.name:
            return False
        return wait_for_work(study, self.n_trials, self.stale_after, self.until)

    def _stop_when_done(self, study: Study, trial: FrozenTrial) -> None:
        if not self._has_work(study):
            study.stop()

    def _carry_out(self, trial: Trial) -> float | list[float]:
        """Return what a trial's parameters are worth, and store what the folds came to."""
        if is_surplus(trial.study, trial.number, self.n_trials):
            raise Surplus
        n_steps = 0

        def report(step: int, score: float, is_last: bool) -> None:
            nonlocal n_steps
            n_steps = step
            if np.isnan(score):  # which is not to be worse than others: the pruner is not told
                return
            trial.report(score, step)
            if not is_last and trial.should_prune():  # at the end there is nothing to save
                raise TrialPruned

        with kept_alive(trial, self.name, self.stale_after):
            try:
                results, n_epochs = evaluate(
                    self.estimator,
                    params_of(self.space, trial),
                    self.rows.data,
                    self.splits,
                    self.judging,
                    report if self.prunes else None,
                    best_epoch=self.best_epoch,
                )
            except TrialPruned:
                trial.set_user_attr(OUTCOME, {"state": "pruned", "n_epochs": n_steps})
                raise
            except KeyboardInterrupt:
                put_back(trial.study, trial.number)
                raise
        values = [objective_value(results, name, self.judging) for name in self.objectives]
        state = "complete" if np.isfinite(values).all() else "failed"
        folds = [asdict(result) for result in results]
        trial.set_user_attr(OUTCOME, {"state": state, "n_epochs": n_epochs, "folds": folds})
        return values[0] if len(values) == 1 else values


def objective_value(results: Sequence[FoldResult], name: str, judging: Judging) -> float:
    """Return the mean over folds of a score or of what is measured, if no fit has failed."""
    if name in MEASURED:
        if any(result.fit_error is not None for result in results):
            return float("nan")
        return float(np.mean([getattr(result, name) for result in results]))
    return mean_score(results, name)


@contextmanager
def _cores_shared(n_workers: int) -> Iterator[None]:
    """Let torch use no more threads than there are cores for each worker."""
    before = torch.get_num_threads()
    share = max(1, (os.cpu_count() or 1) // n_workers)
    if before > share:
        torch.set_num_threads(share)
    try:
        yield
    finally:
        if before > share:
            torch.set_num_threads(before)


@contextmanager
def log_level(quiet: bool) -> Iterator[None]:
    """Keep Optuna's log to errors for a while, if it is to be quiet."""
    before = optuna.logging.get_verbosity()
    if quiet:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)

"""What trials came to, as a study keeps it -> what scikit-learn's searches know of a fold."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial
from sklearn.metrics._scorer import _MultimetricScorer

from sklearn_rnn.model_selection._folds import FoldResult
from sklearn_rnn.model_selection._study import OUTCOME


def fold_results(trial: FrozenTrial, nothing: Any, n_splits: int) -> list[dict[str, Any]]:
    """Return what each fold came to; ``nothing`` where it was not trained to the end."""
    outcome = trial.user_attrs[OUTCOME]
    if "folds" in outcome:
        return [
            fold | ({"train_scores": nothing} if fold["train_scores"] is None else {})
            for fold in outcome["folds"]
        ]
    seconds = trial.duration.total_seconds() / n_splits if trial.duration else np.nan
    return [asdict(FoldResult(nothing, nothing, fit_time=seconds))] * n_splits


def check_some_are_complete(outcomes: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError if no trial has a score; warn of those that were fitted but have none.

    Errors of fits are told about elsewhere.
    """
    states = [outcome["state"] for outcome in outcomes]
    failed = [outcome["folds"] for outcome in outcomes if outcome["state"] == "failed"]
    n_erring = sum(any(fold["fit_error"] for fold in folds) for folds in failed)
    n_unscored = len(failed) - n_erring
    if "complete" not in states:
        reasons = {
            "were pruned: give the search more n_trials or timeout, or the pruner more trials "
            "before it begins": states.count("pruned"),
            "had a fit that failed: see the warning": n_erring,
            "had scores that are not finite: see what 'scoring' returns, with error_score='raise' "
            "for its errors": n_unscored,
        }
        told = "; ".join(f"{n} {reason}" for reason, n in reasons.items() if n)
        raise ValueError(
            f"No trial was completed. {told or 'None was begun: give the search more timeout'}."
        )
    if n_unscored:
        warnings.warn(
            f"{n_unscored} of {len(states)} trials failed though all their fits went well: their "
            "scores are not finite. See 'scoring', and 'state' in cv_results_.",
            UserWarning,
            stacklevel=3,
        )


def no_scores(scorer: Any, outcomes: Sequence[Mapping[str, Any]]) -> Any:
    """Return NaN, or a dict of it by the names of the scores if there are several."""
    if isinstance(scorer, _MultimetricScorer):
        return dict.fromkeys(scorer._scorers, np.nan)
    for fold in (fold for outcome in outcomes for fold in outcome.get("folds", ())):
        if isinstance(fold["test_scores"], dict):  # a function of several scores
            return dict.fromkeys(fold["test_scores"], np.nan)
    return np.nan

"""A space -> parameters of a trial: suggested, noted, and known again when it is finished."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna import Study, Trial
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
)
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import BaseTrial, FrozenTrial, TrialState

from sklearn_rnn.model_selection._study import PLAIN, is_lost

_TRIED = "sklearn_rnn:tried"
"""The parameters of a trial, in its user attributes."""

_NOT_THE_SAME = (
    "The 'search_space' must suggest the same when it is called with a finished trial, but does "
    "not with trial {}: {} After a change of the space pass another study_name."
)

Space = Mapping[str, BaseDistribution] | Callable[[BaseTrial], Mapping[str, Any]]


def params_of(space: Space, trial: Trial) -> dict[str, Any]:
    """Return the parameters that a space suggests for a trial, and note them in it."""
    if callable(space):
        suggested = space(trial)
        if not isinstance(suggested, Mapping):
            raise TypeError(
                "A 'search_space' that is called with a trial must return a dict of parameters. "
                f"Got {suggested!r}, of type {type(suggested).__name__}."
            )
        params = dict(suggested)
    else:
        params = {name: _suggest(trial, name, each) for name, each in space.items()}
    values = {n: v.item() if isinstance(v, np.generic) else v for n, v in params.items()}
    plain = {name: value for name, value in values.items() if isinstance(value, PLAIN)}
    others = [name for name in params if name not in plain]
    trial.set_user_attr(_TRIED, {"plain": plain, "others": others})
    return params


def params_of_finished(space: Space, trial: FrozenTrial) -> dict[str, Any]:
    """Return the parameters that were tried in a trial.

    Those that a storage can't hold are asked for again. A trial that a function ended by
    ``optuna.TrialPruned``, since its parameters can't be, keeps what was suggested so far.
    """
    tried = trial.user_attrs.get(_TRIED)
    if tried is None:
        return dict(trial.params)
    if not tried["others"]:
        return dict(tried["plain"])
    try:
        again = trial.params if isinstance(space, Mapping) else space(trial)
    except ValueError as error:
        raise ValueError(_NOT_THE_SAME.format(trial.number, error)) from error
    missing = [name for name in tried["others"] if name not in again]
    if missing:
        raise ValueError(_NOT_THE_SAME.format(trial.number, f"{missing[0]!r} is not in it."))
    return tried["plain"] | {name: again[name] for name in tried["others"]}


def _suggest(trial: BaseTrial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(
            name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
    if isinstance(distribution, FloatDistribution):
        return trial.suggest_float(
            name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
    raise TypeError(
        f"The 'search_space' of {name!r} must be one of optuna.distributions, such as "
        "CategoricalDistribution([2, 4]) instead of a list, or FloatDistribution(0.001, 0.1, "
        f"log=True) instead of a distribution of scipy. Got {distribution!r}."
    )


def check_choices(space: Space) -> None:
    """Raise ValueError if a storage would not give choices back as they were."""
    for name, distribution in () if callable(space) else space.items():
        for choice in getattr(distribution, "choices", ()):
            if not isinstance(choice, PLAIN):
                raise ValueError(
                    f"The choices of {name!r} in the 'search_space' must be None, bool, int, float "
                    "or str to be kept in a storage, as several workers need it. Got "
                    f"{choice!r}. Pass a function that suggests the number of a choice: "
                    "lambda trial: {"
                    f"{name!r}: choices[trial.suggest_int({name!r}, 0, len(choices) - 1)]"
                    "}"
                )


def check_same_kinds(study: Study, space: Space) -> None:
    """Raise ValueError if an old study can't take a space's parameters: limits alone may change."""
    if callable(space):
        return
    for trial in study.get_trials(deepcopy=False):
        for name in space.keys() & trial.distributions.keys():
            old, new = trial.distributions[name], space[name]
            try:
                check_distribution_compatibility(old, new)
            except ValueError as error:
                raise ValueError(
                    f"{name!r} of the 'search_space' was {old} in the study "
                    f"{study.study_name!r}, now it is {new}. Limits may change, but neither kind, "
                    "choices nor log. Set it back, or pass another study_name."
                ) from error


class SeededByTrial(BaseSampler):
    """TPE whose random numbers depend on the number of a trial, not on who draws them.

    A search that is interrupted and taken up again suggests what it would have suggested, and two
    processes with one seed do not suggest the same. Lost trials do not count: their parameters are
    tried under another number.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._own = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.seed = state["seed"]
        self._own = threading.local()

    def _of(self, study: Study, trial: FrozenTrial) -> TPESampler:
        number, sampler = getattr(self._own, "sampler", (None, None))
        if number != trial.number or sampler is None:
            trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
            n_before = trial.number - sum(map(is_lost, trials[: trial.number]))
            seed = np.random.SeedSequence([self.seed, n_before]).generate_state(1)[0]
            sampler = TPESampler(seed=int(seed))
            self._own.sampler = trial.number, sampler
        return sampler

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Any:
        """Ask the trial's own sampler."""
        return self._of(study, trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Any) -> Any:
        """Ask the trial's own sampler."""
        return self._of(study, trial).sample_relative(study, trial, search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, name: str, dist: Any) -> Any:
        """Ask the trial's own sampler."""
        return self._of(study, trial).sample_independent(study, trial, name, dist)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Ask the trial's own sampler."""
        self._of(study, trial).before_trial(study, trial)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Ask the trial's own sampler."""
        self._of(study, trial).after_trial(study, trial, state, values)

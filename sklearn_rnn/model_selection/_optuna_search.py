"""Searches by Optuna: Bayesian, with conditional spaces, pruned epoch by epoch, shared."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict
from hashlib import sha256
from numbers import Integral, Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self
from uuid import uuid4

import numpy as np
import optuna
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from optuna import Study
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import (
    _insert_error_scores,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import Tags, assert_all_finite, check_random_state, get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params
from tqdm.auto import tqdm

from sklearn_rnn.model_selection._folds import FoldResult, Judging, Rows, chooses_epoch
from sklearn_rnn.model_selection._pausing import fit_until
from sklearn_rnn.model_selection._shared_data import SharedData, Unshared
from sklearn_rnn.model_selection._study import (
    OUTCOME,
    SEARCH,
    SeededByTrial,
    carried_out,
    give_up,
    open_storage,
    params_of,
)
from sklearn_rnn.model_selection._trials import MEASURED, Search

_IDENTITY = "sklearn_rnn:made with"
_NO_SAY = ("checkpoint_dir", "checkpoint_every", "device", "memory", "n_jobs", "verbose")
_MOST_LOSSES = 3  # of workers, with no trial carried out between


class OptunaSearchCV(BaseSearchCV):
    """TO DO."""

    _parameter_constraints: ClassVar[dict] = {
        **{k: v for k, v in BaseSearchCV._parameter_constraints.items() if k != "pre_dispatch"},
        "search_space": [dict, callable],
        "n_trials": [Interval(Integral, 1, None, closed="left"), None],
        "timeout": [Interval(Real, 0, None, closed="neither"), None],
        "objectives": ["array-like", None],
        "sampler": [HasMethods(["sample_relative"]), None],
        "pruner": [HasMethods(["prune"]), None],
        "study_name": [str, None],
        "storage": "no_validation",
        "epochs": [StrOptions({"best", "last"})],
        "callbacks": ["array-like", None],
        "random_state": ["random_state"],
        "stale_after": [Interval(Real, 0, None, closed="neither")],
        "progress_bar": ["boolean"],
    }

    def __init__(
        self,
        estimator: Any,
        search_space: Any,
        *,
        n_trials: int | None = 30,
        timeout: float | None = None,
        scoring: Any = None,
        objectives: Sequence[str] | None = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        sampler: BaseSampler | None = None,
        pruner: BasePruner | None = None,
        storage: Any = None,
        study_name: str | None = None,
        epochs: str = "best",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        random_state: Any = None,
        callbacks: Sequence[Callable[[Study, FrozenTrial], None]] | None = None,
        stale_after: float = 120.0,
        progress_bar: bool = False,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.search_space = search_space
        self.n_trials = n_trials
        self.timeout = timeout
        self.objectives = objectives
        self.sampler = sampler
        self.pruner = pruner
        self.storage = storage
        self.study_name = study_name
        self.epochs = epochs
        self.random_state = random_state
        self.callbacks = callbacks
        self.stale_after = stale_after
        self.progress_bar = progress_bar

    @_fit_context(prefer_skip_nested_validation=False)  # the estimator checks itself
    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> Self:
        """Search, and fit the best candidate on all rows.

        Parameters
        ----------
        X : sequences or rows of n_samples
            Whatever the estimator takes and scikit-learn can take rows of.
        y : array-like or list of n_samples, optional
        **params : dict
            Passed to the estimator's ``fit``, the scorers and the splitter, as by scikit-learn's
            searches: ``groups`` to the splitter, ``sample_weight`` to fits and to scorers that take
            it, each cut to the rows of the fold; or by metadata routing, where it is enabled.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is not as described, all fits fail, no trial was completed, or a storage
            holds another search under the same name.
        """
        scorer, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        splits = self._splits(X, y, routed.splitter.split)
        rows = Rows(X, y, routed.estimator.fit, routed.scorer.score)
        metric = self.refit if isinstance(self.refit, str) else refit_metric
        objectives = self._checked_objectives(scorer, metric)
        judging = Judging(
            scorer,
            metric,
            self.error_score,
            self.return_train_score,
            measure_size="model_size" in objectives,
        )
        n_workers = effective_n_jobs(self.n_jobs)
        if self.n_trials is not None:
            n_workers = min(n_workers, self.n_trials)
        with self._opened_study(objectives, n_workers) as study:
            self._check_same_search(study, splits)
            search = self._search(rows, splits, judging, objectives, n_workers)
            with _progress(study, self.n_trials, shown=self.progress_bar):
                self._run(search, study)
            self.study_ = _kept(study) if self.storage is None else study
        self._take_results(scorer, refit_metric)
        if self.refit:
            self._refit(rows)
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = deepcopy(get_tags(self.estimator))
        tags.array_api_support = False  # scores are taken together by numpy
        return tags

    def _splits(self, X: Any, y: Any, split_params: Mapping[str, Any]) -> list[Any]:
        """Return the one list of splits that all candidates are judged by."""
        if y is None and get_tags(self).target_tags.required:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: "
                f"{type(self.estimator).__name__} learns from it."
            )
        if is_classifier(self.estimator) and isinstance(y, np.ndarray) and y.dtype.kind == "f":
            assert_all_finite(y, input_name="y")  # before labels are counted
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = [tuple(map(np.asarray, split)) for split in cv.split(X, y, **split_params)]
        if not splits:
            raise ValueError("The 'cv' parameter must give one split at least. Got none.")
        self.n_splits_ = len(splits)
        return splits

    def _checked_objectives(self, scorer: Any, metric: Any) -> list[str]:
        """Return the names of what is optimized."""
        several = isinstance(scorer, _MultimetricScorer)
        if self.objectives is None:
            if several and not isinstance(metric, str):
                raise ValueError(
                    "With several scores, 'objectives' or 'refit' must name the one to optimize. "
                    f"Got objectives=None, refit={self.refit!r}; scores: "
                    f"{', '.join(scorer._scorers)}."
                )
            return [metric]
        names = list(self.objectives)
        scores = list(scorer._scorers) if several else ["score"]
        unknown = [name for name in names if name not in (*scores, *MEASURED)]
        if unknown or not names:
            raise ValueError(
                "The 'objectives' parameter must name one or more of "
                f"{', '.join((*scores, *MEASURED))}. Got {names!r} instead."
            )
        if len(names) > 1 and not isinstance(self.pruner, NopPruner | None):
            raise ValueError(
                "A 'pruner' goes by one score, and can't be had with several 'objectives'. "
                f"Set pruner=None. Got {self.pruner!r} and {names!r}."
            )
        return names

    @contextmanager
    def _opened_study(self, objectives: Sequence[str], n_workers: int) -> Iterator[Study]:
        """Give the study, of a file of its own where workers share it and no storage is named."""
        with TemporaryDirectory(prefix="sklearn_rnn_search_") as folder:
            storage = open_storage(self.storage)
            if storage is None and n_workers > 1:
                storage = open_storage(Path(folder) / "journal")
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            sampler = SeededByTrial(seed) if self.sampler is None else self.sampler
            yield optuna.create_study(
                storage=storage,
                study_name=self.study_name,
                sampler=sampler,
                pruner=self._pruner(objectives),
                directions=["minimize" if name in MEASURED else "maximize" for name in objectives],
                load_if_exists=True,
            )

    def _pruner(self, objectives: Sequence[str]) -> BasePruner:
        if len(objectives) > 1:
            return NopPruner()
        return NopPruner() if self.pruner is None else self.pruner

    def _search(
        self,
        rows: Rows,
        splits: Sequence[Any],
        judging: Judging,
        objectives: Sequence[str],
        n_workers: int,
    ) -> Search:
        return Search(
            name=uuid4().hex,
            estimator=clone(self.estimator),
            rows=SharedData(rows) if n_workers > 1 else Unshared(rows),
            splits=splits,
            judging=judging,
            space=self.search_space,
            objectives=objectives,
            best_epoch=self.epochs == "best" and objectives == [judging.metric],
            prunes=not isinstance(self._pruner(objectives), NopPruner),
            n_trials=self.n_trials,
            until=np.inf if self.timeout is None else time.time() + self.timeout,
            stale_after=self.stale_after,
            callbacks=list(self.callbacks or []),
            n_workers=n_workers,
            quiet=not self.verbose,
        )

    def _run(self, search: Search, study: Study) -> None:
        """Let the workers do their part; those that are lost are replaced."""
        if search.n_workers == 1:
            search.take_part(study)
            return
        losses = 0
        while True:
            n_before = len(carried_out(study))
            try:
                Parallel(n_jobs=search.n_workers)(
                    delayed(search.take_part)(study) for _ in range(search.n_workers)
                )
                return
            except BrokenProcessPool:
                losses = losses + 1 if len(carried_out(study)) == n_before else 1
                if losses > _MOST_LOSSES:
                    raise
                for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                    if trial.user_attrs.get(SEARCH) == search.name:
                        give_up(study, trial)

    def _check_same_search(self, study: Study, splits: Sequence[Any]) -> None:
        """Raise ValueError if the study is of another search."""
        said: dict[str, Any] = {
            "splits": _digest(splits),
            "estimator": _plain_params(self.estimator),
        }
        stored = study.user_attrs.get(_IDENTITY)
        if stored is None:
            study.set_user_attr(_IDENTITY, said)
            return
        if stored["splits"] != said["splits"]:
            raise ValueError(
                f"The study {study.study_name!r} was made with other splits, so its scores can't "
                "be compared with those to come. Pass the same data in the same order and a 'cv' "
                "that splits the same way each time (an int, or a splitter with a random_state), "
                "or another study_name."
            )
        old, new = stored["estimator"], said["estimator"]
        other = [n for n in sorted(old.keys() | new.keys()) if old.get(n) != new.get(n)]
        if other:
            raise ValueError(
                f"The study {study.study_name!r} was made with another estimator: {other[0]} was "
                f"{old.get(other[0])!r}, now {new.get(other[0])!r}. Set it back, or pass another "
                "study_name."
            )

    def _take_results(self, scorer: Any, refit_metric: Any) -> None:
        """Make of the study's trials what scikit-learn's searches have when they are done."""
        trials = carried_out(self.study_)
        outcomes = [trial.user_attrs[OUTCOME] for trial in trials]
        if not any(outcome["state"] == "complete" for outcome in outcomes) and not any(
            fold["fit_error"] for outcome in outcomes for fold in outcome.get("folds", ())
        ):
            raise ValueError(
                f"No trial was completed: {len(outcomes)} were pruned. Give the search more "
                "n_trials or timeout, or the pruner more trials before it begins."
            )
        out = [fold for trial in trials for fold in self._fold_results(trial, scorer)]
        _warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        self.multimetric_ = isinstance(out[0]["test_scores"], dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(out[0]["test_scores"])
            refit_metric = self.refit
        more = {
            "trial": [trial.number for trial in trials],
            "state": [outcome["state"] for outcome in outcomes],
            "n_epochs": [outcome["n_epochs"] for outcome in outcomes],
        }
        if "model_size" in (self.objectives or ()):
            sizes = np.reshape([fold["model_size"] for fold in out], (len(trials), -1))
            more["mean_model_size"] = sizes.mean(axis=1)
        candidates = [params_of(self.search_space, trial) for trial in trials]
        with warnings.catch_warnings():  # of pruned trials, and of failed ones, told about above
            warnings.filterwarnings("ignore", "One or more of the", UserWarning)
            self.cv_results_ = self._format_results(candidates, self.n_splits_, out, more)
        several = isinstance(scorer, _MultimetricScorer)
        self.scorer_ = scorer._scorers if several else scorer
        if len(self.objectives or ()) > 1:
            best = {trial.number for trial in self.study_.best_trials}
            self.pareto_front_ = np.flatnonzero([trial.number in best for trial in trials])
        if self.refit or not self.multimetric_:
            self._choose(refit_metric)

    def _fold_results(self, trial: FrozenTrial, scorer: Any) -> list[dict[str, Any]]:
        """Return what each fold came to; NaN where it was not trained to the end."""
        outcome = trial.user_attrs[OUTCOME]
        if "folds" in outcome:
            return outcome["folds"]
        several = isinstance(scorer, _MultimetricScorer)
        nothing: Any = dict.fromkeys(scorer._scorers, np.nan) if several else np.nan
        seconds = trial.duration.total_seconds() / self.n_splits_ if trial.duration else np.nan
        fold = asdict(FoldResult(nothing, nothing, fit_time=seconds))
        return [fold] * self.n_splits_

    def _choose(self, refit_metric: Any) -> None:
        results = self.cv_results_
        self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _refit(self, rows: Rows) -> None:
        """Fit the best candidate on all rows, for as many epochs as were best in the folds."""
        self.best_estimator_ = clone(self.estimator).set_params(
            **clone(self.best_params_, safe=False)
        )
        n_epochs = None
        if self.epochs == "best" and not chooses_epoch(self.best_estimator_):
            n_epochs = int(self.cv_results_["n_epochs"][self.best_index_])
        started = time.time()
        fit_until(n_epochs, self.best_estimator_, rows.X, rows.y, rows.fit_params)
        self.refit_time_ = time.time() - started
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_


def _digest(splits: Sequence[Any]) -> str:
    digest = sha256()
    for rows in (rows for split in splits for rows in split):
        digest.update(np.ascontiguousarray(rows).tobytes() + b"|")
    return digest.hexdigest()


def _plain_params(estimator: Any) -> dict[str, Any]:
    """Return the class and the parameters that are plain values, but those of no say."""
    params = {
        name: value
        for name, value in estimator.get_params().items()
        if isinstance(value, str | int | float | bool | None)
        and name.split("__")[-1] not in _NO_SAY
    }
    return {"class": type(estimator).__name__, **params}


def _kept(study: Study) -> Study:
    """Return a study that needs no file."""
    storage = InMemoryStorage()
    optuna.copy_study(
        from_study_name=study.study_name, from_storage=study._storage, to_storage=storage
    )
    return optuna.load_study(
        study_name=study.study_name, storage=storage, sampler=study.sampler, pruner=study.pruner
    )


@contextmanager
def _progress(study: Study, n_trials: int | None, *, shown: bool) -> Iterator[None]:
    """Show how many trials are done, whoever does them."""
    if not shown:
        yield
        return
    done = threading.Event()

    def watch(bar: Any) -> None:
        while True:
            ended = done.wait(0.5)
            bar.update(len(carried_out(study)) - bar.n)
            if ended:
                return

    with tqdm(total=n_trials, unit="trial") as bar:
        thread = threading.Thread(target=watch, args=(bar,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

"""Searches by Optuna: Bayesian, with conditional spaces, pruned epoch by epoch, shared."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
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
from optuna.pruners import BasePruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState
from sklearn.base import _fit_context, clone
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import (
    _insert_error_scores,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed

from sklearn_rnn.model_selection._digest import digest
from sklearn_rnn.model_selection._folds import Judging, Rows, chooses_epoch
from sklearn_rnn.model_selection._outcomes import (
    check_some_are_complete,
    fold_results,
    no_scores,
)
from sklearn_rnn.model_selection._pausing import can_pause, last_step
from sklearn_rnn.model_selection._shared_data import SharedData, Unshared
from sklearn_rnn.model_selection._shared_search import SharedSearch
from sklearn_rnn.model_selection._space import suggest_space
from sklearn_rnn.model_selection._study import (
    OUTCOME,
    SEARCH,
    Direction,
    carried_out,
    check_directions,
    check_same_search,
    give_up,
    in_memory,
    opened,
    plain_params,
    plain_scoring,
    progress_shown,
)
from sklearn_rnn.model_selection._suggestions import (
    SeededByTrial,
    Space,
    check_choices,
    check_same_kinds,
    params_of_finished,
)
from sklearn_rnn.model_selection._trials import MEASURED, Search, log_level

_FEWEST_EPOCHS = 5  # that a trial is given
_MOST_LOSSES = 3  # of workers, with no trial carried out between


class OptunaSearchCV(SharedSearch):
    """Search parameters by Optuna, and give up early on those that train badly.

    As :class:`sklearn.model_selection.GridSearchCV` for any estimator: cross-validation, the same
    ``cv_results_``, the same methods afterwards. What is tried next depends on what has come out so
    far, by a sampler of Optuna [1]_; a pruner ends trials that lag behind. Estimators of this
    library, alone or at the end of a pipeline, are trained in all folds in step, so that a trial
    can end after any epoch, by the mean score of all folds.

    Parameters
    ----------
    estimator : estimator
        Cloned for each fit. With an int as ``random_state`` of the estimator, equal parameters have
        equal results, whichever worker tries them.
    search_space : dict, callable or None, default=None
        A dict of names, as ``set_params`` takes them, to ``optuna.distributions``. Or a function
        that is called with an Optuna trial and returns a dict of parameters: what it suggests may
        depend on what it has suggested before, and it may raise ``optuna.TrialPruned`` on what
        can't be. Values may be of any kind; if some are no numbers, texts, bools or None, the
        function is called again with each finished trial, and must suggest the same. None is
        :func:`suggest_space` of the estimator.
    n_trials : int or None, default=30
        Trials to carry out, pruned and failed ones among them; those that a ``storage`` holds
        already count. None goes on until ``timeout`` or a callback ends it.
    timeout : float, default=None
        Seconds after which no further trial is begun.
    scoring : str, callable, list, tuple or dict, default=None
        As in scikit-learn's searches.
    objectives : list of str, default=None
        What to optimize: names of scores ("score", if there is but one), which are maximized, or of
        "fit_time" and "score_time" (seconds a fold) and "model_size" (bytes of the pickled
        estimator), which are minimized; of one of these alone, the least is the best. None is the
        score that ``refit`` names. With more than one, there is a front of trials that none is
        better than in all, ``pareto_front_``.
    n_jobs : int, default=None
        Workers, each of which does a trial at a time: processes of this machine, or what
        ``joblib.parallel_config`` says. X and y are mapped into their memory, not copied, and torch
        has the cores divided by workers as threads. -1 is all cores.
    refit : bool, str or callable, default=True
        Whether to fit the best candidate on all rows. With several scores the name of the one that
        decides. A callable is given ``cv_results_`` and returns the index of the best.
    cv : int, splitter or iterable, default=None
        As in scikit-learn's searches; splits are made once, so that all trials have the same, also
        by a splitter that shuffles without a seed.
    sampler : optuna.samplers.BaseSampler, default=None
        What to try next. None is TPE [2]_, whose random numbers come from ``random_state`` and the
        number of the trial: a search that is taken up again suggests what it would have. Workers
        have copies of a sampler that is passed, each with a new seed, or all would suggest the
        same.
    pruner : optuna.pruners.BasePruner, default=None
        When to end a trial. None is asynchronous successive halving [3]_ for estimators whose fit
        can pause: of the trials that have come to a tenth of ``max_epochs``, but five epochs at
        least, the best third goes on, again so at three times as many and at nine. Other estimators
        are not pruned by default; a pruner that is passed is asked after each of their folds. None
        is pruned at its end, nor where what is optimized is no score. A subclass with a ``fit`` of
        its own can't pause.
        ``optuna.pruners.NopPruner()`` ends no trial. A fit that can pause is looked at after each
        epoch; of more than 50, after the first ten and 50 others, evenly spread, since scoring
        takes time too.
    storage : str, path or optuna.storages.BaseStorage, default=None
        Where trials are kept: the path of a file (an Optuna journal), or the URL of a database
        ("postgresql+psycopg://..."). All that run the same search with one storage and
        ``study_name`` share its trials, on as many machines as reach it, and a search that was
        killed goes on when it is run again, maybe with other names and limits in the dict of the
        space; estimator, scoring, epochs, splits and what ``fit`` is given must be the same. None
        keeps them until ``fit`` returns.
    study_name : str, default=None
        Needed with a ``storage`` that is to be found again.
    epochs : {"best", "last"}, default="last"
        Which epoch a trial is judged by: that of the highest mean score, the last of equal ones, or
        the last there is. The fit on all rows ends at the same. "best" goes by one score, not by
        several ``objectives``. Estimators with ``early_stopping=True`` choose theirs themselves.
    error_score : "raise" or float, default=nan
        Score of a fold whose fit raises; the error is part of a ``FitFailedWarning``. "raise" lets
        it through.
    return_train_score : bool, default=False
    random_state : int, RandomState instance or None, default=None
        Of the sampler, if none is passed.
    callbacks : list of callable, default=None
        Called with the study and each trial that ends, in the worker that did it;
        ``study.stop()`` ends the search.
    stale_after : float, default=120.0
        Seconds without a sign of life after which a trial counts as lost: its worker was killed, or
        its machine. It is then done again by another. Clocks of machines that share a storage must
        agree to a fraction of it.
    progress_bar : bool, default=False
        Whether to show how many trials are done.
    verbose : int, default=0
        With 0, Optuna's log shows errors only; else it is as ``optuna.logging`` has it.

    Attributes
    ----------
    study_ : optuna.Study
        All trials, with the scores of all epochs that were looked at; a copy in memory, unless the
        storage is an object.
    cv_results_ : dict of ndarray
        As in scikit-learn, a candidate a trial, in their order. ``trial`` is its number, ``state``
        "complete", "pruned" or "failed", ``n_epochs`` the epoch of its scores. Pruned trials have
        no scores.
    best_index_ : int
    best_params_ : dict
    best_score_ : float
        Mean over the folds. Being the best of many, and with ``epochs="best"`` the best of many
        epochs, it is higher than what new data will give.
    best_estimator_ : estimator
        Fitted on all rows, if ``refit``.
    refit_time_ : float
        Seconds.
    pareto_front_ : ndarray of int
        Indices of candidates; with several objectives.
    scorer_ : callable or dict of them
    n_splits_ : int
    multimetric_ : bool
    classes_, n_features_in_, feature_names_in_
        Those of ``best_estimator_``, where it has them.

    See Also
    --------
    suggest_space : A space to begin with.
    sklearn.model_selection.GridSearchCV : All combinations of a few values.

    Notes
    -----
    Folds that are trained in step are in memory together: with k folds, k - 1 copies of the rows,
    if X is not made of views as lists of arrays are. ``pruner=NopPruner(), epochs="last"`` trains
    one fold after another.

    References
    ----------
    .. [1] Akiba, T., Sano, S., Yanase, T., Ohta, T. and Koyama, M. (2019). Optuna: a
           next-generation hyperparameter optimization framework. KDD.
    .. [2] Bergstra, J., Bardenet, R., Bengio, Y. and Kégl, B. (2011). Algorithms for
           hyper-parameter optimization. NIPS.
    .. [3] Li, L., Jamieson, K., Rostamizadeh, A., Gonina, E., Ben-tzur, J., Hardt, M., Recht, B.
           and Talwalkar, A. (2020). A system for massively parallel hyperparameter tuning. MLSys.

    Examples
    --------
    >>> import numpy as np
    >>> from optuna.distributions import FloatDistribution, IntDistribution
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.model_selection import OptunaSearchCV
    >>> random = np.random.default_rng(0)
    >>> X = [random.normal(size=n) for n in random.integers(4, 9, 40)]
    >>> y = np.array(["up" if x.mean() > 0 else "down" for x in X])
    >>> space = {
    ...     "lr": FloatDistribution(1e-3, 1e-1, log=True),
    ...     "hidden_size": IntDistribution(2, 8),
    ... }
    >>> search = OptunaSearchCV(
    ...     RNNClassifier(max_epochs=8, random_state=0), space, n_trials=4, cv=2, random_state=0
    ... ).fit(X, y)
    >>> sorted(search.best_params_)
    ['hidden_size', 'lr']
    >>> search.cv_results_["mean_test_score"].shape
    (4,)
    >>> search.predict(X).shape
    (40,)
    """

    _parameter_constraints: ClassVar[dict] = {
        **{k: v for k, v in BaseSearchCV._parameter_constraints.items() if k != "pre_dispatch"},
        "search_space": [dict, callable, None],
        "n_trials": [Interval(Integral, 1, None, closed="left"), None],
        "timeout": [Interval(Real, 0, None, closed="neither"), None],
        "objectives": ["array-like", None],
        "sampler": [BaseSampler, None],
        "pruner": [BasePruner, None],
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
        search_space: Any = None,
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
        epochs: str = "last",
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
        rows, splits = self._read(X, y, params)
        objectives = self._checked_objectives(scorer, refit_metric)
        scores = [name for name in objectives if name not in MEASURED]
        metric = scores[0] if scores else refit_metric
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
        quiet = not self.verbose
        with log_level(quiet), self._opened_study(objectives, n_workers) as study:
            check_same_search(study, self._identity(rows, splits))
            check_same_kinds(study, self._space)
            search = self._search(rows, splits, judging, objectives, n_workers)
            with progress_shown(study, self.n_trials, shown=self.progress_bar):
                self._run(search, study)
            kept = isinstance(self.storage, BaseStorage)
            self.study_ = study if kept else in_memory(study)
        self._take_results(scorer, refit_metric)
        if self.refit:
            self._refit(rows, self._epochs_of_refit())
        return self

    def _identity(self, rows: Rows, splits: Sequence[Any]) -> dict[str, Any]:
        """Return what must be the same in all that share a study."""
        return {
            "splits": digest(splits),
            "data": None if self.storage is None else digest(vars(rows)),
            "estimator": plain_params(self.estimator),
            "scoring": plain_scoring(self.scoring),
            "epochs": self.epochs,
        }

    def _checked_objectives(self, scorer: Any, metric: Any) -> list[str]:
        """Return the names of what is optimized."""
        several = isinstance(scorer, _MultimetricScorer)
        if self.objectives is None:
            if isinstance(self.refit, str):
                return [self.refit]
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
        if (unknown and not callable(self.scoring)) or not names:
            raise ValueError(
                "The 'objectives' parameter must name one or more of "
                f"{', '.join((*scores, *MEASURED))}. Got {names!r} instead."
            )
        if not _is_one_score(names) and not isinstance(self.pruner, NopPruner | None):
            raise ValueError(
                "A 'pruner' goes by one score, and can't be had with several 'objectives' or "
                f"others. Set pruner=None. Got {self.pruner!r} and {names!r}."
            )
        if not _is_one_score(names) and self.epochs == "best":
            raise ValueError(
                "The best of the 'epochs' goes by one score, and can't be had with several "
                f"'objectives' or others. Set epochs='last'. Got {names!r}."
            )
        return names

    @contextmanager
    def _opened_study(self, objectives: Sequence[str], n_workers: int) -> Iterator[Study]:
        """Give the study, of a file of its own where workers share it and no storage is named."""
        with TemporaryDirectory(prefix="sklearn_rnn_search_") as folder:
            place = self.storage
            if place is None and n_workers > 1:
                place = Path(folder) / "journal"
            if place is not None:
                check_choices(self._space)
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            sampler = SeededByTrial(seed) if self.sampler is None else self.sampler
            directions: list[Direction] = [
                "minimize" if name in MEASURED else "maximize" for name in objectives
            ]
            with opened(place, n_workers) as storage:
                study = optuna.create_study(
                    storage=storage,
                    study_name=self.study_name,
                    sampler=sampler,
                    pruner=self._pruner(objectives),
                    directions=directions,
                    load_if_exists=True,
                )
                check_directions(study, directions)
                yield study

    @property
    def _space(self) -> Space:
        if self.search_space is not None:
            if not callable(self.search_space) and not self.search_space:
                raise ValueError(
                    "The 'search_space' parameter must hold one parameter at least. Got {}; None "
                    "takes the one that suggest_space gives."
                )
            return self.search_space
        try:
            return suggest_space(self.estimator)
        except TypeError as error:
            raise ValueError(
                "The 'search_space' parameter must be given, since there is none to suggest for "
                f"{self.estimator!r}: it is no estimator of sklearn_rnn and holds none."
            ) from error

    def _pruner(self, objectives: Sequence[str]) -> BasePruner:
        if not _is_one_score(objectives):
            return NopPruner()
        if self.pruner is not None:
            return self.pruner
        if not can_pause(self.estimator):
            return NopPruner()
        first = max(_FEWEST_EPOCHS, last_step(self.estimator).max_epochs // 10)
        return SuccessiveHalvingPruner(min_resource=first, reduction_factor=3)

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
            space=self._space,
            objectives=objectives,
            best_epoch=self.epochs == "best",
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

    def _take_results(self, scorer: Any, refit_metric: Any) -> None:
        """Make of the study's trials what scikit-learn's searches have when they are done."""
        trials = carried_out(self.study_)
        outcomes = [trial.user_attrs[OUTCOME] for trial in trials]
        nothing = no_scores(scorer, outcomes)
        out = [fold for trial in trials for fold in fold_results(trial, nothing, self.n_splits_)]
        _warn_or_raise_about_fit_failures(out, self.error_score)
        check_some_are_complete(outcomes)
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
        candidates = [params_of_finished(self._space, trial) for trial in trials]
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

    def _choose(self, refit_metric: Any) -> None:
        results = self.cv_results_
        objectives = list(self.objectives or ())
        if len(objectives) == 1 and objectives[0] in MEASURED and isinstance(self.refit, bool):
            measured = results[f"mean_{objectives[0]}"]
            is_complete = results["state"] == "complete"
            self.best_index_ = int(np.where(is_complete, measured, np.inf).argmin())
        else:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _epochs_of_refit(self) -> int | None:
        """Return how many epochs were best in the folds; None for all there are."""
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        if self.epochs != "best" or chooses_epoch(best):
            return None
        return int(self.cv_results_["n_epochs"][self.best_index_])


def _is_one_score(objectives: Sequence[str]) -> bool:
    return len(objectives) == 1 and objectives[0] not in MEASURED

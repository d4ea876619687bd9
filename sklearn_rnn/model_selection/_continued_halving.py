"""scikit-learn's halving by epochs, but candidates train on where it fits them anew."""

from __future__ import annotations

import logging
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from inspect import signature
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.base import _fit_context, clone
from sklearn.model_selection import _search_successive_halving as of_scikit_learn
from sklearn.model_selection._validation import (
    _insert_error_scores,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils.parallel import Parallel, delayed

from sklearn_rnn._params import check_parameters
from sklearn_rnn.model_selection._folds import FoldResult, Judging, Rows, Split
from sklearn_rnn.model_selection._held_fits import ROOM, HeldFits, Place
from sklearn_rnn.model_selection._pausing import can_pause, epochs_parameter, last_step
from sklearn_rnn.model_selection._rungs import Candidate, Rung, epochs_of_last_rung, reach
from sklearn_rnn.model_selection._shared_data import SharedData, Unshared
from sklearn_rnn.model_selection._shared_search import SharedSearch
from sklearn_rnn.training.callbacks import are_callbacks
from sklearn_rnn.training.checkpoint import PassingDirectory, begins_anew
from sklearn_rnn.training.memory import freed_memory_kept

_logger = logging.getLogger("sklearn_rnn")


@dataclass
class _Search:
    """What all rungs of a search share, and what they have come to so far."""

    rows: SharedData | Unshared
    splits: Sequence[Split]
    judging: Judging
    folder: Path
    own_folder: bool
    parallel: Parallel
    held: HeldFits
    rungs: list[Rung] = field(default_factory=list)
    failed: dict[Place, FoldResult] = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    out: list[dict[str, Any]] = field(default_factory=list)
    more: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    results: dict[str, Any] = field(default_factory=dict)


class ContinuedHalving(SharedSearch, of_scikit_learn.BaseSuccessiveHalving):
    """scikit-learn's halving, with fits that pause at a rung where it has new and longer ones."""

    _last_epochs: int

    @_fit_context(prefer_skip_nested_validation=False)  # the estimator checks itself
    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> Self:
        """Search, and fit the best candidate on all rows.

        Parameters
        ----------
        X : sequences or rows of n_samples
            Whatever the estimator takes and scikit-learn can take rows of.
        y : array-like or list of n_samples, optional
        **params : dict
            Passed to the estimator's ``fit``, the scorer and the splitter, as by scikit-learn's
            searches: ``groups`` to the splitter, ``sample_weight`` to fits and to scorers that take
            it, each cut to the rows of the fold; or by metadata routing, where it is enabled.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is not as described, the estimator does not train by epochs, or all fits
            of a rung fail.
        """
        scorer, refit_metric = self._get_scorers()
        self._settle_resources()
        rows, splits = self._read(X, y, params)
        judging = Judging(scorer, refit_metric, self.error_score, self.return_train_score)
        self._checked_cv_orig = None  # scikit-learn only hands it on, to what knows the splits
        with self._prepared(rows, splits, judging) as search:
            self._run(search)
        self._take_results(search, refit_metric)
        if self.refit:
            self._refit(rows)
        self.scorer_ = scorer
        return self

    def _settle_resources(self) -> None:
        """Set the fewest and the most epochs; raise ValueError if there is nothing to set."""
        name, kind = type(self).__name__, type(last_step(self.estimator)).__name__
        if not can_pause(self.estimator):
            raise ValueError(
                f"The 'estimator' parameter of {name} must be one of sklearn_rnn's, alone or at "
                f"the end of a Pipeline, since others can't be trained on. Got {kind}. Use "
                f"sklearn.model_selection.{name}, which fits it anew with more resources."
            )
        resource = epochs_parameter(self.estimator)
        if self.resource != resource:
            raise ValueError(
                f"The 'resource' parameter of {name} must be {resource!r}, the epochs of {kind}. "
                f"Got {self.resource!r} instead. sklearn.model_selection.{name} takes others, and "
                "fits anew each time."
            )
        if getattr(self, "n_candidates", None) == self.min_resources == "exhaust":
            raise ValueError(
                f"The 'n_candidates' and 'min_resources' parameters of {name} can't both be "
                "'exhaust'. Set one of them to a number."
            )
        most = self.max_resources
        if most == "auto":
            recurrent = last_step(self.estimator)
            rule = {"max_epochs": recurrent._parameter_rules["max_epochs"]}
            check_parameters(kind, {"max_epochs": recurrent.max_epochs}, rule)
            most = recurrent.max_epochs
        self.max_resources_ = most
        self.min_resources_ = 1 if isinstance(self.min_resources, str) else self.min_resources
        if self.min_resources_ > self.max_resources_:
            raise ValueError(
                f"The 'min_resources' parameter of {name} must not be more than the epochs there "
                f"are, {self.max_resources_}. Got {self.min_resources_} instead."
            )

    @contextmanager
    def _prepared(self, rows: Rows, splits: list[Split], judging: Judging) -> Iterator[_Search]:
        """Give what the rungs share; checkpoints are in the user's directory or a passing one."""
        stored = last_step(self.estimator).checkpoint_dir
        several = effective_n_jobs(self.n_jobs) > 1
        with (
            TemporaryDirectory(prefix="sklearn_rnn_halving_") as passing,
            Parallel(n_jobs=self.n_jobs) as parallel,
            freed_memory_kept(),  # from one training to the next
            closing(HeldFits(rows, splits, judging, 0 if several or stored else ROOM)) as held,
        ):
            yield _Search(
                rows=SharedData(rows) if several else Unshared(rows),
                splits=splits,
                judging=judging,
                folder=Path(passing)
                if stored is None
                else Path(stored).expanduser().absolute() / "halving",
                own_folder=stored is None,
                parallel=parallel,
                held=held,
            )
            held.keep(())

    def _run(self, search: _Search) -> None:
        """Let scikit-learn decide who gets to which rung."""
        evaluate = partial(self._evaluate, search)
        if "callback_ctx" not in signature(self._run_search).parameters:  # before 1.9
            self._run_search(evaluate)
            return
        context = self._init_callback_context(max_subtasks=1)
        context.call_on_fit_task_begin(estimator=self)
        self._run_search(evaluate, callback_ctx=context)
        context.call_on_fit_task_end(estimator=self)

    def _generate_candidate_params(self) -> list[Candidate]:
        """Return them numbered, and find out what their trainings are to be laid out for."""
        all_params = super()._generate_candidate_params()
        candidates = [Candidate(params, number) for number, params in enumerate(all_params)]
        self._last_epochs = epochs_of_last_rung(
            len(candidates),
            self.factor,
            self.min_resources_,
            self.max_resources_,
            exhaust=self.min_resources == "exhaust",
            aggressive=self.aggressive_elimination,
        )
        return candidates

    def _evaluate(
        self,
        search: _Search,
        candidates: Sequence[Candidate],
        cv: Any = None,
        more_results: Mapping[str, list[Any]] | None = None,
        callback_ctx: Any = None,
    ) -> dict[str, Any]:
        """Train candidates on to the next rung; return the results of all rungs so far."""
        n_before = search.rungs[-1].n_epochs if search.rungs else 0
        rung = Rung(candidates[0][self.resource], n_before, search.folder)
        if self.verbose:
            n_folds = len(search.splits)
            print(
                f"Training {len(candidates)} candidates in {n_folds} folds each, from epoch "
                f"{n_before} to {rung.n_epochs}"
            )
        results = self._reach(search, rung, candidates)
        out = [asdict(result) for result in results]
        _warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        if isinstance(out[0]["test_scores"], dict):
            raise ValueError(
                f"The 'scoring' parameter of {type(self).__name__} must give one number, by which "
                f"candidates are chosen. Got {self.scoring!r}, which gives a dict."
            )
        search.rungs.append(rung)
        search.candidates += candidates
        search.out += out
        for name, values in (more_results or {}).items():
            search.more[name] += values
        search.results = self._format_results(
            search.candidates, self.n_splits_, search.out, search.more
        )
        if self.verbose > 1:
            scores = search.results["mean_test_score"][-len(candidates) :]
            for candidate, score in zip(candidates, scores, strict=True):
                print(f"{score:.4g}: {candidate}")
        return search.results

    def _reach(
        self, search: _Search, rung: Rung, candidates: Sequence[Candidate]
    ) -> list[FoldResult]:
        """Train candidates on in all folds but those where they have failed before."""
        places = {
            (candidate.number, fold): candidate
            for candidate, fold in product(candidates, range(self.n_splits_))
        }
        search.held.keep(places)
        results = {
            place: search.held.go_on(place, rung.n_epochs)
            for place in places
            if place in search.held
        }
        tasks = {
            place: self._made(candidate, rung.place(*place))
            for place, candidate in places.items()
            if place not in results and place not in search.failed
        }
        if not search.rungs and rung.n_epochs < self._last_epochs:
            self._tell_of_callbacks(tasks.values())
        if not search.rungs:
            for place, estimator in tasks.items():
                if search.held.has_room_for(estimator):
                    results[place] = search.held.begin(place, estimator, rung.n_epochs)
        stored = [place for place in tasks if place not in results]
        reached = search.parallel(
            delayed(reach)(
                tasks[place],
                search.rows,
                search.splits[place[1]],
                search.judging,
                rung,
                rung.place(*place),
            )
            for place in stored
        )
        if any(anew for _, anew in reached):
            warnings.warn(
                "Trainings began anew, since what they get differs from one fit to the next: "
                "steps before the last one draw random numbers. The search takes longer, and rungs "
                "are not of one training. Give these steps an integer random_state.",
                UserWarning,
                stacklevel=2,
            )
        results |= zip(stored, (result for result, _ in reached), strict=True)
        for place, result in results.items():
            if result.fit_error is not None:
                search.failed[place] = replace(result, fit_time=0.0, score_time=0.0)
        if search.own_folder:
            rung.clear_below()
        return [results.get(place) or search.failed[place] for place in places]

    def _made(self, params: Mapping[str, Any], place: Path) -> Any:
        """Return a candidate that is laid out for all epochs there are and stored at a place."""
        searched = {name: value for name, value in params.items() if name != self.resource}
        estimator = clone(self.estimator).set_params(**clone(searched, safe=False))
        if not can_pause(estimator):
            raise ValueError(
                f"All candidates of {type(self).__name__} must end in an estimator of sklearn_rnn, "
                f"since others can't be trained on. Got {searched!r}."
            )
        recurrent = last_step(estimator)
        recurrent.max_epochs = self._last_epochs
        if recurrent.checkpoint_dir is None:  # then rungs alone are stored, for this search alone
            recurrent.checkpoint_every = self._last_epochs
            recurrent.checkpoint_dir = PassingDirectory(place)
        else:
            recurrent.checkpoint_dir = place
        return estimator

    def _tell_of_callbacks(self, estimators: Iterable[Any]) -> None:
        lists = [last_step(each).callbacks for each in estimators]
        callbacks = [each for callbacks in filter(are_callbacks, lists) for each in callbacks]
        names = sorted({type(each).__name__ for each in callbacks if begins_anew(each)})
        if names:
            _logger.warning(
                "The callbacks %s store no state, so they begin anew at every rung of the search. "
                "If they change training, the result is not that of an uninterrupted one: give "
                "them state_dict and load_state_dict.",
                ", ".join(names),
            )

    def _take_results(self, search: _Search, refit_metric: str) -> None:
        results = search.results
        self.multimetric_ = False
        self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
        self.best_score_ = results["mean_test_score"][self.best_index_]
        results["params"] = [dict(candidate) for candidate in results["params"]]
        self.best_params_ = results["params"][self.best_index_]
        self.cv_results_ = results

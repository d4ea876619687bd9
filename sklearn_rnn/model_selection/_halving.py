"""Successive halving by epochs: the better candidates train on, none begins anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.model_selection import _search_successive_halving as of_scikit_learn
from sklearn.utils._param_validation import Interval

from sklearn_rnn.model_selection._continued_halving import ContinuedHalving

_FACTOR = Interval(Real, 1, None, closed="neither")


class HalvingGridSearchCV(ContinuedHalving, of_scikit_learn.HalvingGridSearchCV):
    """Successive halving over a grid, where candidates train on instead of beginning anew.

    All candidates train a few epochs in each fold. The better ones go on to the next rung, of
    ``factor`` times as many epochs, the better ones of these to the one after it. Names,
    candidates, rungs and results are those of :class:`sklearn.model_selection.HalvingGridSearchCV`.
    That one fits anew at each rung; here training goes on from where it stood.

    Parameters
    ----------
    estimator : estimator
        One of this library's, alone or at the end of a :class:`~sklearn.pipeline.Pipeline`. Its
        ``checkpoint_dir``, if it has one, makes that a search that was killed goes on: see Notes.
    param_grid : dict of lists or list of such dicts
        As in :class:`~sklearn.model_selection.GridSearchCV`.
    factor : int or float > 1, default=3
        What the candidates are divided by from rung to rung, and the epochs multiplied by.
    resource : str, default="max_epochs"
        The name of the estimator's epochs: "max_epochs", or of a pipeline, say,
        "rnnclassifier__max_epochs".
    max_resources : int or "auto", default="auto"
        The most epochs of any candidate. "auto" takes those of the estimator.
    min_resources : int, "exhaust" or "smallest", default="exhaust"
        Epochs of the first rung. "exhaust" takes as many as let the last rung have (nearly)
        ``max_resources``, "smallest" takes 1.
    aggressive_elimination : bool, default=False
        Let the first rung choose again and again until so few candidates are left that the last
        rung has no more than ``factor``. Repeating a rung trains nothing.
    cv : int, splitter or iterable of splits, default=5
        As in scikit-learn. It is asked for its splits once, so they may be random.
    scoring : str, callable or None, default=None
        One score, the higher the better; None takes that of the estimator.
    refit : bool, default=True
        Whether to fit the best candidate on all rows, for ``n_resources_[-1]`` epochs.
    error_score : "raise" or float, default=nan
        The score of a fit that fails. It is not tried again on later rungs.
    return_train_score : bool, default=True
        Whether to score training rows, too, which takes time.
    random_state : int, RandomState or None, default=None
        Not used; it is there since scikit-learn's class has it.
    n_jobs : int or None, default=None
        Processes that train candidates and folds side by side.
    verbose : int, default=0
        1 prints what each rung has to do, 2 also how its candidates did.

    Attributes
    ----------
    cv_results_ : dict of arrays
        One row a candidate and rung, as in scikit-learn: ``iter`` and ``n_resources``, the rung and
        its epochs, ``params``, scores and times. ``mean_fit_time`` is that from the rung before.
    best_params_ : dict
        Of the best candidate of the last rung, epochs among them.
    best_score_ : float
        Its mean score.
    best_index_ : int
        Its row in ``cv_results_``.
    best_estimator_ : estimator
        Fitted with ``best_params_`` on all rows. Only with ``refit``, as ``refit_time_`` (seconds),
        ``classes_`` and the like.
    n_resources_, n_candidates_ : list of int
        Epochs and candidates of each rung.
    n_iterations_ : int
        Number of rungs; ``n_possible_iterations_`` there could be by the epochs,
        ``n_required_iterations_`` there should be by the candidates.
    min_resources_, max_resources_ : int
        Epochs of the first rung and the most there could be of the last.
    n_remaining_candidates_ : int
        That a further rung would have had.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
    multimetric_ : bool
        False.

    See Also
    --------
    HalvingRandomSearchCV : Candidates drawn at random.
    OptunaSearchCV : Candidates proposed by those before; bad ones end after any epoch.

    Notes
    -----
    Every training is laid out for the epochs of the last rung from its start: the learning rate
    falls over all of them, not within each rung. A rung ends it for a moment, with the weights that
    early stopping would go back to, if it is on. Scores of early rungs are therefore those of
    unfinished trainings, while in scikit-learn's they are those of short finished ones. Scores of
    the last rung are, bit for bit, those of whole fits with the epochs of ``best_params_``, and so
    the same as scikit-learn's where the same candidates get there.

    With R rungs that halve exactly, a share of :math:`1/R + (1 - 1/R)(1 - 1/f)` of scikit-learn's
    epochs is trained: 75 % with a factor f of 3 and 4 rungs, 58 % with a factor of 2 and 6 rungs.

    In one process, trainings wait in memory between rungs, up to about 512 MiB in all; a scorer
    that keeps the estimator it is given keeps one that will be trained on. Trainings beyond that
    size, those of several processes (``n_jobs``), and those with ``early_stopping``, ``callbacks``
    or ``verbose`` are stored in a temporary directory and taken up again. If the estimator has a
    ``checkpoint_dir``, all are stored there, in the folder "halving", and kept: a search that was
    killed and is fitted again, with the same candidates, rows and splits, trains only what is
    missing. Processes on several computers need one that all of them see.

    Of trainings that are stored, callbacks without state begin anew at every rung, which is logged,
    and steps of a pipeline before the last are fitted anew: if they draw random numbers, give them
    an integer ``random_state``, or training begins anew, too, and a warning says so.

    References
    ----------
    .. [1] Karnin, Koren and Somekh (2013), "Almost Optimal Exploration in Multi-Armed Bandits".
    .. [2] Jamieson and Talwalkar (2016), "Non-stochastic Best Arm Identification and Hyperparameter
       Optimization", where halving goes on with the same trainings.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.model_selection import HalvingGridSearchCV
    >>> X, y = ["aab", "ba", "abba", "bab", "a", "bb"] * 5, ["a", "b", "a", "b", "a", "b"] * 5
    >>> model = RNNClassifier(hidden_size=4, max_epochs=9, random_state=0)
    >>> grid = {"lr": [0.0001, 0.001, 0.1]}
    >>> search = HalvingGridSearchCV(model, grid, min_resources=3, cv=2).fit(X, y)
    >>> search.n_candidates_, search.n_resources_
    ([3, 1], [3, 9])
    >>> search.best_params_
    {'lr': 0.1, 'max_epochs': 9}
    """

    _parameter_constraints: ClassVar[dict] = {
        **of_scikit_learn.HalvingGridSearchCV._parameter_constraints,
        "factor": [_FACTOR],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        factor: float = 3,
        resource: str = "max_epochs",
        max_resources: int | str = "auto",
        min_resources: int | str = "exhaust",
        aggressive_elimination: bool = False,
        cv: Any = 5,
        scoring: Any = None,
        refit: Any = True,
        error_score: Any = np.nan,
        return_train_score: bool = True,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            factor=factor,
            resource=resource,
            max_resources=max_resources,
            min_resources=min_resources,
            aggressive_elimination=aggressive_elimination,
            cv=cv,
            scoring=scoring,
            refit=refit,
            error_score=error_score,
            return_train_score=return_train_score,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )


class HalvingRandomSearchCV(ContinuedHalving, of_scikit_learn.HalvingRandomSearchCV):
    """Successive halving over random candidates, which train on instead of beginning anew.

    As :class:`HalvingGridSearchCV`, where more is said about rungs, checkpoints and costs; but the
    candidates are drawn, the same as by :class:`sklearn.model_selection.HalvingRandomSearchCV`.

    Parameters
    ----------
    estimator : estimator
        One of this library's, alone or at the end of a :class:`~sklearn.pipeline.Pipeline`. Its
        ``checkpoint_dir``, if it has one, makes that a search that was killed goes on.
    param_distributions : dict of lists or distributions, or list of such dicts
        As in :class:`~sklearn.model_selection.RandomizedSearchCV`: lists, and distributions of
        :mod:`scipy.stats`.
    n_candidates : int or "exhaust", default="exhaust"
        How many to draw. "exhaust" draws as many as let the last rung have (nearly)
        ``max_resources``.
    factor : int or float > 1, default=3
        What the candidates are divided by from rung to rung, and the epochs multiplied by.
    resource : str, default="max_epochs"
        The name of the estimator's epochs: "max_epochs", or of a pipeline, say,
        "rnnclassifier__max_epochs".
    max_resources : int or "auto", default="auto"
        The most epochs of any candidate. "auto" takes those of the estimator.
    min_resources : int, "smallest" or "exhaust", default="smallest"
        Epochs of the first rung. "smallest" takes 1, "exhaust" as many as let the last rung have
        (nearly) ``max_resources``.
    aggressive_elimination : bool, default=False
        Let the first rung choose again and again until so few candidates are left that the last
        rung has no more than ``factor``. Repeating a rung trains nothing.
    cv : int, splitter or iterable of splits, default=5
        As in scikit-learn. It is asked for its splits once, so they may be random.
    scoring : str, callable or None, default=None
        One score, the higher the better; None takes that of the estimator.
    refit : bool, default=True
        Whether to fit the best candidate on all rows, for ``n_resources_[-1]`` epochs.
    error_score : "raise" or float, default=nan
        The score of a fit that fails. It is not tried again on later rungs.
    return_train_score : bool, default=True
        Whether to score training rows, too, which takes time.
    random_state : int, RandomState or None, default=None
        What candidates are drawn by.
    n_jobs : int or None, default=None
        Processes that train candidates and folds side by side.
    verbose : int, default=0
        1 prints what each rung has to do, 2 also how its candidates did.

    Attributes
    ----------
    cv_results_ : dict of arrays
        One row a candidate and rung, as in scikit-learn: ``iter`` and ``n_resources``, the rung and
        its epochs, ``params``, scores and times. ``mean_fit_time`` is that from the rung before.
    best_params_ : dict
        Of the best candidate of the last rung, epochs among them.
    best_score_ : float
        Its mean score.
    best_index_ : int
        Its row in ``cv_results_``.
    best_estimator_ : estimator
        Fitted with ``best_params_`` on all rows. Only with ``refit``, as ``refit_time_`` (seconds),
        ``classes_`` and the like.
    n_resources_, n_candidates_ : list of int
        Epochs and candidates of each rung.
    n_iterations_ : int
        Number of rungs; ``n_possible_iterations_`` there could be by the epochs,
        ``n_required_iterations_`` there should be by the candidates.
    min_resources_, max_resources_ : int
        Epochs of the first rung and the most there could be of the last.
    n_remaining_candidates_ : int
        That a further rung would have had.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
    multimetric_ : bool
        False.

    See Also
    --------
    HalvingGridSearchCV : All candidates of a grid.
    OptunaSearchCV : Candidates proposed by those before; bad ones end after any epoch.

    Examples
    --------
    >>> from scipy.stats import randint
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.model_selection import HalvingRandomSearchCV
    >>> X, y = ["aab", "ba", "abba", "bab", "a", "bb"] * 5, ["a", "b", "a", "b", "a", "b"] * 5
    >>> model = RNNClassifier(max_epochs=8, random_state=0)
    >>> space = {"hidden_size": randint(2, 9), "lr": [0.001, 0.1]}
    >>> search = HalvingRandomSearchCV(
    ...     model, space, n_candidates=4, factor=2, min_resources=2, cv=2, random_state=0
    ... ).fit(X, y)
    >>> search.n_candidates_, search.n_resources_
    ([4, 2, 1], [2, 4, 8])
    >>> search.best_params_
    {'hidden_size': 5, 'lr': 0.1, 'max_epochs': 8}
    """

    _parameter_constraints: ClassVar[dict] = {
        **of_scikit_learn.HalvingRandomSearchCV._parameter_constraints,
        "factor": [_FACTOR],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        n_candidates: int | str = "exhaust",
        factor: float = 3,
        resource: str = "max_epochs",
        max_resources: int | str = "auto",
        min_resources: int | str = "smallest",
        aggressive_elimination: bool = False,
        cv: Any = 5,
        scoring: Any = None,
        refit: Any = True,
        error_score: Any = np.nan,
        return_train_score: bool = True,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_candidates=n_candidates,
            factor=factor,
            resource=resource,
            max_resources=max_resources,
            min_resources=min_resources,
            aggressive_elimination=aggressive_elimination,
            cv=cv,
            scoring=scoring,
            refit=refit,
            error_score=error_score,
            return_train_score=return_train_score,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )

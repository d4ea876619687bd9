"""OptunaSearchCV: what scikit-learn's searches are, by Optuna's trials."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from optuna import TrialPruned
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import GridSampler, TPESampler
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier, is_regressor
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer, recall_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_rnn import RNNClassifier, RNNLanguageModel, RNNRegressor
from sklearn_rnn.model_selection import OptunaSearchCV
from tests.searches import ALPHA, LABELS, LR, NUMBERS, RANDOM, TABLE, Stop, X, search, small

CHECKED = {"n_trials": 2, "error_score": "raise", "pruner": None}  # in names of tests


@parametrize_with_checks(
    [
        search(Ridge(), {"alpha": FloatDistribution(0.1, 1.0)}, **CHECKED),
        search(LogisticRegression(), {"C": FloatDistribution(0.1, 1.0)}, **CHECKED),
        search(
            make_pipeline(StandardScaler(), Ridge()),
            {"ridge__alpha": FloatDistribution(0.1, 1.0)},
            **CHECKED,
        ),
    ]
)
def test_search_passes_scikit_learn_check(estimator, check):
    check(estimator)


# -- as scikit-learn's searches --------------------------------------------------------------------


def test_search_scores_as_grid_search_does():
    values = {"lr": [0.003, 0.03], "hidden_size": [3, 5]}
    grid = GridSearchCV(small(), values, cv=3, return_train_score=True).fit(X, LABELS)
    ours = search(
        space={name: CategoricalDistribution(each) for name, each in values.items()},
        sampler=GridSampler(values, seed=0),
        n_trials=4,
        cv=3,
        return_train_score=True,
    ).fit(X, LABELS)
    expected, found = (
        pd.DataFrame(each.cv_results_).sort_values(["param_lr", "param_hidden_size"])
        for each in (grid, ours)
    )
    columns = [name for name in expected if "score" in name and "time" not in name]
    assert len(columns) == 2 * (3 + 2) + 1
    for name in columns:
        assert found[name].tolist() == expected[name].tolist()
    assert set(grid.cv_results_) <= set(ours.cv_results_)
    assert ours.best_score_ == grid.best_score_
    assert ours.n_splits_ == 3


def test_search_is_what_its_estimator_is():
    assert is_classifier(search())
    assert is_regressor(search(small(RNNRegressor)))
    assert not is_classifier(search(small(RNNLanguageModel)))
    assert search().__sklearn_tags__().input_tags.allow_nan


def test_search_delegates_what_the_best_estimator_has():
    found = search().fit(X, LABELS)
    assert found.classes_.tolist() == ["down", "up"]
    assert found.n_features_in_ == 2
    assert (found.predict(X) == found.best_estimator_.predict(X)).all()
    assert found.transform(X).shape == found.best_estimator_.transform(X).shape
    assert found.score(X, LABELS) == found.best_estimator_.score(X, LABELS)
    assert not hasattr(found, "inverse_transform")
    again = pickle.loads(pickle.dumps(found))
    assert (again.predict(X) == found.predict(X)).all()
    assert len(again.study_.trials) == 3


def test_search_without_refit_has_no_predict():
    found = search(refit=False).fit(X, LABELS)
    assert set(found.best_params_) == {"lr"}
    assert not hasattr(found, "best_estimator_")
    with pytest.raises(AttributeError, match="has no attribute 'predict'"):
        found.predict(X)


def test_search_goes_by_the_score_that_refit_names():
    scoring = {"accuracy": "accuracy", "recall": make_scorer(recall_score, pos_label="up")}
    found = search(scoring=scoring, refit="recall", n_trials=4).fit(X, LABELS)
    results = found.cv_results_
    assert found.best_index_ == results["mean_test_recall"].argmax()
    values = [trial.value for trial in found.study_.trials]
    assert values == pytest.approx(results["mean_test_recall"])
    assert set(found.scorer_) == {"accuracy", "recall"}
    assert found.multimetric_
    with pytest.raises(ValueError, match="For multi-metric scoring, the parameter refit must be"):
        search(scoring=scoring).fit(X, LABELS)
    with pytest.raises(ValueError, match="'objectives' or 'refit' must name the one to optimize"):
        search(scoring=scoring, refit=False).fit(X, LABELS)


def test_search_takes_a_scorer_of_several_scores_and_a_refit_of_ones_own():
    def scores(estimator, X, y):
        accuracy = estimator.score(X, y)
        return {"accuracy": accuracy, "error": -accuracy}

    found = search(scoring=scores, refit=lambda results: 1, objectives=["error"]).fit(X, LABELS)
    assert found.best_index_ == 1
    results = found.cv_results_
    assert [trial.value for trial in found.study_.trials] == results["mean_test_error"].tolist()
    assert (results["mean_test_error"] == -results["mean_test_accuracy"]).all()


def several_scores(estimator, X, y):
    accuracy = estimator.score(X, y)
    return {"accuracy": accuracy, "error": -accuracy}


@pytest.mark.parametrize("first", [0, 1])
def test_search_prunes_by_one_of_several_scores_of_a_function(first):
    class All(BasePruner):
        def prune(self, study, trial):
            return trial.number != first

    found = search(scoring=several_scores, refit="error", pruner=All()).fit(X, LABELS)
    pruned = np.arange(3) != first
    for name in ("accuracy", "error"):
        assert (np.isnan(found.cv_results_[f"mean_test_{name}"]) == pruned).all()
    assert found.best_index_ == first


def test_search_says_which_scores_a_function_returns():
    with pytest.raises(ValueError, match=r"optimize, 'score'[.] Got accuracy, error instead"):
        search(scoring=several_scores, refit=False).fit(X, LABELS)


def test_search_finds_the_front_of_several_objectives():
    found = search(
        space=LR | {"hidden_size": IntDistribution(2, 30)},
        objectives=["score", "model_size"],
        n_trials=8,
        pruner=None,
    ).fit(X, LABELS)
    scores = found.cv_results_["mean_test_score"]
    sizes = found.cv_results_["mean_model_size"]
    order = np.argsort(sizes)
    assert (np.diff(found.cv_results_["param_hidden_size"][order].astype(int)) >= 0).all()
    dominated = [
        any(
            (scores[j] >= scores[i] and sizes[j] <= sizes[i])
            and (scores[j] > scores[i] or sizes[j] < sizes[i])
            for j in range(8)
        )
        for i in range(8)
    ]
    assert found.pareto_front_.tolist() == np.flatnonzero(np.logical_not(dominated)).tolist()
    assert found.best_score_ == scores.max()


def test_search_for_the_smallest_takes_the_smallest():
    found = search(
        space={"hidden_size": IntDistribution(2, 30)}, objectives=["model_size"], pruner=None
    ).fit(X, LABELS)
    sizes = found.cv_results_["mean_model_size"]
    assert len(set(sizes)) > 1
    assert found.best_index_ == sizes.argmin()
    assert found.best_estimator_.hidden_size == found.cv_results_["param_hidden_size"].min()
    assert found.best_score_ == found.cv_results_["mean_test_score"][found.best_index_]


def test_search_for_the_fastest_takes_none_that_fails():
    space = {"bad": IntDistribution(0, 1)}
    with pytest.warns(FitFailedWarning, match="what went wrong"):
        found = search(Failing(), space, n_trials=6, objectives=["fit_time"]).fit(TABLE, LABELS)
    bad = found.cv_results_["param_bad"].astype(int)
    assert 0 < bad.sum() < 6
    assert (found.cv_results_["state"] == np.where(bad, "failed", "complete")).all()
    assert found.best_params_ == {"bad": 0}
    times = np.where(bad, np.inf, found.cv_results_["mean_fit_time"])
    assert found.best_index_ == times.argmin()


def test_search_for_the_smallest_is_refitted_as_refit_says():
    scoring = {"r2": "r2", "error": "neg_mean_absolute_error"}
    found = search(
        Ridge(), ALPHA, scoring=scoring, refit="error", objectives=["model_size"], pruner=None
    ).fit(TABLE, NUMBERS)
    assert found.best_index_ == found.cv_results_["mean_test_error"].argmax()


def test_search_passes_weights_and_groups_on():
    groups = np.arange(40) // 4
    weight = np.where(np.arange(40) % 2, 1.0, 0.0)
    seen = []

    class Watched(RNNClassifier):
        def _training(self, X, y, X_val=None, y_val=None, sample_weight=None, *args, **kwargs):
            seen.append((len(X), None if sample_weight is None else sample_weight.tolist()))
            return super()._training(X, y, X_val, y_val, sample_weight, *args, **kwargs)

    found = search(small(Watched), cv=GroupKFold(2), n_trials=1)
    found.fit(X, LABELS, groups=groups, sample_weight=weight)
    assert len(seen) == 3  # two folds and all rows
    assert all(len(weights) == n_rows for n_rows, weights in seen)
    assert seen[-1] == (40, weight.tolist())
    with sklearn.config_context(enable_metadata_routing=True):
        seen.clear()
        asking = small(Watched).set_fit_request(sample_weight=True, groups=False)
        asking.set_score_request(sample_weight=True)
        routed = search(asking, cv=GroupKFold(2), n_trials=1)
        routed.fit(X, LABELS, groups=groups, sample_weight=weight)
    assert seen[-1] == (40, weight.tolist())
    assert routed.best_score_ == found.best_score_


# -- spaces ----------------------------------------------------------------------------------------


def test_search_space_may_depend_on_what_was_suggested():
    def space(trial):
        params = {"rnn__cell": trial.suggest_categorical("cell", ["gru", "lstm"])}
        if params["rnn__cell"] == "lstm":
            params["rnn__hidden_size"] = trial.suggest_int("lstm_size", 2, 3)
        return params

    pipeline = Pipeline([("scale", FunctionTransformer()), ("rnn", small())])
    found = search(pipeline, space, n_trials=6).fit(X, LABELS)
    cells = found.cv_results_["param_rnn__cell"]
    assert set(cells) == {"gru", "lstm"}
    masked = np.ma.getmaskarray(found.cv_results_["param_rnn__hidden_size"])
    assert (masked == (cells == "gru")).all()
    assert found.best_estimator_["rnn"].cell == found.best_params_["rnn__cell"]


def test_search_space_may_hold_values_of_any_kind():
    steps = [StandardScaler(), FunctionTransformer()]

    def space(trial):
        return {"scale": steps[trial.suggest_int("which", 0, 1)]}

    table = RANDOM.normal(size=(40, 3))
    pipeline = Pipeline([("scale", StandardScaler()), ("ridge", Ridge())])
    found = search(pipeline, space, n_trials=4).fit(table, NUMBERS)
    kinds = {type(params["scale"]) for params in found.cv_results_["params"]}
    assert kinds == {StandardScaler, FunctionTransformer}
    assert found.best_estimator_["scale"] is not steps[0]  # cloned


@pytest.mark.parametrize("draw", [lambda draws: draws.uniform(), lambda draws: draws.integers(9)])
def test_search_knows_what_it_has_tried_of_a_space_that_draws_by_itself(draw):
    draws = np.random.default_rng(0)
    tried = []

    class Watched(Ridge):
        def fit(self, X, y):
            tried.append(self.alpha)
            return super().fit(X, y)

    found = search(Watched(), lambda trial: {"alpha": draw(draws)}).fit(TABLE, NUMBERS)
    assert [p["alpha"] for p in found.cv_results_["params"]] == tried[:-1:2]
    assert found.best_params_["alpha"] == tried[-1]


def test_search_space_may_refuse_what_cannot_be():
    def space(trial):
        size = trial.suggest_int("size", 2, 4)
        if size == 4:
            raise TrialPruned
        return {"hidden_size": size}

    found = search(space=space, n_trials=8).fit(X, LABELS)
    refused = found.cv_results_["state"] == "pruned"
    assert 0 < refused.sum() < 8
    assert all(
        (p == {"size": 4}) == r for p, r in zip(found.cv_results_["params"], refused, strict=True)
    )
    assert (found.cv_results_["n_epochs"] == np.where(refused, 0, 4)).all()
    assert found.best_params_["hidden_size"] < 4


def test_search_suggests_a_space_where_none_is_given():
    found = OptunaSearchCV(small(), n_trials=2, cv=2, random_state=0).fit(X, LABELS)
    assert {"lr", "hidden_size", "cell", "pooling"} <= set(found.best_params_)


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ({"lr": [0.1, 0.2]}, TypeError, r"'search_space' of 'lr' must be one of optuna.distrib"),
        ({}, ValueError, r"must hold one parameter at least. Got \{\}"),
        (lambda trial: 3, TypeError, "must return a dict of parameters. Got 3, of type int"),
    ],
)
def test_search_refuses_what_is_no_space(space, error, message):
    with pytest.raises(error, match=message):
        search(space=space).fit(X, LABELS)


def test_search_refuses_wrong_parameters():
    with pytest.raises(ValueError, match="must name one or more of score, fit_time, score_time"):
        search(objectives=["size"]).fit(X, LABELS)
    with pytest.raises(ValueError, match="can't be had with several 'objectives'"):
        search(objectives=["score", "fit_time"], pruner=Stop(after=1)).fit(X, LABELS)
    with pytest.raises(ValueError, match="can't be had with several 'objectives' or others"):
        search(objectives=["model_size"], pruner=Stop(after=1)).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"best of the 'epochs' goes by one score.*'fit_time'"):
        search(objectives=["score", "fit_time"], pruner=None, epochs="best").fit(X, LABELS)
    for name, kind in {"pruner": NopPruner, "sampler": TPESampler}.items():
        with pytest.raises(
            ValueError, match=f"'{name}' parameter of OptunaSearchCV must be an inst"
        ):
            search(**{name: kind}).fit(X, LABELS)
    with pytest.raises(ValueError, match="'search_space' parameter must be given, since there is"):
        search(Ridge(), None).fit(TABLE, NUMBERS)
    with pytest.raises(ValueError, match="The 'storage' parameter must be None, the path of"):
        search(storage=3).fit(X, LABELS)
    with pytest.raises(ValueError, match="The 'n_trials' parameter of OptunaSearchCV must be"):
        search(n_trials=0).fit(X, LABELS)
    with pytest.raises(ValueError, match="requires y to be passed"):
        search().fit(X)
    with pytest.raises(ValueError, match="The 'cv' parameter must give one split at least"):
        search(cv=[]).fit(X, LABELS)


# -- errors ----------------------------------------------------------------------------------------


class Failing(ClassifierMixin, BaseEstimator):
    def __init__(self, bad=0):
        self.bad = bad

    def fit(self, X, y):
        if self.bad:
            raise ZeroDivisionError("what went wrong")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.repeat(self.classes_[0], len(X))


def test_search_shows_the_errors_of_fits():
    table, labels = make_classification(40, random_state=0)
    space = {"bad": IntDistribution(0, 1)}
    with pytest.warns(FitFailedWarning, match="what went wrong"):
        found = search(Failing(), space, n_trials=6).fit(table, labels)
    bad = found.cv_results_["param_bad"].astype(int)
    assert 0 < bad.sum() < 6
    assert (np.isnan(found.cv_results_["mean_test_score"]) == (bad == 1)).all()
    assert (found.cv_results_["state"] == np.where(bad, "failed", "complete")).all()
    assert found.best_params_ == {"bad": 0}
    with pytest.raises(ZeroDivisionError, match="what went wrong"):
        search(Failing(), space, n_trials=6, error_score="raise").fit(table, labels)
    with pytest.raises(ValueError, match="All the 4 fits failed"):
        search(Failing(), {"bad": IntDistribution(1, 2)}, n_trials=2).fit(table, labels)


def test_search_whose_trials_all_fail_in_a_fold_takes_none():
    folds = list(KFold(2).split(X))
    one_class = np.flatnonzero(LABELS == "up")
    cv = [folds[0], (one_class, folds[1][1])]
    with (
        pytest.warns(FitFailedWarning, match="The number of classes has to be greater than one"),
        pytest.raises(ValueError, match=r"No trial was completed. 3 had a fit that failed: see th"),
    ):
        search(cv=cv).fit(X, LABELS)


def test_search_says_that_scores_are_missing():
    def sometimes(estimator, X, y):
        return estimator.score(X, y) if estimator.alpha > 0.7 else np.nan

    with pytest.warns(UserWarning, match="1 of 3 trials failed though all their fits went well"):
        found = search(Ridge(), ALPHA, scoring=sometimes).fit(TABLE, NUMBERS)
    assert found.cv_results_["state"].tolist() == ["complete", "failed", "complete"]
    with pytest.raises(ValueError, match=r"completed. 3 had scores that are not finite: see what"):
        search(Ridge(), ALPHA, scoring=lambda *_: np.nan).fit(TABLE, NUMBERS)

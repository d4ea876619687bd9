"""Halving searches whose candidates train on: scikit-learn's, without what would be done twice."""

from __future__ import annotations

import logging
from collections import Counter
from itertools import product

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.model_selection import _search_successive_halving as of_scikit_learn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.callbacks import Callback

from sklearn_rnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    Seq2SeqClassifier,
    StepClassifier,
    StepRegressor,
)
from sklearn_rnn.model_selection import HalvingGridSearchCV, HalvingRandomSearchCV
from sklearn_rnn.model_selection._folds import FoldFit, Judging, Rows
from sklearn_rnn.model_selection._rungs import epochs_of_last_rung
from sklearn_rnn.preprocessing import PerStep
from sklearn_rnn.training import memory
from tests.searches import CountEpochs

RANDOM = np.random.default_rng(0)
X = [RANDOM.normal(size=(n, 2)) for n in RANDOM.integers(3, 9, 30)]
NUMBERS = np.array([x[:, 0].mean() for x in X])
LABELS = np.where(NUMBERS > 0, "up", "down")
TEXTS = ["abc" * int(n) for n in RANDOM.integers(1, 5, 30)]
LR = {"lr": [0.001, 0.01, 0.1, 0.03]}


@pytest.fixture
def trained():
    """Count the epochs of each learning rate."""
    CountEpochs.trained.clear()
    return CountEpochs.trained


def small(kind=RNNClassifier, **options):
    return kind(**{"hidden_size": 4, "max_epochs": 4, "random_state": 0} | options)


def search(estimator=None, grid=LR, **options):
    estimator = small() if estimator is None else estimator
    return HalvingGridSearchCV(estimator, grid, **{"factor": 2, "cv": 2} | options)


def scores_of(fitted, **where):
    """Return the test scores of each fold, candidates by folds."""
    results = fitted.cv_results_
    rows = np.logical_and.reduce([np.asarray(results[k]) == v for k, v in where.items()])
    return np.transpose([results[f"split{i}_test_score"][rows] for i in range(fitted.n_splits_)])


WEIGHTS = np.arange(30) % 3 + 1


class Untransforming(RNNRegressor, auto_wrap_output_keys=None):
    """A regressor alone: with a transformer, scikit-learn's searches fail its checks of those."""

    transform = property()


# The checks ask whether a regressor learns; of the others, whether they keep to the rules.
LEARNING = {"hidden_size": 32, "max_epochs": 16, "device": "cpu"}
QUICK = {"hidden_size": 4, "max_epochs": 2, "device": "cpu"}
RATES = {"lr": [0.03, 0.05]}
CHECKED = {
    "min_resources": "exhaust",
    "cv": KFold(2, shuffle=True, random_state=0),
    "error_score": "raise",
    "return_train_score": False,
}


@parametrize_with_checks(
    [
        search(small(StepClassifier, **QUICK), RATES, **CHECKED),
        search(small(Untransforming, **LEARNING), RATES, **CHECKED),
        HalvingRandomSearchCV(
            small(StepRegressor, **QUICK), RATES, n_candidates=2, factor=2, **CHECKED
        ),
    ]
)
def test_search_passes_scikit_learn_check(estimator, check):
    check(estimator)


# -- what is trained --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "X", "y"),
    [
        (small(dropout=0.2, lr_schedule="onecycle"), X, LABELS),
        (small(early_stopping=True, n_iter_no_change=1, lr_schedule="plateau"), X, LABELS),
        (small(RNNRegressor), X, NUMBERS),
        (small(StepClassifier), X, [np.where(x[:, 0] > 0, 1, 0) for x in X]),
        (small(Seq2SeqClassifier, teacher_forcing="linear"), TEXTS, [t[::-1] for t in TEXTS]),
        (small(RNNLanguageModel), TEXTS, None),
    ],
)
def test_last_rung_scores_as_whole_fits_do(model, X, y):
    fitted = search(model).fit(X, y)
    assert fitted.n_resources_ == [1, 2, 4]
    last = [p for p in fitted.cv_results_["params"] if p["max_epochs"] == 4]
    whole = [cross_val_score(clone(model).set_params(**p), X, y, cv=2) for p in last]
    assert (scores_of(fitted, n_resources=4) == whole).all()
    best = clone(model).set_params(**fitted.best_params_).fit(X, y)
    assert best.loss_curve_ == fitted.best_estimator_.loss_curve_


@pytest.mark.parametrize("stopping", [False, True])
def test_lower_rungs_score_as_fits_that_end_there_do(stopping):
    model = small(max_epochs=4, early_stopping=stopping)
    fitted = search(model).fit(X, LABELS)
    for lr, n_epochs in product(LR["lr"], [1]):
        model = clone(model).set_params(lr=lr)
        judging = Judging(fitted.scorer_, "score", "raise")
        for fold, split in enumerate(StratifiedKFold(2).split(X, LABELS)):
            fit = FoldFit(clone(model), Rows(X, LABELS, {}, {}), *split, judging)
            fit.reach(n_epochs)
            (scores,) = scores_of(fitted, n_resources=n_epochs, param_lr=lr)
            assert scores[fold] == fit.result.test_scores


def test_no_epoch_is_trained_twice(trained):
    model = small(max_epochs=8, callbacks=[CountEpochs()])
    fitted = search(model, refit=False).fit(X, LABELS)
    assert (fitted.n_candidates_, fitted.n_resources_) == ([4, 2, 1], [2, 4, 8])
    furthest = Counter()
    for params in fitted.cv_results_["params"]:
        furthest[params["lr"]] = max(furthest[params["lr"]], 2 * params["max_epochs"])
    assert trained == furthest
    assert trained.total() == 2 * (4 * 2 + 2 * 2 + 1 * 4)


def test_rungs_repeated_by_aggressive_elimination_train_nothing(trained):
    model = small(max_epochs=2, callbacks=[CountEpochs()])
    fitted = search(model, aggressive_elimination=True, refit=False).fit(X, LABELS)
    assert (fitted.n_candidates_, fitted.n_resources_) == ([4, 2, 1], [1, 1, 2])
    assert trained.total() == 2 * (4 * 1 + 1 * 1)
    kept = fitted.cv_results_["params"][4]["lr"]
    first, again = (scores_of(fitted, iter=i, param_lr=kept) for i in (0, 1))
    assert (first == again).all()


def test_equal_candidates_without_a_seed_are_trained_each_for_itself(trained):
    model = small(RNNRegressor, random_state=None, callbacks=[CountEpochs()])
    fitted = search(model, {"lr": [0.01, 0.01]}, refit=False).fit(X, NUMBERS)
    first, second = scores_of(fitted, n_resources=2)
    assert (first != second).all()
    assert trained.total() == 2 * (2 * 2 + 1 * 2)


def test_processes_find_what_one_finds():
    one, two = (search(n_jobs=n).fit(X, LABELS) for n in (1, 2))
    assert one.best_params_ == two.best_params_
    for name, values in one.cv_results_.items():
        if not name.endswith("_time"):
            np.testing.assert_array_equal(values, two.cv_results_[name])
    assert one.best_estimator_.loss_curve_ == two.best_estimator_.loss_curve_


def test_freed_memory_is_kept_while_a_search_runs():
    n_running = []

    def scoring(model, X, y):
        n_running.append(memory._n_running)
        return model.score(X, y)

    search(scoring=scoring, refit=False).fit(X, LABELS)
    assert min(n_running) > 0
    assert memory._n_running == 0


class PowerCut(CountEpochs):
    """End it all after some epochs."""

    after = 15

    def on_epoch_begin(self, net, **kwargs):
        if self.trained.total() == self.after:
            raise RuntimeError("power cut")


def test_search_that_was_killed_goes_on(tmp_path, trained, monkeypatch):
    model = small(max_epochs=8, checkpoint_dir=tmp_path, callbacks=[PowerCut()])
    again = search(model, refit=False, error_score="raise")
    with pytest.raises(RuntimeError, match="power cut"):
        again.fit(X, LABELS)
    assert trained.total() == 15
    monkeypatch.setattr(PowerCut, "after", 1000)
    again.fit(X, LABELS)
    assert trained.total() == 2 * (4 * 2 + 2 * 2 + 1 * 4)
    whole = search(small(max_epochs=8), refit=False).fit(X, LABELS)
    assert (again.cv_results_["mean_test_score"] == whole.cv_results_["mean_test_score"]).all()


# -- what scikit-learn's searches do, too ------------------------------------------------------


@pytest.mark.parametrize("factor", [1.5, 2, 3])
@pytest.mark.parametrize("n_candidates", [1, 2, 9, 10, 30])
@pytest.mark.parametrize("min_resources", ["exhaust", "smallest", 4])
@pytest.mark.parametrize("aggressive_elimination", [False, True])
def test_last_rung_is_foreseen(factor, n_candidates, min_resources, aggressive_elimination):
    for max_resources in (4, 5, 27, 100):
        fitted = search(
            small(),
            {"lr": np.linspace(0.1, 1, n_candidates)},
            factor=factor,
            max_resources=max_resources,
            min_resources=min_resources,
            aggressive_elimination=aggressive_elimination,
        )
        fitted._settle_resources()
        results = {"iter": [], "params": [], "mean_test_score": []}

        def evaluate(candidates, cv, more_results, callback_ctx, results=results):
            results["iter"] += more_results["iter"]
            results["params"] += candidates
            results["mean_test_score"] += [params["lr"] for params in candidates]
            return results

        fitted._checked_cv_orig, fitted.n_splits_ = None, 2  # which a fit has by then
        fitted._run_search(evaluate, callback_ctx=fitted._init_callback_context(max_subtasks=1))
        assert fitted._last_epochs == fitted.n_resources_[-1]
        assert len({candidate.number for candidate in results["params"]}) == n_candidates


def test_last_rung_is_foreseen_by_hand():
    options = {"exhaust": True, "aggressive": False}
    assert epochs_of_last_rung(27, 3, 1, 100, **options) == 81  # 3, 9, 27, 81
    assert epochs_of_last_rung(8, 2, 1, 100, **options) == 96  # 12, 24, 48, 96
    options = {"exhaust": False, "aggressive": True}
    assert epochs_of_last_rung(27, 3, 10, 100, **options) == 90  # 10, 10, 30, 90


SPACE = {"lr": loguniform(1e-3, 1e-1), "cell": ["gru", "rnn"]}


@pytest.mark.parametrize(
    ("name", "space", "options"),
    [
        ("HalvingGridSearchCV", {"lr": [0.001, 0.1], "cell": ["gru", "rnn"]}, {}),
        ("HalvingGridSearchCV", LR, {"min_resources": "smallest"}),
        ("HalvingRandomSearchCV", SPACE, {"n_candidates": 5, "min_resources": "exhaust"}),
        ("HalvingRandomSearchCV", SPACE, {}),
    ],
)
def test_candidates_rungs_and_columns_are_those_of_scikit_learn(name, space, options):
    options = {"factor": 2, "cv": 2, "random_state": 0, "refit": False} | options
    ours, theirs = (
        kind(small(), space, resource="max_epochs", max_resources=4, **options).fit(X, LABELS)
        for kind in (globals()[name], getattr(of_scikit_learn, name))
    )
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    first = [0] * ours.n_candidates_[0]
    for results in (ours.cv_results_, theirs.cv_results_):
        assert list(results["iter"][: len(first)]) == first
    mine, other = ({**p, "max_epochs": 0} for p in ours.cv_results_["params"][: len(first)]), None
    other = ({**p, "max_epochs": 0} for p in theirs.cv_results_["params"][: len(first)])
    assert list(mine) == list(other)
    for attribute in (
        "n_resources_",
        "n_candidates_",
        "n_iterations_",
        "n_remaining_candidates_",
        "n_required_iterations_",
        "n_possible_iterations_",
        "min_resources_",
        "max_resources_",
        "n_splits_",
        "multimetric_",
    ):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert all(type(params) is dict for params in (ours.best_params_, *ours.cv_results_["params"]))


def test_most_epochs_are_those_of_the_estimator():
    fitted = search(small(max_epochs=5), factor=3).fit(X, LABELS)
    assert fitted.max_resources_ == 5
    assert fitted.n_resources_ == [1, 3]
    assert fitted.best_estimator_.n_iter_ == fitted.best_params_["max_epochs"] == 3


def test_weights_and_groups_reach_fits_scorers_and_splits():
    groups = np.arange(30) % 5
    fitted = search(cv=GroupKFold(2)).fit(X, LABELS, sample_weight=WEIGHTS, groups=groups)
    train, test = next(GroupKFold(2).split(X, LABELS, groups))
    take = [[X[i] for i in rows] for rows in (train, test)]
    model = clone(fitted.estimator).set_params(**fitted.best_params_)
    model.fit(take[0], LABELS[train], sample_weight=WEIGHTS[train])
    expected = model.score(take[1], LABELS[test], sample_weight=WEIGHTS[test])
    assert fitted.cv_results_["split0_test_score"][fitted.best_index_] == expected


def test_splits_may_be_random():
    fitted = search(cv=ShuffleSplit(2)).fit(X, LABELS)
    assert fitted.n_splits_ == 2


def test_pipeline_is_trained_on_at_its_end(trained):
    model = make_pipeline(PerStep(StandardScaler()), small(callbacks=[CountEpochs()]))
    options = {"resource": "rnnclassifier__max_epochs", "refit": False}
    fitted = search(model, {"rnnclassifier__lr": LR["lr"]}, **options).fit(X, LABELS)
    assert trained.total() == 2 * (4 * 1 + 2 * 1 + 1 * 2)
    whole = cross_val_score(model.set_params(**fitted.best_params_), X, LABELS, cv=2)
    assert (scores_of(fitted, iter=2)[0] == whole).all()


class Noise(TransformerMixin, BaseEstimator):
    """Change sequences a little, each time in another way."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return [x + np.random.default_rng().normal(size=x.shape) for x in X]

    def __sklearn_is_fitted__(self):
        return True


def test_random_step_before_the_last_is_warned_of_where_it_is_fitted_anew(monkeypatch):
    fitted = search(
        make_pipeline(Noise(), small(max_epochs=8)),
        {"rnnclassifier__lr": LR["lr"]},
        resource="rnnclassifier__max_epochs",
    )
    fitted.fit(X, LABELS)  # once, since trainings wait in memory
    monkeypatch.setattr("sklearn_rnn.model_selection._continued_halving.ROOM", 0)
    with pytest.warns(UserWarning, match="Trainings began anew"):
        fitted.fit(X, LABELS)


def test_scores_of_training_rows_are_there_if_asked_for():
    with_train, without = (
        search(return_train_score=each, refit=False).fit(X, LABELS).cv_results_
        for each in (True, False)
    )
    assert "mean_train_score" in with_train
    assert "mean_train_score" not in without


def test_verbose_search_tells_of_rungs_and_candidates(capsys):
    search(verbose=2).fit(X, LABELS)
    printed = capsys.readouterr().out
    assert "Training 2 candidates in 2 folds each, from epoch 1 to 2" in printed
    assert "'lr': 0.001" in printed


# -- what goes wrong ----------------------------------------------------------------------------


class Failing(CountEpochs):
    """Fail in the second epoch where the learning rate is high."""

    def on_epoch_begin(self, net, **kwargs):
        if net.lr == 0.1 and len(net.history) == 2:
            raise RuntimeError("out of luck")


@pytest.mark.filterwarnings("ignore:One or more of the:UserWarning")  # a fit is made to fail
def test_fit_that_failed_is_not_tried_again(trained):
    model = small(max_epochs=8, callbacks=[Failing()])
    grid = {"lr": [0.01, 0.1]}
    options = {"min_resources": 2, "max_resources": 4, "factor": 1.9, "refit": False}
    with pytest.warns(FitFailedWarning, match="out of luck"):
        fitted = search(model, grid, **options).fit(X, LABELS)
    assert fitted.n_candidates_ == [2, 2]
    assert trained == {0.01: 2 * 3, 0.1: 2 * 1}
    assert np.isnan(scores_of(fitted, param_lr=0.1)).all()
    assert fitted.best_params_["lr"] == 0.01


def test_fit_that_fails_raises_if_asked_to():
    model = small(callbacks=[Failing()])
    with pytest.raises(RuntimeError, match="out of luck"):
        search(model, error_score="raise").fit(X, LABELS)


class Forgetful(Callback):
    """Store no state."""


def test_callbacks_without_state_are_told_of_once(caplog):
    with caplog.at_level(logging.WARNING, "sklearn_rnn"):
        search(small(callbacks=[Forgetful()])).fit(X, LABELS)
    (told,) = [r.getMessage() for r in caplog.records if "store no state" in r.getMessage()]
    assert "Forgetful" in told
    assert "every rung" in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": LogisticRegression()}, "others can't be trained on. Got LogisticRegression"),
        ({"resource": "n_samples"}, "must be 'max_epochs', .* Got 'n_samples' instead"),
        (
            {"estimator": make_pipeline(FunctionTransformer(), small())},
            "must be 'rnnclassifier__max_epochs', the epochs of RNNClassifier",
        ),
        ({"min_resources": 5}, "'min_resources' .* not be more than .* 4. Got 5"),
        ({"estimator": small(max_epochs=0)}, "The 'max_epochs' parameter of RNNClassifier must be"),
        ({"factor": 1}, "The 'factor' parameter of HalvingGridSearchCV must be"),
        ({"grid": {"max_epochs": [1, 2]}}, "Cannot use parameter max_epochs as the resource"),
        ({"cv": []}, "The 'cv' parameter must give one split at least. Got none"),
        ({"scoring": lambda model, X, y: {"a": 1.0}}, "'scoring' .* must give one number"),
        ({"error_score": "none"}, "The 'error_score' parameter"),
        (
            {
                "estimator": make_pipeline(FunctionTransformer(), small()),
                "grid": {"rnnclassifier": [LogisticRegression()]},
                "resource": "rnnclassifier__max_epochs",
            },
            "must end in an estimator of sklearn_rnn",
        ),
    ],
)
def test_wrong_search_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        search(**options).fit(X, LABELS)


def test_candidates_and_epochs_can_not_both_be_exhausted():
    fitted = HalvingRandomSearchCV(small(), LR, min_resources="exhaust")
    with pytest.raises(ValueError, match="can't both be 'exhaust'"):
        fitted.fit(X, LABELS)

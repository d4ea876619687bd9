"""OptunaSearchCV by epoch: what is reported and pruned, refits, no row seen that is tested."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import ThresholdPruner
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, ShuffleSplit, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNClassifier, RNNLanguageModel
from sklearn_rnn.model_selection._folds import is_looked_at
from tests.searches import ALPHA, LABELS, LR, NUMBERS, RANDOM, TABLE, Stop, X, search, small

# -- epochs and pruning ----------------------------------------------------------------------------


def test_search_reports_the_mean_score_of_all_folds_at_each_epoch():
    cv = KFold(3, shuffle=True, random_state=1)
    found = search(pruner=Stop(after=2), cv=cv).fit(X, LABELS)
    lr = found.study_.trials[0].params["lr"]
    expected = np.zeros(4)
    for train, test in cv.split(X):
        model = small(lr=lr)
        pauses = model._fit_by_epoch([X[i] for i in train], LABELS[train])
        scores = [model.score([X[i] for i in test], LABELS[test]) for _ in pauses]
        expected += np.array(scores) / 3
    reported = found.study_.trials[0].intermediate_values
    assert list(reported) == [1, 2, 3, 4]
    assert list(reported.values()) == pytest.approx(expected)


def test_search_prunes_no_trial_at_its_end():
    found = search(pruner=Stop(after=4)).fit(X, LABELS)
    assert found.cv_results_["state"].tolist() == ["complete"] * 3
    assert len(found.study_.trials[2].intermediate_values) == 4
    table = search(Ridge(), ALPHA, pruner=Stop(after=2)).fit(TABLE, NUMBERS)
    assert table.cv_results_["state"].tolist() == ["complete"] * 3


def test_search_prunes_by_no_score_where_none_is_optimized():
    found = search(small(max_epochs=6), objectives=["model_size"], pruner=None, n_trials=4)
    assert set(found.fit(X, LABELS).cv_results_["state"]) == {"complete"}


def test_search_takes_steps_of_a_pipeline_in_a_tuple():
    pipeline = Pipeline((("pass", FunctionTransformer()), ("rnn", small())))
    found = search(pipeline, {"rnn__lr": LR["lr"]}, pruner=Stop(after=2)).fit(X, LABELS)
    assert found.cv_results_["n_epochs"].tolist() == [4, 2, 2]


class Marked(RNNClassifier):
    def fit(self, X, y):
        self.mark_ = len(X)
        return super().fit(X, y)


def test_search_calls_the_fit_that_a_subclass_has():
    found = search(small(Marked), pruner=Stop(after=1)).fit(X, LABELS)
    assert found.best_estimator_.mark_ == 40
    assert all(len(t.intermediate_values) == 1 for t in found.study_.trials[1:])  # of folds


def test_search_prunes_after_an_epoch_of_all_folds():
    found = search(pruner=Stop(after=2)).fit(X, LABELS)
    results = found.cv_results_
    assert results["state"].tolist() == ["complete", "pruned", "pruned"]
    assert results["n_epochs"][1:].tolist() == [2, 2]
    assert np.isnan(results["mean_test_score"]).tolist() == [False, True, True]
    assert found.best_index_ == 0
    assert all(len(t.intermediate_values) == 2 for t in found.study_.trials[1:])


def test_search_prunes_other_estimators_after_a_fold():
    table = RANDOM.normal(size=(40, 3))
    space = {"alpha": FloatDistribution(0.1, 1.0)}
    found = search(Ridge(), space, pruner=Stop(after=2), cv=4).fit(table, NUMBERS)
    assert found.cv_results_["state"].tolist() == ["complete", "pruned", "pruned"]
    scores = [found.cv_results_[f"split{i}_test_score"][0] for i in range(4)]
    reported = found.study_.trials[0].intermediate_values
    assert list(reported.values()) == pytest.approx(np.cumsum(scores) / [1, 2, 3, 4])


def test_search_prunes_by_successive_halving_where_fits_can_pause():
    found = search(small(max_epochs=20), n_trials=9, pruner=None).fit(X, LABELS)
    epochs = found.cv_results_["n_epochs"]
    assert set(epochs) <= {5, 15, 20}
    assert epochs[0] == 20  # nothing to compare it with
    assert min(epochs) == 5
    table = RANDOM.normal(size=(40, 3))
    space = {"alpha": FloatDistribution(0.1, 1.0)}
    assert set(search(Ridge(), space, pruner=None).fit(table, NUMBERS).cv_results_["state"]) == {
        "complete"
    }


def test_search_looks_at_long_trainings_now_and_then():
    looked_at = [epoch for epoch in range(1, 121) if is_looked_at(epoch, 120)]
    assert looked_at == [*range(1, 11), *range(12, 121, 3)]
    assert all(is_looked_at(epoch, 50) for epoch in range(1, 51))


def test_search_that_completes_no_trial_says_so():
    with pytest.raises(ValueError, match=r"No trial was completed. 3 were pruned: give the"):
        search(pruner=ThresholdPruner(lower=2.0)).fit(X, LABELS)


def test_search_refits_for_the_epochs_that_were_best():
    found = search(n_trials=1, cv=KFold(4), pruner=Stop(after=9), epochs="best")
    found.fit(X, LABELS)
    curve = found.study_.trials[0].intermediate_values
    best = max(epoch for epoch, score in curve.items() if score == max(curve.values()))
    assert found.cv_results_["n_epochs"].tolist() == [best]
    assert found.best_score_ == max(curve.values())
    assert found.best_estimator_.n_iter_ == best
    whole = small(lr=found.best_params_["lr"]).fit(X, LABELS)
    assert found.best_estimator_.loss_curve_ == whole.loss_curve_[:best]


def test_search_lets_early_stopping_choose_its_epochs():
    model = small(early_stopping=True, max_epochs=30, n_iter_no_change=2, lr=0.1)
    found = search(model, {"hidden_size": IntDistribution(3, 4)}, n_trials=1).fit(X, LABELS)
    alone = cross_val_score(model.set_params(**found.best_params_), X, LABELS, cv=2)
    assert found.best_score_ == alone.mean()
    assert found.best_estimator_.best_epoch_ < found.best_estimator_.n_iter_


def test_search_trains_a_language_model():
    texts = ["abc" * int(n) for n in RANDOM.integers(1, 5, 30)]
    found = search(small(RNNLanguageModel), pruner=Stop(after=2)).fit(texts)
    assert found.cv_results_["state"].tolist() == ["complete", "pruned", "pruned"]
    assert found.score_samples(texts).shape == (30,)


# -- no leakage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", [None, Stop(after=3)])
def test_search_never_trains_on_rows_that_it_tests(pruner):
    """By a splitter that shuffles anew at each call; rows are known by their first number."""
    trained, tested = {}, {}

    class Watched(RNNClassifier):
        def _training(self, X, y, *args, **kwargs):
            trained.setdefault(id(self), (self, set()))[1].update(x[0, 0] for x in X)
            return super()._training(X, y, *args, **kwargs)

    def scorer(estimator, X, y):
        tested.setdefault(id(estimator), set()).update(x[0, 0] for x in X)
        return estimator.score(X, y)

    cv = ShuffleSplit(3, test_size=0.3)
    search(small(Watched), cv=cv, scoring=scorer, pruner=pruner, refit=False).fit(X, LABELS)
    assert len(tested) == 9
    assert sum(len(rows & trained[which][1]) for which, rows in tested.items()) == 0
    assert all(len(rows) == 12 for rows in tested.values())
    assert len({frozenset(rows) for rows in tested.values()}) == 3  # the same of all trials


# -- errors ----------------------------------------------------------------------------------------


def test_search_by_epoch_says_that_scores_are_missing():
    """And does not take them for those of trials that lag behind."""
    long = small(max_epochs=7)
    with pytest.raises(ValueError, match=r"completed. 3 had scores that are not finite"):
        search(long, pruner=None, scoring=lambda *_: np.nan).fit(X, LABELS)

    def later(estimator, X, y):
        return estimator.score(X, y) if len(estimator.net_.history) > 5 else np.nan

    found = search(long, pruner=None, scoring=later, n_trials=1).fit(X, LABELS)
    assert list(found.study_.trials[0].intermediate_values) == [6, 7]
    assert found.cv_results_["state"].tolist() == ["complete"]


def test_search_shows_the_errors_of_fits_by_epoch():
    space = {"lr": CategoricalDistribution([1e-3, 1e38])}
    with pytest.warns(FitFailedWarning, match="Training diverged"):
        found = search(small(gradient_clip=None), space, n_trials=6, pruner=Stop(after=9)).fit(
            X, LABELS
        )
    assert set(found.cv_results_["state"]) == {"complete", "failed"}
    assert found.best_params_ == {"lr": 1e-3}

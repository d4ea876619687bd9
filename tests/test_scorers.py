"""Scorers of sequences in scikit-learn's model selection."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from sklearn import metrics as flat
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_validate

from sklearn_rnn.metrics import (
    edit_distance,
    exact_match,
    get_scorer,
    get_scorer_names,
    make_step_scorer,
    sequence_rmse,
    step_accuracy,
    step_f1,
    token_error_rate,
)


def ragged(rows):
    array = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        array[i] = np.asarray(row)
    return array


class Tagger(BaseEstimator):
    """A step is of the class whose place is nearest; classes lie one apart from each other."""

    def __init__(self, shift=0.0, rectangular=False):
        self.shift = shift
        self.rectangular = rectangular

    def fit(self, X, y):
        rows = y.to_pylist() if isinstance(y, pa.Array) else y
        labels = pd.Series([label for row in rows for label in row]).dropna()
        self.classes_ = np.unique(labels.to_numpy())
        return self

    def _closeness(self, row):
        places = np.arange(len(self.classes_))
        return -np.abs(np.asarray(row, dtype=float)[:, None] - self.shift - places)

    def _answers(self, rows):
        return np.stack(rows) if self.rectangular else ragged(rows)

    def predict(self, X):
        return self._answers([self.classes_[self._closeness(row).argmax(axis=1)] for row in X])

    def predict_proba(self, X):
        weights = [np.exp(self._closeness(row)) for row in X]
        return self._answers([w / w.sum(axis=1, keepdims=True) for w in weights])

    def decision_function(self, X):
        closeness = [self._closeness(row) for row in X]
        if len(self.classes_) == 2:
            closeness = [c[:, 1] - c[:, 0] for c in closeness]
        return self._answers(closeness)


class Line(BaseEstimator):
    """Each step's number times a factor, as many times as there are outputs."""

    def __init__(self, factor=1.0, n_outputs=None):
        self.factor = factor
        self.n_outputs = n_outputs

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        rows = [np.asarray(row, dtype=float) * self.factor for row in X]
        if self.n_outputs:
            rows = [np.repeat(row[:, None], self.n_outputs, axis=1) for row in rows]
        return ragged(rows)


class Half(BaseEstimator):
    """Writes the first half of what it reads."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return ragged([list(row)[: len(row) // 2] for row in X])


def tagging(classes=("a", "b", "c"), n_samples=24, n_steps=None, seed=0):
    """Return sequences of numbers near the places of their labels."""
    rng = np.random.default_rng(seed)
    lengths = [n_steps] * n_samples if n_steps else rng.integers(2, 9, size=n_samples)
    places = [
        np.append(rng.integers(len(classes), size=n - 1), i % len(classes))
        for i, n in enumerate(lengths)
    ]
    X = [place + rng.normal(scale=0.5, size=len(place)) for place in places]
    return X, [np.asarray(classes)[place].tolist() for place in places]


def end_to_end(rows):
    return np.concatenate([np.asarray(row) for row in rows])


# -- the metrics of the package -------------------------------------------------------------------


@pytest.mark.parametrize("form", [list, ragged, pd.Series, pa.array, pl.Series])
def test_make_scorer_of_scikit_learn_takes_the_metrics(form):
    X, y = tagging()
    scoring = {
        "accuracy": flat.make_scorer(step_accuracy),
        "f1": flat.make_scorer(step_f1),
        "edits": flat.make_scorer(edit_distance, greater_is_better=False),
    }
    scores = cross_validate(
        Tagger(), X, form(y), scoring=scoring, cv=3, error_score="raise", return_train_score=True
    )
    for fold, (train, test) in enumerate(KFold(3).split(X)):
        model = Tagger().fit(X, [y[i] for i in train])
        truth, found = [y[i] for i in test], model.predict([X[i] for i in test])
        assert scores["test_accuracy"][fold] == flat.accuracy_score(
            end_to_end(truth), end_to_end(found)
        )
        assert scores["test_f1"][fold] == pytest.approx(
            flat.f1_score(end_to_end(truth), end_to_end(found), average="macro")
        )
        assert scores["test_edits"][fold] == -edit_distance(truth, found)


EXPECTED = {
    "exact_match": exact_match,
    "neg_edit_distance": lambda *pair: -edit_distance(*pair),
    "neg_token_error_rate": lambda *pair: -token_error_rate(*pair),
    "step_accuracy": step_accuracy,
    "step_f1_macro": step_f1,
    "step_f1_micro": partial(step_f1, average="micro"),
    "step_f1_weighted": partial(step_f1, average="weighted"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_get_scorer_gives_scorers_of_labels(name):
    X, y = tagging()
    model = Tagger(shift=0.4).fit(X, y)
    score = get_scorer(name)(model, X, y)
    assert score == EXPECTED[name](y, model.predict(X))
    weight = np.arange(len(X)) % 2
    weighed = get_scorer(name)(model, X, y, sample_weight=weight)
    assert weighed == pytest.approx(EXPECTED[name](y[1::2], model.predict(X[1::2])))


def test_get_scorer_gives_scorers_of_numbers_and_entities():
    X, y = [[1.0, 2.0], [3.0]], [[1.0, 3.0], [1.0]]
    model = Line().fit(X, y)
    assert get_scorer("neg_sequence_mae")(model, X, y) == -1
    assert get_scorer("neg_sequence_rmse")(model, X, y) == pytest.approx(-np.sqrt(5 / 3))
    X = [[0, 1, 2, 0]]
    tagger = Tagger().fit(X, [["B-PER", "I-PER", "O", "B-PER"]])
    assert get_scorer("entity_f1")(tagger, X, [["B-PER", "I-PER", "O", "O"]]) == pytest.approx(
        2 / 3
    )


def test_get_scorer_takes_sequences_of_other_lengths():
    X = [list("abcd"), list("ab"), list("abc")]
    y = [list("ab"), list("a"), list("ab")]
    scores = cross_validate(
        Half(),
        X,
        y,
        cv=3,
        error_score="raise",
        scoring={name: get_scorer(name) for name in ("exact_match", "neg_token_error_rate")},
    )
    assert scores["test_exact_match"].tolist() == [1, 1, 0]
    assert scores["test_neg_token_error_rate"].tolist() == [0, 0, -0.5]


def test_get_scorer_knows_the_names_it_tells_and_gives_a_new_one_each_time():
    assert set(EXPECTED) < set(get_scorer_names())
    assert get_scorer_names() == sorted(get_scorer_names())
    first, second = get_scorer("exact_match"), get_scorer("exact_match")
    with sklearn.config_context(enable_metadata_routing=True):
        first.set_score_request(sample_weight=True)
        assert first.get_metadata_routing().score.requests == {"sample_weight": True}
        assert second.get_metadata_routing().score.requests == {"sample_weight": None}


def test_get_scorer_suggests_a_near_name():
    with pytest.raises(
        ValueError, match=r"no scorer 'step_acuracy'. Did you mean 'step_accuracy'?"
    ):
        get_scorer("step_acuracy")
    with pytest.raises(ValueError, match=r"no scorer 'zzz'\. The names are entity_f1"):
        get_scorer("zzz")


# -- make_step_scorer: predictions ----------------------------------------------------------------


@pytest.mark.parametrize("form", [list, ragged, pd.Series, pa.array, pl.Series])
@pytest.mark.parametrize("classes", [("a", "b", "c"), (5, 3, 9)])
def test_step_scorer_of_labels_is_the_metric_of_steps_laid_end_to_end(classes, form):
    X, y = tagging(classes)
    model = Tagger(shift=0.4).fit(X, y)
    truth, found = end_to_end(y), end_to_end(model.predict(X))
    weight = np.linspace(0.1, 2, len(X))
    of_steps = np.repeat(weight, [len(row) for row in X])
    for metric, options in (
        (flat.accuracy_score, {}),
        (flat.f1_score, {"average": "macro"}),
        (flat.cohen_kappa_score, {}),
    ):
        scorer = make_step_scorer(metric, **options)
        assert scorer(model, X, form(y)) == pytest.approx(metric(truth, found, **options))
        assert scorer(model, X, form(y), sample_weight=weight) == pytest.approx(
            metric(truth, found, sample_weight=of_steps, **options)
        )


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_step_scorer_of_numbers_is_the_metric_of_steps_laid_end_to_end(n_outputs):
    rng = np.random.default_rng(0)
    X, _ = tagging()
    y = [rng.normal(size=(len(x), n_outputs) if n_outputs else len(x)) for x in X]
    model = Line(0.5, n_outputs).fit(X, y)
    steps = np.concatenate(y), np.concatenate(model.predict(X))
    assert make_step_scorer(flat.r2_score)(model, X, y) == pytest.approx(flat.r2_score(*steps))
    error = make_step_scorer(flat.mean_absolute_error, greater_is_better=False)
    assert error(model, X, y) == pytest.approx(-flat.mean_absolute_error(*steps))
    column = Line(0.5, 1).fit(X, y)
    watch = make_step_scorer(lambda y_true, y_pred: 10 * y_true.ndim + y_pred.ndim)
    assert watch(column, X, [row.reshape(len(row), -1)[:, :1] for row in y]) == 11
    if not n_outputs:
        assert error(column, X, y) == error(model, X, y)
        assert error(model, X, [row[:, None] for row in y]) == error(model, X, y)


def test_step_scorer_leaves_steps_without_a_label_out():
    X, y = [[0, 1, 2], [1, 2], [0]], [["a", None, "c"], ["a", np.nan], None]
    model = Tagger().fit(X, [["a", "b", "c"]])
    for labels in (y, pd.Series(y), pa.array([["a", None, "c"], ["a", None], None])):
        assert make_step_scorer(flat.accuracy_score)(model, X, labels) == pytest.approx(2 / 3)
    proba = end_to_end(model.predict_proba([[0, 2, 1]]))
    loss = make_step_scorer(flat.log_loss, response_method="predict_proba")
    assert loss(model, X, y) == pytest.approx(
        flat.log_loss(["a", "c", "a"], proba, labels=["a", "b", "c"])
    )


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c"), (0, 1)])
def test_step_scorer_gives_the_same_for_rectangles(classes):
    X, y = tagging(classes, n_steps=5)
    model = Tagger(0.4).fit(X, y)
    square = Tagger(0.4, rectangular=True).fit(X, y)
    for scorer in (
        make_step_scorer(flat.accuracy_score),
        make_step_scorer(flat.log_loss, response_method="predict_proba"),
        make_step_scorer(flat.roc_auc_score, response_method="predict_proba", multi_class="ovr"),
    ):
        assert scorer(square, np.array(X), np.array(y)) == scorer(model, X, y)
        assert scorer(square, np.array(X), np.array(y)) == scorer(model, ragged(X), ragged(y))


def test_step_scorer_names_the_row_where_lengths_differ():
    X, y = [[0], [1, 2], [0], [0, 1, 2, 1]], [["a"], ["b", "c"], ["a"], ["a", "b", "c", "b", "a"]]
    model = Tagger().fit(X, y)
    for method in ("predict", "predict_proba"):
        scorer = make_step_scorer(flat.accuracy_score, response_method=method)
        with pytest.raises(ValueError, match="Row 3: y_true has 5 steps, y_pred has 4"):
            scorer(model, X, y)


# -- make_step_scorer: probabilities and scores ---------------------------------------------------


def test_step_scorer_of_probabilities_knows_classes_that_a_fold_lacks():
    X, y = tagging()
    model = Tagger().fit(X, y)
    scorer = make_step_scorer(
        flat.log_loss, greater_is_better=False, response_method="predict_proba"
    )
    few = [i for i, row in enumerate(y) if "c" not in row]
    assert 0 < len(few) < len(y)
    X, y = [X[i] for i in few], [y[i] for i in few]
    proba = np.concatenate(model.predict_proba(X))
    assert scorer(model, X, y) == pytest.approx(
        -flat.log_loss(end_to_end(y), proba, labels=["a", "b", "c"])
    )
    weight = np.arange(1, len(X) + 1)
    assert scorer(model, X, y, sample_weight=weight) == pytest.approx(
        -flat.log_loss(
            end_to_end(y),
            proba,
            labels=["a", "b", "c"],
            sample_weight=np.repeat(weight, [len(row) for row in X]),
        )
    )


def test_step_scorer_gives_probabilities_of_all_of_several_classes():
    X, y = tagging()
    model = Tagger().fit(X, y)
    options = {"multi_class": "ovr", "average": "macro"}
    scorer = make_step_scorer(flat.roc_auc_score, response_method="predict_proba", **options)
    proba = np.concatenate(model.predict_proba(X))
    assert scorer(model, X, y) == pytest.approx(flat.roc_auc_score(end_to_end(y), proba, **options))
    decision = make_step_scorer(flat.top_k_accuracy_score, response_method="decision_function", k=2)
    assert decision(model, X, y) == pytest.approx(
        flat.top_k_accuracy_score(end_to_end(y), np.concatenate(model.decision_function(X)), k=2)
    )


@pytest.mark.parametrize("classes", [("no", "yes"), (0, 1)])
def test_step_scorer_gives_the_positive_column_of_two_classes(classes):
    X, y = tagging(classes)
    model = Tagger().fit(X, y)
    truth, proba = end_to_end(y), np.concatenate(model.predict_proba(X))
    scores = np.concatenate(model.decision_function(X))

    def scored(metric, method="predict_proba", **options):
        return make_step_scorer(metric, response_method=method, **options)(model, X, y)

    auc = flat.roc_auc_score(truth, proba[:, 1])
    assert 0.6 < auc < 1
    assert scored(flat.roc_auc_score) == pytest.approx(auc)
    by_scores = scored(flat.roc_auc_score, "decision_function")
    assert by_scores == pytest.approx(flat.roc_auc_score(truth, scores))
    assert scored(flat.log_loss) == pytest.approx(flat.log_loss(truth, proba))
    for place, label in enumerate(classes):
        sign = 1 if place else -1
        option = {"pos_label": label}
        expected = flat.average_precision_score(truth, proba[:, place], **option)
        assert scored(flat.average_precision_score, **option) == pytest.approx(expected)
        expected = flat.average_precision_score(truth, sign * scores, **option)
        found = scored(flat.average_precision_score, "decision_function", **option)
        assert found == pytest.approx(expected)
    expected = flat.brier_score_loss(truth, proba[:, 1], pos_label=classes[1])
    assert scored(flat.brier_score_loss) == pytest.approx(expected)


def test_step_scorer_takes_the_first_method_that_is_there():
    X, y = tagging(("a", "b"))
    model = Tagger().fit(X, y)
    seen = []

    def watch(y_true, y_pred):
        seen.append(y_pred.dtype.kind)
        return 0.0

    make_step_scorer(watch, response_method=["decision_function", "predict"])(model, X, y)
    make_step_scorer(watch, response_method=["predict", "decision_function"])(model, X, y)
    make_step_scorer(watch, response_method=["predict_proba", "predict"])(Line().fit(X, y), X, X)
    assert seen == ["f", "O", "f"]


# -- make_step_scorer: in scikit-learn's tools ----------------------------------------------------


def test_step_scorers_in_cross_validate_several_at_once():
    X, y = tagging(("a", "b"))
    scoring = {
        "accuracy": make_step_scorer(flat.accuracy_score),
        "f1": make_step_scorer(flat.f1_score, pos_label="b"),
        "loss": make_step_scorer(
            flat.log_loss, greater_is_better=False, response_method="predict_proba"
        ),
        "auc": make_step_scorer(flat.roc_auc_score, response_method="predict_proba"),
        "whole": get_scorer("exact_match"),
    }
    scores = cross_validate(Tagger(), X, y, scoring=scoring, cv=3, error_score="raise")
    for name, scorer in scoring.items():
        expected = [
            scorer(
                Tagger().fit(X, [y[i] for i in train]), [X[i] for i in test], [y[i] for i in test]
            )
            for train, test in KFold(3).split(X)
        ]
        assert scores[f"test_{name}"].tolist() == expected


@pytest.mark.parametrize(
    "scoring",
    [
        make_step_scorer(flat.accuracy_score),
        make_step_scorer(flat.log_loss, greater_is_better=False, response_method="predict_proba"),
        get_scorer("neg_token_error_rate"),
        flat.make_scorer(step_f1),
    ],
    ids=repr,
)
def test_scorers_choose_in_a_parallel_search(scoring):
    X, y = tagging()
    grid = {"shift": [-1.0, 0.0, 1.0]}
    search = GridSearchCV(Tagger(), grid, scoring=scoring, cv=3, n_jobs=2, error_score="raise")
    search = clone(search).fit(X, y)
    assert search.best_params_ == {"shift": 0.0}
    assert search.score(X, y) == scoring(search.best_estimator_, X, y)


def test_search_refits_by_one_of_several_scorers():
    X, y = [[1.0, 2.0], [3.0], [1.0, 1.0, 4.0]], [[2.0, 4.0], [6.0], [2.0, 2.0, 8.0]]
    scoring = {
        "r2": make_step_scorer(flat.r2_score),
        "rmse": flat.make_scorer(sequence_rmse, greater_is_better=False),
    }
    search = GridSearchCV(
        Line(),
        {"factor": [1.0, 2.0]},
        scoring=scoring,
        refit="rmse",
        cv=[([0], [1, 2]), ([1], [0, 2])],
    )
    search.fit(X, y)
    assert search.best_params_ == {"factor": 2.0}
    assert search.cv_results_["mean_test_r2"][1] == 1.0


def test_metrics_take_what_cross_val_predict_gives():
    X, y = tagging()
    found = cross_val_predict(Tagger(), X, y, cv=3)
    assert step_accuracy(y, found) == flat.accuracy_score(end_to_end(y), end_to_end(found))


def test_weights_are_routed_to_scorers():
    X, y = tagging()
    weight = np.linspace(0.1, 2, len(X))
    plain = make_step_scorer(flat.accuracy_score)
    with sklearn.config_context(enable_metadata_routing=True):
        weighed = clone(plain).set_score_request(sample_weight=True)
        scoring = {
            "plain": clone(plain).set_score_request(sample_weight=False),
            "weighed": weighed,
            "whole": get_scorer("step_accuracy").set_score_request(sample_weight=True),
        }
        options = {"cv": 2, "params": {"sample_weight": weight}, "error_score": "raise"}
        scores = cross_validate(Tagger(), X, y, scoring=scoring, **options)
        alone = cross_validate(Tagger(), X, y, scoring=weighed, **options)
    expected = {"plain": [], "weighed": []}
    for train, test in KFold(2).split(X):
        model = Tagger().fit(X, [y[i] for i in train])
        pair = [y[i] for i in test], model.predict([X[i] for i in test])
        expected["plain"].append(step_accuracy(*pair))
        expected["weighed"].append(step_accuracy(*pair, sample_weight=weight[test]))
    assert scores["test_plain"].tolist() == pytest.approx(expected["plain"])
    assert scores["test_weighed"].tolist() == pytest.approx(expected["weighed"])
    assert scores["test_whole"].tolist() == pytest.approx(expected["weighed"])
    assert alone["test_score"].tolist() == pytest.approx(expected["weighed"])
    assert plain.get_metadata_routing().score.requests == {"sample_weight": None}


def test_weights_that_were_not_requested_are_an_error():
    X, y = tagging()
    scoring = make_step_scorer(flat.accuracy_score)
    options = {"cv": 2, "params": {"sample_weight": np.ones(len(X))}}
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(UnsetMetadataPassedError, match=r"StepScorer\.score"),
    ):
        cross_validate(Tagger(), X, y, scoring=scoring, **options)


@pytest.mark.parametrize("way", [clone, lambda scorer: pickle.loads(pickle.dumps(scorer))])
def test_step_scorer_is_cloned_and_pickled(way):
    X, y = tagging()
    model = Tagger(shift=0.4).fit(X, y)
    scorer = make_step_scorer(flat.f1_score, average="macro")
    copy = way(scorer)
    assert copy is not scorer
    assert repr(copy) == repr(scorer)
    assert copy(model, X, y) == scorer(model, X, y)


def test_step_scorer_shows_how_it_was_made():
    assert repr(make_step_scorer(flat.accuracy_score)) == "make_step_scorer(accuracy_score)"
    assert (
        repr(make_step_scorer(flat.fbeta_score, name="F2", beta=2, average="micro"))
        == "make_step_scorer(F2, beta=2, average='micro')"
    )
    methods = ["decision_function", "predict_proba"]
    auc = make_step_scorer(flat.roc_auc_score, response_method=methods)
    assert repr(auc) == f"make_step_scorer(roc_auc_score, response_method={methods!r})"
    half = partial(flat.fbeta_score, beta=0.5)
    assert repr(make_step_scorer(half)) == f"make_step_scorer({half!r})"


# -- what is wrong --------------------------------------------------------------------------------


def test_step_scorer_checks_how_it_is_made():
    with pytest.raises(TypeError, match="'metric' parameter of make_step_scorer must be a functio"):
        make_step_scorer("accuracy")
    for methods in ("transform", [], ["predict", "proba"]):
        with pytest.raises(ValueError, match="'response_method' parameter of make_step_scorer mus"):
            make_step_scorer(flat.accuracy_score, response_method=methods)


def test_step_scorer_says_what_metric_and_estimator_lack():
    X, y = tagging(("a", "b"))
    model = Tagger().fit(X, y)
    with pytest.raises(TypeError, match="The metric max_error takes no sample_weight"):
        make_step_scorer(flat.max_error)(Line().fit(X, X), X, X, sample_weight=np.ones(len(X)))
    with pytest.raises(AttributeError, match="Line has no method predict_proba or decision_functi"):
        make_step_scorer(
            flat.roc_auc_score, response_method=["predict_proba", "decision_function"]
        )(Line().fit(X, X), X, y)
    precision = make_step_scorer(
        flat.average_precision_score, response_method="predict_proba", pos_label="z"
    )
    with pytest.raises(ValueError, match=r"pos_label='z' is not among the classes, \['a', 'b'\]"):
        precision(model, X, y)
    del model.classes_
    model.predict_proba = lambda X: ragged([np.ones((len(row), 2)) / 2 for row in X])
    with pytest.raises(AttributeError, match="Tagger has no classes_"):
        precision(model, X, y)

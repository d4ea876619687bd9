"""A space to begin a search with: every point is a valid estimator, and the defaults are inside."""

import subprocess
import sys

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    Seq2SeqClassifier,
    Seq2SeqRegressor,
    StepClassifier,
    StepRegressor,
)
from sklearn_rnn.model_selection import suggest_space
from sklearn_rnn.nn.cells import MinGRU
from tests.conftest import make_sequences

X, Y = make_sequences(n_samples=12)
WORDS = ["abc", "bca", "aab", "ccb", "bac", "abba"]
DATA = {
    RNNClassifier: (X, Y),
    RNNRegressor: (X, Y.astype(float)),
    StepClassifier: (WORDS, [list(word) for word in WORDS]),
    StepRegressor: (X, [x[:, 0].cumsum() for x in X]),
    Seq2SeqClassifier: (WORDS, [word[::-1] for word in WORDS]),
    Seq2SeqRegressor: (X, [x[:3, 0] for x in X]),
    RNNLanguageModel: (WORDS,),
}
SHARED = ["lr", "hidden_size", "dropout", "recurrent_dropout"]
NAMES = {
    RNNClassifier: [*SHARED, "cell", "pooling"],
    RNNRegressor: [*SHARED, "cell", "pooling"],
    StepClassifier: [*SHARED, "cell"],
    StepRegressor: [*SHARED, "cell"],
    Seq2SeqClassifier: [*SHARED, "cell", "num_layers"],
    Seq2SeqRegressor: [*SHARED, "cell", "num_layers"],
    RNNLanguageModel: [*SHARED, "num_layers"],
}


def inside(space, params):
    return all(
        distribution._contains(distribution.to_internal_repr(params[name]))
        for name, distribution in space.items()
    )


def points_of(space, n_points, seed=0):
    sampler = optuna.samplers.RandomSampler(seed=seed)
    study = optuna.create_study(sampler=sampler)
    return [study.ask(space).params for _ in range(n_points)]


@pytest.mark.parametrize("estimator", DATA)
def test_space_has_five_or_six_parameters_around_the_defaults(estimator):
    space = suggest_space(estimator())
    assert list(space) == NAMES[estimator]
    assert inside(space, estimator().get_params())
    assert space["lr"] == FloatDistribution(0.001, 0.03, log=True)
    default = 128 if estimator is RNNLanguageModel else 64
    assert space["hidden_size"] == IntDistribution(default // 2, 2 * default, log=True)
    assert space["dropout"] == space["recurrent_dropout"] == FloatDistribution(0.0, 0.5)


@pytest.mark.parametrize("estimator", DATA)
def test_points_of_the_space_can_be_fitted(estimator):
    model = estimator(max_epochs=1, hidden_size=4, random_state=0, device="cpu")
    space = suggest_space(model)
    for params in points_of(space, 3):
        assert params.keys() == space.keys()
        fitted = clone(model).set_params(**params).fit(*DATA[estimator])
        assert np.isfinite(fitted.loss_curve_).all()


@pytest.mark.parametrize("estimator", DATA)
@pytest.mark.parametrize("name", ["cell", "pooling", "num_layers"])
def test_each_choice_can_be_fitted(estimator, name):
    model = estimator(max_epochs=1, hidden_size=4, random_state=0, device="cpu")
    distribution = suggest_space(model).get(name, CategoricalDistribution([None]))
    for choice in distribution.choices:
        if choice is not None:
            clone(model).set_params(**{name: choice}).fit(*DATA[estimator])


def test_ranges_lie_around_what_is_set():
    model = RNNClassifier(
        lr=np.float32(0.5), hidden_size=np.int64(1), dropout=0.75, recurrent_dropout=0.0
    )
    space = suggest_space(model)
    assert space["lr"] == FloatDistribution(0.05, 1.5, log=True)
    assert space["hidden_size"] == IntDistribution(1, 2, log=True)
    assert space["dropout"] == FloatDistribution(0.0, 0.75)
    assert space["recurrent_dropout"] == FloatDistribution(0.0, 0.5)
    assert inside(space, model.get_params())
    assert all(type(bound) is float for bound in (space["lr"].low, space["lr"].high))


@pytest.mark.parametrize(
    ("model", "gone"),
    [
        (RNNClassifier(cell="lstm"), {"cell"}),
        (RNNClassifier(cell="mingru"), {"cell", "recurrent_dropout"}),
        (RNNRegressor(cell=MinGRU), {"cell", "recurrent_dropout"}),
        (RNNClassifier(pooling="attention"), {"pooling"}),
        (RNNClassifier(pooling="concat"), {"pooling"}),
        (RNNClassifier(stem="conv", bidirectional=False), set()),
        (StepClassifier(cell="rnn"), {"cell"}),
        (Seq2SeqClassifier(num_layers=2, cell="lstm"), {"cell", "num_layers"}),
        (RNNLanguageModel(cell="gru"), set()),
        (RNNLanguageModel(num_layers=3), {"num_layers"}),
    ],
)
def test_what_is_set_stays(model, gone):
    names = NAMES[type(model)]
    assert list(suggest_space(model)) == [name for name in names if name not in gone]


def test_a_subclass_has_the_space_of_what_it_takes():
    class Plain(RNNClassifier):
        def __init__(self, *, lr=0.02, pooling="last", cell="lstm"):
            super().__init__(lr=lr, pooling=pooling, cell=cell)

    space = suggest_space(Plain())
    assert list(space) == ["lr", "cell"]
    assert space["lr"] == FloatDistribution(0.002, 0.06, log=True)


@pytest.mark.parametrize(
    ("estimator", "prefix"),
    [
        (Pipeline([("pass", FunctionTransformer()), ("rnn", RNNClassifier())]), "rnn__"),
        (make_pipeline(RNNClassifier(), LogisticRegression()), "rnnclassifier__"),
        (
            GridSearchCV(Pipeline([("rnn", RNNClassifier())]), {}),
            "estimator__rnn__",
        ),
        (TransformedTargetRegressor(RNNRegressor()), "regressor__"),
    ],
)
def test_names_are_those_of_what_holds_the_network(estimator, prefix):
    space = suggest_space(estimator)
    assert list(space) == [prefix + name for name in NAMES[RNNClassifier]]
    (params,) = points_of(space, 1)
    changed = clone(estimator).set_params(**params)
    assert inside(space, changed.get_params())


def test_a_pipeline_is_fitted_at_a_point_of_its_space():
    pipeline = Pipeline(
        [
            ("double", FunctionTransformer(lambda X: [2 * x for x in X])),
            ("rnn", RNNClassifier(hidden_size=4, max_epochs=1, random_state=0)),
        ]
    )
    (params,) = points_of(suggest_space(pipeline), 1)
    assert pipeline.set_params(**params).fit(X, Y).predict(X).shape == Y.shape


def test_each_of_several_networks_has_its_space():
    both = VotingClassifier([("a", RNNClassifier()), ("b", RNNClassifier(cell="lstm"))])
    a, b = suggest_space(both.estimators[0][1]), suggest_space(both.estimators[1][1])
    assert suggest_space(both) == {"a__" + k: d for k, d in a.items()} | {
        "b__" + k: d for k, d in b.items()
    }


def test_estimator_is_left_alone_and_the_space_is_new():
    model = RNNClassifier(lr=0.02)
    before = model.get_params()
    suggest_space(model).clear()
    assert model.get_params() == before
    assert list(suggest_space(model)) == NAMES[RNNClassifier]


@pytest.mark.parametrize(
    ("other", "repair"),
    [
        (LogisticRegression(), r"Pass, for example, RNNClassifier\(\) or a Pipeline"),
        (make_pipeline(LogisticRegression()), "Pass, for example"),
        ("rnn", "Pass, for example"),
        (None, "Got None instead"),
        (RNNClassifier, "Pass an instance, with parentheses behind the name"),
    ],
)
def test_anything_else_is_told(other, repair):
    with pytest.raises(
        TypeError, match=rf"(?s)'estimator' parameter of suggest_space must be .*{repair}"
    ):
        suggest_space(other)


def test_wrong_parameters_are_told():
    with pytest.raises(ValueError, match=r"'lr' parameter of RNNClassifier must be .* Got -1"):
        suggest_space(make_pipeline(RNNClassifier(lr=-1)))


def test_optuna_is_not_imported_without_need():
    program = "import sklearn_rnn, sys; print('optuna' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"

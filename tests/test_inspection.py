"""What all functions of inspection keep to: forms of X, no traces left, errors."""

import copy
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
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
from sklearn_rnn.inspection import (
    describe_sequences,
    gradient_flow,
    lr_range_test,
    overfit_one_batch,
    step_importance,
)

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
LENGTHS = [3, 5, 4, 6, 3, 4, 5, 6]
RNG = np.random.default_rng(0)
ROWS = [RNG.normal(size=n).round(3).tolist() for n in LENGTHS]
LABELS = [0, 1] * 4
WORDS = [["a", "b", "a", "c", "b", "c"][:n] for n in LENGTHS]


def objects(rows):
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


FORMS = {
    "list": ROWS,
    "tuple": tuple(ROWS),
    "arrays": [np.array(row)[:, None] for row in ROWS],
    "objects": objects([np.array(row) for row in ROWS]),
    "2-D": np.array([row[:3] for row in ROWS]),
    "3-D": np.array([row[:3] for row in ROWS])[:, :, None],
    "texts": ["".join(words) for words in WORDS],
    "tokens": WORDS,
    "pandas": pd.DataFrame({"x": ROWS, "w": WORDS, "age": range(8), "sex": list("mfmfmfmf")}),
    "series": pd.Series(ROWS),
    "polars": pl.DataFrame({"x": ROWS, "w": WORDS, "age": range(8)}),
    "table": pa.table({"x": ROWS, "w": WORDS}),
    "column": pa.array(ROWS),
    "chunked": pa.chunked_array([ROWS[:3], ROWS[3:]]),
}
STEP_Y = [(np.array(row) > 0).astype(int).tolist() for row in ROWS]
ESTIMATORS = {
    "classifier": (RNNClassifier(**SMALL), LABELS),
    "regressor": (RNNRegressor(**SMALL), [[float(n), -n] for n in LENGTHS]),
    "step classifier": (StepClassifier(**SMALL), STEP_Y),
    "step feedback": (StepClassifier(output_feedback=True, **SMALL), STEP_Y),
    "step regressor": (StepRegressor(**SMALL), ROWS),
    "seq2seq classifier": (Seq2SeqClassifier(**SMALL), ["ab", "c", "ba", "a"] * 2),
    "seq2seq regressor": (Seq2SeqRegressor(**SMALL), [row[:2] for row in ROWS]),
    "language model": (RNNLanguageModel(**SMALL), None),
}
TRIALS = {
    "gradient_flow": gradient_flow,
    "lr_range_test": lambda *args: lr_range_test(*args, n_updates=10),
    "overfit_one_batch": lambda *args: overfit_one_batch(*args, max_updates=3),
}


def inputs_of(name):
    return FORMS["texts"] if name == "language model" else FORMS["list"]


def everything_in(result):
    """Return all numbers of a result."""
    parts = result if isinstance(result, np.ndarray) else vars(result).values()
    return [
        np.asarray(part, dtype=object).tolist()
        for part in parts
        if not isinstance(part, pd.DataFrame)
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("function", TRIALS.values(), ids=TRIALS)
def test_trials_read_every_form(function, form):
    result = function(RNNClassifier(**SMALL), FORMS[form], LABELS)
    assert np.isfinite(getattr(result, "norms", getattr(result, "losses", None))).any()


@pytest.mark.parametrize("form", FORMS)
def test_importance_and_description_read_every_form(form):
    X = FORMS[form]
    model = RNNClassifier(**SMALL).fit(X, LABELS)
    importance = step_importance(model, X, n_steps=200)
    lengths = [3] * 8 if form in ("2-D", "3-D") else LENGTHS
    assert [len(steps) for steps in importance] == lengths
    report = describe_sequences(X, LABELS, X_test=X, y_test=LABELS)
    assert report.n_sequences == 8
    assert report.test["in X too"] == 8
    n_channels = {"pandas": 2, "polars": 2, "table": 2}.get(form, 1)
    assert importance[0].shape[1] == n_channels == len(report.channels) + len(report.categories)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("function", TRIALS.values(), ids=TRIALS)
def test_trials_leave_no_traces_and_repeat(function, name):
    estimator, y = ESTIMATORS[name]
    X = inputs_of(name)
    before, given = copy.deepcopy(vars(estimator)), copy.deepcopy((X, y))
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, second = function(estimator, X, y), function(estimator, X, y)
    assert str(vars(estimator)) == str(before)
    assert (X, y) == given
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()
    assert str(everything_in(first)) == str(everything_in(second))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_fitted_estimators_are_looked_at_without_traces(name):
    estimator, y = ESTIMATORS[name]
    X = inputs_of(name)
    model = copy.deepcopy(estimator).fit(X, y) if y is not None else copy.deepcopy(estimator).fit(X)
    weights = copy.deepcopy(model.net_.module_.state_dict())
    generators = [
        part.generator.get_state()
        for part in model.net_.module_.modules()
        if isinstance(getattr(part, "generator", None), torch.Generator)
    ]
    before = {key: str(value) for key, value in vars(model).items() if key != "net_"}
    output = {"output": 0} if name == "regressor" else {}
    gradient_flow(model, X, y)
    step_importance(model, X, n_steps=20, **output)
    assert {key: str(value) for key, value in vars(model).items() if key != "net_"} == before
    assert all(torch.equal(model.net_.module_.state_dict()[k], w) for k, w in weights.items())
    assert all(p.requires_grad and p.grad is None for p in model.net_.module_.parameters())
    now = [
        part.generator.get_state()
        for part in model.net_.module_.modules()
        if isinstance(getattr(part, "generator", None), torch.Generator)
    ]
    assert all(map(torch.equal, now, generators))


def test_a_random_state_instance_is_not_moved():
    random = np.random.RandomState(0)
    before = random.get_state()[1].copy()
    for function in TRIALS.values():
        function(RNNClassifier(hidden_size=4, random_state=random), ROWS, LABELS)
    assert (random.get_state()[1] == before).all()


def test_trials_store_nothing_and_stay_silent(tmp_path, capsys, caplog):
    estimator = RNNClassifier(lr=100.0, verbose=1, checkpoint_dir=tmp_path / "a", **SMALL)
    for function in TRIALS.values():
        function(estimator, ROWS, LABELS)
    assert not (tmp_path / "a").exists()
    assert capsys.readouterr().out == ""
    assert caplog.text == ""


SETTINGS = [
    {"lr_schedule": "plateau", "early_stopping": True},
    {"optimizer": "sgd", "optimizer_options": {"nesterov": True}},
    {"lr_schedule_options": {"eta_min": 1e-4}},
    {"stem": "conv"},
    {"step_loss": 0.5, "bidirectional": False},
    {"bptt_steps": 2, "label_smoothing": 0.1, "input_dropout": 0.1},
]


@pytest.mark.parametrize("options", SETTINGS)
@pytest.mark.parametrize("function", TRIALS.values(), ids=TRIALS)
def test_trials_take_all_settings(function, options):
    function(RNNClassifier(**SMALL, **options), ROWS, LABELS)


@pytest.mark.parametrize("name", [*TRIALS, "step_importance"])
@pytest.mark.parametrize(
    ("wrong", "repair"),
    [
        (RNNClassifier, "Pass an instance"),
        (make_pipeline(FunctionTransformer(), RNNClassifier()), r"pipeline\[-1\]"),
        (GridSearchCV(RNNClassifier(), {"lr": [0.1]}), "Pass one of this library's estimators"),
        (None, "must be an estimator of sklearn_rnn. Got None instead"),
    ],
)
def test_other_estimators_are_refused(name, wrong, repair):
    function = TRIALS.get(name, lambda estimator, X, y: step_importance(estimator, X))
    with pytest.raises(TypeError, match=repair):
        function(wrong, ROWS, LABELS)


def test_a_fitted_search_is_refused_by_name_of_its_best():
    search = GridSearchCV(RNNClassifier(**SMALL), {"lr": [0.1]}, cv=2).fit(ROWS, LABELS)
    with pytest.raises(TypeError, match="best_estimator_"):
        gradient_flow(search, ROWS, LABELS)


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (gradient_flow, {"n_sequences": 0}),
        (lr_range_test, {"n_updates": 9}),
        (lr_range_test, {"min_lr": 0.0}),
        (lr_range_test, {"max_lr": -1.0}),
        (overfit_one_batch, {"batch_size": 1}),
        (overfit_one_batch, {"max_updates": 0}),
        (overfit_one_batch, {"tol": 0}),
    ],
)
def test_options_out_of_range_are_refused(function, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"The '{name}' parameter of {function.__name__} must be"):
        function(RNNClassifier(), ROWS, LABELS, **options)


def test_wrong_parameters_of_the_estimator_are_refused():
    for function in TRIALS.values():
        with pytest.raises(ValueError, match="The 'cell' parameter of RNNClassifier"):
            function(RNNClassifier(cell="ltsm"), ROWS, LABELS)


def test_importance_needs_a_fitted_estimator():
    with pytest.raises(NotFittedError):
        step_importance(RNNClassifier(), ROWS)


def test_importance_says_how_to_install_captum(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r"pip install sklearn-rnn\[inspection\]"):
        step_importance(RNNClassifier(**SMALL).fit(ROWS, LABELS), ROWS)

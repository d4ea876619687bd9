"""Importances against differences of predictions, finite differences and linear networks."""

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import IntegratedGradients

from sklearn_rnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    Seq2SeqClassifier,
    Seq2SeqRegressor,
    StepClassifier,
    StepRegressor,
)
from sklearn_rnn.inspection import step_importance
from sklearn_rnn.nn.cells import CELLS

SMALL = {"hidden_size": 6, "max_epochs": 6, "random_state": 0}


def make_data(n_samples=12, n_channels=2, seed=0):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(n, n_channels)) for n in rng.integers(2, 9, size=n_samples)]
    return X, np.arange(n_samples) % 2


def sums(importance):
    return np.array([steps.sum() for steps in importance])


def at_mean(X, of):
    """Return sequences of the lengths of X whose steps are the mean of others."""
    mean = np.concatenate(of).mean(axis=0)
    return [np.broadcast_to(mean, x.shape) for x in X]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", ["last", "mean", "attention"])
def test_importances_sum_up_to_the_difference_of_log_odds(cell, pooling):
    X, y = make_data()
    model = RNNClassifier(cell=cell, pooling=pooling, num_layers=2, bptt_steps=3, **SMALL).fit(X, y)
    difference = model.decision_function(X) - model.decision_function(at_mean(X, X))
    importance = step_importance(model, X, output=1, n_steps=100)
    np.testing.assert_allclose(sums(importance), difference, rtol=1e-3, atol=1e-4)
    of_other = step_importance(model, X, output=0, n_steps=100)
    np.testing.assert_allclose(sums(of_other), -difference, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("standardize", [True, False])
def test_importances_of_numbers_are_in_their_units(standardize):
    X, y = make_data()
    targets = np.c_[1000.0 * y, y - 7.0]
    model = RNNRegressor(pooling="mean", standardize=standardize, **SMALL).fit(X, targets)
    for output in (0, 1):
        difference = (model.predict(X) - model.predict(at_mean(X, X)))[:, output]
        importance = step_importance(model, X, output=output)
        np.testing.assert_allclose(sums(importance), difference, rtol=1e-3, atol=1e-4)


def test_importances_of_the_predicted_class_are_those_of_its_name():
    X, _ = make_data()
    y = np.array(["a", "b", "c"])[np.arange(12) % 3]
    model = RNNClassifier(pooling="mean", **SMALL).fit(X, y)
    of_classes = {name: step_importance(model, X, output=name) for name in "abc"}
    for i, (name, steps) in enumerate(
        zip(model.predict(X), step_importance(model, X), strict=True)
    ):
        np.testing.assert_allclose(steps, of_classes[name][i], rtol=1e-4, atol=1e-6)
    p, q = (model.predict_proba(x)[:, 1] for x in (X, at_mean(X, X)))
    difference = np.log(p / (1 - p)) - np.log(q / (1 - q))
    np.testing.assert_allclose(sums(of_classes["b"]), difference, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("cell", CELLS)
def test_importances_near_the_baseline_are_finite_differences(cell):
    X, y = make_data()
    model = RNNRegressor(cell=cell, pooling="last", **SMALL).fit(X, y * 1.0)
    base = np.random.default_rng(1).normal(size=2)
    at_base = np.tile(base, (5, 1))
    size = 0.02
    for step, channel in [(0, 0), (2, 1), (4, 0)]:
        moved = at_base.copy()
        moved[step, channel] += size
        (importance,) = step_importance(model, [moved], baseline=base)
        difference = model.predict([moved]) - model.predict([at_base])
        assert importance[step, channel] == pytest.approx(difference[0], rel=1e-2, abs=1e-6)
        assert np.count_nonzero(abs(importance) > 1e-7) == 1


def test_importances_do_not_depend_on_company_and_padding():
    X, y = make_data(n_samples=10)
    X.append(np.random.default_rng(3).normal(size=(70, 2)))
    model = RNNClassifier(cell="lstm", pooling="mean", **SMALL).fit(X, [*y, 0])
    together = step_importance(model, X, output=1)
    for i, x in enumerate(X):
        (alone,) = step_importance(model, [x], output=1)
        np.testing.assert_allclose(alone, together[i], rtol=1e-4, atol=1e-6)


def test_many_sequences_go_through_in_parts(monkeypatch):
    X, y = make_data()
    model = RNNClassifier(pooling="mean", **SMALL).fit(X, y)
    whole = step_importance(model, X)
    monkeypatch.setattr("sklearn_rnn.inspection._importance.MAX_STEPS", 600)
    for a, b in zip(step_importance(model, X), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("step", [0, 1, -1, None])
def test_importances_of_a_step_sum_up_to_the_difference_of_its_answer(step):
    X, _ = make_data()
    y = [x[:, 0] * 10 for x in X]
    model = StepRegressor(**SMALL).fit(X, y)
    place = -1 if step is None else step
    answers, others = (model.predict(x) for x in (X, at_mean(X, X)))
    difference = [a[place] - b[place] for a, b in zip(answers, others, strict=True)]
    importance = step_importance(model, X, step=step)
    np.testing.assert_allclose(sums(importance), difference, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("estimator", [StepClassifier, StepRegressor])
def test_steps_that_are_not_read_yet_have_no_importance(estimator):
    X, _ = make_data()
    y = [(x[:, 0] > 0).astype(int) for x in X]
    model = estimator(bidirectional=False, output_feedback=True, **SMALL).fit(X, y)
    for steps in step_importance(model, X, step=1):
        assert (steps[2:] == 0).all()
        assert (steps[:2] != 0).all()


def test_importances_with_answers_fed_back_keep_these_answers():
    X = [[[0.5], [-1.0], [2.0]], [[1.0], [-0.5]], [[-2.0], [1.0]]]
    y = [[0, 1, 0], [1, 0], [0, 1]]
    model = StepClassifier(output_feedback=True, **SMALL).fit(X, y)
    (importance,) = step_importance(model, X[:1], output=1)
    said = torch.tensor(model.predict(X[:1])[0])[None]
    module, mean = model.net_.module_, model.net_.channels.mean.item()

    def log_odds(values):
        values = torch.tensor(values, dtype=torch.float32)[None]
        logits = module(values, torch.tensor([3]), targets=said)[0, -1]
        return (logits[1] - logits[0]).item()

    difference = log_odds(X[0]) - log_odds([[mean]] * 3)
    assert importance.sum() == pytest.approx(difference, rel=1e-3)


@pytest.mark.parametrize("estimator", [Seq2SeqClassifier, Seq2SeqRegressor])
def test_importances_of_an_entry_of_an_answer(estimator):
    X, y = make_data()
    model = estimator(**SMALL).fit(X, np.c_[y, 1 - y, y])
    first, last = step_importance(model, X, step=0), step_importance(model, X)
    assert [steps.shape for steps in first] == [x.shape for x in X]
    assert not np.allclose(sums(first), sums(last))
    if estimator is Seq2SeqRegressor:  # nothing was said before the first entry
        answers, others = (np.stack(model.predict(x))[:, 0] for x in (X, at_mean(X, X)))
        np.testing.assert_allclose(sums(first), answers - others, rtol=1e-3, atol=1e-4)


def test_importances_of_a_vector_that_is_written_on():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3))
    model = Seq2SeqRegressor(encoder="vector", **SMALL).fit(X, rng.normal(size=(20, 2)))
    importance = step_importance(model, X, step=0)
    assert {steps.shape for steps in importance} == {(1, 3)}
    difference = model.predict(X)[:, 0] - model.predict(np.tile(X.mean(axis=0), (20, 1)))[:, 0]
    np.testing.assert_allclose(sums(importance), difference, rtol=1e-3, atol=1e-4)


def test_importances_of_the_next_token():
    model = RNNLanguageModel(hidden_size=8, max_epochs=40, random_state=0).fit(["hello", "help"])
    importance = step_importance(model, ["hel", "he"], output="l")
    assert [steps.shape for steps in importance] == [(3, 1), (2, 1)]
    column = model.classes_.tolist().index("l")
    p, q = (model.predict_next_proba(x)[:, column] for x in (["hel", "he"], ["???", "??"]))
    difference = np.log(p / (1 - p)) - np.log(q / (1 - q))  # "?" was never met: unknown
    np.testing.assert_allclose(sums(importance), difference, rtol=1e-2)
    likely = step_importance(model, ["hel", "he"])
    np.testing.assert_allclose(likely[1], importance[1], rtol=1e-3)


def make_frame(n_samples=16, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 7, size=n_samples)
    start = pd.Timestamp("2024-01-01")
    return pd.DataFrame(
        {
            "word": [rng.choice(list("abc"), n).tolist() for n in lengths],
            "x": [rng.normal(size=n).tolist() for n in lengths],
            "when": [[start + pd.Timedelta(int(h), "h") for h in range(n)] for n in lengths],
            "v": [rng.normal(size=(n, 2)).tolist() for n in lengths],
            "sex": rng.choice(["m", "f"], n_samples),
            "age": rng.normal(50, 10, size=n_samples),
        }
    )


def test_channels_come_in_the_order_of_the_columns():
    X = make_frame()
    y = [row[0] for row in X["x"]]
    model = RNNRegressor(pooling="mean", **SMALL).fit(X, y)
    importance = step_importance(model, X)
    assert {steps.shape[1] for steps in importance} == {5}  # word, x, when, two of v
    changed = X.assign(x=[(np.array(row) + 1).tolist() for row in X["x"]])
    moved = np.concatenate(step_importance(model, changed)) - np.concatenate(importance)
    assert abs(moved).mean(axis=0).argmax() == 1
    unknown = X.assign(word=[["?"] * len(row) for row in X["word"]])
    assert (np.concatenate(step_importance(model, unknown))[:, 0] == 0).all()


def test_static_columns_are_explained_when_asked_for():
    X = make_frame()[["sex", "x", "age"]]
    model = RNNRegressor(pooling="mean", **SMALL).fit(X, X["age"] / 10)
    mean = np.concatenate(X["x"].to_list()).mean()
    no_steps = X.assign(x=[[mean] * len(row) for row in X["x"]])
    nothing = no_steps.assign(sex="?", age=X["age"].mean())
    of_steps = model.predict(X) - model.predict(no_steps)
    np.testing.assert_allclose(sums(step_importance(model, X)), of_steps, rtol=1e-3, atol=1e-4)
    importance, static = step_importance(model, X, return_static=True, n_steps=800)
    of_all = model.predict(X) - model.predict(nothing)
    np.testing.assert_allclose(sums(importance) + static.sum(axis=1), of_all, rtol=1e-3, atol=1e-4)
    assert static.shape == (16, 2)
    unknown = step_importance(model, X.assign(sex="?"), return_static=True)[1]
    assert (unknown[:, 0] == 0).all()
    assert (static[:, 0] != 0).all()


def test_rows_without_steps_have_no_importances():
    X = pd.DataFrame({"x": [[1.0, 2.0], [], [3.0], [0.5]], "age": [1.0, 2.0, 3.0, 4.0]})
    model = RNNRegressor(**SMALL).fit(X, [1.0, 2.0, 3.0, 4.0])
    importance, static = step_importance(model, X, return_static=True, n_steps=200)
    assert [steps.shape for steps in importance] == [(2, 1), (0, 1), (1, 1), (1, 1)]
    assert (static[:, 0] != 0).all()


def test_a_missing_number_counts_to_its_channel():
    X = [[[1.0, 2.0], [np.nan, 1.0]], [[0.5, -1.0], [2.0, 1.0]], [[np.nan, 0.0]], [[3.0, 1.0]]]
    model = RNNRegressor(pooling="mean", **SMALL).fit(X, [1.0, 0.0, 1.0, 0.0])
    importance = step_importance(model, X)
    assert {steps.shape[1] for steps in importance} == {2}
    assert importance[2][0, 0] != 0  # what is missing tells something too


def test_importance_is_that_of_captum_on_the_plain_network():
    X, y = make_data(n_samples=6)
    model = RNNRegressor(cell="rnn", pooling="last", **SMALL).fit(X, y * 1.0)
    module = model.net_.module_.eval()
    ours = step_importance(model, X[:1], n_steps=20)[0]

    def predict(values):
        lengths = torch.full((len(values),), len(X[0]))
        return module(values, lengths)[:, 0] * model._target.scale[0] + model._target.mean[0]

    values = torch.tensor(X[0], dtype=torch.float32)[None]
    base = model.net_.channels.mean.expand_as(values)
    theirs = IntegratedGradients(predict).attribute(values, base, n_steps=20)
    np.testing.assert_allclose(ours, theirs[0].numpy(), rtol=1e-4, atol=1e-6)


def test_a_prediction_that_changes_too_steeply_is_warned_of():
    X, y = make_data()
    model = RNNClassifier(cell="rnn", pooling="last", **SMALL).fit(X, y)
    with torch.no_grad():
        model.net_.module_.encoder.recurrence.weight_ih_l0.mul_(1000)
    with pytest.warns(UserWarning, match=r"sum up to more than 5% beside .* Raise n_steps"):
        step_importance(model, X, n_steps=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_steps": 0}, "The 'n_steps' parameter of step_importance must be an int >= 1"),
        ({"step": 1.5}, "The 'step' parameter of step_importance must be an int or None"),
        ({"return_static": 1}, "The 'return_static' parameter of step_importance must be True or"),
        ({"return_static": True}, "must be False where X has no columns of single values"),
        ({"output": 2}, r"must be one of the classes of the model, \[0, 1\]. Got 2 instead"),
        ({"step": 0}, "must be None for RNNClassifier, which has one answer a sequence. Got 0"),
        ({"baseline": [1.0]}, r"one for each of 2 numeric channel\(s\). Got \[1.0\] instead"),
        ({"baseline": [1.0, np.nan]}, "finite numbers"),
        ({"baseline": ["a", "b"]}, "finite numbers"),
    ],
)
def test_wrong_options_are_refused(options, message):
    X, y = make_data()
    model = RNNClassifier(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match=message):
        step_importance(model, X, **options)


def test_outputs_and_steps_that_are_not_there_are_refused():
    X, y = make_data()
    model = RNNRegressor(**SMALL).fit(X, np.c_[y, y])
    for output in (None, 2, "a"):
        with pytest.raises(ValueError, match=r"must be an int from 0 to 1, one of the model's 2"):
            step_importance(model, X, output=output)
    model = StepRegressor(**SMALL).fit(X, [x[:, 0] for x in X])
    row = next(i for i, x in enumerate(X) if len(x) <= 4)
    for step in (4, -5):
        with pytest.raises(ValueError, match=rf"that to row {row} of X has {len(X[row])} step"):
            step_importance(model, X, step=step)

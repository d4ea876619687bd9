"""Changes from step to step, read beside the numbers themselves."""

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.data.canonical import canonical_rows
from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.reading import read_sequences
from sklearn_rnn.data.statistics import channel_statistics, smooth_channels, step_sizes
from sklearn_rnn.inspection import step_importance
from sklearn_rnn.nn.inputs import NumericInput

QUICK = {"hidden_size": 6, "max_epochs": 3, "random_state": 0, "device": "cpu"}


def curves(n_samples=16, seed=0):
    """Return sequences whose first channel is smooth and whose second is noise."""
    rng = np.random.default_rng(seed)
    X = []
    for n in rng.integers(30, 60, size=n_samples):
        smooth = np.sin(np.arange(n) / 20 + rng.uniform(0, 6))
        X.append(np.column_stack([smooth, rng.normal(size=n)]))
    return X, np.arange(n_samples) % 2


def numeric_of(model):
    return model.net_.module_.encoder.inputs.numeric


def test_step_sizes_are_root_mean_squares_within_the_training_rows(monkeypatch):
    monkeypatch.setattr("sklearn_rnn.data.ragged._CHUNK", 70)
    X, y = curves()
    X[2][5, 0] = np.nan
    X[4] = X[4][:1]  # no step to another
    sequences, weight = read_sequences(X, "X"), 1.0 + np.arange(16) % 3
    training = canonical_rows(Inputs(sequences), y, weight).take(np.arange(12))
    changes = [np.diff(X[i].astype(np.float32).astype(float), axis=0) for i in training.rows]
    of_steps = np.repeat(training.weight, [len(change) for change in changes])
    steps = np.concatenate(changes)
    for channel, size in enumerate(step_sizes(sequences, training)):
        known = ~np.isnan(steps[:, channel])
        mean = np.average(steps[known, channel] ** 2, weights=of_steps[known])
        assert size == pytest.approx(mean**0.5, rel=1e-12)


def test_channels_that_do_not_change_are_not_smooth():
    X = np.zeros((4, 9, 2))
    X[:, :, 1] = np.nan
    X[0, :, 0] = 1.0  # differs between sequences alone
    sequences = read_sequences(X, "X")
    training = canonical_rows(Inputs(sequences), np.arange(4), np.ones(4))
    sizes = step_sizes(sequences, training)
    assert sizes.tolist() == [0, 0]
    smooth = smooth_channels(sizes, channel_statistics(sequences, training))
    assert smooth.tolist() == [False, False]


def test_numeric_input_has_scaled_differences_behind_the_indicators():
    nan = float("nan")
    inputs = NumericInput(
        torch.tensor([10.0, 0.0]),
        torch.tensor([2.0, 1.0]),
        torch.tensor([True, False]),
        torch.tensor([True, False]),
        torch.tensor([0.5, 1.0]),
    )
    x = torch.tensor([[[12.0, 5.0]], [[13.0, 7.0]], [[nan, 7.0]], [[8.0, 7.0]]])  # time first
    expected = torch.tensor([[1, 5, 0, 0], [1.5, 7, 0, 2], [0, 7, 1, 0], [-1, 7, 0, 0]])
    torch.testing.assert_close(inputs(x)[:, 0], expected)
    assert inputs.output_size == 4


@pytest.mark.parametrize(
    ("options", "differenced"),
    [
        ({}, [0]),
        ({"differences": True}, [0, 1]),
        ({"differences": False}, []),
        ({"standardize": False}, []),
    ],
)
def test_smooth_channels_are_read_as_differences_by_default(options, differenced):
    numeric = numeric_of(RNNClassifier(**QUICK, **options).fit(*curves()))
    assert numeric.differenced.tolist() == differenced


def test_differences_are_of_scale_one_where_channels_are_standardised():
    X, y = curves()
    numeric = numeric_of(RNNClassifier(**QUICK, differences=True).fit(X, y))
    read = [numeric(torch.from_numpy(x.astype(np.float32))[:, None])[1:, 0, 2:] for x in X]
    size = torch.cat(read).square().mean(dim=0).sqrt()
    torch.testing.assert_close(size, torch.ones(2), atol=1e-5, rtol=0)
    unscaled = RNNClassifier(**QUICK, differences=True, standardize=False).fit(X, y)
    assert numeric_of(unscaled).step_scale.tolist() == [1, 1]


def test_a_network_on_rough_channels_is_the_same_to_the_bit():
    X, y = curves()
    rough = [x[:, 1:] for x in X]
    auto, without = (
        RNNRegressor(**QUICK, differences=differences).fit(rough, y * 1.0).predict(rough)
        for differences in ("auto", False)
    )
    np.testing.assert_array_equal(auto, without)


@pytest.mark.parametrize("stem", [None, "conv"])
def test_differences_do_not_depend_on_company_or_padding(stem):
    X, y = curves()
    X[3][4, 0] = np.nan
    X += [X[0][:1], np.tile(X[1], (3, 1))]
    model = RNNClassifier(differences=True, stem=stem, **QUICK).fit(X, [*y, 0, 1])
    together = model.predict_proba(X)
    alone = np.concatenate([model.predict_proba([x]) for x in X])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_answers_after_each_step_are_those_of_the_cut_sequence(bidirectional):
    X, y = curves()
    model = RNNClassifier(bidirectional=bidirectional, **QUICK).fit(X, y)
    (steps,) = model.predict_proba_steps(X[:1])
    cut = model.predict_proba([X[0][: n + 1] for n in range(len(X[0]))])
    np.testing.assert_allclose(steps, cut, atol=1e-5)


def test_scale_and_offset_of_a_smooth_channel_mean_nothing():
    X, y = curves()
    shifted = [x * np.float32([8, 4]) + np.float32([64, -32]) for x in X]
    options = QUICK | {"optimizer": "sgd", "lr": 0.1, "dropout": 0.0}
    a = RNNClassifier(**options).fit(X, y).predict_proba(X)
    b = RNNClassifier(**options).fit(shifted, y).predict_proba(shifted)
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_importances_with_differences_sum_up_to_the_difference_of_log_odds():
    X, y = curves()
    model = RNNClassifier(pooling="mean", **QUICK).fit(X, y)
    mean = np.concatenate(X).mean(axis=0)
    at_mean = [np.broadcast_to(mean, x.shape) for x in X]
    difference = model.decision_function(X) - model.decision_function(at_mean)
    importance = step_importance(model, X, output=1, n_steps=100)
    assert importance[0].shape == X[0].shape
    sums = [steps.sum() for steps in importance]
    np.testing.assert_allclose(sums, difference, rtol=1e-3, atol=1e-4)


def test_a_fine_ripple_on_a_slow_curve_is_told_by_differences():
    rng = np.random.default_rng(1)
    time = np.arange(120)
    y = np.arange(60) % 2
    phases = rng.uniform(0, 6, size=60)
    ripples = 0.02 * (1 + 2 * y)[:, None] * np.sin(time / 2 + phases[:, None])
    X = np.sin(time / 30 + rng.uniform(0, 6, size=(60, 1))) + ripples
    options = QUICK | {"hidden_size": 16, "max_epochs": 15, "random_state": 1}
    auto, without = (
        RNNClassifier(differences=differences, **options).fit(X[:40], y[:40]).score(X[40:], y[40:])
        for differences in ("auto", False)
    )
    assert auto >= 0.9
    assert without <= 0.75

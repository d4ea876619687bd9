"""The convolutional front: against torch's own modules, sequence by sequence, and in estimators."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn._random import generator
from sklearn_rnn.nn.cells import CELLS
from sklearn_rnn.nn.pooling import POOLINGS
from sklearn_rnn.nn.stem import STEMS, ConvStem, StepNorm
from tests.conftest import make_sequences

LENGTHS = torch.tensor([23, 1, 2, 8, 9])
QUICK = {"stem": "conv", "hidden_size": 8, "max_epochs": 3, "random_state": 0, "device": "cpu"}


def stem_that_met_data(n_inputs=3):
    """Return a stem whose running statistics and normalization are not those of its start."""
    stem = ConvStem(n_inputs, 6, generator(0))
    random = generator(1)
    for layer in stem.layers:
        layer.norm.running_mean.normal_(generator=random)
        layer.norm.running_var.uniform_(0.5, 2, generator=random)
        with torch.no_grad():
            layer.norm.gain.normal_(generator=random)
            layer.norm.bias.normal_(generator=random)
    return stem


def as_torch_has_it(stem):
    """Return the same layers as torch's modules, for a sequence alone: (1, channels, time)."""
    layers = []
    for layer in stem.layers:
        n_outputs, n_inputs, size = layer.weight.shape
        convolution = nn.Conv1d(n_inputs, n_outputs, size, 2, size // 2, bias=False)
        norm = nn.BatchNorm1d(n_outputs)
        with torch.no_grad():
            convolution.weight.copy_(layer.weight)
            norm.weight.copy_(layer.norm.gain)
            norm.bias.copy_(layer.norm.bias)
        norm.running_mean.copy_(layer.norm.running_mean)
        norm.running_var.copy_(layer.norm.running_var)
        layers += [convolution, norm, nn.ReLU()]
    return nn.Sequential(*layers).train(stem.training)


@pytest.mark.parametrize("filling", [0.0, 1e6, float("nan")])
@pytest.mark.parametrize("n_steps", [23, 64])
def test_conv_stem_is_that_of_torch_on_each_sequence_alone(filling, n_steps):
    stem = stem_that_met_data().eval()
    alone = as_torch_has_it(stem)
    x = torch.randn(n_steps, len(LENGTHS), 3, generator=generator(2))
    for row, length in enumerate(LENGTHS):
        x[length:, row] = filling
    outputs, lengths = stem(x, LENGTHS)
    assert lengths.tolist() == [3, 1, 1, 1, 2]
    for row, (length, new_length) in enumerate(zip(LENGTHS, lengths, strict=True)):
        expected = alone(x[:length, row].t()[None])[0].t()
        assert len(expected) == new_length
        torch.testing.assert_close(outputs[:new_length, row], expected, atol=1e-5, rtol=0)
        assert not outputs[new_length:, row].any()


def test_conv_stem_has_torch_gradients_and_running_statistics_where_nothing_is_padded():
    stem = stem_that_met_data()
    expected_of = as_torch_has_it(stem)
    x = torch.randn(16, 4, 3, generator=generator(2))
    outputs, _ = stem(x, torch.full((4,), 16))
    expected = expected_of(x.permute(1, 2, 0)).permute(2, 0, 1)
    torch.testing.assert_close(outputs, expected, atol=1e-5, rtol=1e-5)
    weight = torch.randn(outputs.shape, generator=generator(3))
    gradients = torch.autograd.grad((outputs * weight).sum(), list(stem.parameters()))
    same = torch.autograd.grad((expected * weight).sum(), list(expected_of.parameters()))
    for a, b in zip(gradients, same, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    for layer, norm in zip(stem.layers, expected_of[1::3], strict=True):
        torch.testing.assert_close(layer.norm.running_mean, norm.running_mean)
        torch.testing.assert_close(layer.norm.running_var, norm.running_var)


def test_training_normalizes_by_the_steps_before_the_ends_alone():
    stem = ConvStem(3, 6, generator(0))
    random = torch.randn(64, len(LENGTHS), 3, generator=generator(2))
    results = []
    for n_steps, filling in ((23, 0.0), (64, 1e6)):
        x = random[:n_steps].clone()
        for row, length in enumerate(LENGTHS):
            x[length:, row] = filling
        fresh = copy.deepcopy(stem)
        results.append((fresh(x, LENGTHS)[0][:3], fresh.layers[2].norm.running_var))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_a_sequence_of_no_steps_has_no_part_in_training():
    x = torch.randn(23, len(LENGTHS), 3, generator=generator(2))
    beside = torch.full((23, 1, 3), 1e6)
    stem, other = (ConvStem(3, 6, generator(0)) for _ in range(2))
    outputs, lengths = stem(x, LENGTHS)
    of_more, lengths_of_more = other(
        torch.cat([x, beside], dim=1), torch.cat([LENGTHS, torch.tensor([0])])
    )
    torch.testing.assert_close(of_more[:, :-1], outputs)
    assert (of_more[:, -1] == 0).all()
    assert lengths_of_more.tolist() == [*lengths.tolist(), 0]
    for a, b in zip(stem.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_batch_of_no_steps_changes_no_statistics():
    stem = stem_that_met_data()
    met = copy.deepcopy(list(stem.buffers()))
    outputs, lengths = stem(torch.full((4, 2, 3), 1e6), torch.zeros(2, dtype=torch.int64))
    assert outputs.shape == (1, 2, 6)
    assert lengths.tolist() == [0, 0]
    for a, b in zip(met, stem.buffers(), strict=True):
        torch.testing.assert_close(a, b)


def test_step_norm_knows_its_equation():
    steps = torch.tensor([[1.0, 10.0], [3.0, 10.0], [5.0, 40.0]])
    norm = StepNorm(2)
    with torch.no_grad():
        norm.gain.fill_(2.0)
        norm.bias.fill_(-1.0)
    spread = steps.std(0, correction=0)
    torch.testing.assert_close(norm(steps), 2 * (steps - steps.mean(0)) / spread - 1)
    torch.testing.assert_close(norm.running_mean, 0.1 * steps.mean(0))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * steps.var(0))


def test_step_norm_of_one_step_alone_goes_by_what_was_met():
    norm = StepNorm(2)
    step = torch.tensor([[3.0, -1.0]])
    torch.testing.assert_close(norm(step), step / (1 + 1e-5) ** 0.5)
    assert norm.running_mean.tolist() == [0.0, 0.0]
    assert norm.running_var.tolist() == [1.0, 1.0]


# -- in estimators --------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_output_with_a_stem_does_not_depend_on_company_or_padding(cell, bidirectional, pooling):
    X, y = make_sequences(30, high=90)
    X[0] = X[0][:1]
    options = {"cell": cell, "bidirectional": bidirectional, "pooling": pooling}
    model = RNNClassifier(**QUICK | options).fit(X, y)
    together = model.decision_function(X)
    alone = np.concatenate([model.decision_function([x]) for x in X])
    np.testing.assert_allclose(alone, together, atol=1e-5, rtol=0)
    np.testing.assert_allclose(model.decision_function(X[3:9]), together[3:9], atol=1e-5, rtol=0)
    values = torch.full((30, 128, 3), float("nan"))
    for row, x in enumerate(X):
        values[row, : len(x)] = torch.from_numpy(x)
    with torch.inference_mode():
        padded = model.net_.module_(values, torch.tensor([len(x) for x in X])).numpy()
    np.testing.assert_allclose(padded[:, 1] - padded[:, 0], together, atol=1e-5, rtol=0)


def test_network_with_a_stem_is_stem_recurrence_and_poolings():
    X, y = make_sequences(30, high=60)
    model = RNNClassifier(pooling="max", **QUICK).fit(X, y)
    encoder = model.net_.module_.encoder
    embedded = model.transform(X)
    assert embedded.shape == (30, 3 * 8)
    assert len(model.get_feature_names_out()) == 24
    for x, vector in zip(X, embedded, strict=True):
        with torch.inference_mode():
            steps, lengths = encoder.stem(
                encoder.inputs(torch.from_numpy(x)[:, None]), torch.tensor([len(x)])
            )
            states = encoder.recurrence(steps, lengths)
        assert len(steps) == -(-len(x) // 8)
        np.testing.assert_allclose(vector[:16], states[:, 0].amax(0), atol=1e-5)
        np.testing.assert_allclose(vector[16:], steps[:, 0].mean(0), atol=1e-5)


def test_stem_reads_gaps_categories_and_static_columns_and_rows_of_no_steps():
    rng = np.random.default_rng(0)
    lengths = [0, 1, 5, *rng.integers(2, 40, size=27)]
    frame = pd.DataFrame(
        {
            "number": pd.Series([rng.normal(size=n) for n in lengths], dtype=object),
            "letter": pd.Series([list(rng.choice(list("abc"), n)) for n in lengths], dtype=object),
            "age": rng.normal(size=30),
        }
    )
    frame["number"][2][1:3] = np.nan
    y = rng.integers(0, 2, size=30)
    model = RNNClassifier(**QUICK).fit(frame, y)
    together = model.decision_function(frame)
    alone = np.concatenate([model.decision_function(frame.iloc[[i]]) for i in range(30)])
    assert np.isfinite(together).all()
    np.testing.assert_allclose(alone, together, atol=1e-5, rtol=0)
    filled = frame.copy()
    filled.at[2, "number"] = np.nan_to_num(frame["number"][2])
    assert model.decision_function(filled)[2] != together[2]


def test_order_of_rows_does_not_matter_where_some_have_no_steps():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 3, size=40) * rng.integers(5, 20, size=40)
    frame = pd.DataFrame(
        {"steps": [list(rng.normal(size=n)) for n in lengths], "age": rng.normal(size=40)}
    )
    y, order = rng.integers(0, 2, size=40), rng.permutation(40)
    a, b = (RNNClassifier(**QUICK).fit(frame.iloc[i], y[i]) for i in (np.arange(40), order))
    np.testing.assert_array_equal(a.predict_proba(frame), b.predict_proba(frame))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_probabilities_after_each_step_with_a_stem_are_those_of_the_cut_sequence(bidirectional):
    X, y = make_sequences(20, high=20)
    model = RNNClassifier(**QUICK, bidirectional=bidirectional).fit(X, y)
    for x, steps in zip(X[:4], model.predict_proba_steps(X[:4]), strict=True):
        cut = model.predict_proba([x[: n + 1] for n in range(len(x))])
        np.testing.assert_allclose(steps, cut, atol=1e-5)


def test_a_loss_after_every_step_needs_that_there_is_no_stem(sequences):
    model = RNNClassifier(**QUICK, bidirectional=False, step_loss=0.5)
    with pytest.raises(ValueError, match="'step_loss' parameter of RNNClassifier must be 0 with a"):
        model.fit(*sequences)


def test_stem_of_another_name_is_refused(sequences):
    with pytest.raises(ValueError, match=r"'stem' parameter of RNNRegressor must be .*'conv'"):
        RNNRegressor(stem="cnov").fit(*sequences)
    assert list(STEMS) == ["conv"]


def test_same_seed_gives_the_same_bits_with_a_stem_and_leaves_global_generators(sequences):
    before = torch.get_rng_state()
    a, b = (RNNRegressor(**QUICK).fit(*sequences) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(a.predict(sequences[0]), b.predict(sequences[0]))
    other = RNNRegressor(**QUICK | {"random_state": 1}).fit(*sequences)
    assert (a.predict(sequences[0]) != other.predict(sequences[0])).all()


def test_a_single_sequence_of_a_single_step_is_trained_on():
    model = RNNRegressor(**QUICK, batch_size=1).fit([[1.0], [2.0]], [1.0, 2.0])
    assert np.isfinite(model.predict([[1.0], [2.0, 3.0]])).all()


def test_gradients_are_cut_after_so_many_steps_of_the_recurrence():
    X, y = make_sequences(20, high=60)
    whole, cut, uncut = (
        RNNRegressor(**QUICK, bptt_steps=steps).fit(X, y).predict(X) for steps in (None, 3, 8)
    )
    assert np.abs(whole - cut).max() > 1e-6
    np.testing.assert_allclose(uncut, whole, atol=1e-5)  # 60 steps are 8 behind the stem


def test_stem_learns_the_frequency_of_a_long_wave():
    rng = np.random.default_rng(0)
    lengths = rng.integers(150, 300, size=60)
    periods = np.array([6, 9])[np.arange(60) % 2]
    X = [
        np.sin(2 * np.pi * (np.arange(n) / p + rng.uniform())) + 0.3 * rng.normal(size=n)
        for n, p in zip(lengths, periods, strict=True)
    ]
    model = RNNClassifier(**QUICK | {"max_epochs": 15}).fit(X[:40], periods[:40])
    assert model.score(X[40:], periods[40:]) == 1.0

"""What is known after every step: probabilities of every prefix, and a loss there."""

import pickle
from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from sklearn_rnn import RNNClassifier
from sklearn_rnn.data import prefixes
from sklearn_rnn.nn.cells import CELLS
from sklearn_rnn.nn.pooling import POOLINGS, Pooling
from tests.conftest import make_sequences

QUICK = {"hidden_size": 8, "max_epochs": 3, "random_state": 0, "device": "cpu"}
NETWORKS = list(product(CELLS, POOLINGS, [False, True]))


def prefixes_of(sequence):
    return [sequence[: t + 1] for t in range(len(sequence))]


def assert_is_predict_proba_of_prefixes(model, X, steps):
    """X is a list of sequences."""
    assert [len(row) for row in steps] == [len(x) for x in X]
    cut = [prefix for x in X for prefix in prefixes_of(x)]
    np.testing.assert_allclose(
        np.concatenate(list(steps)), model.predict_proba(cut), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize(("cell", "pooling", "bidirectional"), NETWORKS)
def test_probabilities_after_each_step_are_those_of_the_prefix(cell, pooling, bidirectional):
    X, y = make_sequences(24, high=20)
    model = RNNClassifier(cell=cell, pooling=pooling, bidirectional=bidirectional, **QUICK)
    steps = model.fit(X, y).predict_proba_steps(X)
    assert steps.dtype == object
    assert {row.dtype for row in steps} == {np.dtype(np.float64)}
    assert_is_predict_proba_of_prefixes(model, X, steps)
    np.testing.assert_allclose([row[-1] for row in steps], model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_deep_networks_and_single_sequences_are_no_exception(bidirectional):
    X, y = make_sequences(24)
    model = RNNClassifier(num_layers=2, bidirectional=bidirectional, **QUICK).fit(X, y)
    assert_is_predict_proba_of_prefixes(model, X, model.predict_proba_steps(X))
    for x in (X[3], X[3][:1]):
        assert_is_predict_proba_of_prefixes(model, [x], model.predict_proba_steps([x]))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("static_to", ["head", "state", "both"])
def test_static_columns_hold_for_every_prefix_and_rows_may_have_no_steps(static_to, bidirectional):
    X, y = make_sequences(24, n_channels=1)
    pulse = [x[:, 0].tolist() for x in X]
    pulse[2], pulse[5] = [], None
    frame = pa.table({"age": np.arange(24.0), "sex": ["f", "m", "f"] * 8, "pulse": pulse})
    model = RNNClassifier(static_to=static_to, bidirectional=bidirectional, **QUICK).fit(frame, y)
    steps = model.predict_proba_steps(frame)
    assert steps[2].shape == steps[5].shape == (0, 2)
    for row, of_row in enumerate(steps):
        cut = prefixes_of(pulse[row] or [])
        alone = frame.slice(row, 1)
        assert len(of_row) == len(cut)
        for prefix, probability in zip(cut, of_row, strict=True):
            one = alone.set_column(2, "pulse", pa.array([prefix]))
            np.testing.assert_allclose(model.predict_proba(one)[0], probability, atol=1e-6, rtol=0)
    for few in ([2], [2, 5], [5, 0]):
        some = model.predict_proba_steps(frame.take(few))
        for a, b in zip(some, steps[few], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
    short = frame.slice(2, 2).set_column(2, "pulse", pa.array([[], pulse[3][:1]]))
    np.testing.assert_allclose(model.predict_proba_steps(short)[1], steps[3][:1], atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_tokens_and_list_columns_are_read_as_ever(bidirectional):
    words = [list("abc"), list("b"), list("cab"), list("aa")] * 6
    y = [0, 1, 0, 1] * 6
    model = RNNClassifier(bidirectional=bidirectional, **QUICK).fit(words, y)
    assert_is_predict_proba_of_prefixes(model, words, model.predict_proba_steps(words))
    expected = np.concatenate(list(model.predict_proba_steps(words)))
    for frame in (pl.DataFrame({"word": words}), pd.DataFrame({"word": words})):
        of_frame = RNNClassifier(bidirectional=bidirectional, **QUICK).fit(frame, y)
        steps = np.concatenate(list(of_frame.predict_proba_steps(frame)))
        np.testing.assert_allclose(steps, expected, atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_one_array_in_fit_gives_one_array_where_lengths_are_equal(bidirectional):
    X, y = make_sequences(24, low=6)
    cube = np.stack([x[:6] for x in X])
    model = RNNClassifier(bidirectional=bidirectional, **QUICK).fit(cube, y)
    assert model.predict_proba_steps(cube).shape == (24, 6, 2)
    assert model.predict_proba_steps(cube[:3, :2]).shape == (3, 2, 2)
    assert model.predict_proba_steps(X).dtype == object
    of_list = RNNClassifier(bidirectional=bidirectional, **QUICK).fit(list(cube), y)
    steps = of_list.predict_proba_steps(cube)
    assert steps.shape == (24,)  # also where all lengths are equal
    np.testing.assert_array_equal(np.stack(list(steps)), model.predict_proba_steps(cube))
    for table in (cube[:, :, 0], pd.DataFrame(cube[:, :, 0], columns=list("abcdef"))):
        of_table = RNNClassifier(bidirectional=bidirectional, **QUICK).fit(table, y)
        assert of_table.predict_proba_steps(table).shape == (24, 6, 2)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_many_batches_come_back_in_order(bidirectional, n_threads, monkeypatch):
    X, y = make_sequences(24, high=20)
    model = RNNClassifier(bidirectional=bidirectional, **QUICK).fit(X, y)
    expected = model.predict_proba_steps(X)
    monkeypatch.setattr("sklearn_rnn.training.prediction.PREDICTION_STEPS", 50)
    monkeypatch.setattr("sklearn_rnn.training.prediction.MIN_STEPS", 50)
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        for a, b in zip(model.predict_proba_steps(X), expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
    finally:
        torch.set_num_threads(before)


def test_prefixes_of_both_directions_take_the_memory_of_a_batch(monkeypatch):
    X, y = make_sequences(8)
    model = RNNClassifier(**QUICK | {"hidden_size": 2}).fit(X, y)
    sizes = []
    gather = prefixes.DevicePrefixes.gather

    def noting(self, rows):
        batch = gather(self, rows)
        sizes.append(batch.values.shape[0] * batch.values.shape[1])
        assert len(self._values) == 1500  # and no second time for each prefix
        return batch

    monkeypatch.setattr(prefixes.DevicePrefixes, "gather", noting)
    monkeypatch.setattr("sklearn_rnn.training.prediction.PREDICTION_STEPS", 1 << 13)
    monkeypatch.setattr("sklearn_rnn.training.prediction.MIN_STEPS", 1 << 13)
    steps = model.predict_proba_steps(np.random.default_rng(0).normal(size=(3, 500, 3)))
    assert [len(row) for row in steps] == [500] * 3
    assert len(sizes) > 40
    assert max(sizes) <= 1 << 14


class Range(Pooling):
    """The largest output of each unit less the smallest."""

    def forward(self, outputs, last, inside, lengths):
        largest = outputs.masked_fill(~inside, -torch.inf).amax(dim=0)
        return largest - outputs.masked_fill(~inside, torch.inf).amin(dim=0)


def test_pooling_of_ones_own_needs_nothing_more():
    X, y = make_sequences(24)
    model = RNNClassifier(pooling=Range, bidirectional=False, **QUICK).fit(X, y)
    assert_is_predict_proba_of_prefixes(model, X, model.predict_proba_steps(X))


def test_network_of_before_is_asked_after_a_change_of_parameters():
    X, y = make_sequences(24)
    model = RNNClassifier(bidirectional=False, **QUICK).fit(X, y).set_params(bidirectional=True)
    again = pickle.loads(pickle.dumps(model))
    for a, b in zip(again.predict_proba_steps(X), model.predict_proba_steps(X), strict=True):
        np.testing.assert_array_equal(a, b)
    assert_is_predict_proba_of_prefixes(model, X, model.predict_proba_steps(X))

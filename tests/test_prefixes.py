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
from sklearn_rnn.augmentation import Crop, StepDropout
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


# -- a loss after every step ----------------------------------------------------------------------

STEP_LOSS = {"step_loss": 0.3, "bidirectional": False, "label_smoothing": 0.0}
STILL = QUICK | STEP_LOSS | {"lr": 1e-12, "dropout": 0.0, "recurrent_dropout": 0.0}


def weights_of(model):
    return torch.cat([p.detach().flatten() for p in model.net_.module_.parameters()])


def losses(model, X, y, share=0.3):
    """Return the loss of each sequence by its equation."""
    ends = -np.log(model.predict_proba(X)[np.arange(len(y)), y])
    steps = model.predict_proba_steps(X)
    means = [
        -np.log(row[:, label]).mean() if len(row) else end
        for row, label, end in zip(steps, y, ends, strict=True)
    ]
    return (1 - share) * ends + share * np.array(means)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("share", [0.3, 1])
def test_loss_is_that_at_the_end_and_the_mean_of_those_after_each_step(pooling, share):
    X, y = make_sequences(24, high=20)
    model = RNNClassifier(pooling=pooling, **STILL | {"step_loss": share}).fit(X, y)
    expected = losses(model, X, y, share).mean()
    np.testing.assert_allclose(model.loss_curve_[-1], expected, rtol=1e-5)


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
def test_weights_of_rows_and_classes_multiply_the_whole_loss(class_weight):
    X, y = make_sequences(24)
    y[:6] = 0
    weight = np.random.default_rng(0).uniform(0.6, 1.4, size=24)
    model = RNNClassifier(class_weight=class_weight, batch_size=24, **STILL)
    model.fit(X, y, sample_weight=weight)
    if class_weight is not None:
        by_class = 1 / np.bincount(y, weight) if class_weight == "balanced" else np.array([3, 0.5])
        weight = weight * by_class[y]
    expected = np.average(losses(model, X, y), weights=weight)
    np.testing.assert_allclose(model.loss_curve_[-1], expected, rtol=1e-5)


def test_sequence_of_no_steps_has_its_one_loss():
    X, y = make_sequences(24, n_channels=1)
    pulse = [x[:, 0].tolist() for x in X]
    pulse[2], pulse[5] = [], None
    frame = pa.table({"age": np.arange(24.0), "pulse": pulse})
    model = RNNClassifier(**STILL).fit(frame, y)
    np.testing.assert_allclose(model.loss_curve_[-1], losses(model, frame, y).mean(), rtol=1e-5)
    assert RNNClassifier(**QUICK | STEP_LOSS).fit(frame, y).loss_curve_[-1] < model.loss_curve_[-1]


def test_validation_has_the_same_loss_and_the_score_at_the_end():
    X, y = make_sequences(40)
    options = QUICK | STEP_LOSS | {"max_epochs": 8}
    model = RNNClassifier(**options).fit(X[:24], y[:24], X[24:], y[24:])
    expected = losses(model, X[24:], y[24:]).mean()
    np.testing.assert_allclose(model.history_["valid_loss"].iloc[-1], expected, rtol=1e-5)
    assert model.validation_scores_[-1] == pytest.approx(model.score(X[24:], y[24:]))
    stopping = RNNClassifier(early_stopping=True, **options).fit(X, y)
    best = stopping.history_["valid_loss"].idxmin()
    assert stopping.best_epoch_ == best + 1


def test_batch_in_parts_has_the_same_loss():
    X, y = make_sequences(24, high=20)
    options = QUICK | STEP_LOSS | {"dropout": 0.0, "recurrent_dropout": 0.0, "batch_size": 24}
    whole = RNNClassifier(**options).fit(X, y)
    parts = RNNClassifier(max_batch_steps=60, **options).fit(X, y)
    np.testing.assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=1e-5)
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_truncated_backpropagation_is_the_same_within_one_chunk(pooling):
    X, y = make_sequences(24)
    options = QUICK | STEP_LOSS | {"pooling": pooling}
    whole, one, several = (
        RNNClassifier(bptt_steps=steps, **options).fit(X, y) for steps in (None, 12, 3)
    )
    assert torch.equal(weights_of(one), weights_of(whole))
    assert not torch.equal(weights_of(several), weights_of(whole))
    assert several.loss_curve_[-1] < several.loss_curve_[0]


def test_integer_weights_are_repeated_rows_to_the_bit():
    X, y = make_sequences(24)
    weight = np.arange(24) % 3
    places = np.repeat(np.arange(24), weight)
    options = QUICK | STEP_LOSS | {"early_stopping": True}
    a = RNNClassifier(**options).fit(X, y, sample_weight=weight)
    b = RNNClassifier(**options).fit([X[i] for i in places], y[places])
    assert torch.equal(weights_of(a), weights_of(b))


def test_pooling_of_ones_own_is_trained_after_every_step():
    X, y = make_sequences(24)
    model = RNNClassifier(pooling=Range, **STILL).fit(X, y)
    np.testing.assert_allclose(model.loss_curve_[-1], losses(model, X, y).mean(), rtol=1e-5)


def test_augmented_sequences_are_judged_after_their_own_steps():
    X, y = make_sequences(24, high=20)
    augmentation = [Crop(), StepDropout(p=0.3)]
    model = RNNClassifier(augmentation=augmentation, **QUICK | STEP_LOSS | {"max_epochs": 20})
    assert model.fit(X, y).score(X, y) > 0.9


def test_share_may_change_between_fits_that_go_on(capsys):
    X, y = make_sequences(24)
    model = RNNClassifier(warm_start=True, verbose=1, **STILL).fit(X, y)
    assert "step_loss 0.3" in capsys.readouterr().out
    model.set_params(step_loss=0.0).fit(X, y)
    np.testing.assert_allclose(model.loss_curve_[-1], losses(model, X, y, 0.0).mean(), rtol=1e-5)
    model.set_params(step_loss=0.8).partial_fit(X, y)
    np.testing.assert_allclose(model.loss_curve_[-1], losses(model, X, y, 0.8).mean(), rtol=1e-5)


def early_and_late(n_samples, seed):
    """Return sequences with an early sign that is right in four of five, and a late one."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n_samples)
    X = []
    for label in y:
        x = rng.normal(scale=0.5, size=(rng.integers(12, 25), 1))
        early = label if rng.random() < 0.8 else 1 - label
        x[len(x) // 6] += 3 * (2 * early - 1)
        x[2 * len(x) // 3] += 6 * (2 * label - 1)
        X.append(x)
    return X, y


@pytest.mark.parametrize("pooling", ["last", "max"])
def test_loss_after_every_step_makes_better_use_of_what_is_known_early(pooling):
    """After a third of the steps 0.8 of the labels can be told, at a log loss of 0.50."""
    early_loss, late_score = {}, {}
    for share, seed in product([0.0, 0.5], range(3)):
        options = {"hidden_size": 16, "max_epochs": 30, "bidirectional": False, "random_state": 0}
        model = RNNClassifier(pooling=pooling, step_loss=share, **options)
        model.fit(*early_and_late(200, seed))
        X, y = early_and_late(300, 100 + seed)
        steps = model.predict_proba_steps(X)
        third = [row[len(row) // 3 - 1, label] for row, label in zip(steps, y, strict=True)]
        early_loss.setdefault(share, []).append(-np.log(third).mean())
        late_score.setdefault(share, []).append(model.score(X, y))
    assert np.mean(early_loss[0.5]) < 0.6
    assert np.mean(early_loss[0.0]) > np.mean(early_loss[0.5]) + 0.1
    assert np.mean(late_score[0.5]) > 0.98


def test_bad_step_loss_is_refused():
    X, y = make_sequences(24)
    model = RNNClassifier(step_loss=0.5, **QUICK)
    with pytest.raises(
        ValueError,
        match=r"The 'step_loss' parameter of RNNClassifier must be 0 with bidirectional=True"
        r".*Got 0\.5 instead\. Set bidirectional=False\.",
    ):
        model.fit(X, y)
    assert not hasattr(model, "net_")
    for value in (-0.1, 1.5, True, "all"):
        with pytest.raises(
            ValueError, match=r"'step_loss' parameter .* a number in \[0, 1\]\. Got"
        ):
            model.set_params(step_loss=value, bidirectional=False).fit(X, y)

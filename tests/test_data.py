"""Reading, ragged arrays, statistics, canonical rows, batches and targets."""

import tracemalloc
import warnings
from collections import deque

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_rnn._random import generator
from sklearn_rnn.data.batching import (
    POOL_BATCHES,
    DeviceInputs,
    batches_of_steps,
    n_batches_of_steps,
    ordered_batches,
    rounded_length,
    shuffled_batches,
)
from sklearn_rnn.data.canonical import canonical_rows, hash_samples, hash_sequences
from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.per_sample import read_groups, read_y
from sklearn_rnn.data.ragged import Ragged
from sklearn_rnn.data.reading import as_container, read_sequences
from sklearn_rnn.data.statistics import channel_statistics
from sklearn_rnn.data.targets import ClassTarget, NumberTarget
from tests.conftest import make_sequences


def read(X):
    return read_sequences(as_container(X))


def ragged(n_samples=24, **options):
    return read(make_sequences(n_samples, **options)[0])


# -- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        tuple,
        lambda X: pd.Series(X, index=range(7, 7 + len(X))),
        lambda X: pd.Series(X).to_numpy(),
        lambda X: [x.tolist() for x in X],
        lambda X: [x.astype(np.float64) for x in X],
        lambda X: [torch.from_numpy(x) for x in X],
        lambda X: [np.asfortranarray(x) for x in X],
    ],
)
def test_reading_gives_the_same_numbers_for_each_form(form):
    X, _ = make_sequences()
    sequences = read(form(X))
    assert sequences.values.dtype == np.float32
    np.testing.assert_array_equal(sequences.values, np.concatenate(X))
    np.testing.assert_array_equal(sequences.lengths, [len(x) for x in X])


def test_reading_a_3d_float32_array_makes_no_copy():
    X = np.zeros((4, 5, 2), dtype=np.float32)
    assert np.shares_memory(read(X).values, X)


def test_reading_takes_one_dimensional_rows_as_one_channel():
    sequences = read([np.arange(3), np.arange(2.0), [1, 2, 3, None]])
    assert sequences.values.shape == (9, 1)
    assert np.isnan(sequences.values[-1, 0])


def test_reading_mixes_rows_of_one_channel_with_and_without_the_axis():
    sequences = read([np.zeros(3), np.ones((2, 1))])
    np.testing.assert_array_equal(sequences.values[:, 0], [0, 0, 0, 1, 1])


def test_missing_numbers_of_pandas_are_read_as_nan():
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [0.5, 1.5]})
    np.testing.assert_array_equal(read([frame]).values, [[1, 0.5], [np.nan, 1.5]])


def test_a_deque_of_sequences_is_a_list():
    assert read(deque([[1.0, 2.0], [3.0]])).lengths.tolist() == [2, 1]


def test_nested_lists_of_equal_length_are_a_table_and_others_are_not():
    assert isinstance(as_container([[1, 2], [3, 4]]), np.ndarray)
    assert isinstance(as_container([[1, 2], [3]]), list)
    assert isinstance(as_container([np.zeros(2), np.zeros(2)]), list)


def test_read_y_names_both_lengths():
    with pytest.raises(ValueError, match=r"X_val has 3 sequence\(s\), y_val has 2 value\(s\)"):
        read_y([1, 2], 3, "RNNClassifier", ("X_val", "y_val"))


def test_read_groups_numbers_them():
    np.testing.assert_array_equal(read_groups(["b", "a", "b"], 3), [1, 0, 1])


# -- ragged ---------------------------------------------------------------------------------------


def test_steps_of_lists_the_steps_of_some_samples_in_their_order():
    sequences = Ragged.from_lengths(np.zeros((6, 1), np.float32), np.array([2, 1, 3]))
    assert sequences.steps_of(np.array([2, 0])).tolist() == [3, 4, 5, 0, 1]
    assert sequences.row_of_step(2) == (1, 0)
    assert sequences.row_of_step(5) == (2, 2)


# -- canonical rows -------------------------------------------------------------------------------


def test_hash_tells_values_places_and_lengths_apart_but_not_rows():
    a, b = np.float32([[1], [2]]), np.float32([[2], [1]])
    hashes = hash_sequences(
        read([a, b, a.copy(), a[:1], np.float32([[1], [2], [0]]), np.hstack(a)])
    )
    assert hashes[0] == hashes[2] == hashes[5]
    assert len(set(hashes[[0, 1, 3, 4]])) == 4


def test_hash_has_no_collisions_among_many_sequences():
    rng = np.random.default_rng(0)
    sequences = read(rng.integers(0, 8, size=(20000, 6, 1)).astype(np.float32))
    n_distinct = len(np.unique(sequences.values.reshape(20000, 6), axis=0))
    assert len(np.unique(hash_sequences(sequences))) == n_distinct


def test_equal_rows_are_merged_and_their_weights_added():
    X, y = make_sequences(4)
    X, y = [*X, X[1], X[1]], np.append(y, [y[1], 1 - y[1]])
    rows = canonical_rows(Inputs(read(X)), y, np.ones(6))
    assert sorted(zip(rows.rows, rows.weight, rows.copies, strict=True)) == [
        (0, 1, 1),
        (1, 2, 2),
        (2, 1, 1),
        (3, 1, 1),
        (5, 1, 1),
    ]
    groups = dict(zip(rows.rows, rows.x_group, strict=True))
    assert groups[1] == groups[5]
    assert len(set(groups.values())) == 4


def test_repeated_rows_and_integer_weights_give_the_same_content():
    X, y = make_sequences(10)
    weight = np.arange(10) % 4
    repeated = np.repeat(np.arange(10), weight)[::-1]
    a = canonical_rows(Inputs(read(X)), y, weight.astype(float))
    b = canonical_rows(Inputs(read([X[i] for i in repeated])), y[repeated], np.ones(len(repeated)))
    np.testing.assert_array_equal(a.rows, repeated[b.rows])
    np.testing.assert_array_equal(a.weight, b.weight)
    np.testing.assert_array_equal(a.copies, b.copies)


def with_static(numbers, static):
    """Return sequences of one step beside a static column."""
    steps, columns = (np.float32(x).reshape(-1, 1, 1) for x in (numbers, static))
    return Inputs(Ragged.from_rectangular(steps), Ragged.from_rectangular(columns))


def test_sequences_that_equal_their_static_columns_are_told_apart():
    inputs = with_static([1, 2, 3], [1, 2, 3])
    assert len(np.unique(hash_samples(inputs))) == 3
    assert len(canonical_rows(inputs, np.zeros(3), np.ones(3)).rows) == 3


def test_sequence_and_static_column_may_not_change_places():
    assert len(np.unique(hash_samples(with_static([1, 2], [2, 1])))) == 2


def test_sequences_that_equal_their_targets_are_told_apart():
    sequences = Ragged.from_lengths(np.zeros((6, 1), np.float32), np.array([1, 2, 3]))
    rows = canonical_rows(
        Inputs(sequences), np.zeros(6), np.ones(3), target_offsets=sequences.offsets
    )
    assert len(rows.rows) == 3


def test_weights_of_equal_rows_add_up_alike_in_any_order():
    inputs = Inputs(Ragged.from_rectangular(np.zeros((3, 2, 1), np.float32)))
    weight = np.array([0.1, 0.2, 0.3])
    a, b = (canonical_rows(inputs, np.zeros(3), w) for w in (weight, weight[::-1]))
    assert a.fingerprint() == b.fingerprint()


def test_rows_of_different_groups_are_not_merged():
    X, y = make_sequences(2)
    rows = canonical_rows(Inputs(read([X[0], X[0]])), y[[0, 0]], np.ones(2), group=np.array([0, 1]))
    assert len(rows.rows) == 2


def test_large_weights_are_scaled_to_at_most_four_copies_a_row():
    rows = canonical_rows(Inputs(ragged(8)), np.zeros(8), np.full(8, 500.0))
    assert rows.copies.tolist() == [4] * 8
    np.testing.assert_allclose(rows.weight, 4)


def test_a_channel_beyond_the_digits_of_float32_is_warned_of():
    def warned(values):
        sequences = Ragged.from_rectangular(np.float32(values).reshape(2, 2, 1))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            channel_statistics(
                sequences, canonical_rows(Inputs(sequences), np.zeros(2), np.ones(2))
            )
        return [str(warning.message) for warning in caught]

    (varies,) = warned([2**24, 2**24 + 2, 2**24, 2**24 + 2])
    assert varies.startswith("Channel 0 of X varies by 1 around 1.68e+07, which float32 hardly")
    (constant,) = warned([1.7e18] * 4)
    assert constant.startswith("Channel 0 of X is 1.7e+18 everywhere. If it varies, float32 hardly")
    assert warned([1e6] * 4) == warned([0, 1, 2, 3]) == []


def test_hashing_takes_little_memory_besides_the_data():
    sequences = read(np.zeros((1000, 2000, 1), dtype=np.float32))
    tracemalloc.start()
    hash_sequences(sequences)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.7 * sequences.values.nbytes


# -- statistics -----------------------------------------------------------------------------------


def test_statistics_match_numpy_over_training_rows_only(monkeypatch):
    monkeypatch.setattr("sklearn_rnn.data.ragged._CHUNK", 10)
    X, y = make_sequences()
    X[3][0, 1] = np.nan
    sequences = read(X)
    training = canonical_rows(Inputs(sequences), y, np.ones(24)).take(np.arange(16))
    statistics = channel_statistics(sequences, training)
    steps = np.concatenate([X[i] for i in training.rows]).astype(np.float64)
    np.testing.assert_allclose(statistics.mean, np.nanmean(steps, axis=0), rtol=1e-12)
    np.testing.assert_allclose(statistics.scale, np.nanstd(steps, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(statistics.has_missing, [False, 3 in training.rows, False])


def test_statistics_weigh_rows():
    X = [np.float32([0, 0]), np.float32([3])]
    sequences = read(X)
    training = canonical_rows(Inputs(sequences), np.arange(2), np.array([1.0, 2.0]))
    statistics = channel_statistics(sequences, training)
    steps = [0, 0, 3, 3]
    np.testing.assert_allclose(statistics.mean, np.mean(steps))
    np.testing.assert_allclose(statistics.scale, np.std(steps))


def test_a_channel_that_float32_hardly_resolves_is_met_with_a_warning():
    times = 1.7e9 + 128 * np.arange(20.0).reshape(4, 5, 1)
    sequences = read(times)
    with pytest.warns(UserWarning, match=r"Channel 0 of X varies by .*Subtract an offset"):
        statistics = channel_statistics(
            sequences, canonical_rows(Inputs(sequences), np.arange(4), np.ones(4))
        )
    assert statistics.scale == pytest.approx(128 * np.arange(20).std(), rel=0.01)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6])
def test_constant_and_all_missing_channels_keep_scale_one(constant):
    sequences = read(np.dstack([np.full((5, 4), constant), np.full((5, 4), np.nan)]))
    statistics = channel_statistics(
        sequences, canonical_rows(Inputs(sequences), np.arange(5), np.ones(5))
    )
    assert statistics.scale.tolist() == [1, 1]
    assert np.isfinite(statistics.mean).all()


# -- batches --------------------------------------------------------------------------------------


def test_gather_gives_the_sequences_and_repeats_their_last_step():
    X, _ = make_sequences()
    batch = DeviceInputs(Inputs(read(X))).gather(np.array([5, 0, 7]))
    for b, row in enumerate([5, 0, 7]):
        length = int(batch.lengths[b])
        np.testing.assert_array_equal(batch.values[b, :length], X[row])
        assert (batch.values[b, length:].numpy() == X[row][-1]).all()


def test_read_only_values_are_left_alone(recwarn):
    X = np.zeros((2, 3, 1), dtype=np.float32)
    X.flags.writeable = False
    DeviceInputs(Inputs(read(X)))
    assert not recwarn.list


def test_rounded_lengths_are_few_and_hardly_longer():
    lengths = np.arange(1, 5000)
    rounded = np.array([rounded_length(int(n)) for n in lengths])
    assert (rounded >= lengths).all()
    assert (rounded <= lengths * (1 + 1 / 32)).all()
    assert (rounded == lengths)[:64].all()
    assert len(set(rounded)) < 300


def test_shuffled_batches_draw_every_row_once_with_like_lengths():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 400, size=2048)
    order = generator(0)
    batches = list(shuffled_batches(np.arange(2048), lengths, 32, order))
    assert sorted(np.concatenate(batches)) == list(range(2048))
    assert all(len(batch) == 32 for batch in batches)
    padded = sum(lengths[batch].max() * len(batch) for batch in batches)
    assert lengths.sum() / padded > 0.9
    first = [tuple(batch) for batch in batches]
    assert first != [tuple(b) for b in shuffled_batches(np.arange(2048), lengths, 32, order)]
    assert first == [tuple(b) for b in shuffled_batches(np.arange(2048), lengths, 32, generator(0))]


def test_shuffled_batches_have_the_number_of_updates_of_plain_batches():
    for n in (1, 31, 32, 33, POOL_BATCHES * 32 + 1):
        batches = list(shuffled_batches(np.arange(n), np.ones(n, int), 32, generator(0)))
        assert len(batches) == -(-n // 32)


@pytest.mark.parametrize("batch_steps", [300, 4000, 10**6])
def test_batches_of_steps_draw_every_row_once_with_like_lengths_and_about_as_many_steps(
    batch_steps,
):
    rng = np.random.default_rng(0)
    lengths = np.exp(rng.normal(4, 1, size=3000)).astype(int)  # 1 to some 2,000
    order, n_batches = generator(0), n_batches_of_steps(lengths, batch_steps)
    assert lengths.max() > 300
    epochs = [list(batches_of_steps(np.arange(3000), lengths, batch_steps, order)) for _ in "abcd"]
    for batches in epochs:
        assert sorted(np.concatenate(batches)) == list(range(3000))
        assert len(batches) == n_batches
        assert all((np.diff(lengths[batch]) >= 0).all() for batch in batches)
        steps = [lengths[batch].clip(1, batch_steps).sum() for batch in batches]
        share = sum(steps) / n_batches
        assert batch_steps <= share < 2 * batch_steps or n_batches == 1
        assert max(abs(n - share) for n in steps) <= min(batch_steps, lengths.max())
        padded = sum(lengths[batch].max() * len(batch) for batch in batches)
        assert lengths.sum() / padded > 0.8 or n_batches == 1
    assert [tuple(b) for b in epochs[0]] != [tuple(b) for b in epochs[1]]
    again = batches_of_steps(np.arange(3000), lengths, batch_steps, generator(0))
    assert [tuple(b) for b in epochs[0]] == [tuple(b) for b in again]


@pytest.mark.parametrize("seed", range(50))
def test_batches_of_steps_are_as_many_in_each_epoch_whatever_the_lengths(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    lengths = rng.integers(0, rng.integers(1, 200) + 1, size=n)
    batch_steps = int(rng.integers(1, 150))
    for epoch in range(5):
        batches = list(batches_of_steps(np.arange(n), lengths, batch_steps, generator(epoch)))
        assert len(batches) == n_batches_of_steps(lengths, batch_steps)
        assert sorted(np.concatenate(batches)) == list(range(n))


def test_ordered_batches_hold_every_row_within_the_budget():
    lengths = np.random.default_rng(0).integers(1, 300, size=500)
    batches = list(ordered_batches(lengths, max_steps=1000))
    assert sorted(np.concatenate(batches)) == list(range(500))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * rounded_length(lengths[batch].max()) <= 1000


# -- targets --------------------------------------------------------------------------------------


def test_masked_numbers_are_missing():
    masked = np.ma.masked_equal([[1.0, 2.0], [2.0, 3.0]], 2.0)
    np.testing.assert_array_equal(read([masked, masked]).values, [[1, np.nan], [np.nan, 3]] * 2)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["b", "a", "b"]),
        np.array(["b", "a", "b"], dtype=object),
        np.array([True, False, True]),
        np.array([-1, 7, -1]),
        np.array([2.0, 1.0, 2.0]),
        pd.Series(["b", "a", "b"], dtype="category").to_numpy(),
    ],
)
def test_class_target_decodes_what_it_encoded(labels):
    labels = ClassTarget.check(labels)
    target = ClassTarget.from_y(labels)
    encoded = target.encode(target.read(labels))
    decoded = target.decode(np.eye(2)[encoded])
    assert decoded.dtype == labels.dtype
    np.testing.assert_array_equal(decoded, labels)


@pytest.mark.parametrize(("values", "kind"), [([1, 0], "i"), ([True, False], "b")])
def test_labels_that_are_objects_are_brought_to_their_type(values, kind):
    checked = ClassTarget.check(np.array(values, dtype=object))
    assert checked.dtype.kind == kind
    assert checked.tolist() == values


def test_class_target_starts_at_the_log_shares():
    target = ClassTarget.from_y(np.array([0, 1, 2]))
    target.fit(np.array([0, 0, 0, 1]), np.ones(4))
    np.testing.assert_allclose(np.exp(target.initial_outputs), [3 / 4.5, 1 / 4.5, 0.5 / 4.5])


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 3)])
def test_number_target_decodes_what_it_encoded(shape):
    y = NumberTarget.check(np.random.default_rng(0).normal(1e4, 5, size=shape))
    target = NumberTarget.from_y(y)
    numbers = target.read(y)
    target.fit(numbers, np.ones(50))
    encoded = target.encode(numbers)
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(encoded.std(axis=0), 1, atol=1e-5)
    decoded = target.decode(encoded)
    assert decoded.shape == shape
    assert decoded.dtype == np.float64
    np.testing.assert_allclose(decoded, y, atol=1e-5)


def test_number_target_keeps_a_constant():
    target = NumberTarget.from_y(np.full(4, 3.0))
    target.fit(target.read(np.full(4, 3.0)), np.ones(4))
    np.testing.assert_allclose(target.decode(np.zeros((4, 1))), 3.0)
    assert target.scale == 1

"""Columns of sequences in Arrow and in frames hold the numbers of the list of arrays they hold."""

import decimal
import tracemalloc
import warnings
from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklearn_rnn import RNNClassifier
from sklearn_rnn.data.frames import Columns, as_columns, read_columns
from sklearn_rnn.data.leaves import numbers_of
from sklearn_rnn.data.reading import as_container, read_sequences

SMALL = {"cell": "lstm", "hidden_size": 3, "max_epochs": 1, "device": "cpu", "random_state": 0}


def read(X):
    columns = as_columns(X)
    assert isinstance(columns, Columns)
    return read_columns(columns)[0].sequences


def assert_same(X, rows):
    """Assert that X is read as the list of arrays is."""
    result, expected = read(X), read_sequences(as_container(rows))
    assert result.values.dtype == np.float32
    assert result.offsets.dtype == np.int64
    np.testing.assert_array_equal(result.values, expected.values)
    np.testing.assert_array_equal(result.offsets, expected.offsets)


# -- types of Arrow -------------------------------------------------------------------------------

N_CHANNELS = 3
NUMBERS = {
    "float32": pa.float32(),
    "float64": pa.float64(),
    "float16": pa.float16(),
    "int8": pa.int8(),
    "int64": pa.int64(),
    "uint32": pa.uint32(),
    "decimal": pa.decimal128(9, 2),
}
STEPS = {
    "number": lambda number: number,
    "fixed_size_list": lambda number: pa.list_(number, N_CHANNELS),
    "list": pa.list_,
    "large_list": pa.large_list,
    "list_view": pa.list_view,
    "struct": lambda number: pa.struct([(f"field{i}", number) for i in range(N_CHANNELS)]),
    "struct-of-a-number-and-a-list": lambda number: pa.struct(
        [("a", number), ("b", pa.list_(number, N_CHANNELS - 1))]
    ),
}
SEQUENCES = {
    "list": pa.list_,
    "large_list": pa.large_list,
    "list_view": pa.list_view,
    "large_list_view": pa.large_list_view,
    "fixed_size_list": lambda step: pa.list_(step, 4),
}


def random_rows(rng, n_channels, equal_lengths, with_nulls, largest):
    """Return a list of (n_steps, n_channels) float64 arrays of whole numbers, nulls as NaN."""
    lengths = [4] * 7 if equal_lengths else rng.integers(1, 6, size=7)
    rows = [rng.integers(0, largest + 1, size=(n, n_channels)).astype(float) for n in lengths]
    if with_nulls:
        for row in rows[1:]:
            row[rng.random(len(row)) < 0.3] = np.nan
            row[rng.random(row.shape) < 0.2] = np.nan
    return rows


def cell(number, number_type):
    if np.isnan(number):
        return None
    if pa.types.is_floating(number_type):
        return np.float16(number) if pa.types.is_float16(number_type) else number
    convert = bool if pa.types.is_boolean(number_type) else int
    return decimal.Decimal(number) if pa.types.is_decimal(number_type) else convert(number)


def step(at, numbers, kind, number_type):
    """Return one step as Python holds it; nulls alone are one null at every other step."""
    cells = [cell(number, number_type) for number in numbers]
    if kind == "number":
        return cells[0]
    if cells == [None] * N_CHANNELS and at % 2:
        return None
    if kind == "struct":
        return {f"field{i}": number for i, number in enumerate(cells)}
    if kind == "struct-of-a-number-and-a-list":
        return {"a": cells[0], "b": None if cells[1:] == [None] * 2 else cells[1:]}
    return cells


def arrow_array(rows, sequence="list", kind="number", number="float32"):
    number_type = NUMBERS[number]
    arrow_type = SEQUENCES[sequence](STEPS[kind](number_type))
    nested = [[step(i, s, kind, number_type) for i, s in enumerate(row)] for row in rows]
    return pa.array(nested, arrow_type)


def sliced(array):
    """Return the same rows as a part of a longer array, with null rows around them."""
    around = pa.concat_arrays([array[:2], pa.nulls(3, array.type), array[1:4]])
    longer = pa.concat_arrays([around, array, around])
    return longer.slice(len(around), len(array))


def chunked(array):
    return pa.chunked_array([array[:0], array[:2], array[2:3], array[:0], sliced(array[3:])])


LAYOUTS = {"whole": lambda array: array, "sliced": sliced, "chunked": chunked}


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_every_type_is_read_as_the_list_of_arrays(sequence, kind):
    rng = np.random.default_rng(0)
    for number, layout, with_nulls in product(NUMBERS, LAYOUTS, [False, True]):
        n_channels = 1 if kind == "number" else N_CHANNELS
        largest = 1 if number == "bool" else 9
        rows = random_rows(rng, n_channels, "fixed" in sequence, with_nulls, largest)
        array = arrow_array(rows, sequence, kind, number)
        array.validate(full=True)
        assert_same(LAYOUTS[layout](array), rows)


def test_null_rows_of_fixed_size_hide_what_lies_under_them():
    inner = pa.FixedSizeListArray.from_arrays(
        pa.array([1.0, 2.0, 9.0, 9.0, 3.0, 4.0]), 2, mask=pa.array([False, True, False])
    )
    array = pa.ListArray.from_arrays([0, 2, 3], inner)
    assert_same(array, [np.array([[1, 2], [np.nan, np.nan]]), np.array([[3, 4]])])


def test_null_structs_hide_the_numbers_of_their_fields():
    struct = pa.StructArray.from_arrays(
        [pa.array([1.0, 9.0]), pa.array([2, 9])], ["a", "b"], mask=pa.array([False, True])
    )
    array = pa.ListArray.from_arrays([0, 1, 2], struct)
    assert_same(array, [np.array([[1, 2]]), np.array([[np.nan, np.nan]])])


def test_null_lists_hide_the_numbers_between_offsets():
    inner = pa.ListArray.from_arrays(
        [0, 2, 3, 5], pa.array([1.0, 2, 9, 3, 4]), mask=pa.array([False, True, False])
    )
    array = pa.ListArray.from_arrays([0, 3], inner)
    assert_same(array, [np.array([[1, 2], [np.nan, np.nan], [3, 4]])])


def test_sequences_of_nulls_alone_are_missing_numbers():
    assert_same(pa.array([[None, None], [None]]), [np.full(2, np.nan), np.full(1, np.nan)])


def test_more_steps_than_are_read_at_once_stay_in_their_places(monkeypatch):
    monkeypatch.setattr("sklearn_rnn.data.leaves._PIECE", 3)
    rows = random_rows(np.random.default_rng(1), N_CHANNELS, False, True, 9)
    for kind in ("fixed_size_list", "list", "struct"):
        assert_same(chunked(arrow_array(rows, "list", kind, "int64")), rows)


# -- memory ---------------------------------------------------------------------------------------


def a_million_steps(dtype, mask=None):
    numbers = np.random.default_rng(0).normal(size=1_000_000).astype(dtype)
    offsets = np.arange(0, 1_000_001, 50, dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(numbers, mask=mask))


def test_one_channel_of_float32_is_taken_from_arrow_without_a_copy():
    array = arrow_array(random_rows(np.random.default_rng(0), 1, False, False, 9))
    memory = np.frombuffer(array.values.buffers()[1], dtype=np.float32)
    table = pa.table({"signal": array})
    for X in (
        array,
        array[2:5],
        table,
        table.to_batches()[0],
        table.to_pandas(types_mapper=pd.ArrowDtype),
        pd.Series(array, dtype=pd.ArrowDtype(array.type)),
    ):
        assert np.shares_memory(read(X).values, memory), type(X)
    assert_same(array[2:5], [np.array(row) for row in array[2:5].to_pylist()])


def test_one_channel_of_polars_is_taken_without_a_copy():
    frame = pl.DataFrame({"signal": [[1.0, 2.0], [3.0]]}, schema={"signal": pl.List(pl.Float32)})
    assert np.shares_memory(read(frame).values, read(frame["signal"]).values)


@pytest.mark.parametrize("kind", ["fixed_size_list", "list"])
def test_several_channels_that_lie_step_by_step_are_taken_without_a_copy(kind):
    array = arrow_array(
        random_rows(np.random.default_rng(0), N_CHANNELS, False, False, 9), kind=kind
    )
    memory = np.frombuffer(array.flatten().flatten().buffers()[1], dtype=np.float32)
    assert np.shares_memory(read(array).values, memory)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("n_columns", [1, 2])
def test_reading_takes_little_memory_besides_the_numbers(dtype, n_columns):
    array = a_million_steps(dtype)
    table = pa.table([array] * n_columns, names=["a", "b"][:n_columns])
    arrow_before = pa.total_allocated_bytes()
    tracemalloc.start()
    sequences = read(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * sequences.values.nbytes
    assert pa.total_allocated_bytes() - arrow_before < 0.1 * sequences.values.nbytes


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_never_become_python_objects(number):
    array = arrow_array([np.array([[1.0], [np.nan]])], number=number).flatten()
    for part in (array, array[:1], array[1:], array[:0]):
        assert numbers_of(part).dtype.kind in "iuf"


def test_reading_makes_no_python_object_a_number():
    for dtype, mask in ((np.float32, None), (np.int64, np.arange(1_000_000) % 7 == 0)):
        array = a_million_steps(dtype, mask)
        tracemalloc.start()
        read(array)
        n_blocks = sum(s.count for s in tracemalloc.take_snapshot().statistics("filename"))
        tracemalloc.stop()
        assert n_blocks < 1000


# -- holders --------------------------------------------------------------------------------------


class Stream:
    """Holds a table, and offers nothing but Arrow's protocol."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


FRAMES = {
    "pyarrow": lambda table: table,
    "pyarrow-in-chunks": lambda table: pa.concat_tables([table[:3], table[3:3], table[3:]]),
    "batch": lambda table: table.to_batches()[0],
    "struct": lambda table: table.to_struct_array(),
    "reader": lambda table: table.to_reader(),
    "stream": Stream,
    "pandas": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "pandas-in-chunks": lambda table: pd.concat(
        [part.to_pandas(types_mapper=pd.ArrowDtype) for part in (table[:3], table[3:])]
    ),
    "pandas-objects": lambda table: table.to_pandas(),
    "polars": pl.from_arrow,
    "polars-in-chunks": lambda table: pl.concat(
        [pl.from_arrow(table[:3]), pl.from_arrow(table[3:])], rechunk=False
    ),
}


def two_columns(rng, kind="number", number="float64"):
    """Return a table of the columns "a" and "b", and the rows of both side by side."""
    n_channels = 1 if kind == "number" else N_CHANNELS
    rows = random_rows(rng, n_channels + 1, False, False, 9)
    a = arrow_array([row[:, :n_channels] for row in rows], kind=kind, number=number)
    b = arrow_array([row[:, n_channels:] for row in rows], "large_list", number="int64")
    return pa.table({"a": a, "b": b}), rows


@pytest.mark.parametrize("kind", ["number", "list", "fixed_size_list", "struct"])
@pytest.mark.parametrize("form", FRAMES)
def test_columns_stand_side_by_side_in_every_frame(form, kind):
    table, rows = two_columns(np.random.default_rng(0), kind)
    assert_same(FRAMES[form](table), rows)
    assert as_columns(FRAMES[form](table)).names == ["a", "b"]


@pytest.mark.parametrize("rows", [list, np.ndarray.tolist, np.ndarray.copy])
def test_objects_of_pandas_may_be_arrays_and_lists(rows):
    X = random_rows(np.random.default_rng(0), 2, False, True, 9)
    frame = pd.DataFrame({"a": [rows(x) for x in X], "b": [rows(x[:, 0]) for x in X]})
    assert_same(frame, [np.column_stack([x, x[:, 0]]) for x in X])


def test_a_null_number_in_a_list_of_pandas_is_missing():
    assert_same(pd.DataFrame({"a": [[1.0, None], [2.0]]}), [np.array([1, np.nan]), np.array([2])])


def test_a_column_alone_is_read_as_a_list_of_its_rows():
    rows = random_rows(np.random.default_rng(0), 1, False, True, 9)
    array = arrow_array(rows, number="int64")
    for X in (
        array,
        pa.chunked_array([array[:3], array[3:]]),
        pd.Series(array, dtype=pd.ArrowDtype(array.type), index=range(7, 7 + len(array))),
        pl.Series("signal", array),
        Stream(pa.chunked_array([array])),
    ):
        assert_same(X, rows)
        assert as_columns(X).names is None


@pytest.mark.parametrize(
    "X",
    [
        [[1.0, 2.0], [3.0, 4.0]],
        np.zeros((2, 3)),
        pd.DataFrame({"a": [1.0, 2.0], "b": pd.Categorical(["x", "y"])}),
        pd.DataFrame({"a": pd.array([1, None], dtype=pd.ArrowDtype(pa.int64()))}),
        pd.Series([1.0, 2.0]),
        pd.Series([np.zeros(2), np.zeros(3)]),
        pd.Series([1, 2], dtype=pd.ArrowDtype(pa.int64())),
        pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}),
        pl.Series([1.0, 2.0]),
        pa.table({"a": [1.0, 2.0]}),
        pa.record_batch({"a": [1.0, 2.0]}),
        pa.array([1.0, 2.0]),
        3.0,
    ],
    ids=lambda X: f"{type(X).__module__}.{type(X).__name__}",
)
def test_what_has_no_list_column_is_left_to_others(X):
    assert as_columns(X) is X


def test_a_stream_of_single_numbers_is_a_table():
    table = pa.table({"a": np.arange(4.0), "b": np.arange(4.0) ** 2})
    model = RNNClassifier(**SMALL).fit(table.to_pandas(), [0, 1, 0, 1])
    assert model.n_features_in_ == 2
    probabilities = model.predict_proba(table.to_pandas())
    for X in (Stream(table), table.to_reader(), table.to_struct_array()):
        np.testing.assert_array_equal(model.predict_proba(X), probabilities)


# -- estimators -----------------------------------------------------------------------------------

TABLE, ROWS = two_columns(np.random.default_rng(0))
LABELS = np.arange(len(ROWS)) % 2


@pytest.fixture(scope="module")
def fitted():
    return RNNClassifier(**SMALL).fit(TABLE, LABELS)


@pytest.mark.parametrize("form", FRAMES)
def test_a_frame_is_known_by_the_names_of_its_columns(form, fitted):
    model = RNNClassifier(**SMALL).fit(FRAMES[form](TABLE), LABELS)
    assert model.n_features_in_ == 2
    assert model.feature_names_in_.tolist() == ["a", "b"]
    expected = fitted.predict_proba(ROWS)
    np.testing.assert_array_equal(model.predict_proba(ROWS), expected)
    np.testing.assert_array_equal(fitted.predict_proba(FRAMES[form](TABLE)), expected)


@pytest.mark.parametrize("form", FRAMES)
def test_columns_are_found_by_name_in_any_order(form, fitted):
    turned = FRAMES[form](TABLE.select(["b", "a"]))
    np.testing.assert_array_equal(fitted.predict_proba(turned), fitted.predict_proba(TABLE))


def test_columns_without_text_as_names_are_taken_by_place():
    frame = FRAMES["pandas"](TABLE).set_axis([0, 1], axis=1)
    model = RNNClassifier(**SMALL).fit(frame, LABELS)
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 2
    np.testing.assert_array_equal(
        model.predict_proba(frame.set_axis([5, 6], axis=1)), model.predict_proba(ROWS)
    )


def test_a_frame_may_be_predicted_by_a_model_fitted_on_a_list(fitted):
    model = RNNClassifier(**SMALL).fit(ROWS, LABELS)
    assert not hasattr(model, "feature_names_in_")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(model.predict_proba(TABLE), fitted.predict_proba(TABLE))


def test_validation_data_and_further_training_find_columns_by_name(fitted):
    turned = TABLE.select(["b", "a"])
    model = RNNClassifier(**SMALL, warm_start=True)
    model.fit(TABLE, LABELS, turned, LABELS).fit(turned, LABELS)
    expected = RNNClassifier(**SMALL, warm_start=True)
    expected.fit(ROWS, LABELS, ROWS, LABELS).fit(ROWS, LABELS)
    np.testing.assert_array_equal(model.predict_proba(TABLE), expected.predict_proba(ROWS))


def test_a_column_alone_counts_its_channels_as_features():
    rows = random_rows(np.random.default_rng(0), N_CHANNELS, False, False, 9)
    array = arrow_array(rows, kind="fixed_size_list")
    model = RNNClassifier(**SMALL).fit(array, LABELS)
    assert model.n_features_in_ == N_CHANNELS
    assert not hasattr(model, "feature_names_in_")
    np.testing.assert_array_equal(model.predict_proba(array), model.predict_proba(rows))


def test_fitting_anew_on_another_form_forgets_the_names(fitted):
    model = RNNClassifier(**SMALL).fit(TABLE, LABELS).fit(ROWS, LABELS)
    assert not hasattr(model, "feature_names_in_")
    model.fit(np.zeros((7, 5)) + np.arange(5), LABELS)
    assert model.n_features_in_ == 5


def test_training_leaves_the_memory_of_arrow_as_it_was():
    array = arrow_array(random_rows(np.random.default_rng(0), 1, False, False, 9))
    before = array.values.to_numpy().copy()
    RNNClassifier(**SMALL).fit(array, LABELS).predict(array[:1])
    np.testing.assert_array_equal(array.values.to_numpy(), before)

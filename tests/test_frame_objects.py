"""What pandas holds as objects is what Arrow holds; equal values are equal whatever their bits."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklearn_rnn import RNNRegressor
from sklearn_rnn.data.frames import as_columns, read_columns

N = 12
Y = np.arange(N) * 1.0
NUMBERS = [[float(i), 1.0] for i in range(N)]


def model(**params):
    settings = {"hidden_size": 4, "max_epochs": 2, "device": "cpu", "random_state": 0}
    return RNNRegressor(**settings | params)


def read(X):
    return read_columns(as_columns(X))[0]


def assert_fit_alike(a, b, y=Y):
    np.testing.assert_array_equal(model().fit(a, y).predict(a), model().fit(b, y).predict(b))


# -- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["m8", "M8"])
def test_cells_of_several_units_are_read_each_by_its_own(kind):
    cells = [
        np.array([1, 2], f"{kind}[s]") if i % 2 else np.array([1500, 2500], f"{kind}[ms]")
        for i in range(N)
    ]
    expected = pa.table({"t": [cell.astype(f"{kind}[us]") for cell in cells]})
    values = read(pd.DataFrame({"t": cells})).sequences.values
    np.testing.assert_array_equal(values, read(expected).sequences.values)
    single = pd.Series([cell[0] for cell in cells], dtype=object)
    if kind == "M8":
        static = read(pd.DataFrame({"x": NUMBERS, "t": single})).static.values
        np.testing.assert_allclose(static[:2, 0] * 86400, [1.5, 1], rtol=1e-3)


def test_dates_among_times_leave_the_time_of_day():
    days = pd.Series([dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 18)] * 6, dtype=object)
    static = read(pd.DataFrame({"x": NUMBERS, "s": days})).static.values
    np.testing.assert_array_equal(static[:2, 0], [18262, 18262.75])
    steps = [
        [dt.date(2020, 1, 1), dt.date(2020, 1, 3)]
        if i % 2
        else [dt.datetime(2020, 1, 1, 6), dt.datetime(2020, 1, 1, 18)]
        for i in range(N)
    ]
    hours = [[0, 48] if i % 2 else [6, 18] for i in range(N)]
    expected = pa.table(
        {"t": pa.array([[h * 3600 for h in row] for row in hours], pa.list_(pa.timestamp("s")))}
    )
    for cells in (steps, [[{"at": t} for t in row] for row in steps]):
        values = read(pd.DataFrame({"t": cells})).sequences.values
        np.testing.assert_array_equal(values, read(expected).sequences.values)


# -- bits of numbers ------------------------------------------------------------------------------


def test_bits_of_nan_have_no_say():
    a = np.array([np.nan, 1.0] * 6)
    b = a.copy()
    b[::2] = -np.nan
    assert_fit_alike(pa.table({"x": NUMBERS, "s": a}), pa.table({"x": NUMBERS, "s": b}))
    assert_fit_alike(list(a[:, None]), list(b[:, None]))


def test_minus_zero_is_zero():
    a, b = np.zeros(N), np.array([-0.0, 0.0] * 6)
    assert_fit_alike(pa.table({"x": NUMBERS, "s": a}), pa.table({"x": NUMBERS, "s": b}))
    np.testing.assert_array_equal(
        model().fit(NUMBERS, a).predict(NUMBERS), model().fit(NUMBERS, b).predict(NUMBERS)
    )


def test_large_whole_numbers_are_rounded_alike_with_nulls_and_without():
    large = [2**60 + 2**36 + 1 + i * 2**45 for i in range(N)]
    whole = pa.table({"s": pa.array([None, *large[1:]], pa.int64()), "x": NUMBERS})
    chunked = pa.concat_tables([whole[:3], whole[3:]])
    np.testing.assert_array_equal(read(whole).static.values, read(chunked).static.values)
    rows = [np.array([n]) for n in large]
    with_none = [[n] if i else [n, None] for i, n in enumerate(large)]
    as_lists, as_arrays = (read(pd.DataFrame({"x": x})).sequences.values for x in (with_none, rows))
    np.testing.assert_array_equal(np.delete(as_lists, 1, axis=0), as_arrays)


# -- kinds are known from fit, and from the first value that is there -----------------------------

KINDS = {
    "words": pa.array(
        [["ab"[j % 2] for j in range(i % 4)] for i in range(N)], pa.list_(pa.string())
    ),
    "truth": pa.array([[j % 2 == 0 for j in range(i % 4)] for i in range(N)], pa.list_(pa.bool_())),
    "times": pa.array([list(range(i % 4)) for i in range(N)], pa.list_(pa.timestamp("us"))),
    "numbers": pa.array([[j * 1.0 for j in range(i % 4)] for i in range(N)]),
    "structs": pa.array([[{"a": 1.0, "b": "u"}] * (i % 4) for i in range(N)]),
    "vectors": pa.array([[[1.0, j] for j in range(i % 4)] for i in range(N)]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_tell_nothing_are_predicted_alone_as_in_company(kind):
    table = pa.table({"age": Y, "s": KINDS[kind]})
    frame = table.to_pandas()
    fitted = model().fit(table, Y)
    expected = fitted.predict(table)
    np.testing.assert_array_equal(fitted.predict(frame), expected)
    empty = frame[frame["s"].map(len) == 0]
    np.testing.assert_allclose(fitted.predict(empty[:1]), expected[:1], atol=1e-6)
    np.testing.assert_allclose(fitted.predict(empty), expected[::4], atol=1e-6)
    of_none = empty.assign(s=None)
    np.testing.assert_allclose(fitted.predict(of_none[:1]), expected[:1], atol=1e-6)
    in_fit = model().fit(frame, Y).predict(frame)
    np.testing.assert_array_equal(in_fit, expected)


@pytest.mark.parametrize("kind", ["words", "truth", "times", "numbers", "structs", "vectors"])
def test_steps_of_nulls_alone_are_missing_in_every_form(kind):
    table = pa.table({"age": Y, "s": KINDS[kind]})
    fitted = model().fit(table, Y)
    nulls = pa.table({"age": [1.0, 2.0], "s": pa.array([[None], [None, None]], table["s"].type)})
    expected = fitted.predict(nulls)
    objects = pd.DataFrame({"age": [1.0, 2.0], "s": [[None], [None, None]]})
    np.testing.assert_array_equal(fitted.predict(objects), expected)


@pytest.mark.parametrize("first", [[None, None], [np.nan, "a"], [None, "a"], [], [pd.NA, "a"]])
def test_words_are_known_by_the_first_that_is_there(first):
    rows = [first, ["a"], ["b", "a"]] * 4
    clean = [[None if pd.isna(w) else w for w in row] for row in rows]
    table = pa.table({"age": Y, "w": pa.array(clean, pa.list_(pa.string()))})
    frame = pd.DataFrame({"age": Y, "w": rows})
    assert_fit_alike(table, frame)


@pytest.mark.parametrize("hold", [lambda t: t.to_pandas(), lambda t: pd.DataFrame(t.to_pydict())])
def test_steps_without_a_vector_are_missing(hold):
    rows = [[[1.0, 2.0]], [[3.0, 4.0], None], [None]] * 4
    table = pa.table({"v": rows})
    assert_fit_alike(table, hold(table))


def test_columns_without_texts_as_names_are_found_by_name():
    frame = pd.DataFrame({0: NUMBERS, 1: [[2.0 - i, 0.0] for i in range(N)]})
    fitted = model().fit(frame, Y)
    np.testing.assert_array_equal(fitted.predict(frame[[1, 0]]), fitted.predict(frame))


# -- what can't be read, and what can -------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "match"),
    [
        (pd.cut(np.arange(N), 3), r"Column 's' of X holds dictionary<.*by \.astype\(str\)"),
        (pd.Categorical([(1, 2), (3, 4)] * 6), r"Column 's' of X (holds dictionary|can't be read)"),
    ],
    ids=["intervals", "tuples"],
)
def test_categories_of_other_types_are_refused(column, match):
    with pytest.raises(TypeError, match=match):
        model().fit(pd.DataFrame({"x": NUMBERS, "s": column}), Y)


def test_lazy_frames_and_types_that_arrow_lacks_are_refused():
    with pytest.raises(TypeError, match=r"X is a LazyFrame\. Call '\.collect\(\)'"):
        model().fit(pl.LazyFrame({"x": NUMBERS}), Y)
    frame = pl.DataFrame({"x": NUMBERS, "s": pl.Series(range(N), dtype=pl.Int128)})
    with pytest.raises(TypeError, match=r"X has a column of a type that Arrow lacks .*Int128"):
        model().fit(frame, Y)


@pytest.mark.parametrize(
    "values",
    [[Decimal("1.5"), 2.5] * 6, [2**53 + 1, 2.5] * 6, pd.arrays.SparseArray([0.0, 1.0] * 6)],
    ids=["decimals and floats", "large and floats", "sparse"],
)
def test_single_numbers_of_several_types_are_numbers(values):
    column = (
        values if isinstance(values, pd.arrays.SparseArray) else pd.Series(values, dtype=object)
    )
    static = read(pd.DataFrame({"x": NUMBERS, "s": column})).static.values
    np.testing.assert_allclose(static[:2, 0], np.array([float(v) for v in values[:2]]), rtol=1e-6)

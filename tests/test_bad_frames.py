"""Bad frames and texts: errors that name row and column, or right results; a second at most.

Frames of numbers alone are in ``test_bad_input.py``.
"""

import datetime
from copy import deepcopy
from time import perf_counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklearn_rnn import RNNClassifier

SMALL = {"hidden_size": 4, "max_epochs": 1, "device": "cpu", "random_state": 0}
N = 12
LENGTHS = [2 + i % 4 for i in range(N)]
Y = [0, 1] * 6
NUMBERS = [[0.5 * i + k for k in range(n)] for i, n in enumerate(LENGTHS)]
WORDS = [list("abcde")[:n] for n in LENGTHS]
TIMES = [[datetime.datetime(2020, 1, 1 + k) for k in range(n)] for n in LENGTHS]
AGES = [40.0 + 3 * i for i in range(N)]
CITIES = ["Rome", "Oslo"] * 6
GOOD = pa.table({"x": NUMBERS, "w": WORDS, "t": TIMES, "age": AGES, "city": CITIES})


def steps(value):
    """Return a list column of one value."""
    return [[value] * n for n in LENGTHS]


def but(rows, row, value):
    """Return the rows with one replaced."""
    return [*rows[:row], value, *rows[row + 1 :]]


def good_but(name, column):
    """Return the good table with one column replaced."""
    return GOOD.set_column(GOOD.column_names.index(name), name, pa.array(column))


def beside(column):
    """Return a pandas frame with a static column."""
    return pd.DataFrame({"x": NUMBERS, "s": column})


def struct(names):
    fields = pa.StructArray.from_arrays([pa.array(AGES)] * len(names), names=names)
    return pa.table({"s": pa.ListArray.from_arrays(pa.array(range(N + 1), pa.int32()), fields)})


UTC, TOKYO = pd.Timestamp("2020", tz="UTC"), pd.Timestamp("2020", tz="Asia/Tokyo")
LACKS_COLUMNS = r"X lacks the columns beside the sequences .*column 'age' of X, column 'city' of X"

# fmt: off
BAD = {
    "steps-of-unequal-number": (pa.table({"x": NUMBERS, "w": but(WORDS, 3, ["a"])}), ValueError,
        r"Row 3 of X has 5 step\(s\) in column 'x', but 1 in column 'w'.*fill up with nulls"),
    "steps-of-unequal-number-beside": (
        pd.DataFrame({"x": NUMBERS, "w": but(WORDS, 3, ["a"]), "age": AGES}), ValueError,
        r"Row 3 of X has 5 step\(s\) in column 'x', but 1 in column 'w'"),
    "null-beside-steps": (pa.table({"x": NUMBERS, "w": but(WORDS, 3, None), "age": AGES}),
        ValueError, r"Row 3 of X has 5 step\(s\) in column 'x', but 0 in column 'w'"),
    "inner-lists-of-unequal-length": (
        pa.table({"x": but(steps([1.0, 2.0]), 2, [[1.0, 2.0], [1.0]])}), ValueError,
        r"Row 2, step 1 of column 'x' of X has 1 channel\(s\), but the first step has 2"),
    "null-row": (pa.table({"w": but(WORDS, 4, None)}), ValueError,
        r"Row 4 of column 'w' of X has no sequence, it is null .*Drop these rows"),
    "null-row-of-objects": (pd.DataFrame({"w": but(WORDS, 4, None)}), ValueError,
        r"Row 4 of column 'w' of X has no sequence"),
    "row-without-steps": (pa.table({"w": but(WORDS, 4, [])}), ValueError,
        r"Row 4 of X is a sequence of 0 steps"),
    "all-rows-without-steps": (pa.table({"w": pa.array([[]] * N, pa.list_(pa.string()))}),
        ValueError, r"Row 0 of X is a sequence of 0 steps \(12 such"),
    "static-of-mixed-types": (beside(but(CITIES, 5, 3)), TypeError,
        r"Row 5 of column 's' of X can't be read: .*values of one type"),
    "static-categories-of-mixed-types": (beside(pd.Categorical([1, "a"] * 6)), TypeError,
        r"Row 1 of column 's' of X can't be read: .*values of one type"),
    "words-of-mixed-types": (pd.DataFrame({"w": but(WORDS, 5, ["a", 3])}), TypeError,
        r"Row 5, step 1 of column 'w' of X must be a text, as the first token is\. Got 3"),
    "numbers-and-words": (pd.DataFrame({"x": but(NUMBERS, 5, ["a", "b", "c"])}), TypeError,
        r"Row 5 of column 'x' of X must hold numbers"),
    "single-value-among-lists": (pd.DataFrame({"x": but(NUMBERS, 4, 3.0)}), TypeError,
        r"Row 4 of column 'x' of X holds a single value .*Got 3\.0; put it into a list"),
    "text-among-lists": (pd.DataFrame({"w": but(WORDS, 4, "abcd")}), TypeError,
        r"Row 4 of column 'w' of X must be a list of texts\. Got 'abcd'"),
    "static-bytes": (pa.table({"x": NUMBERS, "s": [b"a"] * N}), TypeError,
        r"Column 's' of X holds binary, which can't be read\. Give numbers, texts"),
    "static-time-of-day": (pa.table({"x": NUMBERS, "s": pa.array([1] * N, pa.time32("s"))}),
        TypeError, r"Column 's' of X holds time32\[s\], .*seconds since midnight"),
    "time-of-day": (pa.table({"s": pa.array(steps(1), pa.list_(pa.time32("s")))}),
        TypeError, r"Column 's' of X holds lists of time32\[s\], .*seconds since midnight"),
    "lists-of-words-at-each-step": (pa.table({"w": steps(["a"])}), TypeError,
        r"Column 'w' of X holds lists of list<.*string>, .*one list of texts a row"),
    "static-complex": (beside(np.ones(N) * 1j), TypeError,
        r"Row 0 of column 's' of X can't be read"),
    "static-periods": (beside(pd.period_range("2020", periods=N, freq="M")), TypeError,
        r"Column 's' of X holds extension<pandas\.period.*can't be read"),
    "static-intervals": (beside(pd.interval_range(0, N)), TypeError,
        r"Column 's' of X holds extension<pandas\.interval.*can't be read"),
    "static-objects": (beside([object()] * N), TypeError, r"Row 0 of column 's' of X can't be"),
    "static-objects-of-polars": (pl.DataFrame({"x": NUMBERS, "s": [object()] * N}), TypeError,
        r"Column 's' of X holds fixed_size_binary\[8\], which can't be read"),
    "objects": (pd.DataFrame({"x": [[object()]] * N}), TypeError, r"Row 0 of column 'x' of X"),
    "static-number-too-large": (beside(pd.Series([10**400] * N, dtype=object)), TypeError,
        r"Row 0 of column 's' of X can't be read: .*too large"),
    "number-too-large": (pd.DataFrame({"x": [[10**40] * n for n in LENGTHS]}), ValueError,
        r"too large for dtype\('float32'\): row 0, step 0, channel 0 \(column 'x' of X\)"),
    "infinite-static": (pa.table({"x": NUMBERS, "s": but(AGES, 3, float("inf"))}), ValueError,
        r"Row 3 of column 's' of X is infinite or too large .*null if it is missing"),
    "infinite-beside": (pa.table({"x": but(NUMBERS, 3, [np.inf] * 5), "age": AGES}), ValueError,
        r"X contains infinity .*row 3, step 0, channel 0 \(column 'x' of X\)"),
    "structs-without-fields": (pa.table({"s": steps({})}), ValueError,
        r"Column 's' of X holds structs without fields\. Leave it out"),
    "structs-of-one-name": (struct(["a", "a"]), ValueError,
        r"Column 's' of X has more than one field named 'a'"),
    "static-name-twice": (pa.table([NUMBERS, AGES, AGES], names=["x", "age", "age"]), ValueError,
        r"X has more than one column named 'age'"),
    "no-sequence-pandas": (pd.DataFrame({"city": CITIES, "age": AGES}), TypeError,
        r"Column 'city' of X must hold numbers\. Got 'Rome'.*no list column.*pass the column"),
    "no-sequence-polars": (pl.DataFrame({"city": CITIES}), TypeError,
        r"Column 'city' of X must hold numbers\. .*no list column"),
    "maps": (pa.table({"s": pa.array([[("a", 1.0)]] * N, pa.map_(pa.string(), pa.float64()))}),
        TypeError, r"Column 's' of X holds sequences as map.*can't be read"),
    "no-rows": (GOOD[:0], ValueError, r"Found array with 0 sample"),
    "lists-of-mixed-entries": ([["a", "b"], ["c", 3]] * 6, TypeError,
        r"Row 1, step 1 of X must be a text, as the first token is\. Got 3"),
    "texts-and-numbers": (["ab", 3] * 6, TypeError, r"Row 1 of X must be a text.*Got 3"),
    "texts-and-lists": (["ab", ["a"]] * 6, TypeError, r"Row 1 of X must be a text.*Got \['a'\]"),
    "lists-and-texts": ([["a"], "ab"] * 6, TypeError, r"Row 1 of X must be a list of texts"),
    "missing-text": (["ab", None] * 6, ValueError, r"Row 1 of X has no sequence, it is null"),
    "empty-text": (["ab", ""] * 6, ValueError, r"Row 1 of X is a sequence of 0 steps \(6 such"),
    "texts-all-empty": ([""] * N, ValueError, r"Row 0 of X is a sequence of 0 steps \(12 such"),
    "bytes": ([b"ab"] * N, TypeError, r"Row 0 of X must be an array .*Got bytes"),
    "table-of-texts": (np.array([["a", "b"]] * N, dtype=object), TypeError,
        r"Row 0 of X must hold numbers\. Got 'a'"),
}
BAD_LATER = {
    "static-column-missing": (GOOD.drop(["age"]), ValueError, "(?s)now missing:.*- age"),
    "list-column-missing": (GOOD.drop(["w"]), ValueError, "(?s)now missing:.*- w"),
    "column-too-many": (GOOD.append_column("z", pa.array(AGES)), ValueError, "(?s)unseen.*- z"),
    "numbers-for-words": (good_but("w", NUMBERS), TypeError,
        r"Column 'w' of X holds numbers, but held categories in fit"),
    "words-for-numbers": (good_but("x", WORDS), TypeError,
        r"Column 'x' of X holds categories, but held numbers in fit"),
    "truth-values-for-numbers": (good_but("x", steps(True)), TypeError,
        r"Column 'x' of X holds categories, but held numbers in fit"),
    "numbers-for-times": (good_but("t", NUMBERS), TypeError,
        r"Column 't' of X holds numbers, but held times in fit"),
    "texts-for-times": (good_but("t", WORDS), TypeError,
        r"Column 't' of X holds categories, but held times in fit"),
    "text-for-a-static-number": (good_but("age", CITIES), TypeError,
        r"Column 'age' of X holds categories, but held numbers in fit"),
    "number-for-a-static-text": (good_but("city", AGES), TypeError,
        r"Column 'city' of X holds numbers, but held categories in fit"),
    "categories-of-another-type": (
        GOOD.set_column(4, "city", pa.array([1, 2] * 6).dictionary_encode()), TypeError,
        r"Column 'city' of X holds categories of type int64, but large_string in fit"),
    "vectors-for-numbers": (good_but("x", steps([1.0, 2.0])), ValueError,
        r"Column 'x' of X has 2 channel\(s\), but had 1 in fit"),
    "sequences-for-single-values": (good_but("age", NUMBERS), TypeError,
        r"Column 'age' of X holds sequences, but held single values in fit"),
    "single-values-for-sequences": (good_but("x", AGES), TypeError,
        r"Column 'x' of X holds single values, but held sequences in fit"),
    "arrays": ([np.ones((3, 1))] * N, ValueError, LACKS_COLUMNS),
    "cube": (np.ones((N, 3, 2)), ValueError, LACKS_COLUMNS),
    "texts": (["abc"] * N, ValueError, LACKS_COLUMNS),
}
# fmt: on


def refused(call, X, error, match):
    before = deepcopy(X) if not isinstance(X, pa.Table) else X
    start = perf_counter()
    with pytest.raises(error, match=match):
        call(X)
    assert perf_counter() - start < 1
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(X, before)


@pytest.fixture(scope="module")
def fitted():
    return RNNClassifier(**SMALL).fit(GOOD, Y)


@pytest.mark.parametrize("name", BAD)
def test_bad_frame_is_refused_naming_row_and_column(name, fitted):
    model = RNNClassifier(**SMALL)
    refused(lambda X: model.fit(X, Y[: len(X)]), *BAD[name])
    assert not hasattr(model, "net_")


@pytest.mark.parametrize("name", BAD_LATER)
def test_frame_unlike_that_of_fit_is_refused(name, fitted):
    refused(fitted.predict, *BAD_LATER[name])


def test_what_texts_were_learned_is_asked_for_later():
    model = RNNClassifier(**SMALL).fit(["abc", "b"] * 6, Y)
    with pytest.raises(TypeError, match=r"X holds numbers alone, but .* with categories in X"):
        model.predict([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"X has columns of single values .* Leave them out"):
        model.predict(GOOD)
    with pytest.raises(ValueError, match=r"Unknown: field 'a' of X, field 'b' of X. Missing: X\."):
        model.predict(pa.array([[{"a": "x", "b": "y"}]]))
    numeric = RNNClassifier(**SMALL).fit(NUMBERS, Y)
    with pytest.raises(TypeError, match="X holds categories, but held numbers in fit"):
        numeric.predict(["abc"])


ODD_BUT_GOOD = {
    "static-all-null": pa.table({"x": NUMBERS, "s": pa.nulls(N)}),
    "steps-all-null": pa.table({"x": NUMBERS, "s": pa.array(steps(None))}),
    "vectors-all-null": pa.table(
        {"x": NUMBERS, "s": pa.array(steps(None), pa.list_(pa.list_(pa.float64())))}
    ),
    "static-structs": pa.table({"x": NUMBERS, "s": [{"a": 1.0, "b": "u"}] * N}),
    "zones-mixed": pd.DataFrame({"t": but([[UTC]] * N, 3, [TOKYO])}),
    "zones-mixed-beside": beside(but([UTC] * N, 3, TOKYO)),
    "categories-of-floats": beside(pd.Categorical([1.5, 2.5] * 6)),
    "columns-of-two-levels": pd.DataFrame({("a", "x"): NUMBERS, ("b", "y"): AGES}),
    "columns-by-number": pd.DataFrame({0: NUMBERS, 1: AGES}),
    "lists-of-no-length": pa.table({"x": pa.array([[]] * N, pa.list_(pa.float64(), 0)), "s": AGES}),
    "lone-surrogate": ["a\ud800"] * N,
}


@pytest.mark.parametrize("name", ODD_BUT_GOOD)
def test_odd_frame_is_read(name):
    X = ODD_BUT_GOOD[name]
    assert np.isfinite(RNNClassifier(**SMALL).fit(X, Y).predict_proba(X)).all()


@pytest.mark.parametrize("name", ["x", "w", "t", "age", "city"])
def test_nulls_stand_for_whatever_was_there_in_fit(name, fitted):
    nulls = pa.nulls(N) if name in ("age", "city") else pa.array(steps(None))
    typed = nulls.cast(GOOD[name].type)
    expected = fitted.predict_proba(good_but(name, typed))
    np.testing.assert_array_equal(fitted.predict_proba(good_but(name, nulls)), expected)


def test_numbers_too_coarse_for_float32_are_warned_of():
    X = pa.table({"x": NUMBERS, "s": pa.array([2**64 - 1 - 5 * i for i in range(N)], pa.uint64())})
    with pytest.warns(UserWarning, match=r"Static column 0 of X is 1\.84e\+19 everywhere"):
        RNNClassifier(**SMALL).fit(X, Y)

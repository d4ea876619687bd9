"""Event tables become sequences and long series become windows; frames keep their kind."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.model_selection import GroupKFold, cross_val_score

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.preprocessing import sliding_windows, to_events, to_sequences

KINDS = {
    "pandas": lambda table: table,
    "pandas-arrow": lambda table: table.convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.from_pandas,
    "pyarrow": lambda table: pa.Table.from_pandas(table, preserve_index=False),
    "batch": lambda table: pa.RecordBatch.from_pandas(table, preserve_index=False),
}


def event_table(n_events=60, n_ids=7, seed=0):
    """Return events in no order, with ties in time, one column of each usual dtype."""
    rng = np.random.default_rng(seed)
    patient = rng.permutation([*range(n_ids), *rng.integers(n_ids, size=n_events - n_ids)])
    hour = rng.integers(12, size=n_events)
    return pd.DataFrame(
        {
            "patient": [f"p{i:02}" for i in patient],
            "time": pd.Timestamp("2024-05-01") + pd.to_timedelta(hour, unit="h"),
            "place": np.arange(n_events),
            "pulse": rng.normal(70, 5, size=n_events).astype(np.float32),
            "code": rng.choice(["x", "yy"], size=n_events),
            "ward": pd.Categorical(rng.choice(["north", "south"], size=n_events)),
            "urgent": rng.random(n_events) < 0.5,
            "age": 40 + patient,
            "sex": pd.Categorical.from_codes(patient % 2, ["f", "m"]),
        }
    )


def in_pandas(frame):
    """Return any kind of frame as pandas has it by itself."""
    if isinstance(frame, pa.RecordBatch):
        frame = pa.Table.from_batches([frame])
    if isinstance(frame, pd.DataFrame):
        frame = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    return frame.to_pandas()


# -- to_sequences ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_to_sequences_holds_what_a_loop_over_groups_collects(kind):
    table = event_table()
    frame = to_sequences(
        KINDS[kind](table), by="patient", order_by="time", columns=["place", "pulse"], static="age"
    )
    frame = in_pandas(frame.reset_index() if isinstance(frame, pd.DataFrame) else frame)
    groups = table.sort_values("time", kind="stable").groupby("patient")
    assert list(frame["patient"]) == sorted(set(table["patient"]))
    for events, age, (_, group) in zip(frame["events"], frame["age"], groups, strict=True):
        assert list(events) == group[["place", "pulse"]].to_dict("records")
        assert age == group["age"].iloc[0]


def test_to_sequences_of_pandas_has_ids_as_index_and_keeps_static_dtypes():
    table = event_table()
    frame = to_sequences(table, by="patient", order_by="time", static=["sex", "age"])
    assert list(frame.columns) == ["events", "sex", "age"]
    assert frame.index.name == "patient"
    assert frame.index.dtype == table["patient"].dtype
    assert frame["sex"].dtype == table["sex"].dtype
    assert frame["age"].dtype == table["age"].dtype
    fields = frame["events"].dtype.pyarrow_dtype.value_type
    assert [f.name for f in fields] == ["time", "place", "pulse", "code", "ward", "urgent"]
    assert fields.field("pulse").type == pa.float32()


def test_to_sequences_of_polars_and_pyarrow_has_ids_in_front():
    table = event_table()
    by = {"by": "patient", "order_by": "time", "static": ["age"], "columns": ["pulse"]}
    of_polars = to_sequences(pl.from_pandas(table), **by, name="visits")
    assert isinstance(of_polars, pl.DataFrame)
    assert of_polars.schema == pl.Schema(
        {
            "patient": pl.String,
            "visits": pl.List(pl.Struct({"pulse": pl.Float32})),
            "age": pl.Int64,
        }
    )
    of_arrow = to_sequences(pa.Table.from_pandas(table), **by)
    assert of_arrow.column_names == ["patient", "events", "age"]
    assert of_arrow.schema.field("events").type == pa.list_(pa.struct([("pulse", pa.float32())]))


def test_to_sequences_takes_other_frames_by_arrows_protocol():
    class Frame:
        columns = ("id", "x")

        def __len__(self):
            return 3

        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table({"id": [2, 1, 2], "x": [1.0, 2.0, 3.0]}).__arrow_c_stream__()

    frame = to_sequences(Frame(), by="id", order_by=None)
    assert frame.to_pydict() == {"id": [1, 2], "events": [[{"x": 2.0}], [{"x": 1.0}, {"x": 3.0}]]}


def test_to_sequences_sorts_by_several_columns():
    table = pa.table(
        {"a": [1, 1, 1, 0], "b": [2, 2, 1, 9], "day": [1, 1, 0, 0], "hour": [5, 3, 0, 0]}
    )
    frame = to_sequences(table, by=["a", "b"], order_by=["day", "hour"], columns=["hour"])
    assert frame.select(["a", "b"]).to_pylist() == [
        {"a": 0, "b": 9},
        {"a": 1, "b": 1},
        {"a": 1, "b": 2},
    ]
    assert frame["events"].to_pylist()[2] == [{"hour": 3}, {"hour": 5}]
    of_pandas = to_sequences(table.to_pandas(), by=["a", "b"], order_by=["day", "hour"])
    assert of_pandas.index.names == ["a", "b"]
    assert of_pandas.index.tolist() == [(0, 9), (1, 1), (1, 2)]


KEYS = {
    "int": [3, 1, 2],
    "uint": np.array([2**63 + 2, 1, 2**63], dtype=np.uint64),
    "float": [0.5, -1.5, 0.0],
    "bool-and-more": ["true", "false", "falsy"],
    "datetime": pd.to_datetime(["2024-03-01", "1960-01-01", "2024-02-01"]),
    "zone": pd.to_datetime(["2024-03-01", "1960-01-01", "2024-02-01"]).tz_localize("Asia/Tokyo"),
    "timedelta": pd.to_timedelta([3, -1, 2], unit="s"),
    "date": pd.to_datetime(["2024-03-01", "1960-01-01", "2024-02-01"]).date,
    "decimal": pd.array(["3.5", "-1", "2"], dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
    "unordered": pd.Categorical(["c", "a", "b"], categories=["b", "c", "a"]),
}


@pytest.mark.parametrize("role", ["by", "order_by"])
@pytest.mark.parametrize("key", KEYS)
def test_to_sequences_sorts_every_type(key, role):
    table = pd.DataFrame({"key": KEYS[key], "same": 0, "x": [30, 10, 20]})
    roles = {"by": "key", "order_by": "same"} if role == "by" else {"by": "same", "order_by": "key"}
    for frame in (table, pl.from_pandas(table), pa.Table.from_pandas(table)):
        result = to_sequences(frame, **roles, columns=["x"])
        assert in_pandas(to_events(result))["x"].tolist() == [10, 20, 30]


def test_to_sequences_sorts_ordered_categories_by_their_order():
    levels, cells = ["high", "mid", "low"], ["low", "high", "mid"]
    ordered = pd.Categorical(cells, levels, ordered=True)
    of_polars = pl.DataFrame({"level": pl.Series(cells, dtype=pl.Enum(levels)), "x": [3, 1, 2]})
    for frame in (pd.DataFrame({"level": ordered, "x": [3, 1, 2]}), of_polars):
        result = to_sequences(frame, by="level", order_by=None)
        assert in_pandas(to_events(result))["x"].tolist() == [1, 2, 3]
    assert result.schema["level"] == pl.Enum(levels)


def test_to_sequences_sorts_bools():
    frame = to_sequences(pa.table({"id": [True, False], "x": [1, 2]}), by="id", order_by=None)
    assert frame["id"].to_pylist() == [False, True]


def test_to_sequences_joins_values_that_dictionaries_hold_twice():
    twice = pa.DictionaryArray.from_arrays([1, 0, 2], ["a", "b", "a"])
    frame = to_sequences(pa.table({"id": twice, "x": [1, 2, 3]}), by="id", order_by=None)
    assert frame["id"].to_pylist() == ["a", "b"]
    assert frame["events"].to_pylist() == [[{"x": 2}, {"x": 3}], [{"x": 1}]]


def test_to_sequences_takes_views_of_text():
    cells = {"id": ["b", "a", "b"], "note": ["x", None, "y"], "code": [b"3", b"1", b"2"]}
    frame = pl.DataFrame(cells, schema_overrides={"id": pl.Categorical})
    table = pa.table(frame)
    assert pa.types.is_string_view(table.schema.field("note").type)
    assert pa.types.is_string_view(table.schema.field("id").type.value_type)
    by = {"by": "id", "order_by": "code"}
    result = to_sequences(table, **by)
    assert result.to_pydict() == to_sequences(frame, **by).to_arrow().to_pydict()
    assert to_events(result)["note"].to_pylist() == [None, "y", "x"]


def test_to_sequences_keeps_the_order_of_ties():
    table = pd.DataFrame({"id": [1] * 50, "time": [2] * 25 + [1] * 25, "place": range(50)})
    for order_by, expected in (("time", [*range(25, 50), *range(25)]), (None, list(range(50)))):
        events = to_events(to_sequences(table, by="id", order_by=order_by))
        assert events["place"].tolist() == expected


def test_to_sequences_reads_tables_in_chunks():
    table = pa.Table.from_pandas(event_table(), preserve_index=False)
    chunks = pa.concat_tables([table[:0], table[:11], table[11:]])
    by = {"by": "patient", "order_by": "time", "static": ["sex", "age"]}
    assert to_sequences(chunks, **by).equals(to_sequences(table, **by))


def test_to_sequences_takes_the_one_static_value_beside_nulls():
    table = pd.DataFrame(
        {
            "id": [1, 1, 1, 2, 3],
            "weight": [np.nan, 60.0, np.nan, np.nan, 5.0],
            "name": [None, "ann", "ann", None, "cy"],
            "x": range(5),
        }
    )
    for frame in (table, pl.from_pandas(table), pa.Table.from_pandas(table)):
        result = in_pandas(to_sequences(frame, by="id", order_by=None, static=["weight", "name"]))
        np.testing.assert_array_equal(result["weight"], [60.0, np.nan, 5.0])
        assert result["name"].fillna("-").tolist() == ["ann", "-", "cy"]


def test_to_sequences_does_not_copy_what_is_in_order():
    values = pa.array(np.arange(6.0))
    table = pa.table({"id": [1, 1, 1, 2, 2, 3], "x": values})
    events = to_sequences(table, by="id", order_by=None)["events"].chunk(0)
    assert events.values.field("x").buffers()[1].address == values.buffers()[1].address


def test_to_sequences_leaves_the_table_as_it_was():
    table = event_table()
    before = table.copy(deep=True)
    to_sequences(table, by="patient", order_by="time", static="age")
    pd.testing.assert_frame_equal(table, before)


def test_numeric_sequences_go_into_an_estimator():
    table = event_table()
    numbers = {"by": "patient", "order_by": "time", "columns": ["place", "pulse", "urgent"]}
    X = to_sequences(table, **numbers)
    y = np.arange(len(X)) % 2
    model = RNNClassifier(hidden_size=2, max_epochs=1, random_state=0).fit(X, y)
    of_polars = to_sequences(pl.from_pandas(table), **numbers).drop("patient")
    np.testing.assert_array_equal(model.predict_proba(of_polars), model.predict_proba(X))


INTERVAL = pa.month_day_nano_interval()
WRONG = {
    "list": (lambda t: [1, 2], {}, TypeError, r"table must be a frame of pandas.*Got list instead"),
    "lazy": (
        lambda t: pl.from_pandas(t).lazy(),
        {},
        TypeError,
        r"LazyFrame\. Call '\.collect\(\)'",
    ),
    "array": (lambda t: pa.array([1]), {}, TypeError, r"must be a frame.* Got Int64Array instead"),
    "int-name": (
        lambda t: t.rename(columns={"pulse": 3}),
        {},
        TypeError,
        r"column named 3, but names must be strings. Rename it",
    ),
    "twice-named": (
        lambda t: t.rename(columns={"pulse": "code"}),
        {},
        ValueError,
        r"more than one column named 'code'\. Give each",
    ),
    "by-missing": (
        lambda t: t,
        {"by": "patien"},
        ValueError,
        r"table has no column 'patien'\. Did you mean 'patient'\? Its columns are 'patient',",
    ),
    "by-case": (lambda t: t, {"by": "PATIENT"}, ValueError, r"Did you mean 'patient'\?"),
    "by-number": (
        lambda t: t,
        {"by": 3},
        TypeError,
        r"'by' parameter must be a column name or a list of them\. Got 3 instead",
    ),
    "static-numbers": (lambda t: t, {"static": [3]}, TypeError, r"'static' .* Got \[3\] instead"),
    "name-number": (lambda t: t, {"name": 3}, TypeError, r"'name' .* must be a string\. Got 3"),
    "type-unknown": (
        lambda t: pl.from_pandas(t).with_columns(pl.col("age").cast(pl.Int128)),
        {},
        TypeError,
        r"Table has a column of a type that Arrow lacks .*, 'age' of Int128.* Cast it to another",
    ),
    "order-missing": (lambda t: t, {"order_by": "q"}, ValueError, r"no column 'q'\. Its columns"),
    "in-index": (
        lambda t: t.set_index("patient"),
        {},
        ValueError,
        r"no column 'patient': it is a level of the index. Call 'table.reset_index\(\)' first",
    ),
    "no-rows": (lambda t: t[:0], {}, ValueError, r"table has no rows\. At least 1 event"),
    "no-by": (lambda t: t, {"by": []}, ValueError, r"No column is left for 'by'"),
    "no-fields": (
        lambda t: t[["patient", "age"]],
        {"order_by": None, "static": "age"},
        ValueError,
        r"No column is left for 'columns'",
    ),
    "by-twice": (
        lambda t: t,
        {"by": ["patient", "patient"]},
        ValueError,
        r"'by' names the column 'patient' twice",
    ),
    "two-roles": (
        lambda t: t,
        {"static": "patient"},
        ValueError,
        r"'patient' is named in both 'by' and 'static'",
    ),
    "name-taken": (
        lambda t: t,
        {"static": "age", "name": "age"},
        ValueError,
        r"can't be named 'age'.*Choose another 'name'",
    ),
    "null-id": (
        lambda t: t.assign(patient=t["patient"].where(t.index != 4)),
        {},
        ValueError,
        r"Row 4 of table has null in column 'patient' \(1 such row\(s\)\)\. Drop",
    ),
    "null-time": (
        lambda t: t.assign(time=t["time"].where(t.index < 58)),
        {},
        ValueError,
        r"Row 58 of table has null in column 'time' \(2 such row\(s\)\)",
    ),
    "not-constant": (
        lambda t: t.assign(age=t["age"].where(t.index != t.index[t["patient"] == "p03"][-1], 7)),
        {"static": "age"},
        ValueError,
        r"column 'age' has more than one value for patient='p03': .* Leave it out of 'static'",
    ),
    "mixed-types": (
        lambda t: t.assign(code=[1, "a"] * 30),
        {},
        TypeError,
        r"cells of column 'code' of table can't be brought to one type of Arrow: .* Convert all",
    ),
    "interval": (
        lambda t: pa.table({"patient": [1], "time": pa.array([(1, 2, 3)], INTERVAL), "x": [1]}),
        {},
        TypeError,
        r"Column 'time' of table holds .*, which can't be compared and sorted\. Use a column of",
    ),
    "list-id": (
        lambda t: t.assign(patient=[[1]] * 60),
        {},
        TypeError,
        r"Column 'patient' of table holds list<.*>, which can't be compared and sorted",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_to_sequences_says_what_is_wrong(case):
    change, parameters, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        to_sequences(change(event_table()), **{"by": "patient", "order_by": "time"} | parameters)


# -- to_events ------------------------------------------------------------------------------------


def sorted_events(table):
    return table.sort_values(["patient", "time"], kind="stable").reset_index(drop=True)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_to_events_gives_the_sorted_table_back(kind):
    table = event_table()
    frame = to_sequences(KINDS[kind](table), by="patient", order_by="time", static=["age", "sex"])
    events = to_events(frame)
    expected = KINDS[kind](sorted_events(table))
    if kind == "pandas":
        pd.testing.assert_frame_equal(events[list(table)], expected)
    else:
        assert events.select(list(table)).equals(expected)
        schemas = events.select(list(table)).schema, expected.schema
        assert list(schemas[0]) == list(schemas[1])


def test_to_events_gives_arrow_dtypes_back():
    table = event_table().drop(columns=["ward", "sex"]).convert_dtypes(dtype_backend="pyarrow")
    table.loc[3, "place"] = pd.NA
    frame = to_sequences(table, by="patient", order_by="time", static="age")
    events = to_events(frame, dtype_backend="pyarrow")
    pd.testing.assert_frame_equal(events[list(table)], sorted_events(table))


def test_to_events_makes_columns_of_several_index_levels():
    frame = to_sequences(
        pd.DataFrame({"a": [1, 0], "b": ["x", "y"], "c": [1.5, 2.5]}), by=["a", "b"], order_by=None
    )
    expected = pd.DataFrame({"a": [0, 1], "b": ["y", "x"], "c": [2.5, 1.5]})
    pd.testing.assert_frame_equal(to_events(frame), expected)


def test_to_events_lays_out_several_list_columns():
    cells = {"a": [[1.0, 2.0], [], [3.0]], "b": [["x", "y"], [], ["z"]], "id": [7, 8, 9]}
    expected = {"id": [7, 7, 9], "a": [1.0, 2.0, 3.0], "b": ["x", "y", "z"]}
    for frame in (pd.DataFrame(cells), pl.DataFrame(cells), pa.table(cells)):
        assert in_pandas(to_events(frame)).to_dict("list") == expected


def test_to_events_repeats_an_index_without_a_name_and_columns_that_are_not_chosen():
    frame = pd.DataFrame({"a": [[1, 2], [3]], "tags": [["q"], ["r", "s"]]}, index=[5, 6])
    events = to_events(frame, columns="a")
    expected = pd.DataFrame({"tags": [["q"], ["q"], ["r", "s"]], "a": [1, 2, 3]}, index=[5, 5, 6])
    pd.testing.assert_frame_equal(events, expected)


def test_to_events_leaves_null_rows_out():
    table = pa.table({"id": [1, 2, 3], "a": pa.array([[1], None, [2, 3]])})
    assert to_events(table).to_pydict() == {"id": [1, 3, 3], "a": [1, 2, 3]}


def test_to_events_unpacks_arrays_in_cells_of_pandas():
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(n, 2)) for n in (3, 1)]
    times = [np.array(["2024-01-01"] * n, dtype="datetime64[s]") for n in (3, 1)]
    frame = pd.DataFrame({"wide": [*arrays, None], "time": [*times, None]})
    events = to_events(frame)
    np.testing.assert_array_equal(np.stack(events["wide"]), np.concatenate(arrays))
    assert events["time"].dtype == "datetime64[s]"


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("cell", [[1.0, 2.0], np.array([1.0, 2.0])])
def test_to_events_takes_every_null_of_pandas(missing, cell):
    frame = pd.DataFrame({"id": [1, 2], "a": pd.Series([missing, cell], dtype=object)})
    assert to_events(frame)[["id", "a"]].to_numpy().tolist() == [[2, 1.0], [2, 2.0]]


WRONG_FRAMES = {
    "no-frame": (
        {"a": [[1]]},
        {},
        TypeError,
        r"frame must be a frame of pandas.* Got dict instead",
    ),
    "no-lists": (pa.table({"a": [1]}), {}, ValueError, r"frame has no list column\. Its columns"),
    "not-a-list": (
        pa.table({"a": [1], "b": [[1]]}),
        {"columns": ["a"]},
        ValueError,
        r"Column 'a' of frame holds no lists\. The list columns are 'b'",
    ),
    "none-chosen": (pa.table({"b": [[1]]}), {"columns": []}, ValueError, r"An empty 'columns'"),
    "chosen-twice": (
        pa.table({"b": [[1]]}),
        {"columns": ["b", "b"]},
        ValueError,
        r"'columns' names the column 'b' twice",
    ),
    "missing": (
        pa.table({"b": [[1]]}),
        {"columns": "bb"},
        ValueError,
        r"frame has no column 'bb'\. Did you mean 'b'\?",
    ),
    "unequal": (
        pa.table({"a": [[1], [1, 2]], "b": [[1], [1]]}),
        {},
        ValueError,
        r"Row 1 of frame has 2 step\(s\) in column 'a', but 1 in column 'b' \(1 such row",
    ),
    "fields-alike": (
        pa.table({"a": [[{"x": 1}]], "b": [[{"x": 1}]]}),
        {},
        ValueError,
        r"list columns of frame hold more than one field named 'x'",
    ),
    "field-and-column": (
        pd.DataFrame({"x": [1], "a": [[{"x": 1}]]}),
        {},
        ValueError,
        r"events would have more than one column named 'x'",
    ),
    "backend": (
        pa.table({"a": [[1]]}),
        {"dtype_backend": "arrow"},
        ValueError,
        r"'dtype_backend' parameter must be 'pyarrow' or None\. Got 'arrow' instead",
    ),
    "three-dimensions": (
        pd.DataFrame({"a": [np.zeros((2, 2, 2))]}),
        {},
        TypeError,
        r"column 'a' of frame can't be.* arrays of 3 dimensions; flatten",
    ),
}


@pytest.mark.parametrize("case", WRONG_FRAMES)
def test_to_events_says_what_is_wrong(case):
    frame, parameters, error, message = WRONG_FRAMES[case]
    with pytest.raises(error, match=message):
        to_events(frame, **parameters)


# -- sliding_windows ------------------------------------------------------------------------------


def long_series(lengths=(9, 4, 12), n_channels=2):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, n_channels)) for n in lengths]


def windows_by_loop(series, window, horizons, stride):
    X, y, groups = [], [], []
    for group, one in enumerate(series):
        begin = 0
        while begin + window + max(horizons) <= len(one):
            X.append(one[begin : begin + window])
            y.append([one[begin + window - 1 + horizon] for horizon in horizons])
            groups.append(group)
            begin += stride
    return np.array(X), np.array(y), np.array(groups)


@pytest.mark.parametrize("lengths", [(9, 4, 12), (3, 20), (15,), (6, 6, 6)])
@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("horizons", [[1], [2], [1, 2, 3], [3, 1]])
@pytest.mark.parametrize("stride", [1, 2, 5])
def test_windows_are_those_of_a_loop_over_series(lengths, window, horizons, stride):
    series = long_series(lengths)
    expected_X, expected_y, expected_groups = windows_by_loop(series, window, horizons, stride)
    X, y, groups = sliding_windows(series, window=window, horizon=horizons, stride=stride)
    np.testing.assert_array_equal(X, expected_X)
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_array_equal(groups, expected_groups)


def test_windows_are_the_same_in_every_form():
    series = long_series((8, 8))
    expected = sliding_windows(series, window=3)
    table = pa.table({n: [one[:, i] for one in series] for i, n in enumerate("ab")})
    structs = to_sequences(
        pd.DataFrame(np.concatenate(series), columns=["a", "b"]).assign(id=np.repeat([0, 1], 8)),
        by="id",
        order_by=None,
    )
    for X in (np.stack(series), table, pl.from_arrow(table), structs, structs["events"]):
        for result, wanted in zip(sliding_windows(X, window=3), expected, strict=True):
            np.testing.assert_array_equal(result, wanted)
    one_channel = sliding_windows(np.stack(series)[:, :, 0], window=3)
    np.testing.assert_array_equal(one_channel[0], expected[0][:, :, :1])
    np.testing.assert_array_equal(one_channel[1], expected[1][:, 0])


def test_targets_are_chosen_by_place_or_name():
    series = long_series()
    table = pa.table({n: [one[:, i] for one in series] for i, n in enumerate("ab")})
    _, both, _ = sliding_windows(series, window=3, horizon=2)
    assert both.shape == (5 + 8, 2)
    _, single, _ = sliding_windows(series, window=3, horizon=2, target=1)
    np.testing.assert_array_equal(single, both[:, 1])
    _, named, _ = sliding_windows(table, window=3, horizon=2, target="b")
    np.testing.assert_array_equal(named, single)
    _, turned, _ = sliding_windows(table, window=3, horizon=2, target=["b", "a"])
    np.testing.assert_array_equal(turned, both[:, ::-1])
    _, several, _ = sliding_windows(series, window=3, horizon=range(1, 3), target=1)
    np.testing.assert_array_equal(several[:, 1], single)


def test_windows_of_one_series_are_views_of_it():
    one = long_series((1000,))[0]
    for series in (one[None], [one]):
        X, _, _ = sliding_windows(series, window=50, stride=3)
        assert np.shares_memory(X, one)
        assert not X.flags.writeable


def test_windows_keep_the_dtype_and_missing_numbers():
    assert sliding_windows([np.arange(9, dtype=np.float32)], window=2)[0].dtype == np.float32
    assert sliding_windows([np.arange(9)], window=2)[1].dtype == np.int64
    table = pa.table({"x": [[1, None, 3]], "y": [[True, False, True]]})
    X, y, _ = sliding_windows(table, window=2)
    np.testing.assert_array_equal(X, [[[1, 1], [np.nan, 0]]])
    np.testing.assert_array_equal(y, [[3, 1]])


def test_groups_name_the_series_of_each_window():
    series = long_series()
    _, _, groups = sliding_windows(series, window=7, groups=["x", "y", "z"])
    assert list(groups) == ["x"] * 2 + ["z"] * 5
    cells = {"id": ["x", "y", "z"], "a": [one[:, 0] for one in series]}
    frame = pd.DataFrame(cells)
    for X in (frame, pl.DataFrame(cells), pa.table(cells), frame.set_index("id")):
        windows, _, groups = sliding_windows(X, window=7, groups="id")
        assert list(groups) == ["x"] * 2 + ["z"] * 5
        assert windows.shape == (7, 7, 1)
    _, _, groups = sliding_windows(frame.set_index("id"), window=7)
    assert list(groups) == ["x"] * 2 + ["z"] * 5


def test_windows_go_into_a_search_by_groups():
    X, y, groups = sliding_windows(long_series(), window=3, target=0)
    model = RNNRegressor(hidden_size=2, max_epochs=1, random_state=0)
    assert len(cross_val_score(model, X, y, groups=groups, cv=GroupKFold(2))) == 2


WRONG_SERIES = {
    "short": (
        lambda: [[1.0, 2.0, 3.0], [1.0]],
        {"window": 3},
        ValueError,
        r"window and horizon take 4 steps, but the longest series has 3\. Shorten",
    ),
    "steps": (
        lambda: [[1.0, 2.0]],
        {"window": 0, "stride": 1.5},
        ValueError,
        r"'window' parameter of sliding_windows must be an int >= 1\. Got 0 instead\.\n.*'stride'.*"
        r"Got 1\.5",
    ),
    "horizon": (
        lambda: [[1.0, 2.0]],
        {"horizon": [1, 0]},
        ValueError,
        r"'horizon' .* must be an int >= 1 or a list of them\. Got \[1, 0\] instead",
    ),
    "no-horizon": (
        lambda: [[1.0, 2.0]],
        {"horizon": []},
        ValueError,
        r"'horizon' .* Got \[\] inst",
    ),
    "one": (
        lambda: np.arange(9.0),
        {},
        ValueError,
        r"X has 1 dimension\(s\)\. Expected one series.*for a single one pass \[series\]",
    ),
    "table": (
        lambda: pd.DataFrame({"a": [1.0, 2.0]}),
        {},
        ValueError,
        r"X is a frame without list columns.* pass \[X\]; of many series, call to_sequences",
    ),
    "text": (lambda: [["a", "b", "c"]], {}, TypeError, r"X must hold numbers"),
    "text-column": (
        lambda: pa.table({"a": [["a", "b", "c"]]}),
        {},
        TypeError,
        r"channel 'a' of X must hold numbers\. Got string instead; leave it out",
    ),
    "target": (
        lambda: [[1.0, 2.0]],
        {"target": 1},
        ValueError,
        r"'target' .* must be a channel from 0 to 0, or a list of them\. Got 1 instead",
    ),
    "target-name": (
        lambda: pa.table({"pulse": [[1.0, 2.0]]}),
        {"target": "pulze"},
        ValueError,
        r"frame X, .*, has no column 'pulze'\. Did you mean 'pulse'",
    ),
    "target-kind": (
        lambda: pa.table({"pulse": [[1.0, 2.0]]}),
        {"target": 1.5},
        ValueError,
        r"must be a channel from 0 to 0 or a name, or a list of them\. Got 1\.5 instead",
    ),
    "no-target": (lambda: [[1.0, 2.0]], {"target": []}, ValueError, r"'target' .* is empty"),
    "groups": (
        lambda: [[1.0, 2.0]],
        {"groups": [1, 2]},
        ValueError,
        r"groups must be of shape \(1,\), one id a series\. Got shape \(2,\)",
    ),
    "groups-name": (
        lambda: [[1.0, 2.0]],
        {"groups": "id"},
        ValueError,
        r"names the column 'id', but X is a list\. Pass an array of one id a series",
    ),
    "beside": (
        lambda: pa.table({"a": [[1.0, 2.0]], "id": ["x"]}),
        {},
        ValueError,
        r"single values, 'id', beside list columns, 'a'\. Leave them out; name one .* 'groups'",
    ),
    "groups-missing": (
        lambda: pa.table({"a": [[1.0, 2.0]]}),
        {"groups": "id"},
        ValueError,
        r"X has no column 'id'",
    ),
}


@pytest.mark.parametrize("case", WRONG_SERIES)
def test_sliding_windows_says_what_is_wrong(case):
    X, parameters, error, message = WRONG_SERIES[case]
    with pytest.raises(error, match=message):
        sliding_windows(X(), **{"window": 1} | parameters)


# -- values that Arrow or numpy hold in more than one way -----------------------------------------


@pytest.mark.parametrize("ordered", [True, False])
def test_to_sequences_joins_values_that_dictionaries_of_either_order_hold_twice(ordered):
    codes, values = pa.array([0, 1, 2, 0], pa.int8()), pa.array(["b", "b", "a"])
    ids = pa.DictionaryArray.from_arrays(codes, values, ordered=ordered)
    table = pa.table({"id": ids, "t": [1, 2, 3, 4]})
    frame = to_sequences(table, by="id", order_by="t")
    events = [[event["t"] for event in row] for row in frame["events"].to_pylist()]
    found = dict(zip(frame["id"].to_pylist(), events, strict=True))
    assert found == {"b": [1, 2, 4], "a": [3]}
    assert list(found) == (["b", "a"] if ordered else ["a", "b"])


TEXT, BYTES = pa.string_view(), pa.binary_view()
VIEWS = {
    "list": (pa.list_(TEXT), [["x", "y"], None, []]),
    "large": (pa.large_list(TEXT), [["x", "y"], None, []]),
    "fixed": (pa.list_(TEXT, 1), [["x"], None, ["y"]]),
    "struct": (pa.struct([("a", TEXT), ("b", pa.int8())]), [{"a": "x", "b": 1}, None, None]),
    "list-of-structs": (pa.list_(pa.struct([("a", BYTES)])), [[{"a": b"x"}], None, []]),
    "map": (pa.map_(TEXT, TEXT), [[("x", "y")], None, []]),
}


@pytest.mark.parametrize("case", VIEWS)
def test_to_sequences_takes_nested_views_of_text(case):
    view, cells = VIEWS[case]
    table = pa.table({"id": [1, 0, 0], "t": [0, 1, 0], "x": pa.array(cells, view)})
    frame = to_sequences(table, by="id", order_by="t")
    events = [[event["x"] for event in row] for row in frame["events"].to_pylist()]
    assert events == [[cells[2], cells[1]], [cells[0]]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_zeros_of_either_sign_are_one_static_value(dtype):
    numbers = np.array([0.0, -0.0, -0.0, 2.0], dtype)
    table = pd.DataFrame({"id": [1, 1, 2, 3], "x": range(4), "s": numbers})
    for frame in (table, pa.Table.from_pandas(table)):
        result = in_pandas(to_sequences(frame, by="id", order_by=None, static="s"))
        assert result["s"].tolist() == [0.0, 0.0, 2.0]
        assert result["s"].dtype == dtype


SECONDS, MILLISECONDS = [1, 2], [1500, 2500]
MIXED_UNITS = {
    "arrays": lambda kind: [
        np.array(SECONDS, f"{kind}8[s]"),
        np.array(MILLISECONDS, f"{kind}8[ms]"),
    ],
    "list-first": lambda kind: [
        list(np.array(SECONDS, f"{kind}8[s]")),
        np.array(MILLISECONDS, f"{kind}8[ms]"),
    ],
    "objects-first": lambda kind: [
        np.array(SECONDS, f"{kind}8[s]").astype(object),
        np.array(MILLISECONDS, f"{kind}8[ms]"),
    ],
}


@pytest.mark.parametrize("kind", ["m", "M"])
@pytest.mark.parametrize("case", MIXED_UNITS)
def test_times_of_several_units_keep_their_values(case, kind):
    frame = pd.DataFrame({"x": pd.Series(MIXED_UNITS[case](kind), dtype=object)})
    expected = np.array([1000, 2000, 1500, 2500], f"{kind}8[ms]")
    np.testing.assert_array_equal(to_events(frame)["x"].to_numpy(), expected)


def test_times_that_have_no_common_unit_are_named():
    times = [np.array(["3000-01-01"], "M8[s]"), np.array([1], "M8[ns]")]
    with pytest.raises(TypeError, match=r"datetime64\[s\] that datetime64\[ns\], as others are"):
        to_events(pd.DataFrame({"x": times}))
    with pytest.raises(TypeError, match=r"arrays of int64 beside others of timedelta64\[s\]"):
        to_events(pd.DataFrame({"x": [np.array([1]), np.array([1], "m8[s]")]}))


DAY, TIME = datetime.date(2024, 5, 1), datetime.datetime(2024, 5, 1, 17, 30)
MIDNIGHT = datetime.datetime(2024, 5, 1)


@pytest.mark.parametrize(("first", "second"), [(DAY, TIME), (TIME, DAY)])
def test_dates_beside_times_leave_the_times_whole(first, second):
    expected = [MIDNIGHT if value is DAY else value for value in (first, second)]
    table = pd.DataFrame({"id": [1, 1], "t": pd.Series([first, second], dtype=object)})
    events = to_sequences(table, by="id", order_by="t").loc[1, "events"]
    assert [event["t"] for event in events] == [MIDNIGHT, TIME]
    lists = pd.DataFrame({"t": [[first], None, [second, pd.NaT]]})
    assert to_events(lists)["t"].tolist() == [*expected, pd.NaT]
    structs = pd.DataFrame({"e": [[{"t": first, "d": DAY}], [{"t": second, "d": DAY}]]})
    events = to_events(structs, dtype_backend="pyarrow")
    assert events["t"].tolist() == expected
    assert events["d"].tolist() == [DAY, DAY]


def test_dates_beside_nulls_stay_dates():
    frame = pd.DataFrame({"t": [[DAY, pd.NaT], [None, DAY]]})
    assert to_events(frame, dtype_backend="pyarrow")["t"].dtype == pd.ArrowDtype(pa.date32())


def test_sliding_windows_takes_targets_by_name_from_a_list_of_frames():
    frames = [pd.DataFrame({"a": np.arange(n), "b": 10 * np.arange(n)}) for n in (6, 5)]
    X, y, _ = sliding_windows(frames, window=3, target="b")
    np.testing.assert_array_equal(y, [30, 40, 50, 30, 40])
    assert X.shape == (5, 3, 2)
    with pytest.raises(ValueError, match="must have the same columns in the same order"):
        sliding_windows([frames[0], frames[1][["b", "a"]]], window=3)

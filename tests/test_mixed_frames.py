"""Texts, categories, times and static columns: what is read, learned and predicted."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.base import clone

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.data.frames import as_columns, read_columns
from sklearn_rnn.nn.pooling import POOLINGS

SMALL = {"hidden_size": 4, "max_epochs": 2, "device": "cpu", "random_state": 0}
N_SAMPLES = 40


class Stream:
    """A frame that only knows how to hand itself to Arrow."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


def patients():
    """Return a table of one row a patient: every kind of column, some of it missing."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 7, size=N_SAMPLES)
    day = datetime.date(2020, 1, 1)

    def steps(draw):
        return [[draw() if rng.random() > 0.1 else None for _ in range(n)] for n in lengths]

    columns = {
        "age": pa.array([None, *rng.normal(50, 10, N_SAMPLES - 1)]),
        "visits": pa.array(lengths),
        "smoker": pa.array((rng.random(N_SAMPLES) < 0.5).tolist()),
        "city": pa.array([None, *rng.choice(["Rome", "Oslo"], N_SAMPLES - 1)]),
        "born": pa.array([day + datetime.timedelta(int(d)) for d in rng.integers(0, 999, 40)]),
        "pulse": pa.array(steps(rng.normal), pa.list_(pa.float64())),
        "drug": pa.array(steps(lambda: "abc"[rng.integers(3)]), pa.list_(pa.string())),
        "fasting": pa.array(steps(lambda: bool(rng.random() < 0.5)), pa.list_(pa.bool_())),
        "when": pa.array(
            steps(lambda: datetime.datetime(2021, 1, 1 + int(rng.integers(27)), 8)),
            pa.list_(pa.timestamp("us")),
        ),
        "lab": pa.array(
            steps(lambda: {"kind": "xy"[rng.integers(2)], "level": rng.normal()}),
            pa.list_(pa.struct([("kind", pa.string()), ("level", pa.float32())])),
        ),
    }
    return pa.table(columns)


def labels(table):
    return np.where(np.asarray(table["visits"]) > 2, "often", "seldom")


def through_parquet(table, path):
    pq.write_table(table, path / "patients.parquet")
    return pd.read_parquet(path / "patients.parquet")


FORMS = {
    "pyarrow": lambda table, path: table,
    "record batch": lambda table, path: table.combine_chunks().to_batches()[0],
    "stream": lambda table, path: Stream(table),
    "many chunks": lambda table, path: pa.concat_tables([table[:7], table[7:9], table[9:]]),
    "polars": lambda table, path: pl.from_arrow(table),
    "pandas objects": lambda table, path: table.to_pandas(),
    "pandas lists": lambda table, path: pd.DataFrame(
        {name: table[name].to_pylist() for name in table.column_names}
    ),
    "pandas Arrow": lambda table, path: table.to_pandas(types_mapper=pd.ArrowDtype),
    "parquet": through_parquet,
}


@pytest.fixture(scope="module")
def fitted():
    table = patients()
    model = RNNClassifier(**SMALL).fit(table, labels(table))
    return model, model.predict_proba(table)


@pytest.mark.parametrize("form", FORMS)
def test_same_table_in_any_form_gives_the_same_predictions_bit_for_bit(form, fitted, tmp_path):
    table = patients()
    X = FORMS[form](table, tmp_path)
    model, expected = fitted
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    of_form = clone(model).fit(X, labels(table))
    np.testing.assert_array_equal(of_form.predict_proba(X), expected)
    assert of_form.feature_names_in_.tolist() == table.column_names
    assert of_form.n_features_in_ == len(table.column_names)


def test_columns_are_found_by_name_in_any_order(fitted):
    model, expected = fitted
    table = patients()
    np.testing.assert_array_equal(
        model.predict_proba(table.select(table.column_names[::-1])), expected
    )


def test_fields_of_a_struct_are_found_by_name_in_any_order(fitted):
    model, expected = fitted
    table = patients()
    kind, level = table["lab"].combine_chunks().flatten().flatten()
    turned = pa.StructArray.from_arrays([level, kind], names=["level", "kind"])
    offsets = np.concatenate([[0], np.cumsum(pa.compute.list_value_length(table["lab"]))])
    column = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), turned)
    place = table.column_names.index("lab")
    turned_table = table.set_column(place, "lab", column)
    assert turned_table["lab"].type != table["lab"].type
    np.testing.assert_array_equal(model.predict_proba(turned_table), expected)


def test_every_row_is_predicted_alone_as_in_company(fitted):
    model, expected = fitted
    table = patients()
    alone = np.concatenate([model.predict_proba(table[i : i + 1]) for i in range(N_SAMPLES)])
    np.testing.assert_allclose(alone, expected, atol=1e-5)


# -- categories -----------------------------------------------------------------------------------

WORDS = [["a", "b"], ["b"], ["c", "a", "a"], ["a"]] * 5
ANSWERS = [0.0, 1.0, 2.0, 3.0] * 5


def test_order_of_a_dictionary_has_no_say():
    kind = pa.dictionary(pa.int8(), pa.string())
    model = RNNRegressor(**SMALL).fit(pa.table({"w": pa.array(WORDS)}), ANSWERS)
    expected = model.predict(pa.table({"w": pa.array(WORDS)}))
    codes = {"c": 0, "b": 1, "a": 2, "never": 3}
    flat = pa.DictionaryArray.from_arrays(
        pa.array([codes[w] for row in WORDS for w in row], pa.int8()), list(codes)
    )
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in WORDS])])
    column = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat)
    assert column.type == pa.list_(kind)
    np.testing.assert_array_equal(model.predict(pa.table({"w": column})), expected)
    np.testing.assert_array_equal(
        clone(model).fit(pa.table({"w": column}), ANSWERS).predict(pa.table({"w": column})),
        expected,
    )


def test_unseen_categories_are_all_one_unknown(fitted):
    model = RNNRegressor(**SMALL).fit(WORDS, ANSWERS)
    first, second, known = model.predict([["x", "a"], ["y", "a"], ["b", "a"]])
    assert first == second != known


def test_unknown_is_trained():
    model = RNNRegressor(**SMALL | {"max_epochs": 1}).fit(WORDS, ANSWERS)
    start = model.net_.module_.encoder.inputs.categorical[0].embedding.weight[0].clone()
    model.set_params(warm_start=True, max_epochs=20).fit(WORDS, ANSWERS)
    after = model.net_.module_.encoder.inputs.categorical[0].embedding.weight[0]
    assert (after - start).abs().max() > 1e-3


def test_rare_categories_are_unknown():
    words = [*WORDS, ["rare"]]
    model = RNNRegressor(min_frequency=2, **SMALL).fit(words, [*ANSWERS, 1.0])
    part = model.net_.module_.encoder.inputs.categorical[0]
    assert part.embedding.num_embeddings == 4  # a, b, c and the unknown
    rare, unseen = model.predict([["rare"], ["unseen"]])
    assert rare == unseen


@pytest.mark.parametrize(("size", "expected"), [(5, 5), ("auto", 3)])
def test_embedding_size_is_that_of_the_vectors(size, expected):
    model = RNNRegressor(embedding_size=size, **SMALL).fit(WORDS, ANSWERS)
    part = model.net_.module_.encoder.inputs.categorical[0]
    assert part.embedding.embedding_dim == expected


def test_a_missing_category_is_one_of_its_own():
    table = pa.table({"w": pa.array([["a", None], ["a"], [None]] * 6, pa.list_(pa.string()))})
    model = RNNRegressor(**SMALL).fit(table, [0.0, 1.0, 2.0] * 6)
    missing, unseen = model.predict(
        pa.table({"w": pa.array([[None], ["x"]], pa.list_(pa.string()))})
    )
    assert missing != unseen


TEXT_FORMS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "object array": lambda texts: np.array(texts, dtype=object),
    "pandas": pd.Series,
    "pandas object": lambda texts: pd.Series(texts, dtype=object),
    "pandas category": lambda texts: pd.Series(texts, dtype="category"),
    "polars": pl.Series,
    "pyarrow": pa.array,
    "dictionary": lambda texts: pa.array(texts).dictionary_encode(),
    "list of lists": lambda texts: [list(text) for text in texts],
    "list of arrays": lambda texts: [np.array(list(text)) for text in texts],
    "arrow lists": lambda texts: pa.array([list(text) for text in texts]),
    "polars lists": lambda texts: pl.Series([list(text) for text in texts]),
}


@pytest.mark.parametrize("form", TEXT_FORMS)
def test_texts_are_sequences_of_characters_in_any_form(form):
    texts = ["hello", "wörld", "a", "日本", "😀a"] * 4
    y = [0, 1, 0, 1, 1] * 4
    expected = RNNClassifier(**SMALL).fit(texts, y).predict_proba(texts)
    X = TEXT_FORMS[form](texts)
    model = RNNClassifier(**SMALL).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert model.n_features_in_ == 1


def test_a_weight_of_zero_hides_a_category():
    words = [*WORDS, ["new", "b"]]
    weight = [*[1.0] * len(WORDS), 0.0]
    a = RNNRegressor(**SMALL).fit(WORDS, ANSWERS)
    b = RNNRegressor(**SMALL).fit(words, [*ANSWERS, 9.0], sample_weight=weight)
    np.testing.assert_array_equal(a.predict(words), b.predict(words))


def test_an_integer_weight_is_the_row_repeated_with_all_that_stands_beside():
    table, rng = patients(), np.random.default_rng(1)
    y = labels(table)
    weight = rng.integers(0, 3, size=N_SAMPLES)
    places = rng.permutation(np.repeat(np.arange(N_SAMPLES), weight))
    a = RNNClassifier(**SMALL).fit(table, y, sample_weight=weight)
    b = RNNClassifier(**SMALL).fit(table.take(pa.array(places)), y[places])
    np.testing.assert_array_equal(a.predict_proba(table), b.predict_proba(table))


# -- times ----------------------------------------------------------------------------------------


def read(X):
    return read_columns(as_columns(X))[0]


def log_scaled(seconds):
    return np.sign(seconds) * np.log1p(np.abs(seconds))


def test_times_become_the_time_since_the_step_before_and_since_the_first():
    rows = [[0, 60, 3660], [], [7], [86400, 0]]
    times = pa.array(rows, pa.list_(pa.timestamp("s")))
    sequences = read(pa.table({"t": times, "age": [1, 2, 3, 4]})).sequences
    seconds = np.array([[0, 0], [60, 60], [3600, 3660], [0, 0], [0, 0], [-86400, -86400]])
    np.testing.assert_allclose(sequences.values, log_scaled(seconds), rtol=1e-6)


def test_a_missing_time_is_left_out_of_the_differences():
    rows = [[None, 10, None, 30], [None], [5, 5]]
    values = read(pa.table({"t": pa.array(rows, pa.list_(pa.timestamp("s")))})).sequences.values
    seconds = np.array([[np.nan] * 2, [0, 0], [np.nan] * 2, [20, 20], [np.nan] * 2, [0, 0], [0, 0]])
    np.testing.assert_allclose(values, log_scaled(seconds), rtol=1e-6)


def test_more_times_than_are_read_at_once_stay_in_their_places(monkeypatch):
    table = patients()
    chunked = pa.concat_tables([table[:5], table[5:30], table[30:]])
    expected = read(table).sequences.values
    monkeypatch.setattr("sklearn_rnn.data.leaves._PIECE", 4)
    for X in (table, chunked):
        np.testing.assert_array_equal(read(X).sequences.values, expected)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_unit_and_time_zone_have_no_say(unit, zone):
    rows = [[0, 60_000_000_000, 3_660_000_000_000]]
    scale = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    times = pa.array([[t // scale for t in rows[0]]], pa.list_(pa.timestamp(unit, zone)))
    values = read(pa.table({"t": times})).sequences.values
    np.testing.assert_allclose(values[:, 1], log_scaled(np.array([0, 60, 3660])), rtol=1e-6)


def test_dates_and_durations_are_numbers():
    X = pa.table(
        {
            "day": pa.array([[0, 2]], pa.list_(pa.date32())),
            "took": pa.array([[1500, 0]], pa.list_(pa.duration("ms"))),
            "born": pa.array([365], pa.date32()),
            "seen": pa.array([90_000], pa.timestamp("s")),
        }
    )
    inputs = read(X)
    elapsed = log_scaled(2 * 86400)
    np.testing.assert_allclose(inputs.sequences.values, [[0, 0, 1.5], [elapsed, elapsed, 0]])
    np.testing.assert_allclose(inputs.static.values, [[365, 90_000 / 86_400]])


# -- static columns -------------------------------------------------------------------------------


def test_static_columns_are_standardised_and_embedded(fitted):
    model, _ = fitted
    part = model.net_.module_.encoder.static.inputs
    age = np.array(patients()["age"].drop_null())
    np.testing.assert_allclose(part.numeric.mean[0], age.mean(), rtol=1e-5)
    np.testing.assert_allclose(part.numeric.scale[0], age.std(), rtol=1e-5)
    assert part.numeric.indicated.tolist() == [0]
    assert len(part.categorical) == 1
    assert part.categorical[0].embedding.num_embeddings == 4  # Rome, Oslo, none, unknown


@pytest.mark.parametrize("static_to", ["head", "state", "both"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
def test_static_columns_alone_can_be_learned_from(static_to, cell):
    rng = np.random.default_rng(0)
    age = rng.normal(size=120)
    X = pd.DataFrame({"age": age, "noise": [rng.normal(size=3) for _ in age]})
    model = RNNRegressor(
        cell=cell, static_to=static_to, hidden_size=8, num_layers=2, max_epochs=40, random_state=0
    )
    assert model.fit(X, age).score(X, age) > 0.8
    encoder = model.net_.module_.encoder
    assert (encoder.static.start is None) == (static_to == "head")
    assert (encoder.static.hidden is None) == (static_to == "state")
    assert model.transform(X).shape == (120, encoder.output_size)
    assert len(model.get_feature_names_out()) == encoder.output_size


def test_a_row_without_steps_has_a_learned_vector():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 3, size=90)
    X = pd.DataFrame({"age": rng.normal(size=90), "x": [rng.normal(size=n) for n in lengths]})
    y = np.where(lengths == 0, 3.0, 0.0)
    model = RNNRegressor(hidden_size=8, max_epochs=40, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.8
    assert model.net_.module_.encoder.of_no_steps.abs().max() > 0
    empty = X[lengths == 0]
    with_null = empty.assign(x=[[], *[None] * (len(empty) - 1)])
    np.testing.assert_array_equal(model.predict(with_null), model.predict(empty))


def test_rows_without_steps_may_be_all_there_is():
    X = pa.table({"age": [1.0, 2.0, 3.0, 4.0], "x": pa.array([[]] * 4, pa.list_(pa.float64()))})
    for pooling in POOLINGS:
        model = RNNRegressor(pooling=pooling, **SMALL).fit(X, [1.0, 2.0, 3.0, 4.0])
        assert np.isfinite(model.predict(X)).all()


def test_first_states_enter_every_layer_and_direction():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.normal(size=30), "x": [rng.normal(size=3) for _ in range(30)]})
    model = RNNRegressor(cell="lstm", num_layers=2, static_to="state", **SMALL).fit(X, X["age"])
    module = model.net_.module_.train()
    batch = {
        "values": torch.zeros(2, 3, 1),
        "lengths": torch.tensor([3, 2]),
        "static_values": torch.tensor([[1.0], [-1.0]]),
    }
    module(**batch).sum().backward()
    start = module.encoder.static.start
    assert start.weight.shape == (2 * 2 * 2 * 4, 1)
    assert (start.bias.grad != 0).all()


def test_verbose_tells_of_categories_and_static_columns(capsys):
    table = patients()
    RNNClassifier(verbose=1, **SMALL).fit(table, labels(table))
    printed = capsys.readouterr().out
    assert "4 channel(s), 3 categorical (of 3, 2, 2 categories), 5 static column(s)" in printed

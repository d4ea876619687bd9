"""PerStep applies an ordinary transformer to the steps of sequences of every form."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    KernelCenterer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import PerStep

LENGTHS = [3, 1, 4, 2, 2]
NAMES = ["a", "b", "c"]


@parametrize_with_checks([PerStep(StandardScaler()), PerStep(PCA(1))])
def test_scikit_learn_check(estimator, check):
    check(estimator)


def sequences_of(lengths=LENGTHS, n_channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, n_channels)) for n in lengths]


def expected_of(transformer, X):
    """Return what the transformer makes of all steps, cut by a loop."""
    flat = np.concatenate(X)
    result = transformer.fit_transform(pd.DataFrame(flat, columns=NAMES[: flat.shape[1]]))
    return np.split(np.asarray(result), np.cumsum([len(x) for x in X])[:-1])


def assert_sequences(result, expected):
    assert isinstance(result, np.ndarray)
    assert result.shape == (len(expected),)
    assert result.dtype == object
    for sequence, wanted in zip(result, expected, strict=True):
        assert sequence.shape == wanted.shape
        np.testing.assert_allclose(sequence, wanted, rtol=1e-12, atol=1e-12)


def assert_frame(frame, expected):
    """Assert that a frame's columns are Arrow lists and hold the channels."""
    assert all(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes)
    assert all(pa.types.is_list(dtype.pyarrow_dtype) for dtype in frame.dtypes)
    assert_sequences(stacked(frame), expected)


def stacked(frame):
    """Return the list columns of a frame side by side, as sequences."""
    rows = np.empty(len(frame), dtype=object)
    columns = [list(frame[column]) for column in frame.columns]
    for row, cells in enumerate(zip(*columns, strict=True)):
        rows[row] = np.column_stack([np.asarray(cell, dtype=float) for cell in cells])
    return rows


# -- arrays ---------------------------------------------------------------------------------------

LISTS = {
    "list": lambda X: X,
    "tuple": tuple,
    "lists": lambda X: [x.tolist() for x in X],
    "objects": lambda X: pd.Series(X).to_numpy(),
    "frames": lambda X: [pd.DataFrame(x, columns=NAMES) for x in X],
}


@pytest.mark.parametrize("form", LISTS)
@pytest.mark.parametrize("transformer", [StandardScaler(), PCA(2), SimpleImputer()])
def test_lists_become_object_arrays_of_the_same_lengths(form, transformer):
    X = sequences_of()
    expected = expected_of(transformer, X)
    model = PerStep(transformer)
    assert_sequences(model.fit_transform(LISTS[form](X)), expected)
    assert_sequences(model.fit(LISTS[form](X)).transform(LISTS[form](X)), expected)
    assert model.n_features_in_ == 3
    assert not hasattr(model, "feature_names_in_")


def test_sequences_of_one_length_stay_separate():
    X = sequences_of([2, 2, 2])
    assert_sequences(PerStep(StandardScaler()).fit_transform(X), expected_of(StandardScaler(), X))


def test_one_dimensional_sequences_are_one_channel():
    X = [np.array([1.0, 2.0]), np.array([3.0])]
    assert_sequences(
        PerStep(MinMaxScaler()).fit_transform(X), [np.array([[0.0], [0.5]]), np.array([[1.0]])]
    )


def test_three_dimensional_arrays_stay_so():
    X = np.stack(sequences_of([4] * 6))
    result = PerStep(PCA(2)).fit_transform(X)
    assert result.shape == (6, 4, 2)
    np.testing.assert_allclose(result, np.stack(expected_of(PCA(2), list(X))))


def test_two_dimensional_arrays_stay_so_with_one_output():
    X = np.random.default_rng(0).normal(size=(5, 4))
    model = PerStep(StandardScaler())
    np.testing.assert_allclose(model.fit_transform(X), (X - X.mean()) / X.std())
    assert list(model.get_feature_names_out()) == ["x0", "x1", "x2", "x3"]
    one_hot = PerStep(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"))
    assert one_hot.fit_transform(X).shape == (5, 4, 3)
    assert len(one_hot.get_feature_names_out()) == 3


def test_sequences_without_steps_stay_without():
    X = [np.ones((2, 3)), np.empty((0, 3)), np.zeros((1, 3))]
    result = PerStep(StandardScaler()).fit_transform(X)
    assert [x.shape for x in result] == [(2, 3), (0, 3), (1, 3)]
    result = PerStep(StandardScaler()).fit_transform([[1.0, 2.0], []])
    assert [x.shape for x in result] == [(2, 1), (0, 1)]


def test_text_is_encoded():
    X = [["b", "a"], ["a"], ["c", "a", "a"]]
    result = PerStep(OneHotEncoder()).fit_transform(X)
    np.testing.assert_array_equal(result[0], [[0, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(result[2], [[0, 0, 1], [1, 0, 0], [1, 0, 0]])


def test_dtype_is_that_of_the_transformer():
    X = [x.astype(np.float32) for x in sequences_of()]
    assert PerStep(StandardScaler()).fit_transform(X)[0].dtype == np.float32


def test_sequences_may_have_other_lengths_and_forms_than_in_fit():
    X = sequences_of()
    model = PerStep(StandardScaler()).fit(X)
    cube = np.stack(sequences_of([7] * 3))
    assert_sequences(model.transform(list(cube)), list(model.transform(cube)))
    one_channel = PerStep(StandardScaler()).fit([x[:, 0] for x in X])
    curves = cube[:, :, 0]
    assert one_channel.transform(curves).shape == (3, 7)
    np.testing.assert_allclose(one_channel.transform(curves), model.transform(cube)[:, :, 0])


@pytest.mark.parametrize("form", ["list", "one", "3d", "2d", "frame"])
def test_what_is_passed_is_never_written_to(form):
    X = sequences_of([3, 3])
    given = {"list": X, "one": X[:1], "3d": np.array(X), "2d": np.array(X)[:, :, 0]}
    given["frame"] = pd.DataFrame({"x": pd.Series(X)})
    before = pickle.dumps(given[form])
    PerStep(StandardScaler(copy=False)).fit_transform(given[form])
    assert pickle.dumps(given[form]) == before


# -- frames ---------------------------------------------------------------------------------------


def list_table(X):
    return pa.table({n: [x[:, i].tolist() for x in X] for i, n in enumerate(NAMES)})


def struct_table(X):
    rows = [pd.DataFrame(x, columns=NAMES).to_dict("records") for x in X]
    return pa.table({"events": rows})


def arrow_pandas(table):
    return table.to_pandas(types_mapper=pd.ArrowDtype)


FRAMES = {
    "pyarrow": list_table,
    "pyarrow-structs": struct_table,
    "batch": lambda X: list_table(X).to_batches()[0],
    "pandas": lambda X: arrow_pandas(list_table(X)),
    "pandas-structs": lambda X: arrow_pandas(struct_table(X)),
    "pandas-dicts": lambda X: pd.DataFrame({"events": struct_table(X)["events"].to_pylist()}),
    "pandas-series": lambda X: arrow_pandas(struct_table(X))["events"],
    "pandas-lists": lambda X: pd.DataFrame(list_table(X).to_pydict()),
    "pandas-arrays": lambda X: pd.DataFrame(
        {n: pd.Series([x[:, i] for x in X]) for i, n in enumerate(NAMES)}
    ),
    "polars": lambda X: pl.from_arrow(list_table(X)),
    "polars-structs": lambda X: pl.from_arrow(struct_table(X)),
    "polars-series": lambda X: pl.from_arrow(struct_table(X))["events"],
    "arrow-column": lambda X: struct_table(X)["events"],
    "arrow-array": lambda X: struct_table(X)["events"].combine_chunks(),
}


@pytest.mark.parametrize("form", FRAMES)
@pytest.mark.parametrize("transformer", [StandardScaler(), PCA(2)])
def test_frames_become_list_columns_named_by_the_outputs(form, transformer):
    X = sequences_of()
    model = PerStep(transformer)
    frame = model.fit_transform(FRAMES[form](X))
    assert isinstance(frame, pd.DataFrame)
    assert_frame(frame, expected_of(transformer, X))
    assert_frame(model.transform(FRAMES[form](X)), expected_of(transformer, X))
    assert list(frame.columns) == list(model.get_feature_names_out())
    assert list(model.transformer_.feature_names_in_) == NAMES
    single = "x0" if form.startswith("arrow-") else "events"
    names = [single] if form.endswith(("structs", "dicts", "series", "column", "array")) else NAMES
    assert list(model.feature_names_in_) == names
    assert model.n_features_in_ == len(names)


@pytest.mark.parametrize("to", FRAMES)
@pytest.mark.parametrize("fitted", ["list", "pandas-structs", "polars"])
def test_a_frame_of_another_kind_may_come_after_fit(fitted, to):
    X = sequences_of()
    model = PerStep(StandardScaler()).fit(X if fitted == "list" else FRAMES[fitted](X))
    assert_frame(model.transform(FRAMES[to](X)), expected_of(StandardScaler(), X))
    assert_sequences(model.transform(X), expected_of(StandardScaler(), X))


def test_columns_are_found_by_name():
    X = sequences_of()
    model = PerStep(StandardScaler()).fit(list_table(X))
    turned = model.transform(list_table(X).select(["c", "a", "b"]))
    pd.testing.assert_frame_equal(turned, model.transform(list_table(X)))


def test_index_is_kept():
    X = arrow_pandas(list_table(sequences_of())).set_axis([9, 7, 5, 3, 1])
    assert list(PerStep(StandardScaler()).fit_transform(X).index) == [9, 7, 5, 3, 1]


def test_arrays_of_several_channels_in_cells_are_split_into_columns():
    X = sequences_of()
    rows = {
        "pandas": pd.DataFrame({"x": pd.Series(X)}),
        "lists": pa.table({"x": [x.tolist() for x in X]}),
        "fixed": pa.table(
            {"x": pa.array([x.tolist() for x in X], pa.list_(pa.list_(pa.float64(), 3)))}
        ),
    }
    for frame in rows.values():
        result = PerStep(StandardScaler()).fit_transform(frame)
        assert list(result.columns) == ["x_0", "x_1", "x_2"]
        assert_frame(result, expected_of(StandardScaler(), X))


def test_null_vectors_lack_all_channels():
    frame = pa.table({"x": [[[1.0, 2.0], None], [[3.0, 6.0]]]})
    result = PerStep(SimpleImputer()).fit_transform(frame)
    assert list(result.loc[0, "x_0"]) == [1.0, 2.0]
    assert list(result.loc[0, "x_1"]) == [2.0, 4.0]


def test_nulls_reach_the_transformer_as_missing():
    frame = pa.table({"x": pa.array([[1, None], [3]])})
    result = PerStep(SimpleImputer()).fit_transform(frame)
    assert [list(cell) for cell in result["x"]] == [[1.0, 2.0], [3.0]]


def test_column_transformers_choose_fields_inside():
    rows = [[{"ward": "n", "pulse": 60}, {"ward": "s", "pulse": 70}], [{"ward": "s", "pulse": 80}]]
    inner = make_column_transformer((OneHotEncoder(), ["ward"]), (MinMaxScaler(), ["pulse"]))
    model = PerStep(inner)
    for frame in (pa.table({"e": rows}), pl.DataFrame({"e": rows}), pd.DataFrame({"e": rows})):
        result = model.fit_transform(frame)
        assert list(result.columns) == [
            "onehotencoder__ward_n",
            "onehotencoder__ward_s",
            "minmaxscaler__pulse",
        ]
        np.testing.assert_array_equal(stacked(result)[0], [[1, 0, 0], [0, 1, 0.5]])


def test_categories_of_every_kind_are_encoded():
    cells = [["b", "a"], ["a"]]
    texts = pa.array(cells)
    categories = pa.array(cells, pa.list_(pa.dictionary(pa.int8(), pa.string())))
    for array in (texts, categories):
        for frame in (pa.table({"x": array}), pl.from_arrow(pa.table({"x": array}))):
            result = PerStep(OneHotEncoder()).fit_transform(frame)
            assert list(result.columns) == ["x_a", "x_b"]
            assert list(result.loc[0, "x_b"]) == [1.0, 0.0]


def test_outputs_may_be_text():
    frame = pa.table({"x": pa.array([["b", None], ["b"]])})
    result = PerStep(SimpleImputer(strategy="most_frequent")).fit_transform(frame)
    assert [list(cell) for cell in result["x"]] == [["b", "b"], ["b"]]


def test_frames_without_list_columns_are_two_dimensional_arrays():
    X = pd.DataFrame({"t0": [1.0, 2.0], "t1": [3.0, 4.0]}, index=[5, 6])
    model = PerStep(MinMaxScaler())
    expected = np.array([[0, 2], [1, 3]]) / 3
    for frame in (X, pl.from_pandas(X), pa.Table.from_pandas(X, preserve_index=False)):
        np.testing.assert_allclose(model.fit_transform(frame), expected)
        assert list(model.feature_names_in_) == ["t0", "t1"]
    as_frame = model.set_output(transform="pandas").fit_transform(X)
    pd.testing.assert_frame_equal(as_frame, pd.DataFrame(expected, [5, 6], ["t0", "t1"]))


# -- containers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["list", "3d", "pandas", "polars"])
def test_set_output_gives_list_columns_of_the_wanted_kind(form):
    X = sequences_of([3, 3, 3] if form == "3d" else LENGTHS)
    given = {"list": X, "3d": np.array(X) if form == "3d" else None}.get(form)
    given = FRAMES[form](X) if given is None else given
    expected = expected_of(StandardScaler(), X)
    names = NAMES if form in FRAMES else ["x0", "x1", "x2"]
    model = PerStep(StandardScaler()).set_output(transform="pandas")
    assert_frame(model.fit_transform(given), expected)
    assert list(model.transform(given).columns) == names
    of_polars = clone(model.set_output(transform="polars")).fit_transform(given)
    assert isinstance(of_polars, pl.DataFrame)
    assert of_polars.schema == dict.fromkeys(names, pl.List(pl.Float64))
    assert_sequences(stacked(of_polars), expected)
    with config_context(transform_output="polars"):
        assert isinstance(PerStep(StandardScaler()).fit_transform(given), pl.DataFrame)
        default = PerStep(StandardScaler()).set_output(transform="default").fit_transform(given)
        assert not isinstance(default, pl.DataFrame)
    assert model.set_output() is model


def test_a_two_dimensional_array_after_a_fit_on_sequences_is_a_sequence_a_row():
    X = [x[:, :1] for x in sequences_of()]
    curves = np.arange(6.0).reshape(2, 3)
    model = PerStep(StandardScaler()).fit(X)
    expected = list(model.transform(curves)[:, :, None])
    assert_frame(model.set_output(transform="pandas").transform(curves), expected)


@pytest.mark.parametrize("inner", ["default", "pandas", "polars"])
def test_the_transformers_own_container_does_not_matter(inner):
    X = sequences_of()
    expected = expected_of(StandardScaler(), X)
    model = PerStep(StandardScaler().set_output(transform=inner))
    assert_sequences(model.fit_transform(X), expected)
    assert_frame(model.fit_transform(list_table(X)), expected)


def test_outputs_are_named_for_transformers_that_give_no_names():
    X = sequences_of()
    same = PerStep(FunctionTransformer(np.tanh))
    assert list(same.fit_transform(list_table(X)).columns) == NAMES
    assert not hasattr(same, "get_feature_names_out")
    twice = PerStep(FunctionTransformer(lambda rows: np.column_stack([rows, rows])))
    columns = twice.fit_transform(list_table(X)).columns
    assert list(columns) == [f"functiontransformer{i}" for i in range(6)]
    assert list(same.set_output(transform="pandas").fit_transform(X).columns) == ["x0", "x1", "x2"]


def patients():
    frame = arrow_pandas(struct_table(sequences_of()))
    return frame.assign(age=[30.0, 40.0, 50.0, 60.0, 70.0], ward=list("nsnsn"))


def test_column_transformers_put_sequences_beside_single_values():
    frame = patients()
    select = ColumnTransformer(
        [("steps", PerStep(PCA(2)), ["events"]), ("age", StandardScaler(), ["age"])],
        verbose_feature_names_out=False,
    )
    expected = expected_of(PCA(2), sequences_of())
    result = clone(select).set_output(transform="pandas").fit_transform(frame)
    assert list(result.columns) == ["pca0", "pca1", "age"]
    assert_frame(result[["pca0", "pca1"]], expected)
    assert result["age"].dtype == np.float64
    of_polars = clone(select).set_output(transform="polars").fit_transform(pl.from_pandas(frame))
    assert of_polars.schema == {"pca0": pl.List(pl.Float64), "pca1": pl.List(pl.Float64)} | {
        "age": pl.Float64
    }
    assert_sequences(stacked(of_polars.select("pca0", "pca1")), expected)


def test_column_transformers_without_a_frame_stack_cells():
    frame = patients()
    select = ColumnTransformer(
        [("steps", PerStep(StandardScaler()), ["events"]), ("age", StandardScaler(), ["age"])]
    )
    result = select.fit_transform(frame)
    assert result.shape == (5, 4)
    assert result.dtype == object
    expected = expected_of(StandardScaler(), sequences_of())
    np.testing.assert_allclose(np.column_stack(result[2, :3]), expected[2])
    assert list(select.get_feature_names_out()) == ["steps__a", "steps__b", "steps__c", "age__age"]
    again = PerStep(StandardScaler()).fit_transform(result[:, :3])
    assert list(again.columns) == ["x0", "x1", "x2"]
    assert_frame(again, expected)


def test_column_transformers_may_name_one_column():
    select = ColumnTransformer([("steps", PerStep(StandardScaler()), "events")])
    result = select.set_output(transform="pandas").fit_transform(patients())
    assert_frame(result, expected_of(StandardScaler(), sequences_of()))


# -- as an estimator ------------------------------------------------------------------------------


def test_a_pipeline_searches_the_transformers_parameters(sequences):
    X, y = sequences
    pipeline = make_pipeline(
        PerStep(PCA()), RNNClassifier(hidden_size=2, max_epochs=1, random_state=0)
    )
    search = GridSearchCV(pipeline, {"perstep__transformer__n_components": [1, 2]}, cv=2)
    for form in (X, list_table(X), arrow_pandas(struct_table(X))):
        search.fit(form, y)
        assert search.best_estimator_[0].transformer_.n_components in (1, 2)
        assert search.predict(form).shape == (24,)


def test_parameters_reach_the_transformer():
    model = PerStep(PCA(1)).set_params(transformer__n_components=2)
    assert clone(model).get_params()["transformer__n_components"] == 2
    assert model.fit(sequences_of()).transform(sequences_of())[0].shape == (3, 2)
    assert not hasattr(model.transformer, "components_")


def test_a_pickled_one_transforms_alike():
    X = list_table(sequences_of())
    model = PerStep(PCA(2)).set_output(transform="polars").fit(X)
    assert pickle.loads(pickle.dumps(model)).transform(X).equals(model.transform(X))


def test_tags_are_those_of_the_transformer():
    assert get_tags(PerStep(StandardScaler())).input_tags.allow_nan
    assert not get_tags(PerStep(PCA())).input_tags.allow_nan
    assert get_tags(PerStep(OneHotEncoder())).input_tags.categorical
    assert get_tags(PerStep(PCA())).input_tags.two_d_array
    assert get_tags(PerStep(None)).input_tags.two_d_array


@pytest.mark.parametrize("form", ["list", "3d", "2d", "pandas"])
def test_inverse_transform_undoes_the_transform(form):
    X = sequences_of([3] * 4, n_channels=1 if form == "2d" else 3)
    if form == "pandas":
        frame = arrow_pandas(struct_table(X))
        model = PerStep(StandardScaler()).fit(frame)
        back = model.inverse_transform(model.transform(frame))
        assert list(back.columns) == NAMES
        assert_frame(back, X)
        return
    X = {"list": X, "3d": np.array(X), "2d": np.array(X).reshape(4, -1)}[form]
    model = PerStep(StandardScaler())
    back = model.inverse_transform(model.fit_transform(X))
    np.testing.assert_allclose(np.stack(back), np.stack(X))


def test_inverse_transform_gives_a_frame_the_names_of_channels():
    X = sequences_of()
    for model, names in (
        (PerStep(PCA(3)).fit(X), ["x0", "x1", "x2"]),
        (PerStep(PCA(3)).fit(list_table(X)), NAMES),
        (PerStep(make_pipeline(PCA(3), PCA(3))).fit(list_table(X)), NAMES),
    ):
        frame = model.set_output(transform="polars").transform(X)
        back = model.inverse_transform(frame)
        assert list(back.columns) == names
        assert_frame(back, X)
    frame = PerStep(PCA(2)).fit(X).set_output(transform="pandas").transform(X)
    assert list(PerStep(PCA(2)).fit(X).inverse_transform(frame).columns) == ["x0", "x1", "x2"]


def test_feature_unions_join_outputs_inside():
    X = sequences_of()
    union = FeatureUnion([("scaled", StandardScaler()), ("pca", PCA(2))])
    result = PerStep(union).fit_transform(list_table(X))
    assert [name.split("__")[0] for name in result.columns] == ["scaled"] * 3 + ["pca"] * 2
    assert_sequences(stacked(result[["pca__pca0", "pca__pca1"]]), expected_of(PCA(2), X))


def test_results_may_be_lists():
    X = sequences_of()
    listed = PerStep(FunctionTransformer(np.ndarray.tolist))
    assert_sequences(listed.fit_transform(X), X)


def test_inverse_transform_of_several_outputs_gives_two_dimensions_back():
    X = np.array([["a", "b"], ["c", "a"]], dtype=object)
    model = PerStep(OneHotEncoder())
    np.testing.assert_array_equal(model.inverse_transform(model.fit_transform(X)), X)


def test_inverse_transform_is_there_where_the_transformer_has_it():
    assert hasattr(PerStep(StandardScaler()), "inverse_transform")
    assert not hasattr(PerStep(KernelCenterer()), "inverse_transform")


def test_a_failed_fit_leaves_all_as_it_was():
    X = sequences_of()
    model = PerStep(PCA(2)).fit(X)
    with pytest.raises(ValueError, match="n_components=2 must be between"):
        model.fit([np.ones((3, 1))])
    assert model.n_features_in_ == 3
    assert_sequences(model.transform(X), expected_of(PCA(2), X))


# -- errors ---------------------------------------------------------------------------------------


class DropsRows(BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X[1:]


UNREADABLE = {
    "null": ([None], TypeError, r"Row 0 of X must be an array .* Got NoneType instead\.$"),
    "text": (["abc"], TypeError, r"Row 0 of X .* Got str instead\. For its characters pass"),
    "ragged": ([[[1.0], [1.0, 2.0]], [1.0]], ValueError, r"Row 0 of X can't be read as an array"),
    "numbers": (
        [np.ones(2), 3.0],
        ValueError,
        r"Row 1 of X has 0 dimensions\. Expected \(n_steps, n_channels\)",
    ),
    "channels": (
        [np.ones((2, 3)), np.ones((2, 2))],
        ValueError,
        r"Row 1 of X has 2 channel\(s\), but row 0 has 3\. All sequences need the same",
    ),
    "kinds": ([[1.0], ["a", "b"]], TypeError, r"Row 1 of X holds text, but row 0 holds numbers"),
    "kinds-turned": (
        [["a", "b"], [1.0]],
        TypeError,
        r"Row 1 of X holds numbers, but row 0 holds t",
    ),
    "no-samples": ([], ValueError, r"0 sample\(s\).*"),
    "no-steps": ([np.ones((0, 2))], ValueError, r"X has 0 step\(s\) of 2 channel\(s\) in all"),
    "no-channels": ([np.ones((3, 0))], ValueError, r"X has 3 step\(s\) of 0 channel\(s\) in all"),
    "four": (np.ones((2, 2, 2, 2)), ValueError, r"Found array with dim 4"),
    "nothing": (None, TypeError, r"X must be a list of sequences, .* Got NoneType instead"),
    "string": ("abc", TypeError, r"X must be a list of sequences, .* Got str instead"),
    "lazy": (pl.LazyFrame({"a": [[1]]}), TypeError, r"X is a LazyFrame\. Call '\.collect\(\)'"),
    "one": (np.ones(3), ValueError, r"Expected 2D array, got 1D array instead"),
    "single-values": (
        pa.table({"a": [[1.0]], "age": [3], "ward": ["n"]}),
        ValueError,
        r"X has columns of single values, 'age', 'ward', beside list columns, 'a'\. Select the "
        r"list columns by a ColumnTransformer",
    ),
    "unequal": (
        pa.table({"a": [[1.0]], "b": [[1.0, 2.0]]}),
        ValueError,
        r"Row 0 of X has 1 step\(s\) in column 'a', but 2 in column 'b'",
    ),
    "twice": (
        pa.table({"a": [[{"x": 1}]], "b": [[{"x": 2}]]}),
        ValueError,
        r"list columns of X hold more than one field named 'x'",
    ),
    "vectors-unequal": (
        pa.table({"a": [[[1.0], [1.0, 2.0]]]}),
        ValueError,
        r"Column 'a' of X holds steps of 1 and of 2 channel\(s\)",
    ),
    "vectors-named-twice": (
        pa.table({"a": [[[1.0]]], "a_0": [[1.0]]}),
        ValueError,
        r"X would have more than one channel named 'a_0'\. Rename",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_named(case):
    X, error, message = UNREADABLE[case]
    with pytest.raises(error, match=message):
        PerStep(StandardScaler()).fit(X)


@pytest.mark.parametrize("transformer", [None, 3, StandardScaler, Ridge()])
def test_transformer_must_be_one(transformer):
    with pytest.raises(TypeError, match=r"'transformer' parameter of PerStep must be an instance"):
        PerStep(transformer).fit(sequences_of())


def test_channels_must_be_those_of_fit():
    X = sequences_of()
    with pytest.raises(ValueError, match=r"X has 3 channel\(s\), but PerStep was fitted with 1"):
        PerStep(StandardScaler()).fit([x[:, 0] for x in X]).transform(X)
    model = PerStep(StandardScaler()).fit(list_table(X))
    with pytest.raises(ValueError, match=r"X has 'd', unseen in fit and lacks 'c'\. Its list"):
        model.transform(list_table(X).rename_columns(["a", "b", "d"]))
    with pytest.raises(ValueError, match=r"PerStep was fitted with: X lacks 'c'\."):
        model.transform(list_table(X).select(["a", "b"]))


def test_rows_of_the_result_must_be_the_steps():
    with pytest.raises(ValueError, match=r"DropsRows returned an array of shape \(11, 3\) for 12"):
        PerStep(DropsRows()).fit_transform(sequences_of())


def test_containers_must_be_known():
    with pytest.raises(ValueError, match=r"'transform' parameter of set_output .* Got 'numpy'"):
        PerStep(StandardScaler()).set_output(transform="numpy")


def test_results_of_mixed_types_are_named():
    mixed = FunctionTransformer(lambda rows: np.array([["a"], [1.0]], dtype=object))
    with pytest.raises(TypeError, match=r"cells of column 'a' of the result can't be brought to"):
        PerStep(mixed).fit_transform(pa.table({"a": [[1.0, 2.0]]}))


def test_selecting_features_shortens_the_outputs():
    X = [np.column_stack([x, np.ones(len(x))]) for x in sequences_of()]
    assert PerStep(VarianceThreshold()).fit_transform(X)[0].shape == (3, 3)


@pytest.mark.parametrize("form", ["arrow", "polars", "pandas", "pandas objects"])
def test_per_step_takes_a_null_sequence_for_one_of_no_steps(form):
    X = pa.table({"a": [[1.0, 3.0], None, [5.0]]})
    if form == "polars":
        X = pl.from_arrow(X)
    elif form != "arrow":
        X = X.to_pandas(types_mapper=pd.ArrowDtype if form == "pandas" else None)
    result = PerStep(StandardScaler(with_std=False)).fit_transform(X)
    assert [list(row) for row in result["a"]] == [[-2.0, 0.0], [], [2.0]]


# -- no steps at all ------------------------------------------------------------------------------

NO_STEPS = {
    "list": [[], []],
    "arrays": [np.empty((0, 3)), np.empty((0, 3))],
    "objects": pd.Series([np.empty((0, 3))] * 2).to_numpy(),
    "3d": np.empty((2, 0, 3)),
    "2d": np.empty((2, 0)),
    "pyarrow": list_table(sequences_of([0, 0])),
    "pyarrow-structs": pa.table(
        {"events": pa.array([[], None], struct_table(sequences_of())["events"].type)}
    ),
    "polars": pl.DataFrame({name: [[], []] for name in NAMES}),
    "pandas": pd.DataFrame({name: [[], None] for name in NAMES}, index=[7, 9]),
    "typed": arrow_pandas(pa.table(dict.fromkeys(NAMES, pa.nulls(2, pa.list_(pa.float64()))))),
}


@pytest.mark.parametrize("fitted", ["list", "pyarrow"])
@pytest.mark.parametrize("form", NO_STEPS)
@pytest.mark.parametrize("transformer", [StandardScaler(), PCA(2)])
def test_all_sequences_may_be_without_steps_after_fit(form, fitted, transformer):
    X, empty = sequences_of(), NO_STEPS[form]
    model = PerStep(transformer).fit(X if fitted == "list" else list_table(X))
    result = model.transform(empty)
    n_outputs = model.transform(X)[0].shape[1]
    names = list(model.get_feature_names_out())
    if form in ("2d", "3d"):
        assert result.shape == (2, 0, n_outputs)
    elif form in ("list", "arrays", "objects"):
        assert [x.shape for x in result] == [(0, n_outputs)] * 2
        assert all(x.dtype == np.float64 for x in result)
    else:
        assert list(result.columns) == names
        assert_frame(result, [np.empty((0, n_outputs))] * 2)
        assert (result.dtypes == pd.ArrowDtype(pa.list_(pa.float64()))).all()
    if form == "pandas":
        assert list(result.index) == [7, 9]
    back = model.inverse_transform(result)
    if form == "3d":
        assert back.shape == empty.shape
    else:
        assert len(back) == 2
    of_polars = model.set_output(transform="polars").transform(empty)
    assert of_polars.schema == dict.fromkeys(names, pl.List(pl.Float64))


def test_structs_and_vectors_may_be_without_steps():
    X = sequences_of()
    for fitted, column in ((struct_table(X), "events"), (pd.DataFrame({"x": pd.Series(X)}), "x")):
        model = PerStep(PCA(2)).fit(fitted)
        for cells in ([[], []], [None, []], [None, None]):
            result = model.transform(pd.DataFrame({column: cells}))
            assert_frame(result, [np.empty((0, 2))] * 2)
    one_hot = PerStep(OneHotEncoder()).fit([["a", "b"], ["a"]])
    assert [x.shape for x in one_hot.transform([[], []])] == [(0, 2), (0, 2)]


def test_channels_of_sequences_without_steps_are_compared_where_known():
    model = PerStep(PCA(2)).fit(list_table(sequences_of()))
    with pytest.raises(ValueError, match=r"X has 5 channel\(s\), but PerStep was fitted with 3"):
        model.transform(np.empty((2, 0, 5)))
    with pytest.raises(ValueError, match=r"X has 5 channel\(s\), but PerStep returns 2\."):
        model.inverse_transform(np.empty((2, 0, 5)))
    with pytest.raises(ValueError, match=r"X has 'd', unseen in fit and lacks 'a', 'b', 'c'"):
        model.transform(pd.DataFrame({"d": [[], []]}))


ALL_NULL = {
    "pandas": pd.DataFrame({name: [None, None] for name in NAMES}, index=[7, 9]),
    "nan": pd.DataFrame({name: [np.nan, np.nan] for name in NAMES}),
    "beside": pd.DataFrame({"a": [None, None], "b": [[], []], "c": [None, []]}),
    "pyarrow": pa.table(dict.fromkeys(NAMES, pa.nulls(2))),
    "batch": pa.table(dict.fromkeys(NAMES, pa.nulls(2))).to_batches()[0],
    "polars": pl.DataFrame({name: [None, None] for name in NAMES}),
}


@pytest.mark.parametrize("form", ALL_NULL)
def test_columns_of_nulls_are_null_sequences_where_lists_were_in_fit(form):
    model = PerStep(StandardScaler()).fit(list_table(sequences_of()))
    result = model.transform(ALL_NULL[form])
    assert list(result.columns) == NAMES
    assert_frame(result, [np.empty((0, 3))] * 2)
    if form == "pandas":
        assert list(result.index) == [7, 9]


def test_a_column_of_nulls_alone_is_null_sequences():
    model = PerStep(StandardScaler()).fit(pd.Series([[1.0, 2.0]], name="x"))
    result = model.transform(pd.Series([None, None], name="x"))
    assert [list(cell) for cell in result["x"]] == [[], []]

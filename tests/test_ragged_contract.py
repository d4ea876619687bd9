"""Every form of X goes through scikit-learn's tools, with the same numbers coming out.

A form says how the same sequences are held; a tool is a scikit-learn function or meta-estimator
around a small network, turned into one array of results. Each tool is given each form, and must
return bit for bit what it returns for the plainest form of the same numbers.

Left out, because scikit-learn converts X to a table before the network sees it:
``BaggingClassifier``, ``AdaBoostClassifier``, ``SelfTrainingClassifier``, ``ClassifierChain``,
``RegressorChain``, ``OneVsOneClassifier``, ``OutputCodeClassifier``, ``RFE`` and
``StackingClassifier(passthrough=True)``.
``ColumnTransformer`` and ``permutation_importance`` pick columns, which arrays have none of.
"""

import copy
import io
import pickle
from functools import cache

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (importing it switches it on)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNClassifier, RNNRegressor

N_SAMPLES = 24
RNG = np.random.default_rng(0)
LENGTHS = {"ragged": RNG.permutation(np.arange(N_SAMPLES) % 7 + 3), "rectangular": [5] * N_SAMPLES}
LABELS = np.array(["down", "up"])[RNG.permutation(np.arange(N_SAMPLES) % 2)]
THREE_LABELS = RNG.permutation(np.arange(N_SAMPLES) % 3)
NUMBERS = RNG.normal(size=N_SAMPLES)
NUMBER_PAIRS = RNG.normal(size=(N_SAMPLES, 2))
WEIGHTS = RNG.uniform(0.5, 2, size=N_SAMPLES)
GROUPS = np.arange(N_SAMPLES) % 5


@cache
def sequences(shape, n_channels, missing):
    """Return a list of float64 arrays (n_steps, n_channels) of whole numbers, some missing."""
    rng = np.random.default_rng(n_channels)
    rows = [rng.integers(-9, 10, size=(n, n_channels)).astype(float) for n in LENGTHS[shape]]
    if missing:
        for row in rows[::2]:
            row[rng.integers(len(row)), rng.integers(n_channels)] = np.nan
    return rows


# -- forms: how the rows, arrays of shape (n_steps, n_channels), are held -------------------------


def objects(rows):
    """Return a 1-D object array, filled one by one lest equal lengths make it 3-D."""
    array = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        array[i] = row
    return array


def series(rows):
    return pd.Series(objects(rows), index=np.arange(len(rows))[::-1])


def flat(rows):
    """Return the only channel of each row as a 1-D array."""
    return [row[:, 0] for row in rows]


def nested(rows):
    return [row.tolist() for row in rows]


def nested_with_none(rows):
    return [[[None if v != v else v for v in step] for step in row] for row in nested(rows)]


def read_only(array):
    array.flags.writeable = False
    return array


def columns(rows):
    """Return a dict of one list of 1-D arrays a channel."""
    return {f"c{i}": [row[:, i] for row in rows] for i in range(rows[0].shape[1])}


def arrow_table(rows):
    return pa.table({name: pa.array(column) for name, column in columns(rows).items()})


def arrow_table_with_nulls(rows):
    """Return the same with null in the place of NaN."""
    return pa.table(
        {
            name: [[None if x != x else x for x in row.tolist()] for row in column]
            for name, column in columns(rows).items()
        }
    )


def arrow_steps(rows):
    """Return a column of lists of steps, a null step where all numbers are missing."""
    return pa.array([[None if np.isnan(step).all() else step for step in row] for row in rows])


def arrow_structs(rows):
    """Return a column of lists of structs of one field a channel."""
    return pa.array([[{f"c{i}": x for i, x in enumerate(step)} for step in row] for row in rows])


def pandas_arrow(table):
    return table.to_pandas(types_mapper=pd.ArrowDtype)


FRAMES = {
    "arrow": arrow_table,
    "arrow-with-nulls": arrow_table_with_nulls,
    "arrow-of-steps": lambda rows: pa.table({"s": arrow_steps(rows)}),
    "arrow-column-of-steps": arrow_steps,
    "arrow-batch": lambda rows: arrow_table(rows).to_batches()[0],
    "pandas-arrow": lambda rows: pandas_arrow(arrow_table(rows)),
    "pandas-arrow-of-structs": lambda rows: pandas_arrow(pa.table({"s": arrow_structs(rows)})),
    "pandas-column-of-structs": lambda rows: pandas_arrow(pa.table({"s": arrow_structs(rows)}))[
        "s"
    ],
    "pandas-objects": lambda rows: pd.DataFrame(columns(rows)),
    "pandas-objects-of-2d": lambda rows: pd.DataFrame({"s": series(rows)}),
    "polars": lambda rows: pl.from_arrow(arrow_table(rows)),
    "polars-of-structs": lambda rows: pl.DataFrame({"s": arrow_structs(rows)}),
    "polars-column-of-steps": lambda rows: pl.Series(arrow_steps(rows)),
}
ANY = {
    "list-of-2d": list,
    "tuple-of-2d": tuple,
    "objects-of-2d": objects,
    "series-of-2d": series,
    "list-of-nested-lists": nested,
    "list-of-nested-lists-with-None": nested_with_none,
    "list-of-frames": lambda rows: [pd.DataFrame(row) for row in rows],
    "list-of-read-only-2d": lambda rows: [read_only(row.copy()) for row in rows],
}
ONE_CHANNEL = {
    "list-of-1d": flat,
    "tuple-of-1d": lambda rows: tuple(flat(rows)),
    "objects-of-1d": lambda rows: objects(flat(rows)),
    "series-of-1d": lambda rows: series(flat(rows)),
    "list-of-series": lambda rows: [pd.Series(row) for row in flat(rows)],
    "list-of-lists": lambda rows: nested(flat(rows)),
    "tuple-of-tuples": lambda rows: tuple(map(tuple, nested(flat(rows)))),
    "list-of-1d-and-2d": lambda rows: [*flat(rows[:5]), *rows[5:]],
}
RECTANGULAR = {
    "3d": np.stack,
    "3d-fortran": lambda rows: np.asfortranarray(np.stack(rows)),
    "3d-objects": lambda rows: np.stack(rows).astype(object),
    "3d-read-only": lambda rows: read_only(np.stack(rows)),
}
TABLE = {
    "2d": lambda rows: np.stack(flat(rows)),
    "2d-objects": lambda rows: np.stack(flat(rows)).astype(object),
    "frame-of-plain-columns": lambda rows: pd.DataFrame(np.stack(flat(rows))).add_prefix("step"),
}
FORMS = ANY | FRAMES | ONE_CHANNEL | RECTANGULAR | TABLE
FORMS_OF = {
    ("ragged", 2): [*ANY, *FRAMES],
    ("ragged", 1): [*ANY, *FRAMES, *ONE_CHANNEL],
    ("rectangular", 2): [*ANY, *FRAMES, *RECTANGULAR],
    ("rectangular", 1): [*ANY, *FRAMES, *ONE_CHANNEL, *RECTANGULAR, *TABLE],
}
DTYPES = ["float64", "float32", "int64", "float32 with NaN"]


def held(form, shape, n_channels, dtype):
    dtype, _, missing = dtype.partition(" with ")
    return FORMS[form]([row.astype(dtype) for row in sequences(shape, n_channels, bool(missing))])


def small(estimator, **params):
    settings = {"cell": "lstm", "hidden_size": 4, "max_epochs": 1, "batch_size": 12, "lr": 0.1}
    return estimator(**settings | {"device": "cpu", "random_state": 0} | params)


@cache
def fitted(shape, n_channels, missing):
    return small(RNNClassifier).fit(sequences(shape, n_channels, missing), THREE_LABELS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "n_channels", "form"), [(*family, f) for family in FORMS_OF for f in FORMS_OF[family]]
)
def test_forms_of_equal_numbers_give_equal_predictions(shape, n_channels, form, dtype):
    rows = sequences(shape, n_channels, "NaN" in dtype)
    X = held(form, shape, n_channels, dtype)
    expected_model = fitted(shape, n_channels, "NaN" in dtype)
    expected = expected_model.predict_proba(rows)
    np.testing.assert_array_equal(expected_model.predict_proba(X), expected)

    model = small(RNNClassifier).fit(X, THREE_LABELS)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    np.testing.assert_array_equal(model.predict_proba(rows), expected)
    np.testing.assert_array_equal(model.predict(X), expected_model.predict(rows))
    np.testing.assert_array_equal(model.transform(X), expected_model.transform(rows))


# -- tools: X -> one array of results -------------------------------------------------------------

LSTM, GRU = small(RNNClassifier), small(RNNClassifier, cell="gru")
REGRESSOR, OTHER_REGRESSOR = small(RNNRegressor), small(RNNRegressor, cell="rnn")
GRID = {"hidden_size": [2, 3], "cell": ["rnn"]}


def probabilities(model, X, y=LABELS):
    return model.fit(X, y).predict_proba(X)


def numbers(model, X, y=NUMBERS):
    return model.fit(X, y).predict(X)


def searched(search, X):
    """Return the scores of all candidates and the probabilities of the best, fitted anew."""
    found = probabilities(search, X)
    return np.concatenate([search.cv_results_["mean_test_score"], found.ravel()])


def split_in_two(X):
    X_train, X_test, y_train, _ = train_test_split(X, LABELS, stratify=LABELS, random_state=0)
    return clone(LSTM).fit(X_train, y_train).predict_proba(X_test)


def several_scores(X):
    scores = cross_validate(LSTM, X, LABELS, cv=2, scoring=["neg_log_loss", "roc_auc"])
    return np.stack([scores["test_neg_log_loss"], scores["test_roc_auc"]])


def dumped_and_loaded(X):
    file = io.BytesIO()
    joblib.dump(clone(LSTM).fit(X, LABELS), file)
    file.seek(0)
    return joblib.load(file).predict_proba(X)


def outputs_in_columns(X):
    y = np.stack([LABELS, THREE_LABELS.astype(str)], axis=1)
    return np.hstack(MultiOutputClassifier(clone(LSTM)).fit(X, y).predict_proba(X))


def threshold_tuned(X):
    model = TunedThresholdClassifierCV(LSTM, cv=2, thresholds=5).fit(X, LABELS)
    return np.concatenate([[model.best_threshold_, model.best_score_], model.decision_function(X)])


LOSS = {"cv": 2, "scoring": "neg_log_loss"}
TOOLS = {
    "train_test_split": split_in_two,
    "cross_val_score": lambda X: cross_val_score(LSTM, X, LABELS, **LOSS),
    "cross_val_predict": lambda X: cross_val_predict(LSTM, X, THREE_LABELS, cv=2),
    "cross_val_predict-probabilities": lambda X: cross_val_predict(
        LSTM, X, LABELS, cv=2, method="predict_proba"
    ),
    "cross_val_score-groups": lambda X: cross_val_score(
        LSTM, X, LABELS, groups=GROUPS, cv=GroupKFold(2), scoring="neg_log_loss"
    ),
    "cross_val_score-weights": lambda X: cross_val_score(
        LSTM, X, LABELS, params={"sample_weight": WEIGHTS}, **LOSS
    ),
    "cross_val_predict-early_stopping": lambda X: cross_val_predict(
        clone(LSTM).set_params(early_stopping=True), X, LABELS, cv=2, method="predict_proba"
    ),
    "cross_validate": several_scores,
    "learning_curve": lambda X: np.hstack(
        learning_curve(LSTM, X, LABELS, train_sizes=[0.6, 1.0], **LOSS)[1:3]
    ),
    "permutation_test_score": lambda X: permutation_test_score(
        LSTM, X, LABELS, n_permutations=2, random_state=0, **LOSS
    )[1],
    "GridSearchCV": lambda X: searched(GridSearchCV(LSTM, GRID, **LOSS), X),
    "HalvingGridSearchCV": lambda X: searched(
        HalvingGridSearchCV(LSTM, GRID, factor=2, min_resources=12, random_state=0, **LOSS), X
    ),
    "HalvingRandomSearchCV-epochs": lambda X: searched(
        HalvingRandomSearchCV(
            LSTM, GRID, factor=2, resource="max_epochs", max_resources=2, random_state=0, **LOSS
        ),
        X,
    ),
    "Pipeline": lambda X: probabilities(make_pipeline(FunctionTransformer(), LSTM), X),
    "Pipeline-as-features": lambda X: probabilities(make_pipeline(LSTM, LogisticRegression()), X),
    "CalibratedClassifierCV": lambda X: probabilities(CalibratedClassifierCV(LSTM, cv=2), X),
    "CalibratedClassifierCV-not-ensemble": lambda X: probabilities(
        CalibratedClassifierCV(LSTM, cv=2, ensemble=False), X
    ),
    "CalibratedClassifierCV-frozen": lambda X: probabilities(
        CalibratedClassifierCV(FrozenEstimator(clone(LSTM).fit(X, LABELS))), X
    ),
    "StackingClassifier": lambda X: probabilities(
        StackingClassifier([("lstm", LSTM), ("gru", GRU)], cv=2), X
    ),
    "VotingClassifier-soft": lambda X: probabilities(
        VotingClassifier([("lstm", LSTM), ("gru", GRU)], voting="soft"), X
    ),
    "OneVsRestClassifier": lambda X: probabilities(OneVsRestClassifier(LSTM), X, THREE_LABELS),
    "MultiOutputClassifier": outputs_in_columns,
    "TunedThresholdClassifierCV": threshold_tuned,
    "FixedThresholdClassifier": lambda X: probabilities(FixedThresholdClassifier(LSTM), X),
    "clone": lambda X: probabilities(clone(clone(LSTM).fit(X, LABELS)), X),
    "pickle": lambda X: pickle.loads(pickle.dumps(clone(LSTM).fit(X, LABELS))).predict_proba(X),
    "joblib": dumped_and_loaded,
    "deepcopy": lambda X: copy.deepcopy(clone(LSTM).fit(X, LABELS)).predict_proba(X),
    "regressor-cross_val_predict": lambda X: cross_val_predict(REGRESSOR, X, NUMBER_PAIRS, cv=2),
    "regressor-GridSearchCV": lambda X: numbers(GridSearchCV(REGRESSOR, GRID, cv=2), X),
    "regressor-Pipeline": lambda X: numbers(make_pipeline(FunctionTransformer(), REGRESSOR), X),
    "regressor-Pipeline-as-features": lambda X: numbers(make_pipeline(REGRESSOR, Ridge()), X),
    "StackingRegressor": lambda X: numbers(
        StackingRegressor([("lstm", REGRESSOR), ("rnn", OTHER_REGRESSOR)], cv=2), X
    ),
    "VotingRegressor": lambda X: numbers(
        VotingRegressor([("lstm", REGRESSOR), ("rnn", OTHER_REGRESSOR)]), X
    ),
    "TransformedTargetRegressor": lambda X: numbers(
        TransformedTargetRegressor(REGRESSOR, func=np.sinh, inverse_func=np.arcsinh), X
    ),
    "MultiOutputRegressor": lambda X: numbers(MultiOutputRegressor(REGRESSOR), X, NUMBER_PAIRS),
    "regressor-pickle": lambda X: pickle.loads(
        pickle.dumps(clone(REGRESSOR).fit(X, NUMBERS))
    ).predict(X),
}

# One for each way in which scikit-learn takes rows out of a container.
CONTAINERS = [
    ("tuple-of-2d", "ragged", 2, "float64 with NaN"),
    ("objects-of-2d", "ragged", 2, "float32 with NaN"),
    ("series-of-2d", "ragged", 2, "float64 with NaN"),
    ("list-of-nested-lists", "ragged", 2, "float64 with NaN"),
    ("list-of-1d", "ragged", 1, "float32"),
    ("list-of-lists", "ragged", 1, "int64"),
    ("objects-of-2d", "rectangular", 2, "int64"),
    ("3d", "rectangular", 2, "float64"),
    ("list-of-lists", "rectangular", 1, "float64 with NaN"),
    ("2d", "rectangular", 1, "float32 with NaN"),
    ("frame-of-plain-columns", "rectangular", 1, "float64 with NaN"),
    ("arrow", "ragged", 2, "float64 with NaN"),
    ("arrow-column-of-steps", "ragged", 2, "float32 with NaN"),
    ("pandas-arrow", "ragged", 2, "float64 with NaN"),
    ("pandas-objects", "ragged", 2, "float64 with NaN"),
    ("polars", "ragged", 2, "float32 with NaN"),
]


IN_TWO_PROCESSES = ["arrow", "arrow-batch", "pandas-arrow", "pandas-objects", "polars"]


@cache
def expected_result(tool, shape, n_channels, missing):
    return np.asarray(TOOLS[tool](sequences(shape, n_channels, missing)))


@pytest.mark.parametrize(("form", "shape", "n_channels", "dtype"), CONTAINERS)
@pytest.mark.parametrize("tool", TOOLS)
def test_tool_gives_the_same_for_every_form(tool, form, shape, n_channels, dtype):
    expected = expected_result(tool, shape, n_channels, "NaN" in dtype)
    assert expected.dtype.kind != "f" or np.isfinite(expected).all()
    result = TOOLS[tool](held(form, shape, n_channels, dtype))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("tool", TOOLS)
def test_tool_result_depends_on_the_sequences(tool):
    some, other = (expected_result(tool, shape, 2, shape == "ragged") for shape in LENGTHS)
    assert not np.array_equal(some, other)


@pytest.mark.parametrize(
    "form", ["list-of-2d", "objects-of-2d", "series-of-2d", "3d", *IN_TWO_PROCESSES]
)
def test_grid_search_of_a_pipeline_in_two_processes_gives_the_same_as_in_one(form):
    X = held(form, "rectangular", 2, "float32 with NaN")
    pipeline = make_pipeline(FunctionTransformer(), LSTM)
    grid = {"rnnclassifier__hidden_size": [2, 3], "rnnclassifier__cell": ["rnn", "gru"]}
    one, two = (searched(GridSearchCV(pipeline, grid, n_jobs=n, **LOSS), X) for n in (1, 2))
    np.testing.assert_array_equal(two, one)


def test_cross_val_predict_equals_folds_by_hand():
    X = sequences("ragged", 2, True)
    expected = np.empty((N_SAMPLES, 2))
    for train, test in StratifiedKFold(2).split(X, LABELS):
        model = clone(LSTM).fit([X[i] for i in train], LABELS[train])
        expected[test] = model.predict_proba([X[i] for i in test])
    result = cross_val_predict(LSTM, objects(X), LABELS, cv=2, method="predict_proba")
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("form", ["list-of-2d", "tuple-of-2d", "objects-of-2d", "series-of-2d"])
def test_pipeline_step_may_change_lengths(form):
    def without_last_step(X):
        return [sequence[:-1] for sequence in X]

    X = held(form, "ragged", 2, "float64 with NaN")
    result = probabilities(make_pipeline(FunctionTransformer(without_last_step), LSTM), X)
    expected = probabilities(clone(LSTM), without_last_step(sequences("ragged", 2, True)))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    "y",
    [
        LABELS.tolist(),
        LABELS.astype(object),
        pd.Series(LABELS, index=np.arange(N_SAMPLES)[::-1]),
        pd.Series(LABELS, dtype="category"),
        pd.Series(LABELS, dtype="string"),
        LABELS == "up",
        (LABELS == "up") * 1.0,
        (LABELS == "up").astype(np.int8),
    ],
    ids=["list", "objects", "series", "category", "string", "bool", "float", "int8"],
)
def test_labels_of_any_type_give_equal_probabilities(y):
    X = sequences("ragged", 2, True)
    model = clone(LSTM).fit(X, y)
    expected = clone(LSTM).fit(X, LABELS)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    np.testing.assert_array_equal(
        model.predict(X) == model.classes_[1], expected.predict(X) == "up"
    )

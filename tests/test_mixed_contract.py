"""Texts and mixed frames go through scikit-learn's tools, in every form with the same results.

The tools are those of ``test_ragged_contract.py``, with those added that pick columns.
"""

from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import PerStep
from tests.test_ragged_contract import LABELS, LSTM, N_SAMPLES, TOOLS, objects

LENGTHS = np.arange(N_SAMPLES) % 5


@cache
def table():
    """Return a frame with static columns of two kinds and sequences of three, some of no steps."""
    rng = np.random.default_rng(0)
    days = np.datetime64("2024-01-01", "us")
    gaps = [rng.integers(1, 30, size=n).cumsum().astype("timedelta64[D]") for n in LENGTHS]
    words = [rng.choice(["a", "b", "c"], size=n).tolist() for n in LENGTHS]
    return pa.table(
        {
            "age": pa.array([None, *rng.normal(50, 10, N_SAMPLES - 1)]),
            "town": rng.choice(["Rome", "Oslo"], N_SAMPLES).tolist(),
            "pulse": [rng.normal(size=n).tolist() for n in LENGTHS],
            "drug": pa.array(words, pa.list_(pa.string())),
            "day": pa.array([days + gap for gap in gaps], pa.list_(pa.timestamp("us"))),
        }
    )


@cache
def texts():
    rng = np.random.default_rng(1)
    return ["".join(rng.choice(list("abcd"), size=n + 1)) for n in LENGTHS]


MIXED = {
    "pyarrow": table,
    "polars": lambda: pl.from_arrow(table()),
    "pandas-arrow": lambda: table().to_pandas(types_mapper=pd.ArrowDtype),
    "pandas-objects": lambda: table().to_pandas(),
}
TEXTS = {
    "list": texts,
    "list-of-lists": lambda: [list(text) for text in texts()],
    "objects-of-lists": lambda: objects([list(text) for text in texts()]),
    "array": lambda: np.array(texts()),
    "series": lambda: pd.Series(texts(), index=np.arange(N_SAMPLES)[::-1]),
    "polars": lambda: pl.Series(texts()),
    "pyarrow": lambda: pa.array(texts()),
}


@cache
def expected_result(tool, plainest):
    return np.asarray(TOOLS[tool](plainest()))


@pytest.mark.parametrize("form", [name for name in MIXED if name != "pandas-objects"])
@pytest.mark.parametrize("tool", TOOLS)
def test_tool_gives_the_same_for_every_mixed_frame(tool, form):
    expected = expected_result(tool, MIXED["pandas-objects"])
    assert expected.dtype.kind != "f" or np.isfinite(expected).all()
    np.testing.assert_array_equal(TOOLS[tool](MIXED[form]()), expected)


@pytest.mark.parametrize("form", [name for name in TEXTS if name != "list"])
@pytest.mark.parametrize("tool", TOOLS)
def test_tool_gives_the_same_for_every_form_of_texts(tool, form):
    expected = expected_result(tool, texts)
    np.testing.assert_array_equal(TOOLS[tool](TEXTS[form]()), expected)


# -- tools that pick columns ----------------------------------------------------------------------


def test_permutation_importance_finds_the_column_that_matters():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.normal(size=60),
            "town": rng.choice(["Rome", "Oslo"], 60),
            "pulse": [rng.normal(size=n) for n in rng.integers(2, 6, 60)],
        }
    )
    y = X["pulse"].map(np.mean) > 0
    model = RNNClassifier(hidden_size=8, max_epochs=20, random_state=0).fit(X, y)
    result = permutation_importance(model, X, y, n_repeats=5, random_state=0)
    assert result.importances_mean.argmax() == 2
    assert result.importances_mean[2] > 0.2


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_column_transformer_hands_on_list_columns_beside_others(output):
    X = table().to_pandas() if output == "pandas" else pl.from_arrow(table())
    transformer = ColumnTransformer(
        [
            ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
            ("town", OneHotEncoder(sparse_output=False), ["town"]),
            ("sequence", "passthrough", ["pulse", "drug", "day"]),
        ],
        verbose_feature_names_out=False,
    ).set_output(transform=output)
    model = make_pipeline(transformer, LSTM).fit(X, LABELS)
    names = ["age", "town_Oslo", "town_Rome", "pulse", "drug", "day"]
    assert model[-1].feature_names_in_.tolist() == names
    by_hand = table().to_pandas()
    age = by_hand["age"].fillna(by_hand["age"].mean())
    by_hand = pd.DataFrame(
        {
            "age": (age - age.mean()) / age.std(ddof=0),
            "town_Oslo": (by_hand["town"] == "Oslo") * 1.0,
            "town_Rome": (by_hand["town"] == "Rome") * 1.0,
        }
    ).join(by_hand[["pulse", "drug", "day"]])
    expected = LSTM.fit(by_hand, LABELS).predict_proba(by_hand)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-6)


# scikit-learn's set_output takes no tables of pyarrow.
OUTPUTS = [(form, None) for form in MIXED] + [
    (form, output) for form in MIXED if form != "pyarrow" for output in ("pandas", "polars")
]


@pytest.mark.parametrize(("form", "output"), OUTPUTS)
def test_transformed_steps_stand_beside_transformed_columns(form, output):
    steps = make_column_transformer(
        (StandardScaler(), ["pulse"]),
        (OneHotEncoder(sparse_output=False), ["drug"]),
        verbose_feature_names_out=False,
    )
    transformer = make_column_transformer(
        (PerStep(steps), ["pulse", "drug"]),
        (SimpleImputer(), ["age"]),
        (OneHotEncoder(sparse_output=False), ["town"]),
        verbose_feature_names_out=False,
    )
    if output is not None:
        transformer.set_output(transform=output)
    X = MIXED[form]()
    model = make_pipeline(transformer, LSTM).fit(X, LABELS)
    names = ["pulse", "drug_a", "drug_b", "drug_c", "age", "town_Oslo", "town_Rome"]
    assert model[:-1].get_feature_names_out().tolist() == names
    by_hand = table().to_pandas()
    pulse = np.concatenate(by_hand["pulse"])
    by_hand = pd.DataFrame(
        {"pulse": by_hand["pulse"].map(lambda x: (x - pulse.mean()) / pulse.std())}
        | {f"drug_{d}": by_hand["drug"].map(lambda x, d=d: (x == d) * 1.0) for d in "abc"}
        | {"age": by_hand["age"].fillna(by_hand["age"].mean())}
        | {f"town_{t}": (by_hand["town"] == t) * 1.0 for t in ("Oslo", "Rome")}
    )
    expected = LSTM.fit(by_hand, LABELS).predict_proba(by_hand)
    result = make_pipeline(transformer, LSTM).fit(X, LABELS).predict_proba(X)
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_column_transformer_picks_sequences_by_type():
    X = table().to_pandas(types_mapper=pd.ArrowDtype)
    transformer = ColumnTransformer(
        [("number", SimpleImputer(), make_column_selector(dtype_include="number"))],
        remainder="passthrough",
    ).set_output(transform="pandas")
    assert make_pipeline(transformer, LSTM).fit(X, LABELS).predict(X).shape == (N_SAMPLES,)

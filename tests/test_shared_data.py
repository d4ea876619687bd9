"""Data for the workers of a search: one copy that all of them map into memory."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sklearn_rnn.model_selection import SharedSequences
from sklearn_rnn.model_selection._shared_data import SharedData

RANDOM = np.random.default_rng(0)
X = [RANDOM.normal(size=(n, 2)) for n in RANDOM.integers(3, 9, 40)]
FORMS = {
    "list of arrays": X,
    "list of texts": ["abc", "de"],
    "array": RANDOM.normal(size=(4, 3, 2)),
    "object array": np.array([*X, None], dtype=object)[:-1],
    "table": pa.table({"x": [[1.0, 2.0], [3.0]], "z": ["a", "b"]}),
    "frame": pd.DataFrame({"x": [np.arange(3.0), np.arange(2.0)], "z": [1, 2]}),
    "arrow frame": pd.DataFrame(
        {"x": pd.Series([[1.0, 2.0], [3.0]], dtype=pd.ArrowDtype(pa.list_(pa.float64())))}
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_shared_data_is_what_was_shared(form):
    data = FORMS[form]
    shared = pickle.loads(pickle.dumps(SharedData(data))).data
    assert type(shared) is type(data)
    if isinstance(data, pd.DataFrame):
        assert shared.dtypes.tolist() == data.dtypes.tolist()
        for name in data:
            assert [list(np.atleast_1d(x)) for x in shared[name]] == [
                list(np.atleast_1d(x)) for x in data[name]
            ]
    elif isinstance(data, pa.Table):
        assert shared.equals(data)
    else:
        assert all(np.array_equal(a, b) for a, b in zip(shared, data, strict=True))


def is_held_as_a_view(shared):
    first = shared.data[0]
    return isinstance(shared._flat, np.memmap) and np.shares_memory(first, shared._flat)


def test_shared_data_is_mapped_into_the_memory_of_workers():
    large = SharedData([RANDOM.normal(size=(1000, 10)) for _ in range(40)])  # 3 MB
    held = joblib.Parallel(n_jobs=2)(joblib.delayed(is_held_as_a_view)(large) for _ in range(2))
    assert held == [True, True]
    assert not large.data[0].flags.writeable


def is_mapped(X):
    return isinstance(X._shared._flat, np.memmap) and np.shares_memory(X[0], X._shared._flat)


def test_shared_sequences_are_a_list_that_workers_map():
    sequences = [RANDOM.normal(size=(1000, 10)) for _ in range(40)]
    shared = SharedSequences(sequences)
    assert len(shared) == 40
    assert all(np.array_equal(a, b) for a, b in zip(shared, sequences, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(shared[3:5], sequences[3:5], strict=True))
    assert joblib.Parallel(n_jobs=2)(joblib.delayed(is_mapped)(shared) for _ in range(2)) == [
        True,
        True,
    ]
    again = pickle.loads(pickle.dumps(shared))
    assert all(np.array_equal(a, b) for a, b in zip(again, sequences, strict=True))

"""Equal data have one hash, whatever was done with them before; other data have another."""

import pickle
import subprocess
import sys
import threading
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy import sparse

from sklearn_rnn.model_selection._digest import digest

PULSES = [[1.0, 2.0, 3.0], [4.0], [5.0, 6.0]]
COLUMNS = {
    "pulse": PULSES,
    "words": [["a", "bb"], None, ["dd", "", None]],
    "age": [30, 40, None],
    "name": ["x", None, "z"],
    "smokes": [True, None, False],
}


def arrow():
    return pa.table(COLUMNS)


def arrow_frame():
    return arrow().to_pandas(types_mapper=pd.ArrowDtype)


def objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def arrays():
    return [np.array(row) for row in PULSES]


FORMS = {
    "arrow": arrow,
    "pandas of Arrow": arrow_frame,
    "pandas": lambda: arrow().to_pandas(),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "list of arrays": arrays,
    "object array": lambda: objects(arrays()),
    "3-D": lambda: np.arange(24.0).reshape(2, 3, 4),
    "texts": lambda: ["ab", "c", "dé"],
    "tokens": lambda: [["ab", "c"], ["d"]],
    "sparse": lambda: sparse.csr_matrix(np.eye(3)),
    "dates": lambda: objects([datetime(2020, 1, 1), datetime(2021, 1, 1)]),
    "structs": lambda: pa.table({"steps": [[{"a": 1, "b": "x"}], [None, {"a": 2, "b": None}]]}),
    "categories": lambda: pd.DataFrame({"a": pd.Categorical(["u", "v", "u"])}),
    "categories of polars": lambda: pl.DataFrame(
        {"a": pl.Series(["u", "v"], dtype=pl.Categorical)}
    ),
    "enum": lambda: pl.DataFrame({"a": pl.Series(["u", "v"], dtype=pl.Enum(["u", "v"]))}),
    "times": lambda: pl.DataFrame({"a": pl.Series([1, 2**40 + 1]).cast(pl.Time)}),
    "large": lambda: [2**64, 1, -(2**70)],
    "surrogates": lambda: ["a", "\ud800"],
    "masked": lambda: np.ma.array([1.0, 2.0], mask=[False, True]),
    "tensor": lambda: torch.arange(4.0),
}


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_the_same_each_time_and_after_a_pickle(make):
    data = make()
    assert digest(data) == digest(make()) == digest(pickle.loads(pickle.dumps(data)))


@pytest.mark.parametrize(
    "look",
    [
        lambda frame: frame.describe(),
        lambda frame: frame.iloc[2],
        lambda frame: frame["age"].to_numpy(),
        lambda frame: frame["age"].isna(),
        lambda frame: pd.concat([frame, frame]),
    ],
)
def test_the_same_after_a_look_at_the_frame(look):
    frame = arrow_frame()
    before = digest(frame)
    look(frame)
    assert digest(frame) == before


def test_how_a_frame_is_laid_out_has_no_say():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    frame["c"] = [5.0, 6.0]
    assert digest(frame) == digest(frame.copy())
    table = arrow()
    pieces = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert digest(pieces) == digest(table)
    assert digest(pa.concat_tables([table, table]).slice(3)) == digest(table)


def test_equal_rows_may_be_one_object():
    assert digest([[1.0, 2.0]] * 2) == digest([[1.0, 2.0], [1.0, 2.0]])


def test_a_column_of_numbers_is_its_array():
    y = [1.0, 2.0]
    assert digest(y) == digest(np.array(y)) == digest(pd.Series(y, index=[5, 6], name="y"))


def test_what_has_no_value_counts_as_its_type():
    nameless = [lambda: 0, (i for i in ()), threading.Lock(), torch.ones(2, requires_grad=True)]
    assert len({digest(each) for each in nameless}) == 4
    assert digest(nameless[3]) == digest(torch.zeros(2, requires_grad=True))


def test_the_same_in_another_process():
    program = (
        "from sklearn_rnn.model_selection._digest import digest;"
        "print(digest({'a': [1.0, None, 'x'], 'b': {'c': [b'd', 2]}}))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == digest({"a": [1.0, None, "x"], "b": {"c": [b"d", 2]}})


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_other_rows_have_another_hash(make):
    data = make()
    fewer = data[:-1] if not isinstance(data, pa.Table) else data.slice(0, len(data) - 1)
    assert digest(fewer) != digest(data)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([["ab", "c"]], [["a", "bc"]]),
        ([["ab"], ["c"]], [["ab", "c"]]),
        ([[1.0], [2.0, 3.0]], [[1.0, 2.0], [3.0]]),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(2, np.float32), np.zeros(2, np.float64)),
        ([1, 2], ["1", "2"]),
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]})),
        (pa.table({"a": [[1, 2], [3]]}), pa.table({"a": [[1], [2, 3]]})),
        (pa.table({"a": [None, 1]}), pa.table({"a": [1, None]})),
        (pa.table({"a": [[1], None, []]}), pa.table({"a": [[1], [], None]})),
        (pa.table({"a": ["ab", "c"]}), pa.table({"a": ["a", "bc"]})),
        (pa.table({"a": [{"b": 1, "c": 2}]}), pa.table({"a": [{"b": 2, "c": 1}]})),
        ({"sample_weight": [1.0, 2.0]}, {}),
        ([2**64], [2**65]),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), np.ma.array([1.0, 2.0], mask=[1, 0])),
    ],
)
def test_other_values_have_another_hash(one, other):
    assert digest(one) != digest(other)

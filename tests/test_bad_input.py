"""Each bad input raises an error that names what was wrong, where, and the repair.

A row of the table says what is passed, which error comes and what its message says. The one test
at the end also asserts that the error comes within a second, that the inputs are as they were, and
that the estimator is unfitted, or fitted as it was before.
"""

import pickle
import re
from copy import deepcopy
from time import perf_counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from skorch.callbacks import EpochScoring

from sklearn_rnn import RNNClassifier, RNNRegressor

RNG = np.random.default_rng(0)
SMALL = {
    "cell": "lstm",
    "hidden_size": 4,
    "pooling": "last",
    "optimizer": "adamw",
    "lr_schedule": "cosine",
    "gradient_clip": 1.0,
    "max_epochs": 2,
    "batch_size": 32,
    "device": "cpu",
    "random_state": 0,
}
N_SAMPLES = 12
SEQUENCES = [RNG.normal(size=(3 + i % 5, 2)) for i in range(N_SAMPLES)]
CUBE = RNG.normal(size=(N_SAMPLES, 5, 2))
TABLE = RNG.normal(size=(N_SAMPLES, 6))
FRAME = pd.DataFrame(TABLE, columns=list("abcdef"))
LABELS = np.array(["no", "yes"] * (N_SAMPLES // 2))
NUMBERS = np.linspace(-1, 1, N_SAMPLES)
DATES = np.full(N_SAMPLES, np.datetime64("2024-01-01"))
WEIGHTS = np.ones(N_SAMPLES)
FIRST, SECOND = ([s[:, i].tolist() for s in SEQUENCES] for i in range(2))
COLUMNS = pa.table({"pulse": FIRST, "weight": SECOND})


def bad(
    name,
    error,
    match,
    *,
    estimator=RNNClassifier,
    params=(),
    fitted_on=None,
    then_params=(),
    call="fit",
    **inputs,
):
    """Return a row: calling ``call`` with the inputs must raise ``error`` that says ``match``."""
    if call in ("fit", "partial_fit"):
        inputs = {"X": SEQUENCES, "y": good_y(estimator)} | inputs
    params, then_params = dict(params), dict(then_params)
    row = (error, match, estimator, params, fitted_on, then_params, call, inputs)
    return pytest.param(*row, id=name)


def good_y(estimator):
    return LABELS if estimator is RNNClassifier else NUMBERS


def changed(sequence_or_array, place, value):
    """Return a copy with one entry replaced."""
    copy = sequence_or_array.copy()
    copy[place] = value
    return copy


def with_row(row, value):
    """Return SEQUENCES with one row replaced."""
    return [*SEQUENCES[:row], value, *SEQUENCES[row + 1 :]]


def object_array(rows):
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def arrow(rows, step_type=None):
    """Return a list column of these rows."""
    return pa.array(rows, None if step_type is None else pa.list_(step_type))


def with_cell(row, value, rows=FIRST):
    """Return the rows of a column with one replaced."""
    return [*rows[:row], value, *rows[row + 1 :]]


def same(a, b):
    """Compare inputs deeply."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        equal_form = (a.shape, a.dtype, a.flags.writeable) == (b.shape, b.dtype, b.flags.writeable)
        if a.dtype == object:
            return equal_form and all(map(same, a.flat, b.flat))
        return equal_form and a.tobytes() == b.tobytes()
    if isinstance(a, pd.DataFrame):
        return a.columns.equals(b.columns) and all(
            same(a.iloc[:, i], b.iloc[:, i]) for i in range(a.shape[1])
        )
    if isinstance(a, pd.Series):
        return a.index.equals(b.index) and a.dtype == b.dtype and same(a.to_numpy(), b.to_numpy())
    if isinstance(a, pl.DataFrame | pl.Series | pa.Table | pa.ChunkedArray | pa.Array):
        return a.equals(b)
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b) and a.requires_grad == b.requires_grad
    return pickle.dumps(a) == pickle.dumps(b)


def bad_parameter(name, value, says, estimator=RNNClassifier):
    message = rf"^The '{name}' parameter of {estimator.__name__} must be {says}"
    shown = re.sub(" at 0x.*?>", ">", repr(value))
    return bad(
        f"parameter-{name}={shown}", ValueError, message, estimator=estimator, params={name: value}
    )


def a_function(net):
    """Not a skorch callback."""


# Tables: two lines a row, where the formatter would take six.
# fmt: off
PARAMETERS = [
    bad_parameter("cell", "ltsm", r".*'rnn', 'gru', 'lstm'.* Got 'ltsm'.* Did you mean 'lstm'\?"),
    bad_parameter("cell", "LSTM", r".* Did you mean 'lstm'\?"),
    bad_parameter("cell", None, r".* Got None instead\."),
    bad_parameter("cell", torch.nn.LSTM, r".*a class derived from Cell\. Got .*LSTM"),
    bad_parameter("hidden_size", 0, r"an int >= 1\. Got 0 instead\."),
    bad_parameter("hidden_size", -8, r"an int >= 1\. Got -8 instead\."),
    bad_parameter("hidden_size", 2.5, r"an int >= 1\. Got 2\.5 instead\."),
    bad_parameter("hidden_size", "64", r"an int >= 1\. Got '64' instead\."),
    bad_parameter("hidden_size", True, r"an int >= 1\. Got True instead\."),
    bad_parameter("hidden_size", [8, 4], r"an int >= 1\. Got \[8, 4\] instead\."),
    bad_parameter("hidden_size", None, r"an int >= 1\. Got None instead\.", RNNRegressor),
    bad_parameter("num_layers", 0, r"an int >= 1\. Got 0 instead\."),
    bad_parameter("num_layers", True, r"an int >= 1\. Got True instead\."),
    bad_parameter("bidirectional", "yes", r"True or False\. Got 'yes' instead\."),
    bad_parameter("bidirectional", 1, r"True or False\. Got 1 instead\."),
    bad_parameter("pooling", "avg", r".*'last', 'mean', 'max'.* Got 'avg'"),
    bad_parameter("pooling", "atention", r".* Did you mean 'attention'\?"),
    bad_parameter("dropout", 1.0, r"a number in \[0, 1\)\. Got 1\.0 instead\."),
    bad_parameter("dropout", -0.1, r"a number in \[0, 1\)\. Got -0\.1 instead\."),
    bad_parameter("dropout", float("nan"), r"a number in \[0, 1\)\. Got nan instead\."),
    bad_parameter("dropout", False, r"a number in \[0, 1\)\. Got False instead\."),
    bad_parameter("recurrent_dropout", 50, r"a number in \[0, 1\)\. Got 50 instead\."),
    bad_parameter("standardize", "minmax", r"True or False\. Got 'minmax' instead\."),
    bad_parameter("differences", "smooth", r"True or False or one of 'auto'\. Got 'smooth'"),
    bad_parameter("lr", 0, r"a number in \(0, inf\)\. Got 0 instead\."),
    bad_parameter("lr", float("inf"), r"a number in \(0, inf\)\. Got inf instead\."),
    bad_parameter("lr", "auto", r"a number in \(0, inf\)\. Got 'auto' instead\."),
    bad_parameter("lr", 1j, r"a number in \(0, inf\)\. Got 1j instead\."),
    bad_parameter("max_epochs", 0, r"an int >= 1\. Got 0 instead\."),
    bad_parameter("max_epochs", 1e3, r"an int >= 1\. Got 1000\.0 instead\."),
    bad_parameter("batch_size", -1, r".*an int >= 1.* Got -1 instead\."),
    bad_parameter("bptt_steps", 0, r".*an int >= 1 or None\. Got 0 instead\."),
    bad_parameter("batch_steps", 0, r".*an int >= 1 or None.* Got 0 instead\."),
    bad_parameter("max_batch_steps", 0, r".*an int >= 1.* Got 0 instead\."),
    bad_parameter("optimizer", "adamx", r".* Did you mean 'adamw?'\?"),
    bad_parameter("optimizer", torch.nn.Linear, r".*a class derived from Optimizer\. Got"),
    bad_parameter("weight_decay", -0.01, r"a number in \[0, inf\)\. Got -0\.01 instead\."),
    bad_parameter("lr_schedule", "cosin", r".* or None\. Got 'cosin'.* Did you mean 'cosine'\?"),
    bad_parameter("gradient_clip", 0, r"a number in \(0, inf\) or None\. Got 0 instead\."),
    bad_parameter("early_stopping", "auto", r"True or False\. Got 'auto' instead\."),
    bad_parameter("validation_fraction", 0, r"a number in \(0, 1\)\. Got 0 instead\."),
    bad_parameter("validation_fraction", 10, r"a number in \(0, 1\)\. Got 10 instead\."),
    bad_parameter("n_iter_no_change", 0, r"an int >= 1\. Got 0 instead\."),
    bad_parameter("tol", -1e-4, r"a number in \[0, inf\)\. Got -0\.0001 instead\."),
    bad_parameter("callbacks", "progress", r"a list of skorch callbacks or None\. Got 'progress'"),
    bad_parameter("callbacks", a_function, r"a list of skorch callbacks or None\. Got <function"),
    bad_parameter("callbacks", [3], r"a list of skorch callbacks or None\. Got \[3\]"),
    bad_parameter("callbacks", [a_function], r"a list of skorch callbacks or None\. Got \[<func"),
    bad_parameter("callbacks", [EpochScoring],
        r"a list of skorch callbacks or None\. Got \[<class"),
    bad_parameter("class_weight", "balance", r".* Got 'balance'.* Did you mean 'balanced'\?"),
    bad_parameter("class_weight", [1, 2], r".*'balanced' or a dict .* Got \[1, 2\] instead\."),
    bad_parameter("class_weight", {"no": -1.0}, r".*weights .* Got \{'no': -1\.0\} instead\."),
    bad_parameter("class_weight", {"no": float("nan")},
        r".*weights .* Got \{'no': nan\} instead\."),
    bad_parameter("class_weight", {"no": 0, "yes": 0}, r".*weights .* Got \{'no': 0, 'yes': 0\}"),
    bad_parameter("class_weight", {"no": "high"}, r".*weights .* Got \{'no': 'high'\} instead\."),
    bad_parameter("warm_start", 0, r"True or False\. Got 0 instead\."),
    bad_parameter("device", "gpu", r"'auto' or a torch device .* Got 'gpu' instead\."),
    bad_parameter("device", 0, r"'auto' or a torch device .* Got 0 instead\."),
    bad_parameter("device", "cuda:99", r"'auto' or a torch device .* Got 'cuda:99' instead\."),
    bad_parameter("device", "meta", r"'auto' or a torch device .* Got 'meta' instead\."),
    bad_parameter("random_state", -1, r"an int >= 0 .* Got -1 instead\."),
    bad_parameter("random_state", "42", r"an int >= 0 or a RandomState or None\. Got '42' instead"),
    bad_parameter("random_state", np.random.PCG64, r".*RandomState or None\. Got <class"),
    bad_parameter("verbose", -1, r"an int >= 0 or True or False\. Got -1 instead\."),
    bad_parameter("verbose", "yes", r".* Got 'yes' instead\.", RNNRegressor),
    bad("several-parameters-at-once", ValueError,
        r"'cell' parameter .* Did you mean 'gru'\?.*'hidden_size' parameter .* Got 0"
        r".*'lr' parameter .* Got -1",
        params={"lr": -1, "hidden_size": 0, "cell": "grru"}),
    bad("bad-parameter-in-partial_fit", ValueError,
        r"The 'batch_size' parameter of RNNRegressor must be .*an int >= 1.* Got 0",
        estimator=RNNRegressor, params={"batch_size": 0}, call="partial_fit"),
    bad("set_params-misspelt", ValueError,
        r"Invalid parameter 'hiden_size' for estimator RNNClass.* Did you mean 'hidden_size'\?",
        call="set_params", hiden_size=3),
    bad("set_params-unlike-any", ValueError,
        r"Invalid parameter 'zzz' for estimator RNNClassifier.* Valid parameters .*'hidden_size'",
        call="set_params", zzz=3),
    bad("set_params-nested-misspelt", ValueError,
        r"Invalid parameter 'optimiser.* for estimator RNNRegressor\. Did you mean 'optimizer'\?",
        estimator=RNNRegressor, call="set_params", optimiser__momentum=0.9),
    bad("set_params-nested-where-nothing-is-nested", ValueError,
        r"Invalid parameter 'optimizer__momentum' for estimator RNNClassifier", call="set_params",
        optimizer__momentum=0.9),
    bad("constructor-misspelt", TypeError,
        r"RNNClassifier.* unexpected keyword argument 'hiden_size'", call="__class__",
        hiden_size=3),
    bad("class_weight-of-unknown-class", ValueError, r"class_weight.*'maybe'.*'no', 'yes'",
        params={"class_weight": {"no": 1.0, "maybe": 2.0}}),
]
BAD_X = [
    bad("X-None", TypeError, r"X must be a list of sequences, .* Got NoneType", X=None),
    bad("X-string", TypeError, r"X must be a list of sequences, .* Got str", X="abc"),
    bad("X-number", TypeError, r"X must be a list of sequences, .* Got float", X=3.0),
    bad("X-numpy-number", TypeError, r"X must be a list of sequences", X=np.float64(3.0)),
    bad("X-dict", TypeError, r"X must be a list of .* Got dict", X=dict(enumerate(SEQUENCES))),
    bad("X-set", TypeError, r"X must be a list of sequences, .* Got set", X={(1.0, 2.0)}),
    bad("X-object", TypeError, r"X must be a list of sequences, .* Got object", X=object()),
    bad("X-iterator", TypeError, r"X must be a list .* Got list_iterator", X=iter(SEQUENCES)),
    bad("X-range", ValueError, r"2D array.*Reshape your data", X=range(N_SAMPLES)),
    bad("X-empty-list", ValueError, r"0 sample\(s\).* X is empty", X=[], y=[]),
    bad("X-empty-tuple", ValueError, r"0 sample\(s\).* X is empty", X=(), y=[]),
    bad("X-empty-table", ValueError, r"0 sample\(s\)", X=np.empty((0, 5)), y=[]),
    bad("X-empty-3d", ValueError, r"0 sample\(s\).* X is empty", X=np.empty((0, 5, 2)), y=[]),
    bad("X-empty-objects", ValueError, r"0 sample\(s\)", X=np.empty(0, dtype=object), y=[]),
    bad("X-empty-frame", ValueError, r"0 (sample|feature)\(s\)", X=pd.DataFrame(), y=[]),
    bad("X-1d-array", ValueError, r"2D array.*Reshape your data", X=np.arange(12.0)),
    bad("X-1d-series", ValueError, r"2D array.*Reshape your data", X=pd.Series(np.arange(12.0))),
    bad("X-numbers-as-rows", ValueError, r"Row 0 of X is a single number.*\[sequence\]",
        X=[1.0] * 12),
    bad("X-one-number-row", ValueError, r"Row 7 of X is a single number", X=with_row(7, 2.0)),
    bad("X-4d", ValueError, r"X has 4 dimensions.*channels", X=np.zeros((N_SAMPLES, 3, 2, 2))),
    bad("X-3d-row", ValueError, r"Row 4 of X has 3 dim.*channels",
        X=with_row(4, np.zeros((3, 2, 2)))),
    bad("X-None-row", TypeError, r"Row 5 of X must be an array .* Got NoneType",
        X=with_row(5, None)),
    bad("X-string-row", TypeError, r"Row 1 of X must be an array .* Got str", X=with_row(1, "abc")),
    bad("X-bytes-row", TypeError, r"Row 1 of X must be an array .* Got bytes",
        X=with_row(1, b"abc")),
    bad("X-dict-row", TypeError, r"Row 6 of X must be an array .* Got dict",
        X=with_row(6, {"a": 1})),
    bad("X-object-row", TypeError, r"Row 3 of X .*\(n_steps, n_channels\).* 'object'",
        X=with_row(3, object())),
    bad("X-strings-in-a-row", TypeError, r"Row 2 of X must hold numbers\. .*encode text",
        X=with_row(2, np.array([["a", "b"]] * 3))),
    bad("X-numeric-strings-in-a-row", TypeError, r"Row 2 of X must hold numbers\. Got '1\.5'",
        X=with_row(2, np.array([[1.0, "1.5"], [2.0, "2.5"]], dtype=object))),
    bad("X-strings-in-a-3d-array", TypeError, r"X must hold numbers\. .*encode text",
        X=np.full((N_SAMPLES, 3, 2), "a")),
    bad("X-string-in-a-3d-object-array", TypeError, r"Row 3 of X must hold numbers\. Got 'a'",
        X=changed(CUBE.astype(object), (3, 1, 1), "a")),
    bad("X-nested-lists-with-a-deeper-cell", ValueError,
        r"Row 1 of X can't be read as numbers of shape \(n_steps, n_channels\)",
        X=[[1.0, 2.0], [3.0, [4.0, 5.0]]] * 6),
    bad("X-string-in-an-object-table", TypeError, r"Row 8 of X must hold numbers\. Got 'high'",
        X=changed(TABLE.astype(object), (8, 2), "high")),
    bad("X-junk-in-a-row", TypeError,
        r"Row 9 of X can't be read as numbers of shape \(n_steps, n_channels\)",
        X=with_row(9, np.array([[1.0, object()]], dtype=object))),
    bad("X-dates-in-a-row", TypeError,
        r"Row 0 of X must hold numbers\. Got dtype datetime64.*encode",
        X=with_row(0, np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]"))),
    bad("X-dates-table", TypeError, r"X must hold numbers\. Got dtype datetime64.*encode",
        X=np.full((N_SAMPLES, 4), np.datetime64("2024-01-01"))),
    bad("X-timestamps-in-a-row", TypeError, r"Row 3 of X .*number",
        X=with_row(3, [pd.Timestamp("2024-01-01")] * 3)),
    bad("X-durations-3d", TypeError, r"X must hold numbers\. Got dtype timedelta64.*encode",
        X=np.zeros((N_SAMPLES, 4, 2), dtype="timedelta64[s]")),
    bad("X-durations-table", TypeError, r"X must hold numbers\. Got dtype timedelta64.*encode",
        X=np.zeros((N_SAMPLES, 4), dtype="timedelta64[s]")),
    bad("X-complex-row", ValueError, r"Complex data not supported: Row 4 of X has dtype complex128",
        X=with_row(4, SEQUENCES[4] + 1j)),
    bad("X-complex-3d", ValueError, r"Complex data not supported: X has", X=CUBE + 1j),
    bad("X-complex-table", ValueError, r"Complex data not supported", X=TABLE + 1j),
    bad("X-records", TypeError, r"X must hold numbers.*dtype",
        X=np.zeros((12, 3, 2), dtype="f4,f4")),
    bad("X-record-table", TypeError, r"X must hold numbers.*dtype",
        X=np.zeros((12, 3), dtype="f4,f4")),
    bad("X-sparse", TypeError, r"Sparse data .*X.*\.toarray\(\)", X=sparse.csr_matrix(TABLE)),
    bad("X-sparse-array", TypeError, r"Sparse data .*X.*\.toarray\(\)", X=sparse.coo_array(TABLE)),
    bad("X-sparse-row", TypeError, r"Row 2 of X is sparse.*toarray",
        X=with_row(2, sparse.csr_matrix(SEQUENCES[2]))),
    bad("X-tensor-that-requires-grad", TypeError, r"X .*requires? grad.*detach\(\)",
        X=torch.zeros(N_SAMPLES, 4, 2, requires_grad=True)),
    bad("X-row-tensor-that-requires-grad", TypeError, r"Row 1 of X .*requires? grad.*detach\(\)",
        X=with_row(1, torch.zeros(4, 2, requires_grad=True))),
    bad("X-zero-steps", ValueError, r"Row 2 of X .* 0 steps.* drop",
        X=with_row(2, np.empty((0, 2)))),
    bad("X-zero-steps-list", ValueError, r"Row 2 of X .* 0 steps.* drop", X=with_row(2, [])),
    bad("X-zero-steps-one-channel", ValueError, r"Row 11 of X .* 0 steps.* drop",
        X=[*(s[:, 0] for s in SEQUENCES[:-1]), np.empty(0)]),
    bad("X-zero-steps-3d", ValueError, r"Row 0 of X .* 0 steps", X=np.empty((N_SAMPLES, 0, 2))),
    bad("X-zero-steps-table", ValueError, r"0 feature\(s\).* minimum of 1",
        X=np.empty((N_SAMPLES, 0))),
    bad("X-zero-channels", ValueError, r"X has .* 0 channels; at least 1",
        X=np.empty((N_SAMPLES, 5, 0))),
    bad("X-zero-channels-list", ValueError, r"X has .* 0 channels",
        X=[np.empty((4, 0))] * N_SAMPLES),
    bad("X-one-more-channel", ValueError, r"Row 3 of X has 3 channel\(s\), but row 0 has 2",
        X=with_row(3, np.zeros((4, 3)))),
    bad("X-one-row-without-channel-axis", ValueError,
        r"Row 3 of X has 1 channel\(s\), but row 0 has 2", X=with_row(3, np.zeros(4))),
    bad("X-channels-first", ValueError,
        r"Row 1 of X has 4 channel\(s\), but row 0 has 3\. .*\(n_steps, n_channels\), steps first",
        X=[s.T for s in SEQUENCES]),
    bad("X-steps-of-unequal-width", ValueError,
        r"Row 10 of X can't be read as numbers of shape \(n_steps, n_channels\)",
        X=with_row(10, [[1.0, 2.0], [3.0]])),
    bad("X-2d-object-array-of-sequences", ValueError,
        r"Row 0 of X has 3 step\(s\) in column 0, but 4 in column 1",
        X=object_array(SEQUENCES).reshape(6, 2), y=LABELS[:6]),
    bad("X-infinity-in-a-row", ValueError,
        r"X contains infinity .* row 4, step 2, channel 1\. Replace",
        X=with_row(4, changed(SEQUENCES[4], (2, 1), np.inf))),
    bad("X-infinity-beside-NaN", ValueError,
        r"X contains infinity .* row 4, step 2, channel 1\. Replace",
        X=with_row(4, changed(changed(SEQUENCES[4], 0, np.nan), (2, 1), -np.inf))),
    bad("X-infinity-3d", ValueError, r"X contains infinity .* row 5, step 3, channel 0\. Replace",
        X=changed(CUBE, (5, 3, 0), -np.inf)),
    bad("X-infinity-table", ValueError, r"X contains infinity .* row 5, step 3\D.*Replace",
        X=changed(TABLE, (5, 3), np.inf)),
    bad("X-both-infinities", ValueError, r"X contains infinity .* row 5, step 3\D.*Replace",
        X=changed(changed(TABLE, (5, 3), np.inf), (6, 3), -np.inf)),
    bad("X-beyond-float32", ValueError,
        r"too large for dtype\('float32'\): row 6, step 0, channel 1\. Replace",
        X=with_row(6, changed(SEQUENCES[6], (0, 1), 1e300))),
    bad("X-int-beyond-any-float", ValueError, r"Row 6 of X .*too large",
        X=with_row(6, [[1, 10**400], [2, 3]])),
    bad("X-frame-with-text", (TypeError, ValueError), r"Column 'city' of X .*number.*'Rome'",
        X=FRAME.assign(city="Rome")),
    bad("X-frame-with-dates", (TypeError, ValueError), r"Column 'day' of X .*number.*datetime64",
        X=FRAME.assign(day=pd.Timestamp("2024-01-01"))),
    bad("X-frame-row-with-text", TypeError, r"Row 2 of X must hold numbers\. Got 'Rome'",
        X=with_row(2, pd.DataFrame({"a": [1.0, 2.0], "city": ["Rome", "Oslo"]}))),
]
BAD_FRAMES = [
    bad("frame-column-name-twice", ValueError,
        r"X has more than one column named 'pulse'\. Give each a name of its own",
        X=pa.table([FIRST, SECOND], names=["pulse", "pulse"])),
    bad("frame-column-name-twice-pandas", ValueError, r"X has more than one column named 'a'",
        X=pd.DataFrame({"a": FIRST, "b": SECOND}).set_axis(["a", "a"], axis=1)),
    bad("frame-names-of-mixed-types", TypeError, r"Feature names are only supported if all",
        X=pd.DataFrame({"pulse": FIRST, 1: SECOND})),
    bad("frame-without-rows", ValueError, r"0 sample\(s\).* X is empty", X=COLUMNS[:0], y=[]),
    bad("frame-without-rows-polars", ValueError, r"0 sample\(s\).* X is empty",
        X=pl.from_arrow(COLUMNS[:0]), y=[]),
    bad("frame-null-list", ValueError,
        r"Row 3 of column 'pulse' of X has no sequence, it is null \(1 such row\(s\)\)\. Drop",
        X=pa.table({"pulse": with_cell(3, None)})),
    bad("frame-null-lists-in-chunks", ValueError,
        r"Row 5 of column 'weight' of X has no sequence, it is null \(2 such",
        X=pa.table({"pulse": FIRST, "weight": pa.chunked_array(
            [FIRST[:5], pa.nulls(2, pa.list_(pa.float64())), FIRST[7:]])})),
    bad("frame-null-list-of-fixed-size", ValueError, r"Row 0 of column 'a' of X has no sequence",
        X=pa.table({"a": pa.array([None, *[[1.0, 2.0]] * 11], pa.list_(pa.float64(), 2))})),
    bad("frame-None-beside-objects", ValueError,
        r"Row 0 of column 'signal' of X has no sequence, it is null \(2 such",
        X=pd.DataFrame({"signal": [None, np.nan, *SEQUENCES[2:]]})),
    bad("frame-null-list-polars", ValueError, r"Row 3 of column 'pulse' of X has no sequence",
        X=pl.DataFrame({"pulse": with_cell(3, None)})),
    bad("frame-null-list-pandas", ValueError, r"Row 3 of column 'pulse' of X has no sequence",
        X=pa.table({"pulse": with_cell(3, None)}).to_pandas(types_mapper=pd.ArrowDtype)),
    bad("column-null-list", ValueError, r"Row 3 of X has no sequence", X=arrow(with_cell(3, None))),
    bad("frame-zero-steps", ValueError, r"Row 4 of X is a sequence of 0 steps.* drop",
        X=pa.table({"pulse": with_cell(4, [])})),
    bad("frame-zero-steps-alone", ValueError, r"Row 0 of X is a sequence of 0 steps \(12 such",
        X=pa.table({"pulse": [[]] * N_SAMPLES})),
    bad("frame-zero-steps-objects", ValueError, r"Row 4 of X is a sequence of 0 steps.* drop",
        X=pd.DataFrame({"signal": with_row(4, np.empty((0, 2)))})),
    bad("frame-unequal-lengths", ValueError,
        r"Row 2 of X has 5 step\(s\) in column 'pulse', but 2 in column 'weight' \(1 such .*nulls",
        X=pa.table({"pulse": FIRST, "weight": with_cell(2, [1.0, 2.0], SECOND)})),
    bad("frame-unequal-lengths-of-objects", ValueError,
        r"Row 6 of X has 4 step\(s\) in column 'pulse', but 3 in column 'signal' \(1 such",
        X=pd.DataFrame({"pulse": FIRST, "signal": with_row(6, np.zeros((3, 2)))})),
    bad("frame-unequal-lengths-of-fixed-size", ValueError,
        r"Row 1 of X has 4 step\(s\) in column 'pulse', but 3 in column 'b' \(9 such",
        X=COLUMNS.set_column(1, "b", pa.array([[1.0] * 3] * 12, pa.list_(pa.float64(), 3)))),
    bad("frame-steps-of-unequal-width", ValueError,
        r"Row 10, step 1 of column 'signal' of X has 1 channel\(s\), but the first step has 2",
        X=pa.table({"signal": with_cell(10, [[1.0, 2.0], [3.0]], [[[1.0, 2.0]]] * 12)})),
    bad("frame-first-step-null-then-unequal-width", ValueError,
        r"Row 1, step 2 of column 'signal' of X has 3 channel\(s\), but the first step has 2",
        X=pa.table({"signal": [[None, [1, 2]], [None, [3, 4], [5, 6, 7]], *[[[1, 2]]] * 10]})),
    bad("frame-unequal-width-in-a-struct", ValueError,
        r"Row 1, step 0 of field 'b' of column 'a' of X has 1 channel\(s\), but the first .* 2",
        X=pa.table({"a": [[{"b": [1, 2]}], [{"b": [3]}]] * 6})),
    bad("frame-objects-of-unequal-channels", ValueError,
        r"Row 3 of column 'signal' of X has 3 channel\(s\), but row 0 has 2",
        X=pd.DataFrame({"signal": with_row(3, np.zeros((4, 3)))})),
    bad("frame-objects-of-steps-of-unequal-width", ValueError,
        r"Row 0 of column 'signal' of X can't be read as numbers of shape \(n_steps, n_channels\)",
        X=pa.table({"signal": [[[1.0, 2.0], [3.0]]] * N_SAMPLES}).to_pandas()),
    bad("frame-object-that-is-no-sequence", TypeError,
        r"Row 7 of column 'signal' of X holds a single value .*put it into a list",
        X=pd.DataFrame({"signal": with_row(7, 3.0)})),
    bad("frame-zero-channels", ValueError,
        r"Column 'a' of X has sequences of 0 channels; at least 1",
        X=pa.table({"a": arrow([[[]]] * N_SAMPLES, pa.list_(pa.float32()))})),
    bad("frame-zero-channels-of-fixed-size", ValueError, r"Column 'a' of X has .* 0 channels",
        X=pa.table({"pulse": [[1.0]] * 12, "a": arrow([[[]]] * 12, pa.list_(pa.int8(), 0))})),
    bad("frame-infinity", ValueError,
        r"X contains infinity .*row 5, step 1, channel 1 \(column 'weight' of X\)\. Replace",
        X=pa.table({"pulse": FIRST, "weight": with_cell(5, [1.0, np.inf, 2.0], SECOND)})),
    bad("frame-beyond-float32", ValueError,
        r"too large for dtype\('float32'\): row 5, step 1, channel 0 \(column 'pulse' of X\)",
        X=pd.DataFrame({"pulse": with_cell(5, [1.0, 1e300, np.nan])})),
    bad("column-infinity", ValueError, r"X contains infinity .* row 5, step 1, channel 0\. Replace",
        X=pl.Series(with_cell(5, [1.0, -np.inf]))),
    bad("frame-dicts-of-mixed-types", TypeError,
        r"Row 1 of column 'a' of X can't be read: .*A column needs values of one type",
        X=pd.DataFrame({"a": [[{"b": 1.0}], [{"b": "x"}]] * 6})),
    bad("frame-bytes", TypeError, r"Column 'a' of X holds lists of binary, which .*Give numbers",
        X=pa.table({"a": [[b"a"]] * N_SAMPLES})),
    bad("frame-nested-too-deep", TypeError,
        r"Column 'a' of X holds lists of list<.* Lists may be nested once.* flatten",
        X=pa.table({"a": [[[[1.0]]]] * N_SAMPLES})),
    bad("frame-tensors", TypeError,
        r"Column 'a' of X holds sequences as extension<arrow\.fixed_shape_tensor.* Convert",
        X=pa.table({"a": pa.FixedShapeTensorArray.from_numpy_ndarray(CUBE)})),
    bad("X_val-frame-null-list", ValueError, r"Row 3 of column 'pulse' of X_val has no sequence",
        X=FIRST, X_val=pa.table({"pulse": with_cell(3, None)}), y_val=LABELS),
]
BAD_Y = [
    bad("y-None", ValueError, r"requires y to be passed, but the target y is None", y=None),
    bad("y-too-short", ValueError, r"X has 12 sequence\(s\), y has 11 value\(s\)", y=LABELS[:-1]),
    bad("y-too-long", ValueError, r"X has 12 .*, y has 13 ", y=[*LABELS, "no"]),
    bad("y-of-one-table-row-less", ValueError, r"X has 12 .*, y has 11 ", X=TABLE, y=LABELS[:-1]),
    bad("y-empty", ValueError, r"X has 12 sequence\(s\), y has 0 value\(s\)", y=[]),
    bad("y-single-label", ValueError, r"y should be a 1d array, got 'no'", y="no"),
    bad("y-dict", ValueError, r"y should be a 1d array, got \{", y=dict(enumerate(LABELS))),
    bad("y-sparse", TypeError, r"Sparse data .* y.* dense", y=sparse.csr_matrix(NUMBERS[:, None])),
    bad("y-one-class", ValueError, r"got 1 class: 'no'\. Pass rows of at least two", y=["no"] * 12),
    bad("y-one-class-left-by-weights", ValueError, r"got 1 class: 'no'\. Pass rows of at least two",
        sample_weight=(LABELS == "no").astype(float)),
    bad("y-continuous-labels", ValueError, r"Unknown label type: continuous", y=NUMBERS),
    bad("y-labels-2d", ValueError, r"y should be a 1d array", y=np.stack([LABELS] * 2, axis=1)),
    bad("y-NaN-label", ValueError, r"y contains NaN.* row 3 .*Drop", y=[0, 1, 0, np.nan, *[1] * 8]),
    bad("y-None-label", ValueError, r"y contains NaN or None: row 3 .*Drop",
        y=object_array(["a", "b", "a", None, *["b"] * 8])),
    bad("y-pandas-NA-label", ValueError, r"y contains NaN or None: row 2 .*Drop",
        y=pd.Series(["a", "b", None] * 4, dtype="string")),
    bad("y-NaN-label-behind-rows-of-no-weight", ValueError, r"y contains NaN.* row 5 .*Drop",
        y=changed(np.arange(N_SAMPLES) % 2.0, 5, np.nan),
        sample_weight=changed(WEIGHTS, slice(2), 0)),
    bad("y-infinite-label", ValueError, r"y contains infinity: row 11", y=[*[0, 1] * 5, 0, np.inf]),
    bad("y-labels-of-mixed-types", TypeError, r"y .*types.*(int.*str|str.*int)",
        y=object_array(["a", 1] * 6)),
    bad("y-ragged", ValueError, r"y must hold one label.*StepClassifier", y=[[0], [1, 0]] * 6),
    bad("y-per-step", ValueError, r"y must hold one label", y=[s[:, 0] for s in SEQUENCES]),
    bad("y-complex-labels", ValueError, r"Complex data not supported", y=NUMBERS + 1j),
    bad("y-tensor-that-requires-grad", TypeError, r"y .*requires? grad.*detach\(\)",
        estimator=RNNRegressor, y=torch.zeros(N_SAMPLES, requires_grad=True)),
]
# fmt: on


def bad_numbers(name, match, y, error=ValueError, **more):
    return bad(f"regressor-y-{name}", error, match, estimator=RNNRegressor, y=y, **more)


# fmt: off
BAD_NUMBERS = [
    bad_numbers("NaN", r"y contains NaN .*row 2 .*Drop", changed(NUMBERS, 2, np.nan)),
    bad_numbers("infinity", r"y contains NaN or infinity: row 7", changed(NUMBERS, 7, -np.inf)),
    bad_numbers("None", r"y contains NaN .*row 1 .*Drop", [1.0, None, *[2.0] * 10]),
    bad_numbers("NA", r"y contains NaN .*row 2", pd.Series([0, 1, None] * 4, dtype="Int64")),
    bad_numbers("strings", r"y must hold numbers", LABELS, error=(TypeError, ValueError)),
    bad_numbers("one-string", r"y must hold numbers", [*[1.0] * 11, "high"],
        error=(TypeError, ValueError)),
    bad_numbers("dicts", r"y must hold numbers", [{"a": 1}] * 12, error=(TypeError, ValueError)),
    bad_numbers("dates", r"y must hold numbers.*datetime64", DATES, error=(TypeError, ValueError)),
    bad_numbers("complex", r"Complex data not supported", NUMBERS + 1j),
    bad_numbers("3d", r"y must be of shape .* Got shape \(12, 2, 2\)", np.zeros((12, 2, 2))),
    bad_numbers("no-outputs", r"0 feature\(s\) \(shape=\(12, 0\)\)", np.zeros((12, 0))),
    bad_numbers("ragged", r"y must hold one label or number", [[0.0], [1.0, 2.0]] * 6),
    bad_numbers("too-long", r"X has 12 .*, y has 24 ", np.arange(24.0)),
    bad_numbers("huge", r"y .*too large.*row \d+.*[Ss]cale", NUMBERS * 1e300),
    bad_numbers("huge-in-one-row", r"y .*too large.*row 5\D.*[Ss]cale", changed(NUMBERS, 5, 1e300)),
    bad_numbers("diverging", r"Training diverged.*epoch.*Lower lr", NUMBERS, params={"lr": 1e20}),
    bad_numbers("NaN-behind-rows-of-no-weight", r"y contains NaN .*row 5 ",
        changed(NUMBERS, 5, np.nan), sample_weight=changed(WEIGHTS, slice(2), 0)),
]
BAD_FIT = [
    bad("diverging-training", ValueError, r"Training diverged.*epoch.*Lower lr",
        params={"lr": 1e30}),
    bad("diverging-partial_fit", ValueError, r"Training diverged.*Lower lr",
        params={"lr": 1e30, "batch_size": 1}, call="partial_fit"),
    bad("weight-negative", ValueError, r"Negative values .*sample_weight", sample_weight=-WEIGHTS),
    bad("weight-one-negative", ValueError, r"[Nn]egative .*sample_weight.*",
        sample_weight=changed(WEIGHTS, 3, -1)),
    bad("weight-NaN", ValueError, r"sample_weight contains NaN",
        sample_weight=changed(WEIGHTS, 3, np.nan)),
    bad("weight-infinite", ValueError, r"sample_weight contains inf",
        sample_weight=WEIGHTS * np.inf),
    bad("weight-all-zero", ValueError, r"Sample weights must contain at least one non-zero",
        sample_weight=WEIGHTS * 0),
    bad("weight-too-few", ValueError, r"sample_weight.*\(11,\).*\(12,\)",
        sample_weight=WEIGHTS[1:]),
    bad("weight-2d", ValueError, r"[Ss]ample.weights? must be 1D", sample_weight=np.ones((12, 2))),
    bad("weight-strings", ValueError, r"sample_weight .*number", sample_weight=LABELS),
    bad("weight-regressor-all-zero", ValueError,
        r"Sample weights must contain at least one non-zero", estimator=RNNRegressor,
        sample_weight=np.zeros(N_SAMPLES)),
    bad("groups-too-few", ValueError, r"groups must be of shape \(12,\).* Got shape \(3,\)",
        groups=[1, 2, 3]),
    bad("groups-2d", ValueError, r"groups must be of shape \(12,\)", groups=np.zeros((12, 1))),
    bad("groups-one-name", ValueError, r"groups must be of shape \(12,\)", groups="patient"),
    bad("groups-of-mixed-types", TypeError, r"groups .*types.*(int.*str|str.*int)",
        groups=object_array(["a", 1] * 6), params={"early_stopping": True}),
    bad("groups-NaN", ValueError, r"groups .*NaN.* row 2",
        groups=changed(np.arange(12.0), 2, np.nan), params={"early_stopping": True}),
    bad("groups-only-one", ValueError,
        r"Can't hold out validation_fraction=0\.1 .*X_val and y_val.*early_stopping=False",
        groups=[0] * N_SAMPLES, params={"early_stopping": True}),
    bad("early_stopping-one-row", ValueError,
        r"Can't hold out validation_fraction=0\.1 of 1 .*X_val and y_val.*early_stopping=False",
        estimator=RNNRegressor, X=SEQUENCES[:1], y=[1.0], params={"early_stopping": True}),
    bad("early_stopping-two-rows-of-two-classes", ValueError,
        r"Can't hold out validation_fraction=0\.1 of 2 .*X_val and y_val.*early_stopping=False",
        X=SEQUENCES[:2], y=["no", "yes"], params={"early_stopping": True}),
    bad("early_stopping-equal-sequences", ValueError,
        r"Can't hold out validation_fraction=0\.1 .*X_val and y_val.*early_stopping=False",
        X=[SEQUENCES[0]] * N_SAMPLES, params={"early_stopping": True}),
    bad("X_val-alone", ValueError, r"X_val and y_val must be passed together", X_val=SEQUENCES),
    bad("y_val-alone", ValueError, r"X_val and y_val must be passed together", y_val=LABELS),
    bad("X_val-empty", ValueError, r"0 sample\(s\).* X_val is empty", X_val=[], y_val=[]),
    bad("X_val-None-row", TypeError, r"Row 1 of X_val ", X_val=with_row(1, None), y_val=LABELS),
    bad("X_val-zero-steps", ValueError, r"Row 1 of X_val .* 0 steps", X_val=with_row(1, []),
        y_val=LABELS),
    bad("X_val-infinity", ValueError, r"X_val contains inf.* row 0", X_val=CUBE * np.inf,
        y_val=LABELS),
    bad("X_val-channels", ValueError, r"X_val has 1 channel\(s\), .* with 2", X_val=TABLE,
        y_val=LABELS),
    bad("y_val-too-short", ValueError, r"X_val has 12 .*, y_val has 3", X_val=SEQUENCES,
        y_val=LABELS[:3]),
    bad("y_val-NaN", ValueError, r"y_val contains NaN", X_val=SEQUENCES, y_val=[np.nan] * 12),
    bad("y_val-unknown-class", ValueError,
        r"y_val has the label 'maybe' \(first in row 4\).*\['no', 'yes'\]", X_val=SEQUENCES,
        y_val=["no"] * 4 + ["maybe"] * 8),
    bad("y_val-labels-of-another-type", ValueError, r"y_val has the label 0 .*\['no', 'yes'\]",
        X_val=SEQUENCES, y_val=[0, 1] * 6),
    bad("y_val-regressor-NaN", ValueError, r"y_val contains NaN .*row 2", estimator=RNNRegressor,
        X_val=SEQUENCES, y_val=changed(NUMBERS, 2, np.nan)),
    bad("y_val-regressor-outputs", ValueError, r"y_val has 2 output\(s\), but .* 1",
        estimator=RNNRegressor, X_val=SEQUENCES, y_val=np.zeros((N_SAMPLES, 2))),
]
# fmt: on

UNFITTED = [
    bad(
        f"unfitted-{estimator.__name__}-{call}",
        NotFittedError,
        rf"This {estimator.__name__} instance is not fitted yet\. Call 'fit'",
        estimator=estimator,
        call=call,
        **inputs,
    )
    for estimator, call, inputs in [
        (RNNClassifier, "predict", {"X": SEQUENCES}),
        (RNNClassifier, "predict_proba", {"X": SEQUENCES}),
        (RNNClassifier, "predict_log_proba", {"X": SEQUENCES}),
        (RNNClassifier, "decision_function", {"X": SEQUENCES}),
        (RNNClassifier, "transform", {"X": SEQUENCES}),
        (RNNClassifier, "score", {"X": SEQUENCES, "y": LABELS}),
        (RNNClassifier, "get_feature_names_out", {}),
        (RNNRegressor, "predict", {"X": SEQUENCES}),
        (RNNRegressor, "transform", {"X": SEQUENCES}),
        (RNNRegressor, "score", {"X": SEQUENCES, "y": NUMBERS}),
        (RNNRegressor, "get_feature_names_out", {}),
    ]
]


def on_fitted(name, error, match, call="predict", fitted_on=SEQUENCES, **more):
    return bad(f"fitted-{name}", error, match, call=call, fitted_on=fitted_on, **more)


def warm(name, match, then_params=(), error=ValueError, **more):
    return on_fitted(
        name, error, match, "fit", then_params={"warm_start": True} | dict(then_params), **more
    )


# fmt: off
FITTED = [
    on_fitted("one-2d-sequence", ValueError,
        r"X has 1 channel\(s\), but RNNClassifier was fitted with 2\. .*one sequence.*\[sequence\]",
        X=SEQUENCES[0]),
    on_fitted("more-channels", ValueError, r"X has 3 channel\(s\), .* with 2\. .*\(n_steps, ",
        X=[np.zeros((4, 3))]),
    on_fitted("channels-3d", ValueError, r"X has 5 channel\(s\), .* with 2\. .*n_steps, ",
        X=CUBE.swapaxes(1, 2)),
    on_fitted("zero-steps", ValueError, r"Row 1 of X .* 0 steps", X=with_row(1, []),
        call="predict_proba"),
    on_fitted("empty", ValueError, r"0 sample\(s\).* X is empty", X=[], call="transform"),
    on_fitted("infinity", ValueError, r"X contains inf.* row 0, step 0", X=CUBE * np.inf),
    on_fitted("junk", TypeError, r"Row 2 of X .* Got str", X=with_row(2, "junk")),
    on_fitted("string", TypeError, r"X must be a list of .* Got str", X="junk",
        call="decision_function"),
    on_fitted("score-length", ValueError, r"inconsistent numbers of samples: \[3, 12\]",
        call="score", X=SEQUENCES, y=LABELS[:3]),
    on_fitted("score-without-y", ValueError, r"'y_true' parameter", call="score", X=SEQUENCES,
        y=None),
    on_fitted("feature-names", ValueError, r"input_features", call="get_feature_names_out",
        input_features=["a"]),
    on_fitted("shorter-table", ValueError,
        r"X has 3 features, but RNNClassifier is expecting 6 features", fitted_on=TABLE,
        X=TABLE[:, :3]),
    on_fitted("renamed-columns", ValueError, r"feature names should match.* unseen .*- z",
        fitted_on=FRAME, X=FRAME.rename(columns={"a": "z"})),
    on_fitted("frame-renamed-column", ValueError,
        r"feature names should match.* unseen .*- speed\n.*now missing:\n- weight",
        fitted_on=COLUMNS, X=COLUMNS.rename_columns(["pulse", "speed"])),
    on_fitted("frame-column-missing", ValueError, r"feature names .*now missing:\n- weight",
        fitted_on=COLUMNS, X=COLUMNS.select(["pulse"])),
    on_fitted("frame-one-column-more", ValueError, r"feature names should .* unseen .*- speed",
        fitted_on=COLUMNS, X=COLUMNS.append_column("speed", COLUMNS["pulse"])),
    on_fitted("frame-wider-column", ValueError,
        r"Column 'weight' of X has 2 channel\(s\), but had 1 in fit", fitted_on=COLUMNS,
        X=COLUMNS.set_column(1, "weight", arrow([s.tolist() for s in SEQUENCES]))),
    on_fitted("frame-of-single-numbers", TypeError,
        r"Column 'pulse' of X holds single values, but held sequences in fit",
        fitted_on=COLUMNS, X=FRAME.iloc[:, :2].set_axis(["pulse", "weight"], axis=1)),
    on_fitted("frame-of-lists-where-numbers-were", ValueError,
        r"feature names should match.* unseen .*- pulse", fitted_on=FRAME, X=COLUMNS),
    on_fitted("list-of-other-channels-than-the-frame", ValueError,
        r"X has 1 channel\(s\), but RNNClassifier was fitted with 2", fitted_on=COLUMNS, X=FIRST),
    on_fitted("regressor-channels", ValueError,
        r"X has 1 channel\(s\), but RNNRegressor was fitted with 2", estimator=RNNRegressor,
        X=TABLE),
    on_fitted("partial_fit-unknown-class", ValueError,
        r"y has the label 'maybe' \(first in row 0\).*\['no', 'yes'\].*classes=",
        call="partial_fit", y=["maybe"] * N_SAMPLES),
    on_fitted("partial_fit-channels", ValueError,
        r"X has 1 channel\(s\), but RNNClassifier was fitted with 2", call="partial_fit", X=TABLE),
    on_fitted("partial_fit-other-classes", ValueError, r"classes.*'no', 'yes'", call="partial_fit",
        classes=["no", "yes", "maybe"]),
    on_fitted("partial_fit-other-network", ValueError,
        r"'hidden_size' parameter .* from 4 to 6.* Change it back", call="partial_fit",
        then_params={"hidden_size": 6}),
    bad("partial_fit-one-class", ValueError, r"1 class.*classes=", call="partial_fit",
        y=["no"] * 12),
    bad("partial_fit-classes-of-one", ValueError, r"1 class", call="partial_fit", classes=["no"]),
    bad("partial_fit-y-outside-classes", ValueError, r"y has the label 'no' .*\['maybe', 'yes'\]",
        call="partial_fit", classes=["yes", "maybe"]),
    bad("partial_fit-one-name", ValueError, r"classes .*'no'", call="partial_fit", classes="no"),
    bad("partial_fit-weight-negative", ValueError, r"[Nn]egative .*sample_weight",
        estimator=RNNRegressor, call="partial_fit", sample_weight=-WEIGHTS),
    warm("warm_start-hidden_size", r"'hidden_size' .* from 4 to 6.* warm_start=False",
        {"hidden_size": 6}),
    warm("warm_start-cell", r"'cell' .* from 'lstm' to 'gru'.* warm_start=False", {"cell": "gru"}),
    warm("warm_start-misspelt-cell", r"'cell' parameter .* Did you mean 'gru'\?", {"cell": "grru"}),
    warm("warm_start-optimizer", r"'optimizer' .* from 'adamw' to 'sgd'.* warm_start",
        {"optimizer": "sgd"}),
    warm("warm_start-standardize", r"'standardize' .* from True to False.* warm_start",
        {"standardize": False}),
    warm("warm_start-differences", r"'differences' .* from 'auto' to True.* warm_start",
        {"differences": True}),
    warm("warm_start-pooling", r"'pooling' .* from 'last' to 'max'", {"pooling": "max"}),
    warm("warm_start-channels", r"X has 1 channel\(s\), .* with 2", X=TABLE),
    warm("warm_start-bad-row", r"Row 1 of X .* 0 steps", X=with_row(1, [])),
    warm("warm_start-unknown-class", r"y has the label 'maybe' \(first in row 0\)",
        y=["maybe", "no"] * 6),
    warm("warm_start-diverging", r"Training diverged.*Lower lr", {"lr": 1e30}),
    warm("warm_start-regressor-outputs", r"y has 2 output\(s\), but the model was fitted with 1",
        estimator=RNNRegressor, y=np.zeros((N_SAMPLES, 2))),
    on_fitted("refit-bad-row", TypeError, r"Row 1 of X .* NoneType", "fit", X=with_row(1, None)),
    on_fitted("refit-diverging", ValueError, r"Training diverged", "fit", then_params={"lr": 1e30}),
    on_fitted("refit-one-class", ValueError, r"1 class: 'no'", "fit", X=TABLE,
        y=["no"] * N_SAMPLES),
]
# fmt: on

ROWS = [*PARAMETERS, *BAD_X, *BAD_FRAMES, *BAD_Y, *BAD_NUMBERS, *BAD_FIT, *UNFITTED, *FITTED]


@pytest.fixture(scope="module", autouse=True)
def _first_fit():
    """Pay for imports and the first kernels here, not in the first row's second."""
    RNNClassifier(hidden_size=4, max_epochs=1).fit(SEQUENCES, LABELS).predict(SEQUENCES)


@pytest.mark.parametrize(
    ("error", "match", "estimator", "params", "fitted_on", "then_params", "call", "inputs"), ROWS
)
def test_bad_input_is_refused_clearly_and_changes_nothing(
    error, match, estimator, params, fitted_on, then_params, call, inputs
):
    model = estimator(**SMALL | params)
    if fitted_on is not None:
        model.fit(fitted_on, good_y(estimator))
        predictions = model.predict(fitted_on)
    model.set_params(**then_params)
    state = dict(vars(model))
    before = deepcopy((inputs, params))

    start = perf_counter()
    with pytest.raises(error, match=f"(?s){match}"):
        getattr(model, call)(**inputs)
    seconds = perf_counter() - start

    assert seconds < 1
    assert same((inputs, params), before)
    assert vars(model).keys() == state.keys()
    assert all(value is state[name] for name, value in vars(model).items())
    assert hasattr(model, "net_") == (fitted_on is not None)
    if fitted_on is not None:
        np.testing.assert_array_equal(model.predict(fitted_on), predictions)


def test_bad_input_table_has_at_least_60_rows_of_different_names():
    names = [row.id for row in ROWS]
    assert len(set(names)) == len(names) >= 60

"""Metrics of sequences against hand computations and scikit-learn on steps laid end to end."""

import sys
from itertools import chain

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import seqeval.metrics
import seqeval.scheme
from sklearn import metrics as flat
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_rnn.metrics import (
    bits_per_token,
    edit_distance,
    entity_f1,
    exact_match,
    sequence_mae,
    sequence_rmse,
    step_accuracy,
    step_f1,
    token_error_rate,
)

STEP_BY_STEP = [step_accuracy, step_f1, sequence_mae, sequence_rmse]
WHOLE = [exact_match, edit_distance, token_error_rate]


def objects(rows):
    """Return a 1-D object array of arrays."""
    array = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        array[i] = np.asarray(row)
    return array


FORMS = {
    "list": list,
    "tuple": lambda rows: tuple(tuple(row) for row in rows),
    "list of arrays": lambda rows: list(objects(rows)),
    "objects": objects,
    "lists in objects": lambda rows: pd.Series(rows).to_numpy(),
    "pandas": lambda rows: pd.Series(rows, index=range(5, 5 + len(rows))),
    "pandas arrays": lambda rows: pd.Series(list(objects(rows))),
    "pandas-arrow": lambda rows: pd.Series(pd.arrays.ArrowExtensionArray(pa.array(rows))),
    "polars": pl.Series,
    "pyarrow": pa.array,
    "pyarrow-large": lambda rows: pa.array(rows, pa.large_list(pa.array(rows).type.value_type)),
    "chunked": lambda rows: pa.chunked_array([rows[:2], rows[2:]]),
    "categories": lambda rows: pa.array(rows, pa.array(rows).type).cast(
        pa.list_(pa.dictionary(pa.int32(), pa.array(rows).type.value_type))
    ),
}


def label_pairs(n_samples=30, labels=("a", "b", "cc"), seed=0, other_lengths=False):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, size=n_samples)
    others = rng.integers(0, 9, size=n_samples) if other_lengths else lengths
    y_true = [[labels[i] for i in rng.integers(len(labels), size=n)] for n in lengths]
    y_pred = [[labels[i] for i in rng.integers(len(labels), size=n)] for n in others]
    for row in range(0, n_samples, 3):
        y_pred[row] = list(y_true[row])
    return y_true, y_pred


def number_pairs(n_outputs=(), n_samples=20, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(n, *n_outputs) for n in rng.integers(1, 9, size=n_samples)]
    return [rng.normal(size=s) for s in shapes], [rng.normal(size=s) for s in shapes]


def weights_of(rows, seed=1):
    """Return a weight for each sequence, and the same for each step."""
    weight = np.random.default_rng(seed).uniform(0.1, 2, size=len(rows))
    return weight, np.repeat(weight, [len(row) for row in rows])


def end_to_end(rows):
    return list(chain.from_iterable(rows))


def levenshtein(a, b):
    """Return the distance by the textbook table."""
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    table[:, 0], table[0] = np.arange(len(a) + 1), np.arange(len(b) + 1)
    for i, x in enumerate(a, start=1):
        for j, y in enumerate(b, start=1):
            table[i, j] = min(
                table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (x != y)
            )
    return int(table[-1, -1])


# -- labels, step by step -------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [("a", "b", "cc"), (3, 1, 2), (True, False)])
def test_step_accuracy_is_that_of_steps_laid_end_to_end(labels):
    y_true, y_pred = label_pairs(labels=labels)
    steps = end_to_end(y_true), end_to_end(y_pred)
    weight, of_steps = weights_of(y_true)
    assert step_accuracy(y_true, y_pred) == pytest.approx(flat.accuracy_score(*steps))
    assert step_accuracy(y_true, y_pred, sample_weight=weight) == pytest.approx(
        flat.accuracy_score(*steps, sample_weight=of_steps)
    )


def test_step_f1_of_each_label_stands_in_their_order():
    y_true, y_pred = [["b", "a"], ["c", "b", "b"]], [["b", "b"], ["c", "b", "a"]]
    np.testing.assert_allclose(step_f1(y_true, y_pred, average=None), [0, 2 / 3, 1])
    some = step_f1(y_true, y_pred, average=None, labels=["c", "b"])
    np.testing.assert_allclose(some, [1, 2 / 3])


@pytest.mark.parametrize("labels", [("a", "b", "cc"), (3, 1, 2)])
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_step_f1_is_that_of_steps_laid_end_to_end(labels, average):
    y_true, y_pred = label_pairs(labels=labels)
    steps = end_to_end(y_true), end_to_end(y_pred)
    weight, of_steps = weights_of(y_true)
    for some in (None, list(labels[:2]), [labels[2], labels[0]]):
        options = {"average": average, "labels": some}
        assert step_f1(y_true, y_pred, **options) == pytest.approx(flat.f1_score(*steps, **options))
        assert step_f1(y_true, y_pred, sample_weight=weight, **options) == pytest.approx(
            flat.f1_score(*steps, sample_weight=of_steps, **options)
        )


def test_step_f1_binary_is_that_of_pos_label():
    y_true, y_pred = label_pairs(labels=("no", "yes"))
    steps = end_to_end(y_true), end_to_end(y_pred)
    for label in ("no", "yes"):
        assert step_f1(y_true, y_pred, average="binary", pos_label=label) == pytest.approx(
            flat.f1_score(*steps, pos_label=label)
        )
    assert step_f1([[0, 1], [1]], [[1, 1], [1]], average="binary") == pytest.approx(0.8)


def test_step_f1_zero_division_is_of_labels_neither_there_nor_predicted():
    pair, options = ([["a"], ["b"]], [["a"], ["b"]]), {"labels": ["a", "z", "y"]}
    assert step_f1(*pair, **options, zero_division=0.0) == pytest.approx(1 / 3)
    assert step_f1(*pair, **options, zero_division=1.0) == pytest.approx(1.0)
    with pytest.warns(UndefinedMetricWarning):
        assert step_f1(*pair, **options) == pytest.approx(1 / 3)


@pytest.mark.parametrize("form", FORMS)
def test_labels_count_the_same_in_every_form(form):
    y_true, y_pred = label_pairs()
    y_true[1] = [*y_true[1][:-1], None] if len(y_true[1]) > 1 else [None, *y_true[1]]
    y_pred[1] = [*y_pred[1], *y_pred[1]][: len(y_true[1])]
    shape = FORMS[form]
    for metric in (step_accuracy, step_f1, *WHOLE):
        assert metric(shape(y_true), shape(y_pred)) == metric(y_true, y_pred)
        assert metric(shape(y_true), objects(y_pred)) == metric(y_true, y_pred)


@pytest.mark.parametrize("labels", [("a", "b", "cc"), (3, 1, 2)])
def test_labels_of_equal_lengths_count_the_same_in_a_rectangle(labels):
    rng = np.random.default_rng(0)
    y_true = np.array(labels)[rng.integers(3, size=(8, 4))]
    y_pred = np.where(rng.random((8, 4)) < 0.8, y_true, y_true[::-1])
    for metric in (step_accuracy, step_f1, *WHOLE):
        expected = metric([list(row) for row in y_true], objects(y_pred))
        assert metric(y_true, y_pred) == expected
        assert metric(y_true.astype(object), y_pred) == expected
        assert metric(y_true.tolist(), y_pred[:, :, None]) == expected
    assert step_accuracy(y_true, y_pred) == np.mean(y_true == y_pred)


def test_labels_of_different_types_are_different():
    assert step_accuracy([[1, 2]], [["1", "2"]]) == 0
    assert step_accuracy([np.array([1, 2])], [np.array(["1", "2"])]) == 0
    assert exact_match([[1, "1"]], [[1, "1"]]) == 1
    assert edit_distance([[1, "1"]], [["1", 1]]) == 2
    assert step_accuracy([[1, None, 2]], [np.array([1, 1, 2])]) == 1
    assert step_accuracy([[1.0, np.nan, 2.0]], [np.array([1, 1, 2])]) == 1
    assert step_accuracy([np.array(["x"])], [np.array(["x"], dtype=object)]) == 1
    assert step_accuracy([np.array([1]), np.array(["1"])], [["1"], ["1"]]) == 1 / 2
    variable = np.array([["x", "yy"]], dtype=np.dtypes.StringDType())
    for metric in (step_accuracy, step_f1, exact_match):
        assert metric(variable, [["x", "yy"]]) == metric([["x", "yy"]], variable) == 1
    assert step_f1(variable, variable, average="binary", pos_label="x") == 1


# -- steps without a label ------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA])
def test_steps_without_a_label_are_left_out(gap):
    y_true = [["a", gap, "b"], [gap, gap], ["b", gap], None]
    y_pred = [["a", "a", "b"], ["a", "b"], ["a", "b"], ["b"]]
    assert step_accuracy(y_true, y_pred) == pytest.approx(2 / 3)
    assert step_f1(y_true, y_pred, average="micro") == pytest.approx(2 / 3)
    assert exact_match(y_true, y_pred) == 1 / 2
    assert edit_distance(y_true, y_pred) == 1 / 2
    assert token_error_rate(y_true, y_pred) == pytest.approx(1 / 3)
    weight = [1.0, 7.0, 3.0, 9.0]
    assert step_accuracy(y_true, y_pred, sample_weight=weight) == pytest.approx(2 / 5)
    assert exact_match(y_true, y_pred, sample_weight=weight) == pytest.approx(1 / 4)


def test_steps_without_a_label_go_from_y_true_alone_where_lengths_differ():
    assert exact_match([["a", "b", None]], [["a", "b"]]) == 1
    assert edit_distance([["a", None, "b"]], [["a", "b", "b", "b"]]) == 2


def test_predictions_may_be_missing_where_there_is_no_label():
    assert step_accuracy([["a", None]], [["a", None]]) == 1
    assert edit_distance([["a", None], [None]], [["a", None], [None]]) == 0
    assert edit_distance([["a"], [None]], [["a"], ["b", None]]) == 0
    assert sequence_mae([[1.0, np.nan]], [[2.0, np.nan]]) == 1


def test_numbers_of_a_step_that_lacks_one_are_left_out():
    y_true = [np.array([[1.0, np.nan], [2.0, 5.0]]), np.array([[3.0, 1.0]])]
    y_pred = [np.array([[9.0, 9.0], [3.0, 5.0]]), np.array([[3.0, 4.0]])]
    assert sequence_mae(y_true, y_pred, multioutput="raw_values").tolist() == [0.5, 1.5]
    assert sequence_mae([[1, None, 4]], [[1, 2, 2]]) == 1


def test_rows_of_null_are_left_out_of_columns():
    y_true = [["a", "b"], None, ["b"]]
    for column in (pa.array(y_true), pl.Series(y_true), pd.Series(y_true)):
        assert step_accuracy(column, [["a", "b"], ["a", "a", "a"], ["a"]]) == pytest.approx(2 / 3)
        assert edit_distance(column, [["a", "b"], ["a"], ["a"]]) == 1 / 2


# -- whole sequences ------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [("a", "b", "cc"), (3, 1, 2)])
def test_edits_are_those_of_the_textbook(labels):
    y_true, y_pred = label_pairs(labels=labels, other_lengths=True)
    edits = np.array([levenshtein(a, b) for a, b in zip(y_true, y_pred, strict=True)])
    lengths = np.array([len(row) for row in y_true])
    weight, _ = weights_of(y_true)
    assert edits.sum() > 20
    assert edit_distance(y_true, y_pred) == pytest.approx(edits.mean())
    assert token_error_rate(y_true, y_pred) == pytest.approx(edits.sum() / lengths.sum())
    assert exact_match(y_true, y_pred) == pytest.approx((edits == 0).mean())
    options = {"sample_weight": weight}
    assert edit_distance(y_true, y_pred, **options) == pytest.approx(
        np.average(edits, weights=weight)
    )
    assert token_error_rate(y_true, y_pred, **options) == pytest.approx(
        weight @ edits / (weight @ lengths)
    )
    assert exact_match(y_true, y_pred, **options) == pytest.approx(
        np.average(edits == 0, weights=weight)
    )


def test_edits_of_sequences_without_steps():
    assert edit_distance([[], ["a"]], [["a", "b"], []]) == 1.5
    assert exact_match([[], []], [[], ["a"]]) == 1 / 2
    assert edit_distance([[], []], objects([[], []])) == 0
    assert token_error_rate([[], ["a"]], [["a", "b"], ["a"]]) == 2


TEXTS = {
    "list": list,
    "array": np.array,
    "objects": lambda texts: np.array(texts, dtype=object),
    "pandas": pd.Series,
    "pandas-arrow": lambda texts: pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
    "polars": pl.Series,
    "pyarrow": pa.array,
    "categories": lambda texts: pa.array(texts).dictionary_encode(),
}


@pytest.mark.parametrize("form", TEXTS)
def test_texts_are_sequences_of_characters(form):
    y_true, y_pred = TEXTS[form](["kitten", "dog"]), TEXTS[form](["sitting", "dog"])
    assert edit_distance(y_true, y_pred) == 1.5
    assert token_error_rate(y_true, y_pred) == pytest.approx(3 / 9)
    assert token_error_rate(y_true, [list("sitting"), list("dog")]) == pytest.approx(3 / 9)
    assert exact_match(y_true, y_pred) == 0.5


# -- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_outputs", [(), (3,)])
@pytest.mark.parametrize("multioutput", ["uniform_average", "raw_values"])
def test_errors_are_those_of_steps_laid_end_to_end(n_outputs, multioutput):
    y_true, y_pred = number_pairs(n_outputs)
    steps = np.concatenate(y_true), np.concatenate(y_pred)
    weight, of_steps = weights_of(y_true)
    options = {"multioutput": multioutput}
    for ours, theirs in (
        (sequence_mae, flat.mean_absolute_error),
        (sequence_rmse, flat.root_mean_squared_error),
    ):
        error = ours(y_true, y_pred, **options)
        np.testing.assert_allclose(error, theirs(*steps, **options))
        assert isinstance(error, np.ndarray if multioutput == "raw_values" else float)
        np.testing.assert_allclose(
            ours(y_true, y_pred, sample_weight=weight, **options),
            theirs(*steps, sample_weight=of_steps, **options),
        )


@pytest.mark.parametrize("n_outputs", [(), (3,)])
def test_errors_by_sequences_are_the_mean_of_each_ones_own(n_outputs):
    y_true, y_pred = number_pairs(n_outputs)
    y_true[4][:] = np.nan
    y_true[6] = np.concatenate([np.full_like(y_true[6], np.nan), y_true[6]])
    y_pred[6] = np.concatenate([y_pred[6], y_pred[6]])
    weight, _ = weights_of(y_true)
    labelled = [i for i in range(len(y_true)) if i != 4]
    for ours, theirs in (
        (sequence_mae, flat.mean_absolute_error),
        (sequence_rmse, flat.root_mean_squared_error),
    ):
        of_each = []
        for i in labelled:
            kept = ~np.isnan(y_true[i].reshape(len(y_true[i]), -1)).any(axis=1)
            of_each.append(
                theirs(y_true[i][kept], y_pred[i][kept], multioutput="raw_values").tolist()
            )
        options = {"average": "sequences", "multioutput": "raw_values"}
        np.testing.assert_allclose(ours(y_true, y_pred, **options), np.mean(of_each, axis=0))
        np.testing.assert_allclose(
            ours(y_true, y_pred, sample_weight=weight, **options),
            np.average(of_each, axis=0, weights=weight[labelled]),
        )


NUMBERS = [form for form in FORMS if form != "categories"]


@pytest.mark.parametrize("form", NUMBERS)
@pytest.mark.parametrize("n_outputs", [(), (3,)])
def test_numbers_count_the_same_in_every_form(form, n_outputs):
    y_true, y_pred = number_pairs(n_outputs)
    shape, lists = FORMS[form], [row.tolist() for row in y_true]
    for metric in (sequence_mae, sequence_rmse):
        expected = metric(y_true, y_pred, multioutput="raw_values")
        found = metric(shape(lists), objects(y_pred), multioutput="raw_values")
        np.testing.assert_array_equal(found, expected)


def test_numbers_of_equal_lengths_count_the_same_in_a_rectangle():
    rng = np.random.default_rng(0)
    for shape in ((6, 4), (6, 4, 1), (6, 4, 2)):
        y_true, y_pred = rng.normal(size=(2, *shape))
        for metric in (sequence_mae, sequence_rmse):
            for average in ("steps", "sequences"):
                assert metric(y_true, y_pred, average=average) == metric(
                    list(y_true), list(y_pred), average=average
                )
    flat_rows, columns = rng.normal(size=(6, 4)), rng.normal(size=(6, 4, 1))
    assert sequence_mae(flat_rows, columns) == sequence_mae(flat_rows, columns[:, :, 0])
    masked = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], [[False, True], [False, False]])
    assert sequence_mae(masked, np.zeros((2, 2))) == pytest.approx(8 / 3)


def test_metrics_leave_their_input_as_it_is():
    y_true, y_pred = np.array([[1.0, np.nan], [2.0, 3.0]]), np.array([[1.0, 2.0], [2.0, 3.0]])
    before = y_true.copy(), y_pred.copy()
    for metric in (*STEP_BY_STEP, *WHOLE):
        metric(y_true, y_pred)
    np.testing.assert_array_equal(y_true, before[0])
    np.testing.assert_array_equal(y_pred, before[1])


# -- language models ------------------------------------------------------------------------------


COUNTS = {
    "texts": ["abba", "cd"],
    "tokens": [["a", "b", "b", "a"], ["c", "d"]],
    "arrays": [np.arange(4), np.arange(2)],
    "channels": [np.zeros((4, 3)), np.zeros((2, 3))],
    "counts": [4, 2],
    "array": np.array([4, 2]),
    "floats": np.array([4.0, 2.0]),
    "arrow": pa.array([4, 2]),
    "polars": pl.Series([4, 2]),
    "column": pa.array([["a", "b", "b", "a"], ["c", "d"]]),
    "pandas": pd.Series(["abba", "cd"]),
}


@pytest.mark.parametrize("form", COUNTS)
def test_bits_per_token_is_all_bits_by_all_tokens(form):
    log_likelihood = np.log([0.5**8, 0.5])
    assert bits_per_token(log_likelihood, COUNTS[form]) == pytest.approx(9 / 6)
    weighed = bits_per_token(log_likelihood, COUNTS[form], sample_weight=[1, 4])
    assert weighed == pytest.approx(12 / 12)


def test_bits_per_token_of_a_uniform_model_is_the_logarithm_of_its_choices():
    lengths = np.array([3, 8, 1])
    assert bits_per_token(-lengths * np.log(26), lengths) == pytest.approx(np.log2(26))


def test_bits_per_token_is_infinite_where_the_impossible_came():
    assert bits_per_token([-np.inf, -1.0], [1, 1]) == np.inf
    assert bits_per_token([-np.inf, -np.log(2)], [1, 1], sample_weight=[0, 1]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("log_likelihood", "n_tokens", "error", "message"),
    [
        (["a"], [1], TypeError, "log_likelihood must hold one number a sequence"),
        ([[-1.0]], [1], TypeError, r"shape \(1, 1\)"),
        ([-1.0, 2.5], [1, 1], ValueError, r"numbers up to 0. Got 2.5 in row 1; of a loss pass"),
        ([np.nan], [1], ValueError, "Got nan in row 0"),
        ([-1.0], [1, 2], ValueError, r"has 1 number\(s\), n_tokens has 2"),
        ([-1.0], [0], ValueError, "There are no tokens"),
        ([-1.0, -1.0], [1, -2], ValueError, "whole numbers >= 0.*Got -2.0 in row 1"),
        ([-1.0], np.array([1.5]), ValueError, "Got 1.5 in row 0"),
        ([-1.0, -1.0], [1, None], ValueError, "Got nan in row 1"),
        ([-1.0], 3, TypeError, "n_tokens must hold one sequence a sample"),
    ],
)
def test_bits_per_token_names_what_is_wrong(log_likelihood, n_tokens, error, message):
    with pytest.raises(error, match=message):
        bits_per_token(log_likelihood, n_tokens)


# -- entities -------------------------------------------------------------------------------------


def tagged(scheme, n_samples=40, seed=0):
    prefixes = {"IOB1": "IB", "IOB2": "IB", "IOE1": "IE", "IOE2": "IE", "IOBES": "IBES"}
    prefixes["BILOU"] = "BILU"
    tags = ["O", *(f"{p}-{kind}" for p in prefixes[scheme] for kind in ("PER", "LOC", "ORG"))]
    return label_pairs(n_samples, labels=tags, seed=seed)


@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"])
def test_entity_f1_is_that_of_seqeval(scheme, average):
    y_true, y_pred = tagged(scheme)
    strict = {"mode": "strict", "scheme": getattr(seqeval.scheme, scheme)}
    expected = seqeval.metrics.f1_score(y_true, y_pred, average=average, **strict)
    assert 0.1 < expected < 0.9
    assert entity_f1(y_true, y_pred, scheme=scheme, average=average) == pytest.approx(expected)
    if scheme != "BILOU":  # whose letters conlleval does not know
        lenient = seqeval.metrics.f1_score(y_true, y_pred, average=average)
        assert entity_f1(y_true, y_pred, average=average) == pytest.approx(lenient)


def test_entity_f1_weighs_entities_as_their_sequences():
    y_true, y_pred = tagged("IOB2")
    weight = np.arange(len(y_true)) % 3
    repeated = [
        [row for row, n in zip(y, weight, strict=True) for _ in range(n)] for y in (y_true, y_pred)
    ]
    for average in ("micro", "macro"):
        assert entity_f1(y_true, y_pred, sample_weight=weight, average=average) == pytest.approx(
            seqeval.metrics.f1_score(*repeated, average=average)
        )


def test_entity_f1_goes_on_behind_steps_without_a_label():
    y_true, y_pred = [["B-PER", None, "I-PER"]], [["B-PER", "O", "I-PER"]]
    assert entity_f1(y_true, y_pred) == 1
    assert entity_f1([["B-PER", "O", "I-PER"]], [["B-PER", "I-PER", "I-PER"]]) == 0


def test_entity_f1_without_entities_is_zero_division():
    pair = [["O", "O"]], [["O", "O"]]
    assert entity_f1(*pair, zero_division=1.0) == 1
    assert entity_f1(*pair, zero_division=0.0) == 0
    with pytest.warns(UndefinedMetricWarning):
        assert entity_f1(*pair) == 0


def test_entity_f1_says_how_to_install_seqeval(monkeypatch):
    monkeypatch.setitem(sys.modules, "seqeval", None)
    monkeypatch.setitem(sys.modules, "seqeval.scheme", None)
    with pytest.raises(ImportError, match=r"pip install sklearn-rnn\[seqeval\]"):
        entity_f1([["O"]], [["O"]])


# -- what is wrong, and where ---------------------------------------------------------------------


@pytest.mark.parametrize("metric", STEP_BY_STEP)
def test_lengths_that_differ_are_named_with_their_row(metric):
    y_true, y_pred = [[1], [1, 2], [1], [1, 2, 1, 2, 1]], [[1], [1, 2], [1], [1, 2, 1, 2]]
    with pytest.raises(ValueError, match="Row 3: y_true has 5 steps, y_pred has 4"):
        metric(y_true, y_pred)
    with pytest.raises(ValueError, match="Row 0: y_true has 3 steps, y_pred has 2"):
        metric(np.ones((2, 3)), np.ones((2, 2)))


@pytest.mark.parametrize("metric", [*STEP_BY_STEP, *WHOLE])
def test_numbers_of_sequences_must_agree(metric):
    with pytest.raises(ValueError, match=r"y_true has 2 sequence\(s\), y_pred has 1"):
        metric([[1], [1]], [[1]])


@pytest.mark.parametrize("metric", [*STEP_BY_STEP, *WHOLE])
@pytest.mark.parametrize("gap", [None, np.nan])
def test_missing_predictions_are_named_with_their_row(metric, gap):
    with pytest.raises(ValueError, match="Row 1 of y_pred holds NaN or None"):
        metric([[1], [1, 2]], [[1], [1, gap]])
    with pytest.raises(ValueError, match=r"Row 1 of y_pred has no sequence"):
        metric([[1], [1, 2]], [[1], gap])


@pytest.mark.parametrize("metric", [*STEP_BY_STEP, *WHOLE])
def test_nothing_to_compare_is_an_error(metric):
    for y_true, y_pred in (([[None]], [[1]]), ([None, None], [[1], [2]])):
        with pytest.raises(ValueError, match="There is nothing to compare: y_true has no label"):
            metric(y_true, y_pred)
    with pytest.raises(ValueError, match="no label, or only in sequences of weight 0"):
        metric([[1], [None]], [[1], [2]], sample_weight=[0.0, 1.0])


@pytest.mark.parametrize("metric", [*STEP_BY_STEP, *WHOLE])
@pytest.mark.parametrize(
    ("weight", "message"),
    [([1.0], "sample_weight"), ([1.0, -1.0], "[Nn]egative"), (["a", "b"], "must hold numbers")],
)
def test_weights_are_checked(metric, weight, message):
    with pytest.raises(ValueError, match=message):
        metric([[1], [1]], [[1], [1]], sample_weight=weight)


BAD_FORMS = [
    (pa.array([1, 2]), TypeError, "Got a column of int64"),
    (pd.DataFrame({"labels": [[1], [2]]}), TypeError, r"it is a frame.*y_true\['labels'\]"),
    (pl.DataFrame({"labels": [[1], [2]]}), TypeError, "it is a frame"),
    (7, TypeError, "y_true must hold one sequence a sample: .*Got int instead"),
    (iter([[1]]), TypeError, "Got list_iterator instead"),
    (np.zeros((2, 1, 1, 1)), ValueError, "y_true has 4 dimensions"),
    ([np.zeros(2), np.zeros((2, 2))], ValueError, "Row 1 of y_true has 2 values at a step, but r"),
    ([1, 2], TypeError, "Row 0 of y_true must be a 1-D array or list.*Got 1 instead"),
    (np.array([1, 2]), TypeError, "Row 0 of y_true must be a 1-D array or list"),
    ([[1], {"a": 1}], TypeError, "Row 1 of y_true must be a 1-D array or list"),
    ([[[1, 2], [3]]], ValueError, "Row 0 of y_true has steps of different numbers of values"),
    ([np.zeros((1, 1, 1))], ValueError, "Row 0 of y_true has 3 dimensions"),
    (pa.array([[[1, 2], [3]]]), ValueError, "holds steps of 2 and of 1 channel"),
]


@pytest.mark.parametrize("metric", [*STEP_BY_STEP, *WHOLE])
@pytest.mark.parametrize(("y", "error", "message"), BAD_FORMS)
def test_other_forms_are_refused(metric, y, error, message):
    with pytest.raises(error, match=message):
        metric(y, y)


@pytest.mark.parametrize("metric", STEP_BY_STEP)
def test_texts_are_refused_where_a_step_is_a_label(metric):
    with pytest.raises(TypeError, match=r"Row 0 of y_true .* Got the text 'cat': pass 'list\(tex"):
        metric(["cat", "dog"], ["cat", "dog"])


@pytest.mark.parametrize("metric", [step_accuracy, step_f1, *WHOLE])
def test_labels_must_be_single_values(metric):
    with pytest.raises(ValueError, match=r"y_pred must hold one label a step\. Got 2 values"):
        metric(np.ones((3, 4)), np.ones((3, 4, 2)))
    with pytest.raises(TypeError, match="Labels must be single values"):
        metric([["a", {"b": 1}]], [["a", "b"]])


def test_edit_rate_needs_a_length():
    with pytest.raises(ValueError, match="there is no length to divide the edits by"):
        token_error_rate([[], []], [["a"], []])


@pytest.mark.parametrize("metric", [sequence_mae, sequence_rmse])
@pytest.mark.parametrize(
    ("y_true", "y_pred", "error", "message"),
    [
        ([[1.0]], [["a"]], TypeError, "y_pred must hold numbers. Got 'a' instead"),
        ([[1.0, {}]], [[1.0, 2.0]], TypeError, "y_true must hold numbers: "),
        (np.ones((1, 1), "M8[s]"), [[1.0]], TypeError, "y_true must hold numbers. Got dtype date"),
        ([[1.0], [np.inf]], [[1.0], [1.0]], ValueError, "Row 1 of y_true holds an infinite number"),
        ([[1.0], [1.0]], [[1.0], [-np.inf]], ValueError, "Row 1 of y_pred holds an infinite"),
        (np.ones((2, 3, 2)), np.ones((2, 3)), ValueError, r"y_true has 2 output\(s\) at a step, y"),
    ],
)
def test_numbers_are_checked(metric, y_true, y_pred, error, message):
    with pytest.raises(error, match=message):
        metric(y_true, y_pred)


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        (
            step_f1,
            {"average": "samples"},
            "'average' parameter of step_f1 must be 'macro', 'micro'",
        ),
        (sequence_mae, {"average": "rows"}, "'average' parameter of sequence_mae must be 'steps'"),
        (sequence_rmse, {"multioutput": "all"}, "'multioutput' parameter of sequence_rmse must be"),
        (entity_f1, {"average": "binary"}, "'average' parameter of entity_f1 must be 'micro', 'ma"),
        (entity_f1, {"scheme": "BIO"}, "'scheme' parameter of entity_f1 .* Got 'BIO' instead"),
    ],
)
def test_parameters_are_checked(metric, options, message):
    with pytest.raises(ValueError, match=message):
        metric([["O"]], [["O"]], **options)


def test_entities_must_be_texts():
    with pytest.raises(TypeError, match=r"y_true must hold texts such as .* Got 1 instead"):
        entity_f1([[1, 2]], [["O", "O"]])

"""One answer a step: forms of y, steps without an entry, weights, guarantees, errors."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import StepClassifier, StepRegressor
from sklearn_rnn.preprocessing import PerStep

QUICK = {"hidden_size": 8, "max_epochs": 5, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 12, size=40)]
LABELS = [np.where(x[:, 0] > 0, "up", "down") for x in X]
NUMBERS = [x.cumsum(axis=0) for x in X]


def objects(rows):
    array = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        array[i] = row
    return array


def flat(rows):
    return np.concatenate(list(rows))


FORMS_OF_LABELS = {
    "list of arrays": list,
    "tuple": tuple,
    "list of lists": lambda rows: [row.tolist() for row in rows],
    "objects": objects,
    "series": lambda rows: pd.Series([row.tolist() for row in rows]),
    "polars": lambda rows: pl.Series([row.tolist() for row in rows]),
    "pyarrow": lambda rows: pa.array([row.tolist() for row in rows]),
}


@pytest.mark.parametrize("form", FORMS_OF_LABELS)
def test_labels_of_every_form_give_the_same_model(form):
    expected = StepClassifier(**QUICK).fit(X, LABELS)
    model = StepClassifier(**QUICK).fit(X, FORMS_OF_LABELS[form](LABELS))
    predicted = model.predict_proba(X)
    assert predicted.dtype == object
    assert [p.shape for p in predicted] == [(len(x), 2) for x in X]
    np.testing.assert_array_equal(flat(predicted), flat(expected.predict_proba(X)))
    assert model.classes_.tolist() == ["down", "up"]
    assert model.score(X, FORMS_OF_LABELS[form](LABELS)) == expected.score(X, LABELS)


@pytest.mark.parametrize("form", ["list of arrays", "objects", "polars", "pyarrow"])
def test_numbers_of_every_form_give_the_same_model(form):
    rows = [row[:, 0] for row in NUMBERS]
    expected = StepRegressor(**QUICK).fit(X, rows).predict(X)
    predicted = StepRegressor(**QUICK).fit(X, FORMS_OF_LABELS[form](rows)).predict(X)
    np.testing.assert_array_equal(flat(predicted), flat(expected))
    assert {p.dtype for p in predicted} == {np.dtype(np.float64)}


def test_several_numbers_a_step_come_back_so():
    model = StepRegressor(**QUICK | {"max_epochs": 30}).fit(X, NUMBERS)
    assert [p.shape for p in model.predict(X)] == [y.shape for y in NUMBERS]
    assert model.score(X, NUMBERS) > 0.8


def test_one_array_in_fit_gives_one_array_where_lengths_are_equal():
    cube = np.stack([x[:3] for x in X])
    model = StepRegressor(**QUICK).fit(cube, cube[:, :, 0])
    assert model.predict(cube).shape == (40, 3)
    assert model.predict(cube[:2, :2]).shape == (2, 2)
    assert model.predict(X).dtype == object
    labels = StepClassifier(**QUICK).fit(cube, (cube[:, :, 0] > 0).astype(int))
    assert labels.predict(cube).shape == (40, 3)
    assert labels.predict_proba(cube).shape == (40, 3, 2)
    ragged = StepRegressor(**QUICK).fit(list(cube), [c[:, 0] for c in cube])
    assert ragged.predict(cube).shape == (40,)  # also where all lengths are equal
    np.testing.assert_array_equal(flat(ragged.predict(cube)), model.predict(cube).ravel())


def test_one_entry_a_row_stands_for_sequences_of_one_step():
    table = RNG.normal(size=(60, 3))
    y = table[:, 0] > 0
    model = StepClassifier(**QUICK | {"max_epochs": 30}).fit(table, y)
    assert model.n_features_in_ == 3
    assert model.predict(table).shape == (60,)
    assert model.score(table, y) > 0.9
    as_sequences = StepClassifier(**QUICK | {"max_epochs": 30}).fit(table[:, None], y[:, None])
    np.testing.assert_array_equal(
        as_sequences.predict_proba(table[:, None])[:, 0], model.predict_proba(table)
    )


# -- learning -------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_step_is_answered_by_what_it_may_see(cell, bidirectional):
    model = StepRegressor(cell=cell, bidirectional=bidirectional, **QUICK).fit(X, NUMBERS)
    x = X[0].copy()
    before = model.predict([x])[0]
    x[-1] += 3
    after = model.predict([x])[0]
    assert (before[-1] != after[-1]).all()
    assert (before[0] != after[0]).all() == bidirectional


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_company_and_padding_never_change_an_answer(cell, num_layers):
    model = StepRegressor(cell=cell, num_layers=num_layers, **QUICK).fit(X, NUMBERS)
    together = model.predict(X)
    for i in (0, 7, 23):
        np.testing.assert_allclose(model.predict([X[i]])[0], together[i], atol=1e-5)
    longer = [*X[:5], RNG.normal(size=(90, 2))]
    for a, b in zip(model.predict(longer)[:5], together[:5], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_loss_is_the_mean_over_steps():
    model = StepClassifier(lr=1e-12, dropout=0.0, recurrent_dropout=0.0, **QUICK).fit(X, LABELS)
    expected = -np.log(flat(model.predict_proba(X)))[
        np.arange(len(flat(X))), (flat(LABELS) == "up").astype(int)
    ].mean()
    np.testing.assert_allclose(model.loss_curve_[-1], expected, rtol=1e-5)


def test_batch_in_parts_trains_alike():
    whole = StepRegressor(batch_size=40, **QUICK).fit(X, NUMBERS)
    parts = StepRegressor(batch_size=40, max_batch_steps=60, **QUICK)
    no_dropout = {"dropout": 0.0, "recurrent_dropout": 0.0}
    whole, parts = (clone(m).set_params(**no_dropout).fit(X, NUMBERS) for m in (whole, parts))
    np.testing.assert_allclose(flat(parts.predict(X)), flat(whole.predict(X)), atol=1e-4)


def without_some(rows, missing):
    rng = np.random.default_rng(1)
    return [[v if rng.random() > 0.3 else missing for v in row.tolist()] for row in rows]


@pytest.mark.parametrize("missing", [None, np.nan])
def test_steps_without_a_label_have_no_say(missing):
    some = without_some(LABELS, missing)
    model = StepClassifier(**QUICK).fit(X, some)
    assert model.classes_.tolist() == ["down", "up"]
    other = [list(row) for row in some]
    assert any(v is missing for v in other[0])
    right = wrong = 0
    for row, predicted in zip(some, model.predict(X), strict=True):
        for label, p in zip(row, predicted, strict=True):
            if isinstance(label, str):
                right, wrong = right + (label == p), wrong + (label != p)
    assert model.score(X, some) == pytest.approx(right / (right + wrong))


def test_steps_without_a_number_have_no_say():
    rows = [row[:, 0].copy() for row in NUMBERS]
    for row in rows[::2]:
        row[1] = np.nan
    stopped = StepRegressor(early_stopping=True, **QUICK).fit(X, rows)
    assert np.isfinite(stopped.validation_scores_).all()
    model = StepRegressor(**QUICK).fit(X, rows)
    assert np.isfinite(model.loss_curve_).all()
    known = ~np.isnan(flat(rows))
    np.testing.assert_allclose(model._target.mean.item(), flat(rows)[known].mean())


def test_sequences_without_any_entry_are_left_out():
    rows = [None if i % 3 == 0 else row for i, row in enumerate(LABELS)]
    rows = [[None] * len(x) if row is None else row for x, row in zip(X, rows, strict=True)]
    assert StepClassifier(**QUICK).fit(X, rows).predict(X).shape == (40,)


def test_class_weight_moves_answers_towards_the_class():
    quick = QUICK | {"max_epochs": 20}
    rare = [np.where(x[:, 0] + RNG.normal(size=len(x)) > 1.5, "rare", "common") for x in X]
    plain = flat(StepClassifier(**quick).fit(X, rare).predict_proba(X))[:, 1].mean()
    balanced = StepClassifier(class_weight="balanced", **quick).fit(X, rare)
    assert flat(balanced.predict_proba(X))[:, 1].mean() > plain + 0.1


def test_integer_weight_is_the_sequence_repeated():
    weight = np.random.default_rng(2).integers(0, 3, size=40)
    places = np.repeat(np.arange(40), weight)
    a = StepClassifier(**QUICK).fit(X, LABELS, sample_weight=weight)
    b = StepClassifier(**QUICK).fit([X[i] for i in places], [LABELS[i] for i in places])
    np.testing.assert_array_equal(flat(a.predict_proba(X)), flat(b.predict_proba(X)))


# -- weights of steps -----------------------------------------------------------------------------

STEP_WEIGHTS = [np.random.default_rng(5).choice([0.0, 1.0, 2.5], size=len(x)) for x in X]


@pytest.mark.parametrize("form", FORMS_OF_LABELS)
def test_weights_of_steps_of_every_form_give_the_same_model(form):
    expected = StepRegressor(**QUICK).fit(X, NUMBERS, sample_weight=STEP_WEIGHTS)
    weight = FORMS_OF_LABELS[form](STEP_WEIGHTS)
    model = StepRegressor(**QUICK).fit(X, NUMBERS, sample_weight=weight)
    np.testing.assert_array_equal(flat(model.predict(X)), flat(expected.predict(X)))
    assert model.score(X, NUMBERS, weight) == expected.score(X, NUMBERS, STEP_WEIGHTS)


def test_weights_of_steps_may_be_one_array():
    cube = np.stack([x[:3] for x in X])
    weight = np.stack([w[:3] for w in STEP_WEIGHTS])
    a = StepRegressor(**QUICK).fit(cube, cube[:, :, 0], sample_weight=weight)
    b = StepRegressor(**QUICK).fit(cube, cube[:, :, 0], sample_weight=list(weight))
    np.testing.assert_array_equal(a.predict(cube), b.predict(cube))
    c = StepRegressor(**QUICK).fit(cube, cube[:, :, 0], sample_weight=weight[:, :, None])
    np.testing.assert_array_equal(a.predict(cube), c.predict(cube))


@pytest.mark.parametrize("estimator", [StepClassifier, StepRegressor])
def test_loss_of_a_step_is_multiplied_by_its_weight(estimator):
    still = {"lr": 1e-12, "dropout": 0.0, "recurrent_dropout": 0.0} | QUICK
    y = LABELS if estimator is StepClassifier else [row[:, 0] for row in NUMBERS]
    model = estimator(**still).fit(X, y, sample_weight=STEP_WEIGHTS)
    weight = flat(STEP_WEIGHTS)
    if estimator is StepClassifier:
        probability = flat(model.predict_proba(X))
        loss = -np.log(np.where(flat(y) == "up", probability[:, 1], probability[:, 0]))
    else:
        mean = np.average(flat(y), weights=weight)
        variance = np.average((flat(y) - mean) ** 2, weights=weight)
        loss = (flat(model.predict(X)) - flat(y)) ** 2 / variance
    np.testing.assert_allclose(model.loss_curve_[-1], np.average(loss, weights=weight), rtol=1e-5)


def test_step_of_weight_zero_is_a_step_without_a_label():
    some = without_some(LABELS, None)
    wrong = [["left" if label is None else label for label in row] for row in some]
    weight = [[float(label is not None) for label in row] for row in some]
    a = StepClassifier(early_stopping=True, **QUICK).fit(X, wrong, sample_weight=weight)
    b = StepClassifier(early_stopping=True, **QUICK).fit(X, some)
    assert a.classes_.tolist() == ["down", "up"]
    np.testing.assert_array_equal(flat(a.predict_proba(X)), flat(b.predict_proba(X)))
    assert a.validation_scores_ == b.validation_scores_
    assert a.score(X, wrong, weight) == pytest.approx(b.score(X, some))
    ones = [np.ones(len(x)) for x in X]
    c = StepClassifier(early_stopping=True, **QUICK).fit(X, some, sample_weight=ones)
    np.testing.assert_array_equal(flat(c.predict_proba(X)), flat(b.predict_proba(X)))


def test_equal_rows_of_equal_weights_are_one_row_twice():
    twice = [*X, *X[:7]], [*NUMBERS, *NUMBERS[:7]]
    row_weight = np.where(np.arange(40) < 7, 2.0, 1.0)
    options = QUICK | {"batch_size": 8}
    a = StepRegressor(**options).fit(*twice, sample_weight=[*STEP_WEIGHTS, *STEP_WEIGHTS[:7]])
    order = np.random.default_rng(6).permutation(47)
    shuffled = ([rows[i] for i in order] for rows in twice)
    weight = [[*STEP_WEIGHTS, *STEP_WEIGHTS[:7]][i] for i in order]
    b = StepRegressor(**options).fit(*shuffled, sample_weight=weight)
    np.testing.assert_array_equal(flat(a.predict(X)), flat(b.predict(X)))
    ones = [np.ones(len(x)) for x in twice[0]]
    c = StepRegressor(**options).fit(*twice, sample_weight=ones)
    d = StepRegressor(**options).fit(X, NUMBERS, sample_weight=row_weight)
    np.testing.assert_array_equal(flat(c.predict(X)), flat(d.predict(X)))


def test_weights_of_steps_count_in_balanced_classes():
    weight = [np.where(x[:, 1] > 0, 3.0, 1.0) for x in X]
    still = {"lr": 1e-12, "dropout": 0.0, "recurrent_dropout": 0.0} | QUICK
    model = StepClassifier(class_weight="balanced", **still).fit(X, LABELS, sample_weight=weight)
    is_up, w = flat(LABELS) == "up", flat(weight)
    loss = -np.log(flat(model.predict_proba(X))[np.arange(len(w)), is_up.astype(int)])
    expected = np.mean([np.average(loss[c], weights=w[c]) for c in (is_up, ~is_up)])
    np.testing.assert_allclose(model.loss_curve_[-1], expected, rtol=1e-5)


def test_weights_of_steps_pass_partial_fit_score_and_cross_validation():
    model = StepClassifier(**QUICK).partial_fit(X, LABELS, sample_weight=STEP_WEIGHTS)
    right = flat(model.predict(X)) == flat(LABELS)
    expected = np.average(right, weights=flat(STEP_WEIGHTS))
    assert model.score(X, LABELS, sample_weight=STEP_WEIGHTS) == pytest.approx(expected)
    params = {"sample_weight": objects(STEP_WEIGHTS)}
    search = GridSearchCV(StepClassifier(**QUICK), {"hidden_size": [4]}, cv=2)
    search.fit(X, objects(LABELS), **params)
    alone = StepClassifier(**QUICK | {"hidden_size": 4}).fit(X, LABELS, sample_weight=STEP_WEIGHTS)
    np.testing.assert_array_equal(flat(search.predict_proba(X)), flat(alone.predict_proba(X)))


def test_order_of_rows_has_no_say_and_a_seed_repeats():
    order = np.random.default_rng(3).permutation(40)
    a = StepRegressor(**QUICK).fit(X, NUMBERS)
    b = StepRegressor(**QUICK).fit([X[i] for i in order], [NUMBERS[i] for i in order])
    np.testing.assert_array_equal(flat(a.predict(X)), flat(b.predict(X)))


def test_equal_sequences_of_other_labels_are_other_rows():
    other = [LABELS[0] if i else LABELS[0][::-1] for i in range(2)]
    model = StepClassifier(**QUICK).fit([X[0], X[0]], other)
    assert model.net_.module_ is not None
    assert not np.array_equal(other[0], other[1])


def test_early_stopping_and_validation_data_are_judged_by_steps():
    model = StepClassifier(early_stopping=True, **QUICK | {"max_epochs": 30}).fit(X, LABELS)
    assert len(model.validation_scores_) == model.n_iter_
    held_out = StepClassifier(**QUICK).fit(X, LABELS, X_val=X[:7], y_val=LABELS[:7])
    assert held_out.validation_scores_[-1] == pytest.approx(held_out.score(X[:7], LABELS[:7]))


def test_warm_start_and_pickle_go_on():
    model = StepRegressor(warm_start=True, **QUICK).fit(X, NUMBERS)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(flat(again.predict(X)), flat(model.predict(X)))
    assert model.fit(X, NUMBERS).n_iter_ == 10


def test_partial_fit_trains_one_epoch_at_a_time():
    model = StepClassifier(**QUICK)
    for begin in range(0, 40, 10):
        rows = slice(begin, begin + 10)
        model.partial_fit(X[rows], LABELS[rows], classes=["down", "still", "up"])
    assert model.n_iter_ == 4
    assert model.classes_.tolist() == ["down", "still", "up"]
    assert [p.shape for p in model.predict_proba(X)] == [(len(x), 3) for x in X]
    numbers = StepRegressor(**QUICK).partial_fit(X[:20], NUMBERS[:20])
    assert numbers.partial_fit(X, NUMBERS).n_iter_ == 2
    assert (numbers.history_["lr"] == numbers.lr).all()


@pytest.mark.parametrize("estimator", [StepClassifier, StepRegressor])
def test_partial_fits_are_one_fit_without_a_schedule(estimator):
    y = LABELS if estimator is StepClassifier else NUMBERS
    online = estimator(**QUICK)
    for _ in range(5):
        online.partial_fit(X, y)
    whole = estimator(lr_schedule=None, **QUICK).fit(X, y)
    np.testing.assert_allclose(online.loss_curve_, whole.loss_curve_, rtol=1e-6)


def test_partial_fit_keeps_the_form_of_the_first_call():
    cube = np.stack([x[:3] for x in X])
    y = (cube[:, :, 0] > 0).astype(int)
    model = StepClassifier(**QUICK).partial_fit(cube, y, classes=[0, 1])
    assert model.partial_fit(X, [(x[:, 0] > 0).astype(int) for x in X]).predict(cube).shape == (
        40,
        3,
    )
    table = StepClassifier(**QUICK).partial_fit(cube[:, 0], y[:, 0], classes=[0, 1])
    assert table.partial_fit(cube[:, 1], y[:, 1]).predict(cube[:, 2]).shape == (40,)


def test_frames_with_static_columns_and_texts_are_labelled_step_by_step():
    words = [["a", "b"][: 1 + i % 2] for i in range(40)]
    frame = pa.table({"age": np.arange(40.0), "w": words})
    y = [["x", "y"][: 1 + i % 2] for i in range(40)]
    model = StepClassifier(**QUICK | {"max_epochs": 30}).fit(frame, y)
    assert model.score(frame, y) == 1.0
    capitals = [list("AAB"), list("BA")] * 20
    tags = StepClassifier(**QUICK | {"max_epochs": 30}).fit(["aab", "ba"] * 20, capitals)
    assert "".join(tags.predict(["abab"])[0]) == "ABAB"


def test_rows_without_steps_have_no_answers():
    frame = pa.table({"age": [1.0, 2.0, 3.0, 4.0], "x": [[1.0, 2.0], [], None, [3.0]]})
    model = StepRegressor(**QUICK).fit(frame, [[1.0, 2.0], [], [], [3.0]])
    assert [len(p) for p in model.predict(frame)] == [2, 0, 0, 1]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_many_batches_come_back_in_order(n_threads, monkeypatch):
    model = StepRegressor(**QUICK).fit(X, NUMBERS)
    expected = model.predict(X)
    monkeypatch.setattr("sklearn_rnn.training.prediction.PREDICTION_STEPS", 50)
    monkeypatch.setattr("sklearn_rnn.training.prediction.MIN_STEPS", 50)
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        np.testing.assert_allclose(flat(model.predict(X)), flat(expected), atol=1e-5)
    finally:
        torch.set_num_threads(before)


# -- scikit-learn's tools -------------------------------------------------------------------------


@pytest.mark.parametrize("hold", [list, objects, pd.Series], ids=["list", "objects", "series"])
def test_tools_take_ragged_answers(hold):
    y = objects(LABELS)
    model = StepClassifier(**QUICK)
    predicted = cross_val_predict(model, hold(X), y, cv=3)
    assert [len(p) for p in predicted] == [len(row) for row in LABELS]
    scores = cross_val_score(model, hold(X), y, cv=KFold(3))
    train, test = next(KFold(3).split(LABELS))
    by_hand = clone(model).fit([X[i] for i in train], y[train])
    assert scores[0] == by_hand.score([X[i] for i in test], y[test])
    assert cross_validate(model, hold(X), y, cv=2)["test_score"].shape == (2,)


def test_grid_search_of_a_pipeline():
    pipeline = make_pipeline(PerStep(StandardScaler()), StepRegressor(**QUICK))
    grid = {"stepregressor__hidden_size": [4, 8]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(objects(X), objects(NUMBERS))
    assert search.predict(X).shape == (40,)
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()


# -- errors ---------------------------------------------------------------------------------------

BAD_Y = {
    "too few rows": (LABELS[:-1], ValueError, "X has 40 sequence.*y has 39"),
    "unequal lengths": (
        [*LABELS[:4], LABELS[4][:-1], *LABELS[5:]],
        ValueError,
        r"Row 4: X has \d+ step\(s\), but y has \d+ .*give None or NaN",
    ),
    "single label in a row": (
        [*LABELS[:4], "up", *LABELS[5:]],
        TypeError,
        "Row 4 of y must be the sequence",
    ),
    "single number in a row": (
        [*LABELS[:4], 3, *LABELS[5:]],
        TypeError,
        "Row 4 of y must be a 1-D array.*Got 3",
    ),
    "one label a sequence": (
        ["up", "down"] * 20,
        ValueError,
        r"Row 0: X has \d+ step\(s\), but y has 1 ",
    ),
    "none": (None, ValueError, "requires y to be passed"),
    "missing row": ([*LABELS[:4], None, *LABELS[5:]], TypeError, "Row 4 of y .*Got None"),
    "one class": ([np.full(len(x), "up") for x in X], ValueError, "greater than one; got 1 class"),
    "no label at all": ([[None] * len(x) for x in X], ValueError, "No step of y has a label"),
    "two labels a step": (
        [np.full((len(x), 2), "up") for x in X],
        ValueError,
        "y must have one label a step",
    ),
    "shapes that differ": (
        [*LABELS[:4], np.full((len(X[4]), 2), "up"), *LABELS[5:]],
        ValueError,
        "Row 4 of y has ",
    ),
}


@pytest.mark.parametrize("name", BAD_Y)
def test_bad_labels_are_refused_by_row(name):
    y, error, match = BAD_Y[name]
    model = StepClassifier(**QUICK)
    with pytest.raises(error, match=match):
        model.fit(X, y)
    assert not hasattr(model, "net_")


def with_weight(row, weight):
    return [*STEP_WEIGHTS[:row], weight, *STEP_WEIGHTS[row + 1 :]]


def changed_weight(value):
    return with_weight(4, [*STEP_WEIGHTS[4][:2], value, *STEP_WEIGHTS[4][3:]])


BAD_WEIGHTS = {
    "too few rows": (STEP_WEIGHTS[:-1], ValueError, "X has 40 sequence.*sample_weight has 39"),
    "too few": (np.ones(39), ValueError, r"sample_weight.*\(39,\).*\(40,\)"),
    "unequal lengths": (
        with_weight(4, STEP_WEIGHTS[4][:-1]),
        ValueError,
        r"Row 4: X has \d+ step\(s\), but sample_weight has \d+ .*0 leaves a step out",
    ),
    "negative": (
        changed_weight(-1.0),
        ValueError,
        r"Row 4 of sample_weight has the weight -1\.0 at step 2 \(1 such .*finite numbers >= 0",
    ),
    "NaN": (changed_weight(np.nan), ValueError, "Row 4 of .* weight nan at step 2"),
    "None": (changed_weight(None), ValueError, "Row 4 of .* weight nan at step 2"),
    "infinite": (changed_weight(np.inf), ValueError, "Row 4 of .* weight inf at step 2"),
    "text": (changed_weight("2"), TypeError, "sample_weight must hold numbers. Got '2' instead"),
    "texts": (
        [np.full(len(x), "2") for x in X],
        TypeError,
        "sample_weight must hold numbers. Got '2' instead",
    ),
    "missing row": (with_weight(4, None), TypeError, "Row 4 of sample_weight .*Got None"),
    "two a step": (
        [np.ones((len(x), 2)) for x in X],
        ValueError,
        "sample_weight must have one weight a step. Got 2 instead",
    ),
    "all zero": ([np.zeros(len(x)) for x in X], ValueError, "sample_weight is 0 at every step"),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_weights_are_refused_by_row(name):
    weight, error, match = BAD_WEIGHTS[name]
    model = StepClassifier(**QUICK)
    with pytest.raises(error, match=match):
        model.fit(X, LABELS, sample_weight=weight)
    assert not hasattr(model, "net_")
    model.fit(X, LABELS)
    with pytest.raises(error, match=match):
        model.score(X, LABELS, sample_weight=weight)


def test_bad_numbers_are_refused():
    numbers = [row[:, 0] for row in NUMBERS]
    model = StepRegressor(**QUICK)
    with pytest.raises(ValueError, match="No step of y has a number"):
        model.fit(X, [np.full(len(x), np.nan) for x in X])
    with pytest.raises(ValueError, match="infinity"):
        model.fit(X, [*numbers[:-1], np.full(len(X[-1]), np.inf)])
    with pytest.raises(TypeError, match="y must hold numbers"):
        model.fit(X, LABELS)
    model.fit(X, numbers)
    with pytest.raises(ValueError, match=r"Row 0: X has .* but y has 1 "):
        model.score(X[:1], [[1.0]])


def test_unseen_labels_are_refused_when_going_on():
    model = StepClassifier(warm_start=True, **QUICK).fit(X, LABELS)
    y = [row.astype(object) for row in LABELS]
    y[0][:], y[1][2] = None, "left"
    step = len(X[0]) + 2
    with pytest.raises(
        ValueError, match=rf"has the label 'left' \(first at step {step} of all, one"
    ):
        model.fit(X, y)


def test_unseen_labels_count_as_labelled_wrong():
    model = StepClassifier(**QUICK).fit(X, LABELS)
    y = [row.astype(object) for row in model.predict(X)]
    y[3][0], y[4][1] = "left", None
    n_labelled = sum(map(len, X)) - 1
    assert model.score(X, y) == pytest.approx((n_labelled - 1) / n_labelled)


def test_bad_calls_of_partial_fit_are_refused():
    up = [np.full(len(x), "up") for x in X]
    model = StepClassifier(**QUICK)
    with pytest.raises(ValueError, match=r"1 class(?s:.*)classes=\[") as caught:
        model.partial_fit(X, up)
    assert "in the first call of partial_fit" in caught.value.__notes__[0]
    assert not hasattr(model, "net_")
    model.partial_fit(X, up, classes=["up", "down"])
    with pytest.raises(ValueError, match=r"as in the first call of partial_fit, \['down', 'up'\]"):
        model.partial_fit(X, up, classes=["up", "left"])
    with pytest.raises(ValueError, match=r"has the label 'left'"):
        model.partial_fit(X, [np.full(len(x), "left") for x in X])
    with pytest.raises(ValueError, match="No step of y has a label") as caught:
        model.partial_fit(X, [[None] * len(x) for x in X])
    assert not hasattr(caught.value, "__notes__")  # more classes would not help
    assert model.n_iter_ == 1

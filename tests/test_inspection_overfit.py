"""One batch learned by heart, and what is said where it is not."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from sklearn_rnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    Seq2SeqClassifier,
    StepClassifier,
    StepRegressor,
)
from sklearn_rnn.augmentation import Jitter
from sklearn_rnn.inspection import OverfitResult, lr_range_test, overfit_one_batch

SMALL = {"hidden_size": 32, "random_state": 0}


def make_data(n_samples=40, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=n) for n in rng.integers(4, 9, size=n_samples)], rng


def test_random_labels_of_one_batch_are_learned():
    X, rng = make_data()
    check = overfit_one_batch(RNNClassifier(**SMALL), X, rng.integers(3, size=40))
    assert check.reached
    assert check.blocked_by == []
    assert check.floor == 0
    assert check.loss == check.losses[-1] <= 0.01 < check.losses[-2]
    assert len(check.rows) == 8
    assert str(check).startswith("Reached: the loss of 8 sequence(s) fell to 0.00")
    assert isinstance(check, OverfitResult)


def test_the_batch_has_all_classes_where_it_can():
    X, _ = make_data()
    y = np.zeros(40, dtype=int)
    y[[3, 17, 30]] = [1, 2, 3]
    check = overfit_one_batch(RNNClassifier(**SMALL), X, y, batch_size=4, max_updates=1)
    assert sorted(y[check.rows]) == [0, 1, 2, 3]
    assert len(set(check.rows)) == 4
    steps = [np.full(len(x), label) for x, label in zip(X, y, strict=True)]
    check = overfit_one_batch(StepClassifier(**SMALL), X, steps, batch_size=4, max_updates=1)
    assert sorted(y[check.rows]) == [0, 1, 2, 3]


def test_the_batch_has_rows_with_some_entry():
    X, _ = make_data()
    y = [np.full(len(x), np.nan) for x in X]
    y[33][1] = 2.0
    check = overfit_one_batch(StepRegressor(**SMALL), X, y, batch_size=2, max_updates=1)
    assert 33 in check.rows


def test_other_seeds_choose_other_rows():
    X, rng = make_data()
    y = rng.normal(size=40)
    rows = [
        overfit_one_batch(RNNRegressor(hidden_size=4, random_state=seed), X, y, max_updates=1).rows
        for seed in (0, 0, 1)
    ]
    assert rows[0].tolist() == rows[1].tolist() != rows[2].tolist()


@pytest.mark.parametrize(
    ("settings", "blocks"),
    [
        ({"lr": 1e-7}, ["With lr=1e-07 as set the loss remains at"]),
        ({"lr": 1e-7, "dropout": 0.5}, ["With lr=1e-07 as set"]),
        ({"weight_decay": 50.0}, ["With weight_decay=50.0 as set the loss remains"]),
        ({"label_smoothing": 0.5}, ["With label_smoothing=0.5 as set"]),
        ({"augmentation": Jitter(50.0)}, ["With augmentation=Jitter(scale=50.0) as set"]),
        ({"gradient_clip": 1e-9, "optimizer": "sgd"}, ["With gradient_clip=1e-09 as set"]),
        ({"lr": 1e6}, ["With lr=1000000.0 as set training diverges; with lr=0.01"]),
        ({"lr": 1e-7, "weight_decay": 1e6}, ["With lr=1e-07 as set"]),
    ],
)
def test_settings_in_the_way_are_found(settings, blocks):
    X, rng = make_data()
    estimator = RNNClassifier(**SMALL).set_params(**settings)
    check = overfit_one_batch(estimator, X, rng.integers(2, size=40), max_updates=60)
    found = check.blocked_by
    assert [any(s.startswith(b) for s in found) for b in blocks] == [True] * len(blocks), found
    assert len(check.trials) > 2
    of_lr = {"lr", "gradient_clip"} & set(settings)
    assert check.reached is not bool(of_lr)
    assert str(check).count("\n- ") == len(found)


def test_numbers_in_the_sentences_are_those_of_the_trials():
    X, rng = make_data()
    estimator = RNNClassifier(lr=1e-6, **SMALL)
    check = overfit_one_batch(estimator, X, rng.integers(2, size=40), max_updates=60)
    trials = check.trials.set_index("change")["loss"]
    safe = [change for change in trials.index if "hidden_size=64" in change and "lr=0.01" in change]
    (sentence,) = check.blocked_by
    assert sentence == (
        f"With lr=1e-06 as set the loss remains at {trials['lr=1e-06']:.3g}; with lr=0.01 it falls "
        f"to {trials[safe[0]]:.3g}."
    )


def test_equal_rows_with_other_labels_are_named():
    X, _ = make_data(n_samples=6)
    X, y = [*X, X[2], X[2]], [0, 1, 0, 1, 0, 1, 1, 0]
    check = overfit_one_batch(RNNClassifier(**SMALL), X, y)
    entropy = (np.log(3) - 2 / 3 * np.log(2)) * 3 / 8  # of three rows: 0, 0, 1
    assert not check.reached
    assert check.floor == pytest.approx(entropy, rel=1e-4)
    assert check.floor <= check.loss <= check.floor + 0.01
    (sentence,) = check.blocked_by
    assert sentence.startswith("Rows 2 and 6 of X are equal, but have different y")


def test_equal_rows_with_other_numbers_have_their_variance_as_floor():
    X, y = [[1.0, 2.0], [3.0], [1.0, 2.0]], [0.0, 1.0, 2.0]
    check = overfit_one_batch(RNNRegressor(**SMALL), X, y)
    assert check.floor == pytest.approx(1.0)  # all of the variance: 2/3, standardised
    assert not check.reached


def test_steps_that_read_the_same_are_named_unless_the_network_reads_on():
    X, y = ["ab", "ac", "bb"] * 2, [["N", "V"], ["V", "V"], ["N", "N"]] * 2
    check = overfit_one_batch(StepClassifier(bidirectional=False, **SMALL), X, y)
    assert check.floor == pytest.approx(np.log(2) / 3)  # the first of two steps, in two of three
    assert not check.reached
    assert "read the same up to and with step 0" in check.blocked_by[0]
    assert "bidirectional=True would" in check.blocked_by[0]
    assert overfit_one_batch(StepClassifier(**SMALL), X, y).reached


def test_what_was_answered_before_tells_equal_steps_apart():
    X, y = ["aa", "aa"], [["N", "V"], ["V", "N"]]
    apart = StepClassifier(bidirectional=False, output_feedback=True, **SMALL)
    blind = StepClassifier(bidirectional=False, **SMALL)
    assert overfit_one_batch(blind, X, y, max_updates=1).floor == pytest.approx(np.log(2))
    assert overfit_one_batch(apart, X, y, max_updates=1).floor == pytest.approx(np.log(2) / 2)


def test_answers_of_other_lengths_are_learned():
    X, y = ["abc", "abd", "bca", "xyz"], ["NNV", "V", "NVNN", "VV"]
    plain = {"dropout": 0.0, "recurrent_dropout": 0.0, "weight_decay": 0.0, "lr_schedule": None}
    check = overfit_one_batch(Seq2SeqClassifier(**SMALL, **plain), X, y)
    assert check.reached
    assert len(check.trials) == 1


def test_texts_that_begin_alike_have_a_floor_and_no_blame():
    model = RNNLanguageModel(hidden_size=32, random_state=0)
    check = overfit_one_batch(model, ["ab", "ac", "bc", "bc"], max_updates=400)
    # The first letter is one of two; after "a" comes one of two; 12 tokens and ends in all.
    assert check.floor == pytest.approx((4 * np.log(2) + 2 * np.log(2)) / 12)
    assert check.reached
    assert not any("no network" in sentence for sentence in check.blocked_by)


def test_long_texts_are_cut():
    text = "abcdefgh" * 1000
    for X in ([text, text], [list(text)] * 2, np.array([list(text)] * 2)):
        check = overfit_one_batch(RNNLanguageModel(**SMALL), X, max_updates=2)
        assert np.isfinite(check.loss)


def test_what_nothing_helps_against_is_told():
    X, rng = make_data()
    estimator = RNNClassifier(lr=1e-7, **SMALL)
    check = overfit_one_batch(estimator, X, rng.integers(2, size=40), max_updates=2)
    assert not check.reached
    (sentence,) = check.blocked_by
    assert sentence.startswith("Even with lr=0.01, hidden_size=64 the loss remains at")
    usual = RNNClassifier(hidden_size=64, random_state=0)
    check = overfit_one_batch(usual, X, rng.integers(2, size=40), max_updates=2)
    assert check.blocked_by[0].startswith("By the usual settings the loss remains at")


def test_settings_that_block_together_are_told_together(monkeypatch):
    def run(self, change, settings):
        together = "dropout=0.3, recurrent_dropout=0.2" in change
        return np.array([0.5 if together else 0.001])

    monkeypatch.setattr("sklearn_rnn.inspection._overfit._Trials.run", run)
    X, rng = make_data()
    estimator = RNNClassifier(weight_decay=0.0, lr_schedule=None, label_smoothing=0.0, **SMALL)
    check = overfit_one_batch(estimator, X, rng.integers(2, size=40))
    assert check.blocked_by == [
        "None of dropout=0.3, recurrent_dropout=0.2 is in the way alone, but with all of them the "
        "loss remains at 0.5 after 200 updates; with dropout=0.0, recurrent_dropout=0.0 it falls "
        "to 0.001."
    ]


def test_others_are_refused():
    with pytest.raises(TypeError, match="'estimator' parameter of overfit_one_batch"):
        overfit_one_batch(DummyClassifier(), [[1.0]], [0])


# -- learning rates -------------------------------------------------------------------------------


def test_rates_rise_by_one_factor_and_losses_are_those_of_training():
    X, _ = make_data()
    y = np.array([x.sum() for x in X])
    estimator = RNNRegressor(hidden_size=8, dropout=0.0, recurrent_dropout=0.0, random_state=0)
    test = lr_range_test(estimator, X, y, min_lr=1e-4, max_lr=1e-1, n_updates=31)
    np.testing.assert_allclose(test.lrs, 10 ** np.linspace(-4, -1, 31))
    assert len(test.losses) == len(test.smoothed) == 31
    assert not test.diverged
    one_update = estimator.set_params(lr=1e-4, batch_size=40, max_epochs=1, lr_schedule=None)
    whole = lr_range_test(one_update, X, y, min_lr=1e-4, n_updates=10)
    model = one_update.fit(X, y)
    standardised = (y - model.predict(X)) / y.std()
    assert whole.losses[0] == pytest.approx((standardised**2).mean(), rel=1e-4)


def test_suggestion_is_a_tenth_of_the_lowest_running_mean():
    X, _ = make_data()
    test = lr_range_test(RNNClassifier(**SMALL), X, [int(x.sum() > 0) for x in X])
    assert test.lowest == test.lrs[test.smoothed.argmin()]
    assert test.suggestion == pytest.approx(test.lowest / 10)
    assert test.steepest <= test.lowest
    assert str(test).startswith(f"Suggested learning rate: {test.suggestion:.2g}")
    running = [test.smoothed[0]]
    for loss in test.losses[1:]:
        running.append(0.8 * running[-1] + 0.2 * loss)
    np.testing.assert_allclose(test.smoothed, running)


def test_a_loss_that_shoots_up_ends_the_test():
    X, _ = make_data()
    y = [x.sum() for x in X]
    estimator = RNNRegressor(optimizer="sgd", gradient_clip=None, **SMALL)
    test = lr_range_test(estimator, X, y, min_lr=1e-2, max_lr=1e6)
    assert test.diverged
    assert len(test.losses) < 100
    assert np.isfinite(test.losses).all()
    assert "the loss rose steeply" in str(test)


def test_rates_that_are_too_high_from_the_start_are_told():
    X, _ = make_data()
    estimator = RNNRegressor(optimizer="sgd", gradient_clip=None, standardize=False, **SMALL)
    with pytest.raises(ValueError, match=r"The loss is no finite number after . update\(s\)"):
        lr_range_test(estimator, X, [x.sum() for x in X], min_lr=1e20, max_lr=1e30)


def test_rates_that_do_not_rise_are_refused():
    with pytest.raises(ValueError, match=r"must be above min_lr=0.1. Got 0.1 instead"):
        lr_range_test(RNNClassifier(), [[1.0]], [0], min_lr=0.1, max_lr=0.1)


def test_many_sequences_are_measured_on_some():
    X, rng = make_data(n_samples=150)
    test = lr_range_test(RNNRegressor(**SMALL), X, rng.normal(size=150), n_updates=10)
    assert np.isfinite(test.losses).all()

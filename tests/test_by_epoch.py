"""Fits with a pause after each epoch, which searches are made of."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_rnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    Seq2SeqClassifier,
    Seq2SeqRegressor,
    StepClassifier,
    StepRegressor,
)
from sklearn_rnn.training.net import Reply

RANDOM = np.random.default_rng(0)
X = [RANDOM.normal(size=(n, 2)) for n in RANDOM.integers(3, 9, 30)]
NUMBERS = np.array([x[:, 0].mean() for x in X])
LABELS = np.where(NUMBERS > 0, "up", "down")
TEXTS = ["abc" * int(n) for n in RANDOM.integers(1, 5, 30)]
TASKS = {
    RNNClassifier: (X, LABELS),
    RNNRegressor: (X, NUMBERS),
    StepClassifier: (X, [np.where(x[:, 0] > 0, 1, 0) for x in X]),
    StepRegressor: (X, [x[:, 1] for x in X]),
    Seq2SeqClassifier: (TEXTS, [text[::-1] for text in TEXTS]),
    Seq2SeqRegressor: (X, [x[:2, 0] for x in X]),
    RNNLanguageModel: (TEXTS, None),
}


def answers(model, X):
    if isinstance(model, RNNLanguageModel):
        return model.score_samples(X)
    predicted = model.predict(X)
    if predicted.dtype == object:
        return np.concatenate([np.atleast_1d(np.asarray(each)) for each in predicted])
    return predicted


def make(kind, **options):
    return kind(**{"hidden_size": 6, "max_epochs": 4, "random_state": 3} | options)


def stopped_after(model, n_epochs, X, y):
    pauses = model._fit_by_epoch(X, y)
    while next(pauses) < n_epochs:
        pass
    with pytest.raises(StopIteration):
        pauses.send(Reply.END)
    return model


@pytest.mark.parametrize("kind", TASKS)
def test_fit_by_epoch_ends_as_fit_does(kind):
    X, y = TASKS[kind]
    whole, paused = make(kind).fit(X, y), make(kind)
    at_pauses = [answers(paused, X) for _ in paused._fit_by_epoch(X, y)]
    assert len(at_pauses) == 4
    assert (at_pauses[-1] == answers(whole, X)).all()
    assert (answers(paused, X) == answers(whole, X)).all()
    assert paused.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize("kind", TASKS)
def test_fit_by_epoch_ends_where_it_is_told(kind):
    X, y = TASKS[kind]
    whole, paused = make(kind).fit(X, y), stopped_after(make(kind), 2, X, y)
    assert paused.n_iter_ == 2
    assert paused.loss_curve_ == whole.loss_curve_[:2]


def test_fit_by_epoch_closed_leaves_the_estimator_as_it_was():
    unfitted, fitted = make(RNNClassifier), make(RNNClassifier).fit(X, LABELS)
    before = fitted.predict_proba(X)
    for model in (unfitted, fitted):
        pauses = model._fit_by_epoch(X, LABELS)
        next(pauses)
        pauses.close()
    assert not hasattr(unfitted, "net_")
    assert (fitted.predict_proba(X) == before).all()


def test_fit_by_epoch_closed_is_taken_up_from_its_checkpoint(tmp_path):
    def model():
        return make(RNNClassifier, checkpoint_dir=tmp_path, checkpoint_every=100)

    pauses = model()._fit_by_epoch(X, LABELS)
    assert [next(pauses), next(pauses)] == [1, 2]
    pauses.close()
    taken_up = model()
    assert list(taken_up._fit_by_epoch(X, LABELS)) == [2, 3, 4]
    whole = make(RNNClassifier).fit(X, LABELS)
    assert (taken_up.predict_proba(X) == whole.predict_proba(X)).all()


def test_fit_by_epoch_ended_is_taken_up_from_its_checkpoint(tmp_path):
    def model():
        options = {"early_stopping": True, "n_iter_no_change": 2, "lr": 0.1, "max_epochs": 9}
        return make(RNNClassifier, **options, checkpoint_dir=tmp_path, checkpoint_every=100)

    ended = stopped_after(model(), 3, X, LABELS)
    again = stopped_after(model(), 3, X, LABELS)
    assert ended.n_iter_ == again.n_iter_ == 3
    assert (ended.predict_proba(X) == again.predict_proba(X)).all()
    taken_up = model()
    pauses = list(taken_up._fit_by_epoch(X, LABELS))
    whole = model().set_params(checkpoint_dir=None).fit(X, LABELS)
    assert pauses == list(range(3, whole.n_iter_ + 1))
    assert (taken_up.predict_proba(X) == whole.predict_proba(X)).all()
    assert list(model()._fit_by_epoch(X, LABELS)) == [whole.n_iter_]


def test_fit_by_epoch_goes_on_from_a_warm_start():
    whole = make(RNNClassifier, warm_start=True).fit(X, LABELS).fit(X, LABELS)
    paused = make(RNNClassifier, warm_start=True).fit(X, LABELS)
    assert list(paused._fit_by_epoch(X, LABELS)) == [1, 2, 3, 4]
    assert (paused.predict_proba(X) == whole.predict_proba(X)).all()


def test_fit_by_epoch_pauses_after_the_epoch_of_early_stopping_too():
    model = make(RNNClassifier, max_epochs=50, early_stopping=True, n_iter_no_change=2, lr=0.1)
    pauses = list(model._fit_by_epoch(X, LABELS))
    assert pauses == list(range(1, model.n_iter_ + 1))
    assert model.best_epoch_ < model.n_iter_ < 50

"""Batches predicted by several threads at once: the same answers, and torch is left as it was."""

import threading

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNRegressor
from sklearn_rnn.training import prediction


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def many_batches(monkeypatch):
    monkeypatch.setattr(prediction, "PREDICTION_STEPS", 100)
    monkeypatch.setattr(prediction, "MIN_STEPS", 100)


def fitted(cell="gru"):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in rng.integers(1, 40, size=100)]
    y = [x[:, 0].sum() for x in X]
    return RNNRegressor(cell=cell, hidden_size=8, max_epochs=1, random_state=0).fit(X, y), X


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
def test_batches_side_by_side_give_the_predictions_of_one_batch(two_threads, monkeypatch, cell):
    model, X = fitted(cell)
    at_once = model.predict(X)
    seen = set()
    forward = type(model.net_.module_).forward

    def spied(self, **inputs):
        seen.add((threading.current_thread(), torch.get_num_threads()))
        return forward(self, **inputs)

    monkeypatch.setattr(type(model.net_.module_), "forward", spied)
    monkeypatch.setattr(prediction, "PREDICTION_STEPS", 100)
    monkeypatch.setattr(prediction, "MIN_STEPS", 100)
    np.testing.assert_allclose(model.predict(X), at_once, rtol=1e-6, atol=1e-6)
    assert threading.main_thread() not in {thread for thread, _ in seen}
    assert {n_threads for _, n_threads in seen} == {1}


def test_thread_count_of_torch_is_left_as_it_was(two_threads, many_batches):
    model, X = fitted()
    model.predict(X)
    counts = [torch.get_num_threads()]
    later = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert counts == [2, 2]


def test_one_thread_predicts_without_others(many_batches, monkeypatch):
    model, X = fitted()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        monkeypatch.setattr(prediction, "ThreadPoolExecutor", None)
        assert model.predict(X).shape == (100,)
    finally:
        torch.set_num_threads(before)


def test_error_in_a_thread_reaches_the_caller(two_threads, many_batches, monkeypatch):
    model, X = fitted()

    def failing(self, **inputs):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(type(model.net_.module_), "forward", failing)
    with pytest.raises(RuntimeError, match="out of memory"):
        model.predict(X)
    assert torch.get_num_threads() == 2
    assert not any("ThreadPoolExecutor" in thread.name for thread in threading.enumerate())


def test_threads_that_can_not_be_started_are_no_reason_to_wait(
    two_threads, many_batches, monkeypatch
):
    model, X = fitted()
    submit = prediction.ThreadPoolExecutor.submit
    n_submitted = 0

    def failing_later(self, *args):
        nonlocal n_submitted
        n_submitted += 1
        if n_submitted > 1:
            raise RuntimeError("can't start new thread")
        return submit(self, *args)

    monkeypatch.setattr(prediction.ThreadPoolExecutor, "submit", failing_later)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        model.predict(X)
    assert torch.get_num_threads() == 2


def test_predictions_from_several_threads_at_once_agree(two_threads, many_batches):
    model, X = fitted()
    expected = model.predict(X)
    results = []
    callers = [threading.Thread(target=lambda: results.append(model.predict(X))) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(results) == 4
    for predicted in results:
        np.testing.assert_allclose(predicted, expected, rtol=1e-6, atol=1e-6)
    assert torch.get_num_threads() == 2

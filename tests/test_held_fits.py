"""Fits of a halving search between two rungs: held in memory, or stored."""

from __future__ import annotations

import gc
import tempfile
import weakref
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold

from sklearn_rnn import Seq2SeqRegressor
from sklearn_rnn.model_selection import HalvingGridSearchCV
from sklearn_rnn.model_selection._folds import FoldFit, Judging, Rows
from sklearn_rnn.model_selection._held_fits import ROOM, HeldFits, n_bytes_held
from sklearn_rnn.training.net import RecurrentNet
from tests.searches import LABELS, CountEpochs, X, small


def search(estimator=None, grid=None, **options):
    estimator = small() if estimator is None else estimator
    grid = {"lr": [0.001, 0.01, 0.1, 0.03]} if grid is None else grid
    return HalvingGridSearchCV(estimator, grid, **{"factor": 2, "cv": 2} | options)


@pytest.fixture
def room(monkeypatch):
    """Set how many bytes of fits may wait in memory."""
    return partial(monkeypatch.setattr, "sklearn_rnn.model_selection._continued_halving.ROOM")


@pytest.fixture
def n_held(monkeypatch):
    """Search by what is passed; return how many fits waited while each was judged."""
    searches = []

    class Seen(HeldFits):
        def __init__(self, *args):
            super().__init__(*args)
            searches.append(self)

    def searched(fitted):
        def scoring(model, X, y):
            found.append(len(searches[-1]._fits))
            return model.score(X, y)

        found: list[int] = []
        options = {"scoring": scoring, "refit": False, "return_train_score": False}
        fitted.set_params(**options).fit(X, LABELS)
        return found

    monkeypatch.setattr("sklearn_rnn.model_selection._continued_halving.HeldFits", Seen)
    return searched


def test_fits_wait_in_memory_as_far_as_there_is_room(room, n_held):
    searches, most = [search() for _ in range(3)], []
    for n_bytes, fitted in zip((0, 50_000, ROOM), searches, strict=True):
        room(n_bytes)
        of_scores = n_held(fitted)
        assert len(of_scores) == 2 * (4 + 2 + 1)
        most.append(max(of_scores))
    assert most[0] == 0 < most[1] < most[2] == 2 * 4 - 1  # the eighth is being judged
    scores = [fitted.cv_results_["mean_test_score"] for fitted in searches]
    assert (scores[0] == scores[2]).all()
    assert (scores[1] == scores[2]).all()


@pytest.mark.parametrize(
    "options",
    [
        {"aggressive_elimination": True, "max_resources": 2},
        {"factor": 1.5, "min_resources": 1},
        {"factor": 1.2, "min_resources": 1, "max_resources": 3},
        {"factor": 1.1, "min_resources": 4, "max_resources": 10},
    ],
)
def test_rungs_of_equal_height_train_nothing(options, room, monkeypatch):
    def fit_loop(net, *args, **kwargs):
        trained.append(net.lr)
        return train_epoch(net, *args, **kwargs)

    def scoring(model, X, y):
        reached.append((model.lr, model.n_iter_, model.score(X, y)))
        return reached[-1][-1]

    train_epoch = RecurrentNet.fit_loop
    monkeypatch.setattr(RecurrentNet, "fit_loop", fit_loop)
    found = []
    for n_bytes in (0, ROOM):
        room(n_bytes)
        trained, reached = [], []
        fitted = search(scoring=scoring, refit=False, return_train_score=False, **options)
        fitted.fit(X, LABELS)
        heights = np.repeat(fitted.cv_results_["n_resources"], 2)
        assert [n_epochs for _, n_epochs, _ in reached] == heights.tolist()
        found.append((sorted(reached), sorted(trained)))
    assert found[0] == found[1]


def test_size_of_what_is_held_is_that_of_rows_as_passed_and_as_read():
    n_bytes, n_numbers = sum(x.nbytes for x in X), sum(x.size for x in X)
    assert 0 < n_bytes_held(X, np.inf) - (n_bytes + 8 * n_numbers) < 20 * 100 * len(X)
    assert n_bytes_held(pa.table({"x": [[1.0] * 10_000]}), np.inf) > 3 * 80_000
    assert n_bytes_held(["a" * 10_000], np.inf) > 18 * 10_000
    assert n_bytes_held(X, n_bytes) == np.inf


class Unwilling:
    def __reduce__(self):
        raise RuntimeError("not this")


@pytest.mark.parametrize("data", [[lambda: None], Unwilling()])
def test_size_of_what_has_no_pickle_is_infinite(data):
    assert n_bytes_held(data, np.inf) == np.inf


def test_array_in_a_file_is_not_read_to_be_measured(tmp_path):
    array = np.memmap(tmp_path / "array", dtype=np.float32, mode="w+", shape=(1000, 8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np.memmap, "__reduce__", lambda self: pytest.fail("It was read."))
        patch.setattr(np.memmap, "__reduce_ex__", lambda self, version: pytest.fail("Read."))
        assert n_bytes_held(array, np.inf) > array.nbytes


@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": True},
        {"callbacks": [CountEpochs()]},
        {"verbose": 1},
    ],
)
def test_fits_that_do_more_than_train_do_not_wait_in_memory(options, n_held):
    assert max(n_held(search(small(**options)))) == 0


def test_fits_that_got_no_further_are_let_go():
    judged, n_alive = [], []

    def scoring(model, X, y):
        gc.collect()
        judged.append(weakref.ref(model.net_.module_))
        n_alive.append(len({id(each()) for each in judged if each() is not None}))
        return model.score(X, y)

    search(scoring=scoring, refit=False, return_train_score=False).fit(X, LABELS)
    gc.collect()
    assert n_alive == [1, 2, 3, 4, 5, 6, 7, 8, 4, 4, 4, 4, 2, 2]
    assert all(each() is None for each in judged)


def test_estimators_that_a_scorer_keeps_stay_fitted():
    kept = []

    def scoring(model, X, y):
        kept.append(model)
        return model.score(X, y)

    search(scoring=scoring, refit=False, return_train_score=False).fit(X, LABELS)
    assert sorted(model.n_iter_ for model in {id(model): model for model in kept}.values()) == [
        *[1] * 4,
        *[2] * 2,
        *[4] * 2,
    ]
    assert all(np.isfinite(model.predict_proba(X)).all() for model in kept)


@pytest.mark.parametrize("wrong", [{"early_stopping": np.array([1, 2])}, {"callbacks": 3}])
def test_wrong_parameters_are_a_failed_fit(wrong):
    name, value = next(iter(wrong.items()))
    fitted = search(grid=[{"lr": [0.01, 0.03]}, {name: [value]}], refit=False, error_score=-1.0)
    with pytest.warns(FitFailedWarning, match=name):
        fitted.fit(X, LABELS)
    assert (fitted.cv_results_["mean_test_score"] == -1).sum() == 1


@pytest.mark.parametrize("n_bytes", [0, ROOM])
def test_fit_whose_weights_are_spoilt_fails_at_its_rung(room, n_bytes, monkeypatch):
    def fit_loop(net, *args, **kwargs):
        train_epoch(net, *args, **kwargs)
        if net.lr == 0.1:
            next(net.module_.parameters()).data.fill_(np.nan)

    train_epoch = RecurrentNet.fit_loop
    monkeypatch.setattr(RecurrentNet, "fit_loop", fit_loop)
    room(n_bytes)
    fitted = search(refit=False, error_score=-1.0)
    with pytest.warns(FitFailedWarning, match="a weight became infinite or NaN"):
        fitted.fit(X, LABELS)
    failed = fitted.cv_results_["mean_test_score"] == -1
    assert failed.tolist() == [False, False, True, False, False, False, False]


def test_fits_are_let_go_when_the_search_is_interrupted():
    judged = []

    def scoring(model, X, y):
        judged.append(weakref.ref(model.net_.module_))
        if len(judged) == 5:
            raise KeyboardInterrupt
        return model.score(X, y)

    fitted = search(scoring=scoring, return_train_score=False)
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(X, LABELS)
    gc.collect()
    assert len(judged) == 5
    assert all(each() is None for each in judged)
    assert not hasattr(fitted, "cv_results_")


def test_estimators_are_whole_where_they_wait():
    def scoring(model, X, y):
        assert model.n_iter_ == len(model.history_) == len(model.loss_curve_)
        return -float(model.noise_.mean())

    y = [x[:2, 0] for x in X]
    fitted = search(small(Seq2SeqRegressor), scoring=scoring).fit(X, y)
    for params, score in zip(
        fitted.cv_results_["params"], fitted.cv_results_["split0_test_score"], strict=True
    ):
        model = clone(fitted.estimator).set_params(**params | {"max_epochs": 4})
        train, test = next(KFold(2).split(X))
        fit = FoldFit(model, Rows(X, y, {}, {}), train, test, Judging(scoring, "", "raise"))
        fit.reach(params["max_epochs"])
        assert fit.result.test_scores == score


@pytest.mark.parametrize("n_bytes", [0, ROOM])
def test_fit_that_fails_does_not_wait(room, n_bytes):
    room(n_bytes)
    space = [{"lr": [0.01, 0.02, 0.03]}, {"hidden_size": [-1]}]
    fitted = search(grid=space, refit=False, error_score=-1.0)
    with pytest.warns(FitFailedWarning, match="hidden_size"):
        fitted.fit(X, LABELS)
    failed = fitted.cv_results_["mean_test_score"] == -1
    assert failed.tolist() == [False] * 3 + [True] + [False] * 3


@pytest.mark.parametrize("n_bytes", [0, ROOM])
def test_nothing_is_left_of_what_was_stored(tmp_path, monkeypatch, room, n_bytes):
    room(n_bytes)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fitted = search().fit(X, LABELS)
    assert not list(tmp_path.iterdir())
    assert fitted.best_estimator_.checkpoint_dir is None


def test_only_what_is_kept_is_forced_to_the_disk(tmp_path, monkeypatch, room):
    room(0)
    synced = []
    monkeypatch.setattr("sklearn_rnn.training.checkpoint.os.fsync", synced.append)
    search(refit=False).fit(X, LABELS)
    assert synced == []
    search(small(checkpoint_dir=tmp_path), refit=False).fit(X, LABELS)
    assert len(synced) >= 2 * (4 * 1 + 2 * 1 + 1 * 2)  # each epoch of each training

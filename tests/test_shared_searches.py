"""Searches by several processes: one study, one copy of the data, and workers that die."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import joblib
import numpy as np
import optuna
import pandas as pd
import pyarrow as pa
import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.pruners import NopPruner
from optuna.trial import TrialState
from sklearn.model_selection import GridSearchCV

from sklearn_rnn import RNNClassifier
from sklearn_rnn.model_selection import OptunaSearchCV, SharedSequences
from sklearn_rnn.model_selection._shared_data import SharedData
from sklearn_rnn.model_selection._study import opened
from tests.guide import code_block

RANDOM = np.random.default_rng(0)
X = [RANDOM.normal(size=(n, 2)) for n in RANDOM.integers(3, 9, 40)]
LABELS = np.where([x[:, 0].mean() > 0 for x in X], "up", "down")
SPACE = {"lr": FloatDistribution(1e-3, 1e-1, log=True), "hidden_size": IntDistribution(2, 6)}


def search(**options):
    defaults = {
        "n_trials": 4,
        "cv": 2,
        "random_state": 0,
        "stale_after": 1.0,
        "pruner": NopPruner(),
    }
    return OptunaSearchCV(RNNClassifier(max_epochs=4, random_state=0), SPACE, **defaults | options)


def scores(found):
    names = [name for name in found.cv_results_ if "time" not in name and name != "params"]
    return pd.DataFrame({name: found.cv_results_[name] for name in names}).astype(str)


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "study.journal"


@pytest.fixture(autouse=True)
def _one_thread_as_workers_have():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# -- one study -------------------------------------------------------------------------------------


def test_search_goes_on_where_it_was_stopped(journal):
    whole = search(n_trials=14).fit(X, LABELS)
    for n_trials in (5, 14):
        found = search(n_trials=n_trials, storage=journal, study_name="s").fit(X, LABELS)
        assert len(found.cv_results_["params"]) == n_trials
    pd.testing.assert_frame_equal(scores(found), scores(whole))


def test_search_that_is_done_trains_nothing_more(journal):
    search(storage=journal, study_name="s").fit(X, LABELS)
    calls = []
    again = search(storage=journal, study_name="s", callbacks=[lambda *_: calls.append(1)])
    again.fit(X, LABELS)
    assert not calls
    assert len(again.cv_results_["params"]) == 4


def test_search_refuses_a_study_of_another_search(journal):
    search(storage=journal, study_name="s").fit(X, LABELS)
    with pytest.raises(ValueError, match="was made with other splits, so its scores can't"):
        search(storage=journal, study_name="s", cv=3).fit(X, LABELS)
    other = search(storage=journal, study_name="s").set_params(estimator__max_epochs=5)
    with pytest.raises(ValueError, match="another estimator: max_epochs was 4, now 5"):
        other.fit(X, LABELS)
    assert len(search(storage=journal, study_name="t", cv=3).fit(X, LABELS).study_.trials) == 4


def test_search_by_two_workers_finds_what_one_does():
    one, two = search().fit(X, LABELS), search(n_jobs=2).fit(X, LABELS)
    pd.testing.assert_frame_equal(scores(one), scores(two))
    assert (one.predict_proba(X) == two.predict_proba(X)).all()


def test_search_by_two_threads_finds_what_one_does():
    one = search().fit(X, LABELS)
    with joblib.parallel_config("threading"):
        two = search(n_jobs=2).fit(X, LABELS)
    pd.testing.assert_frame_equal(scores(one), scores(two))


def test_search_ends_when_a_callback_wants_no_more():
    def stop(study, trial):
        if trial.number == 1:
            study.stop()

    assert len(search(callbacks=[stop]).fit(X, LABELS).study_.trials) == 2


def test_search_by_two_workers_ends_when_a_callback_wants_no_more():
    def stop(study, trial):
        study.stop()

    found = search(callbacks=[stop], n_jobs=2, n_trials=50).fit(X, LABELS)
    assert len(found.study_.trials) <= 4


def test_search_begins_no_trial_when_time_is_up():
    found = search(n_trials=None, timeout=2.0)
    before = datetime.now()
    found.fit(X, LABELS)
    assert (datetime.now() - before).total_seconds() > 2.0
    starts = [trial.datetime_start for trial in found.study_.trials]
    assert (max(starts) - before).total_seconds() < 2.1  # a moment between question and start


def test_search_shows_its_progress(capsys):
    search(progress_bar=True).fit(X, LABELS)
    assert "4/4" in capsys.readouterr().err


# -- workers that die ------------------------------------------------------------------------------

WORKER = """
import sys, time
sys.path.insert(0, {folder!r})
from test_shared_searches import LABELS, X, search
def slowly(study, trial):
    time.sleep(0.3)
search(n_trials=8, storage={journal!r}, study_name="s", callbacks=[slowly]).fit(X, LABELS)
"""


def start_worker(journal):
    code = WORKER.format(folder=str(Path(__file__).parent), journal=str(journal))
    return subprocess.Popen([sys.executable, "-c", code])


def running(journal):
    """Return the numbers of the trials that are being worked on."""
    if not journal.exists():
        return []
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(journal))
    )
    try:
        study = optuna.load_study(study_name="s", storage=storage)
    except KeyError:
        return []
    return [trial.number for trial in study.trials if trial.state == TrialState.RUNNING]


def test_search_ends_whole_though_a_process_is_killed_in_a_trial(journal):
    killed, other = start_worker(journal), start_worker(journal)
    while len(running(journal)) < 2:
        assert killed.poll() is None
        time.sleep(0.02)
    killed.send_signal(signal.SIGSTOP)  # or it could end its trial before it dies
    lost = running(journal)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert other.wait(timeout=120) == 0
    found = search(n_trials=8, storage=journal, study_name="s").fit(X, LABELS)
    assert len(found.cv_results_["params"]) == 8
    failed = [t for t in found.study_.trials if t.state == TrialState.FAIL]
    assert len(failed) <= 1
    assert all(trial.number in lost for trial in failed)
    for trial in failed:  # its parameters were tried after all
        assert trial.params in [done.params for done in found.study_.trials if done is not trial]


def kill_self_once(marker):
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


class Deadly(RNNClassifier):
    """Kill its process at the first fit of a worker."""

    def __init__(self, marker=None, max_epochs=4, random_state=0, lr=0.01):
        self.marker = marker
        super().__init__(max_epochs=max_epochs, random_state=random_state, lr=lr)

    def fit(self, X, y):
        return super().fit(X, y)

    def _training(self, *args, **kwargs):
        kill_self_once(self.marker)
        return super()._training(*args, **kwargs)


def test_search_replaces_workers_that_are_killed(tmp_path):
    deadly = search(n_jobs=2, n_trials=6).set_params(
        estimator=Deadly(marker=tmp_path / "killed"), search_space={"lr": SPACE["lr"]}
    )
    found = deadly.fit(X, LABELS)
    assert (tmp_path / "killed").exists()
    assert len(found.cv_results_["params"]) == 6
    get_reusable_executor().shutdown(wait=True)


# -- one copy of the data --------------------------------------------------------------------------

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


class Threads(RNNClassifier):
    """Keep how many threads torch had in its fit."""

    def _training(self, *args, **kwargs):
        self.threads_ = torch.get_num_threads()
        return super()._training(*args, **kwargs)


def threads_of(estimator, X, y):
    return float(estimator.threads_)


def test_workers_share_the_cores():
    """As many threads as there are cores for each, by whatever search."""
    share = max(1, os.cpu_count() // 2)
    shared, small = SharedSequences(X), Threads(max_epochs=1, random_state=0)
    grid = GridSearchCV(small, {"lr": [0.1, 0.2]}, scoring=threads_of, cv=2, n_jobs=2)
    assert set(grid.fit(shared, LABELS).cv_results_["mean_test_score"]) == {share}
    torch.set_num_threads(os.cpu_count())
    for backend in ("loky", "threading"):
        with joblib.parallel_config(backend):
            ours = search(n_jobs=2, n_trials=2, scoring=threads_of, refit=False)
            ours.set_params(estimator=small, search_space={"lr": SPACE["lr"]}).fit(X, LABELS)
        assert set(ours.cv_results_["mean_test_score"]) == {share}
    assert torch.get_num_threads() == os.cpu_count()


def test_search_does_not_wait_for_others_when_time_is_up(journal):
    with opened(journal) as storage:
        study = optuna.create_study(storage=storage, study_name="s", direction="maximize")
        study.ask()  # and never done
    started = time.monotonic()
    found = search(n_trials=3, timeout=4.0, stale_after=60, storage=journal, study_name="s")
    found.fit(X, LABELS)
    assert len(found.cv_results_["params"]) == 2
    assert 4.0 <= time.monotonic() - started < 20


def test_search_is_shared_through_a_database(postgresql_url):
    one = search(n_trials=6).fit(X, LABELS)
    half = search(n_trials=3, storage=postgresql_url, study_name="s").fit(X, LABELS)
    assert len(half.cv_results_["params"]) == 3
    whole = search(n_trials=6, storage=postgresql_url, study_name="s", n_jobs=2).fit(X, LABELS)
    pd.testing.assert_frame_equal(scores(one), scores(whole))
    assert (one.predict_proba(X) == whole.predict_proba(X)).all()


def test_guide_shares_a_search(postgresql_url):
    changes = {
        "postgresql+psycopg://optuna@database/optuna": postgresql_url,
        "RNNClassifier(random_state=0)": "RNNClassifier(max_epochs=2, random_state=0)",
        "n_trials=100": "n_trials=3",
    }
    names = {"X": X, "y": LABELS}
    exec(code_block("many_machines.rst", "shared-search", changes), names)
    assert len(names["search"].study_.trials) == 3

"""Several processes search together through one storage of Optuna."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import optuna
import pytest
import torch
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from sklearn_rnn import RNNClassifier
from tests.conftest import make_sequences
from tests.postgresql import find_programs

GRACE_PERIOD = 2  # seconds


@contextmanager
def opened(kind, place):
    """Yield a storage; its connections are closed at the end."""
    if kind == "journal":
        yield JournalStorage(JournalFileBackend(str(place)))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats are new in Optuna
        storage = RDBStorage(
            place,
            heartbeat_interval=1,
            grace_period=GRACE_PERIOD,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=1),
        )
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def loss_of(lr):
    X, y = make_sequences()
    model = RNNClassifier(hidden_size=4, max_epochs=2, lr=lr, random_state=0, device="cpu")
    return float(model.fit(X, y).loss_curve_[-1])


def objective(trial):
    trial.set_user_attr("process", os.getpid())
    return loss_of(trial.suggest_float("lr", 1e-4, 1e-1, log=True))


def search(kind, place, name, n_trials):
    torch.set_num_threads(1)  # a core for each process
    sampler = optuna.samplers.RandomSampler(seed=os.getpid())
    with opened(kind, place) as storage:
        study = optuna.load_study(study_name=name, storage=storage, sampler=sampler)
        study.optimize(objective, n_trials=n_trials)


@pytest.fixture(scope="module")
def two_processes():
    """Two executors of one process each."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as one, ProcessPoolExecutor(1, context) as other:
        for started in [executor.submit(loss_of, 0.01) for executor in (one, other)]:
            started.result()
        yield one, other


@pytest.fixture(params=["journal", "postgresql"])
def storage_place(request, tmp_path):
    """The kind of a storage, and what it is opened by."""
    if request.param == "journal":
        return "journal", tmp_path / "journal.log"
    return "postgresql", request.getfixturevalue("postgresql_url")


def test_two_processes_search_one_study(storage_place, two_processes):
    with opened(*storage_place) as storage:
        study = optuna.create_study(study_name="shared", storage=storage)
        searches = [p.submit(search, *storage_place, "shared", 5) for p in two_processes]
        for running in searches:
            running.result()
        trials = study.get_trials()
    assert [trial.number for trial in trials] == list(range(10))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    by_process = Counter(trial.user_attrs["process"] for trial in trials)
    assert list(by_process.values()) == [5, 5]
    for trial in trials[::5]:
        assert trial.value == pytest.approx(loss_of(**trial.params), rel=1e-5)


DIES_IN_A_TRIAL = """
import os, signal, sys, optuna

def objective(trial):
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    os.kill(os.getpid(), signal.SIGKILL)

storage = optuna.storages.RDBStorage(sys.argv[1], heartbeat_interval=1)
optuna.load_study(study_name="killed", storage=storage).optimize(objective, n_trials=1)
"""


def test_trial_of_a_killed_process_is_tried_again_by_another(postgresql_url):
    with opened("postgresql", postgresql_url) as storage:
        study = optuna.create_study(study_name="killed", storage=storage)
        command = [sys.executable, "-c", DIES_IN_A_TRIAL, postgresql_url]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert [trial.state for trial in study.get_trials()] == [TrialState.RUNNING]
        time.sleep(GRACE_PERIOD + 1)
        study.optimize(objective, n_trials=1)
        killed, again = study.get_trials()
    assert (killed.state, again.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert again.params == killed.params


def test_missing_postgresql_names_the_package_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="apt-get install postgresql"):
        find_programs(tmp_path)

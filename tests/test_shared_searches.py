"""Searches by several processes: one study, and workers that die."""

from __future__ import annotations

import os
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
import polars as pl
import pyarrow as pa
import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import NopPruner, ThresholdPruner
from optuna.trial import TrialState
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler

from sklearn_rnn import RNNClassifier
from sklearn_rnn.model_selection import OptunaSearchCV, SharedSequences
from sklearn_rnn.model_selection._study import give_up, opened
from sklearn_rnn.model_selection._trials import Search
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
        "stale_after": 30.0,
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
    with pytest.raises(ValueError, match="was made with epochs='last', now it is 'best'"):
        search(storage=journal, study_name="s", epochs="best").fit(X, LABELS)
    with pytest.raises(ValueError, match=r"was made with other data.*what else 'fit' is given"):
        search(storage=journal, study_name="s").fit(X, LABELS, sample_weight=np.arange(1.0, 41.0))
    assert len(search(storage=journal, study_name="t", cv=3).fit(X, LABELS).study_.trials) == 4


TABLE = np.random.default_rng(1).normal(size=(40, 3))
TARGET = TABLE[:, 0] + TABLE[:, 1] ** 2
ALPHA = {"alpha": FloatDistribution(0.1, 1.0)}


def quick(storage=None, estimator=None, space=ALPHA, **options):
    ridge = Ridge() if estimator is None else estimator
    named = {} if storage is None else {"storage": storage, "study_name": "s"}
    return OptunaSearchCV(ridge, space, cv=2, random_state=0, **{"n_trials": 4} | named | options)


def test_search_refuses_a_study_of_other_rows(journal):
    """Else the folds of cross-validation around it would see each other's rows."""
    with pytest.warns(FitFailedWarning, match="was made with other data, so its scores can't"):
        nested = cross_val_score(quick(journal), TABLE, TARGET, cv=2)
    assert np.isnan(nested).tolist() == [False, True]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"alpha": FloatDistribution(0.1, 1.0, log=True)},
            r"'alpha' of the 'search_space' was Flo",
        ),
        ({"alpha": CategoricalDistribution([0.1, 1.0])}, r"'s', now it is Categorical.*study_name"),
    ],
)
def test_search_refuses_a_study_of_another_space(journal, changed, message):
    quick(journal).fit(TABLE, TARGET)
    with pytest.raises(ValueError, match=message):
        quick(journal, space=changed, n_trials=6).fit(TABLE, TARGET)
    wider = {"alpha": FloatDistribution(0.01, 9.0), "tol": FloatDistribution(1e-5, 1e-3)}
    assert len(quick(journal, space=wider, n_trials=6).fit(TABLE, TARGET).study_.trials) == 6


COLUMNS = {"a": [x[:, 0].tolist() for x in X], "b": LABELS}
ROWS = {
    "frame": pd.DataFrame(COLUMNS),
    "frame of Arrow": pa.table(COLUMNS).to_pandas(types_mapper=pd.ArrowDtype),
    "table": pl.DataFrame(COLUMNS),
    "list": X,
}
AGAIN = """
import sys
sys.path.insert(0, {folder!r})
from test_shared_searches import search_of_each_form
search_of_each_form({journal!r})
"""


def search_of_each_form(journal):
    for form, rows in ROWS.items():
        search(n_trials=1, storage=journal, study_name=form).fit(rows, LABELS)


def test_search_knows_its_rows_again_in_another_process_and_after_a_look(journal):
    code = AGAIN.format(folder=str(Path(__file__).parent), journal=str(journal))
    subprocess.run([sys.executable, "-c", code], check=True)
    search_of_each_form(journal)
    ROWS["frame of Arrow"].iloc[3]
    search_of_each_form(journal)


def test_search_refuses_a_study_of_other_scores_or_directions(journal):
    quick(journal, scoring="r2").fit(TABLE, TARGET)
    with pytest.raises(ValueError, match="was made with scoring='r2', now it is 'neg_max_error'"):
        quick(journal, scoring="neg_max_error").fit(TABLE, TARGET)
    with pytest.raises(ValueError, match="'s' was created to maximize, but the 'objectives' are"):
        quick(journal, objectives=["fit_time"]).fit(TABLE, TARGET)


def test_search_goes_on_with_parameters_that_are_nan(journal):
    imputing = make_pipeline(SimpleImputer(), Ridge())
    for n_trials in (2, 3):
        found = quick(journal, imputing, {"ridge__alpha": ALPHA["alpha"]}, n_trials=n_trials)
        assert len(found.fit(TABLE, TARGET).cv_results_["params"]) == n_trials


def test_search_goes_on_with_another_space(journal):
    quick(journal, n_trials=2).fit(TABLE, TARGET)
    more = {"alpha": FloatDistribution(0.2, 2.0), "tol": FloatDistribution(1e-4, 1e-3)}
    found = quick(journal, space=more, n_trials=4).fit(TABLE, TARGET)
    names = [sorted(params) for params in found.cv_results_["params"]]
    assert names == [["alpha"]] * 2 + [["alpha", "tol"]] * 2

    def other(trial):
        return {"tol": trial.suggest_float("tol", 1e-4, 1e-3)}

    found = quick(journal, space=other, n_trials=5).fit(TABLE, TARGET)
    assert sorted(found.cv_results_["params"][0]) == ["alpha"]
    assert sorted(found.cv_results_["params"][4]) == ["tol"]


def test_search_goes_on_with_values_that_are_asked_for_again(journal):
    scaled = make_pipeline(StandardScaler(), Ridge())

    def space(trial):
        scalers = [StandardScaler(), RobustScaler()]
        which = trial.suggest_int("which", 0, 1)
        return {"ridge__alpha": 10.0**which, "standardscaler": scalers[which]}

    for n_trials in (4, 6):
        found = quick(journal, scaled, space, n_trials=n_trials).fit(TABLE, TARGET)
    tried = [(type(p["standardscaler"]), p["ridge__alpha"]) for p in found.cv_results_["params"]]
    assert set(tried) == {(StandardScaler, 1.0), (RobustScaler, 10.0)}

    def other(trial):
        return {"ridge__alpha": trial.suggest_float("alpha", 0.1, 1.0)}

    for changed, message in [
        (other, "must suggest the same when .* trial 0: .*alpha.* study_name"),
        (lambda trial: {"ridge__alpha": 1.0}, "trial 0: 'standardscaler' is not in it"),
        ({"ridge__alpha": ALPHA["alpha"]}, "trial 0: 'standardscaler' is not in it"),
    ]:
        with pytest.raises(ValueError, match=message):
            quick(journal, scaled, changed, n_trials=7).fit(TABLE, TARGET)


def test_search_refuses_choices_that_a_storage_would_change(journal):
    with pytest.warns(UserWarning, match="Choices for a categorical distribution should be"):
        space = {"alpha": CategoricalDistribution([(0.1, 0.2, 0.3)])}
    with pytest.raises(ValueError, match=r"choices of 'alpha' .* Got \(0.1, 0.2, 0.3\)"):
        quick(journal, space=space).fit(TABLE, TARGET)


def test_search_refuses_memory_that_workers_do_not_share():
    memory = optuna.storages.InMemoryStorage()
    with pytest.raises(ValueError, match="must be one that processes share, with n_jobs > 1"):
        quick(memory, n_jobs=2).fit(TABLE, TARGET)
    with joblib.parallel_config("threading"):
        assert len(quick(memory, n_jobs=2).fit(TABLE, TARGET).study_.trials) >= 4


def test_search_goes_on_after_ctrl_c_with_what_it_would_have_tried(journal):
    calls = []

    def interrupted(estimator, X, y):
        calls.append(1)
        if len(calls) == 4:  # in the second trial
            raise KeyboardInterrupt
        return estimator.score(X, y)

    with pytest.raises(KeyboardInterrupt):
        quick(journal, scoring=interrupted).fit(TABLE, TARGET)
    found = quick(journal, scoring=interrupted).fit(TABLE, TARGET)
    assert found.cv_results_["params"] == quick().fit(TABLE, TARGET).cv_results_["params"]


def test_search_goes_on_when_its_trial_was_taken_for_lost():
    memory = optuna.storages.InMemoryStorage()
    calls = []

    def slept(estimator, X, y):
        calls.append(1)
        if len(calls) == 4:  # in the second trial
            study = optuna.load_study(study_name="s", storage=memory)
            give_up(study, study.trials[1])
        return estimator.score(X, y)

    found = quick(memory, scoring=slept).fit(TABLE, TARGET)
    assert found.cv_results_["params"] == quick().fit(TABLE, TARGET).cv_results_["params"]
    assert found.cv_results_["trial"].tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize("pruned", [False, True])
def test_search_goes_on_when_its_trial_was_taken_for_lost_at_its_end(monkeypatch, pruned):
    """Between what it has come to and Optuna's being told of it."""
    memory = optuna.storages.InMemoryStorage()
    carry_out = Search._carry_out

    def slept(self, trial):
        try:
            return carry_out(self, trial)
        finally:
            if trial.number == 1:
                give_up(trial.study, trial.study.trials[1])

    pruner = ThresholdPruner(upper=-1.0, n_warmup_steps=0 if pruned else 9)
    second = quick().fit(TABLE, TARGET).cv_results_["params"][1]["alpha"]
    expected = quick(
        pruner=pruner,
        n_trials=5,
        scoring=lambda ridge, X, y: ridge.score(X, y) if ridge.alpha == second else -2.0,
    )
    monkeypatch.setattr(Search, "_carry_out", slept)
    found = clone(expected).set_params(storage=memory, study_name="s").fit(TABLE, TARGET)
    monkeypatch.undo()
    expected.fit(TABLE, TARGET)
    assert found.cv_results_["params"] == expected.cv_results_["params"]
    states = expected.cv_results_["state"].tolist()
    assert found.cv_results_["state"].tolist() == states
    assert states[1] == ("pruned" if pruned else "complete")
    assert found.cv_results_["trial"].tolist() == [0, 2, 3, 4, 5]


class GivesUp(optuna.samplers.RandomSampler):
    """Has the second trial given up while Optuna is being told of it."""

    def after_trial(self, study, trial, state, values):
        if trial.number == 1 and state != TrialState.FAIL:
            give_up(study, trial)


@pytest.mark.parametrize("pruner", [NopPruner(), ThresholdPruner(upper=-1.0)])
def test_search_goes_on_when_its_trial_is_taken_for_lost_while_it_is_told(pruner):
    second = quick(sampler=optuna.samplers.RandomSampler(seed=0)).fit(TABLE, TARGET)
    second = second.cv_results_["params"][1]["alpha"]

    def score(ridge, X, y):
        return ridge.score(X, y) if ridge.alpha == second else -2.0

    found = quick(sampler=GivesUp(seed=0), pruner=pruner, scoring=score).fit(TABLE, TARGET)
    assert found.cv_results_["trial"].tolist() == [0, 2, 3, 4]
    assert found.cv_results_["params"][1] == {"alpha": second}


def test_a_failed_trial_that_is_taken_for_lost_is_not_done_again(monkeypatch):
    carry_out = Search._carry_out

    def slept(self, trial):
        value = carry_out(self, trial)
        if trial.number == 1:
            give_up(trial.study, trial.study.trials[1])
        return value

    second = quick().fit(TABLE, TARGET).cv_results_["params"][1]["alpha"]
    monkeypatch.setattr(Search, "_carry_out", slept)

    def score(ridge, X, y):
        return ridge.score(X, y) if ridge.alpha != second else np.nan

    with pytest.warns(UserWarning, match="1 of 4 trials failed though all their fits went well"):
        found = quick(scoring=score).fit(TABLE, TARGET)
    assert found.cv_results_["state"].tolist() == ["complete", "failed", "complete", "complete"]
    assert len({params["alpha"] for params in found.cv_results_["params"]}) == 4


@pytest.mark.parametrize("error", [ValueError, AssertionError])
def test_search_lets_errors_of_callbacks_and_fits_through(error):
    def fails(study, trial):
        raise error("of a callback")

    class Failing(Ridge):
        def fit(self, X, y):
            raise error("of a fit")

    with pytest.raises(error, match="of a callback"):
        quick(callbacks=[fails]).fit(TABLE, TARGET)
    with pytest.raises(error, match="of a fit"):
        quick(estimator=Failing(), error_score="raise").fit(TABLE, TARGET)


def test_search_waits_no_longer_than_its_time_for_trials_of_others(journal):
    quick(journal, n_trials=1).fit(TABLE, TARGET)
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(journal))
    )
    optuna.load_study(study_name="s", storage=storage).ask()  # of another, at work
    started = time.monotonic()
    found = quick(journal, n_trials=2, timeout=1.0).fit(TABLE, TARGET)
    assert time.monotonic() - started < 20
    assert len(found.cv_results_["params"]) == 1


def test_workers_with_a_sampler_of_one_seed_suggest_different_things():
    with joblib.parallel_config("threading"):
        sampler = optuna.samplers.RandomSampler(seed=0)
        first = quick(sampler=sampler, n_trials=1).fit(TABLE, TARGET).best_params_
        sampler = optuna.samplers.RandomSampler(seed=0)
        found = quick(sampler=sampler, n_jobs=2).fit(TABLE, TARGET)
    assert first not in found.cv_results_["params"]


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ("nosuch://user:secret@host/database", "is a URL that can't be opened: .*nosuch"),
        (".", "must be the path of a journal of Optuna, .* Got '.'"),
        (__file__, "must be the path of a journal of Optuna"),
    ],
)
def test_search_refuses_what_is_no_storage(storage, message):
    with pytest.raises(ValueError, match=message) as caught:
        search(storage=storage, study_name="s").fit(X, LABELS)
    assert "secret" not in str(caught.value)


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
search(
    n_trials=8, storage={journal!r}, study_name="s", callbacks=[slowly], stale_after=6.0
).fit(X, LABELS)
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


# -- cores, time and a database ------------------------------------------------------------------


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

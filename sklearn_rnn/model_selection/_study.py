"""A study that several processes share: who does which trial, and what becomes of lost ones."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import optuna
from joblib.parallel import get_active_backend
from optuna import Study, Trial
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError
from tqdm.auto import tqdm

OUTCOME = "sklearn_rnn:outcome"
"""What a trial has that was carried out, in its user attributes: state, epochs, fold results."""
SEARCH = "sklearn_rnn:search"
"""The call of fit that began a trial."""
_ALIVE = "sklearn_rnn:alive"
_IDENTITY = "sklearn_rnn:made with"
_NO_SAY = ("checkpoint_dir", "checkpoint_every", "device", "memory", "n_jobs", "verbose")
PLAIN = (str, int, float, bool, type(None))
_POLL_SECONDS = 0.2

Direction = Literal["minimize", "maximize"]


@contextmanager
def opened(storage: Any, n_workers: int = 1) -> Iterator[BaseStorage | None]:
    """Give what Optuna takes: a file's path becomes a journal, a URL a database, closed at the end.

    Raises
    ------
    ValueError
        If it is nothing of the kind, or workers would not share it.
    """
    if isinstance(storage, InMemoryStorage) and n_workers > 1 and not _threads_are_workers():
        raise ValueError(
            "The 'storage' parameter must be one that processes share, with n_jobs > 1: None, the "
            "path of a journal file or the URL of a database. Got an InMemoryStorage instead."
        )
    if storage is None or isinstance(storage, BaseStorage):
        yield storage
    elif isinstance(storage, str) and "://" in storage:
        database = _database(storage)
        try:
            yield database
        finally:
            database.remove_session()
            database.engine.dispose()
    elif isinstance(storage, str | os.PathLike):
        yield _journal(Path(storage).expanduser())
    else:
        raise ValueError(
            "The 'storage' parameter must be None, the path of a journal file, the URL of a "
            f"database or an Optuna storage. Got {storage!r} instead."
        )


def _database(url: str) -> RDBStorage:
    try:
        return RDBStorage(url)
    except (ImportError, SQLAlchemyError) as error:  # the URL is not shown: it may hold a password
        raise ValueError(
            f"The 'storage' parameter is a URL that can't be opened: {error}. It begins with "
            "dialect and driver, as in postgresql+psycopg://user@host/database, the driver must be "
            "installed, and the database be there."
        ) from error


def _journal(path: Path) -> JournalStorage:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path)))
    except (OSError, ValueError) as error:
        raise ValueError(
            "The 'storage' parameter must be the path of a journal of Optuna, or of a file that "
            f"can become one. Got {str(path)!r}: {error}."
        ) from error


def _threads_are_workers() -> bool:
    return bool(getattr(get_active_backend()[0], "supports_sharedmem", False))


@contextmanager
def kept_alive(trial: Trial, search: str, stale_after: float) -> Iterator[None]:
    """Tell the study who works on a trial, and every now and then that it still does."""
    stopped = threading.Event()
    trial.set_user_attr(SEARCH, search)

    def tell() -> None:
        while True:
            with suppress(UpdateFinishedTrialError, StorageInternalError):  # the next may do
                trial.set_user_attr(_ALIVE, time.time())
            if stopped.wait(stale_after / 4):
                return

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def give_up_stale(study: Study, stale_after: float) -> None:
    """End trials that nobody works on any more, and put their parameters in the queue again."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        started = 0.0 if trial.datetime_start is None else trial.datetime_start.timestamp()
        if time.time() - trial.user_attrs.get(_ALIVE, started) > stale_after:
            give_up(study, trial)


def give_up(study: Study, trial: FrozenTrial) -> None:
    """End a running trial, and put its parameters in the queue again."""
    try:
        study.tell(trial.number, state=TrialState.FAIL)
    except (ValueError, UpdateFinishedTrialError):  # another process was faster
        return
    if is_lost(study.get_trials(deepcopy=False)[trial.number]):
        put_back(study, trial.number)


def put_back(study: Study, number: int) -> None:
    """Put a trial's parameters in the queue, and those that it was to be given from there."""
    trial = study.get_trials(deepcopy=False)[number]
    study.enqueue_trial(trial.system_attrs.get("fixed_params", {}) | trial.params)


def is_lost(trial: FrozenTrial) -> bool:
    """Tell whether a trial was given up; it may have come to something a moment before."""
    outcome = trial.user_attrs.get(OUTCOME, {})
    return trial.state == TrialState.FAIL and outcome.get("state") != "failed"


def was_given_up(study: Study, number: int) -> bool:
    """Tell whether another process has ended a trial that was at work."""
    return study.get_trials(deepcopy=False)[number].state == TrialState.FAIL


def carried_out(study: Study) -> list[FrozenTrial]:
    """Return the trials with an outcome, in the order of their numbers."""
    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.state.is_finished() and _has_come_to(trial)]


def _has_come_to(trial: FrozenTrial) -> bool:
    return OUTCOME in trial.user_attrs and not is_lost(trial)


def wait_for_work(study: Study, n_trials: int | None, stale_after: float, until: float) -> bool:
    """Tell whether there is a trial to do, once that is known.

    While all that are left are being worked on elsewhere, it is not: one of them may be lost.

    Parameters
    ----------
    study : Study
    n_trials : int or None
        Trials to carry out, by all processes together.
    stale_after : float
        Seconds.
    until : float
        When to wait no longer, as ``time.time`` has it.
    """
    while time.time() < until:
        give_up_stale(study, stale_after)
        if n_trials is None:
            return True
        n_running = len(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))
        n_done = len(carried_out(study))
        if n_done >= n_trials:
            return False
        if n_done + n_running < n_trials:
            return True
        time.sleep(_POLL_SECONDS)
    return False


def is_surplus(study: Study, number: int, n_trials: int | None) -> bool:
    """Tell whether a trial was begun though those before it are enough: by two at one moment."""
    if n_trials is None:
        return False
    before = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.number < number and (trial.state == TrialState.RUNNING or _has_come_to(trial))
    ]
    return len(before) >= n_trials


def check_directions(study: Study, directions: Sequence[Direction]) -> None:
    """Raise ValueError if an old study optimizes something else."""
    stored = [direction.name.lower() for direction in study.directions]
    if stored != list(directions):
        raise ValueError(
            f"The study {study.study_name!r} was created to {' and '.join(stored)}, but the "
            f"'objectives' are to {' and '.join(directions)}: scores are maximized, times and "
            "sizes minimized. Create it with these directions, or pass another study_name."
        )


def check_same_search(study: Study, said: Mapping[str, Any]) -> None:
    """Note in a new study what it is made with; raise ValueError if an old one differs in it.

    Parameters
    ----------
    study : Study
    said : dict
        "splits", "data", "estimator", "scoring" and "epochs", as JSON has it.
    """
    stored = study.user_attrs.get(_IDENTITY)
    if stored is None:
        study.set_user_attr(_IDENTITY, said)
        return
    for name in ("splits", "data"):
        if stored.get(name, said[name]) != said[name]:
            raise ValueError(
                f"The study {study.study_name!r} was made with other {name}, so its scores can't "
                "be compared with those to come. Pass the same data (X, y and what else 'fit' is "
                "given) in the same form and order and a 'cv' that splits the same way each time "
                "(an int, or a splitter with a random_state), or another study_name."
            )
    old, new = stored["estimator"], said["estimator"]
    other = [n for n in sorted(old.keys() | new.keys()) if repr(old.get(n)) != repr(new.get(n))]
    if other:  # by repr, since NaN is not equal to itself
        raise ValueError(
            f"The study {study.study_name!r} was made with another estimator: {other[0]} was "
            f"{old.get(other[0])!r}, now {new.get(other[0])!r}. Set it back, or pass another "
            "study_name."
        )
    for name in ("scoring", "epochs"):
        before = stored.get(name, said[name])
        if before != said[name]:
            raise ValueError(
                f"The study {study.study_name!r} was made with {name}={before!r}, now it is "
                f"{said[name]!r}. Set it back, or pass another study_name."
            )


def plain_params(estimator: Any) -> dict[str, Any]:
    """Return the class and the parameters that are plain values, but those of no say."""
    params = {
        name: value
        for name, value in estimator.get_params().items()
        if isinstance(value, PLAIN) and name.split("__")[-1] not in _NO_SAY
    }
    return {"class": type(estimator).__name__, **params}


def plain_scoring(scoring: Any) -> Any:
    """Return the names of scores, as JSON has them; of functions there is nothing to compare."""
    if isinstance(scoring, Mapping):
        return {name: plain_scoring(each) for name, each in scoring.items()}
    if callable(scoring):
        return "a function"
    return scoring if isinstance(scoring, str | None) else list(scoring)


def in_memory(study: Study) -> Study:
    """Return a study that needs no file."""
    storage = InMemoryStorage()
    optuna.copy_study(
        from_study_name=study.study_name, from_storage=study._storage, to_storage=storage
    )
    return optuna.load_study(
        study_name=study.study_name, storage=storage, sampler=study.sampler, pruner=study.pruner
    )


@contextmanager
def progress_shown(study: Study, n_trials: int | None, *, shown: bool) -> Iterator[None]:
    """Show how many trials are done, whoever does them."""
    if not shown:
        yield
        return
    done = threading.Event()

    def watch(bar: Any) -> None:
        while True:
            ended = done.wait(0.5)
            bar.update(len(carried_out(study)) - bar.n)
            if ended:
                return

    with tqdm(total=n_trials, unit="trial") as bar:
        thread = threading.Thread(target=watch, args=(bar,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

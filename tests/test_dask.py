"""Searches and predictions on the workers of a Dask cluster."""

import os

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from dask.distributed import Client, LocalCluster
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score

from sklearn_rnn import RNNClassifier
from sklearn_rnn.model_selection import OptunaSearchCV
from tests.conftest import make_sequences
from tests.guide import code_block

SCHEDULER = "tcp://scheduler:8786"  # in the guide
QUICK = {"max_epochs": 2, "random_state": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def client():
    """The client of a cluster of two processes with a core each."""
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**workers) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture
def one_thread():
    """As on the workers, so that results are the same to the last bit."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def table():
    """A table with list columns of numbers and of texts, and one of single values."""
    X, labels = make_sequences(80)
    return pa.table(
        {
            "pulse": pa.array([x[:, 0] for x in X]),
            "activity": pa.array([np.where(x[:, 1] > 0, "walks", "rests") for x in X]),
            "age": pa.array([20.0 + len(x) for x in X]),
            "label": pa.array(np.array(["falls", "rises"])[labels]),
        }
    )


def loss_and_process(model, X, y):
    return {"loss": log_loss(y, model.predict_proba(X)), "process": os.getpid()}


def test_search_on_a_cluster_scores_as_in_one_process(client, one_thread, table):
    names = {
        "X": table.drop("label").to_pandas(),
        "y": table["label"].to_numpy(),
        "loss_and_process": loss_and_process,
    }
    changes = {
        SCHEDULER: client.scheduler.address,
        "max_epochs=20": "max_epochs=2, device='cpu'",
        "cv=3": "cv=3, scoring=loss_and_process, refit=False",
    }
    exec(code_block("many_machines.rst", "dask-search", changes), names)
    search, on_cluster = names["search"], names["search"].cv_results_
    alone = search.fit(names["X"], names["y"]).cv_results_
    workers = set(client.run(os.getpid).values())
    for fold in ("split0", "split1", "split2"):
        assert set(on_cluster[f"{fold}_test_process"]) <= workers
        losses = alone[f"{fold}_test_loss"]
        assert len(set(losses)) == 4
        np.testing.assert_array_equal(on_cluster[f"{fold}_test_loss"], losses)


def test_partitions_of_a_parquet_folder_are_answered_as_the_whole(client, table, tmp_path):
    for start in range(0, 80, 20):
        (tmp_path / "patients").mkdir(exist_ok=True)
        pq.write_table(table.slice(start, 20), tmp_path / "patients" / f"{start:02}.parquet")
    X = table.drop("label")
    model = RNNClassifier(**QUICK).fit(X, table["label"].to_numpy())
    names = {"X": X.to_pandas(), "model": model}
    changes = {
        SCHEDULER: client.scheduler.address,
        "patients/": str(tmp_path / "patients"),
        "answers/": str(tmp_path / "answers"),
    }
    exec(code_block("many_machines.rst", "dask-predict", changes), names)
    assert names["patients"].npartitions == 4
    answers = pd.read_parquet(tmp_path / "answers")
    assert list(answers.columns) == ["falls", "rises", "label"]
    np.testing.assert_array_equal(answers["label"], model.predict(X))
    probabilities = answers[["falls", "rises"]]
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-6)


def note_process(study, trial):
    study.set_user_attr(f"process of trial {trial.number}", os.getpid())


def test_optuna_search_on_a_cluster_keeps_its_trials_in_postgresql(
    client, one_thread, table, postgresql_url
):
    X, y = table.drop("label").to_pandas(), table["label"].to_numpy()
    search = OptunaSearchCV(
        RNNClassifier(**QUICK),
        n_trials=6,
        scoring="neg_log_loss",
        cv=2,
        storage=postgresql_url,
        study_name="on a cluster",
        random_state=0,
        callbacks=[note_process],
        refit=False,
    )
    with joblib.parallel_config("dask"):
        search.fit(X, y)
    workers = set(client.run(os.getpid).values())
    processes = [search.study_.user_attrs[f"process of trial {n}"] for n in range(6)]
    assert len(search.study_.trials) == 6
    assert set(processes) <= workers
    best = RNNClassifier(**QUICK).set_params(**search.best_params_)
    scores = cross_val_score(best, X, y, scoring="neg_log_loss", cv=2)
    assert search.best_score_ == scores.mean()

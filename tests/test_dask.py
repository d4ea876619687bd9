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
from optuna.pruners import NopPruner
from sklearn.metrics import log_loss

from sklearn_rnn import RNNClassifier
from sklearn_rnn.model_selection import OptunaSearchCV
from tests.conftest import make_sequences
from tests.guide import code_block

SCHEDULER = "tcp://scheduler:8786"  # in the guide
QUICK = {"max_epochs": 2, "random_state": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def client():
    """The client of a cluster of two processes with a core each."""
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
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


def test_search_by_optuna_on_a_cluster_scores_as_in_one_process(client, one_thread, table):
    X, y = table.drop("label"), table["label"].to_numpy()
    search = OptunaSearchCV(
        RNNClassifier(**QUICK),
        n_trials=4,
        cv=2,
        scoring=loss_and_process,
        objectives=["loss"],
        refit=False,
        n_jobs=2,
        random_state=0,
        pruner=NopPruner(),
    )
    with joblib.parallel_config("dask"):
        on_cluster = search.fit(X, y).cv_results_
    alone = search.set_params(n_jobs=None).fit(X, y).cv_results_
    for fold in ("split0", "split1"):
        assert os.getpid() not in on_cluster[f"{fold}_test_process"]
        assert on_cluster[f"{fold}_test_loss"].tolist() == alone[f"{fold}_test_loss"].tolist()


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

"""Searches and predictions on the workers of a Dask cluster."""

import os

import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from dask.distributed import Client, LocalCluster
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV

from sklearn_rnn import RNNClassifier
from tests.conftest import make_sequences

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


@pytest.fixture
def parquet(table, tmp_path):
    """A folder with the table in four files."""
    for start in range(0, 80, 20):
        pq.write_table(table.slice(start, 20), tmp_path / f"part{start:02}.parquet")
    return str(tmp_path)


def loss_and_process(model, X, y):
    return {"loss": log_loss(y, model.predict_proba(X)), "process": os.getpid()}


def test_search_on_a_cluster_scores_as_in_one_process(client, one_thread, table):
    X, y = table.drop("label").to_pandas(), table["label"].to_numpy()
    search = GridSearchCV(
        RNNClassifier(**QUICK),
        {"hidden_size": [4, 8], "cell": ["gru", "lstm"]},
        scoring=loss_and_process,
        refit=False,
        cv=2,
    )
    alone = search.fit(X, y).cv_results_
    with joblib.parallel_config("dask"):
        on_cluster = search.fit(X, y).cv_results_
    workers = {worker["pid"] for worker in client.run(lambda: {"pid": os.getpid()}).values()}
    for fold in ("split0", "split1"):
        assert set(on_cluster[f"{fold}_test_process"]) <= workers
        losses = alone[f"{fold}_test_loss"]
        assert len(set(losses)) == 4
        np.testing.assert_array_equal(on_cluster[f"{fold}_test_loss"], losses)


def test_partitions_of_a_parquet_folder_are_predicted_as_the_whole(client, table, parquet):
    model = RNNClassifier(**QUICK).fit(table.drop("label"), table["label"].to_numpy())

    def probabilities(part, model):
        return pd.DataFrame(model.predict_proba(part), index=part.index, columns=model.classes_)

    frame = dd.read_parquet(parquet, columns=["pulse", "activity", "age"])
    on_workers = client.scatter(model, broadcast=True)
    labels = frame.map_partitions(
        lambda part, model: pd.Series(model.predict(part), index=part.index),
        on_workers,
        meta=pd.Series(dtype="str"),
    ).compute()
    meta = pd.DataFrame({name: pd.Series(dtype="float64") for name in model.classes_})
    proba = frame.map_partitions(probabilities, on_workers, meta=meta).compute()
    assert frame.npartitions == 4
    np.testing.assert_array_equal(labels, model.predict(table.drop("label")))
    assert list(proba.columns) == ["falls", "rises"]
    np.testing.assert_allclose(proba, model.predict_proba(table.drop("label")), atol=1e-6)

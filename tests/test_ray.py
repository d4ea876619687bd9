"""Searches on the workers of a Ray cluster."""

import os
import subprocess
import sys
from pathlib import Path

# In a process of its own, since Ray's backend changes joblib for good where it is used.
SEARCH_ALONE_AND_WITH_RAY = """
import os

import joblib
import numpy as np
import ray
import torch
from ray.util.joblib import register_ray
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV

from sklearn_rnn import RNNClassifier
from tests.conftest import make_sequences


def loss_and_process(model, X, y):
    return {"loss": log_loss(y, model.predict_proba(X)), "process": os.getpid()}


X, y = make_sequences(40)
search = GridSearchCV(
    RNNClassifier(max_epochs=2, random_state=0, device="cpu"),
    {"hidden_size": [4, 8], "cell": ["gru", "lstm"]},
    scoring=loss_and_process,
    refit=False,
    cv=2,
)
torch.set_num_threads(1)  # as on the workers, so that results are the same to the last bit
alone = search.fit(X, y).cv_results_
ray.init(num_cpus=2, include_dashboard=False, object_store_memory=80 * 2**20)
register_ray()
with joblib.parallel_config("ray", n_jobs=2):
    on_cluster = search.fit(X, y).cv_results_
ray.shutdown()
for fold in ("split0", "split1"):
    assert os.getpid() not in on_cluster[f"{fold}_test_process"]
    losses = alone[f"{fold}_test_loss"]
    assert len(set(losses)) == 4
    np.testing.assert_array_equal(on_cluster[f"{fold}_test_loss"], losses)
"""


def test_search_on_a_cluster_scores_as_in_one_process():
    settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}  # no files at home
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SEARCH_ALONE_AND_WITH_RAY],
        cwd=Path(__file__).parents[1],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

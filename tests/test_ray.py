"""Searches on the workers of a Ray cluster."""

import os
import subprocess
import sys
from pathlib import Path

from tests.guide import code_block

# In a process of its own, since Ray's backend changes joblib for good where it is used.
BEFORE = """
import os

import numpy as np
import torch
from sklearn.metrics import log_loss

from sklearn_rnn.model_selection import OptunaSearchCV
from tests.conftest import make_sequences


def loss_and_process(model, X, y):
    return {"loss": log_loss(y, model.predict_proba(X)), "process": os.getpid()}


X, y = make_sequences(40)
"""
AFTER = """
from optuna.pruners import NopPruner

trials = OptunaSearchCV(
    model,
    n_trials=3,
    cv=2,
    scoring=loss_and_process,
    objectives=["loss"],
    refit=False,
    n_jobs=2,
    random_state=0,
    pruner=NopPruner(),
)
with joblib.parallel_config("ray"):
    trials.fit(X, y)
ray.shutdown()
torch.set_num_threads(1)  # as on the workers, so that results are the same to the last bit
trials_on_cluster = trials.cv_results_
trials_alone = trials.set_params(n_jobs=None).fit(X, y).cv_results_
assert os.getpid() not in trials_on_cluster["split0_test_process"]
np.testing.assert_array_equal(
    trials_on_cluster["split0_test_loss"], trials_alone["split0_test_loss"]
)
on_cluster = search.cv_results_
alone = search.set_params(n_jobs=None).fit(X, y).cv_results_
for fold in ("split0", "split1", "split2"):
    assert os.getpid() not in on_cluster[f"{fold}_test_process"]
    losses = alone[f"{fold}_test_loss"]
    assert len(set(losses)) == 4
    np.testing.assert_array_equal(on_cluster[f"{fold}_test_loss"], losses)
"""
CHANGES = {
    'ray.init("auto")': (
        "ray.init(num_cpus=2, include_dashboard=False, object_store_memory=8 * 10**7)"
    ),
    "max_epochs=20": "max_epochs=2, device='cpu'",
    "cv=3": "cv=3, scoring=loss_and_process, refit=False",
}


def test_searches_on_a_cluster_run_there_and_score_as_in_one_process():
    code = BEFORE + code_block("many_machines.rst", "ray-search", CHANGES) + AFTER
    settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}  # no files at home
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(__file__).parents[1],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""One fit by two processes gives what it gives in one."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import distributed

from sklearn_rnn import RNNClassifier, Seq2SeqClassifier, StepRegressor
from sklearn_rnn.augmentation import Jitter
from sklearn_rnn.distributed import data_parallel
from tests.conftest import make_sequences
from tests.guide import code_block

ROOT = Path(__file__).parents[1]
X, Y = make_sequences(41)
SUMS = [x[:, 0].cumsum() for x in X]
WORDS = ["abc", "bca", "aab", "ccb", "bac", "abba", "cab", "bb", "acca", "cb"]
STILL = {"dropout": 0.0, "recurrent_dropout": 0.0}
QUICK = {"hidden_size": 8, "max_epochs": 3, "random_state": 0, "device": "cpu", **STILL}
FITS = {
    "classifier": (RNNClassifier(**QUICK, batch_size=8, cell="gru"), X, Y),
    "early stopping": (RNNClassifier(**QUICK, batch_size=8, early_stopping=True), X, Y),
    "batches of one": (RNNClassifier(**QUICK, batch_size=1, max_batch_steps=4), X[:9], Y[:9]),
    "batches in parts": (RNNClassifier(**QUICK, batch_size=8, max_batch_steps=16), X, Y),
    "steps": (StepRegressor(**QUICK, batch_size=8), X, SUMS),
    "random changes": (
        RNNClassifier(**QUICK | {"dropout": 0.5}, batch_size=8, augmentation=Jitter()),
        X,
        Y,
    ),
    "tokens": (Seq2SeqClassifier(**QUICK, batch_size=4), WORDS, [w[::-1] for w in WORDS]),
    "stem": (RNNClassifier(**QUICK, batch_size=8, stem="conv"), X, Y),
    "no seed": (RNNClassifier(**QUICK | {"random_state": None}), X, Y),
}


SCRIPT = """
import sys
from pathlib import Path

from tests.test_distributed import X, Y as y, fit_in_team

"""


def fit_in_team(folder):
    rank = distributed.get_rank()
    with data_parallel():
        models = {name: model.fit(X, y) for name, (model, X, y) in FITS.items()}
        RNNClassifier(**QUICK, checkpoint_dir=folder / f"stored by {rank}").fit(X, Y)
        with pytest.raises(ValueError, match="must call it with the same parameters, X and y"):
            RNNClassifier(**QUICK).fit(X[rank:], Y[rank:])
    (folder / f"models{rank}").write_bytes(pickle.dumps(models))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which two processes have left what they fitted together."""
    folder = tmp_path_factory.mktemp("team")
    changes = {
        "max_epochs=20": "max_epochs=2, device='cpu', dropout=0.0, recurrent_dropout=0.0",
        "model.joblib": str(folder / "model.joblib"),
        "distributed.destroy": "fit_in_team(Path(sys.argv[1]))\ndistributed.destroy",
    }
    script = folder / "train.py"
    script.write_text(SCRIPT + code_block("many_machines.rst", "data-parallel", changes))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node=2", script, folder],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def fitted(folder):
    """The models of the first process and those of the second."""
    return [pickle.loads((folder / f"models{rank}").read_bytes()) for rank in range(2)]


def weights_of(model):
    return model.net_.module_.state_dict()


@pytest.mark.parametrize("name", FITS)
def test_processes_of_a_team_end_with_the_same_model(fitted, name):
    first, second = (models[name] for models in fitted)
    for key, weight in weights_of(first).items():
        assert torch.equal(weight, weights_of(second)[key])
    assert first.loss_curve_ == second.loss_curve_
    assert torch.equal(first.net_.batch_order.get_state(), second.net_.batch_order.get_state())


@pytest.mark.parametrize(
    "name", ["classifier", "early stopping", "batches of one", "batches in parts", "steps"]
)
def test_a_team_trains_as_one_process_does(fitted, name):
    model, X, y = FITS[name]
    alone = weights_of(model.fit(X, y))
    for key, weight in weights_of(fitted[0][name]).items():
        torch.testing.assert_close(weight, alone[key], rtol=0, atol=1e-5)
    np.testing.assert_allclose(fitted[0][name].loss_curve_, model.loss_curve_, rtol=1e-5)


def test_the_first_process_alone_stores_checkpoints(folder):
    assert len(list((folder / "stored by 0").iterdir())) == 1
    assert list((folder / "stored by 1").iterdir()) == []


def test_the_script_of_the_guide_trains_as_one_process_does(folder):
    model = joblib.load(folder / "model.joblib")
    alone = weights_of(clone(model).fit(X, Y))
    for key, weight in weights_of(model).items():
        torch.testing.assert_close(weight, alone[key], rtol=0, atol=1e-5)


def test_data_parallel_needs_processes_that_know_each_other():
    with pytest.raises(RuntimeError, match="init_process_group"), data_parallel():
        pass

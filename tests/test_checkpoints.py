"""A fit that was killed goes on and ends as if nothing had happened."""

import ast
import errno
import json
import os
import shutil
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save, save_file
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch.optim import lr_scheduler

from sklearn_rnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    Seq2SeqClassifier,
    StepClassifier,
)
from sklearn_rnn.augmentation import Jitter
from sklearn_rnn.nn.cells import GRU
from sklearn_rnn.training.checkpoint import PassingDirectory
from sklearn_rnn.training.state import put_tensors_in, take_tensors_out
from tests.conftest import make_sequences

QUICK = {"hidden_size": 8, "max_epochs": 6, "random_state": 0, "device": "cpu"}
WORDS = ["abc", "bca", "aab", "ccb", "bac", "abba", "cab", "bb", "acca", "cb"] * 3
BACKWARDS = [word[::-1] for word in WORDS]


class Dies(Callback):
    """End the fit in the middle of an epoch as nothing that is caught would."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, training, **kwargs):
        if training and len(net.history) == self.epoch:
            raise MemoryError("killed")


class Counts(Callback):
    """Count the epochs trained."""

    n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        type(self).n_epochs += 1


def weights_of(model):
    return model.net_.module_.state_dict()


def assert_same_fit(a, b):
    one, other = weights_of(a), weights_of(b)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert a.best_epoch_ == b.best_epoch_
    times = ["dur", "elapsed", "sequences_per_second"]  # all else repeats
    assert a.history_.drop(columns=times).equals(b.history_.drop(columns=times))


def fit_in_two(make, directory, data, dies_in=4):
    """Fit once as a whole, once killed in an epoch and taken up; return both."""
    with pytest.raises(MemoryError):
        make(checkpoint_dir=directory, callbacks=[Dies(dies_in)]).fit(*data)
    counts = Counts()
    Counts.n_epochs = 0
    whole, resumed = make().fit(*data), make(checkpoint_dir=directory, callbacks=[counts])
    resumed.fit(*data)
    assert Counts.n_epochs == len(whole.history_) - dies_in + 1
    return whole, resumed


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "lstm", "num_layers": 2, "input_dropout": 0.2, "label_smoothing": 0.1},
        {"cell": "mingru"},
        {"early_stopping": True, "lr_schedule": "plateau", "lr_step_epochs": 1, "tol": 0.5},
        {"lr_schedule": "step", "lr_step_epochs": 2, "optimizer": "sgd"},
        {"lr_schedule": "onecycle", "optimizer": "rmsprop"},
        {"lr_schedule": lr_scheduler.MultiStepLR, "lr_schedule_options": {"milestones": [2, 5]}},
        {"optimizer": torch.optim.NAdam, "augmentation": [Jitter(0.1)]},
    ],
)
def test_a_killed_fit_ends_as_a_whole_one(tmp_path, sequences, options):
    def make(**more):
        return RNNClassifier(**QUICK, **options, **more)

    assert_same_fit(*fit_in_two(make, tmp_path, sequences))


@pytest.mark.parametrize(
    ("estimator", "data"),
    [
        (RNNRegressor, make_sequences()),
        (StepClassifier, (WORDS, [list(word) for word in BACKWARDS])),
        (Seq2SeqClassifier, (WORDS, BACKWARDS)),
        (RNNLanguageModel, (WORDS,)),
    ],
)
def test_every_estimator_goes_on(tmp_path, estimator, data):
    options = {"teacher_forcing": "linear"} if estimator is Seq2SeqClassifier else {}

    def make(**more):
        return estimator(**QUICK, **options, **more)

    assert_same_fit(*fit_in_two(make, tmp_path, data))


def test_early_stopping_that_was_killed_keeps_the_best_weights(tmp_path, sequences):
    X, y = sequences

    def make(**more):
        options = QUICK | {"max_epochs": 40, "lr": 0.1, "n_iter_no_change": 4}
        options |= {"label_smoothing": 0.0, "pooling": "max"}  # to be killed before it stops
        return RNNClassifier(early_stopping=True, **options, **more)

    whole, resumed = fit_in_two(make, tmp_path, (X, y), dies_in=8)
    assert whole.best_epoch_ < len(whole.history_) < 40
    assert_same_fit(whole, resumed)


def test_a_fit_that_has_ended_is_not_trained_again(tmp_path, sequences):
    first = RNNClassifier(checkpoint_dir=tmp_path, **QUICK).fit(*sequences)
    Counts.n_epochs = 0
    again = RNNClassifier(checkpoint_dir=str(tmp_path), callbacks=[Counts()], **QUICK)
    assert_same_fit(first, again.fit(*sequences))
    assert Counts.n_epochs == 0


def test_seeds_of_a_fit_without_random_state_are_stored(tmp_path, sequences):
    options = QUICK | {"random_state": None}
    with pytest.raises(MemoryError):
        RNNClassifier(checkpoint_dir=tmp_path, callbacks=[Dies(3)], **options).fit(*sequences)
    resumed = RNNClassifier(checkpoint_dir=tmp_path, **options).fit(*sequences)
    again = RNNClassifier(checkpoint_dir=tmp_path, **options).fit(*sequences)
    assert_same_fit(resumed, again)
    assert len(list(tmp_path.iterdir())) == 1


def test_warm_start_has_a_checkpoint_for_each_fit(tmp_path, sequences):
    def make(**more):
        return RNNClassifier(warm_start=True, **QUICK, **more)

    whole = make().fit(*sequences).fit(*sequences)
    model = make(checkpoint_dir=tmp_path).fit(*sequences)
    with pytest.raises(MemoryError):
        model.set_params(callbacks=[Dies(9)]).fit(*sequences)
    resumed = make(checkpoint_dir=tmp_path).fit(*sequences).fit(*sequences)
    assert_same_fit(whole, resumed)
    assert len(resumed.history_) == 12


def test_each_fit_of_a_search_has_its_own(tmp_path, sequences):
    X, y = sequences
    grid = {"hidden_size": [4, 8], "lr": [0.01, 0.1]}

    def search(**more):
        estimator = RNNClassifier(**QUICK | {"max_epochs": 2}, **more)
        return GridSearchCV(estimator, grid, cv=2).fit(X, y)

    stored = search(checkpoint_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 9  # four candidates, two folds, and the best of all
    Counts.n_epochs = 0
    again = search(checkpoint_dir=tmp_path, callbacks=[Counts()])
    assert Counts.n_epochs == 0
    scores = "mean_test_score"
    np.testing.assert_array_equal(again.cv_results_[scores], search().cv_results_[scores])
    np.testing.assert_array_equal(again.cv_results_[scores], stored.cv_results_[scores])


@pytest.mark.parametrize(
    "changed",
    [{"max_epochs": 7}, {"lr": 0.02}, {"random_state": 1}, {"augmentation": Jitter(0.2)}],
)
def test_another_fit_starts_anew(tmp_path, sequences, changed):
    options = QUICK | {"augmentation": Jitter(0.1)}
    RNNClassifier(checkpoint_dir=tmp_path, **options).fit(*sequences)
    other = RNNClassifier(checkpoint_dir=tmp_path, **options | changed).fit(*sequences)
    assert_same_fit(other, RNNClassifier(**options | changed).fit(*sequences))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("changed", ["X", "y", "sample_weight", "X_val"])
def test_other_data_start_anew(tmp_path, sequences, changed):
    X, y = sequences
    data = {"X": X, "y": y, "sample_weight": np.ones(len(X)), "X_val": X[:6], "y_val": y[:6]}
    RNNClassifier(checkpoint_dir=tmp_path, **QUICK).fit(**data)
    other = dict(data)
    if changed == "y":
        other["y"] = 1 - y
    elif changed == "sample_weight":
        other["sample_weight"] = np.where(np.arange(len(X)) == 3, 2.0, 1.0)
    else:
        other[changed] = [x + 1 for x in data[changed]]
    resumed = RNNClassifier(checkpoint_dir=tmp_path, **QUICK).fit(**other)
    assert_same_fit(resumed, RNNClassifier(**QUICK).fit(**other))
    assert len(list(tmp_path.iterdir())) == 2


class Power:
    """A rate that falls, as an object that is called."""

    def __init__(self, base):
        self.base = base

    def __call__(self, epoch):
        return self.base**epoch

    def falling(self, epoch):
        return self.base**epoch


def power_of(base):
    return lambda epoch: base**epoch


def power_of_power(base):
    def power(epoch):
        return base * power(epoch - 1) if epoch else 1.0

    return power


@pytest.mark.parametrize(
    "make",
    [
        power_of,
        power_of_power,
        Power,
        lambda base: Power(base).falling,
        lambda base: partial(pow, base),
        lambda base: lambda epoch, base=base: base**epoch,
    ],
)
def test_functions_of_one_name_are_told_apart(tmp_path, sequences, make):
    def rates(base):
        options = {"lr_schedule": lr_scheduler.LambdaLR, "checkpoint_dir": tmp_path}
        model = RNNClassifier(lr_schedule_options={"lr_lambda": make(base)}, **options, **QUICK)
        return model.fit(*sequences).history_["lr"].to_numpy()

    for base in (0.5, 0.1, 0.5):
        np.testing.assert_allclose(rates(base), 0.01 * base ** np.arange(6))
    assert len(list(tmp_path.iterdir())) == 2


def test_functions_are_named_alike_in_every_process():
    program = (
        "from sklearn_rnn._identity import _said\n"
        "from functools import partial\n"
        "def f(x, a=2.0): return [x in {'a', 'b', 'c', 'd'}, lambda y: a * y]\n"
        "print(_said([f, partial(f, a=1.0), lambda e: e * 0.5, lambda e: e * 0.25]))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    (line,) = said
    _, _, a_half, a_quarter = ast.literal_eval(line)
    assert a_half != a_quarter


def test_checkpoints_are_made_every_few_epochs_and_at_the_end(tmp_path, sequences):
    options = QUICK | {"max_epochs": 5, "checkpoint_every": 3, "checkpoint_dir": tmp_path}
    with pytest.raises(MemoryError):
        RNNClassifier(callbacks=[Dies(5)], **options).fit(*sequences)
    Counts.n_epochs = 0
    resumed = RNNClassifier(callbacks=[Counts()], **options).fit(*sequences)
    assert Counts.n_epochs == 2
    again = RNNClassifier(callbacks=[Counts()], **options).fit(*sequences)
    assert Counts.n_epochs == 2
    assert_same_fit(resumed, again)


def stored_by(directory, sequences):
    RNNClassifier(checkpoint_dir=directory, **QUICK).fit(*sequences)
    (path,) = directory.iterdir()
    return path


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_half_written_checkpoint_is_told(tmp_path, sequences, share):
    path = stored_by(tmp_path, sequences)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"damaged or half-written .*Delete the file to"):
        RNNClassifier(checkpoint_dir=tmp_path, **QUICK).fit(*sequences)


def test_a_changed_byte_is_told(tmp_path, sequences):
    path = stored_by(tmp_path, sequences)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged: its checksum is wrong"):
        RNNClassifier(checkpoint_dir=tmp_path, **QUICK).fit(*sequences)


def test_a_foreign_file_is_told(tmp_path, sequences):
    path = stored_by(tmp_path, sequences)
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(ValueError, match="it is no checkpoint, or one of another version"):
        RNNClassifier(checkpoint_dir=tmp_path, **QUICK).fit(*sequences)


def test_the_checkpoint_of_another_fit_is_told(tmp_path, sequences):
    path = stored_by(tmp_path / "one", sequences)
    RNNClassifier(checkpoint_dir=tmp_path / "two", **QUICK | {"hidden_size": 4}).fit(*sequences)
    (other,) = (tmp_path / "two").iterdir()
    path.write_bytes(other.read_bytes())
    with pytest.raises(ValueError, match="of another fit: hidden_size was 4, now 8"):
        RNNClassifier(checkpoint_dir=tmp_path / "one", **QUICK).fit(*sequences)


def test_callbacks_that_store_must_be_those_of_before(tmp_path, sequences):
    class Stores(Dies):
        def state_dict(self):
            return {"epoch": self.epoch}

    with pytest.raises(MemoryError):
        RNNClassifier(checkpoint_dir=tmp_path, callbacks=[Stores(3)], **QUICK).fit(*sequences)
    with pytest.raises(ValueError, match="what it holds does not fit this network"):
        RNNClassifier(checkpoint_dir=tmp_path, **QUICK).fit(*sequences)


def test_a_state_that_is_no_numbers_is_told(tmp_path, sequences):
    class Stores(Counts):
        def state_dict(self):
            return {"seen": {1, 2}}

    model = RNNClassifier(checkpoint_dir=tmp_path, callbacks=[Stores()], **QUICK)
    with pytest.raises(ValueError, match=r"can't store this training: .*seen holds \{1, 2\}"):
        model.fit(*sequences)
    assert not list(tmp_path.iterdir())


def test_a_directory_that_can_not_be_made_is_told(tmp_path, sequences):
    (tmp_path / "file").write_text("")
    model = RNNClassifier(checkpoint_dir=tmp_path / "file", **QUICK)
    with pytest.raises(ValueError, match="checkpoint_dir must be a directory"):
        model.fit(*sequences)


def test_home_is_the_users(tmp_path, sequences, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    RNNClassifier(checkpoint_dir="~/fits", **QUICK).fit(*sequences)
    assert len(list((tmp_path / "fits").iterdir())) == 1
    model = RNNClassifier(checkpoint_dir="~no-such-user/fits", **QUICK)
    with pytest.raises(ValueError, match=r"checkpoint_dir must be .* Got '~no-such-user.*home"):
        model.fit(*sequences)


def test_what_a_killed_fit_had_half_written_is_removed(tmp_path, sequences):
    path = stored_by(tmp_path, sequences)
    parts = {
        "old": f"{path.stem}abc123.part",
        "new": f"{path.stem}def456.part",  # another process may be writing it
        "of another fit": f"{path.stem[:-1]}!abc123.part",
    }
    now = time.time()
    for kind, name in parts.items():
        (tmp_path / name).write_bytes(b"half")
        age = 0 if kind == "new" else 3600
        os.utime(tmp_path / name, (now - age, now - age))
    RNNClassifier(checkpoint_dir=tmp_path, **QUICK).fit(*sequences)
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {path.name, parts["new"], parts["of another fit"]}


def test_the_bar_counts_the_epochs_that_a_checkpoint_brings(tmp_path, sequences, capsys):
    with pytest.raises(MemoryError):
        RNNClassifier(checkpoint_dir=tmp_path, callbacks=[Dies(4)], **QUICK).fit(*sequences)
    for _ in range(2):  # the second trains no epoch
        RNNClassifier(checkpoint_dir=tmp_path, verbose=1, **QUICK).fit(*sequences)
        assert "6/6" in capsys.readouterr().out


def test_a_full_disk_is_told_and_keeps_what_was_stored(tmp_path, sequences, monkeypatch):
    calls, sync = [], os.fsync

    def full(file):
        calls.append(file)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(file)

    monkeypatch.setattr("sklearn_rnn.training.checkpoint.os.fsync", full)
    with pytest.raises(OSError, match=r"checkpoint_dir must be .* training ends.* No space left"):
        RNNClassifier(checkpoint_dir=tmp_path, **QUICK).fit(*sequences)
    (file,) = tmp_path.iterdir()
    assert file.suffix == ".safetensors"
    resumed = RNNClassifier(checkpoint_dir=tmp_path, **QUICK).fit(*sequences)
    assert len(calls) == 3 + 4
    assert_same_fit(RNNClassifier(**QUICK).fit(*sequences), resumed)


class InEpoch(Callback):
    """Do something as an epoch begins."""

    def __init__(self, epoch, do):
        self.epoch = epoch
        self.do = do

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == self.epoch:
            self.do()


@pytest.fixture
def n_synced(monkeypatch):
    """Count the files that are forced to the disk."""
    calls, sync = [], os.fsync

    def counted(file):
        calls.append(file)
        sync(file)

    monkeypatch.setattr("sklearn_rnn.training.checkpoint.os.fsync", counted)
    return lambda: len(calls)


def test_a_passing_directory_holds_the_same_and_is_not_synced(tmp_path, sequences, n_synced):
    make = partial(RNNClassifier, **QUICK)
    passing = PassingDirectory(tmp_path / "passing")
    assert_same_fit(*fit_in_two(make, passing, sequences))
    assert n_synced() == 0
    make(checkpoint_dir=tmp_path / "kept").fit(*sequences)
    assert n_synced() == QUICK["max_epochs"]
    one, other = (
        load_file(path)
        for name in ("passing", "kept")
        for path in (tmp_path / name).iterdir()  # one file each, nothing half written
    )
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_bytes_are_those_of_torch(tmp_path, sequences):
    path = stored_by(tmp_path, sequences)
    with safe_open(path, framework="pt") as file:
        content = save(load_file(path), metadata=file.metadata())
    n_header = int.from_bytes(content[:8], "little")
    assert path.read_bytes()[8 + n_header :] == content[8 + n_header :]


def test_a_directory_that_was_removed_is_told(tmp_path, sequences):
    directory = tmp_path / "removed"
    removes = InEpoch(3, partial(shutil.rmtree, directory))
    with pytest.raises(OSError, match=r"removed'.* No such file"):
        RNNClassifier(checkpoint_dir=directory, callbacks=[removes], **QUICK).fit(*sequences)


def test_a_relative_directory_is_that_of_the_start(tmp_path, sequences, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    moves = InEpoch(3, partial(os.chdir, "elsewhere"))
    RNNClassifier(checkpoint_dir="here", callbacks=[moves], **QUICK).fit(*sequences)
    assert len(list((tmp_path / "here").iterdir())) == 1


def test_what_is_stored_is_tensors_and_json(tmp_path, sequences):
    path = stored_by(tmp_path, sequences)
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
        names = set(file.keys())
    fit, content = json.loads(header["fit"]), json.loads(header["content"])
    assert fit["parameters"]["hidden_size"] == 8
    assert len(content["training"]["history"]) == 6
    assert any(name.startswith("/training/module/encoder.recurrence") for name in names)


def test_trees_come_back_as_they_were():
    tree = {
        "a": [1, 2.5, None, True, "text", np.float64(0.1), float("inf")],
        "b": {0: {"step": torch.tensor(3.0)}, 1: (torch.zeros(0, 4), torch.arange(3))},
        "__tensor__": {"c": 1},
    }
    plain, tensors = take_tensors_out(tree)
    back = put_tensors_in(json.loads(json.dumps(plain)), tensors)
    assert back["a"] == tree["a"]
    assert back["__tensor__"] == {"c": 1}
    assert torch.equal(back["b"][0]["step"], torch.tensor(3.0))
    assert isinstance(back["b"][1], tuple)
    assert back["b"][1][0].shape == (0, 4)
    assert torch.equal(back["b"][1][1], torch.arange(3))


KILLED = """
import os, random, signal, sys, time
from pathlib import Path

import torch

from sklearn_rnn import RNNClassifier
from sklearn_rnn.augmentation import Jitter
from sklearn_rnn.nn.cells import GRU
from tests.conftest import make_sequences

torch.set_num_threads(1)
directory = Path(sys.argv[1])
X, y = make_sequences(n_samples=60)


def fit(checkpoint_dir=None):
    return RNNClassifier(
        hidden_size=8,
        max_epochs=40,
        augmentation=Jitter(0.1),
        early_stopping=True,
        n_iter_no_change=40,
        checkpoint_dir=checkpoint_dir,
        random_state=0,
        device="cpu",
    ).fit(X, y)


def weights(model):
    return list(model.net_.module_.state_dict().values())


fit()
started = time.perf_counter()
whole = fit(directory / "whole")
seconds = time.perf_counter() - started
n_killed = 0
for attempt in range(10):
    place = directory / str(attempt)
    child = os.fork()
    if child == 0:
        fit(place)
        os._exit(0)
    time.sleep(random.uniform(0, seconds))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    n_killed += os.WIFSIGNALED(status)
    resumed = fit(place)
    assert all(map(torch.equal, weights(whole), weights(resumed))), attempt
    assert whole.best_epoch_ == resumed.best_epoch_
    assert whole.loss_curve_ == resumed.loss_curve_
print(n_killed)
"""


def test_a_process_killed_at_any_moment_goes_on_to_the_same_bits(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5  # the others had ended before


def test_own_classes_of_one_name_are_told_apart(tmp_path, sequences):
    def make(factor):
        class Slow(GRU):
            through_time = kernel = None

            def step(self, x, state, weights):
                (h,) = super().step(x, state, weights)
                return (state[0] + factor * (h - state[0]),)

        return Slow

    fits = [
        RNNClassifier(cell=make(factor), checkpoint_dir=tmp_path, **QUICK).fit(*sequences)
        for factor in (0.1, 0.9, 0.1)
    ]
    assert len(list(tmp_path.iterdir())) == 2
    assert_same_fit(fits[0], fits[2])
    assert fits[0].loss_curve_ != fits[1].loss_curve_


def test_callbacks_that_begin_anew_are_warned_of(tmp_path, sequences, caplog):
    with pytest.raises(MemoryError):
        RNNClassifier(checkpoint_dir=tmp_path, callbacks=[Dies(4)], **QUICK).fit(*sequences)
    RNNClassifier(checkpoint_dir=tmp_path, callbacks=[Counts()], **QUICK).fit(*sequences)
    (warned,) = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert warned.startswith("The callbacks Counts store no state, so they began anew")

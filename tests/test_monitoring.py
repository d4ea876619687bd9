"""What is recorded of each epoch, what is warned of, and loggers of runs."""

import logging
import pickle
import sys
import time
from types import SimpleNamespace

import mlflow
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from skorch.history import History
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.callbacks import MlflowLogger, TensorBoard, WandbLogger
from sklearn_rnn.training.record import GradientNorm, Watch

QUICK = {"hidden_size": 8, "max_epochs": 3, "batch_size": 8, "random_state": 0, "device": "cpu"}

# -- records --------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_norm", [0.5, 100.0, None])
def test_gradients_are_clipped_as_torch_clips_them_and_recorded(max_norm):
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(shape, generator=generator) for shape in ((4, 3), (5,))]
    weights = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients]
    optimizer = torch.optim.SGD(weights, lr=0.1)
    net = SimpleNamespace(optimizer_=optimizer, history=History(), device="cpu")
    callback = GradientNorm(max_norm)
    net.history.new_epoch()
    callback.on_epoch_begin(net)
    norms = []
    for factor in (1.0, 3.0):
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = factor * gradient
        norms.append(torch.cat([factor * g.flatten() for g in gradients]).norm().item())
        expected = [weight.grad.clone() for weight in weights]
        callback.on_grad_computed(net)
        if max_norm is not None:
            expected = [g * min(1.0, max_norm / norms[-1]) for g in expected]
        for weight, clipped in zip(weights, expected, strict=True):
            torch.testing.assert_close(weight.grad, clipped)
    callback.on_epoch_end(net)
    assert net.history[-1, "gradient_norm"] == pytest.approx(np.mean(norms), rel=1e-5)
    assert net.history[-1, "largest_gradient_norm"] == pytest.approx(max(norms), rel=1e-5)


def test_padding_share_is_that_of_the_batches():
    X = [np.zeros(n) + n for n in (2, 3, 10, 4)]
    history = RNNRegressor(**QUICK | {"batch_size": 4}).fit(X, [1, 2, 3, 4]).history_
    np.testing.assert_allclose(history["padding_share"], 1 - 19 / 40)
    one_by_one = RNNRegressor(**QUICK | {"batch_size": 1}).fit(X, [1, 2, 3, 4]).history_
    np.testing.assert_allclose(one_by_one["padding_share"], 0)


def test_padding_is_counted_of_batches_in_parts_too():
    X = [np.zeros(n) + n for n in (2, 3, 10, 4)]
    options = QUICK | {"batch_size": 4, "max_batch_steps": 12}
    history = RNNRegressor(**options).fit(X, [1, 2, 3, 4]).history_
    np.testing.assert_allclose(history["padding_share"], 1 - 19 / 22)  # 4 + 3 x 4 ... and 10


def test_columns_of_callbacks_are_kept_but_for_skorchs_notes_of_the_best(sequences):
    X, y = sequences

    class Records(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("second_best", 0.25)
            net.history.record("train_loss_of_best", True)
            net.history.record("is_best", len(net.history) == 1)

    model = RNNClassifier(callbacks=[Records()], **QUICK).fit(X, y, X, y)
    assert {"train_loss_best", "valid_loss_best"} <= model.net_.history[-1].keys()
    kept = [name for name in model.history_ if "best" in name]
    assert kept == ["second_best", "train_loss_of_best", "is_best"]
    assert model.history_["second_best"].tolist() == [0.25] * 3


def test_times_add_up(sequences):
    X, y = sequences

    class Sleeps(Callback):
        def on_batch_end(self, net, training, **kwargs):
            if not training:
                time.sleep(0.05)

    model = RNNClassifier(warm_start=True, callbacks=[Sleeps()], **QUICK).fit(X, y, X, y)
    model.fit(X, y, X, y)
    history = model.history_
    assert len(history) == 6
    assert (np.diff(history["elapsed"]) >= 0.05).all()
    assert (history["elapsed"] >= history["dur"].cumsum() - 1e-3).all()
    # of the training part of an epoch alone
    assert (24 / history["sequences_per_second"] < history["dur"] - 0.04).all()


# -- warnings -------------------------------------------------------------------------------------


def warnings_of(caplog, rows, patience=3, *, stops=False, fits=(0,)):
    """Return what a watch says of a history, a dict of columns, of fits that begin at epochs."""
    net, watch = SimpleNamespace(history=History()), Watch(patience, stops)
    columns = {"gradient_norm": [1.0] * len(rows["train_loss"])} | rows
    columns.setdefault("largest_gradient_norm", columns["gradient_norm"])
    with caplog.at_level(logging.WARNING, logger="sklearn_rnn"):
        for epoch, values in enumerate(zip(*columns.values(), strict=True)):
            if epoch in fits:
                watch.on_train_begin(net)
            net.history.new_epoch()
            for name, value in zip(columns, values, strict=True):
                net.history.record(name, value)
            watch.on_epoch_end(net)
    return caplog.messages


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"train_loss": [1.0, 0.5, 0.4, 0.9, 1.1, 1.3, 1.4]},
            "The training loss was 0.4 in epoch 3 and is 1.3 in epoch 6: training is unstable.",
        ),
        (
            {
                "train_loss": [1, 1, 1],
                "gradient_norm": [2, 3, 3],
                "largest_gradient_norm": [4, 5, 3e5],
            },
            "The norm of a gradient was 3e+05 in epoch 3, where 3 is usual: gradients explode.",
        ),
        (
            {"train_loss": [1, 0.9, 0.9], "gradient_norm": [1, 1e-3, 1e-7]},
            "The norm of the gradients is 1e-07 in epoch 3, and the training loss still 0.9:",
        ),
        (
            {"train_loss": [1, 0.8, 0.6, 0.4, 0.2], "valid_loss": [1, 0.9, 1.1, 1.2, 1.3]},
            "The validation loss was lowest in epoch 2 (0.9) and is 1.3 in epoch 5",
        ),
    ],
)
def test_a_training_that_goes_wrong_is_warned_of_once(caplog, rows, message):
    (warned,) = warnings_of(caplog, rows)
    assert warned.startswith(message)


@pytest.mark.parametrize(
    "rows",
    [
        {"train_loss": [1.0, 0.5, 0.4, 0.9, 0.4, 0.9, 0.4]},  # it only swings
        {"train_loss": [1.0, 0.001, 0.003, 0.004, 0.003]},  # so low that nothing is lost
        {"train_loss": [0.75, 0.5, 0.06, 0.13, 0.14, 0.13]},  # as low as dropout lets it be
        {"train_loss": [1, 0.5, 0.1], "gradient_norm": [1, 1e-4, 1e-7]},  # it has been learned
        {"train_loss": [1, 0.8, 0.6, 0.4, 0.2], "valid_loss": [1, 0.9, 0.95, 0.94, 0.96]},
        {"train_loss": [1, 0.8, 0.9, 0.9, 0.9], "valid_loss": [1, 0.9, 1.1, 1.2, 1.3]},
    ],
)
def test_a_training_that_goes_well_is_not_warned_of(caplog, rows):
    assert warnings_of(caplog, rows) == []


@pytest.mark.parametrize(
    ("rows", "fits"),
    [
        ({"train_loss": [1, 0.1, 0.01, 0.9, 0.8, 0.7, 0.6]}, range(7)),  # partial_fit, as it drifts
        ({"train_loss": [1, 0.1, 0.01, 0.9, 0.8, 0.7, 0.6]}, [0, 3]),  # warm_start
        ({"train_loss": [1, 0.5, 0.4, 0.3, 0.2], "valid_loss": [1, 0.1, 1, 1, 1]}, [0, 2]),
        ({"train_loss": [1, 0.5, 0.4, 0.3], "valid_loss": [1, 1, 0.2, 0.3]}, [0, 2]),
    ],
)
def test_a_fit_on_other_sequences_is_not_measured_by_the_one_before(caplog, rows, fits):
    assert warnings_of(caplog, rows, fits=fits) == []


def test_a_further_fit_is_watched_too(caplog):
    (warned,) = warnings_of(caplog, {"train_loss": [1, 0.1, 1, 0.4, 1, 2, 3]}, fits=[0, 2])
    assert warned.startswith("The training loss was 0.4 in epoch 4 and is 3 in epoch 7")


def test_early_stopping_looks_after_the_validation_loss(caplog):
    rows = {"train_loss": [1, 0.8, 0.6, 0.4, 0.2], "valid_loss": [1, 0.9, 1.1, 1.2, 1.3]}
    assert warnings_of(caplog, rows, stops=True) == []


def test_learning_by_heart_is_warned_of(caplog):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 20)), rng.integers(0, 2, 80)
    options = {"max_epochs": 40, "lr_schedule": None, "dropout": 0.0, "recurrent_dropout": 0.0}
    RNNClassifier(random_state=0, **options).fit(X[:40], y[:40], X[40:], y[40:])
    (message,) = caplog.messages
    assert "training sequences are learned by heart" in message


@pytest.mark.parametrize("seed", range(20))
def test_diverging_settings_end_in_an_error_a_warning_or_a_usable_model(caplog, seed):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(n, 2)) for n in rng.integers(2, 9, size=24)]
    y = np.arange(24) % 2
    options = [
        {"lr": 1e3},
        {"lr": 1e3, "gradient_clip": None, "optimizer": "sgd", "standardize": False},
        {"lr": 10.0, "cell": "rnn", "pooling": "last", "lr_schedule": None},
        {"lr": 1e30, "optimizer": "sgd", "gradient_clip": None},
        {"standardize": False, "gradient_clip": None, "lr": 1.0, "optimizer": "sgd"},
    ][seed % 5]
    if seed % 2:
        X = [x * 1e30 for x in X]
    estimator = RNNRegressor if seed >= 10 else RNNClassifier
    model = estimator(**QUICK | {"max_epochs": 8}, **options)
    diverged = None
    try:
        model.fit(X, y)
    except ValueError as error:
        diverged = str(error)
    if diverged is not None:
        assert "Training diverged" in diverged
        assert not hasattr(model, "net_")
    else:
        predicted = model.predict_proba(X) if seed < 10 else model.predict(X)
        assert np.isfinite(predicted).all()
        assert np.isfinite(model.loss_curve_).all()


# -- loggers --------------------------------------------------------------------------------------


def test_tensorboard_has_a_run_for_each_fit_of_a_search(tmp_path, sequences):
    X, y = sequences
    model = RNNClassifier(callbacks=[TensorBoard(tmp_path)], **QUICK)
    search = GridSearchCV(model, {"hidden_size": [4, 5]}, cv=2).fit(X, y)
    runs = sorted(tmp_path.iterdir())
    assert len(runs) == 5
    losses = []
    for run in runs:
        events = EventAccumulator(str(run)).Reload()
        losses.append([event.value for event in events.Scalars("Loss/train_loss")])
        assert {"lr", "gradient_norm", "padding_share"} <= set(events.Tags()["scalars"])
        (settings,) = events.Tensors("settings/text_summary")
        assert b"| hidden_size | " in settings.tensor_proto.string_val[0]
    best = search.best_estimator_
    assert any(np.allclose(best.loss_curve_, of_run) for of_run in losses)


def test_wandb_works_offline(tmp_path, sequences):
    logger = WandbLogger("test", directory=tmp_path)
    model = RNNClassifier(callbacks=[logger], **QUICK).fit(*sequences)
    (run,) = (tmp_path / "wandb").glob("offline-run-*")
    (file,) = run.glob("*.wandb")
    for _ in range(100):  # it is written by another process
        content = file.read_bytes()
        if content.count(b"gradient_norm") >= model.n_iter_:
            break
        time.sleep(0.1)
    assert content.count(b"gradient_norm") >= model.n_iter_
    assert b"hidden_size" in content


# its store asks SQLAlchemy for what that calls deprecated
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
def test_mlflow_has_settings_and_epochs(tmp_path, sequences):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    logger = MlflowLogger("test", tracking_uri=uri)
    model = RNNClassifier(callbacks=[logger], **QUICK).fit(*sequences)
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("test")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["hidden_size"] == "8"
    losses = [metric.value for metric in client.get_metric_history(run.info.run_id, "train_loss")]
    np.testing.assert_allclose(losses, model.loss_curve_)


@pytest.mark.parametrize(
    "logger", [TensorBoard("runs"), WandbLogger("test"), MlflowLogger("test", "sqlite:///a.db")]
)
def test_loggers_can_be_cloned_and_pickled(logger):
    model = clone(RNNClassifier(callbacks=[logger]))
    (copy,) = pickle.loads(pickle.dumps(model)).callbacks
    assert vars(copy) == vars(logger)


def test_a_model_with_a_logger_can_be_pickled_and_go_on(tmp_path, sequences):
    model = RNNClassifier(callbacks=[TensorBoard(tmp_path)], warm_start=True, **QUICK)
    model.fit(*sequences)
    again = pickle.loads(pickle.dumps(model)).fit(*sequences)
    assert again.n_iter_ == 6
    assert len(list(tmp_path.iterdir())) == 2


def test_a_run_is_closed_after_an_error(tmp_path, sequences, monkeypatch):
    closed = []
    monkeypatch.setattr(TensorBoard, "_end", lambda self, logger: closed.append(logger))

    class Fails(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise RuntimeError("no more")

    model = RNNClassifier(callbacks=[TensorBoard(tmp_path), Fails()], **QUICK)
    with pytest.raises(RuntimeError, match="no more"):
        model.fit(*sequences)
    assert len(closed) == 1
    closed[0].writer.close()


@pytest.mark.parametrize(
    ("logger", "package"),
    [
        (TensorBoard("runs"), "tensorboard"),
        (WandbLogger("test"), "wandb"),
        (MlflowLogger("test"), "mlflow"),
    ],
)
def test_a_missing_package_is_told_with_its_repair(monkeypatch, sequences, logger, package):
    monkeypatch.setitem(sys.modules, package, None)
    message = rf"needs the package '{package}'.*: pip install sklearn-rnn\[{package}\]"
    with pytest.raises(ImportError, match=message):
        RNNClassifier(callbacks=[logger], **QUICK).fit(*sequences)

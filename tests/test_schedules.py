"""How the learning rate changes, what optimizers are made with, and what regularizes."""

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback
from torch.nn import functional
from torch.optim import lr_scheduler

from sklearn_rnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    Seq2SeqClassifier,
    StepClassifier,
)
from sklearn_rnn.nn.dropout import Dropout
from sklearn_rnn.training.losses import LOSSES
from sklearn_rnn.training.schedules import Course, make_schedule

QUICK = {"hidden_size": 4, "max_epochs": 7, "lr": 0.1, "random_state": 0, "device": "cpu"}


def rates(sequences, **options):
    return RNNClassifier(**QUICK | options).fit(*sequences).history_["lr"].to_numpy()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"lr_schedule": None}, [0.1] * 7),
        ({"lr_schedule": "step"}, [0.1] * 3 + [0.01] * 3 + [0.001]),
        (
            {"lr_schedule": "step", "lr_step_epochs": 2, "lr_factor": 0.5},
            [0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.0125],
        ),
        (
            {"lr_schedule": lr_scheduler.ExponentialLR, "lr_schedule_options": {"gamma": 0.5}},
            0.1 * 0.5 ** np.arange(7),
        ),
        (
            {"lr_schedule": "cosine", "lr_schedule_options": {"eta_min": 0.1}},
            [0.1] * 7,
        ),
    ],
)
def test_schedule_sets_the_rate_of_each_epoch(sequences, options, expected):
    np.testing.assert_allclose(rates(sequences, **options), expected, rtol=1e-6)


def test_cosine_falls_to_zero_after_each_update(sequences):
    epochs = np.arange(1, 8)
    expected = 0.05 * (1 + np.cos(np.pi * epochs / 7))
    np.testing.assert_allclose(rates(sequences), expected, atol=1e-9)


@pytest.mark.parametrize("lr_schedule", ["cosine", "onecycle"])
def test_schedules_end_where_updates_are_of_steps(sequences, lr_schedule):
    of_steps = rates(sequences, batch_steps=30, lr_schedule=lr_schedule)
    assert 0 <= of_steps[-1] < 1e-3 * max(of_steps)


def test_classes_made_for_updates_take_a_step_an_update(sequences):
    n_updates = 7 * -(-24 // 4)
    options = {"max_lr": 0.1, "total_steps": n_updates + 1, "cycle_momentum": False}
    by_class = rates(
        sequences,
        batch_size=4,
        lr_schedule=lr_scheduler.OneCycleLR,
        lr_schedule_options=options,
    )
    np.testing.assert_array_equal(by_class, rates(sequences, batch_size=4, lr_schedule="onecycle"))


@pytest.mark.parametrize(
    ("patience", "losses", "expected"),
    [
        (2, [5, 4, 4, 4, 4, 4, 3], [1, 1, 1, 0.5, 0.5, 0.25, 0.25]),
        (1, [5, 4.99, 4.5, 4, 6, 3, 3], [1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]),
        ("auto", [5] * 7, [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),  # of 6 epochs before stopping
    ],
)
def test_plateau_lowers_the_rate_where_the_validation_loss_stands(patience, losses, expected):
    course = Course(
        lr=1.0,
        n_epochs=7,
        n_updates=7,
        factor=0.5,
        step_epochs=patience,
        patience=6,
        tol=0.1,
        options={},
    )
    callback = make_schedule("plateau", course).initialize()
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)

    class Net:
        optimizer_ = optimizer
        history = None

    net = Net()
    callback.on_train_begin(net)
    after = []
    for loss in losses:
        net.history = {(-1, "valid_loss"): loss}
        callback.on_epoch_end(net)
        after.append(optimizer.param_groups[0]["lr"])
    assert after == expected


@pytest.mark.parametrize("schedule", ["plateau", lr_scheduler.ReduceLROnPlateau])
def test_plateau_needs_validation_data(sequences, schedule):
    X, y = sequences
    with pytest.raises(ValueError, match="goes by the validation loss, but there is no validation"):
        rates(sequences, lr_schedule=schedule)
    model = RNNClassifier(**QUICK, lr_schedule=schedule).fit(X, y, X[:6], y[:6])
    assert len(model.history_) == 7
    assert model.partial_fit(X, y).n_iter_ == 8  # which has no schedule


def test_plateau_lowers_the_rate_before_early_stopping_ends(sequences):
    options = QUICK | {"max_epochs": 60, "lr": 0.3}
    model = RNNClassifier(early_stopping=True, lr_schedule="plateau", lr_factor=0.5, **options).fit(
        *sequences
    )
    assert model.history_["lr"].nunique() > 1
    assert len(model.history_) < 60


def test_a_lowered_plateau_goes_on_from_the_best_weights(sequences):
    class Watched(Callback):
        def on_train_begin(self, net, **kwargs):
            self.before, self.after = [], []

        def on_epoch_begin(self, net, **kwargs):
            self.before.append(net.module_.head.linear.weight.clone())

        def on_batch_end(self, net, training, **kwargs):
            if not training:
                self.trained = net.module_.head.linear.weight.clone()

        def on_epoch_end(self, net, **kwargs):
            self.after.append(self.trained)

    options = QUICK | {"max_epochs": 30, "lr": 0.3, "n_iter_no_change": 30}
    model = RNNClassifier(
        early_stopping=True,
        lr_schedule="plateau",
        lr_step_epochs=2,
        callbacks=[Watched()],
        **options,
    ).fit(*sequences)
    watched, history = model.net_.callbacks_[0][1], model.history_
    lowered = np.flatnonzero(np.diff(history["lr"]) < 0)  # at the end of these epochs
    assert len(lowered) > 1
    for epoch in lowered:
        best = history["valid_loss"][: epoch + 1].argmin()
        torch.testing.assert_close(watched.before[epoch + 1], watched.after[best], rtol=0, atol=0)


class NeedsOption(torch.optim.SGD):
    def __init__(self, params, rho, lr=0.1):
        super().__init__(params, lr=lr)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer_options": {"beta": 1}}, "of the optimizer 'adamw': AdamW takes betas, eps,"),
        ({"optimizer": torch.optim.SGD, "optimizer_options": {"lr": 1}}, "not 'lr'"),
        ({"lr_schedule_options": {"gamma": 1}}, "'cosine': CosineAnnealingLR takes T_max, eta_min"),
        ({"lr_schedule": lr_scheduler.StepLR}, "StepLR needs 'step_size'"),
        ({"lr_schedule": None, "lr_schedule_options": {"a": 1}}, "None: there is no schedule"),
        ({"lr_schedule": "stepp"}, "Did you mean 'step'"),
        (
            {"optimizer_options": {"betas": (2, 2)}},
            r"'optimizer_options' .* optimizer 'adamw': Invalid beta .*Got \{'betas': \(2, 2",
        ),
        (
            {"optimizer": "sgd", "momentum": 0, "optimizer_options": {"nesterov": True}},
            r"'optimizer_options' .* 'sgd': Nesterov momentum requires .* Got \{'nesterov': True\}",
        ),
        (
            {"optimizer": torch.optim.LBFGS},
            "'optimizer' .* two groups: LBFGS doesn't .* Got <class",
        ),
        (
            {"optimizer": torch.optim.LBFGS, "optimizer_options": {"max_iter": 5}},
            "'optimizer' .* two groups: LBFGS doesn't",
        ),
        ({"optimizer": NeedsOption}, "'optimizer_options' .*: NeedsOption needs 'rho'. Got None"),
        (
            {"lr_schedule_options": {"total_steps": 3}, "lr_schedule": "onecycle"},
            r"'lr_schedule_options' .* 'onecycle', .*: Tried to step 4 .* Got \{'total_steps': 3\}",
        ),
        (
            {"lr_schedule_options": {"max_lr": 0.1}, "lr_schedule": lr_scheduler.OneCycleLR},
            r"'lr_schedule_options' .*OneCycleLR', .*: You must define .* Got \{'max_lr': 0.1\}",
        ),
        (
            {
                "lr_schedule_options": {"lr_lambda": lambda epoch: {}[epoch]},
                "lr_schedule": lr_scheduler.LambdaLR,
            },
            "'lr_schedule_options' parameter of RNNClassifier .*LambdaLR', .*: 0",
        ),
        ({"lr_factor": 1.0}, r"'lr_factor' .* must be a number in \(0, 1\)"),
        ({"lr_step_epochs": 0}, "'lr_step_epochs' .* must be an int >= 1 or one of 'auto'"),
        ({"momentum": 1}, r"'momentum' .* must be a number in \[0, 1\)"),
        ({"label_smoothing": 1.0}, r"'label_smoothing' .* must be a number in \[0, 1\)"),
        ({"input_dropout": 1.0}, r"'input_dropout' .* must be a number in \[0, 1\)"),
        ({"checkpoint_dir": 3}, "'checkpoint_dir' .* must be a path or None"),
        ({"checkpoint_every": 0}, "'checkpoint_every' .* must be an int >= 1"),
    ],
)
def test_wrong_options_are_told(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        RNNClassifier(**QUICK | options).fit(*sequences)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"optimizer": "sgd"}, {"momentum": 0.9}),
        (
            {"optimizer": "sgd", "momentum": 0.5, "optimizer_options": {"nesterov": True}},
            {"momentum": 0.5, "nesterov": True},
        ),
        ({"optimizer": "rmsprop", "momentum": 0.0}, {"momentum": 0.0}),
        ({"optimizer_options": {"betas": (0.8, 0.9)}}, {"betas": (0.8, 0.9), "fused": True}),
        ({"optimizer_options": {"foreach": True}}, {"foreach": True, "fused": None}),
        ({"optimizer": torch.optim.SGD}, {"momentum": 0}),
    ],
)
def test_optimizer_is_made_with_its_options(sequences, options, expected):
    model = RNNClassifier(**QUICK | options).fit(*sequences)
    for group in model.net_.optimizer_.param_groups:
        assert expected.items() <= group.items()


def test_changed_options_do_not_go_on_with_the_same_optimizer(sequences):
    model = RNNClassifier(warm_start=True, optimizer="sgd", **QUICK).fit(*sequences)
    with pytest.raises(ValueError, match=r"'momentum' .* was changed from 0\.9 to 0\.5"):
        model.set_params(momentum=0.5).fit(*sequences)


def test_options_changed_in_place_are_noticed(sequences):
    options = {"betas": [0.9, 0.99]}
    model = RNNClassifier(warm_start=True, optimizer_options=options, **QUICK).fit(*sequences)
    assert model.fit(*sequences).n_iter_ == 14  # equal options go on
    options["betas"][0] = 0.5
    with pytest.raises(ValueError, match=r"'optimizer_options' .* was changed from .*0\.9.*0\.5"):
        model.fit(*sequences)


@pytest.mark.parametrize("loss", ["cross_entropy", "step_cross_entropy"])
def test_label_smoothing_is_torchs_and_only_in_training(loss):
    criterion = LOSSES[loss]()
    criterion.label_smoothing = 0.2
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 1, 0])
    outputs, target = logits, labels
    if loss == "step_cross_entropy":
        outputs, target = logits[:, None], (labels[:, None], torch.ones(5, 1))
    for training, smoothing in ((True, 0.2), (False, 0.0)):
        criterion.train(training)
        expected = functional.cross_entropy(
            logits, labels, reduction="none", label_smoothing=smoothing
        )
        torch.testing.assert_close(criterion(outputs, target), expected)


@pytest.mark.parametrize(
    ("estimator", "data"),
    [
        (RNNClassifier, (["ab", "ba"] * 10, [0, 1] * 10)),
        (StepClassifier, (["ab", "ba"] * 10, ["ba", "ab"] * 10)),
        (Seq2SeqClassifier, (["ab", "ba"] * 10, ["ba", "ab"] * 10)),
        (RNNLanguageModel, (["ab", "ba"] * 10,)),
    ],
)
def test_label_smoothing_makes_predictions_less_sure(estimator, data):
    if estimator is StepClassifier:
        data = (data[0], [list(y) for y in data[1]])

    def loss(smoothing):
        options = {"hidden_size": 16, "max_epochs": 40, "dropout": 0.0, "recurrent_dropout": 0.0}
        model = estimator(label_smoothing=smoothing, random_state=0, device="cpu", **options)
        return model.fit(*data).loss_curve_[-1]

    assert loss(0.0) < 0.5 * loss(0.3)


def test_input_dropout_zeroes_what_is_read_at_all_steps(sequences):
    X, y = sequences
    model = RNNClassifier(input_dropout=0.5, **QUICK).fit(X, y)
    dropout = model.net_.module_.encoder.inputs.dropout
    assert isinstance(dropout, Dropout)
    dropped = dropout.train()(torch.ones(4, 100, 3))
    dropout.eval()
    assert torch.equal(dropped[0], dropped[3])
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert model.net_.module_.encoder.inputs.training is False
    other = RNNClassifier(**QUICK).fit(X, y)
    assert model.loss_curve_ != other.loss_curve_
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("column", ["numbers", "tokens"])
def test_input_dropout_is_not_for_static_columns(sequences, column):
    X, y = sequences
    series = [list(x[:, 0]) if column == "numbers" else list("abc"[: len(x)]) for x in X]
    frame = pd.DataFrame({"series": series, "age": np.arange(len(X))})
    model = RNNRegressor(input_dropout=0.3, **QUICK).fit(frame, y)
    encoder = model.net_.module_.encoder
    assert encoder.inputs.dropout.p == 0.3
    assert encoder.static.inputs.dropout.p == 0.0

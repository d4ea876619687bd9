"""Early stopping, schedules, weights, callbacks, continuing, interruption, divergence."""

import signal
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import config_context
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from skorch.callbacks import EarlyStopping as SkorchEarlyStopping

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.nn.cells import CELLS
from sklearn_rnn.nn.encoder import ManyToOne
from sklearn_rnn.training.validation import holdout
from tests.conftest import make_sequences

QUICK = {"hidden_size": 8, "max_epochs": 3, "batch_size": 32, "random_state": 0, "device": "cpu"}


def weights_of(model):
    return {k: v.clone() for k, v in model.net_.module_.state_dict().items()}


def assert_same_weights(a, b):
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)


class Recorder(Callback):
    """Remember what happened."""

    def __init__(self, stop_after=None, raises=None):
        self.stop_after = stop_after
        self.raises = raises

    def on_train_begin(self, net, **kwargs):
        self.epochs_ = []
        self.weights_ = []

    def on_epoch_end(self, net, **kwargs):
        self.epochs_.append(len(net.history))
        self.weights_.append({k: v.clone() for k, v in net.module_.state_dict().items()})
        if len(self.epochs_) == self.stop_after:
            if self.raises is not None:
                raise self.raises
            signal.raise_signal(signal.SIGINT)


class Lengths(Callback):
    """Record a number of one's own."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("mine", len(net.history))


def recorder_of(model):
    return next(cb for _, cb in model.net_.callbacks_ if isinstance(cb, Recorder))


# -- learning -------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_classifier_overfits_a_few_sequences(sequences, cell):
    X, y = sequences
    sure = {"label_smoothing": 0.0}  # or the loss could not fall to zero
    model = RNNClassifier(cell=cell, hidden_size=16, lr=0.02, max_epochs=60, random_state=0, **sure)
    assert model.fit(X, y).score(X, y) == 1.0
    assert model.loss_curve_[-1] < 0.1 * model.loss_curve_[0]


def test_regressor_fits_several_outputs_in_their_own_units(sequences):
    X, _ = sequences
    y = np.array([[1000 * len(x), x[:, 0].mean()] for x in X])
    model = RNNRegressor(hidden_size=16, lr=0.02, max_epochs=80, random_state=0).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize(
    ("class_weight", "shares"), [(None, [18 / 24, 6 / 24]), ("balanced", [0.5, 0.5])]
)
def test_first_loss_is_that_of_the_best_constant(sequences, class_weight, shares):
    X, y = sequences
    y = np.where(np.arange(len(y)) < 18, "often", "rare")
    options = QUICK | {"lr": 1e-9, "max_epochs": 1, "class_weight": class_weight}
    model = RNNClassifier(**options).fit(X, y)
    shares = np.array(shares)
    assert model.loss_curve_[0] == pytest.approx(-(shares * np.log(shares)).sum(), abs=0.05)


def test_standardize_makes_scale_and_offset_of_a_channel_meaningless(sequences):
    X, y = sequences
    shifted = [x * np.float32([8, 4, 0.5]) + np.float32([64, -32, 0]) for x in X]
    # Without what amplifies last digits (Adam) or follows the order of the rows (dropout).
    quick = QUICK | {"optimizer": "sgd", "lr": 0.1, "dropout": 0.0}
    a = RNNClassifier(**quick).fit(X, y).predict_proba(X)
    b = RNNClassifier(**quick).fit(shifted, y).predict_proba(shifted)
    np.testing.assert_allclose(a, b, atol=1e-5)
    c = RNNClassifier(standardize=False, **quick).fit(X, y).predict_proba(X)
    d = RNNClassifier(standardize=False, **quick).fit(shifted, y).predict_proba(shifted)
    assert np.abs(c - d).max() > 1e-2


def test_missingness_alone_can_be_learned():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(rng.integers(3, 8), 2)) for _ in range(60)]
    y = np.arange(60) % 2
    for x, label in zip(X, y, strict=True):
        x[:, 0] = np.where(rng.random(len(x)) < (0.9 if label else 0.1), np.nan, 0.0)
    model = RNNClassifier(hidden_size=8, lr=0.02, max_epochs=40, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9


# -- validation and early stopping ----------------------------------------------------------------


def test_early_stopping_restores_the_best_weights_exactly(sequences):
    X, y = sequences
    noisy = np.random.default_rng(1).permutation(y)
    model = RNNClassifier(
        **QUICK | {"max_epochs": 40, "lr": 0.05},
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=5,
        callbacks=[Recorder()],
    ).fit(X, noisy)
    losses = model.history_["valid_loss"]
    assert model.n_iter_ < 40
    assert model.best_epoch_ == int(losses.idxmin()) + 1
    assert model.best_epoch_ < model.n_iter_
    recorder = recorder_of(model)
    assert_same_weights(weights_of(model), recorder.weights_[model.best_epoch_ - 1])
    assert recorder.epochs_ == list(range(1, model.n_iter_ + 1))
    assert len(model.validation_scores_) == model.n_iter_


def test_validation_data_is_measured_and_not_learned_from(sequences):
    X, y = sequences
    plain = RNNClassifier(**QUICK).fit(X, y)
    model = RNNClassifier(**QUICK).fit(X, y, X[:10], y[:10])
    assert_same_weights(weights_of(model), weights_of(plain))
    assert model.validation_scores_[-1] == model.score(X[:10], y[:10])
    expected = -model.predict_log_proba(X[:10])[np.arange(10), y[:10]].mean()
    assert model.history_["valid_loss"].iloc[-1] == pytest.approx(expected, rel=1e-5)
    assert plain.validation_scores_ is None
    assert model.best_epoch_ == model.n_iter_ == 3


def test_one_sequence_under_two_labels_does_not_upset_the_split():
    X, _ = make_sequences(36)
    y = np.arange(36) % 9
    X[35] = X[0]
    model = RNNClassifier(early_stopping=True, **QUICK).fit(X, y)
    assert len(model.validation_scores_) == model.n_iter_


def test_early_stopping_by_data_of_ones_own_learns_from_all_rows(sequences, monkeypatch):
    monkeypatch.setattr("sklearn_rnn.training.samples.holdout", None)  # not to be called
    X, y = sequences
    options = QUICK | {"max_epochs": 30, "lr": 0.05, "n_iter_no_change": 2}
    other, labels = make_sequences(seed=1)
    model = RNNClassifier(early_stopping=True, **options).fit(X, y, other, 1 - labels)
    assert model.n_iter_ < 30
    assert model.best_epoch_ == model.history_["valid_loss"].idxmin() + 1


def test_warm_start_holds_out_the_same_rows_again(sequences, monkeypatch):
    seeds = []

    def spy(fraction, seed, groups, strata):
        seeds.append(seed)
        return holdout(fraction, seed, groups, strata)

    monkeypatch.setattr("sklearn_rnn.training.samples.holdout", spy)
    options = QUICK | {"random_state": None, "warm_start": True, "early_stopping": True}
    RNNClassifier(**options).fit(*sequences).fit(*sequences)
    assert len(seeds) == 2
    assert seeds[0] == seeds[1]


def test_groups_and_equal_sequences_stay_on_one_side(monkeypatch, sequences):
    X, y = sequences
    splits = []

    def spy(fraction, seed, groups, strata):
        mask = holdout(fraction, seed, groups, strata)
        splits.append((groups, mask))
        return mask

    monkeypatch.setattr("sklearn_rnn.training.samples.holdout", spy)
    model = RNNClassifier(early_stopping=True, validation_fraction=0.3, **QUICK)
    model.fit(X, y, groups=np.arange(24) // 4)
    model.fit([*X, *X[:6]], [*y, *(1 - y[:6])])
    model.fit([*X, *X[:2]], [*y, *(1 - y[:2])], groups=np.arange(26) // 3)
    assert len(splits) == 3
    for groups, mask in splits:
        assert mask.any()
        assert len(np.unique(groups)) < len(groups)
        assert not set(groups[mask]) & set(groups[~mask])


# -- weights --------------------------------------------------------------------------------------


def test_scale_of_weights_of_one_copy_is_meaningless(sequences):
    X, y = sequences
    weight = np.random.default_rng(0).uniform(0.6, 1.4, len(X))
    a = RNNClassifier(**QUICK).fit(X, y, sample_weight=weight)
    b = RNNClassifier(**QUICK).fit(X, y, sample_weight=weight / 2)
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-4)


def test_class_weight_moves_predictions_towards_the_class(sequences):
    X, y = sequences
    X = [x[:, 1:] for x in X]  # nothing to learn from
    y = np.where(np.arange(24) < 20, "no", "yes")
    plain = RNNClassifier(**QUICK).fit(X, y).predict_proba(X)[:, 1].mean()
    options = QUICK | {"max_epochs": 40, "lr": 0.01}
    balanced = RNNClassifier(class_weight="balanced", **QUICK).fit(X, y)
    favoured = RNNClassifier(class_weight={"no": 0.001, "yes": 1}, **options).fit(X, y)
    assert plain < 0.3
    assert balanced.predict_proba(X)[:, 1].mean() > 0.4
    assert (favoured.predict(X) == "yes").mean() > 0.9


def test_a_class_of_weight_zero_is_not_learned(sequences):
    X, y = sequences
    y = np.arange(24) % 3
    model = RNNClassifier(class_weight={2: 0}, **QUICK).fit(X, y, X[2::3], y[2::3])
    assert model.predict_proba(X)[:, 2].max() < 0.1
    assert model.history_["valid_loss"].tolist() == [0, 0, 0]


def test_sample_weights_are_routed_through_a_search(sequences):
    X, y = pd.Series(sequences[0]), sequences[1]
    used = np.arange(24) % 4 < 2
    weight = used.astype(float)
    with config_context(enable_metadata_routing=True):
        model = RNNClassifier(**QUICK).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        search = GridSearchCV(model, {"hidden_size": [4]}, cv=2).fit(X, y, sample_weight=weight)
    alone = RNNClassifier(**QUICK | {"hidden_size": 4}).fit(X[used], y[used])
    assert_same_weights(weights_of(search.best_estimator_), weights_of(alone))


# -- going on -------------------------------------------------------------------------------------


def test_warm_start_continues_training(sequences):
    X, y = sequences
    model = RNNClassifier(warm_start=True, lr_schedule=None, **QUICK).fit(X, y)
    first = weights_of(model)
    model.fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == len(model.history_) == 6
    assert model.loss_curve_[3] < model.loss_curve_[0]
    assert any(not torch.equal(first[k], v) for k, v in weights_of(model).items())
    fresh = RNNClassifier(warm_start=False, **QUICK).fit(X, y).fit(X, y)
    assert fresh.n_iter_ == 3


@pytest.mark.parametrize("schedule", ["cosine", "onecycle"])
def test_warm_start_begins_its_schedule_anew(sequences, schedule):
    X, y = sequences
    model = RNNClassifier(warm_start=True, lr_schedule=schedule, **QUICK).fit(X, y).fit(X, y)
    lr = model.history_["lr"].to_numpy()
    np.testing.assert_allclose(lr[:3], lr[3:])
    assert lr[2] < 1e-3 * model.lr


def test_partial_fit_trains_one_epoch_at_a_time(sequences):
    X, y = sequences
    model = RNNClassifier(**QUICK)
    for rows in (range(8), range(8, 16), range(16, 24)):
        model.partial_fit([X[i] for i in rows], y[list(rows)], classes=[0, 1, 2])
    assert model.n_iter_ == 3
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(X).shape == (24, 3)
    assert (model.history_["lr"] == model.lr).all()
    assert RNNRegressor(**QUICK).partial_fit(X, y).partial_fit(X, y).n_iter_ == 2


# -- callbacks ------------------------------------------------------------------------------------


def test_callbacks_are_copied_and_run(sequences):
    recorder = Recorder()
    model = RNNClassifier(callbacks=[recorder], **QUICK).fit(*sequences)
    assert not hasattr(recorder, "epochs_")
    assert recorder_of(model).epochs_ == [1, 2, 3]


def test_skorch_early_stopping_callback_ends_training_after_all_saw_the_epoch(sequences):
    stopper = SkorchEarlyStopping("train_loss", patience=1, threshold=10, threshold_mode="abs")
    model = RNNClassifier(callbacks=[stopper, Recorder()], **QUICK | {"max_epochs": 9})
    model.fit(*sequences)
    assert model.n_iter_ == 2
    assert recorder_of(model).epochs_ == [1, 2]


# -- interruption and divergence ------------------------------------------------------------------


@pytest.fixture
def _ctrl_c():
    """Let SIGINT raise KeyboardInterrupt, which a process in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c")
def test_ctrl_c_leaves_an_unfitted_estimator_unfitted(sequences):
    model = RNNClassifier(callbacks=[Recorder(stop_after=2)], **QUICK)
    before = dict(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(*sequences)
    assert vars(model) == before


@pytest.mark.usefixtures("_ctrl_c")
@pytest.mark.parametrize("warm_start", [False, True])
def test_ctrl_c_leaves_a_fitted_estimator_as_it_was(sequences, warm_start):
    X, y = sequences
    model = RNNClassifier(warm_start=warm_start, **QUICK).fit(X, y)
    predicted, attributes = model.predict_proba(X), dict(vars(model))
    model.set_params(callbacks=[Recorder(stop_after=1)])
    with pytest.raises(KeyboardInterrupt):
        model.fit([x[:, :2] for x in X] if not warm_start else X, y)
    assert vars(model) == attributes | {"callbacks": model.callbacks}
    np.testing.assert_array_equal(model.predict_proba(X), predicted)


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor])
@pytest.mark.parametrize("lr", [1e3, 1e30])
def test_divergence_is_an_error_or_a_usable_model(sequences, estimator, lr):
    X, y = sequences
    model = estimator(**QUICK | {"lr": lr, "max_epochs": 10}, optimizer="sgd", gradient_clip=None)
    with suppress(ValueError):
        model.fit(X, y)
    assert not hasattr(model, "net_") or np.isfinite(model.predict(X)).all()


def test_divergence_names_the_epoch(sequences):
    X, y = sequences
    model = RNNRegressor(**QUICK | {"lr": 1e30}, optimizer="sgd", gradient_clip=None)
    with pytest.raises(ValueError, match=r"the train loss became (nan|inf) in epoch \d+"):
        model.fit(X, y)


def test_a_signal_handler_that_raises_is_no_callback_that_stops(sequences):
    def handler(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            RNNClassifier(callbacks=[Recorder(stop_after=2)], **QUICK).fit(*sequences)
    finally:
        signal.signal(signal.SIGINT, before)


class Closing(Callback):
    """Have a method of a common name and fail early if asked to."""

    def __init__(self, error=None):
        self.error = error

    def on_train_begin(self, net, **kwargs):
        if self.error is not None:
            raise self.error

    def close(self, net):
        raise AssertionError("not ours to call")


@pytest.mark.parametrize(
    "callback", [Recorder(1, RuntimeError("mine")), Closing(RuntimeError("mine"))]
)
def test_failing_callback_shows_its_own_error(sequences, callback):
    model = RNNClassifier(callbacks=[callback], verbose=1, **QUICK)
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(*sequences)


def test_a_callback_may_have_a_method_close(sequences):
    RNNClassifier(callbacks=[Closing()], **QUICK).fit(*sequences)


# -- progress -------------------------------------------------------------------------------------


def test_verbose_shows_settings_losses_and_epochs(capsys, sequences):
    X, y = sequences
    RNNClassifier(verbose=1, **QUICK).fit(X, y, X, y)
    shown = capsys.readouterr().out
    assert "RNNClassifier: gru, 1 layer(s) of 8 units, both directions" in shown
    assert "24 sequences of" in shown
    assert "3/3" in shown
    for word in ("train_loss", "valid_loss", "valid_score"):
        assert word in shown
    RNNClassifier(verbose=1, early_stopping=True, **QUICK).fit(X, y)
    assert "epochs and kept the weights of epoch" in capsys.readouterr().out
    RNNClassifier(**QUICK).fit(X, y)
    assert capsys.readouterr().out == ""


def test_history_has_a_row_an_epoch(sequences):
    X, y = sequences
    history = RNNClassifier(callbacks=[Lengths()], **QUICK).fit(X, y, X, y).history_
    assert history["epoch"].tolist() == [1, 2, 3]
    assert list(history) == [
        *("epoch", "train_loss", "valid_loss", "valid_score", "lr"),
        *("gradient_norm", "largest_gradient_norm"),
        *("dur", "elapsed", "sequences_per_second", "padding_share"),
        "mine",  # what a user's callback records comes along
    ]


# -- other settings -------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "rmsprop", "sgd", torch.optim.Rprop])
def test_optimizer_by_name_or_class(sequences, optimizer):
    model = RNNClassifier(optimizer=optimizer, **QUICK).fit(*sequences)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_weight_decay_spares_the_biases(sequences):
    model = RNNClassifier(weight_decay=0.5, **QUICK).fit(*sequences)
    groups = model.net_.optimizer_.param_groups
    decay_of = {id(p): g["weight_decay"] for g in groups for p in g["params"]}
    for name, parameter in model.net_.module_.named_parameters():
        assert decay_of[id(parameter)] == (0.0 if "bias" in name else 0.5)


def test_transform_is_what_the_head_reads(sequences):
    X, y = sequences
    model = RNNClassifier(pooling="concat", **QUICK).fit(X, y)
    embedded = model.transform(X)
    assert embedded.shape == (24, 2 * 8 * 3)
    head = model.net_.module_.head.linear
    logits = embedded @ head.weight.detach().double().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], model.decision_function(X), rtol=1e-9)
    names = model.get_feature_names_out()
    assert names[0] == "rnnclassifier0"
    assert len(names) == embedded.shape[1]
    frame = model.set_output(transform="pandas").transform(X)
    assert list(frame.columns) == list(names)


def test_probabilities_agree_with_decision_and_prediction():
    X, _ = make_sequences()
    y = np.array(["a", "b", "c"])[np.arange(24) % 3]
    model = RNNClassifier(**QUICK).fit(X, y)
    probability = model.predict_proba(X)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    np.testing.assert_allclose(np.log(probability), model.predict_log_proba(X))
    np.testing.assert_array_equal(model.classes_[probability.argmax(axis=1)], model.predict(X))
    decision = model.decision_function(X)
    np.testing.assert_allclose(
        probability, np.exp(decision) / np.exp(decision).sum(axis=1, keepdims=True)
    )


DEVICES = ["auto", "cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_every_device_gives_the_predictions_of_the_cpu(sequences, cell, device):
    X, y = sequences
    model = RNNClassifier(cell=cell, **QUICK | {"device": device}).fit(X, y)
    on_cpu = RNNClassifier(cell=cell, **QUICK).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), on_cpu.predict_proba(X), atol=1e-3)


def test_a_callback_that_evaluates_does_not_switch_dropout_off(sequences):
    class Evaluate(Callback):
        def on_batch_begin(self, net, **kwargs):
            net.module_.eval()

    X, y = sequences
    plain = RNNClassifier(**QUICK, dropout=0.5).fit(X, y)
    evaluated = RNNClassifier(**QUICK, dropout=0.5, callbacks=[Evaluate()]).fit(X, y)
    assert_same_weights(weights_of(plain), weights_of(evaluated))


@pytest.mark.parametrize("cell", CELLS)
def test_batches_taken_in_parts_give_the_same_update(sequences, cell):
    X, y = sequences
    quick = QUICK | {"cell": cell, "dropout": 0.0, "recurrent_dropout": 0.0, "optimizer": "sgd"}
    weight = 1 + np.arange(len(X)) / len(X)
    whole = RNNClassifier(**quick, lr=0.5).fit(X, y, sample_weight=weight)
    parts = RNNClassifier(**quick, lr=0.5, max_batch_steps=20).fit(X, y, sample_weight=weight)
    for name, tensor in weights_of(whole).items():
        torch.testing.assert_close(weights_of(parts)[name], tensor, atol=1e-6, rtol=1e-5)
    assert parts.loss_curve_ == pytest.approx(whole.loss_curve_, abs=1e-6)


def test_updates_of_steps_hold_few_long_sequences_or_many_short_ones():
    class CountSteps(Callback):
        def on_train_begin(self, net, **kwargs):
            self.sizes_ = []

        def on_batch_begin(self, net, batch, **kwargs):
            lengths = batch[0]["lengths"]
            self.sizes_.append((len(lengths), int(lengths.sum())))

    X = [np.arange(n) + 0.1 * i for i, n in enumerate([4] * 60 + [40] * 6)]
    y = [len(x) > 10 for x in X]
    options = QUICK | {"batch_steps": 80, "callbacks": [CountSteps()]}
    model = RNNClassifier(**options).fit(X, y)
    sizes = model.net_.callbacks_[-1][1].sizes_
    assert len(sizes) == 3 * 6  # 480 steps in all
    assert {size for size in sizes if size[1] / size[0] == 4} == {(20, 80)}
    assert {size for size in sizes if size[1] / size[0] == 40} == {(2, 80)}
    whole, parts = (
        RNNClassifier(**QUICK, batch_steps=80, dropout=0, recurrent_dropout=0, lr=0.5, **more)
        for more in ({"optimizer": "sgd"}, {"optimizer": "sgd", "max_batch_steps": 41})
    )
    for name, tensor in weights_of(whole.fit(X, y)).items():
        torch.testing.assert_close(weights_of(parts.fit(X, y))[name], tensor, atol=1e-6, rtol=1e-5)


def test_updates_of_steps_are_not_mostly_padding_where_lengths_jump():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in [1] * 200 + [500] * 5]
    y = [len(x) > 1 for x in X]
    model = RNNClassifier(**QUICK, batch_steps=500).fit(X, y)
    assert (model.history_["padding_share"] < 0.5).all()  # 0.94 if all went together
    assert (model.history_["train_loss"].diff()[1:] < 0).all()


def test_no_part_of_a_batch_is_longer_than_allowed(sequences, monkeypatch):
    padded = []
    forward = ManyToOne.forward

    def watched(self, values, lengths):
        padded.append(values.shape[0] * values.shape[1])
        return forward(self, values, lengths)

    monkeypatch.setattr(ManyToOne, "forward", watched)
    X, y = sequences
    longest = max(map(len, X))
    RNNClassifier(**QUICK, max_batch_steps=3 * longest).fit(X, y)
    assert max(padded) <= 3 * longest
    assert len(padded) > QUICK["max_epochs"]

"""Gradient flow against Jacobians multiplied by hand and states that are leaves of their own."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_rnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    Seq2SeqClassifier,
    Seq2SeqRegressor,
    StepClassifier,
    StepRegressor,
)
from sklearn_rnn.inspection import gradient_flow
from sklearn_rnn.nn.cells import CELLS

BOTH = ["layer 1, forward", "layer 1, backward"]
SMALL = {"hidden_size": 5, "max_epochs": 2, "random_state": 0}


def make_data(lengths=(7, 9, 4), n_channels=2, seed=0):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(n, n_channels)) for n in lengths]
    return X, rng.normal(size=len(lengths))


def weights_of(model, part="encoder"):
    state = getattr(model.net_.module_, part).recurrence.state_dict()
    return {name: w.double().numpy() for name, w in state.items()}


def mean_by_lag(rows):
    """Return the mean over sequences of their norms, first the end's."""
    longest = max(map(len, rows))
    padded = [np.pad(row, (0, longest - len(row)), constant_values=np.nan) for row in rows]
    return np.nanmean(padded, axis=0)


def norms_by_hand(model, X, y):
    """Return those of a vanilla network of one layer and direction, read at its end."""
    module, w = model.net_.module_, weights_of(model)
    mean, scale = (
        getattr(module.encoder.inputs.numeric, x).double().numpy() for x in ("mean", "scale")
    )
    head = module.head.linear
    v, c = head.weight.detach().double().numpy(), head.bias.detach().double().numpy()
    rows = []
    for x, target in zip(X, y, strict=True):
        s, states = np.zeros(model.hidden_size), []
        for step in (x.astype(np.float32) - mean) / scale:
            a = w["bias_ih_l0"] + w["bias_hh_l0"] + w["weight_hh_l0"] @ s + w["weight_ih_l0"] @ step
            s = np.tanh(a)
            states.append(s)
        standardised = np.float32((target - model._target.mean[0]) / model._target.scale[0])
        gradient = 2 * (v @ s + c - standardised) @ v
        norms = [np.linalg.norm(gradient)]
        for s in reversed(states[1:]):  # ds_t / ds_(t-1) = diag(1 - s_t ** 2) W
            gradient = gradient @ (np.diag(1 - s**2) @ w["weight_hh_l0"])
            norms.append(np.linalg.norm(gradient))
        rows.append(np.array(norms))
    return mean_by_lag(rows)


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention"])
def test_flow_of_a_vanilla_network_is_the_product_of_its_jacobians(pooling):
    X, y = make_data()
    model = RNNRegressor(cell="rnn", bidirectional=False, pooling=pooling, **SMALL).fit(X, y)
    flow = gradient_flow(model, X, y)
    np.testing.assert_allclose(flow.norms[0], norms_by_hand(model, X, y), rtol=1e-6)
    assert flow.lags.tolist() == list(range(9))
    assert flow.labels == ["layer 1, forward"]
    assert flow.n_sequences == 3


@pytest.mark.parametrize("cell", CELLS)
def test_flow_of_each_cell_is_the_gradient_by_a_state_to_start_from(cell):
    X, y = make_data(lengths=(8,))
    X, y = [*X, X[0] * 2], [*y, y[0] + 1.0]
    model = RNNRegressor(cell=cell, bidirectional=False, pooling="last", **SMALL).fit(X, y)
    norms = gradient_flow(model, X[:1], y[:1]).norms[0]
    module = model.net_.module_.double().eval()
    recurrence, encoded = module.encoder.recurrence, model._target.encode(np.array([[y[0]]]))
    x = module.encoder.inputs(torch.tensor(X[0].astype(np.float32)).double())[:, None]
    weights = recurrence.weights(0, "")
    for lag in range(8):
        state = recurrence.first_states(1)[0][0]
        for step in x[: 8 - lag]:
            state = recurrence.cell.step(step, state, weights)
        leaves = tuple(s.detach().requires_grad_() for s in state)
        state = leaves
        for step in x[8 - lag :]:
            state = recurrence.cell.step(step, state, weights)
        loss = (module.head(state[0]) - torch.tensor(encoded)).square().mean()
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
        expected = sum(g.square().sum() for g in gradients if g is not None).sqrt()
        assert norms[lag] == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_flow_through_a_multiple_of_the_identity_is_its_power(factor):
    X = [np.zeros((12, 1)), np.zeros((12, 1)) + 1e-30]
    model = RNNRegressor(cell="rnn", bidirectional=False, **SMALL).fit(X, [0.0, 1.0])
    recurrence = model.net_.module_.encoder.recurrence
    with torch.no_grad():
        for name, weight in recurrence.named_parameters():
            weight.zero_()
            if name.startswith("weight_hh"):
                weight.copy_(factor * torch.eye(5))
    flow = gradient_flow(model, X, [0.0, 1.0])
    np.testing.assert_allclose(flow.norms[0], flow.norms[0, 0] * factor**flow.lags, rtol=1e-6)
    assert flow.decay[0] == pytest.approx(factor)
    assert flow.typical_lag.tolist() == [11]
    assert flow.remaining[0] == pytest.approx(factor**11)
    assert flow.half_life[0] == (pytest.approx(1.0) if factor < 1 else np.inf)
    expected = "Vanishing: 11 steps back 0.05%" if factor < 1 else "Exploding: 11 steps back the"
    assert flow.verdict.startswith(expected)
    assert str(flow).startswith(flow.verdict)


def test_the_way_back_of_a_direction_is_the_way_of_the_other_on_turned_sequences():
    X, y = make_data()
    model = RNNRegressor(cell="gru", pooling="last", **SMALL).fit(X, y)
    flow = gradient_flow(model, X, y)
    recurrence, head = model.net_.module_.encoder.recurrence, model.net_.module_.head.linear
    state = {name: w.clone() for name, w in recurrence.state_dict().items()}
    turned = {name.removesuffix("_reverse"): w for name, w in state.items() if "reverse" in name}
    turned |= {name + "_reverse": w for name, w in state.items() if "reverse" not in name}
    recurrence.load_state_dict(turned)
    with torch.no_grad():
        head.weight.copy_(head.weight.roll(5, dims=1))
    other = gradient_flow(model, [x[::-1].copy() for x in X], y)
    np.testing.assert_allclose(other.norms, flow.norms[::-1], rtol=1e-6)


def test_flow_does_not_depend_on_company_and_padding():
    X, y = make_data(lengths=(4, 40, 9))
    model = RNNRegressor(cell="lstm", num_layers=2, **SMALL).fit(X, y)
    alone = [gradient_flow(model, [x], [t]).norms for x, t in zip(X, y, strict=True)]
    together = gradient_flow(model, X, y).norms
    for series in range(4):
        expected = mean_by_lag([norms[series] for norms in alone])
        np.testing.assert_allclose(together[series], expected, rtol=1e-6)


def test_an_unfitted_estimator_has_the_flow_of_its_start():
    X, y = make_data(lengths=(7, 9, 4, 6))
    estimator = RNNClassifier(**SMALL, lr=1e-9, lr_schedule=None)
    start = gradient_flow(estimator, X, y > 0)
    fitted = gradient_flow(estimator.fit(X, y > 0), X, y > 0)
    np.testing.assert_allclose(start.norms, fitted.norms, rtol=1e-4)
    assert ", before training" in start.verdict
    assert ", before training" not in fitted.verdict


def test_lags_of_steps_count_from_the_last_known_entry_and_from_the_first():
    X, _ = make_data(lengths=(6, 6))
    y = [np.array([np.nan, np.nan, 1.0, 0.0, 2.0, np.nan]), np.full(6, np.nan)]
    y[1][2], y[1][4] = 1.0, 3.0
    model = StepRegressor(cell="rnn", **SMALL).fit(X, y)
    flow = gradient_flow(model, X, y)
    assert np.isfinite(flow.norms).sum(axis=1).tolist() == [5, 4]  # 4 to 0, and 2 to 5
    later = [np.where(np.arange(6) == 2, 9.0, row) for row in y]  # has no say in the last loss
    changed = gradient_flow(model, X, later)
    np.testing.assert_allclose(changed.norms[0], flow.norms[0])
    assert not np.allclose(changed.norms[1], flow.norms[1], equal_nan=True)


@pytest.mark.parametrize(
    ("estimator", "y", "labels"),
    [
        (RNNClassifier(num_layers=2), [0, 1], [*BOTH, "layer 2, forward", "layer 2, backward"]),
        (StepClassifier(bidirectional=False), [[0, 1, 0], [1, 0]], ["layer 1, forward"]),
        (
            StepClassifier(output_feedback=True),
            [[0, 1, 0], [1, 0]],
            [*BOTH, "answers, layer 1, forward"],
        ),
        (
            Seq2SeqClassifier(),
            ["ab", "c"],
            [*(f"encoder, {label}" for label in BOTH), "decoder, layer 1, forward"],
        ),
    ],
)
def test_series_are_called_by_layer_and_direction(estimator, y, labels):
    flow = gradient_flow(estimator.set_params(**SMALL), [[1.0, 2.0, 0.0], [3.0, 1.0]], y)
    assert flow.labels == labels
    assert len(flow.norms) == len(flow.decay) == len(flow.remaining) == len(labels)


def test_a_decoder_of_a_vector_has_the_only_series():
    X = np.random.default_rng(0).normal(size=(6, 3))
    model = Seq2SeqRegressor(encoder="vector", **SMALL)
    flow = gradient_flow(model, X, np.random.default_rng(1).normal(size=(6, 4)))
    assert flow.labels == ["decoder, layer 1, forward"]
    assert np.isfinite(flow.norms).all()
    assert flow.norms.shape == (1, 4)


def test_flow_of_a_language_model_is_that_of_the_last_token():
    model = RNNLanguageModel(**SMALL).fit(["hello", "help"])
    flow = gradient_flow(model, ["hello"])
    assert flow.norms.shape == (1, 6)  # of the start and five letters
    assert (flow.norms > 0).all()


def test_flow_through_a_stem_counts_its_steps():
    X, y = make_data(lengths=(33, 17))
    flow = gradient_flow(RNNRegressor(stem="conv", **SMALL), X, y)
    assert flow.norms.shape == (2, 5)
    assert np.isfinite(flow.norms).all()


def test_chosen_sequences_are_few_and_repeat():
    X, y = make_data(lengths=(5,) * 30)
    flows = [gradient_flow(RNNRegressor(**SMALL), X, y, n_sequences=4) for _ in range(2)]
    assert flows[0].n_sequences == 4
    np.testing.assert_array_equal(flows[0].norms, flows[1].norms)


def test_single_steps_have_no_way_to_go():
    flow = gradient_flow(RNNRegressor(**SMALL), [[1.0], [2.0], [0.5]], [1.0, 2.0, 3.0])
    assert flow.verdict.startswith("Healthy: half of the sequences have a single step")
    assert np.isnan(flow.decay).all()


def test_no_steps_at_all_are_refused():
    X = pd.DataFrame({"x": [[1.0], [2.0], []], "age": [1.0, 2.0, 3.0]})
    model = RNNRegressor(**SMALL).fit(X, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="X has no sequence with steps"):
        gradient_flow(model, X.iloc[2:], [1.0])


def test_the_remedy_is_what_is_not_there_yet():
    rng = np.random.default_rng(0)
    X, y = [rng.normal(size=60) for _ in range(6)], [0, 1] * 3
    flow = gradient_flow(RNNClassifier(cell="rnn", pooling="last", random_state=0), X, y)
    assert "pooling='max' or 'mean'" in flow.verdict
    assert "cell='lstm' or 'gru'" in flow.verdict
    flow = gradient_flow(RNNClassifier(cell="gru", random_state=0), X, y)
    assert "pooling='extremes' gives it are not counted" in flow.verdict
    assert "cell='lstm'," in flow.verdict


def test_a_loss_that_no_state_moves_is_told():
    X, y = make_data()
    model = RNNRegressor(**SMALL).fit(X, y)
    with torch.no_grad():
        model.net_.module_.head.linear.weight.zero_()
    assert gradient_flow(model, X, y).verdict.startswith("None: the loss does not depend")


def test_flow_of_many_sequences_is_put_together_of_parts(monkeypatch):
    X, y = make_data(lengths=(5, 30, 7, 12, 30, 8))
    model = RNNRegressor(cell="gru", **SMALL).fit(X, y)
    whole = gradient_flow(model, X, y)
    monkeypatch.setattr("sklearn_rnn.inspection._gradient_flow.MAX_NUMBERS", 400)
    parts = gradient_flow(model, X, y)
    np.testing.assert_allclose(parts.norms, whole.norms, rtol=1e-9)
    assert parts.verdict == whole.verdict

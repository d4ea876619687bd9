"""Inputs, pooling, dropout, initialization and head."""

import numpy as np
import pytest
import torch

from sklearn_rnn._random import generator
from sklearn_rnn.nn.cells import CELLS
from sklearn_rnn.nn.dropout import Dropout
from sklearn_rnn.nn.heads import LinearHead
from sklearn_rnn.nn.inputs import CategoricalInput, MixedInput, NumericInput
from sklearn_rnn.nn.pooling import POOLINGS, MaxPooling, MeanPooling, MinPooling, Pooling
from sklearn_rnn.nn.recurrence import Flip, Recurrence

KINDS = {"max": MaxPooling, "min": MinPooling}
LENGTHS = torch.tensor([6, 2, 4])


def pooled(name, outputs, lengths=LENGTHS):
    pooling = POOLINGS[name](outputs.shape[2], generator(0))
    last = outputs[lengths - 1, torch.arange(len(lengths))]
    inside = (torch.arange(len(outputs))[:, None] < lengths)[..., None]
    return pooling, pooling(outputs, last, inside, lengths)


def random_outputs():
    return torch.randn(6, 3, 4, generator=generator(1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("last", lambda h: h[-1]),
        ("mean", lambda h: h.mean(axis=0)),
        ("max", lambda h: h.max(axis=0)),
        ("concat", lambda h: np.concatenate([h[-1], h.mean(axis=0), h.max(axis=0)])),
        ("extremes", lambda h: np.concatenate([h[-1], h.max(axis=0), h.min(axis=0)])),
    ],
)
def test_pooling_matches_numpy_on_each_sequence(name, expected):
    outputs = random_outputs()
    _, result = pooled(name, outputs)
    for b, length in enumerate(LENGTHS):
        np.testing.assert_allclose(result[b], expected(outputs[:length, b].numpy()), atol=1e-6)


def test_attention_pooling_matches_its_equation():
    outputs = random_outputs()
    pooling, result = pooled("attention", outputs)
    K, k = pooling.key.weight.detach().numpy(), pooling.key.bias.detach().numpy()
    q = pooling.query.weight.detach().numpy()[0]
    for b, length in enumerate(LENGTHS):
        h = outputs[:length, b].numpy()
        relevance = np.tanh(h @ K.T + k) @ q
        weight = np.exp(relevance) / np.exp(relevance).sum()
        np.testing.assert_allclose(result.detach()[b], weight @ h, atol=1e-6)


@pytest.mark.parametrize("name", POOLINGS)
def test_pooling_ignores_huge_numbers_behind_the_end(name):
    outputs = random_outputs()
    spoilt = outputs.clone()
    spoilt[2:, 1] = 1e30
    torch.testing.assert_close(pooled(name, outputs)[1][1], pooled(name, spoilt)[1][1])


@pytest.mark.parametrize("name", POOLINGS)
def test_pooling_after_each_step_is_that_of_the_cut_sequence(name):
    outputs = random_outputs()
    pooling, _ = pooled(name, outputs)
    prefixes = pooling.prefixes(outputs)
    assert prefixes.dtype == outputs.dtype
    for n in range(1, 7):
        _, cut = pooled(name, outputs[:n], torch.tensor([n, n, n]))
        torch.testing.assert_close(prefixes[n - 1], cut, atol=1e-6, rtol=0)
    torch.testing.assert_close(Pooling.prefixes(pooling, outputs), prefixes, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", POOLINGS)
def test_gradients_after_each_step_are_those_of_the_cut_sequences(name):
    outputs = random_outputs().requires_grad_()
    pooling, _ = pooled(name, outputs)
    weight = torch.randn(6, 3, 4 * pooling.multiple, generator=generator(2))
    inputs = [outputs, *pooling.parameters()]
    quick = torch.autograd.grad((pooling.prefixes(outputs) * weight).sum(), inputs)
    slow = torch.autograd.grad((Pooling.prefixes(pooling, outputs) * weight).sum(), inputs)
    for a, b in zip(quick, slow, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("length", [1, 6])
def test_gradient_of_the_largest_is_that_of_torch_to_the_bit(length):
    outputs = random_outputs()
    outputs[1] = outputs[0]  # as large at several steps
    outputs[4:, 1] = torch.nan
    outputs = outputs[:length].requires_grad_()
    lengths = torch.tensor([length, min(length, 4), min(length, 2)])
    weight = torch.randn(3, 4, generator=generator(2))
    inside = (torch.arange(length)[:, None] < lengths)[..., None]
    for name, largest in (
        ("max", outputs.masked_fill(~inside, -torch.inf).amax(dim=0)),
        ("min", outputs.masked_fill(~inside, torch.inf).amin(dim=0)),
    ):
        result = KINDS[name](4, generator(0))(outputs, outputs[-1], inside, lengths)
        own, of_torch = (
            torch.autograd.grad((pooled * weight).sum(), outputs)[0] for pooled in (result, largest)
        )
        assert torch.equal(result, largest)
        assert torch.equal(own, of_torch)
        assert own[3:, 2].eq(0).all()


def test_attention_after_each_step_stands_any_relevance():
    pooling, _ = pooled("attention", random_outputs())
    outputs = torch.tensor([-2.0, 2.0, 0.0, -2.0])[:, None, None].expand(4, 1, 4)
    with torch.no_grad():
        pooling.key.weight.copy_(torch.eye(4))
        pooling.key.bias.zero_()
        for scale in (1e4, -1e4):  # exp of it is no number, nor is its inverse
            pooling.query.weight.fill_(scale)
            expected = [-2, 2, 2, 2] if scale > 0 else [-2, -2, -2, -2]
            assert pooling.prefixes(outputs)[:, 0, 0].tolist() == expected


def test_extremes_take_outputs_that_lie_batch_first():
    outputs = random_outputs()
    as_laid = outputs.transpose(0, 1).contiguous().transpose(0, 1)
    gradients = []
    for x in (outputs.requires_grad_(), as_laid.detach().requires_grad_()):
        _, result = pooled("extremes", x)
        gradients.append(torch.autograd.grad(result.square().sum(), x)[0])
    assert torch.equal(*gradients)


@pytest.mark.parametrize("name", ["max", "min"])
def test_second_derivatives_of_extremes_pass_gradgradcheck(name):
    outputs = random_outputs().double().requires_grad_()
    lengths = torch.tensor([6, 4, 2])
    inside = (torch.arange(6)[:, None] < lengths)[..., None]
    pooling = KINDS[name](4, generator(0))
    assert torch.autograd.gradgradcheck(
        lambda x: pooling(x.square(), x[-1], inside, lengths), outputs
    )


def test_pooling_of_ones_own_does_not_inherit_what_belongs_to_another():
    class Doubled(MeanPooling):
        def forward(self, outputs, last, inside, lengths):
            return 2 * super().forward(outputs, last, inside, lengths)

    class Same(MeanPooling):
        pass

    outputs = random_outputs()
    mean, doubled, same = (kind(4, generator(0)) for kind in (MeanPooling, Doubled, Same))
    torch.testing.assert_close(doubled.prefixes(outputs), 2 * mean.prefixes(outputs))
    assert Same.prefixes is MeanPooling.prefixes
    torch.testing.assert_close(same.prefixes(outputs), mean.prefixes(outputs))


def test_flip_reverses_within_length_and_undoes_itself():
    x = torch.arange(12.0).view(6, 2, 1)
    flip = Flip(torch.tensor([6, 3]), 6)
    assert flip(x)[:, 0, 0].tolist() == [10, 8, 6, 4, 2, 0]
    assert flip(x)[:, 1, 0].tolist() == [5, 3, 1, 7, 9, 11]
    torch.testing.assert_close(flip(flip(x)), x)


def test_numeric_input_standardises_and_marks_missing_numbers():
    inputs = NumericInput(
        torch.tensor([10.0, 0.0]), torch.tensor([2.0, 1.0]), torch.tensor([True, False])
    )
    x = torch.tensor([[[12.0, 5.0], [float("nan"), float("nan")]]])
    expected = torch.tensor([[[1.0, 5.0, 0.0], [0.0, 0.0, 1.0]]])
    torch.testing.assert_close(inputs(x), expected)
    assert inputs.output_size == 3


def test_inputs_of_categories_alone_are_their_vectors():
    none = torch.empty(0)
    numeric = NumericInput(none, none, none.bool())
    tokens = CategoricalInput(torch.full((4,), 5), 1, 3, generator(0)).eval()
    codes = torch.tensor([[[1], [3]]])
    x = MixedInput(numeric, [tokens])(torch.empty(1, 2, 0), codes)
    assert torch.equal(x, tokens(codes[..., 0]))
    assert MixedInput(numeric)(torch.empty(1, 2, 0)).shape == (1, 2, 0)


def test_dropout_holds_one_mask_for_all_steps_and_keeps_the_mean():
    dropout = Dropout(0.5, generator(0))
    thinned = dropout(torch.ones(7, 50, 40))
    assert torch.equal(thinned, thinned[:1].expand(7, -1, -1))
    assert set(thinned.unique().tolist()) == {0.0, 2.0}
    assert abs(thinned.mean().item() - 1) < 0.1
    assert torch.equal(dropout.eval()(torch.ones(2, 3)), torch.ones(2, 3))


def test_recurrent_dropout_thins_recurrent_weights_in_training_only():
    recurrence = Recurrence("lstm", 3, 32, recurrent_dropout=0.5, generator=generator(0))
    kept = recurrence.weight_hh_l0.detach()
    thinned = recurrence.weights(0, "").weight_hh.detach()
    is_zero = thinned == 0
    assert 0.45 < is_zero.float().mean() < 0.55
    torch.testing.assert_close(thinned[~is_zero], 2 * kept[~is_zero])
    assert recurrence.eval().weights(0, "").weight_hh is recurrence.weight_hh_l0


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_recurrent_weights_start_orthogonal_gate_by_gate(cell):
    recurrence = Recurrence(cell, 3, 8, num_layers=2, bidirectional=True, generator=generator(0))
    for name, parameter in recurrence.named_parameters():
        if "weight_hh" in name:
            for gate in parameter.detach().split(8):
                torch.testing.assert_close(gate @ gate.T, torch.eye(8), atol=1e-5, rtol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_input_weights_start_within_glorot_bounds_gate_by_gate(cell):
    recurrence = Recurrence(cell, 100, 64, generator=generator(0))
    bound = (6 / (100 + 64)) ** 0.5
    for gate in recurrence.weight_ih_l0.detach().split(64):
        assert 0.95 * bound < gate.abs().max() <= bound


def test_lstm_forget_bias_starts_at_one_in_sum_and_all_else_at_zero():
    recurrence = Recurrence("lstm", 3, 8, generator=generator(0))
    bias = recurrence.bias_ih_l0 + recurrence.bias_hh_l0
    i, f, g, o = bias.detach().split(8)
    assert torch.equal(f, torch.ones(8))
    assert not torch.cat([i, g, o]).any()


def test_head_starts_near_the_initial_outputs():
    head = LinearHead(64, 2, torch.tensor([-1.0, 2.0]), generator(0))
    outputs = head(torch.randn(100, 64, generator=generator(1)).clamp(-1, 1))
    torch.testing.assert_close(outputs.mean(0), torch.tensor([-1.0, 2.0]), atol=0.1, rtol=0)
    assert 0 < outputs.std(0).max() < 0.1

"""Cells against hand-unrolled equations and against torch.nn."""

import numpy as np
import pytest
import torch

from sklearn_rnn._random import generator
from sklearn_rnn.nn.cells import CELLS
from sklearn_rnn.nn.recurrence import Recurrence

TORCH = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def unroll_rnn(x, U, W, b, c):
    h = np.zeros(W.shape[1])
    for x_t in x:
        h = np.tanh(U @ x_t + b + W @ h + c)
        yield h


def unroll_gru(x, U, W, b, c):
    h = np.zeros(W.shape[1])
    for x_t in x:
        x_r, x_z, x_n = np.split(U @ x_t + b, 3)
        h_r, h_z, h_n = np.split(W @ h + c, 3)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        n = np.tanh(x_n + r * h_n)
        h = (1 - z) * n + z * h
        yield h


def unroll_lstm(x, U, W, b, c):
    h = memory = np.zeros(W.shape[1])
    for x_t in x:
        i, f, g, o = np.split(U @ x_t + b + W @ h + c, 4)
        memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(memory)
        yield h


UNROLL = {"rnn": unroll_rnn, "gru": unroll_gru, "lstm": unroll_lstm}


def random_recurrence(cell, **options):
    """Return a recurrence whose every weight, bias too, is random."""
    recurrence = Recurrence(cell, 3, 5, generator=generator(0), **options)
    torch_generator = generator(1)
    with torch.no_grad():
        for parameter in recurrence.parameters():
            parameter.normal_(std=0.5, generator=torch_generator)
    return recurrence


def random_input(n_steps=7, lengths=(7, 4, 1, 5)):
    x = torch.randn(n_steps, len(lengths), 3, generator=generator(2))
    return x, torch.tensor(lengths)


@pytest.mark.parametrize("cell", CELLS)
def test_scan_matches_hand_unrolled_equations(cell):
    recurrence = random_recurrence(cell)
    x, lengths = random_input()
    outputs = recurrence(x, lengths).detach().numpy()
    weights = [w.detach().double().numpy() for w in recurrence.weights(0, "")]
    for b in range(x.shape[1]):
        expected = np.array(list(UNROLL[cell](x[:, b].double().numpy(), *weights)))
        np.testing.assert_allclose(outputs[:, b], expected, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_scan_matches_step_by_step(cell):
    recurrence = random_recurrence(cell)
    x, lengths = random_input()
    stepwise = super(type(recurrence.cell), recurrence.cell).scan(x, recurrence.weights(0, ""))
    torch.testing.assert_close(recurrence(x, lengths), stepwise, atol=1e-6, rtol=0)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_recurrence_matches_torch_module_on_packed_sequences(cell, bidirectional, num_layers):
    recurrence = random_recurrence(cell, num_layers=num_layers, bidirectional=bidirectional)
    module = TORCH[cell](3, 5, num_layers, bidirectional=bidirectional)
    module.load_state_dict(recurrence.state_dict())
    x, lengths = random_input()
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    packed_outputs, state = module(packed)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(packed_outputs)
    h_n = state[0] if cell == "lstm" else state
    top = torch.cat(list(h_n.unflatten(0, (num_layers, -1))[-1]), dim=1)

    outputs = recurrence(x, lengths)
    for b, length in enumerate(lengths):
        torch.testing.assert_close(outputs[:length, b], expected[:length, b], atol=1e-5, rtol=0)
    torch.testing.assert_close(recurrence.last(outputs, lengths), top, atol=1e-5, rtol=0)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_match_torch_module_on_packed_sequences(cell, bidirectional):
    recurrence = random_recurrence(cell, num_layers=2, bidirectional=bidirectional)
    module = TORCH[cell](3, 5, 2, bidirectional=bidirectional)
    module.load_state_dict(recurrence.state_dict())
    x, lengths = random_input()
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(module(packed)[0])
    inside = (torch.arange(len(x))[:, None] < lengths)[..., None]
    expected.square().sum().backward()
    (recurrence(x, lengths) * inside).square().sum().backward()
    for name, parameter in recurrence.named_parameters():
        torch.testing.assert_close(
            parameter.grad, module.get_parameter(name).grad, atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_pass_gradcheck(cell, bidirectional):
    recurrence = random_recurrence(cell, bidirectional=bidirectional).double()
    x, lengths = random_input(n_steps=4, lengths=(4, 2, 3))
    names = [name for name, _ in recurrence.named_parameters()]

    def run(x, *parameters):
        outputs = torch.func.functional_call(
            recurrence, dict(zip(names, parameters, strict=True)), (x, lengths)
        )
        return recurrence.last(outputs, lengths)

    parameters = [p.detach().clone().requires_grad_() for p in recurrence.parameters()]
    assert torch.autograd.gradcheck(run, (x.double().requires_grad_(), *parameters))

"""Cells against hand-unrolled equations and against torch.nn."""

import numpy as np
import pytest
import torch

from sklearn_rnn._random import generator
from sklearn_rnn.nn.cells import CELLS, CellWeights, in_one_block
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


def unroll_mingru(x, U, W, b, c):
    h = 0.0
    for x_t in x:
        z, v = np.split(U @ x_t + b, 2)
        z = sigmoid(z)
        h = (1 - z) * h + z * np.where(v >= 0, v + 0.5, sigmoid(v))
        yield h


UNROLL = {"rnn": unroll_rnn, "gru": unroll_gru, "lstm": unroll_lstm, "mingru": unroll_mingru}


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


WAYS = [
    (cell, way)
    for cell in CELLS
    for way in ("scan", "scan_kernel", "scan_through_time")
    if way != "scan_through_time" or CELLS[cell].through_time is not None
]


def results(scan, x, state, weights):
    """Return outputs, last state and all gradients of one way through time."""
    leaves = [t.detach().clone().requires_grad_() for t in (x, *state, *weights)]
    x, state = leaves[0], tuple(leaves[1 : 1 + len(state)])
    weights = CellWeights(*leaves[1 + len(state) :])
    if scan.__name__ in ("scan_steps", "scan_kernel"):  # one direction
        outputs, last = scan(x, state, weights)
    else:
        (outputs,), (last,) = scan([x], [state], [weights])
    loss = (outputs * torch.arange(outputs.numel()).view_as(outputs).cos()).sum()
    (loss + sum((s * s).sum() for s in last)).backward()
    return [outputs, *last, *(t.grad for t in leaves)]


@pytest.mark.parametrize(("cell", "way"), WAYS)
@pytest.mark.parametrize("n_steps", [1, 7])
@pytest.mark.parametrize("batch", [1, 4])  # memory of one row of one step has no strides to go by
def test_every_way_through_time_gives_the_same_numbers(cell, way, n_steps, batch):
    recurrence = random_recurrence(cell)
    x = random_input(n_steps)[0][:, :batch]
    state = tuple(torch.rand(batch, 5, generator=generator(s)) for s in range(CELLS[cell].n_states))
    weights = recurrence.weights(0, "")
    stepwise = results(recurrence.cell.scan_steps, x, state, weights)
    for ours, expected in zip(
        results(getattr(recurrence.cell, way), x, state, weights), stepwise, strict=True
    ):
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "gru", "mingru"])
def test_long_gradients_are_exact(cell):
    """Rounding of single steps must not add up over many: float64 is the judge."""
    recurrence = Recurrence(cell, 3, 32, generator=generator(0))
    x = torch.randn(500, 6, 3, generator=generator(1))
    arguments = x, (torch.zeros(6, 32),), recurrence.weights(0, "")
    ours = results(recurrence.cell.scan_through_time, *arguments)
    x, (state,), weights = arguments
    weights = CellWeights(*(w.double() for w in weights))
    exact = results(recurrence.cell.scan_steps, x.double(), (state.double(),), weights)
    for a, b in zip(ours, exact, strict=True):
        if a is None:  # an input without a say
            continue
        scale = b.abs().max()
        torch.testing.assert_close(a / scale, (b / scale).float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("cell", ["rnn", "gru", "mingru"])
def test_input_that_needs_no_gradient_gets_none(cell):
    recurrence = random_recurrence(cell)
    x, lengths = random_input()
    recurrence(x, lengths).sum().backward()
    assert x.grad is None
    assert recurrence.weight_ih_l0.grad is not None


@pytest.mark.parametrize("cell", ["rnn", "gru", "mingru"])
def test_second_derivatives_are_refused(cell):
    recurrence = random_recurrence(cell)
    x, lengths = random_input()
    loss = recurrence(x, lengths).sum()
    with pytest.raises(NotImplementedError, match=r"gradient of a gradient .*scan_steps"):
        torch.autograd.grad(loss, recurrence.weight_ih_l0, create_graph=True)


@pytest.mark.parametrize("cell", ["rnn", "gru", "mingru"])
def test_backward_can_run_twice_on_a_kept_graph(cell):
    recurrence = random_recurrence(cell)
    x, lengths = random_input()
    loss = recurrence(x, lengths).square().sum()
    first = torch.autograd.grad(loss, recurrence.weight_ih_l0, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(loss, recurrence.weight_ih_l0), first)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_add_up_and_share_no_memory(cell, bidirectional):
    recurrence = random_recurrence(cell, bidirectional=bidirectional)

    def backward():
        x, lengths = random_input()
        recurrence(x, lengths).square().sum().backward()
        return [p.grad for p in recurrence.parameters() if p.numel() > 0]

    gradients = backward()
    once = [g.clone() for g in gradients]
    for gradient, expected in zip(backward(), once, strict=True):
        torch.testing.assert_close(gradient, 2 * expected, rtol=1e-5, atol=1e-6)
    assert len({g.data_ptr() for g in gradients}) == len(gradients)


def test_weights_in_one_block_lie_end_to_end_and_pass_gradients_on():
    parameters = CellWeights(*random_recurrence("lstm").parameters())
    views = in_one_block(parameters)
    place = views[0].data_ptr()
    for view, parameter in zip(views, parameters, strict=True):
        assert torch.equal(view, parameter)
        assert view.data_ptr() == place
        place += 4 * view.numel()
    gradients = torch.autograd.grad(sum(v.square().sum() for v in views), parameters)
    for gradient, parameter in zip(gradients, parameters, strict=True):
        torch.testing.assert_close(gradient, 2 * parameter.detach())


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", TORCH)
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
@pytest.mark.parametrize("cell", TORCH)
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


def test_second_derivatives_of_last_states_pass_gradgradcheck():
    recurrence = random_recurrence("gru", bidirectional=True).double()
    outputs = torch.randn(4, 3, recurrence.output_size, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([4, 2, 1])
    assert torch.autograd.gradgradcheck(lambda x: recurrence.last(x.square(), lengths), outputs)


def test_mingru_in_log_space_is_exact_over_long_sequences():
    """Thousands of steps, gates from nearly shut to wide open: no digit may get lost."""
    recurrence = random_recurrence("mingru")
    with torch.no_grad():
        recurrence.weight_ih_l0.mul_(8)
    x = torch.randn(3000, 2, 3, generator=generator(3))
    arguments = x, (torch.zeros(2, 5),), recurrence.weights(0, "")
    in_log_space, _ = recurrence.cell.scan_kernel(*arguments)
    stepwise, _ = recurrence.cell.scan_steps(*arguments)
    torch.testing.assert_close(in_log_space, stepwise, atol=1e-5, rtol=1e-5)

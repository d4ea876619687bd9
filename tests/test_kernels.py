"""Functions in forms that are fast on a CPU give what torch's own give."""

import pytest
import torch
from torch.nn import functional

from sklearn_rnn.nn.attention import Attention, Memory
from sklearn_rnn.nn.cells import CELLS, CellWeights
from sklearn_rnn.nn.kernels import NARROW, WORTHWHILE, cross_entropy, tanh


def test_tanh_is_that_of_torch():
    x = torch.cat([torch.linspace(-12, 12, 10_001), torch.tensor([-1e30, 1e30, 1e-8])])
    torch.testing.assert_close(tanh(x), torch.tanh(x), rtol=0, atol=2e-7)


def test_derivatives_of_tanh_are_exact():
    x = torch.linspace(-3, 3, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(tanh, x)
    assert torch.autograd.gradgradcheck(tanh, x)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("n_classes", [2, NARROW - 1, NARROW, 40])
@pytest.mark.parametrize("n_rows", [3, WORTHWHILE])
def test_cross_entropy_is_that_of_torch(n_rows, n_classes, label_smoothing):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n_rows, n_classes, generator=generator, requires_grad=True)
    target = torch.randint(-1, n_classes, (n_rows,), generator=generator)
    expected = functional.cross_entropy(
        logits, target, ignore_index=-1, reduction="none", label_smoothing=label_smoothing
    )
    losses = cross_entropy(logits, target, label_smoothing)
    torch.testing.assert_close(losses, expected, rtol=1e-6, atol=1e-6)
    weight = torch.rand(n_rows, generator=generator)
    ours, theirs = (
        torch.autograd.grad((loss * weight).sum(), logits)[0] for loss in (losses, expected)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n_inputs", [1, NARROW - 1, NARROW, 40])
@pytest.mark.parametrize("n_directions", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_gradient_of_what_was_read_is_that_of_the_equations(cell, n_directions, n_inputs):
    generator = torch.Generator().manual_seed(0)
    kind, hidden = CELLS[cell](), 5

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    inputs = [draw(7, 3, n_inputs).requires_grad_() for _ in range(n_directions)]
    states = [(draw(3, hidden),) for _ in range(n_directions)]
    rows = kind.n_gates * hidden
    weights = [
        CellWeights(draw(rows, n_inputs), draw(rows, hidden), draw(rows), draw(rows))
        for _ in range(n_directions)
    ]
    fast, _ = kind.scan(inputs, states, weights)
    slow = [kind.scan_steps(*each)[0] for each in zip(inputs, states, weights, strict=True)]
    of_outputs = [draw(7, 3, hidden) for _ in range(n_directions)]
    for ours, theirs in zip(
        torch.autograd.grad(fast, inputs, of_outputs),
        torch.autograd.grad(slow, inputs, of_outputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


class KeysAsScores(Attention):
    """Scores that do not come from a product, which rounds by its size."""

    def scores(self, queries, keys):
        return keys.transpose(1, 2).expand(-1, queries.shape[1], -1)


@pytest.mark.parametrize("n_more", [1, 20, 200])
def test_attention_has_the_same_digits_whatever_is_behind_the_end(n_more):
    generator = torch.Generator().manual_seed(0)
    attention = KeysAsScores(1, 1, generator)
    values = torch.randn(3, 11, 1, generator=generator)
    queries = torch.zeros(3, 6, 1)
    behind = torch.arange(11)[:, None] >= torch.tensor([11, 4, 1])[:, None, None]
    _, weights = attention(queries, Memory(values, values, behind))
    longer = torch.cat([values, torch.full((3, n_more, 1), 1e4)], dim=1)
    further = torch.cat([behind, torch.ones(3, n_more, 1, dtype=torch.bool)], dim=1)
    _, same = attention(queries, Memory(longer, longer, further))
    assert torch.equal(same[..., :11], weights)
    assert (same[..., 11:] == 0).all()
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(3, 6))

"""Backpropagation through time, written out for the cells that no CPU kernel fuses.

torch's own GRU and RNN record a dozen operations a step on CPU and differentiate each. Here the
products with the input are one product before the loop; both directions go through one loop; what
a step computes lands in one block that backward reads; the derivatives of the gates are computed
for all steps at once; the loop back in time keeps two or three operations; and the gradients of
the weights are one product after it (Werbos 1990, "Backpropagation through time: what it does and
how to do it").

``tanh(a)`` is computed as ``2 sigmoid(2 a) - 1``, three times faster on CPU: the weights that lead
to a tanh are doubled beforehand, so that products come out as ``2 a``. The loop of Elman's cell
walks through ``g = (h + 1) / 2`` in the place of the state h, so that a step takes the sigmoid
alone: ``W h = 2 W g - W 1`` is a matter of weights and biases.

Each function is applied to x of shape (directions, time, batch, input), the first state of shape
(directions, batch, hidden) and the four weights of :class:`~sklearn_rnn.nn.cells.CellWeights`, each
with directions as a first axis; it returns all states, (directions, time, batch, hidden). So the
steps of a direction lie end to end, and products over all of them need no copies.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from sklearn_rnn.nn.kernels import NARROW
from sklearn_rnn.nn.scan import refuse_second_derivatives

_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input


class RNNThroughTime(Function):
    """All states of Elman's cell."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        h: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor,
        bias_hh: Tensor,
    ) -> Tensor:
        """Return the states after each step."""
        states = _states_after((h + 1) / 2, x.shape[1])
        bias = 2 * (bias_ih + bias_hh - weight_hh.sum(2))
        _input_product(x, 2 * weight_ih, bias, out=states[:, 1:])
        add_product, weight = _product(4 * weight_hh.transpose(1, 2))
        last, *steps = _steps(states)
        for step in steps:
            last = add_product(step, last, weight).sigmoid_()
        _doubled_less_one_(states, x.new_tensor(-1))
        ctx.save_for_backward(x, weight_ih, weight_hh, states)
        return states[:, 1:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the six inputs."""
        refuse_second_derivatives("rnn")
        x, weight_ih, weight_hh, states = ctx.saved_tensors
        outputs = states[:, 1:]
        d = torch.addcmul(x.new_ones(()), outputs, outputs, value=-1)  # dh/da; in the loop dL/da
        dh = _with_first(gradient)
        add_product, weight = _product(weight_hh)
        *earlier, dh_step = _steps(dh)
        for d_step, dh_before in zip(reversed(_steps(d)), reversed(earlier), strict=True):
            dh_step = add_product(dh_before, d_step.mul_(dh_step), weight)
        d_bias = d.sum((1, 2))
        return (
            _input_gradient(ctx, d, weight_ih),
            dh[:, 0],
            _weight_gradient(d, x),
            _weight_gradient(d, states[:, :-1]),
            d_bias,
            d_bias.clone(),  # in memory of its own: gradients are scaled and added to in place
        )


class GRUThroughTime(Function):
    """All states of the GRU, gates stacked reset, update, new as in torch.nn."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        h: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor,
        bias_hh: Tensor,
    ) -> Tensor:
        """Return the states after each step."""
        hidden = weight_hh.shape[2]
        doubling = x.new_ones(3 * hidden)
        doubling[2 * hidden :] = 2
        weight_ih, weight_hh = weight_ih * doubling[:, None], weight_hh * doubling[:, None]
        bias_ih, bias_hh = bias_ih * doubling, bias_hh * doubling
        bias_ih[:, : 2 * hidden] += bias_hh[:, : 2 * hidden]
        from_input = _input_product(x, weight_ih, bias_ih)
        new = from_input[..., 2 * hidden :].clone(memory_format=torch.contiguous_format)
        gates = from_input  # reset, update, and what the state adds to new if reset lets it
        gates[..., 2 * hidden :] = bias_hh[:, None, None, 2 * hidden :]
        states = _states_after(h, x.shape[1])
        add_product, transposed = _product(weight_hh.transpose(1, 2))
        minus_one = x.new_tensor(-1)
        last, *steps = _steps(states)
        for step, n, gate, r_z, (r, z, n_h) in zip(
            steps,
            _steps(new),
            _steps(gates),
            _steps(gates[..., : 2 * hidden]),
            zip(*map(_steps, gates.chunk(3, dim=3)), strict=True),
            strict=True,
        ):
            add_product(gate, last, transposed)
            r_z.sigmoid_()
            _doubled_less_one_(n.addcmul_(r, n_h).sigmoid_(), minus_one)
            last = torch.lerp(n, last, z, out=step)
        ctx.save_for_backward(x, weight_ih, weight_hh, gates, new, states)
        return states[:, 1:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the six inputs."""
        refuse_second_derivatives("gru")
        x, weight_ih, weight_hh, gates, new, states = ctx.saved_tensors
        hidden = weight_hh.shape[2]
        d, d_new = _gru_factors(gates, new, states[:, :-1])
        dh = _with_first(gradient)
        add_product, weight = _product(weight_hh)
        *earlier, dh_step = _steps(dh)
        for d_step, d_step_of_gates, dh_of_gates, z, dh_before in zip(
            *map(reversed, (_steps(d), _steps(d.unflatten(3, (3, hidden))))),
            reversed(_steps(dh[:, 1:].unsqueeze(3))),
            reversed(_steps(gates[..., hidden : 2 * hidden])),
            reversed(earlier),
            strict=True,
        ):
            d_step_of_gates.mul_(dh_of_gates)
            dh_step = add_product(dh_before.addcmul_(dh_step, z), d_step, weight)
        d_weight_hh, d_bias_hh = _weight_gradient(d, states[:, :-1]), d.sum((1, 2))
        d[..., 2 * hidden :] = d_new.mul_(dh[:, 1:])  # from here on what the input added to
        of_weights = (_weight_gradient(d, x), d_weight_hh, d.sum((1, 2)), d_bias_hh)
        for rows in of_weights:
            rows[:, 2 * hidden :] *= 2
        return (_input_gradient(ctx, d, weight_ih), dh[:, 0], *of_weights)


def _gru_factors(gates: Tensor, n: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives of the next state by what gates and n were before their functions."""
    r, z, n_h = gates.chunk(3, dim=3)
    d = torch.empty_like(gates)
    d_r, d_z, d_n_h = d.chunk(3, dim=3)
    half = torch.add(z.new_tensor(0.5), z, alpha=-0.5)  # half of 1 - z: what leads to n is doubled
    d_n = _tanh_backward(half, n, grad_input=torch.empty_like(n))
    torch.mul(d_n, r, out=d_n_h)
    _sigmoid_backward(torch.mul(d_n, n_h, out=half), r, grad_input=d_r)
    _sigmoid_backward(torch.sub(h, n, out=half), z, grad_input=d_z)
    return d, d_n


def _doubled_less_one_(x: Tensor, minus_one: Tensor) -> Tensor:
    """Replace x by 2 x - 1."""
    return torch.add(minus_one, x, alpha=2, out=x)


def _input_product(x: Tensor, weight: Tensor, bias: Tensor, out: Tensor | None = None) -> Tensor:
    """Return W x + b of all steps, (directions, time, batch, rows of W)."""
    if out is None:
        out = x.new_empty(*x.shape[:3], weight.shape[1])
    for one, x_of_one, w, b in zip(out, x, weight, bias, strict=True):
        torch.addmm(b, x_of_one.flatten(0, 1), w.t(), out=one.flatten(0, 1))
    return out


def _states_after(h: Tensor, n_steps: int) -> Tensor:
    """Return room for the states of all steps, behind the first state."""
    states = h.new_empty(len(h), n_steps + 1, *h.shape[1:])
    states[:, 0] = h
    return states


def _input_gradient(ctx: Any, d: Tensor, weight: Tensor) -> Tensor | None:
    """Return the gradient of what was read, if it is asked for.

    With few inputs this order of the factors is three times faster than the other.
    """
    if not ctx.needs_input_grad[0]:
        return None
    if weight.shape[2] >= NARROW:
        return d @ weight[:, None]
    products = [w.t() @ d_of_one.flatten(0, 1).t() for d_of_one, w in zip(d, weight, strict=True)]
    return torch.stack(products).transpose(1, 2).unflatten(1, d.shape[1:3])


def _weight_gradient(d: Tensor, read: Tensor) -> Tensor:
    """Return the gradient of the weights that led from what was read to d.

    With few inputs this order of the factors is eight times faster than the other.
    """
    return torch.stack(
        [
            (read_by_one.flatten(0, 1).t() @ d_of_one.flatten(0, 1)).t()
            for read_by_one, d_of_one in zip(read, d, strict=True)
        ]
    )


def _with_first(gradient: Tensor) -> Tensor:
    """Return the gradient with room for that of the first state before it."""
    return torch.cat([torch.zeros_like(gradient[:, :1]), gradient], dim=1)


def _steps(x: Tensor) -> tuple[Tensor, ...]:
    """Return the steps of x, without the axis of directions if there is one only."""
    return x[0].unbind(0) if len(x) == 1 else x.unbind(1)


def _product(weight: Tensor) -> tuple[Any, Tensor]:
    """Return how a step adds the product with the weights in place, and the weights for it."""
    if len(weight) == 1:
        return Tensor.addmm_, weight[0]
    return Tensor.baddbmm_, weight

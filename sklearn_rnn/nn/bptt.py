"""Backpropagation through time, written out for the cells that no CPU kernel fuses.

torch's own GRU and RNN record a dozen operations a step on CPU and differentiate each. Here the
products with the input are one product before the loop; what a step computes lands in one block
that backward reads; the derivatives of the gates are computed for all steps at once; the loop back
in time keeps two or three operations; and the gradients of the weights are one product after it
(Werbos 1990, "Backpropagation through time: what it does and how to do it").

``tanh(a)`` is computed as ``2 sigmoid(2 a) - 1``, three times faster on CPU: the weights that lead
to a tanh are doubled beforehand, so that products come out as ``2 a``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input


class RNNThroughTime(Function):
    """All states of Elman's cell.

    ``apply(x, h, weight_ih, weight_hh, bias_ih, bias_hh)`` with x of shape (time, batch, input)
    and the first state h of shape (batch, hidden) returns (time, batch, hidden).
    """

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
        states, flat_states = _states_after(h, len(x))
        bias = (bias_ih + bias_hh).mul_(2)
        torch.addmm(bias, _flat(x), weight_ih.t(), alpha=2, out=flat_states)
        doubled, minus_one = (2 * weight_hh).t(), x.new_tensor(-1)
        h, *steps = states.unbind(0)
        for step in steps:
            h = _tanh_of_half_(step.addmm_(h, doubled), minus_one)
        ctx.save_for_backward(x, weight_ih, weight_hh, states)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the six inputs."""
        _refuse_second_derivatives()
        x, weight_ih, weight_hh, states = ctx.saved_tensors
        outputs = states[1:]
        d = torch.addcmul(x.new_ones(()), outputs, outputs, value=-1)  # dh/da; in the loop dL/da
        dh = gradient[-1]
        for d_step, earlier in zip(*_backwards(d, _earlier(gradient)), strict=True):
            dh = torch.addmm(earlier, d_step.mul_(dh), weight_hh)
        d = _flat(d)
        d_bias = d.sum(0)
        return (
            (d @ weight_ih).view(x.shape) if ctx.needs_input_grad[0] else None,
            dh,
            _product_over_steps(d, x),
            _product_over_steps(d, states[:-1]),
            d_bias,
            d_bias,
        )


class GRUThroughTime(Function):
    """All states of the GRU, gates stacked reset, update, new as in torch.nn.

    ``apply(x, h, weight_ih, weight_hh, bias_ih, bias_hh)`` with x of shape (time, batch, input)
    and the first state h of shape (batch, hidden) returns (time, batch, hidden).
    """

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
        hidden = weight_hh.shape[1]
        weight_ih, bias_ih = _new_first(weight_ih), _new_first(bias_ih)
        weight_hh, bias_hh = _new_last(weight_hh), _new_last(bias_hh)
        bias_ih[hidden:] += bias_hh[: 2 * hidden]
        # A step's columns: new, reset, update, and what the state adds to new if reset lets it.
        gates = x.new_empty(*x.shape[:2], 4 * hidden)
        torch.addmm(bias_ih, _flat(x), weight_ih.t(), out=_flat(gates)[:, : 3 * hidden])
        gates[:, :, 3 * hidden :] = bias_hh[2 * hidden :]
        states, _ = _states_after(h, len(x))
        n, r, z, n_h = (part.unbind(0) for part in gates.chunk(4, dim=2))
        r_z = gates[:, :, hidden : 3 * hidden].unbind(0)
        from_state = gates[:, :, hidden:].unbind(0)
        transposed, minus_one = weight_hh.t(), x.new_tensor(-1)
        h, *steps = states.unbind(0)
        for t, step in enumerate(steps):
            from_state[t].addmm_(h, transposed)
            r_z[t].sigmoid_()
            _tanh_of_half_(n[t].addcmul_(r[t], n_h[t]), minus_one)
            h = torch.lerp(n[t], h, z[t], out=step)
        ctx.save_for_backward(x, weight_ih, weight_hh, gates, states)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the six inputs."""
        _refuse_second_derivatives()
        x, weight_ih, weight_hh, gates, states = ctx.saved_tensors
        hidden = weight_hh.shape[1]
        d = _gru_factors(gates, states[:-1])
        factors, from_state = d.unflatten(2, (4, hidden)), d[:, :, hidden:]
        z = gates[:, :, 2 * hidden : 3 * hidden]
        dh = gradient[-1]
        steps = zip(*_backwards(factors, from_state, z, _earlier(gradient)), strict=True)
        for factors_step, from_state_step, z_step, earlier in steps:
            factors_step.mul_(dh.unsqueeze(1))
            dh = torch.addcmul(earlier, dh, z_step).addmm_(from_state_step, weight_hh)
        d = _flat(d)
        d_input, d_state = d[:, : 3 * hidden], d[:, hidden:]
        d_bias = d.sum(0)
        return (
            (d_input @ weight_ih).view(x.shape) if ctx.needs_input_grad[0] else None,
            dh,
            _undo_new_first(_product_over_steps(d_input, x)),
            _undo_new_last(_product_over_steps(d_state, states[:-1])),
            _undo_new_first(d_bias[: 3 * hidden]),
            _undo_new_last(d_bias[hidden:]),
        )


def _gru_factors(gates: Tensor, h: Tensor) -> Tensor:
    """Return the derivatives of the next state by what each column was before its function."""
    n, r, z, n_h = gates.chunk(4, dim=2)
    d = torch.empty_like(gates)
    d_n, d_r, d_z, d_n_h = d.chunk(4, dim=2)
    half = torch.add(z.new_tensor(0.5), z, alpha=-0.5)  # half of 1 - z: columns of n are doubled
    _tanh_backward(half, n, grad_input=d_n)
    torch.mul(d_n, r, out=d_n_h)
    _sigmoid_backward(torch.mul(d_n, n_h, out=half), r, grad_input=d_r)
    _sigmoid_backward(torch.sub(h, n, out=half), z, grad_input=d_z)
    return d


def _new_first(rows: Tensor) -> Tensor:
    """Order gates new, reset, update and double new, which leads to a tanh."""
    reset, update, new = rows.chunk(3)
    return torch.cat([2 * new, reset, update])


def _undo_new_first(gradient: Tensor) -> Tensor:
    new, reset, update = gradient.chunk(3)
    return torch.cat([reset, update, 2 * new])


def _new_last(rows: Tensor) -> Tensor:
    """Order gates reset, update, new and double new, which leads to a tanh."""
    reset, update, new = rows.chunk(3)
    return torch.cat([reset, update, 2 * new])


_undo_new_last = _new_last


def _states_after(h: Tensor, n_steps: int) -> tuple[Tensor, Tensor]:
    """Return room for all states, the first filled, and a flat view of the rest."""
    states = h.new_empty(n_steps + 1, *h.shape)
    states[0] = h
    return states, _flat(states[1:])


def _tanh_of_half_(a: Tensor, minus_one: Tensor) -> Tensor:
    """Replace 2 a by tanh(a)."""
    return torch.add(minus_one, a.sigmoid_(), alpha=2, out=a)


def _flat(x: Tensor) -> Tensor:
    """Return x of shape (time, batch, units) as (time * batch, units)."""
    return x.flatten(0, 1)


def _product_over_steps(d: Tensor, read: Tensor) -> Tensor:
    """Return the gradient of the weights that led from what was read to d.

    With few inputs this order of the factors is eight times faster than the other.
    """
    return (_flat(read).t() @ d).t()


def _earlier(gradient: Tensor) -> Tensor:
    """Return for each step the gradient of the output before it; nothing is before the first."""
    return torch.cat([torch.zeros_like(gradient[:1]), gradient[:-1]])


def _backwards(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Return the steps of each tensor, the last first."""
    return [x.unbind(0)[::-1] for x in tensors]


def _refuse_second_derivatives() -> None:
    if torch.is_grad_enabled():  # as it is in backward with create_graph=True only
        raise NotImplementedError(
            "The gradient of a gradient (create_graph=True) is not implemented for the cells "
            "'rnn' and 'gru' on CPU. torch.nn.RNN and torch.nn.GRU have it and take the same "
            "weights."
        )

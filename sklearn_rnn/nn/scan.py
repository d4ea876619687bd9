"""Carry ``h = h + z * (c - h)`` through time where z and c do not depend on h.

There is nothing but elementwise work between the steps then. On CPU a loop of one operation a step
is the fastest; elsewhere all steps of a chunk are computed at once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import logsigmoid

CHUNK = 256
"""Steps computed at once in log space: bounds memory and the size of the sums."""


class LerpThroughTime(Function):
    """All states, (time, batch, hidden), by a loop through time and one back.

    ``apply(h, z, c)`` with the first state h of shape (batch, hidden), and z and c of shape
    (time, batch, hidden).
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, z: Tensor, c: Tensor) -> Tensor:
        """Return the states after each step."""
        states = torch.cat([h[None], torch.empty_like(c)])
        last, *steps = states.unbind(0)
        for step, z_step, c_step in zip(steps, z.unbind(0), c.unbind(0), strict=True):
            last = torch.lerp(last, c_step, z_step, out=step)
        ctx.save_for_backward(z, c, states)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of the three inputs."""
        refuse_second_derivatives("mingru")
        z, c, states = ctx.saved_tensors
        dh = torch.cat([torch.zeros_like(gradient[:1]), gradient])
        *earlier, last = dh.unbind(0)
        for before, keep in zip(reversed(earlier), reversed((1 - z).unbind(0)), strict=True):
            last = before.addcmul_(last, keep)
        return dh[0], dh[1:] * (c - states[:-1]), dh[1:] * z


def scan_in_log_space(h: Tensor, log_z: Tensor, log_keep: Tensor, log_c: Tensor) -> Tensor:
    """Return the same states by cumulative sums, all steps of a chunk at once.

    ``log h_t = s_t + logcumsumexp(log z + log c - s)_t`` with ``s = cumsum(log_keep)`` (Heinsen
    2023, "Efficient parallelization of a ubiquitous sequential computation"). In float64, since s
    grows along a chunk and its digits must not go into h.

    Parameters
    ----------
    h : Tensor of shape (batch, hidden)
        First state, not negative.
    log_z, log_keep, log_c : Tensor of shape (time, batch, hidden)
        Logarithms of z, 1 - z and c > 0.

    Returns
    -------
    Tensor of shape (time, batch, hidden)
    """
    log_h = h.double().clamp_min(torch.finfo(torch.float64).tiny).log()
    chunks = []
    for add, keep in zip((log_z + log_c).split(CHUNK), log_keep.split(CHUNK), strict=True):
        total = keep.double().cumsum(0)
        sums = torch.cat([log_h[None], add - total]).logcumsumexp(0)
        log_states = total + sums[1:]
        log_h = log_states[-1]
        chunks.append(log_states.exp().to(h.dtype))
    return torch.cat(chunks)


def log_positive(v: Tensor) -> Tensor:
    """Return log g(v), where g(v) is v + 1/2 for v >= 0 and sigmoid(v) below."""
    return torch.where(v >= 0, torch.log(v.clamp_min(0) + 0.5), logsigmoid(v))


def positive(v: Tensor) -> Tensor:
    """Return g(v) > 0: v + 1/2 for v >= 0 and sigmoid(v) below."""
    return torch.where(v >= 0, v + 0.5, torch.sigmoid(v))


def refuse_second_derivatives(cell: str) -> None:
    """Raise NotImplementedError in a backward pass that is itself to be differentiated."""
    if torch.is_grad_enabled():  # as it is in backward with create_graph=True only
        raise NotImplementedError(
            f"The gradient of a gradient (create_graph=True) is not implemented for cell='{cell}' "
            "on CPU, whose backward pass is written out by hand. The cells' scan_steps method has "
            "it, slowly."
        )

"""Dropout with an own generator and, along time, one mask for all steps.

A mask held for all steps of a sequence is the variational dropout of Gal and Ghahramani (2016): it
thins the network and leaves the memory of what stays.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn


class Dropout(nn.Module):
    """Zero units of the last axis; the mask is shared along the first axis if there are three.

    Parameters
    ----------
    p : float
        Share of units zeroed in training.
    generator : torch.Generator
        Source of the masks. Tensors elsewhere get masks drawn here and moved there.
    """

    def __init__(self, p: float, generator: Generator) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Return x of shape (time, batch, units) or (batch, units), thinned while training."""
        if not self.training or self.p == 0:
            return x
        return x * keep_mask(x.shape[-2:], self.p, self.generator).to(x)


def keep_mask(shape: tuple[int, ...], p: float, generator: Generator) -> Tensor:
    """Return 0 with probability p, else 1 / (1 - p)."""
    mask = torch.empty(shape, dtype=torch.float32, device=generator.device).uniform_(
        generator=generator
    )
    return mask.ge_(p).mul_(1 / (1 - p))  # half the time of bernoulli_

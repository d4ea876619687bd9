"""Random numbers from a fit's own generator, moved to where the batch is."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def uniform(shape: tuple[int, ...], generator: Generator, device: torch.device) -> Tensor:
    """Return numbers from 0 to below 1."""
    return (
        torch.empty(shape, dtype=torch.float32, device=generator.device)
        .uniform_(generator=generator)
        .to(device)
    )


def normal(shape: tuple[int, ...], generator: Generator, device: torch.device) -> Tensor:
    """Return numbers of mean 0 and standard deviation 1."""
    return (
        torch.empty(shape, dtype=torch.float32, device=generator.device)
        .normal_(generator=generator)
        .to(device)
    )

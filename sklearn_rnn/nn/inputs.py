"""Raw numbers -> what the recurrence reads, inside the model so that it takes raw data."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NumericInput(nn.Module):
    """Standardise channels and make missing numbers harmless and visible.

    A missing number (NaN) becomes zero, the mean, after standardising. Each channel that lacked
    numbers in training has an indicator channel beside it (1 = missing) whose effect is learned.

    Parameters
    ----------
    mean, scale : sequence of float, one a channel
    has_missing : sequence of bool, one a channel
        Which channels get an indicator.
    """

    mean: Tensor
    scale: Tensor
    indicated: Tensor

    def __init__(self, mean: Tensor, scale: Tensor, has_missing: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.to(torch.float32))
        self.register_buffer("scale", scale.to(torch.float32))
        self.register_buffer("indicated", has_missing.nonzero().view(-1))
        self.output_size = len(mean) + len(self.indicated)

    def forward(self, values: Tensor) -> Tensor:
        """Return a Tensor of shape (..., channels + indicators) without NaN."""
        x = ((values - self.mean) / self.scale).nan_to_num(nan=0.0)
        if len(self.indicated) == 0:
            return x
        missing = values.index_select(-1, self.indicated).isnan()
        return torch.cat([x, missing.to(x.dtype)], dim=-1)

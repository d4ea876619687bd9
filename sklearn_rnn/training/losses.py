"""Losses a sample, by the name a target gives."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class CrossEntropy(nn.Module):
    """Cross-entropy of logits (batch, n_classes) and class indices (batch,)."""

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample, shape (batch,)."""
        return functional.cross_entropy(outputs, target, reduction="none")


class SquaredError(nn.Module):
    """Squared error of numbers (batch, n_outputs), averaged over outputs."""

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample, shape (batch,)."""
        return functional.mse_loss(outputs, target, reduction="none").mean(dim=1)


LOSSES: dict[str, type[nn.Module]] = {
    "cross_entropy": CrossEntropy,
    "squared_error": SquaredError,
}

"""Losses a sample, by the name a target gives."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_rnn.nn.kernels import cross_entropy


class OfClasses(nn.Module):
    """A cross-entropy that can be smoothed while training, not while it measures.

    Attributes
    ----------
    label_smoothing : float
        Share of the probability wanted that is spread evenly over all classes (Szegedy et al. 2016,
        "Rethinking the Inception architecture for computer vision").
    """

    label_smoothing = 0.0

    def cross_entropy(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return that of logits (n, n_classes) and classes (n,), 0 where the class is -1."""
        smoothing = self.label_smoothing if self.training else 0.0
        return cross_entropy(logits, target, smoothing)


class CrossEntropy(OfClasses):
    """Cross-entropy of logits (batch, n_classes) and class indices (batch,)."""

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample, shape (batch,)."""
        return self.cross_entropy(outputs, target)


class SquaredError(nn.Module):
    """Squared error of numbers (batch, n_outputs), averaged over outputs."""

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample, shape (batch,)."""
        return functional.mse_loss(outputs, target, reduction="none").mean(dim=1)


class StepCrossEntropy(OfClasses):
    """Weighted cross-entropy of the steps of a sequence, added up.

    Parameters
    ----------
    outputs : Tensor of shape (batch, time, n_classes)
    target : tuple of class indices (batch, time), -1 for none, and weights (batch, time)
    """

    def forward(self, outputs: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        """Return the loss of each sample, shape (batch,)."""
        labels, weight = target
        loss = self.cross_entropy(outputs.flatten(0, 1), labels.flatten())
        return (loss.view_as(weight) * weight).sum(dim=1)


class StepSquaredError(nn.Module):
    """Weighted squared error of the steps of a sequence, averaged over outputs, added up.

    Parameters
    ----------
    outputs : Tensor of shape (batch, time, n_outputs)
    target : tuple of numbers (batch, time, n_outputs), NaN for none, and weights (batch, time)
    """

    def forward(self, outputs: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        """Return the loss of each sample, shape (batch,)."""
        numbers, weight = target
        error = (outputs - numbers).nan_to_num(nan=0.0)
        return (error.square().mean(dim=2) * weight).sum(dim=1)


class StepSquaredErrorAndEnd(StepSquaredError):
    """The same, and cross-entropy of the last output, which says whether a step is the last.

    Parameters
    ----------
    outputs : Tensor of shape (batch, time, n_outputs + 1)
    target : tuple of numbers and 0 or 1 (batch, time, n_outputs + 1), and weights (batch, time)
    """

    def forward(self, outputs: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        """Return the loss of each sample, shape (batch,)."""
        entries, weight = target
        of_end = functional.binary_cross_entropy_with_logits(
            outputs[..., -1], entries[..., -1], reduction="none"
        )
        of_numbers = super().forward(outputs[..., :-1], (entries[..., :-1], weight))
        return of_numbers + (of_end * weight).sum(dim=1)


class NegativeLogLikelihood(nn.Module):
    """Weighted negative log-likelihood of the steps of a sequence, added up.

    Parameters
    ----------
    outputs : Tensor of shape (batch, time, 1)
        The log-likelihood of what stands at each step.
    target : tuple of what stands there and weights (batch, time)
    """

    def forward(self, outputs: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        """Return the loss of each sample, shape (batch,)."""
        _, weight = target
        return -(outputs[..., 0] * weight).sum(dim=1)


def loss_of_prefixes(
    criterion: nn.Module, outputs: Tensor, target: Tensor, lengths: Tensor, share: float
) -> Tensor:
    """Return the loss at the end of each sequence and the mean of those after its steps, mixed.

    Parameters
    ----------
    criterion : Module
        The loss of outputs (n, n_outputs) and targets (n, ...), shape (n,).
    outputs : Tensor of shape (batch, time, n_outputs)
        After each step.
    target : Tensor of shape (batch, ...)
    lengths : Tensor of shape (batch,)
        A sequence of no steps has one answer, in the place of its first.
    share : float
        Of the mean, from 0 to 1.

    Returns
    -------
    Tensor of shape (batch,)
    """
    n_answers = lengths.clamp(min=1)
    n_steps = outputs.shape[1]
    repeated = target.repeat_interleave(n_steps, dim=0)
    losses = criterion(outputs.flatten(0, 1), repeated).unflatten(0, (-1, n_steps))
    inside = torch.arange(n_steps, device=lengths.device) < n_answers[:, None]
    mean = torch.where(inside, losses, 0.0).sum(dim=1) / n_answers
    return torch.lerp(at_end(losses, lengths), mean, share)


def at_end(of_steps: Tensor, lengths: Tensor) -> Tensor:
    """Return what stands at the last step of each sequence, (batch, ...) of (batch, time, ...).

    Of a sequence of no steps that is what stands at the first.
    """
    return of_steps[torch.arange(len(lengths), device=lengths.device), (lengths - 1).clamp(min=0)]


LOSSES: dict[str, type[nn.Module]] = {
    "cross_entropy": CrossEntropy,
    "squared_error": SquaredError,
    "step_cross_entropy": StepCrossEntropy,
    "step_squared_error": StepSquaredError,
    "step_squared_error_and_end": StepSquaredErrorAndEnd,
    "negative_log_likelihood": NegativeLogLikelihood,
}

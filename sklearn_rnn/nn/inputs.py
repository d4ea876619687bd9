"""Raw numbers and codes -> what the network reads, inside the model so that it takes raw data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from sklearn_rnn.nn.dropout import Dropout

UNKNOWN_SHARE = 0.25
"""A category met n times is taken for unknown in a share of 0.25 / (n + 0.25) of its training steps
(Kiperwasser and Goldberg 2016), so that "unknown" is trained too."""

START_STD = 0.3
"""Of starting vectors: small beside standardised numbers, so that what is met often comes to stand
out. Measured on texts, see ``docs/defaults.rst``."""


class NumericInput(nn.Module):
    """Standardise channels and make missing numbers harmless and visible, and small changes too.

    A missing number (NaN) becomes zero, the mean, after standardising. Each channel that lacked
    numbers in training has an indicator channel beside it (1 = missing) whose effect is learned.
    A channel may also have its differences beside it, the change since the step before, by their
    own scale: zero at the first step and beside a missing number.

    Parameters
    ----------
    mean, scale : Tensor of shape (n_channels,)
    has_missing : Tensor of shape (n_channels,), bool
        Which channels get an indicator.
    differenced : Tensor of shape (n_channels,), bool, optional
        Which channels get their differences. With any, time is the first axis of what is read.
    step_scale : Tensor of shape (n_channels,), optional
        What differences are divided by.
    """

    mean: Tensor
    scale: Tensor
    indicated: Tensor
    differenced: Tensor
    step_scale: Tensor

    def __init__(
        self,
        mean: Tensor,
        scale: Tensor,
        has_missing: Tensor,
        differenced: Tensor | None = None,
        step_scale: Tensor | None = None,
    ) -> None:
        super().__init__()
        if differenced is None or step_scale is None:
            differenced, step_scale = torch.zeros_like(has_missing), torch.ones_like(scale)
        self.register_buffer("mean", mean.to(torch.float32))
        self.register_buffer("scale", scale.to(torch.float32))
        self.register_buffer("indicated", has_missing.nonzero().view(-1))
        self.register_buffer("differenced", differenced.nonzero().view(-1))
        self.register_buffer("step_scale", step_scale[differenced].to(torch.float32))
        self.output_size = len(mean) + len(self.indicated) + len(self.differenced)

    def forward(self, values: Tensor) -> Tensor:
        """Return a Tensor of shape (..., channels + indicators + differences) without NaN."""
        parts = [((values - self.mean) / self.scale).nan_to_num(nan=0.0)]
        if len(self.indicated) > 0:
            parts.append(values.index_select(-1, self.indicated).isnan().to(parts[0].dtype))
        if len(self.differenced) > 0:
            x = values.index_select(-1, self.differenced)
            changes = x.diff(dim=0, prepend=x[:1]) / self.step_scale
            parts.append(changes.nan_to_num(nan=0.0))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


class CategoricalInput(nn.Module):
    """A learned vector for each category, and one for all that are rare or unknown.

    Parameters
    ----------
    counts : Tensor of shape (n_codes,)
        How often each code is met in an epoch.
    min_frequency : int
        Codes met less often share the vector of the unknown.
    size : int or "auto"
        Of the vectors; see :func:`embedding_size`.
    generator : torch.Generator
        Source of starting vectors and of what is taken for unknown.
    """

    places: Tensor
    unknown_share: Tensor

    def __init__(
        self, counts: Tensor, min_frequency: int, size: int | str, generator: Generator
    ) -> None:
        super().__init__()
        kept = counts >= min_frequency
        n_kept = int(kept.sum())
        self.output_size = embedding_size(n_kept) if isinstance(size, str) else size
        self.register_buffer("places", torch.where(kept, kept.cumsum(0), 0))
        share = UNKNOWN_SHARE / (counts[kept] + UNKNOWN_SHARE)
        self.register_buffer("unknown_share", functional.pad(share.to(torch.float32), (1, 0)))
        self.embedding = nn.utils.skip_init(
            nn.Embedding, n_kept + 1, self.output_size, dtype=torch.float32
        )
        self.generator = generator
        with torch.no_grad():
            self.embedding.weight.normal_(std=START_STD, generator=generator)

    def forward(self, codes: Tensor) -> Tensor:
        """Return a Tensor of shape (..., output_size) for codes of shape (...)."""
        places = self.places[codes]
        if self.training:
            draw = torch.empty(places.shape, dtype=torch.float32, device=self.generator.device)
            draw.uniform_(generator=self.generator)
            places = places.masked_fill(draw.to(places.device) < self.unknown_share[places], 0)
        return self.embedding(places)


def embedding_size(n_categories: int) -> int:
    """Return a size that grows slowly with the number of categories, 64 at most.

    The rule ``1.6 n ** 0.56`` is that of fastai (Howard and Gugger 2020).
    """
    return min(64, max(1, round(1.6 * n_categories**0.56)))


class MixedInput(nn.Module):
    """Numbers and categories side by side.

    Parameters
    ----------
    numeric : NumericInput
    categorical : sequence of CategoricalInput, one a categorical channel
    dropout : Dropout, optional
        On all of it.
    """

    def __init__(
        self,
        numeric: NumericInput,
        categorical: Sequence[CategoricalInput] = (),
        dropout: Dropout | None = None,
    ) -> None:
        super().__init__()
        self.numeric = numeric
        self.categorical = nn.ModuleList(categorical)
        self.dropout = dropout
        self.output_size = numeric.output_size + sum(part.output_size for part in categorical)

    def forward(self, values: Tensor, codes: Tensor | None = None) -> Tensor:
        """Return a Tensor of shape (..., output_size)."""
        parts = []
        if self.numeric.output_size > 0 or codes is None:
            parts.append(self.numeric(values))
        if codes is not None:
            parts += [part(codes[..., i]) for i, part in enumerate(self.categorical)]
        x = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
        return x if self.dropout is None else self.dropout(x)

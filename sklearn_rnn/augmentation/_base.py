"""What an augmentation is, and how several change a batch in turn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Generator, Tensor

from sklearn_rnn._params import Rule, check_parameters
from sklearn_rnn.data.batching import Batch


class Channels(NamedTuple):
    """What the training sequences were like before any augmentation.

    Attributes
    ----------
    mean, std : Tensor of shape (n_channels,), float32
        Of each numeric channel over its steps that are not missing, in its own units. The std of a
        constant channel is 0.
    """

    mean: Tensor
    std: Tensor

    def to(self, device: torch.device) -> Channels:
        """Return the same on a device."""
        return Channels(*(x.to(device) for x in self))


class Augmentation(ABC):
    """A random change to the sequences of a training batch.

    Derive a class from it to write your own: a frozen dataclass of its parameters, by which it is
    then copied, compared and pickled, with one method, :meth:`apply`.

    Examples
    --------
    The sign of half of the sequences has no meaning:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_rnn import RNNRegressor
    >>> from sklearn_rnn.augmentation import Augmentation
    >>> @dataclass(frozen=True)
    ... class FlipSign(Augmentation):
    ...     p: float = 0.5
    ...
    ...     def apply(self, values, codes, lengths, channels, generator):
    ...         drawn = torch.rand(len(values), 1, 1, generator=generator)
    ...         sign = torch.where(drawn < self.p, -1.0, 1.0)
    ...         return values * sign.to(values.device), codes, lengths
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=n) for n in rng.integers(5, 15, size=60)]
    >>> y = [abs(x.sum()) for x in X]
    >>> model = RNNRegressor(augmentation=FlipSign(), hidden_size=4, max_epochs=2, random_state=0)
    >>> model.fit(X, y).predict(X[:3]).shape
    (3,)
    """

    keeps_steps: ClassVar[bool] = False
    """Whether each step stays the step it was, as estimators that answer at each step need it."""

    _parameter_rules: ClassVar[Mapping[str, Rule]] = {}

    def __post_init__(self) -> None:
        check_parameters(type(self).__name__, vars(self), self._parameter_rules)

    @abstractmethod
    def apply(
        self,
        values: Tensor,
        codes: Tensor | None,
        lengths: Tensor,
        channels: Channels,
        generator: Generator,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return the batch changed; what is passed is not to be written to.

        All sequences of the batch are changed at once. Steps at and behind a sequence's length are
        padding, any numbers: they must not get into the sequence, and what they become is of no
        matter. A fit's result depends on the draws, so all of them come from the generator.

        Parameters
        ----------
        values : Tensor of shape (batch, time, n_channels), float32
            In the units of X, NaN where a number is missing. In memory time comes first (a
            transposed view).
        codes : Tensor of shape (batch, time, n_categorical), int32, or None
            Categories; 1 stands for a missing one and 0 for one that was not there in ``fit``.
        lengths : Tensor of shape (batch,), int64
            Steps of each sequence; 0 is possible where static columns stand beside the sequences.
        channels : Channels
            Mean and standard deviation of each channel.
        generator : torch.Generator
            Source of all randomness, on CPU: draws are moved to ``values.device``.

        Returns
        -------
        values, codes, lengths
            As those passed; the time axis may be longer or shorter. A sequence that has steps keeps
            at least one, and one that has none gets none.
        """


def are_augmentations(value: Any) -> bool:
    """Tell whether a value is a list or tuple of augmentations, not of their classes."""
    return isinstance(value, list | tuple) and all(isinstance(a, Augmentation) for a in value)


def in_turn(augmentation: Augmentation | Sequence[Augmentation] | None) -> list[Augmentation]:
    """Return what an estimator's parameter stands for."""
    if augmentation is None:
        return []
    return [augmentation] if isinstance(augmentation, Augmentation) else list(augmentation)


def augmenting(
    augmentation: Augmentation | Sequence[Augmentation] | None, channels: Channels
) -> Callable[[Batch, Generator], Batch] | None:
    """Return the function that changes a batch by all augmentations in turn; None if by none."""
    augmentations = in_turn(augmentation)
    if not augmentations:
        return None

    def augment(batch: Batch, generator: Generator) -> Batch:
        values, codes, lengths = batch.values, batch.codes, batch.lengths
        for each in augmentations:
            result = each.apply(values, codes, lengths, channels, generator)
            _check(each, (values, codes, lengths), result)
            values, codes, lengths = result
        return replace(
            batch,
            values=_time_first(values),
            codes=None if codes is None else _time_first(codes),
            lengths=lengths,
        )

    return augment


def _time_first(x: Tensor) -> Tensor:
    """Return x of shape (batch, time, ...) laid out as the recurrence reads it."""
    return x.transpose(0, 1).contiguous().transpose(0, 1)


def _check(augmentation: Augmentation, given: tuple, result: Any) -> None:
    """Refuse what is no batch of the same sequences."""
    if not isinstance(result, tuple) or len(result) != 3:
        raise TypeError(
            f"apply of {augmentation!r} must return a tuple of values, codes and lengths. "
            f"Got {type(result).__name__} instead."
        )
    values = result[0]
    n_steps = max(values.shape[1], 1) if isinstance(values, Tensor) and values.ndim > 1 else 1
    for name, before, after in zip(("values", "codes", "lengths"), given, result, strict=True):
        wanted, got = _in_words(before, n_steps), _in_words(after)
        if wanted != got:
            raise ValueError(
                f"The {name} that apply of {augmentation!r} returns must be {wanted}. "
                f"Got {got} instead."
            )
    lengths, new = given[2], result[2]
    wrong = (new < lengths.clamp(max=1)) | (new > n_steps * lengths.clamp(max=1))
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ValueError(
            f"apply of {augmentation!r} must return lengths of 1 to the {n_steps} steps of its "
            f"values (0 for a sequence of 0 steps). Got {int(new[row])} for a sequence of "
            f"{int(lengths[row])} steps."
        )


def _in_words(x: Any, n_steps: int | None = None) -> str:
    """Return type and shape of a tensor, with another number of steps if given."""
    if not isinstance(x, Tensor):
        return repr(x)
    shape = list(x.shape)
    if n_steps is not None and x.ndim > 1:
        shape[1] = n_steps
    return f"a {x.dtype} tensor of shape {tuple(shape)}"

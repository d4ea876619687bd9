"""What ``step_importance`` explains: a number of each answer, by what the network reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from sklearn_rnn._language_model import RNNLanguageModel
from sklearn_rnn._params import an_int
from sklearn_rnn._seq2seq import BaseSeq2Seq
from sklearn_rnn._step import BaseStep
from sklearn_rnn.data.batching import DeviceInputs, SequenceTargets
from sklearn_rnn.data.inputs import Feature, Inputs
from sklearn_rnn.data.targets import ClassTarget
from sklearn_rnn.data.vocabulary import Vocabulary
from sklearn_rnn.inspection._preparing import module_to_look_into
from sklearn_rnn.nn.inputs import CategoricalInput, MixedInput

_LAST = -1

# -- what is explained ----------------------------------------------------------------------------


class Explained(NamedTuple):
    """What was read of X, and which number of each row is explained."""

    inputs: Inputs
    target: Any
    places: np.ndarray | None  # (n_samples,): which of several answers of a row
    entries: SequenceTargets | None  # answers that the network reads too
    longest: np.ndarray  # (n_samples,): steps of a row that memory is needed for

    @property
    def unit(self) -> float:
        """What differences are large or small beside."""
        return 1.0 if isinstance(self.target, ClassTarget) else float(self.target.scale.min())

    def number(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """Return what is explained of outputs (batch, n_outputs): a number for each row."""
        chosen = outputs.gather(1, wanted[:, None])[:, 0]
        target = self.target
        if isinstance(target, ClassTarget):
            others = outputs.scatter(1, wanted[:, None], -torch.inf)
            return chosen - others.logsumexp(dim=1)
        mean, scale = (torch.from_numpy(x).to(outputs) for x in (target.mean, target.scale))
        return chosen * scale[wanted] + mean[wanted]


def read_explained(estimator: Any, X: Any, step: int | None) -> Explained:
    module, target, device = estimator._module, estimator._target, estimator.net_.device
    has_steps = isinstance(estimator, BaseStep | BaseSeq2Seq)
    if step is not None and not has_steps:
        raise ValueError(
            f"The 'step' parameter of step_importance must be None for {type(estimator).__name__}, "
            f"which has one answer a sequence. Got {step!r} instead."
        )
    if isinstance(estimator, RNNLanguageModel):
        inputs = target.inputs(estimator._read_tokens(X))
        lengths = inputs.sequences.lengths
        return Explained(inputs, target, lengths - 1, None, lengths)
    inputs = estimator._read_X(X, reset=False)
    lengths = inputs.sequences.lengths
    if not has_steps:
        return Explained(inputs, target, None, None, lengths)
    entries = None
    n_answers, offsets = lengths, inputs.sequences.offsets
    if isinstance(estimator, BaseSeq2Seq):
        n_steps = estimator._read_n_steps(None, len(inputs))
        said, n_answers = estimator._write(module, inputs, n_steps)
        offsets = np.concatenate([[0], np.cumsum(n_answers)])
    elif target.feeds_network:
        outputs = torch.from_numpy(estimator._run(inputs, module))
        said = module.encoder.feedback.said(outputs).numpy()
    if isinstance(estimator, BaseSeq2Seq) or target.feeds_network:
        said = said.astype(np.float32) if said.dtype.kind == "f" else said
        entries = SequenceTargets(said, np.ones(len(said)), offsets, torch.device(device))
    places = _places(_LAST if step is None else int(step), n_answers)
    return Explained(inputs, target, places, entries, np.maximum(lengths, n_answers))


def _places(step: int, n_answers: np.ndarray) -> np.ndarray:
    places = np.full(len(n_answers), step) if step >= 0 else n_answers + step
    outside = np.flatnonzero((places < 0) | (places >= n_answers))
    if len(outside):
        raise ValueError(
            f"The 'step' parameter of step_importance must be a step of all answers, but that to "
            f"row {outside[0]} of X has {n_answers[outside[0]]} step(s) ({len(outside)} such "
            f"row(s)). Got {step} instead."
        )
    return places


def choice_of_output(estimator: Any, output: Any) -> Callable[[Tensor], Tensor]:
    """Return which of the outputs (batch, n_outputs) are explained, (batch,)."""
    target = estimator._target
    if isinstance(target, ClassTarget):
        if output is None:
            return lambda outputs: outputs.argmax(dim=1)
        classes = target.classes.tolist()
        if output not in classes:
            raise ValueError(
                "The 'output' parameter of step_importance must be one of the classes of the "
                f"model, {classes}. Got {output!r} instead."
            )
        place = classes.index(output)
    else:
        n_numbers = len(target.mean)
        place = 0 if output is None and n_numbers == 1 else output
        if not an_int(0).accepts(place) or place >= n_numbers:
            raise ValueError(
                f"The 'output' parameter of step_importance must be an int from 0 to "
                f"{n_numbers - 1}, one of the model's {n_numbers} number(s). Got {output!r} "
                "instead."
            )
    return lambda outputs: torch.full((len(outputs),), int(place), device=outputs.device)


# -- the network, from what it makes of raw inputs on ---------------------------------------------


class _AsGiven(nn.Module):
    """Stand-in for :class:`MixedInput`: what it would return is given."""

    def __init__(self, output_size: int) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, values: Tensor, codes: Tensor | None = None) -> Tensor:
        return values


class _Columns:
    """What a :class:`MixedInput` returns: to which column of X each number belongs.

    Parameters
    ----------
    part : MixedInput
    features : tuple of Feature
        The columns of X.
    numbers : Tensor of shape (n_numbers,) or None
        That tell nothing, in the units of X; without, zero after standardising.
    """

    def __init__(
        self, part: MixedInput, features: tuple[Feature, ...], numbers: Tensor | None
    ) -> None:
        of_numbers: list[int] = []
        of_categories: list[int] = []
        self.width = 0
        for feature in features:
            if feature.vocabulary is not None:
                of_categories.append(self.width)
                self.width += 1
            elif feature.kind == "times":
                of_numbers += [self.width] * feature.n_numbers
                self.width += 1
            else:
                of_numbers += range(self.width, self.width + feature.n_numbers)
                self.width += feature.n_numbers
        numeric, categorical = part.numeric, cast(list[CategoricalInput], list(part.categorical))
        owners = [
            *of_numbers,
            *(of_numbers[i] for i in numeric.indicated.tolist()),
            *(of_numbers[i] for i in numeric.differenced.tolist()),
            *(o for i, o in enumerate(of_categories) for _ in range(categorical[i].output_size)),
        ]
        self._owners = np.eye(self.width)[owners]
        start = torch.zeros_like(numeric.mean)
        if numbers is not None:
            start = (numbers.to(numeric.mean) - numeric.mean) / numeric.scale
        unknown = [c.embedding.weight[0] for c in categorical]
        n_beside = len(numeric.indicated) + len(numeric.differenced)
        self.baseline = torch.cat([start, start.new_zeros(n_beside), *unknown])

    def folded(self, attributions: Tensor) -> np.ndarray:
        """Return attributions (..., numbers) summed over what belongs to a column of X."""
        return attributions.detach().cpu().numpy().astype(np.float64) @ self._owners


class _Batch(NamedTuple):
    """What the network reads of a batch, what tells nothing, and what stays the same."""

    inputs: tuple[Tensor, ...]
    baselines: tuple[Tensor, ...]
    fixed: tuple[Tensor, ...]


class ExplainedNetwork:
    """The network as a function of what it makes of the steps and of static columns."""

    def __init__(
        self, estimator: Any, explained: Explained, baseline: Any, *, explain_static: bool
    ) -> None:
        net = estimator.net_
        self._module = module_to_look_into(net)
        self._explained = explained
        self._explain_static = explain_static
        self._on_device = DeviceInputs(explained.inputs, net.device)
        self._foretells = isinstance(estimator, RNNLanguageModel)
        encoder = self._module.encoder
        self._part = encoder.inputs
        encoder.inputs = _AsGiven(self._part.output_size)
        of_steps, of_static = ((_TOKEN,), ()) if self._foretells else estimator._schema
        numbers = _numbers_of(baseline, net.channels.mean)
        self.steps = _Columns(self._part, of_steps, numbers)
        self._static_part = self.static = None
        if explained.inputs.static is not None:
            self._static_part = encoder.static.inputs
            encoder.static.inputs = _AsGiven(self._static_part.output_size)
            self.static = _Columns(self._static_part, of_static, None)

    def gather(self, rows: np.ndarray) -> _Batch:
        """Return these samples."""
        batch = self._on_device.gather(rows)
        with torch.no_grad():
            codes = None if batch.codes is None else batch.codes.transpose(0, 1)
            x = self._part(batch.values.transpose(0, 1), codes).transpose(0, 1)
        start = self.steps.baseline.expand_as(x).clone()
        if self._foretells:
            start[:, 0] = x[:, 0]  # the start of a text is there in any case
        inputs, baselines, fixed = [x], [start], [batch.lengths]
        if self.static is not None and self._static_part is not None:
            with torch.no_grad():
                of_static = self._static_part(batch.static_values, batch.static_codes)
            (inputs if self._explain_static else fixed).append(of_static)
            baselines += [self.static.baseline.expand_as(of_static)] * self._explain_static
        if self._explained.places is not None:
            fixed.append(torch.from_numpy(self._explained.places[rows]).to(x.device))
        if self._explained.entries is not None:
            fixed.append(self._explained.entries.gather(rows)[0])
        return _Batch(tuple(inputs), tuple(baselines), tuple(fixed))

    def outputs(self, x: Tensor, *others: Tensor) -> Tensor:
        """Return the outputs (batch, n_outputs) of what :meth:`gather` returned, end to end."""
        rest = list(others)
        of_static = rest.pop(0) if self._explain_static else None
        lengths = rest.pop(0)
        if self.static is not None and not self._explain_static:
            of_static = rest.pop(0)
        named = {} if of_static is None else {"static_values": of_static}
        if self._explained.places is None:
            return self._module(x, lengths, **named)
        place, *entries = rest
        row = torch.arange(len(x), device=x.device)
        if self._foretells:
            read = self._module.encoder(x, lengths)
            return self._module.head(read[place, row])
        if entries:
            named["targets"] = entries[0]
        return self._module(x, lengths, **named)[row, place]


_TOKEN = Feature((), "categories", 0, Vocabulary(pa.array([], pa.large_string())), "X")


def _numbers_of(baseline: Any, means: Tensor) -> Tensor:
    """Return numbers that tell nothing, one for each numeric channel."""
    if baseline is None:
        return means
    numbers = np.asarray(baseline)
    is_wrong = numbers.dtype.kind not in "iuf" or numbers.shape != tuple(means.shape)
    if is_wrong or not np.isfinite(numbers).all():
        raise ValueError(
            "The 'baseline' parameter of step_importance must be None or finite numbers, one for "
            f"each of {len(means)} numeric channel(s). Got {baseline!r} instead."
        )
    return torch.from_numpy(numbers.astype(np.float32))

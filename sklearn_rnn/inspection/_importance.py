"""How much each step and channel adds to a prediction."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from sklearn_rnn._language_model import RNNLanguageModel
from sklearn_rnn._params import a_bool, an_instance, an_int, none
from sklearn_rnn._seq2seq import BaseSeq2Seq
from sklearn_rnn._step import BaseStep
from sklearn_rnn.data.batching import DeviceInputs, SequenceTargets, cut_to_steps
from sklearn_rnn.data.inputs import Feature, Inputs
from sklearn_rnn.data.ragged import places_of, split_at
from sklearn_rnn.data.targets import ClassTarget
from sklearn_rnn.data.vocabulary import Vocabulary
from sklearn_rnn.inspection._preparing import check_estimator, check_options, module_to_look_into
from sklearn_rnn.nn.inputs import CategoricalInput, MixedInput

MAX_STEPS = 1 << 16
"""Padded steps that go through the network at once, all points of the path counted."""

CLOSE, TOLERANCE = 0.02, 0.05
"""How far a sum may be off the difference of predictions, in parts of it, for no further points to
be taken, and for no warning."""

SMALL = 0.25
"""A difference below this, in log-odds or standard deviations of y, counts as this."""

LAST = -1


def step_importance(
    estimator: Any,
    X: ArrayLike,
    *,
    output: Any = None,
    step: int | None = None,
    baseline: ArrayLike | None = None,
    n_steps: int = 50,
    return_static: bool = False,
) -> Any:
    """Return how much each step and channel of sequences adds to a prediction.

    Integrated gradients [1]_: the gradient of the prediction by the inputs, integrated along the
    straight way from a baseline that tells nothing to the sequence itself. The importances of a
    sequence sum up to the difference between its prediction and that of the baseline. They are
    computed by `captum <https://captum.ai>`_, which is installed with
    ``pip install sklearn-rnn[inspection]``.

    What is explained is a number: for labels and tokens the log-odds of a class, ``log(p / (1 -
    p))``, for regressors the prediction in the units of y.

    Parameters
    ----------
    estimator : fitted estimator of sklearn_rnn
    X : sequences of n_samples
        In any form that ``predict`` takes.
    output : label or int, optional
        The class, or token, whose log-odds are explained; without, the one that is predicted, for
        each sequence its own. For regressors of several numbers the place of one of them.
    step : int, optional
        For estimators that answer at each step, the step whose answer is explained; negative ones
        count from the end, and the last is taken without. For encoder/decoders the entry of the
        answer that they write themselves, -1 for its last. Not used by the others.
    baseline : array-like of shape (n_numbers,), optional
        Number(s) a step that tell nothing, in the units of X, one for each numeric channel;
        without, the channels' means in ``fit``. At each step of the baseline categories are unknown
        and no number is missing. Changes between steps, which the network may read beside the
        numbers, are zero there and count for the later step.
    n_steps : int, default=50
        Points of the way at which gradients are computed. Sequences whose sum is then more than 2%
        beside the difference of the predictions get four times as many, and again: gated networks
        change steeply at some point of the way.
    return_static : bool, default=False
        Also explain what stands beside the sequences. Without, static columns are the same all the
        way, and the difference is that of the sequences alone.

    Returns
    -------
    importance : ndarray of shape (n_samples,), dtype=object
        For each sequence an array of shape (n_steps, n_channels), float64: positive where the
        step's value raises what is explained. Channels come in the order of X; a categorical
        channel, token or time has one number a step, and what a missing number tells counts to its
        channel.
    static_importance : ndarray of shape (n_samples, n_static), float64
        Only with ``return_static=True``; static columns in the order of X. Their baseline is the
        mean, or 0 with ``standardize=False``, and the unknown category.

    Raises
    ------
    ImportError
        If captum is not installed.
    NotFittedError
        If the estimator is not fitted.
    ValueError, TypeError
        If a parameter or X is not as described.

    Warns
    -----
    UserWarning
        Where importances sum up to more than 5% beside the difference of the predictions.

    Notes
    -----
    The network is a function of all steps: an importance tells what a value adds beside the others
    of its sequence. An embedding's importance is that of the whole learned vector. Where answers
    are fed back (``output_feedback=True``, encoder/decoders), those before the one explained are
    kept as the network gave them.

    :class:`~sklearn_rnn.RNNLanguageModel` is explained in the token that comes next: the most
    probable one, the end maybe, or that of ``output``.

    References
    ----------
    .. [1] Sundararajan, M., Taly, A. and Yan, Q. (2017). Axiomatic attribution for deep networks.
           ICML.

    Examples
    --------
    The label is the sign of the first step, the rest is noise:

    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import step_importance
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(4, 8, size=60)]
    >>> y = [int(x[0, 0] > 0) for x in X]
    >>> model = RNNClassifier(hidden_size=8, pooling="last", max_epochs=30, random_state=0)
    >>> importance = step_importance(model.fit(X, y), X[:2])
    >>> importance[0].shape == X[0].shape
    True
    >>> [int(np.abs(steps[:, 0]).argmax()) for steps in importance]
    [0, 0]
    """
    check_estimator(estimator, "step_importance")
    check_options(
        "step_importance",
        {"n_steps": n_steps, "return_static": return_static, "step": step},
        {
            "n_steps": an_int(1),
            "return_static": a_bool(),
            "step": an_instance((int, np.integer), "an int") | none(),
        },
    )
    integrated_gradients = _captum()
    explained = _read(estimator, X, step)
    if return_static and explained.inputs.static is None:
        raise ValueError(
            "The 'return_static' parameter of step_importance must be False where X has no columns "
            "of single values beside the sequences. Got True instead."
        )
    network = _Network(estimator, explained, baseline, explain_static=return_static)
    integral = _Integral(network, explained, _choice(estimator, output), integrated_gradients)
    pending = np.arange(len(explained.inputs))
    for n_points in (n_steps, 4 * n_steps, 16 * n_steps):
        integral.take(pending, n_points)
        pending = np.flatnonzero(integral.error > CLOSE)
    _warn_of_gaps(integral.error, n_steps)
    importance = split_at(integral.steps, explained.inputs.sequences.lengths)
    if isinstance(estimator, RNNLanguageModel):
        importance[:] = [of_row[1:] for of_row in importance]  # the start is no token
    return (importance, integral.static) if return_static else importance


class _Integral:
    """Importances of all rows, and how near their sums are to what they should be."""

    def __init__(
        self, network: _Network, explained: _Explained, choose: Any, method: type[Any]
    ) -> None:
        self._network = network
        self._explained = explained
        self._choose = choose
        self._method = method
        n_rows, n_columns = len(explained.inputs), network.steps.width
        self.steps = np.zeros((len(explained.inputs.sequences.values), n_columns))
        self.static = np.zeros((n_rows, network.static.width if network.static else 0))
        self._sums, self._differences = np.zeros((2, n_rows))

    @property
    def error(self) -> np.ndarray:
        """How far sums are off the differences of predictions, in parts of their size."""
        size = np.maximum(abs(self._differences), SMALL * self._explained.unit)
        return abs(self._sums - self._differences) / size

    def take(self, rows: np.ndarray, n_points: int) -> None:
        """Integrate over so many points for some rows, as many rows at once as memory allows."""
        longest = self._explained.longest
        order = rows[np.argsort(longest[rows], kind="stable")]
        for part in cut_to_steps(order, longest, max(MAX_STEPS // n_points, 1)):
            self._take_batch(part, n_points)

    def _take_batch(self, rows: np.ndarray, n_points: int) -> None:
        network, explained = self._network, self._explained
        batch = network.gather(rows)
        with torch.no_grad():
            outputs = network.outputs(*batch.inputs, *batch.fixed)
            wanted = self._choose(outputs)
            difference = explained.number(outputs, wanted) - explained.number(
                network.outputs(*batch.baselines, *batch.fixed), wanted
            )

        def number(*tensors: Tensor) -> Tensor:
            *given, wanted = tensors
            return explained.number(network.outputs(*given), wanted)

        attributions = self._method(number).attribute(
            batch.inputs,
            batch.baselines,
            additional_forward_args=(*batch.fixed, wanted),
            n_steps=n_points,
        )
        self._sums[rows] = sum(a.flatten(1).sum(1).cpu().numpy() for a in attributions)
        self._differences[rows] = difference.cpu().numpy()
        sequences = explained.inputs.sequences
        inside = np.arange(attributions[0].shape[1]) < sequences.lengths[rows, None]
        of_steps = network.steps.folded(attributions[0])[inside]
        self.steps[places_of(sequences.offsets, rows)] = of_steps
        if network.static is not None and len(attributions) > 1:
            self.static[rows] = network.static.folded(attributions[1])


def _warn_of_gaps(error: np.ndarray, n_steps: int) -> None:
    rows = np.flatnonzero(error > TOLERANCE)
    if len(rows):
        warnings.warn(
            f"The importances of {len(rows)} of {len(error)} sequence(s), row {rows[0]} first, sum "
            f"up to more than {TOLERANCE:.0%} beside the difference between the predictions for "
            "them and for the baseline: on the way there the prediction changes too steeply for "
            f"n_steps={n_steps}. Raise n_steps, or give a baseline that is nearer.",
            UserWarning,
            stacklevel=3,
        )


def _captum() -> Any:
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise ImportError(
            "step_importance computes integrated gradients by captum, which is not installed. "
            "Install it with 'pip install sklearn-rnn[inspection]'."
        ) from error
    return IntegratedGradients


# -- what is explained ----------------------------------------------------------------------------


class _Explained(NamedTuple):
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


def _read(estimator: Any, X: Any, step: int | None) -> _Explained:
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
        return _Explained(inputs, target, lengths - 1, None, lengths)
    inputs = estimator._read_X(X, reset=False)
    lengths = inputs.sequences.lengths
    if not has_steps:
        return _Explained(inputs, target, None, None, lengths)
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
    places = _places(LAST if step is None else int(step), n_answers)
    return _Explained(inputs, target, places, entries, np.maximum(lengths, n_answers))


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


def _choice(estimator: Any, output: Any) -> Callable[[Tensor], Tensor]:
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


class _Network:
    """The network as a function of what it makes of the steps and of static columns."""

    def __init__(
        self, estimator: Any, explained: _Explained, baseline: Any, *, explain_static: bool
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

"""How much gradient reaches the states of earlier steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from sklearn_rnn._params import an_int
from sklearn_rnn._random import spawn_seeds
from sklearn_rnn.data.batching import cut_to_steps
from sklearn_rnn.inspection._preparing import (
    check_estimator,
    check_options,
    module_to_look_into,
    prepared,
    seed_of,
    some_rows,
)
from sklearn_rnn.nn.cells import Cell, CellWeights, State
from sklearn_rnn.nn.recurrence import Recurrence

MAX_NUMBERS = 1 << 22
"""In the states of a batch, which are all kept: some hundred MiB with what led to them."""

VANISHED, EXPLODED = 0.01, 10.0
"""Share of the gradient left, halfway through the sequences, that a verdict goes by."""


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """What :func:`gradient_flow` returns.

    Attributes
    ----------
    lags : ndarray of shape (n_lags,), int
        Steps back from the step whose answer the loss is of, from 0.
    norms : ndarray of shape (n_series, n_lags)
        Euclidean norm of the loss's derivative by the state so many steps back, in the mean over
        the sequences that are long enough; NaN where none is.
    labels : list of str
        Of the series, as ``"layer 1, forward"``.
    decay : ndarray of shape (n_series,)
        The factor by which the norm changes from one step to the one before, in the mean.
    half_life : ndarray of shape (n_series,)
        Steps over which the norm falls to half; infinite where it does not fall.
    typical_lag : ndarray of shape (n_series,), int
        The lag that half of the sequences have.
    remaining : ndarray of shape (n_series,)
        What share of the norm at lag 0 is left at the typical lag.
    n_sequences : int
        Sequences looked at.
    verdict : str
        Whether gradients vanish, explode or are healthy, with numbers.
    """

    lags: np.ndarray = field(repr=False)
    norms: np.ndarray = field(repr=False)
    labels: list[str]
    decay: np.ndarray
    half_life: np.ndarray
    typical_lag: np.ndarray
    remaining: np.ndarray
    n_sequences: int
    verdict: str

    def __str__(self) -> str:
        """Return the verdict and a line a series."""
        width = max(map(len, self.labels))
        lines = [
            f"  {label:{width}}  x {decay:.3g} a step; {_back(lag)} {_in_words(left)}"
            for label, decay, left, lag in zip(
                self.labels, self.decay, self.remaining, self.typical_lag, strict=True
            )
        ]
        return "\n".join([self.verdict, *lines])


def gradient_flow(
    estimator: Any, X: ArrayLike, y: ArrayLike | None = None, *, n_sequences: int = 64
) -> GradientFlow:
    """Measure the norm of the loss's gradient by the states of earlier and earlier steps.

    A recurrent network learns what happened k steps ago by the derivative of the loss by the state
    of k steps ago. That is a product of k Jacobian matrices, one a step, and shrinks or grows with
    k: gradients vanish or explode [1]_ [2]_. Here the steps are taken one by one, without fused
    kernels, in float64, and the derivative by every state is asked for, in one pass back through
    time.

    Parameters
    ----------
    estimator : estimator of sklearn_rnn
        A fitted one is looked at as it is; of another, the network that a fit would start with.
    X : sequences of n_samples
        In any form that ``fit`` takes.
    y : as in ``fit``, optional
        None for :class:`~sklearn_rnn.RNNLanguageModel`.
    n_sequences : int, default=64
        How many of the sequences to look at, drawn by the estimator's ``random_state``.

    Returns
    -------
    GradientFlow

    Raises
    ------
    TypeError
        If the estimator is none of this library's, or X or y can't be read.
    ValueError
        If a parameter, X or y is not as described.

    Notes
    -----
    The loss is that of one answer, so that a lag has a meaning:

    - One answer a sequence: it is read from the state after the last step alone (the first, for the
      direction that reads from the end), as with ``pooling="last"``. Other poolings give gradients
      shorter ways beside this one.
    - An answer a step, and language models: that of the last step that has an entry; for the
      direction that reads from the end that of the first.
    - Encoder and decoder: the last entry for the states of the decoder, all entries together for
      those of the encoder, attention's ways included. Right answers are read before each entry.

    With several layers in both directions the answer is read from both ends, so that the lower
    layers' gradients grow again far back; the verdict goes by the top layer then.

    With ``stem="conv"`` a step back is one of the recurrence, of eight steps of X.

    The state of an LSTM is its output and its memory, and the norm is that of both. ``bptt_steps``
    cuts no gradient here, except that a language model's texts are windows of that many steps.

    References
    ----------
    .. [1] Bengio, Y., Simard, P. and Frasconi, P. (1994). Learning long-term dependencies with
           gradient descent is difficult. IEEE Transactions on Neural Networks 5.
    .. [2] Pascanu, R., Mikolov, T. and Bengio, Y. (2013). On the difficulty of training recurrent
           neural networks. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import gradient_flow
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=100) for _ in range(20)]
    >>> y = [int(x[0] > 0) for x in X]
    >>> flow = gradient_flow(RNNClassifier(cell="rnn", random_state=0), X, y)
    >>> flow.norms.shape, flow.labels
    ((2, 100), ['layer 1, forward', 'layer 1, backward'])
    >>> flow.verdict[:9]
    'Vanishing'
    """
    check_estimator(estimator, "gradient_flow")
    check_options("gradient_flow", {"n_sequences": n_sequences}, {"n_sequences": an_int(1)})
    net, source = prepared(estimator, X, y)
    random = np.random.default_rng(spawn_seeds(seed_of(estimator), 1)[0])
    with_steps = source.rows[source.inputs.lengths[source.rows] > 0]
    if len(with_steps) == 0:
        raise ValueError("X has no sequence with steps, so there are no states to look at.")
    rows = some_rows(with_steps, n_sequences, random)
    looker = _Looker(net)
    lengths = source.inputs.lengths
    rows = rows[np.argsort(lengths[rows], kind="stable")]
    of_batches = [
        looker.norms(*source.gather(part))
        for part in cut_to_steps(rows, lengths, max(MAX_NUMBERS // looker.n_units, 1))
    ]
    n_lags = max(batch.shape[2] for batch in of_batches)
    norms = np.concatenate([_with_lags(batch, n_lags) for batch in of_batches], axis=1)
    return _flow(norms, looker, estimator)


# -- one batch ------------------------------------------------------------------------------------


class _Recording:
    """A cell that walks step by step and keeps each state it hands on."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self.states: list[list[State]] = []
        """For each layer and direction the states after each step."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cell, name)

    def takes_any_length(self, device: torch.device) -> bool:
        """Tell that padding need not be rounded."""
        return True

    def scan(
        self, inputs: Sequence[Tensor], states: Sequence[State], weights: Sequence[CellWeights]
    ) -> tuple[list[Tensor], list[State]]:
        """Return what the cell's own ``scan`` returns."""
        outputs, last = [], []
        for x, state, of_direction in zip(inputs, states, weights, strict=True):
            carried = []
            for x_t in x.unbind(0):
                state = tuple(map(_own, self._cell.step(x_t, state, of_direction)))
                carried.append(state)
            self.states.append(carried)
            outputs.append(torch.stack([s[0] for s in carried]))
            last.append(state)
        return outputs, last


def _own(state: Tensor) -> Tensor:
    """Return the state as handed on: what else was made of it in its own step does not count."""
    handed_on = state.clone()
    return handed_on if handed_on.requires_grad else handed_on.requires_grad_()


class _LastOutputs(nn.Module):
    """Stand-in for a pooling of any width: the last output, repeated."""

    def __init__(self, multiple: int) -> None:
        super().__init__()
        self.multiple = multiple

    def forward(self, outputs: Tensor, last: Tensor, inside: Tensor, lengths: Tensor) -> Tensor:
        return torch.cat([last] * self.multiple, dim=1)


class _Looker:
    """A network whose states are asked for, batch by batch."""

    def __init__(self, net: Any) -> None:
        self.module = module_to_look_into(net).double()
        self.criterion = net.criterion_
        encoder = self.module.encoder
        if hasattr(encoder, "pooling"):
            encoder.pooling = _LastOutputs(encoder.pooling.multiple)
        self.has_decoder = hasattr(self.module, "decoder")
        self.parts = list(_recurrences(self.module))
        self.labels = [
            f"{name}layer {layer + 1}, {'backward' if direction else 'forward'}"
            for name, recurrence in self.parts
            for layer in range(recurrence.num_layers)
            for direction in recurrence.directions
        ]
        self.n_units = sum(recurrence.n_state_units for _, recurrence in self.parts)
        attends = self.has_decoder and self.module.decoder.attention is not None
        self.is_judged = np.array(
            [
                len(recurrence.directions) == 1 or layer == recurrence.num_layers - 1
                for _, recurrence in self.parts
                for layer in range(recurrence.num_layers)
                for _ in recurrence.directions
            ]
        )
        self._is_backward = np.array([label.endswith("backward") for label in self.labels])
        self._is_decoder = np.array([label.startswith("decoder") for label in self.labels])
        self.may_explode = self.is_judged & (self._is_decoder | (not attends))

    def norms(self, tensors: dict[str, Tensor], y: tuple[Any, Tensor]) -> np.ndarray:
        """Return those of a batch, (n_series, batch, n_lags), NaN for lags a sequence lacks."""
        recorders = []
        for _, recurrence in self.parts:
            recorder = _Recording(getattr(recurrence.cell, "_cell", recurrence.cell))
            recurrence.cell = recorder  # type: ignore[assignment]  # all that a cell is asked for
            recorders.append(recorder)
        tensors = {name: _double(tensor) for name, tensor in tensors.items()}
        with torch.enable_grad():
            outputs = self.module(**tensors)
            series = [states for recorder in recorders for states in recorder.states]
            losses = self._losses(outputs, y[0], tensors["lengths"])
            aligned: dict[int, np.ndarray] = {}
            for loss, anchors, wanted in losses:
                places = np.flatnonzero(wanted)
                norms = _norms(loss, [series[i] for i in places])
                aligned |= {i: _by_lag(n, anchors) for i, n in zip(places, norms, strict=True)}
        n_lags = max(a.shape[1] for a in aligned.values())
        return np.concatenate([_with_lags(aligned[i][None], n_lags) for i in range(len(series))])

    def _n_states(self, lengths: np.ndarray) -> np.ndarray:
        """Return how many steps the recurrence takes for sequences of these lengths."""
        stem = getattr(self.module.encoder, "stem", None)
        return lengths if stem is None else np.array([stem.shortened(int(n)) for n in lengths])

    def _losses(
        self, outputs: Tensor, target: Any, lengths: Tensor
    ) -> list[tuple[Tensor, np.ndarray, np.ndarray]]:
        """Return losses, the step of each sequence that lags count from, and for which series."""
        end = self._n_states(lengths.cpu().numpy()) - 1
        everywhere = np.ones(len(self.labels), dtype=bool)
        if not isinstance(target, tuple):
            return [(self.criterion(outputs, _double(target)).sum(), end, everywhere)]
        entries, weight = _double(target[0]), target[1]
        has_entry = weight > 0
        place = torch.arange(weight.shape[1], device=weight.device)
        last = torch.where(has_entry, place, -1).amax(dim=1)
        first = torch.where(has_entry, place, weight.shape[1]).amin(dim=1)

        def loss_at(step: Tensor) -> Tensor:
            chosen = (has_entry & (place == step[:, None])).double()
            return self.criterion(outputs, (entries, chosen)).sum()

        of_last = (loss_at(last), last.cpu().numpy())
        if self.has_decoder:
            all_entries = self.criterion(outputs, (entries, has_entry.double())).sum()
            return [(*of_last, self._is_decoder), (all_entries, end, ~self._is_decoder)]
        from_end = np.where(first.cpu().numpy() <= end, end - first.cpu().numpy(), -1)
        return [
            (*of_last, ~self._is_backward),
            (loss_at(first), from_end, self._is_backward),
        ]


def _recurrences(module: Any) -> Iterator[tuple[str, Recurrence]]:
    """Yield what steps through time, and how its series are called."""
    encoder = module.encoder
    if hasattr(module, "decoder"):
        if hasattr(encoder, "recurrence"):
            yield "encoder, ", encoder.recurrence
        yield "decoder, ", module.decoder.recurrence
    elif getattr(encoder, "below", None) is not None:
        yield "", encoder.below
        yield "answers, ", encoder.recurrence
    else:
        yield "", encoder.recurrence


def _double(x: Any) -> Any:
    return x.double() if x.is_floating_point() else x


def _norms(loss: Tensor, series: list[list[State]]) -> list[np.ndarray]:
    """Return the norm of the loss's derivative by each state, (time, batch) for each series."""
    flat = [s for states in series for state in states for s in state]
    if not flat:
        return []
    gradients = iter(torch.autograd.grad(loss, flat, retain_graph=True, allow_unused=True))
    norms = []
    for states in series:
        steps = []
        for state in states:
            squares = [
                torch.zeros(len(s), dtype=s.dtype, device=s.device)
                if g is None
                else g.square().sum(1)
                for s, g in zip(state, gradients, strict=False)
            ]
            steps.append(torch.stack(squares).sum(0).sqrt())
        norms.append(torch.stack(steps).cpu().numpy())
    return norms


def _by_lag(norms: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Turn norms by step into norms by lag, (batch, n_lags), NaN before a sequence's start."""
    lags = np.arange(max(int(anchors.max()), 0) + 1)
    steps = anchors[:, None] - lags
    return np.where(
        steps >= 0, norms.T[np.arange(len(anchors))[:, None], np.maximum(steps, 0)], np.nan
    )


def _with_lags(norms: np.ndarray, n_lags: int) -> np.ndarray:
    """Fill up with NaN along the last axis."""
    missing = n_lags - norms.shape[2]
    return np.pad(norms, ((0, 0), (0, 0), (0, missing)), constant_values=np.nan)


# -- what it means --------------------------------------------------------------------------------


def _flow(norms: np.ndarray, looker: _Looker, estimator: Any) -> GradientFlow:
    """Sum up norms of shape (n_series, n_sequences, n_lags)."""
    has_lag = ~np.isnan(norms)
    counts = has_lag.sum(axis=1)
    means = np.full(counts.shape, np.nan)
    np.divide(np.nansum(norms, axis=1), counts, out=means, where=counts > 0)
    typical = np.maximum(np.median(has_lag.sum(axis=2), axis=1).astype(int) - 1, 0)
    log_ratios = np.array([_log_ratios(of_series) for of_series in norms])
    decay = np.array([_decay(r, n[1:]) for r, n in zip(log_ratios, counts, strict=True)])
    remaining = np.array(
        [np.exp(np.nansum(r[:lag])) for r, lag in zip(log_ratios, typical, strict=True)]
    )
    half_life = np.full(len(decay), np.inf)
    falls = decay < 1
    with np.errstate(divide="ignore"):
        half_life[falls] = np.log(0.5) / np.log(decay[falls])
    flow = GradientFlow(
        np.arange(norms.shape[2]),
        means,
        looker.labels,
        decay,
        half_life,
        typical,
        remaining,
        norms.shape[1],
        "",
    )
    return replace(flow, verdict=_verdict(flow, looker, estimator))


def _log_ratios(norms: np.ndarray) -> np.ndarray:
    """Return the logarithm of the norm at each lag over that at the lag before, (n_lags - 1,).

    Both are of the same sequences: those that are long enough. NaN where there is no gradient.
    """
    both = ~np.isnan(norms[:, 1:])
    now = np.where(both, norms[:, 1:], 0.0).sum(axis=0)
    before = np.where(both, norms[:, :-1], 0.0).sum(axis=0)
    is_known = (before > 0) & both.any(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(is_known, np.log(now) - np.log(before), np.nan)


def _decay(log_ratios: np.ndarray, counts: np.ndarray) -> float:
    known = ~np.isnan(log_ratios)
    if not known.any():
        return float("nan")
    return float(np.exp(np.average(log_ratios[known], weights=counts[known])))


def _verdict(flow: GradientFlow, looker: _Looker, estimator: Any) -> str:
    when = "" if hasattr(estimator, "net_") else ", before training"
    if not (flow.norms[:, 0] > 0).any():
        return "None: the loss does not depend on any state, so there is no gradient to follow."
    if not flow.typical_lag.any():
        return "Healthy: half of the sequences have a single step, so no gradient has far to go."
    explosion = np.where(looker.may_explode, flow.remaining, 0.0)
    i = int(explosion.argmax())
    if explosion[i] > EXPLODED:
        return (
            f"Exploding{when}: {_back(flow.typical_lag[i])} the gradient is "
            f"{flow.remaining[i]:.3g} times that at the end, in {flow.labels[i]}. Keep "
            "gradient_clip set, and lower lr if training is not steady."
        )
    i = int(np.where(looker.is_judged, flow.remaining, np.inf).argmin())
    halves = f" (it halves every {flow.half_life[i]:.2g} steps)"
    what = (
        f"{_back(flow.typical_lag[i])} {_in_words(flow.remaining[i])} of the gradient at the "
        f"end is left in {flow.labels[i]}{halves if flow.remaining[i] < 0.5 else ''}."
    )
    if flow.remaining[i] >= VANISHED:
        return f"Healthy{when}: {what}"
    return f"Vanishing{when}: {what} {_remedy(estimator)}"


def _remedy(estimator: Any) -> str:
    """Say what helps against vanishing gradients, of what is not there yet."""
    has_stem = hasattr(estimator, "stem") and estimator.stem is None
    remedies = ["shorten the sequences" + (", as stem='conv' does" if has_stem else "")]
    if estimator.cell in ("rnn", "gru"):
        remedies.insert(0, "take cell='lstm'" + (" or 'gru'" if estimator.cell == "rnn" else ""))
    pooling = getattr(estimator, "pooling", "last")
    if hasattr(estimator, "pooling") and pooling == "last":
        remedies.insert(0, "take pooling='max' or 'mean', which give it shorter ways")
    sentence = (
        f"What was so long ago is hardly learned through the state: {', or '.join(remedies)}."
    )
    if pooling != "last":
        sentence += f" The shorter ways that pooling={pooling!r} gives it are not counted here."
    return sentence


def _in_words(share: float) -> str:
    if share >= EXPLODED:
        return f"{share:.3g} times"
    if share >= 1e-4:
        return f"{share:.1%}" if share >= 0.01 else f"{share:.2%}"
    return "nothing" if share == 0 else f"one part in {float(f'{1 / share:.2g}'):,.0f}"


def _back(n_steps: int) -> str:
    return f"{n_steps} step back" if n_steps == 1 else f"{n_steps} steps back"

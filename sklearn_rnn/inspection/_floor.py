"""The loss that no network gets below, since equal inputs have different answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from sklearn_rnn._language_model import RNNLanguageModel
from sklearn_rnn._seq2seq import BaseSeq2Seq
from sklearn_rnn.inspection._preparing import Prepared


class Contradiction(NamedTuple):
    """Two rows that a network reads the same, and that have another answer."""

    rows: tuple[int, int]
    step: int | None


class _Entry(NamedTuple):
    """An answer, and what is read before it is given."""

    read: int
    row: int
    step: int | None
    weight: float
    answer: Any


def lowest_loss(estimator: Any, batch: Prepared) -> tuple[float, list[Contradiction]]:
    """Return the lowest loss of a few rows, and why it is above 0: a pair of rows at most each.

    What is read the same is answered the same. The best answer to several is then their mean, or
    their shares, and what remains is their variance or their entropy.
    """
    rows = batch.source.rows
    tensors, (target, weight) = batch.source.gather(rows)
    entries = list(_entries(estimator, tensors, target, weight))
    alike = defaultdict(list)
    for entry in entries:
        alike[entry.read].append(entry)
    loss = 0.0
    contradictions: dict[tuple[int, int], Contradiction] = {}
    for group in alike.values():
        spread = _spread(group)
        if spread <= 1e-9:
            continue
        loss += spread
        first = group[0]
        other = next(e for e in group if e.answer != first.answer)
        low, high = sorted((int(rows[first.row]), int(rows[other.row])))
        pair = (low, high)
        contradictions.setdefault(pair, Contradiction(pair, first.step))
    return loss / len(rows), list(contradictions.values())


def _spread(group: list[_Entry]) -> float:
    """Return the summed loss of the best answer to entries that are read the same."""
    weight = np.array([entry.weight for entry in group])
    if len(group) == 1 or not weight.any():
        return 0.0
    if isinstance(group[0].answer, int):
        codes = np.unique([entry.answer for entry in group], return_inverse=True)[1]
        counts = np.bincount(codes, weights=weight)
        counts = counts[counts > 0]
        return float(-(counts * np.log(counts / counts.sum())).sum())
    numbers = np.array([entry.answer for entry in group])
    mean = np.average(numbers, axis=0, weights=weight)
    return float((weight * ((numbers - mean) ** 2).mean(axis=1)).sum())


class _Nodes(dict):
    """Numbers ways: each by the way before it and what is read next."""

    def after(self, node: int, read: Any) -> int:
        return self.setdefault((node, read), len(self) + 1)


def _entries(
    estimator: Any, tensors: dict[str, Tensor], target: Any, weight: Tensor
) -> Iterator[_Entry]:
    nodes = _Nodes()
    per_step = isinstance(target, tuple)
    answers_of_rows = _answers(target[0] if per_step else target)
    weights = weight.double().tolist()
    for row, answers in enumerate(answers_of_rows):
        static = _bytes_of(tensors, ("static_values", "static_codes"), row)
        ways = [nodes.after(0, static)]
        for step in range(int(tensors["lengths"][row])):
            read = _bytes_of(tensors, ("values", "codes"), row, step)
            ways.append(nodes.after(ways[-1], read))
        if not per_step:
            yield _Entry(ways[-1], row, None, weights[row], answers)
            continue
        reads_answers = _reads_answers(estimator)
        sees_all = isinstance(estimator, BaseSeq2Seq) or _is_bidirectional(estimator)
        said = 0
        of_steps = (target[1][row].double() * weights[row]).tolist()
        for step, (answer, of_step) in enumerate(zip(answers, of_steps, strict=True)):
            if sees_all:
                read_here = nodes.after(ways[-1], ("step", step))
            else:
                read_here = ways[min(step + 1, len(ways) - 1)]
            if of_step > 0:
                here = nodes.after(read_here, ("said", said))
                yield _Entry(here, row, step, of_step, answer)
            if reads_answers:
                said = nodes.after(said, ("answer", answer))


def _reads_answers(estimator: Any) -> bool:
    if isinstance(estimator, BaseSeq2Seq):
        return estimator.decoder_input == "previous"
    return bool(getattr(estimator, "output_feedback", False))


def _is_bidirectional(estimator: Any) -> bool:
    return not isinstance(estimator, RNNLanguageModel) and estimator.bidirectional


def _answers(encoded: Tensor) -> list[Any]:
    """Return a class as an int, numbers as a tuple, for each row or each of its steps."""
    if not encoded.is_floating_point():
        return encoded.tolist()
    as_lists = encoded.double().tolist()
    if encoded.ndim == 2:
        return [tuple(numbers) for numbers in as_lists]
    return [[tuple(numbers) for numbers in row] for row in as_lists]


def _bytes_of(tensors: dict[str, Tensor], names: tuple[str, str], *place: int) -> tuple[bytes, ...]:
    return tuple(
        tensors[name][place].contiguous().cpu().numpy().tobytes()
        for name in names
        if name in tensors
    )

"""What samples begin with, and samples in the form that X had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_rnn.data.next_token import START, NextTokenTarget
from sklearn_rnn.data.reading import is_sequence
from sklearn_rnn.data.tokens import one_column, read_tokens


@dataclass(frozen=True, slots=True)
class Prompts:
    """Beginnings, one a sample.

    Attributes
    ----------
    rows : list of n_samples
        As they were passed; None where there is none.
    codes : ndarray of shape (n_samples, longest), int64
        A start and the tokens; what stands behind a shorter one is arbitrary.
    lengths : ndarray of shape (n_samples,), int64
        With the start.
    """

    rows: list[Any]
    codes: np.ndarray
    lengths: np.ndarray


def read_prompts(
    prompt: Any, n_samples: int, max_steps: int, target: NextTokenTarget, are_texts: bool
) -> Prompts:
    """Read one prompt for all samples, one for each, or none.

    Raises
    ------
    ValueError
        If there are not as many as samples, or one has more than ``max_steps`` tokens.
    TypeError
        If a prompt is no sequence of tokens.
    """
    if prompt is None:
        codes = np.full((n_samples, 1), START, dtype=np.int64)
        return Prompts([None] * n_samples, codes, np.ones(n_samples, dtype=np.int64))
    rows = _rows(prompt, are_texts)
    if len(rows) not in (1, n_samples):
        raise ValueError(
            f"prompt holds {len(rows)} sequences, but n_samples is {n_samples}. Pass one for all "
            "samples or one for each."
        )
    tokens = read_tokens(rows, "prompt")
    too_long = np.flatnonzero(tokens.lengths > max_steps)
    if len(too_long):
        raise ValueError(
            f"Row {too_long[0]} of prompt has {tokens.lengths[too_long[0]]} tokens, but samples "
            f"have {max_steps} at most, the prompt included. Raise max_steps."
        )
    sequences = target.inputs(tokens).sequences
    time = np.arange(sequences.lengths.max())
    places = np.minimum(sequences.offsets[:-1, None] + time, sequences.offsets[1:, None] - 1)
    codes = sequences.codes[places, 0].astype(np.int64)
    each = np.arange(n_samples) if len(rows) == n_samples else np.zeros(n_samples, dtype=np.int64)
    return Prompts([rows[i] for i in each], codes[each], sequences.lengths[each])


def _rows(prompt: Any, are_texts: bool) -> list[Any]:
    """Return the prompts; tell one sequence of tokens from several."""
    if isinstance(prompt, str):
        return [prompt]
    column = one_column(prompt, "prompt")
    rows = column.to_pylist() if hasattr(column, "to_pylist") else list(column)
    if are_texts or any(map(is_sequence, rows)):
        return rows
    return [rows]


def as_samples(
    prompts: Prompts, classes: np.ndarray, target: NextTokenTarget, are_texts: bool
) -> np.ndarray:
    """Return what was written behind its prompt, texts or arrays of tokens.

    Parameters
    ----------
    prompts : Prompts
    classes : ndarray of shape (n_samples, n_steps)
        They begin where the shortest prompt ends; the end fills up.
    target : NextTokenTarget
    are_texts : bool
    """
    is_new = np.arange(classes.shape[1]) >= (prompts.lengths - prompts.lengths.min())[:, None]
    is_new &= classes != target.end
    tokens = target.classes[classes[is_new]]
    ends = np.cumsum(is_new.sum(axis=1)).tolist()
    samples = np.empty(len(ends), dtype=object)
    text = "".join(tokens.tolist()) if are_texts else ""
    for i, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        row = prompts.rows[i]
        if are_texts:
            samples[i] = ("" if row is None else "".join(row)) + text[begin:end]
        else:
            written = tokens[begin:end]
            samples[i] = written if row is None else _behind(row, written)
    return samples


def _behind(prompt: Any, written: np.ndarray) -> np.ndarray:
    return np.concatenate([np.asarray(prompt).reshape(-1), written]) if len(prompt) else written

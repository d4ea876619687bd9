"""All that X holds: sequences and what stays the same through each, as numbers and codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sklearn_rnn.data.leaves import Arrays, Categories, Leaf, Missing, Vectors
from sklearn_rnn.data.ragged import Ragged
from sklearn_rnn.data.vocabulary import Vocabulary

_NUMERIC = (Arrays.kind, Vectors.kind)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What X holds.

    Attributes
    ----------
    sequences : Ragged of n_samples
    static : Ragged of n_samples or None
        Columns with a single value a row, as sequences of one step.
    """

    sequences: Ragged
    static: Ragged | None = None

    def __len__(self) -> int:
        return len(self.sequences)


@dataclass(frozen=True)
class Feature:
    """What a leaf was in ``fit``."""

    path: tuple
    kind: str
    n_numbers: int
    vocabulary: Vocabulary | None
    name: str

    @classmethod
    def of(cls, leaf: Leaf) -> Feature:
        """Learn from a leaf."""
        vocabulary = leaf.vocabulary() if isinstance(leaf, Categories) else None
        return cls(leaf.place.path, leaf.kind, leaf.n_numbers, vocabulary, leaf.place.name)


class Schema(NamedTuple):
    """What X was in ``fit``."""

    steps: tuple[Feature, ...]
    """The channels of the sequences."""
    static: tuple[Feature, ...] = ()
    """What stands beside them."""


def assemble(
    leaves: list[Leaf], lengths: np.ndarray, features: Sequence[Feature] | None = None
) -> tuple[Ragged, tuple[Feature, ...], list[str]]:
    """Lay leaves side by side.

    Parameters
    ----------
    leaves : list of Leaf
    lengths : ndarray of shape (n_samples,)
    features : sequence of Feature, optional
        What they were in ``fit``; without, they are learned.

    Returns
    -------
    ragged : Ragged
        Values are a view of Arrow's memory where one leaf holds them as float32, without nulls and
        in one block.
    features : tuple of Feature
    sources : list of str
        Where each numeric channel is from, for messages.

    Raises
    ------
    ValueError, TypeError
        If leaves are not what they were in ``fit``.
    """
    if features is None:
        features = tuple(map(Feature.of, leaves))
    else:
        leaves = _matched(leaves, features)
    features = tuple(features)
    codes = [
        leaf.codes(feature.vocabulary)
        for leaf, feature in zip(leaves, features, strict=False)
        if feature.vocabulary is not None and isinstance(leaf, Categories | Missing)
    ]
    numeric = [leaf for leaf in leaves if leaf.n_numbers]
    values = _side_by_side(numeric, int(lengths.sum()))
    ragged = Ragged.from_lengths(
        values,
        lengths,
        np.stack(codes, axis=1) if codes else None,
        tuple(f.vocabulary for f in features if f.vocabulary is not None),
    )
    return ragged, features, [leaf.place.name for leaf in numeric for _ in range(leaf.n_numbers)]


def _side_by_side(leaves: list[Leaf], n_values: int) -> np.ndarray:
    """Return the numbers of all leaves, one channel after another, float32."""
    if len(leaves) == 1 and (values := leaves[0].view()) is not None:
        return values
    values = np.empty((n_values, sum(leaf.n_numbers for leaf in leaves)), dtype=np.float32)
    begin = 0
    with np.errstate(over="ignore", invalid="ignore"):  # reported by check_sequences
        for leaf in leaves:
            leaf.fill(values[:, begin : begin + leaf.n_numbers])
            begin += leaf.n_numbers
    return values


def _matched(leaves: list[Leaf], features: Sequence[Feature]) -> list[Leaf]:
    """Return the leaves in the order of ``fit``."""
    by_path = {leaf.place.path: leaf for leaf in leaves}
    known = {feature.path: feature for feature in features}
    for path, leaf in list(by_path.items()):  # nulls for all fields of a struct
        if isinstance(leaf, Missing) and path not in known:
            below = [place for place in known if place[: len(path)] == path]
            by_path |= {place: Missing(leaf.n_values, leaf.place) for place in below}
            if below:
                del by_path[path]
    if by_path.keys() != known.keys():
        if all(
            kind in _NUMERIC for kind in (*(x.kind for x in leaves), *(f.kind for f in features))
        ):
            return leaves  # the reader counts the channels, however they came
        unknown = [leaf.place.name for path, leaf in by_path.items() if path not in known]
        missing = [feature.name for path, feature in known.items() if path not in by_path]
        raise ValueError(
            "Not what the model was fitted on."
            + (f" Unknown: {', '.join(unknown)}." if unknown else "")
            + (f" Missing: {', '.join(missing)}." if missing else "")
        )
    return [_as_in_fit(by_path[f.path], f, is_alone=len(features) == 1) for f in features]


def _as_in_fit(leaf: Leaf, feature: Feature, *, is_alone: bool) -> Leaf:
    """Return the leaf if it is what it was in ``fit``; nulls stand for anything."""
    if Missing.kind in (leaf.kind, feature.kind):
        return Missing(leaf.n_values, leaf.place, feature.n_numbers)
    if leaf.kind != feature.kind and not {leaf.kind, feature.kind} <= set(_NUMERIC):
        raise TypeError(
            f"{leaf.place.sentence} holds {leaf.kind}, but held {feature.kind} in fit. Convert it "
            "to what it was."
        )
    if leaf.n_numbers != feature.n_numbers and not is_alone:  # the reader knows more to say then
        raise ValueError(
            f"{leaf.place.sentence} has {leaf.n_numbers} channel(s), but had {feature.n_numbers} "
            "in fit."
        )
    return leaf

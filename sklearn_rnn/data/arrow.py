"""Arrow's lists -> numbers, in bulk and from their buffers.

A list column of Arrow holds the steps of all its sequences end to end. Where they are one block of
float32 without gaps they are taken as they are, else the numbers are written once, to where they
stay. What a type of step means is said by one class each: :class:`Number`, :class:`Vector`,
:class:`Record`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

_PIECE = 1 << 16
"""Steps converted together: bounds the extra memory."""


# -- columns --------------------------------------------------------------------------------------


class Column(ABC):
    """A column of sequences whose types are known to be numbers.

    Attributes
    ----------
    lengths : ndarray of shape (n_samples,), int64
        Number of steps of each sequence.
    n_channels : int
    """

    lengths: np.ndarray
    n_channels: int

    @abstractmethod
    def view(self) -> np.ndarray | None:
        """Return all steps, (n_steps, n_channels) float32, if that takes no work, else None."""

    @abstractmethod
    def fill(self, out: np.ndarray) -> None:
        """Write all steps to an array of shape (n_steps, n_channels)."""


class ArrowColumn(Column):
    """Lists in Arrow's memory.

    Parameters
    ----------
    column : pyarrow.ChunkedArray of lists
    place : str
        What messages call it.
    """

    def __init__(self, column: pa.ChunkedArray, place: str) -> None:
        chunks = [chunk for chunk in column.chunks if len(chunk)]
        check_present(column.is_null() if column.null_count else None, place)
        self.lengths = np.concatenate([pc.list_value_length(chunk) for chunk in chunks])
        self.lengths = self.lengths.astype(np.int64, copy=False)
        self._steps = [chunk.flatten() for chunk in chunks]
        self._channels = channels_of(
            column.type.value_type, self._steps, Place(place, self.lengths)
        )
        self.n_channels = self._channels.n_channels

    def view(self) -> np.ndarray | None:
        """Return Arrow's own memory if it is one block of float32 without gaps."""
        return self._channels.view(self._steps[0]) if len(self._steps) == 1 else None

    def fill(self, out: np.ndarray) -> None:
        """Write all steps, some at a time."""
        for at, piece in _pieces(self._steps):
            self._channels.fill(out[at : at + len(piece)], piece)


def check_present(is_null: Any, place: str) -> None:
    """Raise ValueError if a row is null; None says that none is."""
    missing = np.flatnonzero([] if is_null is None else is_null)
    if len(missing):
        raise ValueError(
            f"Row {missing[0]} of {place} has no sequence, it is null ({len(missing)} such "
            "row(s)). Drop these rows."
        )


def _pieces(chunks: list[pa.Array]) -> Iterator[tuple[int, pa.Array]]:
    """Yield the chunks a part at a time, and where each part begins."""
    at = 0
    for chunk in chunks:
        for begin in range(0, len(chunk), _PIECE):
            yield at + begin, chunk.slice(begin, _PIECE)
        at += len(chunk)


# -- what a step holds ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where the steps are, for messages."""

    name: str
    lengths: np.ndarray

    def of_step(self, step: int) -> str:
        """Name the row of a flat step, and its place there."""
        ends = np.cumsum(self.lengths)
        row = int(np.searchsorted(ends, step, side="right"))
        return f"Row {row}, step {step - ends[row] + self.lengths[row]} of {self.name}"

    def of_field(self, field: str) -> Place:
        """Return the place of a struct's field."""
        return Place(f"field {field!r} of {self.name}", self.lengths)


class Channels(ABC):
    """How the steps of a type are turned into numbers."""

    n_channels: int

    def view(self, steps: pa.Array) -> np.ndarray | None:
        """Return the numbers, (n_steps, n_channels), if they lie so in memory, else None."""
        return None

    @abstractmethod
    def fill(self, out: np.ndarray, steps: pa.Array) -> None:
        """Write the numbers to an array of shape (n_steps, n_channels), NaN for nulls."""


class Number(Channels):
    """A number a step: one channel."""

    n_channels = 1

    def view(self, steps: pa.Array) -> np.ndarray | None:
        """Return float32 without nulls."""
        is_float32 = types.is_float32(steps.type) and steps.null_count == 0
        return steps.to_numpy()[:, None] if is_float32 else None

    def fill(self, out: np.ndarray, steps: pa.Array) -> None:
        """Write the numbers."""
        out[:, 0] = numbers_of(steps)


class Vector(Channels):
    """A list of as many numbers at each step: the channels. A null list lacks all of them."""

    def __init__(self, n_channels: int) -> None:
        self.n_channels = n_channels

    def view(self, steps: pa.Array) -> np.ndarray | None:
        """Return float32 without nulls."""
        numbers = None if steps.null_count else Number().view(steps.flatten())
        return None if numbers is None else numbers.reshape(len(steps), self.n_channels)

    def fill(self, out: np.ndarray, steps: pa.Array) -> None:
        """Write the numbers of the lists that are there."""
        n_present = len(steps) - steps.null_count
        numbers = numbers_of(steps.flatten()).reshape(n_present, self.n_channels)
        if steps.null_count == 0:
            out[:] = numbers
            return
        present = np.asarray(steps.is_valid())
        out[present] = numbers
        out[~present] = np.nan


class Record(Channels):
    """A struct: the channels of its fields, side by side."""

    def __init__(self, fields: list[Channels]) -> None:
        self._fields = fields
        self.n_channels = sum(field.n_channels for field in fields)

    def fill(self, out: np.ndarray, steps: pa.Array) -> None:
        """Write field by field; a null struct has null fields."""
        begin = 0
        for field, of_field in zip(self._fields, steps.flatten(), strict=True):
            field.fill(out[:, begin : begin + field.n_channels], of_field)
            begin += field.n_channels


def channels_of(arrow_type: pa.DataType, steps: list[pa.Array], place: Place) -> Channels:
    """Return how steps of this type are read.

    Raises
    ------
    TypeError
        If they do not hold numbers.
    ValueError
        If they are lists of unequal lengths.
    """
    if _is_number(arrow_type):
        return Number()
    if types.is_struct(arrow_type):
        parts = [chunk.flatten() for chunk in steps]
        return Record(
            [
                channels_of(field.type, [part[i] for part in parts], place.of_field(field.name))
                for i, field in enumerate(arrow_type)
            ]
        )
    if types.is_fixed_size_list(arrow_type) and _is_number(arrow_type.value_type):
        return Vector(arrow_type.list_size)
    if is_list(arrow_type) and _is_number(arrow_type.value_type):
        return Vector(_common_width(steps, place))
    repair = next((repair for is_kind, repair in _REPAIRS if is_kind(arrow_type)), "Give numbers.")
    raise TypeError(f"{sentence(place.name)} holds lists of {arrow_type}. {repair}")


def _common_width(steps: list[pa.Array], place: Place) -> int:
    """Return the length that all inner lists have."""
    width: int | None = None
    for at, piece in _pieces(steps):
        widths = pc.list_value_length(piece)
        present = widths.drop_null()
        if len(present) == 0:
            continue
        if width is None:
            width = present[0].as_py()
        odd = np.flatnonzero(pc.fill_null(pc.not_equal(widths, width), False))
        if len(odd):
            raise ValueError(
                f"{place.of_step(at + int(odd[0]))} has {widths[odd[0]]} channel(s), but the first "
                f"step has {width}. All steps need the same channels, or null where all lack."
            )
    return width or 0


def numbers_of(array: pa.Array) -> np.ndarray:
    """Return Arrow numbers as numpy has them, nulls as NaN."""
    if types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    elif not types.is_integer(array.type) and not types.is_floating(array.type):
        array = array.cast(pa.float64())  # decimals, and the type of nulls alone
    return array.to_numpy(zero_copy_only=False)


def _is_number(arrow_type: pa.DataType) -> bool:
    kinds = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)
    return any(is_kind(arrow_type) for is_kind in kinds)


def is_list(arrow_type: pa.DataType) -> bool:
    """Return whether a type is one of Arrow's lists."""
    kinds = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    views = (types.is_list_view, types.is_large_list_view)
    return any(is_kind(arrow_type) for is_kind in kinds + views)


def _is_text(arrow_type: pa.DataType) -> bool:
    kinds = (types.is_string, types.is_large_string, types.is_string_view, types.is_dictionary)
    return any(is_kind(arrow_type) for is_kind in kinds)


_REPAIRS = [
    (_is_text, "Text and categories can't be read yet: encode them as numbers first."),
    (types.is_temporal, "Turn times into numbers first, such as seconds since the first step."),
    (is_list, "Lists may be nested once, for channels: flatten further dimensions into them."),
]


def sentence(place: str) -> str:
    """Let a place begin a sentence."""
    return place[0].upper() + place[1:]

"""What a column holds, by its type: one class a kind of value.

A leaf is a column, or a field of its structs, with the values of all samples laid end to end. It
becomes numbers or codes; which of the two, and how many a step, is known from its type alone. To
read a further type, write the class and enter it in :func:`leaves_of`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from sklearn_rnn.data.vocabulary import NULL, Vocabulary, distinct_values

_PIECE = 1 << 16
"""Values converted together: bounds the extra memory."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where values are, for messages.

    Attributes
    ----------
    name : str
        What messages call the column.
    path : tuple
        Name of the column and of the fields that lead to the values; empty if X is all there is.
    lengths : ndarray of shape (n_samples,) or None
        Number of steps of each sequence; None for a single value a row.
    """

    name: str
    path: tuple[Any, ...] = ()
    lengths: np.ndarray | None = None

    def of_value(self, place: int) -> str:
        """Name the row of a value, and the step."""
        if self.lengths is None:
            return f"Row {place} of {self.name}"
        ends = np.cumsum(self.lengths)
        row = int(np.searchsorted(ends, place, side="right"))
        return f"Row {row}, step {place - ends[row] + self.lengths[row]} of {self.name}"

    def of_field(self, field: str) -> Place:
        """Return the place of a struct's field."""
        return Place(f"field {field!r} of {self.name}", (*self.path, field), self.lengths)

    @property
    def sentence(self) -> str:
        """The name as a sentence begins with it."""
        return sentence(self.name)


def sentence(place: str) -> str:
    """Let the name of a place begin a sentence."""
    return place[0].upper() + place[1:]


class Leaf(ABC):
    """A column of values, or a field of one."""

    kind: ClassVar[str]
    """What messages call the values."""
    place: Place
    n_values: int
    n_numbers = 0
    """Numeric channels it becomes."""

    def view(self) -> np.ndarray | None:
        """Return all numbers, (n_values, n_numbers) float32, if that takes no work, else None."""
        return None

    @abstractmethod
    def fill(self, out: np.ndarray) -> None:
        """Write all numbers to an array of shape (n_values, n_numbers), NaN where missing."""


class ArrowLeaf(Leaf):
    """Values in Arrow's memory.

    Parameters
    ----------
    chunks : list of pyarrow.Array
    place : Place
    """

    def __init__(self, chunks: list[pa.Array], place: Place) -> None:
        self.chunks = chunks
        self.place = place
        self.n_values = sum(map(len, chunks))

    def fill(self, out: np.ndarray) -> None:
        """Write all numbers, some at a time."""
        for at, piece in pieces(self.chunks):
            self._fill(out[at : at + len(piece)], piece)

    def _fill(self, out: np.ndarray, values: pa.Array) -> None:
        raise NotImplementedError


class Numbers(ArrowLeaf):
    """A number each: one channel."""

    kind = "numbers"
    n_numbers = 1

    def view(self) -> np.ndarray | None:
        """Return float32 that is one block without nulls."""
        if len(self.chunks) != 1:
            return None
        (values,) = self.chunks
        is_float32 = types.is_float32(values.type) and values.null_count == 0
        return values.to_numpy()[:, None] if is_float32 else None

    def _fill(self, out: np.ndarray, values: pa.Array) -> None:
        out[:, 0] = numbers_of(values)


class Vectors(ArrowLeaf):
    """A list of as many numbers each: the channels. A null list lacks all of them."""

    kind = "lists of numbers"

    def __init__(self, chunks: list[pa.Array], place: Place, width: int) -> None:
        super().__init__(chunks, place)
        self.n_numbers = width

    def view(self) -> np.ndarray | None:
        """Return float32 that is one block without nulls."""
        if any(chunk.null_count for chunk in self.chunks):
            return None
        numbers = Numbers([chunk.flatten() for chunk in self.chunks], self.place).view()
        return None if numbers is None else numbers.reshape(-1, self.n_numbers)

    def _fill(self, out: np.ndarray, values: pa.Array) -> None:
        n_present = len(values) - values.null_count
        numbers = numbers_of(values.flatten()).reshape(n_present, self.n_numbers)
        if values.null_count == 0:
            out[:] = numbers
            return
        present = np.asarray(values.is_valid())
        out[present] = numbers
        out[~present] = np.nan


class Elapsed(ArrowLeaf):
    """A time at each step: how long since the step before and since the first, log-scaled.

    Both are ``sign(d) log(1 + |d|)`` of a difference d in seconds. Only differences count, so
    that models do not depend on the year they were trained in.
    """

    kind = "times"
    n_numbers = 2

    def fill(self, out: np.ndarray) -> None:
        """Write the differences, exact to a microsecond, some sequences at a time."""
        assert self.place.lengths is not None
        lengths = self.place.lengths[self.place.lengths > 0]
        ends = np.cumsum(lengths)
        times = pa.chunked_array(self.chunks or [pa.nulls(0)])
        row = at = 0
        while row < len(lengths):
            end_row = max(int(np.searchsorted(ends, at + _PIECE, side="right")), row + 1)
            end = int(ends[end_row - 1])
            piece = times.slice(at, end - at).combine_chunks()
            _write_elapsed(out[at:end], piece, lengths[row:end_row])
            row, at = end_row, end


def _write_elapsed(out: np.ndarray, times: pa.Array, lengths: np.ndarray) -> None:
    """Write how long each step is since the one before and since the first, NaN if unknown."""
    time, known = _microseconds(times)
    place = np.arange(len(time))
    first_places = np.cumsum(lengths) - lengths
    starts = np.repeat(first_places, lengths)
    # The last step before, and the first of the sequence, whose time is known.
    before = np.full(len(time), -1)
    before[1:] = np.maximum.accumulate(np.where(known, place, -1))[:-1]
    first_known = np.minimum.reduceat(np.where(known, place, len(time)), first_places)
    first = np.repeat(first_known, lengths)
    out[:] = np.nan
    for channel, since in enumerate((before, first)):
        usable = known & (since >= starts) & (since < len(time))
        out[usable, channel] = _log_scaled(time[usable] - time[since[usable]])
        out[known & (first == place), channel] = 0.0


class Dates(ArrowLeaf):
    """A time a row: days since 1970, in UTC where a time zone is known."""

    kind = "times"
    n_numbers = 1

    def _fill(self, out: np.ndarray, values: pa.Array) -> None:
        microseconds, is_known = _microseconds(values)
        out[:, 0] = np.where(is_known, microseconds / 86_400e6, np.nan)


class Durations(ArrowLeaf):
    """A difference of two times each: seconds."""

    kind = "durations"
    n_numbers = 1

    def _fill(self, out: np.ndarray, values: pa.Array) -> None:
        microseconds, is_known = _microseconds(values)
        out[:, 0] = np.where(is_known, microseconds / 1e6, np.nan)


class Categories(ArrowLeaf):
    """One of some texts, whole numbers or truth values each."""

    kind = "categories"

    def __init__(self, chunks: list[pa.Array], place: Place) -> None:
        super().__init__(chunks, place)
        try:
            self._encoded = [distinct_values(chunk) for chunk in chunks]
        except pa.ArrowException:
            raise TypeError(_unreadable(chunks[0].type, place)) from None

    def fill(self, out: np.ndarray) -> None:
        """Do nothing: there are no numbers."""

    def vocabulary(self) -> Vocabulary:
        """Return what there is."""
        return Vocabulary.learn([distinct for distinct, _ in self._encoded])

    def codes(self, vocabulary: Vocabulary) -> np.ndarray:
        """Return the codes of all values, int32.

        Raises
        ------
        TypeError
            If they are of another type than in ``fit``.
        """
        try:
            codes = [vocabulary.codes_of(values)[places] for values, places in self._encoded]
        except TypeError as error:
            raise TypeError(
                f"{self.place.sentence} holds categories of type {error}. Convert it to the type "
                "it had in fit."
            ) from None
        return np.concatenate(codes) if codes else np.empty(0, np.int32)


class Missing(Leaf):
    """Nulls alone: whatever was there in ``fit``, it is missing."""

    kind = "nulls"

    def __init__(self, n_values: int, place: Place, n_numbers: int = 1) -> None:
        self.n_values = n_values
        self.place = place
        self.n_numbers = n_numbers

    def fill(self, out: np.ndarray) -> None:
        """Write NaN."""
        out[:] = np.nan

    def codes(self, vocabulary: Vocabulary) -> np.ndarray:
        """Return the code of a missing category."""
        return np.full(self.n_values, NULL, dtype=np.int32)


class Arrays(Leaf):
    """Numbers that were read sequence by sequence."""

    kind = Numbers.kind

    def __init__(self, values: np.ndarray, place: Place) -> None:
        self._values = values
        self.place = place
        self.n_values, self.n_numbers = values.shape

    def view(self) -> np.ndarray:
        """Return all of them."""
        return self._values

    def fill(self, out: np.ndarray) -> None:
        """Copy all of them."""
        out[:] = self._values


# -- types of Arrow -> leaves ---------------------------------------------------------------------


def leaves_of(arrow_type: pa.DataType, chunks: list[pa.Array], place: Place) -> list[Leaf]:
    """Return how values of this type are read.

    Raises
    ------
    TypeError
        If there is no way to read them.
    ValueError
        If they are lists of unequal lengths.
    """
    is_step = place.lengths is not None
    if types.is_struct(arrow_type):
        _check_fields(arrow_type, place)
        parts = [chunk.flatten() for chunk in chunks]
        fields = [
            leaves_of(field.type, [part[i] for part in parts], place.of_field(field.name))
            for i, field in enumerate(arrow_type)
        ]
        return [leaf for of_field in fields for leaf in of_field]
    if types.is_null(arrow_type):
        return [Missing(sum(map(len, chunks)), place)]
    if types.is_boolean(arrow_type):
        return [Categories(chunks, place) if is_step else Numbers(chunks, place)]
    if is_number(arrow_type):
        return [Numbers(chunks, place)]
    if is_category(arrow_type):
        return [Categories(chunks, place)]
    if types.is_timestamp(arrow_type) or types.is_date(arrow_type):
        return [Elapsed(chunks, place) if is_step else Dates(chunks, place)]
    if types.is_duration(arrow_type):
        return [Durations(chunks, place)]
    if is_list(arrow_type) and is_step:
        inner = arrow_type.value_type
        if is_number(inner) or types.is_null(inner):
            width = _width(arrow_type, chunks, place)
            n_values = sum(map(len, chunks))
            return [Missing(n_values, place) if width is None else Vectors(chunks, place, width)]
    raise TypeError(_unreadable(arrow_type, place))


def _check_fields(arrow_type: pa.DataType, place: Place) -> None:
    names = [field.name for field in arrow_type]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(
            f"{place.sentence} has more than one field named {twice!r}. Give each its own name."
        )
    if not names:
        raise ValueError(f"{place.sentence} holds structs without fields. Leave it out.")


def _width(arrow_type: pa.DataType, chunks: list[pa.Array], place: Place) -> int | None:
    """Return the length that all inner lists have, None if all are null."""
    if types.is_fixed_size_list(arrow_type):
        return arrow_type.list_size
    width: int | None = None
    for at, piece in pieces(chunks):
        widths = pc.list_value_length(piece)
        present = widths.drop_null()
        if len(present) == 0:
            continue
        if width is None:
            width = present[0].as_py()
        odd = np.flatnonzero(pc.fill_null(pc.not_equal(widths, width), False))
        if len(odd):
            raise ValueError(
                f"{place.of_value(at + int(odd[0]))} has {widths[odd[0]]} channel(s), but the "
                f"first step has {width}. All steps need the same channels, or null where all "
                "lack."
            )
    return width


def _unreadable(arrow_type: pa.DataType, place: Place) -> str:
    if is_list(arrow_type) and is_category(getattr(arrow_type, "value_type", None)):
        repair = "Give each step one category: one list of texts a row."
    elif is_list(arrow_type):
        repair = "Lists may be nested once, for channels: flatten further dimensions into them."
    elif types.is_dictionary(arrow_type):
        repair = "Turn the categories into texts, in pandas by .astype(str)."
    elif types.is_time(arrow_type):
        repair = "Give full timestamps, or numbers such as seconds since midnight."
    else:
        repair = "Give numbers, texts, categories or timestamps."
    what = f"lists of {arrow_type}" if place.lengths is not None else f"{arrow_type}"
    return f"{place.sentence} holds {what}, which can't be read. {repair}"


def pieces(chunks: list[pa.Array]) -> Iterator[tuple[int, pa.Array]]:
    """Yield the chunks a part at a time, and where each part begins."""
    at = 0
    for chunk in chunks:
        for begin in range(0, len(chunk), _PIECE):
            yield at + begin, chunk.slice(begin, _PIECE)
        at += len(chunk)


def numbers_of(array: pa.Array) -> np.ndarray:
    """Return Arrow numbers as numpy has them, nulls as NaN."""
    if types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    elif not types.is_integer(array.type) and not types.is_floating(array.type):
        array = array.cast(pa.float64())  # decimals, and the type of nulls alone
    numbers = array.to_numpy(zero_copy_only=False)
    # As with a null among them, so that large ones are rounded alike wherever they stand.
    return numbers.astype(np.float64) if numbers.dtype.kind in "iu" else numbers


def _microseconds(times: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return times or durations as whole microseconds, and which are known."""
    if types.is_date(times.type):
        times = times.cast(pa.timestamp("ms"))
    is_duration = types.is_duration(times.type)
    unit = pa.duration("us") if is_duration else pa.timestamp("us", times.type.tz)
    times = times.cast(unit, safe=False)
    known = times.is_valid().to_numpy(zero_copy_only=False)
    return pc.fill_null(times.cast(pa.int64()), 0).to_numpy(), known


def _log_scaled(microseconds: np.ndarray) -> np.ndarray:
    seconds = microseconds / 1e6
    return np.sign(seconds) * np.log1p(np.abs(seconds))


def is_number(arrow_type: pa.DataType) -> bool:
    """Return whether values of a type are numbers."""
    kinds = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
    return any(is_kind(arrow_type) for is_kind in kinds)


def is_category(arrow_type: pa.DataType | None) -> bool:
    """Return whether values of a type are texts or categories."""
    kinds = (types.is_string, types.is_large_string, types.is_string_view, types.is_dictionary)
    return arrow_type is not None and any(is_kind(arrow_type) for is_kind in kinds)


def is_list(arrow_type: pa.DataType) -> bool:
    """Return whether a type is one of Arrow's lists."""
    kinds = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    views = (types.is_list_view, types.is_large_list_view)
    return any(is_kind(arrow_type) for is_kind in kinds + views)

"""Categories <-> codes: what a text or categorical channel holds, known from ``fit``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

UNSEEN, NULL, FIRST = 0, 1, 2
"""Codes of a category that was not there in ``fit``, of a missing one, and of the first known."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The categories of a channel, sorted.

    Attributes
    ----------
    categories : pyarrow.Array
        Of text, integers or floats. The one at place i has the code ``FIRST + i``.
    """

    categories: pa.Array

    def __len__(self) -> int:
        """Return the number of codes."""
        return FIRST + len(self.categories)

    @classmethod
    def learn(cls, distinct: list[pa.Array]) -> Vocabulary:
        """Take the categories from arrays of :func:`distinct_values`."""
        values = pa.concat_arrays(distinct).drop_null().unique()
        return cls(values.take(pc.array_sort_indices(values)))

    def codes_of(self, distinct: pa.Array) -> np.ndarray:
        """Return the codes of an array of :func:`distinct_values`, int32.

        Raises
        ------
        TypeError
            If they are of another type.
        """
        if types.is_null(distinct.type):
            return np.full(len(distinct), NULL, dtype=np.int32)
        if distinct.type != self.categories.type:
            raise TypeError(f"{distinct.type}, but {self.categories.type} in fit")
        found = pc.index_in(distinct, value_set=self.categories)
        codes = pc.fill_null(found, UNSEEN - FIRST).to_numpy().astype(np.int32) + np.int32(FIRST)
        codes[pc.is_null(distinct).to_numpy(zero_copy_only=False)] = NULL
        return codes

    @cached_property
    def hashes(self) -> np.ndarray:
        """A 64-bit hash of each code that depends on the category alone, uint64."""
        values = self.categories.to_numpy(zero_copy_only=False)
        of_categories = pd.util.hash_array(values, categorize=False)
        return np.concatenate([np.array([UNSEEN, NULL], dtype=np.uint64), of_categories])


def distinct_values(values: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return the distinct values of an array, brought to one of few types, and their places.

    Returns
    -------
    distinct : pyarrow.Array
        Of large_string, int64, float64, or null; a null may be among them.
    places : ndarray of shape (n_values,)
        Where each value is among the distinct ones.
    """
    if not types.is_dictionary(values.type):
        if types.is_string_view(values.type) or types.is_boolean(values.type):
            values = values.cast(pa.large_string())
        values = values.dictionary_encode()
    distinct = _of_few_types(values.dictionary)
    if values.indices.null_count == 0:
        return distinct, values.indices.to_numpy()
    distinct = pa.concat_arrays([distinct, pa.nulls(1, distinct.type)])
    places = pc.fill_null(values.indices.cast(pa.int64()), len(distinct) - 1)
    return distinct, places.to_numpy()


def _of_few_types(distinct: pa.Array) -> pa.Array:
    if types.is_null(distinct.type):
        return distinct
    if types.is_integer(distinct.type) and not types.is_uint64(distinct.type):
        return distinct.cast(pa.int64())
    if types.is_floating(distinct.type):
        return distinct.cast(pa.float64())
    return distinct.cast(pa.large_string())

"""How long it takes to read 50,000 sequences, and what memory: docs/performance/reading.csv.

Contestants run in turn in one process after a warm-up; a figure is the median of its repeats.
Memory is the peak beyond the data that was there, by tracemalloc, and what Arrow holds afterwards.

Usage: python -m tests.benchmarks.reading
"""

from __future__ import annotations

import tracemalloc
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from sklearn_rnn.data.frames import Columns, as_columns, read_columns
from sklearn_rnn.data.reading import as_container, read_sequences
from tests.benchmarks.speed import RESULTS, race

N_SEQUENCES = 50_000
MEAN_STEPS = 50


def read(X):
    """Read X as the estimators do."""
    X = as_columns(X)
    if isinstance(X, Columns):
        return read_columns(X)[0].sequences
    return read_sequences(as_container(X, nested_table=False))


def peak_over_result(X):
    """Return the peak of memory while X is read, in parts of the float32 data."""
    arrow_before = pa.total_allocated_bytes()
    tracemalloc.start()
    sequences = read(X)
    peak = tracemalloc.get_traced_memory()[1] + pa.total_allocated_bytes() - arrow_before
    tracemalloc.stop()
    return peak / (4 * sequences.offsets[-1] * max(sequences.n_channels, 1))


def lists_of(offsets, steps, share_of_nulls=0.0):
    """Return a column whose sequences are cut from the steps."""
    rng = np.random.default_rng(1)
    mask = rng.random(len(steps)) < share_of_nulls if share_of_nulls else None
    return pa.ListArray.from_arrays(offsets, pa.array(steps, mask=mask))


def forms():
    """Return what holds the same sequences, by name, and forms of other contents."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 2 * MEAN_STEPS, N_SEQUENCES)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int32)
    numbers = rng.standard_normal(offsets[-1], dtype=np.float32)
    table = pa.table({"signal": lists_of(offsets, numbers)})
    doubles = lists_of(offsets, numbers.astype(np.float64))
    vectors = pa.FixedSizeListArray.from_arrays(np.repeat(numbers, 4), 4)
    structs = pa.StructArray.from_arrays([pa.array(numbers)] * 4, list("abcd"))
    words = np.array([f"word{i}" for i in range(10_000)])
    tokens = pa.array(words[rng.zipf(1.3, len(numbers)) % len(words)])
    times = pa.array(rng.integers(0, 1 << 40, len(numbers)), pa.timestamp("us"))
    batches = [table[at : at + 1000] for at in range(0, N_SEQUENCES, 1000)]
    return {
        "pyarrow": table,
        "pandas ArrowDtype": table.to_pandas(types_mapper=pd.ArrowDtype),
        "polars": pl.from_arrow(table),
        "list of arrays": np.split(numbers, offsets[1:-1]),
        "pandas objects": table.to_pandas(),
        "pyarrow, 50 chunks": pa.concat_tables(batches),
        "pyarrow, float64": pa.table({"signal": doubles}),
        "pyarrow, a tenth null": pa.table({"signal": lists_of(offsets, numbers, 0.1)}),
        "pyarrow, 4 columns": pa.table([table["signal"]] * 4, names=list("abcd")),
        "pyarrow, vectors of 4": pa.table({"s": pa.ListArray.from_arrays(offsets, vectors)}),
        "pyarrow, structs of 4": pa.table({"s": pa.ListArray.from_arrays(offsets, structs)}),
        "pyarrow, a static column beside": table.append_column("age", pa.array(lengths)),
        "pyarrow, tokens": pa.table({"words": pa.ListArray.from_arrays(offsets, tokens)}),
        "pyarrow, dictionaries": pa.table(
            {"words": pa.ListArray.from_arrays(offsets, tokens.dictionary_encode())}
        ),
        "pyarrow, timestamps": pa.table({"times": pa.ListArray.from_arrays(offsets, times)}),
        "list of texts": ["x" * n for n in lengths],
        "list of lists of texts": pa.ListArray.from_arrays(offsets, tokens).to_pylist(),
    }


def reading():
    """Time the reading of each form."""
    X = forms()
    seconds = race({form: partial(read, held) for form, held in X.items()}, repeats=7)
    return pd.DataFrame(
        [
            {
                "form": form,
                "n_steps": read(held).offsets[-1],
                "n_channels": read(held).n_channels,
                "n_categorical": read(held).n_categorical,
                "ms": 1e3 * seconds[form],
                "extra memory over float32 data": peak_over_result(held),
            }
            for form, held in X.items()
        ]
    )


def main():
    """Write the table."""
    RESULTS.mkdir(exist_ok=True)
    table = reading()
    table.to_csv(RESULTS / "reading.csv", index=False, float_format="%.3g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

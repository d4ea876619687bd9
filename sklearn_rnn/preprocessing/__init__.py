"""From event tables, long series and ordinary transformers to sequences and back."""

from sklearn_rnn.preprocessing._events import to_events
from sklearn_rnn.preprocessing._per_step import PerStep
from sklearn_rnn.preprocessing._sequences import to_sequences
from sklearn_rnn.preprocessing._windows import sliding_windows

__all__ = ["PerStep", "sliding_windows", "to_events", "to_sequences"]

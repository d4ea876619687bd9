"""One fit by several processes, each with a device of its own."""

from sklearn_rnn.training.parallel import data_parallel

__all__ = ["data_parallel"]

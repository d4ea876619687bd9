"""One answer a sequence: what the classifier and the regressor share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from sklearn_rnn._base import BaseRecurrent
from sklearn_rnn._params import Rule, a_bool, a_subclass, none, one_of
from sklearn_rnn._shared_parameters import AUGMENTATION
from sklearn_rnn.data.batching import DeviceInputs
from sklearn_rnn.data.canonical import TrainingRows
from sklearn_rnn.data.prefixes import DevicePrefixes
from sklearn_rnn.data.ragged import Ragged, in_rows
from sklearn_rnn.data.statistics import ChannelStatistics, smooth_channels, step_sizes
from sklearn_rnn.nn.encoder import ManyToOne
from sklearn_rnn.nn.pooling import POOLINGS, AttentionPooling, Pooling
from sklearn_rnn.nn.stem import STEMS
from sklearn_rnn.training.prediction import predict_in_batches
from sklearn_rnn.training.samples import Samples


class BaseManyToOne(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseRecurrent):
    """A network that pools its steps, and hands on the pooled vector."""

    _network_kind = ManyToOne
    _network_parameters = (*BaseRecurrent._network_parameters, "pooling", "stem")
    _parameter_rules: ClassVar[dict[str, Rule]] = BaseRecurrent._parameter_rules | {
        "pooling": one_of(POOLINGS) | a_subclass(Pooling),
        "stem": one_of(STEMS) | none(),
        "augmentation": AUGMENTATION,
        "differences": a_bool() | one_of(["auto"]),
    }

    @property
    def _settled_parameters(self) -> tuple[str, ...]:
        return (*super()._settled_parameters, "differences")

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the pooled embedding of each sequence, what the head reads.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_units), float64
            ``n_units`` is ``hidden_size``, twice that if bidirectional, three times that with
            ``pooling="extremes"`` or ``"concat"``; a stem adds ``hidden_size``.
        """
        return self._forward(X, self._module.encoder).astype(np.float64)

    def attention_weights(self, X: ArrayLike) -> np.ndarray:
        """Return how much each step counts in the pooled vector.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples,), dtype=object
            For each sequence a float32 array of shape (n_steps,) that sums to 1; one array of shape
            (n_samples, n_steps) where X was one array in ``fit`` and lengths are equal. Steps that
            a stem made one of share its weight.

        Raises
        ------
        ValueError
            If the network does not pool by attention.
        """
        module, inputs = self._module, self._read_X(X, reset=False)
        if not isinstance(module.encoder.pooling, AttentionPooling):
            raise ValueError(
                "attention_weights needs a network that pools by attention. Fit with "
                f"pooling='attention'. Got pooling={self.pooling!r}."
            )
        lengths = inputs.sequences.lengths
        weights = np.empty((0, 1), np.float32)
        if lengths.any():
            on_device = DeviceInputs(inputs, self.net_.device)
            weights = predict_in_batches(module.encoder.looking, on_device, per_step=True)
        return in_rows(weights[:, 0], lengths, as_one_array=self._fitted_on_array)

    def _outputs_of_prefixes(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the outputs for every prefix, end to end, and the length of each sequence."""
        module, inputs = self._module, self._read_X(X, reset=False)
        lengths = inputs.sequences.lengths
        if len(module.encoder.recurrence.directions) == 1 and module.encoder.stem is None:
            on_device = DeviceInputs(inputs, self.net_.device)
            return predict_in_batches(module.prefixes, on_device, per_step=True), lengths
        if not lengths.any():
            return np.empty((0, self._target.n_outputs)), lengths
        return predict_in_batches(module, DevicePrefixes(inputs, self.net_.device)), lengths

    def _differences(
        self, sequences: Ragged, training: TrainingRows, statistics: ChannelStatistics
    ) -> tuple[np.ndarray, ...]:
        if not self.differences or (self.differences == "auto" and not self.standardize):
            return ()
        sizes = step_sizes(sequences, training)
        scale = np.where((sizes > 0) & self.standardize, sizes, 1.0)
        if self.differences == "auto":
            return smooth_channels(sizes, statistics), scale
        return np.ones(len(sizes), dtype=bool), scale

    def _longest_read(self, samples: Samples, training: TrainingRows) -> int:
        """Return the steps of the longest training sequence, behind the stem."""
        longest = super()._longest_read(samples, training)
        return longest if self.stem is None else STEMS[self.stem].shortened(longest)

    @property
    def _n_features_out(self) -> int:
        return self.net_.module_.encoder.output_size

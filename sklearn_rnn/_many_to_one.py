"""One answer a sequence: what the classifier and the regressor share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from sklearn_rnn._base import BaseRecurrent
from sklearn_rnn._params import Rule, a_subclass, none, one_of
from sklearn_rnn._shared_parameters import AUGMENTATION
from sklearn_rnn.data.batching import DeviceInputs
from sklearn_rnn.data.canonical import TrainingRows
from sklearn_rnn.data.prefixes import DevicePrefixes
from sklearn_rnn.nn.encoder import ManyToOne
from sklearn_rnn.nn.pooling import POOLINGS, Pooling
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
    }

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the pooled embedding of each sequence, what the head reads.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_units), float64
            ``n_units`` is ``hidden_size``, twice that if bidirectional, three times more with
            ``pooling="concat"``; a stem adds ``hidden_size``.
        """
        return self._forward(X, self._module.encoder).astype(np.float64)

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

    def _longest_read(self, samples: Samples, training: TrainingRows) -> int:
        """Return the steps of the longest training sequence, behind the stem."""
        longest = super()._longest_read(samples, training)
        return longest if self.stem is None else STEMS[self.stem].shortened(longest)

    @property
    def _n_features_out(self) -> int:
        return self.net_.module_.encoder.output_size

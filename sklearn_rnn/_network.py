"""An estimator around a network: what it is built from, how it starts, how it is asked."""

from __future__ import annotations

from abc import ABC
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._reader import SequenceReader
from sklearn_rnn.augmentation._base import Channels
from sklearn_rnn.data.batching import DeviceInputs
from sklearn_rnn.data.canonical import TrainingRows
from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.ragged import Ragged
from sklearn_rnn.data.statistics import ChannelStatistics, category_counts, channel_statistics
from sklearn_rnn.data.targets import Target
from sklearn_rnn.nn.dropout import Dropout
from sklearn_rnn.nn.encoder import Network
from sklearn_rnn.nn.inputs import CategoricalInput, MixedInput, NumericInput
from sklearn_rnn.nn.recurrence import spread_memory
from sklearn_rnn.training.net import make_net
from sklearn_rnn.training.prediction import predict_in_batches
from sklearn_rnn.training.samples import Samples
from sklearn_rnn.training.schedules import optimizer_class, optimizer_options

_NETWORK = (
    "cell",
    "hidden_size",
    "num_layers",
    "bidirectional",
    "dropout",
    "recurrent_dropout",
    "bptt_steps",
    "static_to",
)
_START = ("initialization",)
_INPUT = ("standardize", "embedding_size", "min_frequency", "input_dropout")
_OPTIMIZER = ("optimizer", "momentum", "optimizer_options")


class NetworkEstimator(SequenceReader, BaseEstimator, ABC):
    """What all estimators share but how they are trained."""

    _target: Any
    _target_kind: ClassVar[type[Target]]
    _network_kind: ClassVar[type[Network]]
    _network_parameters: ClassVar[tuple[str, ...]] = _NETWORK
    """Names of the parameters that the network is built from."""

    @property
    def _network_class(self) -> Any:
        """The class of the network that a fit starts with."""
        return self._network_kind

    @property
    def _settled_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that the first fit settles."""
        return (*self._network_parameters, *_START, *_INPUT, *_OPTIMIZER, "device")

    def _loss_factor(self, target: Any, numbers: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return what each loss, of a row or a step, is multiplied by besides its weight."""
        return np.ones(len(numbers))

    def _new_net(self, samples: Samples, training: TrainingRows, random: torch.Generator) -> Any:
        """Return a net at its start, which knows of the training rows what it must."""
        numbers, weight = samples.entries_of(training)
        factor = self._loss_factor(samples.target, numbers, weight)
        samples.target.fit(numbers, weight * factor)
        sequences, static = samples.inputs.sequences, samples.inputs.static
        statistics = channel_statistics(sequences, training, "Channel")
        part = self._input_part(
            sequences,
            training,
            statistics,
            random,
            self.input_dropout,
            self._differences(sequences, training, statistics),
        )
        static_part = None
        if static is not None:
            of_static = channel_statistics(static, training, "Static column")
            static_part = self._input_part(static, training, of_static, random)
        module = self._network_class.build(
            part,
            static_part,
            torch.from_numpy(samples.target.initial_outputs),
            generator=random,
            **{name: getattr(self, name) for name in self._network_parameters},
            **self._network_extras(samples.target, random),
        )
        if self.initialization == "chrono":
            spread_memory(module, self._longest_read(samples, training))
        net = make_net(
            module,
            samples.target.loss,
            optimizer=optimizer_class(self.optimizer),
            options=optimizer_options(self.optimizer, self.momentum, self.optimizer_options or {}),
            device=samples.device,
        )
        net.channels = Channels(  # for augmentations, which later fits may have other ones of
            *(torch.from_numpy(x).to(torch.float32) for x in (statistics.mean, statistics.std))
        )
        return net

    def _input_part(
        self,
        values: Ragged,
        training: TrainingRows,
        statistics: ChannelStatistics,
        random: torch.Generator,
        dropout: float = 0.0,
        differences: tuple[np.ndarray, ...] = (),
    ) -> MixedInput:
        if not self.standardize:
            statistics = statistics.unscaled()
        numeric = (statistics.mean, statistics.scale, statistics.has_missing, *differences)
        return MixedInput(
            NumericInput(*map(torch.from_numpy, numeric)),
            [
                CategoricalInput(
                    torch.from_numpy(counts), self.min_frequency, self.embedding_size, random
                )
                for counts in category_counts(values, training)
            ],
            Dropout(dropout, random),
        )

    def _differences(
        self, sequences: Ragged, training: TrainingRows, statistics: ChannelStatistics
    ) -> tuple[np.ndarray, ...]:
        """Return which channels are also read as differences, and by what scale; or nothing."""
        return ()

    def _longest_read(self, samples: Samples, training: TrainingRows) -> int:
        """Return the steps of the longest training sequence, of X or of y."""
        lengths = [samples.inputs.sequences.lengths[training.rows]]
        if samples.offsets is not None:
            lengths.append(np.diff(samples.offsets)[training.rows])
        return int(np.max(lengths))

    def _network_extras(self, target: Any, random: torch.Generator) -> dict[str, Any]:
        """Return what the network is built from besides parameters."""
        return {}

    def _check_same_network(self) -> None:
        changed = [n for n in self._settled_parameters if getattr(self, n) != self._settled[n]]
        if changed:
            raise ValueError(
                f"The {changed[0]!r} parameter of {type(self).__name__} was changed from "
                f"{self._settled[changed[0]]!r} to {getattr(self, changed[0])!r}, but "
                "training goes on with the same network. Change it back, or set "
                "warm_start=False and fit anew."
            )

    def _expose(self, net: Any, target: Any) -> None:
        """Take over what predictions need."""
        self.net_ = net
        self._target = target

    # -- prediction -------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> np.ndarray:
        """Return the network's outputs, shape (n_samples, n_outputs), float64."""
        return self._forward(X, self._module)

    @property
    def _module(self) -> Any:
        """The fitted network."""
        if not hasattr(self, "net_"):
            check_is_fitted(self)  # raises; asking it each time would take longer than reading X
        return self.net_.module_

    def _forward(self, X: Any, part: torch.nn.Module) -> np.ndarray:
        """Run the network, or its encoder, over batches of like length, in the rows' order."""
        return self._run(self._read_X(X, reset=False), part)

    def _run(self, inputs: Inputs, part: torch.nn.Module) -> np.ndarray:
        on_device = DeviceInputs(inputs, self.net_.device)
        return predict_in_batches(part, on_device, per_step=self._target_kind.per_step)

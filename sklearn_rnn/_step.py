"""One answer a step: what its classifier and its regressor share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch

from sklearn_rnn._base import BaseRecurrent, Pauses
from sklearn_rnn._params import Rule, a_bool
from sklearn_rnn._shared_parameters import AUGMENTATION
from sklearn_rnn.augmentation._base import in_turn
from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.per_step import read_step_weight, read_step_y
from sklearn_rnn.data.ragged import in_rows
from sklearn_rnn.data.sequence_y import is_flat
from sklearn_rnn.data.targets import Target
from sklearn_rnn.nn.encoder import ManyToMany
from sklearn_rnn.nn.feedback import Feedback
from sklearn_rnn.nn.output_feedback import OutputFeedback


class BaseStep(BaseRecurrent):
    """What the estimators share that answer at each step."""

    _network_kind = ManyToMany
    _y_form: str | None  # "flat" (sequences of one step), "rectangular" or "ragged"; of fit
    _parameter_rules: ClassVar[dict[str, Rule]] = BaseRecurrent._parameter_rules | {
        "output_feedback": a_bool(),
        "augmentation": AUGMENTATION,
    }

    @property
    def _network_class(self) -> Any:
        return OutputFeedback if self.output_feedback else super()._network_class

    @property
    def _settled_parameters(self) -> tuple[str, ...]:
        return (*super()._settled_parameters, "output_feedback")

    def _network_extras(self, target: Any, random: torch.Generator) -> dict[str, Any]:
        return {"feedback": self._feedback(target, random)} if self.output_feedback else {}

    @abstractmethod
    def _feedback(self, target: Any, random: torch.Generator) -> Feedback:
        """Return how the last answer is read."""

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for augmentation in in_turn(self.augmentation):
            if not augmentation.keeps_steps:
                raise ValueError(
                    f"The 'augmentation' parameter of {type(self).__name__} must keep steps where "
                    "they are, since each has an entry of y: Jitter, Scaling and ChannelDropout "
                    f"do. Got {augmentation!r} instead."
                )

    def _training(self, X: Any, y: Any, *args: Any, continued: bool, **kwargs: Any) -> Pauses:
        if not continued:
            self._rows_are_steps = is_flat(y)
            self._y_form = None
        yield from super()._training(X, y, *args, continued=continued, **kwargs)

    def _read_weight(
        self, sample_weight: Any, inputs: Inputs, X_name: str
    ) -> tuple[np.ndarray, np.ndarray | None]:
        return read_step_weight(
            sample_weight, inputs.sequences.lengths, type(self).__name__, X_name
        )

    def _read_y(
        self,
        y: Any,
        inputs: Inputs,
        weight: np.ndarray,
        entry_weight: np.ndarray | None,
        names: tuple[str, str],
        target: Target | None,
    ) -> tuple[Target, np.ndarray, np.ndarray | None]:
        lengths = inputs.sequences.lengths
        entries, form = read_step_y(y, lengths, type(self).__name__, names)
        if self._y_form is None:
            self._y_form = form
        entries = _weighed(entries, _of_steps(weight, entry_weight, lengths))
        entries = self._target_kind.check(entries, names[1])
        target = self._target_kind.from_y(entries) if target is None else target
        target.feeds_network = bool(self.output_feedback)
        return target, target.read(entries, names[1]), inputs.sequences.offsets

    def _flat(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the network's outputs of all steps, and the length of each sequence."""
        module, inputs = self._module, self._read_X(X, reset=False)
        return self._run(inputs, module).astype(np.float64), inputs.sequences.lengths

    def _as_sequences(self, flat: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return what was predicted at all steps in the form of y."""
        if self._y_form == "flat" and (lengths == 1).all():
            return flat
        return in_rows(flat, lengths, as_one_array=self._y_form != "ragged")

    def _score_of(self, metric: Any, X: Any, y: Any, sample_weight: Any) -> float:
        outputs, lengths = self._flat(X)
        entries, _ = read_step_y(y, lengths, type(self).__name__)
        weights = read_step_weight(sample_weight, lengths, type(self).__name__)
        weight = _of_steps(*weights, lengths)
        entries = self._target_kind.check(_weighed(entries, weight))
        known = ~pd.isna(entries).reshape(len(entries), -1).any(axis=1)
        truth, predicted = entries[known].tolist(), self._target.decode(outputs)[known].tolist()
        return float(metric(truth, predicted, sample_weight=weight[known]))


def _of_steps(
    weight: np.ndarray, step_weight: np.ndarray | None, lengths: np.ndarray
) -> np.ndarray:
    """Return the weight of each step, shape (n_steps,)."""
    of_rows = np.repeat(weight, lengths)
    return of_rows if step_weight is None else of_rows * step_weight


def _weighed(entries: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the entries of the steps that have any weight; elsewhere there may be any y."""
    if weight.all():
        return entries
    entries = entries.astype(object)
    entries[weight == 0] = None
    return entries

"""What reads sequences of tokens, each of which is what comes next after those before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import validate_data

from sklearn_rnn._base import BaseRecurrent
from sklearn_rnn.data.batching import DeviceInputs, SequenceTargets
from sklearn_rnn.data.canonical import canonical_rows, hash_sequences
from sklearn_rnn.data.next_token import NextTokenTarget, in_windows
from sklearn_rnn.data.per_sample import read_groups, read_weight
from sklearn_rnn.data.tables import is_frame, names_of
from sklearn_rnn.data.tokens import Tokens, is_table, one_column, read_tokens
from sklearn_rnn.nn.language import LanguageNetwork
from sklearn_rnn.training.prediction import over_batches
from sklearn_rnn.training.samples import Samples


class BaseNextToken(BaseRecurrent):
    """One column of tokens -> the token that comes next, after each."""

    min_frequency: int
    standardize = True  # no parameter: there are no numbers
    _network_kind = LanguageNetwork
    _target_kind = NextTokenTarget
    _target: NextTokenTarget
    _network_parameters = ("cell", "hidden_size", "num_layers", "dropout", "recurrent_dropout")

    def _read_samples(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        groups: Any = None,
        *,
        target: Any,
        device: torch.device,
        reset: bool = False,
        splitting: bool = False,
        names: tuple[str, str] = ("X", "y"),
    ) -> Samples:
        tokens = self._read_tokens(X, names[0], reset=reset)
        weight = read_weight(sample_weight, len(tokens))
        if target is None:
            target = NextTokenTarget.of_tokens(tokens, weight, self.min_frequency)
        texts = target.inputs(tokens)
        group = None
        if splitting:
            group = self._groups(texts, groups, weight)
        windows, rows = texts, np.arange(len(texts))
        if self.bptt_steps is not None:
            windows, rows = in_windows(texts, self.bptt_steps)
        if group is not None:
            group = group[rows]
        following, offsets = target.next_of(texts), windows.sequences.offsets
        training = canonical_rows(windows, following, weight[rows], group, target_offsets=offsets)
        return Samples(windows, following, offsets, group, training, target, device)

    @staticmethod
    def _groups(texts: Any, groups: Any, weight: np.ndarray) -> np.ndarray | None:
        """Return which texts are held out together: those of a group, and windows of one text.

        The windows of a text that is all there is are held out one by one.
        """
        if groups is not None:
            return read_groups(groups, len(texts))
        hashes = hash_sequences(texts.sequences)
        distinct = np.unique(hashes[weight > 0])  # texts without weight must not number the others
        return np.searchsorted(distinct, hashes) if len(distinct) > 1 else None

    def _read_validation(self, X_val: Any, y_val: Any, samples: Samples) -> Samples:
        return self._read_samples(
            X_val, None, target=samples.target, device=samples.device, names=("X_val", "y_val")
        )

    def _network_extras(self, target: Any, random: torch.Generator) -> dict[str, Any]:
        return {"bidirectional": False, "bptt_steps": None, "static_to": "head"}

    def _expose(self, net: Any, target: Any) -> None:
        super()._expose(net, target)
        self.classes_ = target.classes

    # -- reading ----------------------------------------------------------------------------------

    def _read_tokens(
        self, X: Any, name: str = "X", *, reset: bool = False, of_any_length: bool = False
    ) -> Tokens:
        """Read X of any form; of a table, scikit-learn compares the number of columns."""
        alone = one_column(X, name)
        if is_table(alone):
            if reset or (self._fitted_form == "table" and not of_any_length):
                alone = validate_data(self, alone, reset=reset, dtype=None)
            tokens = read_tokens(np.asarray(alone), name)
        else:
            tokens = read_tokens(alone, name)
            if is_frame(X) and (reset or hasattr(self, "feature_names_in_")):
                stand_in = pd.DataFrame(columns=names_of(X))
                validate_data(self, stand_in, reset=reset, skip_check_array=True)
            elif reset:
                self.n_features_in_ = 1
                self.__dict__.pop("feature_names_in_", None)
        if reset:
            self._fitted_form = "table" if is_table(alone) else "sequences"
            self._are_texts = tokens.are_texts
        return tokens

    def _judged(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-likelihood of sequences, and how many tokens and ends they have."""
        module, target = self._module, self._target
        tokens = self._read_tokens(X)
        texts = target.inputs(tokens)
        following, offsets = target.next_of(texts), texts.sequences.offsets
        on_device = DeviceInputs(texts, self.net_.device)
        known = target.known(following)
        targets = SequenceTargets(following, known, offsets, on_device.device)

        def judge(rows: np.ndarray) -> np.ndarray:
            entries, weight = targets.gather(rows)
            judged = module.judge(on_device.gather(rows).codes, entries)
            return (judged * weight).sum(dim=1).cpu().numpy()

        total = np.add.reduceat(~known, offsets[:-1], dtype=np.float64) * target.log_unseen
        for rows, of_rows in over_batches(judge, on_device):
            total[rows] += of_rows
        return total, tokens.lengths + 1

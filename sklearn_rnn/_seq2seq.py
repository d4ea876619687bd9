"""A sequence of another length: what its classifier and its regressor share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike

from sklearn_rnn._base import BaseRecurrent, Pauses
from sklearn_rnn._params import Rule, a_number, a_subclass, an_int, none, one_of
from sklearn_rnn._shared_parameters import AUGMENTATION
from sklearn_rnn.data.batching import DeviceInputs, SequenceTargets
from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.ragged import places_of, split_at
from sklearn_rnn.data.sequence_y import Sequences, read_answers
from sklearn_rnn.nn.attention import ATTENTIONS, Attention
from sklearn_rnn.nn.encoder_decoder import EncoderDecoder
from sklearn_rnn.training.callbacks import Callback, TeacherForcing
from sklearn_rnn.training.prediction import over_batches
from sklearn_rnn.training.samples import Samples


class BaseSeq2Seq(BaseRecurrent):
    """What encoder/decoders share: all but what an entry of an answer is."""

    _target_kind: ClassVar[Any]
    _network_kind: ClassVar[Any] = EncoderDecoder
    _network_parameters = (
        *BaseRecurrent._network_parameters,
        "encoder",
        "attention",
        "decoder_input",
    )
    _longest: int
    """Entries of the longest answer in training."""
    _y_form: str  # "flat" (answers of one entry), "rectangular", "ragged" or "text"
    _parameter_rules: ClassVar[dict[str, Rule]] = BaseRecurrent._parameter_rules | {
        "encoder": one_of(["sequence", "vector"]),
        "attention": one_of(ATTENTIONS) | a_subclass(Attention) | none(),
        "decoder_input": one_of(["previous", "none"]),
        "teacher_forcing": a_number("[0, 1]") | one_of(["linear", "sigmoid"]),
        "max_steps": an_int(1) | none(),
        "augmentation": AUGMENTATION,
    }

    # -- training ---------------------------------------------------------------------------------

    def _training(self, X: Any, y: Any, *args: Any, continued: bool, **kwargs: Any) -> Pauses:
        if not continued:
            self._rows_are_steps = self.encoder == "vector"
        yield from super()._training(X, y, *args, continued=continued, **kwargs)

    def _read_X(self, X: Any, name: str = "X", *, reset: bool) -> Inputs:
        inputs = super()._read_X(X, name, reset=reset)
        odd = inputs.sequences.lengths != 1
        if self._rows_are_steps and (odd.any() or inputs.static is not None):
            row = int(odd.argmax())
            raise ValueError(
                f"With encoder='vector' {name} is one vector a row, but row {row} is a sequence of "
                f"{inputs.sequences.lengths[row]} step(s). Pass an array of shape (n_samples, "
                "n_features) or a frame of single values, or set encoder='sequence'."
            )
        return inputs

    def _read_samples(
        self, *args: Any, target: Any, names: tuple[str, str] = ("X", "y"), **kwargs: Any
    ) -> Samples:
        samples = super()._read_samples(*args, target=target, names=names, **kwargs)
        if names[1] == "y":  # and not what is validated on
            answers: Any = samples.target
            assert samples.offsets is not None
            longest = int(np.diff(samples.offsets).max()) - answers.end_entries
            self._longest = longest if target is None else max(longest, self._longest)
        return samples

    def _read_y(
        self,
        y: Any,
        inputs: Inputs,
        weight: np.ndarray,
        entry_weight: np.ndarray | None,
        names: tuple[str, str],
        target: Any,
    ) -> tuple[Any, np.ndarray, np.ndarray | None]:
        if not weight.all():
            y = _of_those_with_weight(y, weight)
        answers, form = read_answers(
            y, len(inputs), type(self).__name__, names, texts=True, used=weight > 0
        )
        if target is None:
            self._y_form = form
        if not weight.all():  # any y that is in use: rows without weight have no say
            answers = answers.take(np.where(weight > 0, np.arange(len(weight)), weight.argmax()))
        answers = self._target_kind.check(answers, names[1])
        target = self._target_kind.from_y(answers) if target is None else target
        return target, target.read(answers, names[1]), target.offsets(answers)

    def _extra_callbacks(self, n_epochs: int) -> list[Callback]:
        return [TeacherForcing(self.teacher_forcing, n_epochs)]

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train one epoch on these rows, going on from what is fitted.

        The first call settles what later ones keep to: the tokens, whether the end of answers is
        learned, and the scale of channels and outputs. The learning rate is ``lr`` throughout.

        Parameters
        ----------
        X : as in fit
        y : as in fit
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As :meth:`fit`, and if y holds a token that was not there in the first call, or has
            another length where all had one.
        """
        return self._partial_fit(X, y, sample_weight, None)

    # -- prediction -------------------------------------------------------------------------------

    def predict(self, X: ArrayLike, n_steps: int | ArrayLike | None = None) -> np.ndarray:
        """Return the answer to each row.

        Parameters
        ----------
        X : as in fit
        n_steps : int or array-like of shape (n_samples,), optional
            How long answers shall be. Without, they are as long as all were in ``fit`` or, where
            lengths differed, as the network makes them.

        Returns
        -------
        ndarray of shape (n_samples,), dtype=object
            An array for each row, or a text where y held texts in ``fit``; one array for all where
            y was one array and lengths are equal.
        """
        module, inputs = self._module, self._read_X(X, reset=False)
        entries, lengths = self._write(module, inputs, self._read_n_steps(n_steps, len(inputs)))
        return self._as_answers(self._target.decode(entries), lengths)

    def _read_n_steps(self, n_steps: Any, n_samples: int) -> np.ndarray | None:
        if n_steps is None:
            if self._target.n_steps is None:
                return None
            n_steps = self._target.n_steps
        steps = np.asarray(n_steps)
        if steps.dtype.kind not in "iu" or steps.ndim > 1 or (steps < 1).any():
            raise ValueError(
                "n_steps must be an int >= 1, or an array of them, one a row. "
                f"Got {n_steps!r} instead."
            )
        if steps.ndim == 1 and len(steps) != n_samples:
            raise ValueError(f"n_steps has {len(steps)} entries, but X has {n_samples} row(s).")
        return np.broadcast_to(steps, n_samples).astype(np.int64)

    def _write(
        self, module: Any, inputs: Inputs, n_steps: np.ndarray | None, **how: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the entries of all answers, laid end to end, and how many each has."""
        on_device = DeviceInputs(inputs, self.net_.device)
        longest = self.max_steps or 2 * self._longest

        def write(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            tensors = on_device.gather(rows).tensors()
            asked = None if n_steps is None else torch.from_numpy(n_steps[rows])
            written = module.write(
                **tensors,
                max_steps=longest if asked is None else int(asked.max()),
                n_steps=None if asked is None else asked.to(on_device.device),
                **how,
            )
            inside = torch.arange(written.entries.shape[1], device=on_device.device)
            kept = written.entries[inside < written.lengths[:, None]]
            return kept.cpu().numpy(), written.lengths.cpu().numpy()

        written_steps = np.full(len(inputs), longest) if n_steps is None else n_steps
        batches = list(over_batches(write, on_device, written_steps))
        lengths = np.empty(len(inputs), dtype=np.int64)
        for rows, (_, of_rows) in batches:
            lengths[rows] = of_rows
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        some = batches[0][1][0]
        entries = np.empty((offsets[-1], *some.shape[1:]), dtype=some.dtype)
        for rows, (of_rows, _) in batches:
            entries[places_of(offsets, rows)] = of_rows
        return entries, lengths

    def _as_answers(self, flat: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return what was written in the form of y."""
        if self._y_form == "flat" and (lengths == 1).all():
            return flat
        if self._y_form == "rectangular" and (lengths == lengths[0]).all():
            return flat.reshape(len(lengths), lengths[0], *flat.shape[1:])
        answers = split_at(flat, lengths)
        if self._y_form == "text":
            answers[:] = ["".join(answer) for answer in answers.tolist()]
        return answers

    # -- known answers ----------------------------------------------------------------------------

    def score_samples(self, X: ArrayLike, y: ArrayLike | None = None) -> np.ndarray:
        """Return the log-likelihood of answers.

        Parameters
        ----------
        X : as in fit
        y : as in fit, optional
            Answers of these rows; without, what :meth:`predict` gives.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Natural logarithms, summed over the entries of an answer.
        """
        module, inputs = self._module, self._read_X(X, reset=False)
        target = self._target
        answers = self._answers(module, inputs, y)
        encoded, offsets = target.encode(target.read(answers)), target.offsets(answers)
        outputs = self._outputs_of(module, inputs, encoded, offsets)
        return np.add.reduceat(self._log_likelihood(outputs, encoded), offsets[:-1])

    def _answers(self, module: Any, inputs: Inputs, y: Any) -> Sequences:
        """Return answers that were passed or, if there are none, the network's own."""
        if y is not None:
            answers, _ = read_answers(y, len(inputs), type(self).__name__, texts=True)
            return self._target_kind.check(answers)
        n_steps = self._read_n_steps(None, len(inputs))
        entries, lengths = self._write(module, inputs, n_steps)
        return Sequences(self._target.decode(entries), lengths, np.zeros(len(lengths), bool))

    @abstractmethod
    def _log_likelihood(self, outputs: np.ndarray, encoded: np.ndarray) -> np.ndarray:
        """Return the log-likelihood of each entry."""

    def _outputs_of(
        self, module: Any, inputs: Inputs, encoded: np.ndarray, offsets: np.ndarray
    ) -> np.ndarray:
        """Return the outputs at each entry of known answers, laid end to end, float64."""
        on_device = DeviceInputs(inputs, self.net_.device)
        targets = SequenceTargets(encoded, np.ones(len(encoded)), offsets, on_device.device)

        def outputs_of(rows: np.ndarray) -> np.ndarray:
            entries, inside = targets.gather(rows)
            outputs = module(**on_device.gather(rows).tensors(), targets=entries)
            return outputs[inside > 0].cpu().numpy()

        result = np.empty((len(encoded), self._target.n_outputs))
        for rows, outputs in over_batches(outputs_of, on_device, np.diff(offsets)):
            result[places_of(offsets, rows)] = outputs
        return result

    def attention_weights(self, X: ArrayLike, y: ArrayLike | None = None) -> np.ndarray:
        """Return how much each step of X was looked at for each entry of an answer.

        Parameters
        ----------
        X : as in fit
        y : as in fit, optional
            Answers of these rows; without, what :meth:`predict` gives.

        Returns
        -------
        ndarray of shape (n_samples,), dtype=object
            For each row an array of shape (n_entries, n_steps), whose rows sum to 1.

        Raises
        ------
        ValueError
            If the network has no attention.
        """
        module, inputs = self._module, self._read_X(X, reset=False)
        if self._rows_are_steps or module.decoder.attention is None:
            raise ValueError(
                "attention_weights needs a network with attention. Fit with encoder='sequence' and "
                f"attention='dot'. Got encoder={self.encoder!r}, attention={self.attention!r}."
            )
        answers = self._answers(module, inputs, y)
        return self._looking(module, inputs, self._target.entries(answers), answers.lengths)

    def _looking(
        self, module: Any, inputs: Inputs, entries: np.ndarray, lengths: np.ndarray
    ) -> np.ndarray:
        """Return attention's weights, row by row, while answers are written."""
        on_device = DeviceInputs(inputs, self.net_.device)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        targets = SequenceTargets(entries, np.ones(len(entries)), offsets, on_device.device)

        def weights_of(rows: np.ndarray) -> np.ndarray:
            tensors = on_device.gather(rows).tensors()
            return module.looking(**tensors, targets=targets.gather(rows)[0]).cpu().numpy()

        looking = np.empty(len(inputs), dtype=object)
        read = np.maximum(on_device.lengths, 1)
        for rows, weights in over_batches(weights_of, on_device, lengths):
            for row, of_row in zip(rows.tolist(), weights, strict=True):
                looking[row] = of_row[: lengths[row], : read[row]].copy()
        return looking


def _of_those_with_weight(y: Any, weight: np.ndarray) -> Any:
    """Return y where rows without weight can't say of what type its entries are.

    That is for lists and arrays of objects; the entries of anything else have one type.
    """
    is_list = isinstance(y, list | tuple)
    if len(weight) != (len(y) if hasattr(y, "__len__") else -1):
        return y  # which is refused when it is read
    if not is_list and not (isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1):
        return y
    rows = list(y) if is_list else y.copy()
    for row in np.flatnonzero(weight == 0).tolist():
        rows[row] = rows[weight.argmax()]
    return rows

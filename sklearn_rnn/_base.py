"""The shared path of all estimators: validate -> read X -> train -> decode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from copy import deepcopy
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from sklearn.utils import Tags

from sklearn_rnn._device import device_of
from sklearn_rnn._identity import all_parameters_of, identity_of_fit, parameters_of
from sklearn_rnn._network import NetworkEstimator
from sklearn_rnn._own_callbacks import own_callbacks
from sklearn_rnn._params import Rule, check_parameters, suggestion
from sklearn_rnn._random import generator, spawn_seeds
from sklearn_rnn._shared_parameters import SHARED_RULES, check_combinations
from sklearn_rnn.augmentation._base import augmenting
from sklearn_rnn.data.canonical import TrainingRows, canonical_rows
from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.per_sample import read_groups, read_weight, read_y
from sklearn_rnn.data.targets import Target
from sklearn_rnn.training.batches import Augment, BatchSource, auto_batch_size
from sklearn_rnn.training.callbacks import Callback, EarlyStopping, check_weights
from sklearn_rnn.training.checkpoint import Checkpoint
from sklearn_rnn.training.net import Pauses, Reply, run_through, train
from sklearn_rnn.training.parallel import common_to_team
from sklearn_rnn.training.record import COLUMNS, shown
from sklearn_rnn.training.samples import Samples
from sklearn_rnn.training.schedules import goes_by_validation


class BaseRecurrent(NetworkEstimator):
    """What all estimators share: all but the target and what the network ends in."""

    _split_seed: int
    _parameter_rules: ClassVar[dict[str, Rule]] = SHARED_RULES
    augmentation: Any = None  # a parameter of all but the language model
    step_loss = 0.0  # a parameter of the classifier of whole sequences
    label_smoothing = 0.0  # one of those that answer with labels

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train on sequences.

        Parameters
        ----------
        X : sequences of n_samples
            A list, tuple or 1-D object array of arrays of shape (n_steps, n_channels) or
            (n_steps,); an array of shape (n_samples, n_steps, n_channels); or one of shape
            (n_samples, n_steps), read as one channel. Texts are sequences of characters, lists of
            texts sequences of tokens. Or a frame (pandas, polars, pyarrow): its list columns are
            the sequences, of numbers, categories or times, its other columns stand beside them,
            and all are known by their names. NaN or null stands for what is missing.
        y : array-like of shape (n_samples,) or, for regression, also (n_samples, n_outputs)
            One label or number(s) a sequence; of the estimators that answer at each step, one for
            each step of each sequence.
        X_val, y_val : as X and y, optional
            Held-out data to measure each epoch on, and to stop by if ``early_stopping=True``.
        sample_weight : array-like of shape (n_samples,), optional
            Not negative. A weight of 2 is the same as the row standing there twice, a weight of 0
            the same as leaving it out. Weights of distinct rows are scaled down to a mean of 4
            where it is higher: then only their ratios matter. The estimators that answer at each
            step also take one weight for each step, in any form of y: the loss of the step is
            multiplied by it, and 0 is the same as no entry there.
        groups : array-like of shape (n_samples,), optional
            Rows of one group stay on one side of the split that ``early_stopping=True`` makes.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y, a weight or a group is not as described, or training diverges.
        TypeError
            If X holds what can't be read.
        """
        continued = bool(self.warm_start) and hasattr(self, "net_")
        with self._unchanged_on_failure():
            run_through(
                self._training(X, y, X_val, y_val, sample_weight, groups, continued=continued)
            )
        return self

    def _fit_by_epoch(self, X: Any, y: Any, *args: Any, **kwargs: Any) -> Pauses:
        """Fit as ``fit`` does, with a pause after each epoch.

        Yields
        ------
        int
            How many epochs are done, first of all those of a checkpoint, if there are any. Until it
            goes on, the estimator predicts as it would if training ended here, but for what early
            stopping would go back to. The other fitted attributes it has after ``Reply.COMPLETE``.

        Notes
        -----
        ``send(Reply.END)`` ends training there and then, as the last epoch would. Closing the
        generator leaves the estimator as it was before. Either way what was trained is in its
        checkpoint, if it has one, and the same fit goes on from there.
        """
        continued = bool(self.warm_start) and hasattr(self, "net_")
        with self._unchanged_on_failure():
            yield from self._training(X, y, *args, continued=continued, exposed=True, **kwargs)

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, target: Target | None) -> Self:
        with self._unchanged_on_failure():
            run_through(
                self._training(
                    X,
                    y,
                    sample_weight=sample_weight,
                    continued=hasattr(self, "net_"),
                    target=target,
                    one_epoch=True,
                )
            )
        return self

    def set_params(self, **params: Any) -> Self:
        """Set parameters, as in scikit-learn; an unknown name is met with the nearest known one."""
        known = self.get_params()
        unknown = [name for name in params if name not in known]
        if unknown:
            near = suggestion(unknown[0].partition("__")[0], known)
            raise ValueError(
                f"Invalid parameter {unknown[0]!r} for estimator {type(self).__name__}.{near} "
                f"Valid parameters are: {sorted(known)}."
            )
        return super().set_params(**params)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags

    # -- training ---------------------------------------------------------------------------------

    def _training(
        self,
        X: Any,
        y: Any,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight: Any = None,
        groups: Any = None,
        *,
        continued: bool,
        target: Target | None = None,
        one_epoch: bool = False,
        exposed: bool = False,
    ) -> Pauses:
        """Fit anew or, if continued, a copy of what is fitted; then take the result over.

        With ``exposed``, the estimator can be asked in each pause already.
        """
        self._check_parameters()
        if continued:
            self._check_same_network()
            target = self._target
        early_stopping = self.early_stopping and not one_epoch
        splitting = early_stopping and X_val is None
        device = torch.device(self.net_.device) if continued else device_of(self.device)
        samples = self._read_samples(
            X,
            y,
            sample_weight,
            groups,
            target=target,
            device=device,
            reset=not continued,
            splitting=splitting,
        )
        judged = None
        if X_val is not None or y_val is not None:
            judged = self._read_validation(X_val, y_val, samples)
        seeds = common_to_team(spawn_seeds(self.random_state, 3))
        checkpoint = None
        if self.checkpoint_dir is not None and not one_epoch:
            checkpoint = self._checkpoint(samples, judged, seeds, continued)
            seeds = checkpoint.seeds
        model_seed, order_seed, split_seed = seeds
        if continued:  # what was held out before must not be learned from now, nor the reverse
            split_seed = self._split_seed
        training, held_out = samples.rows, None
        if splitting:
            training, held_out = samples.split(self.validation_fraction, split_seed)
        if continued:
            net = deepcopy(self.net_)
        else:
            with torch.device("cpu"):  # whatever torch's default device is
                net = self._new_net(samples, training, generator(model_seed))
            net.batch_order = generator(order_seed)
        augment = augmenting(self.augmentation, net.channels.to(samples.device))
        source = self._source(samples, training, net.batch_order, augment)
        validation = None if held_out is None else self._source(samples, held_out)
        if judged is not None:
            validation = self._source(judged, judged.rows)
        stopping = None
        if early_stopping:
            goes_back = goes_by_validation(self.lr_schedule) and not one_epoch
            stopping = EarlyStopping(self.n_iter_no_change, self.tol, goes_back=goes_back)
        epochs = self._train_net(net, samples, source, validation, stopping, checkpoint, one_epoch)

        def complete() -> None:
            self._after_training(net, source, samples.target)
            self._split_seed = split_seed
            self._take_over(net, samples.target, stopping)

        yield from self._exposed(epochs, net, samples.target, complete) if exposed else epochs
        complete()

    def _train_net(
        self,
        net: Any,
        samples: Samples,
        source: BatchSource,
        validation: BatchSource | None,
        stopping: EarlyStopping | None,
        checkpoint: Checkpoint | None,
        one_epoch: bool,
    ) -> Pauses:
        """Train with all callbacks there are."""
        n_epochs = 1 if one_epoch else self.max_epochs
        net.settings = {"estimator": type(self).__name__, **parameters_of(self)}
        callbacks = own_callbacks(
            self, samples, source, validation, net, stopping, one_epoch=one_epoch
        )
        return train(
            net,
            source,
            validation,
            n_epochs,
            [*self._extra_callbacks(n_epochs), *callbacks],
            deepcopy(list(self.callbacks or [])),  # skorch changes callbacks in place
            checkpoint,
            lr=self.lr,
            weight_decay=self.weight_decay,
            step_loss=self.step_loss,
            label_smoothing=self.label_smoothing,
        )

    def _exposed(
        self, epochs: Pauses, net: Any, target: Target, complete: Callable[[], None]
    ) -> Pauses:
        """Hand on the pauses of a training; in each, predict by what is trained so far."""
        with closing(epochs):
            for n_done in epochs:
                net.module_.eval()
                net.module_.zero_grad()  # left there, they lie in the way of other fits' batches
                self._expose(net, target)
                while (reply := (yield n_done)) is Reply.COMPLETE:
                    check_weights(net)
                    complete()
                if reply is Reply.END:
                    with suppress(StopIteration):
                        epochs.send(reply)

    def _checkpoint(
        self, samples: Samples, judged: Samples | None, seeds: list[int], continued: bool
    ) -> Checkpoint:
        """Return what stores this fit, and knows what is stored of it."""
        fit = identity_of_fit(
            self,
            samples.fingerprint(),
            None if judged is None else judged.fingerprint(),
            None if self.random_state is None else seeds,
            self.net_ if continued else None,
        )
        return Checkpoint(self.checkpoint_dir, fit, seeds, self.checkpoint_every, self.max_epochs)

    def _check_parameters(self) -> None:
        """Raise ValueError for parameters that break their rules, all at once."""
        name = type(self).__name__
        check_parameters(name, all_parameters_of(self), self._parameter_rules)
        check_combinations(self)

    def _read_samples(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        groups: Any = None,
        *,
        target: Target | None,
        device: torch.device,
        reset: bool = False,
        splitting: bool = False,
        names: tuple[str, str] = ("X", "y"),
    ) -> Samples:
        """Read what a fit is made of; a row of weight 0 may have any y."""
        inputs = self._read_X(X, names[0], reset=reset)
        weight, entry_weight = self._read_weight(sample_weight, inputs, names[0])
        target, numbers, offsets = self._read_y(y, inputs, weight, entry_weight, names, target)
        if entry_weight is not None:  # where there is no entry, its weight is nothing to differ in
            entry_weight = np.where(target.known(numbers), entry_weight, 1.0)
        group = None if groups is None else read_groups(groups, len(inputs))
        if not splitting:  # groups have no say, nor may they keep equal rows apart
            group = None
        rows = canonical_rows(
            inputs, numbers, weight, group, target_offsets=offsets, entry_weight=entry_weight
        )
        return Samples(inputs, numbers, offsets, group, rows, target, device, entry_weight)

    def _read_weight(
        self, sample_weight: Any, inputs: Inputs, X_name: str
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the weight of each row, and of each entry of its y if there are such weights."""
        return read_weight(sample_weight, len(inputs)), None

    def _read_y(
        self,
        y: Any,
        inputs: Inputs,
        weight: np.ndarray,
        entry_weight: np.ndarray | None,
        names: tuple[str, str],
        target: Target | None,
    ) -> tuple[Target, np.ndarray, np.ndarray | None]:
        """Return the target, made from y if there is none yet, and what it reads of y.

        Returns
        -------
        target : Target
        numbers : ndarray, one row a sample or, laid end to end, one an entry of its sequence
        offsets : ndarray of shape (n_samples + 1,) or None
            Where each sequence of entries begins.
        """
        y = read_y(y, len(inputs), type(self).__name__, names)
        if not weight.all():
            y = y.copy()
            y[weight == 0] = y[weight.argmax()]  # any y that is in use: these rows have no say
        y = self._target_kind.check(y, names[1])
        target = self._target_kind.from_y(y) if target is None else target
        return target, target.read(y, names[1]), None

    def _extra_callbacks(self, n_epochs: int) -> list[Callback]:
        """Return callbacks of a fit besides those that all estimators have."""
        return []

    def _after_training(self, net: Any, source: BatchSource, target: Any) -> None:
        """Learn what is left to learn of the training rows."""

    def _source(
        self,
        samples: Samples,
        rows: TrainingRows,
        random: torch.Generator | None = None,
        augment: Augment | None = None,
    ) -> BatchSource:
        factor = self._loss_factor(samples.target, *samples.entries_of(rows))
        batch_size = auto_batch_size(rows) if self.batch_size == "auto" else self.batch_size
        return samples.source(
            rows, factor, batch_size, self.batch_steps, self.max_batch_steps, random, augment
        )

    def _read_validation(self, X_val: Any, y_val: Any, samples: Samples) -> Samples:
        if X_val is None or y_val is None:
            raise ValueError(
                "X_val and y_val must be passed together. Got only one of them. (Sample weights "
                "are passed by name: sample_weight=...)"
            )
        return self._read_samples(
            X_val,
            y_val,
            target=samples.target,
            device=samples.device,
            names=("X_val", "y_val"),
        )

    def _take_over(self, net: Any, target: Target, stopping: EarlyStopping | None) -> None:
        self._expose(net, target)
        settled = {name: getattr(self, name) for name in self._settled_parameters}
        self._settled = deepcopy(settled)  # or a dict changed in place would be equal to itself
        epochs = [shown(epoch) for epoch in net.history]
        names = dict.fromkeys(name for epoch in epochs for name in epoch)
        first = [name for name in COLUMNS if name in names]
        columns = first + [name for name in names if name not in COLUMNS]
        self.history_ = pd.DataFrame(epochs, columns=columns)
        self.n_iter_ = len(self.history_)
        self.loss_curve_ = self.history_["train_loss"].tolist()
        has_scores = "valid_score" in self.history_
        self.validation_scores_ = self.history_["valid_score"].tolist() if has_scores else None
        self.best_epoch_ = self.n_iter_ if stopping is None else stopping.best_epoch_

    @contextmanager
    def _unchanged_on_failure(self) -> Iterator[None]:
        """Leave the estimator as it was if training raises or is interrupted."""
        before = self.__dict__.copy()
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

"""The private skorch net, fed whole batches, and the one function that trains it."""

from __future__ import annotations

import dis
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing, suppress
from enum import Enum
from types import TracebackType
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, PassthroughScoring
from torch import Tensor, nn
from torch.optim import Optimizer

from sklearn_rnn.training.batches import BatchSource, Parts
from sklearn_rnn.training.callbacks import Closing
from sklearn_rnn.training.checkpoint import Checkpoint
from sklearn_rnn.training.losses import LOSSES, loss_of_prefixes
from sklearn_rnn.training.memory import freed_memory_kept
from sklearn_rnn.training.parallel import current_team
from sklearn_rnn.training.state import generators


class StopTraining(Exception):
    """A callback asked to end training after this epoch."""


class RecurrentNet(NeuralNet):
    """A skorch net whose X is a training :class:`BatchSource` and whose y a validation one."""

    stop_requested = False
    settings: Mapping[str, Any]
    """Name and parameters of the estimator, for loggers of runs."""
    step_loss = 0.0
    """Share of the loss after every step, if the module has answers there: ``prefixes``."""

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        return [
            ("epoch_timer", EpochTimer()),
            ("train_loss", PassthroughScoring(name="train_loss", on_train=True)),
            ("valid_loss", PassthroughScoring(name="valid_loss")),
        ]

    def get_split_datasets(
        self, X: BatchSource, y: BatchSource | None = None, **fit_params: Any
    ) -> tuple[BatchSource, BatchSource | None]:
        """Return the two sources: they were split before."""
        return X, y

    def get_iterator(self, dataset: BatchSource, training: bool = False) -> Iterable:
        """Return the source itself, which yields batches."""
        return dataset

    def get_loss(
        self, y_pred: Tensor, y_true: Any, X: Any = None, training: bool = False
    ) -> Tensor:
        """Return the weighted mean of the losses of the samples."""
        target, weight = y_true
        if not self.step_loss:
            return (self.criterion_(y_pred, target) * weight).mean()
        lengths = X["lengths"]
        loss = loss_of_prefixes(self.criterion_, y_pred, target, lengths, self.step_loss)
        return (loss * weight).mean()

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Return the loss of a batch and its outputs, its gradient computed.

        A batch that comes in parts has the same gradient, added up part by part.
        """
        if not isinstance(batch, Parts):
            return super().train_step_single(batch, **fit_params)
        team = current_team()
        if team is None:
            return self._train_parts(batch, **fit_params)
        drawn_from = list(generators(self))
        if batch.source.augment is None:
            drawn_from.remove(self.batch_order)
        with team.apart(drawn_from):
            step = self._train_parts(batch, **fit_params)
        return {**step, "loss": team.add_up(self.module_, step["loss"], batch.share)}

    def _train_parts(self, batch: Parts, **fit_params: Any) -> dict[str, Any]:
        self._set_training(True)
        options: Any = {"dtype": torch.float32, "device": self.device}
        outputs, total = [torch.empty(0, **options)], torch.zeros((), **options)
        for x, y in batch:
            y_pred = self.infer(x, **fit_params)
            loss = self.get_loss(y_pred, y, X=x, training=True) * (len(y_pred) / len(batch))
            loss.backward()
            outputs.append(y_pred.detach().flatten(0, -2))
            total = total + loss.detach()
        return {"loss": total, "y_pred": torch.cat(outputs)}

    def infer(self, x: dict[str, Tensor], **fit_params: Any) -> Tensor:
        """Return the module's outputs, or those after every step; x is on the device already."""
        return self.module_.prefixes(**x) if self.step_loss else self.module_(**x)

    def _zero_grad_optimizer(self, set_to_none: bool | None = None) -> None:
        """Let go of the gradients, without the detours of ``zero_grad``."""
        for group in self.optimizer_.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def _set_training(self, training: bool = True) -> None:
        """Switch modes where they change, not at every batch as skorch would."""
        if self.module_.training != training or self.criterion_.training != training:
            super()._set_training(training)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the learning rate of the epoch's end."""
        self.history.record("lr", self.optimizer_.param_groups[0]["lr"])

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call all callbacks; end training only after each has seen the epoch.

        skorch's callbacks stop training by raising KeyboardInterrupt. A Ctrl-C looks the same but
        was not raised by a ``raise`` of a callback, and goes through.
        """
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt as interrupt:
                if not _was_raised_by_callback(interrupt.__traceback__):
                    raise
                self.stop_requested = True
        team = current_team()
        if team is not None and method_name == "on_epoch_end":
            self.stop_requested = team.anyone(self.stop_requested)
        if self.stop_requested and method_name == "on_epoch_end":
            raise StopTraining


def _was_raised_by_callback(traceback: TracebackType | None) -> bool:
    """Tell a callback's ``raise`` statement from a signal, which strikes at any instruction."""
    assert traceback is not None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    instruction = traceback.tb_frame.f_code.co_code[traceback.tb_lasti]
    is_raise = dis.opname[instruction] == "RAISE_VARARGS"
    return is_raise and isinstance(traceback.tb_frame.f_locals.get("self"), Callback)


def make_net(
    module: nn.Module,
    loss: str,
    *,
    optimizer: type[Optimizer],
    options: Mapping[str, Any],
    device: torch.device,
) -> RecurrentNet:
    """Return an initialized net around a module; weight decay will spare the biases."""
    net = RecurrentNet(
        module,
        criterion=LOSSES[loss],
        optimizer=optimizer,
        optimizer__param_groups=[("*bias*", {"weight_decay": 0.0})],
        train_split=None,
        device=str(device),
        verbose=0,
        **{f"optimizer__{k}": v for k, v in options.items()},
    )
    net.initialize()
    net.module = type(module)  # or a pickle would hold the network twice
    return net


class Reply(Enum):
    """What the pause of a training can be answered with; no answer lets it go on."""

    END = "end"
    """End training here, as the last epoch would."""
    COMPLETE = "complete"
    """Wait on, but let the estimator be all that it would be if training ended here."""


Pauses = Generator[int, Reply | None, None]
"""A training that pauses after each epoch and says how many are done."""


def train(
    net: RecurrentNet,
    training: BatchSource,
    validation: BatchSource | None,
    n_epochs: int,
    own_callbacks: list[Callback],
    user_callbacks: list[Callback],
    checkpoint: Checkpoint | None,
    *,
    lr: float,
    weight_decay: float,
    step_loss: float,
    label_smoothing: float,
) -> Pauses:
    """Train an initialized net in place, on from where it stands or from its checkpoint.

    Unlike ``net.fit`` this lets Ctrl-C through: the caller decides what remains of the attempt.

    Yields
    ------
    int
        After each epoch, and before the first one where a checkpoint has brought some, how many are
        done. ``Reply.END`` sent back ends training as the last epoch would. A training that is
        ended or closed here goes into its checkpoint, if it has one.
    """
    last = [] if checkpoint is None else [checkpoint]  # stores what the others have made of it
    team = current_team()
    if team is not None:
        team.check_alike(net.module_, len(training), n_epochs, lr)
        if team.rank > 0:
            own_callbacks = _not_showing(own_callbacks)
            user_callbacks = _not_showing(user_callbacks)
    net.callbacks = [*own_callbacks, *user_callbacks, *last]
    net.initialize_callbacks()
    net.stop_requested = False
    _set_loss(net, step_loss, label_smoothing)
    _set_rate(net, lr, weight_decay)
    try:
        n_before = len(net.history)
        net.notify("on_train_begin", X=training, y=validation)
        n_done = len(net.history) - n_before
        ended = n_done > 0 and (yield n_done) is Reply.END
        with freed_memory_kept():
            while n_done < n_epochs and not (ended or net.stop_requested):
                with suppress(StopTraining):
                    net.fit_loop(training, validation, epochs=1)
                n_done = len(net.history) - n_before
                ended = (yield n_done) is Reply.END
                if ended and checkpoint is not None:
                    checkpoint.store(net)
        net.notify("on_train_end", X=training, y=validation)
    except GeneratorExit:
        if checkpoint is not None:
            checkpoint.store(net)
        raise
    finally:
        for callback in (*own_callbacks, *user_callbacks):
            if isinstance(callback, Closing):
                callback.close()
    _tidy(net, user_callbacks)


def run_through(epochs: Pauses) -> None:
    """Train to the end; a training that is interrupted is closed at once."""
    with closing(epochs):
        for _ in epochs:
            pass


def _set_loss(net: RecurrentNet, step_loss: float, label_smoothing: float) -> None:
    net.step_loss = step_loss
    for part in (net.criterion_, net.module_):  # the loss of a language model is in its module
        if hasattr(part, "label_smoothing"):
            part.label_smoothing = label_smoothing


def _set_rate(net: RecurrentNet, lr: float, weight_decay: float) -> None:
    net.lr = lr
    for group in net.optimizer_.param_groups:  # a schedule may have lowered it before
        group["lr"] = lr
        group.pop("initial_lr", None)
    if "weight_decay" in net.optimizer_.defaults:
        net.optimizer_.param_groups[-1]["weight_decay"] = weight_decay  # all but the biases


def _not_showing(callbacks: list[Callback]) -> list[Callback]:
    """Return those that don't show or log what another process shows already."""
    return [callback for callback in callbacks if not isinstance(callback, Closing)]


def _tidy(net: RecurrentNet, user_callbacks: list[Callback]) -> None:
    """Leave what prediction and further training need: pickles stay small and free of a device."""
    net.module_.eval()
    net.optimizer_.zero_grad(set_to_none=True)
    net.callbacks = user_callbacks
    net.callbacks_ = [
        (name, callback)
        for name, callback in net.callbacks_
        if any(callback is kept for kept in user_callbacks)
    ]
    for epoch in net.history:  # the epoch's means stay
        epoch["batches"] = []

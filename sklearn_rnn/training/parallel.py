"""One fit by several processes: each takes its share of every batch, and the gradients add up.

A batch cut into shares is a batch cut into :class:`~sklearn_rnn.training.batches.Parts`, only that
the parts are computed by other processes. All else is done by every process alike, from the same
seeds: the order of the batches, validation, schedules, and when to stop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, distributed, nn


class Team:
    """The processes of ``torch.distributed``, as one of them sees them.

    Parameters
    ----------
    rank : int
        Which one this is; 0 is the one that writes and shows what all do alike.
    size : int
    """

    def __init__(self, rank: int, size: int) -> None:
        self.rank = rank
        self.size = size

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Return every ``size``-th row of a batch, so that all have as much to do."""
        return rows[self.rank :: self.size]

    @contextmanager
    def apart(self, generators: Iterable[Generator]) -> Iterator[None]:
        """Let generators draw other numbers in each process, and be in one state afterwards."""
        states = []
        for random in generators:
            seed = int(torch.randint(2**62, (), generator=random, device="cpu")) + self.rank
            states.append((random, random.get_state()))
            random.manual_seed(seed)
        try:
            yield
        finally:
            for random, state in states:
                random.set_state(state)

    def add_up(self, module: nn.Module, loss: Tensor, part: float) -> Tensor:
        """Sum the gradients and the loss of all shares; return that loss.

        Parameters
        ----------
        module : nn.Module
        loss : Tensor, a scalar
        part : float
            The share of the batch that was computed here, by which running means are averaged.
        """
        weights = [p for p in module.parameters() if p.requires_grad]
        means = [b for name, b in module.named_buffers() if "running_" in name]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in weights]
        tensors = [*gradients, *(part * mean for mean in means), loss]
        total = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(total)
        pieces = total.split([tensor.numel() for tensor in tensors])
        for weight, piece in zip(weights, pieces, strict=False):
            weight.grad = piece.view_as(weight)
        for mean, piece in zip(means, pieces[len(weights) :], strict=False):
            mean.copy_(piece.view_as(mean))
        return pieces[-1].view(())

    def of_first(self, value: Any) -> Any:
        """Return the value that the first process holds."""
        values = [value]
        distributed.broadcast_object_list(values)
        return values[0]

    def anyone(self, value: bool) -> bool:
        """Tell whether it is true in any of the processes."""
        return any(self._all(value))

    def check_alike(self, module: nn.Module, *settings: Any) -> None:
        """Raise ValueError, in all processes, if they are about to train something different."""
        digest = hashlib.sha256(repr(settings).encode())
        for tensor in module.state_dict().values():
            digest.update(tensor.cpu().numpy().tobytes())
        if len(set(self._all(digest.hexdigest()))) > 1:
            raise ValueError(
                "Processes that share a fit must call it with the same parameters, X and y. Their "
                "networks differ before the first update. Give each process all of the data: what "
                "its share of a batch is, it finds out itself."
            )

    def _all(self, value: Any) -> list[Any]:
        values = [None] * self.size
        distributed.all_gather_object(values, value)
        return values


_team: ContextVar[Team | None] = ContextVar("team", default=None)
current_team = _team.get


def common_to_team(value: Any) -> Any:
    """Return the value of the first process; outside a team, the value itself."""
    team = current_team()
    return value if team is None else team.of_first(value)


@contextmanager
def data_parallel() -> Iterator[None]:
    """Let the processes of ``torch.distributed`` share the batches of every fit in this block.

    Each process runs the same script on the same data, takes its share of every batch, and holds
    the whole fitted estimator in the end. Gradients are averaged over all sequences of a batch, so
    that a fit without random changes (dropout, augmentation, unknown tokens) gives the weights that
    it gives in one process, but for rounding. Loggers, the progress bar and checkpoints are the
    first process's.

    Raises
    ------
    RuntimeError
        If ``torch.distributed.init_process_group`` was not called before.

    Notes
    -----
    It is worth it where a batch keeps one device busy for much longer than it takes to send the
    gradients: wide networks, large batches of long sequences. Batch normalization of
    ``stem="conv"`` is over each share by itself.

    Examples
    --------
    In a script that ``torchrun --nproc-per-node 2 script.py`` starts twice; here it is run once:

    >>> import os
    >>> from torch import distributed
    >>> from sklearn_rnn import RNNRegressor
    >>> from sklearn_rnn.distributed import data_parallel
    >>> os.environ.update(RANK="0", WORLD_SIZE="1", MASTER_ADDR="localhost", MASTER_PORT="0")
    >>> distributed.init_process_group("gloo")
    >>> model = RNNRegressor(max_epochs=2, random_state=0)
    >>> with data_parallel():
    ...     model.fit([[0.0, 1.0], [2.0, 3.0, 4.0]], [1.0, 9.0]).n_iter_
    2
    >>> distributed.destroy_process_group()
    """
    if not distributed.is_initialized():
        raise RuntimeError(
            "data_parallel needs the processes to know each other. Call "
            "torch.distributed.init_process_group() before, in a script that torchrun starts."
        )
    token = _team.set(Team(distributed.get_rank(), distributed.get_world_size()))
    try:
        yield
    finally:
        _team.reset(token)

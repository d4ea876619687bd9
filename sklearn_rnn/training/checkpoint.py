"""Checkpoints: a fit that was killed goes on from its last whole epoch.

One file a fit in safetensors' format: tensors, and one JSON text beside them. It is named by what
the fit is made of, parameters and data, so that several fits can share a directory and each finds
its own.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save  # three times as fast as that of torch, for the same bytes
from skorch.callbacks import Callback

from sklearn_rnn.training.parallel import current_team
from sklearn_rnn.training.state import (
    put_tensors_in,
    restore_training,
    take_tensors_out,
    training_state,
)

FORMAT = 1
_SUFFIX = ".safetensors"
_PART = ".part"
_SECONDS_OF_WRITING = 600.0
"""No file is written for longer than this without an end or a change."""
_OF_SKORCH = ("epoch_timer", "train_loss", "valid_loss")  # which every net has
_logger = logging.getLogger("sklearn_rnn")

BEGAN_ANEW = (
    "The callbacks %s store no state, so they began anew when training went on from epoch %d. "
    "If they change training, the result is not that of an uninterrupted one: give them state_dict "
    "and load_state_dict."
)
"""What is logged of callbacks that can't be taken up where they were."""


class PassingDirectory(str):
    """A directory of no use to anyone once the process that made it has ended.

    Nothing in it has to outlive a crash or a power cut, so checkpoints are just written. A search
    by halving stores hundreds of short trainings and takes each up again once.
    """


class Checkpoint(Callback):
    """Store a training every few epochs, and at its start go on from what is stored.

    Parameters
    ----------
    directory : str, Path or PassingDirectory
        Made if it is not there; "~" is the home of the user.
    fit : mapping
        What decides the result of this fit, as JSON has it: name and version of the estimator,
        parameters, hashes of the data.
    seeds : list of int
        Of this fit.
    every : int
        Epochs between two checkpoints; the last epoch has one in any case.
    n_epochs : int
        Of this fit.

    Attributes
    ----------
    path : Path
        The file.
    seeds : list of int
        Those that the stored training was begun with, else those that were passed.

    Raises
    ------
    ValueError
        If the file is not what this fit has stored.
    OSError
        In training, if it can't be written.
    """

    def __init__(
        self,
        directory: str | Path,
        fit: Mapping[str, Any],
        seeds: list[int],
        every: int,
        n_epochs: int,
    ) -> None:
        self.fit = dict(fit)
        self.every = every
        self.n_epochs = n_epochs
        self._durable = not isinstance(directory, PassingDirectory)
        name = hashlib.sha256(_as_json(self.fit).encode()).hexdigest()[:16]
        self.path = _made(directory) / f"{fit['estimator']}-{name}{_SUFFIX}"
        self._remove_leftovers()
        self._stored = self._read() if self.path.exists() else None
        self.seeds = seeds if self._stored is None else self._stored["seeds"]

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Go on from what is stored, if there is anything."""
        self._n_before = len(net.history)
        self._callbacks = {
            name: callback for name, callback in net.callbacks_ if hasattr(callback, "state_dict")
        }
        if self._stored is None:
            _logger.info("No checkpoint of this fit in %s: it starts anew.", self.path.parent)
            return
        try:
            n_epochs = restore_training(net, self._callbacks, self._stored["training"])
        except Exception as error:  # of torch or of a callback: whatever does not fit
            raise ValueError(self._refusal("what it holds does not fit this network")) from error
        self._stored = None
        _logger.info("Went on from epoch %d, stored in %s.", n_epochs, self.path)
        anew = _without_state(net)
        if anew and 0 < n_epochs < self.n_epochs:
            _logger.warning(BEGAN_ANEW, ", ".join(anew), n_epochs)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Store the training when it is time to."""
        team = current_team()
        if team is not None and team.rank > 0:  # the first process does it for all
            return
        n_done = len(net.history) - self._n_before
        if n_done % self.every == 0 or n_done == self.n_epochs or net.stop_requested:
            self.store(net)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Let go of what is stored; the file stays."""
        self._callbacks = {}
        self._remove_leftovers()

    def store(self, net: Any) -> None:
        """Replace the file; in one step where it must be whole whenever the process dies."""
        state = {"seeds": self.seeds, "training": training_state(net, self._callbacks)}
        try:
            tree, tensors = take_tensors_out(state)
        except TypeError as error:
            raise ValueError(
                f"checkpoint_dir can't store this training: {error}. A schedule or callback whose "
                "state is made of numbers, texts, tensors and lists or dicts of them can be stored."
            ) from error
        content_json = _as_json(tree)
        arrays = {path: tensor.numpy() for path, tensor in tensors.items()}
        header = {
            "format": str(FORMAT),
            "fit": _as_json(self.fit),
            "content": content_json,
            "sha256": _digest(content_json, arrays) if self._durable else "",
        }
        content = save(arrays, metadata=header)
        try:
            if self._durable:
                self._replace(content)
            else:
                self.path.write_bytes(content)
        except OSError as error:
            raise OSError(
                "checkpoint_dir must be a directory that can be written to until training ends. "
                f"Got {str(self.path.parent)!r}: {error}. Make it so and fit again: training goes "
                "on from what was stored before, where that is still there."
            ) from error

    # -- the file ---------------------------------------------------------------------------------

    def _replace(self, content: bytes) -> None:
        file = tempfile.NamedTemporaryFile(  # closed before it is moved
            dir=self.path.parent, prefix=self.path.stem, suffix=_PART, delete=False
        )
        try:
            with file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(file.name, self.path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(file.name)
            raise

    def _remove_leftovers(self) -> None:
        """Remove what this fit had half written when it was killed.

        Another process may be at the same fit: what it writes at the moment is left alone.
        """
        if not self._durable:
            return
        for part in self.path.parent.glob(f"{self.path.stem}*{_PART}"):
            with suppress(OSError):  # it is gone, or another's
                if time.time() - part.stat().st_mtime > _SECONDS_OF_WRITING:
                    part.unlink()

    def _read(self) -> dict[str, Any]:
        try:
            with safe_open(self.path, framework="numpy") as file:
                header = file.metadata() or {}
                arrays = {key: file.get_tensor(key) for key in file.keys()}  # no dict
        except SafetensorError as error:
            raise ValueError(self._refusal(f"it is damaged or half-written ({error})")) from error
        if header.get("format") != str(FORMAT):
            raise ValueError(self._refusal("it is no checkpoint, or one of another version"))
        if self._durable and header["sha256"] != _digest(header["content"], arrays):
            raise ValueError(self._refusal("it is damaged: its checksum is wrong"))
        stored = json.loads(header["fit"])
        if stored != self.fit:
            raise ValueError(self._refusal(f"it is of another fit: {_differs(stored, self.fit)}"))
        tensors = {path: torch.from_numpy(array) for path, array in arrays.items()}
        return put_tensors_in(json.loads(header["content"]), tensors)

    def _refusal(self, reason: str) -> str:
        return (
            f"Can't go on from {self.path}: {reason}. Delete the file to train anew, or pass "
            "another checkpoint_dir."
        )


def _without_state(net: Any) -> list[str]:
    """Return the names of the user's callbacks that can't be taken up where they were."""
    return [
        name
        for name, callback in net.callbacks_
        if name not in _OF_SKORCH and begins_anew(callback)
    ]


def begins_anew(callback: Any) -> bool:
    """Tell whether a callback is the user's and stores no state."""
    own = type(callback).__module__.partition(".")[0] == "sklearn_rnn"
    return not own and not hasattr(callback, "state_dict")


def _made(directory: str | Path) -> Path:
    """Return a directory that is there, wherever the process goes from here."""
    try:
        path = Path(directory).expanduser().absolute()
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # the latter where "~" is nobody's home
        raise ValueError(
            f"checkpoint_dir must be a directory that can be made and written to. Got "
            f"{str(directory)!r}: {error}."
        ) from error
    return path


def _as_json(tree: Any) -> str:
    return json.dumps(tree, sort_keys=True)


def _digest(content: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(content.encode())
    for key in sorted(arrays):
        digest.update(key.encode())
        digest.update(arrays[key].tobytes())
    return digest.hexdigest()


def _differs(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Name what two fits differ in."""
    old, new = _flat(stored), _flat(asked)
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return ", ".join(f"{n} was {old.get(n)!r}, now {new.get(n)!r}" for n in names)


def _flat(fit: Mapping[str, Any]) -> dict[str, Any]:
    return {**fit, **fit["parameters"], "parameters": None}

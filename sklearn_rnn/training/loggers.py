"""Loggers of training runs: skorch's callbacks, with a run opened for each fit.

skorch's take a writer or a run that is open, which can neither be copied nor used for two fits.
These hold what one is opened with, so that an estimator that has them can be cloned, searched and
pickled.
"""

from __future__ import annotations

import uuid
from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from skorch import callbacks as of_skorch

from sklearn_rnn.training.callbacks import Closing

_NOT_LOGGED = ("train_batch_count", "valid_batch_count")


class RunLogger(Closing):
    """Open a run when a fit begins, log each epoch, close it whatever comes."""

    _logger: Any = None

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Open a run and log the settings."""
        self._logger = self._open(net.settings).initialize()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Log what was recorded of the epoch."""
        self._logger.on_epoch_end(net, **kwargs)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the run."""
        self.close()

    def close(self) -> None:
        """Close the run, also after an error."""
        if self._logger is not None:
            logger, self._logger = self._logger, None
            self._end(logger)

    @abstractmethod
    def _open(self, settings: Mapping[str, Any]) -> Any:
        """Return skorch's callback around a new run."""

    @abstractmethod
    def _end(self, logger: Any) -> None:
        """End the run of skorch's callback."""


class TensorBoard(RunLogger):
    """Log the epochs of each fit for TensorBoard.

    A pass-through to :class:`skorch.callbacks.TensorBoard` that can be cloned. Each fit, also those
    of a search, writes into a directory of its own below ``log_dir``, with its settings as a text.

    Parameters
    ----------
    log_dir : str or Path
        What ``tensorboard --logdir`` is started with.

    Raises
    ------
    ImportError
        In ``fit``, if the package ``tensorboard`` is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_rnn import RNNRegressor
    >>> from sklearn_rnn.callbacks import TensorBoard
    >>> directory = tempfile.mkdtemp()
    >>> options = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
    >>> model = RNNRegressor(callbacks=[TensorBoard(directory)], **options)
    >>> model.fit([[1.0, 2.0], [3.0], [2.0, 4.0, 1.0]], [3.0, 3.0, 7.0]).n_iter_
    2
    """

    def __init__(self, log_dir: str | Path) -> None:
        self.log_dir = log_dir

    def _open(self, settings: Mapping[str, Any]) -> Any:
        _needed("tensorboard", "TensorBoard")
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(Path(self.log_dir) / _run_name(settings)))
        lines = [f"| {name} | {value} |" for name, value in settings.items()]
        writer.add_text("settings", "\n".join(["| parameter | value |", "| --- | --- |", *lines]))
        return of_skorch.TensorBoard(writer, keys_ignored=list(_NOT_LOGGED))

    def _end(self, logger: Any) -> None:
        logger.writer.close()


class WandbLogger(RunLogger):
    """Log the epochs of each fit to Weights & Biases.

    A pass-through to :class:`skorch.callbacks.WandbLogger` that can be cloned. Each fit is a run of
    its own, with the settings as its configuration. Weights and gradients are not sent.

    Parameters
    ----------
    project : str
    mode : {"online", "offline", "disabled"}, default="offline"
        "offline" writes into ``directory`` alone; ``wandb sync`` sends it later.
    directory : str or Path, default="."
        Where a folder ``wandb`` is made.

    Raises
    ------
    ImportError
        In ``fit``, if the package ``wandb`` is not installed.
    """

    def __init__(self, project: str, mode: str = "offline", directory: str | Path = ".") -> None:
        self.project = project
        self.mode = mode
        self.directory = directory

    def _open(self, settings: Mapping[str, Any]) -> Any:
        wandb = _needed("wandb", "WandbLogger")
        run = wandb.init(
            project=self.project,
            mode=self.mode,
            dir=str(self.directory),
            name=_run_name(settings),
            config=dict(settings),
            reinit="create_new",
        )
        return of_skorch.WandbLogger(run, save_model=False, keys_ignored=list(_NOT_LOGGED))

    def _end(self, logger: Any) -> None:
        logger.wandb_run.finish()


class MlflowLogger(RunLogger):
    """Log the epochs of each fit to MLflow.

    A pass-through to :class:`skorch.callbacks.MlflowLogger` that can be cloned. Each fit is a run
    of its own, with the settings as its parameters. Weights are not stored.

    Parameters
    ----------
    experiment : str
        Made if it is not there.
    tracking_uri : str or None, default=None
        Server or database, as ``"http://localhost:5000"`` or ``"sqlite:///mlflow.db"``; None takes
        MLflow's own default.

    Raises
    ------
    ImportError
        In ``fit``, if the package ``mlflow`` is not installed.
    """

    def __init__(self, experiment: str, tracking_uri: str | None = None) -> None:
        self.experiment = experiment
        self.tracking_uri = tracking_uri

    def _open(self, settings: Mapping[str, Any]) -> Any:
        client = _needed("mlflow", "MlflowLogger").MlflowClient(tracking_uri=self.tracking_uri)
        found = client.get_experiment_by_name(self.experiment)
        number = found.experiment_id if found else client.create_experiment(self.experiment)
        run = client.create_run(number, run_name=_run_name(settings))
        for name, value in settings.items():
            client.log_param(run.info.run_id, name, value)
        return of_skorch.MlflowLogger(
            run, client, create_artifact=False, keys_ignored=list(_NOT_LOGGED)
        )

    def _end(self, logger: Any) -> None:
        logger.client.set_terminated(logger.run.info.run_id)


def _run_name(settings: Mapping[str, Any]) -> str:
    """Return a name that no other run has, in the order of time."""
    now = datetime.now().strftime("%Y%m%d-%H%M%S")
    return f"{settings['estimator']}-{now}-{uuid.uuid4().hex[:6]}"


def _needed(package: str, of: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{of} needs the package {package!r}, which is not installed: "
            f"pip install sklearn-rnn[{package}]"
        ) from error

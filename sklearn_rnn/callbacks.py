"""Loggers of training runs, for the parameter ``callbacks`` of every estimator."""

from sklearn_rnn.training.loggers import MlflowLogger, TensorBoard, WandbLogger

__all__ = ["MlflowLogger", "TensorBoard", "WandbLogger"]

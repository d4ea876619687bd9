"""A space to begin a search with."""

from __future__ import annotations

import inspect
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sklearn_rnn._base import BaseRecurrent
from sklearn_rnn._language_model import RNNLanguageModel
from sklearn_rnn._many_to_one import BaseManyToOne
from sklearn_rnn._seq2seq import BaseSeq2Seq
from sklearn_rnn.nn.cells import CELLS

_SLOWEST, _FASTEST = 1 / 10, 3
"""Learning rates to look at, in shares of the estimator's own."""
_DROPPED = 0.5
"""The largest share that is dropped."""


def suggest_space(estimator: Any) -> dict[str, BaseDistribution]:
    """Return a space of parameters to begin a search with, narrow enough for 30 trials.

    Five or six parameters, chosen by the measurements behind the default values and by the
    literature; :ref:`suggested-space` tells the reasons, parameter by parameter:

    ``lr``
        From a tenth to three times its value, by its logarithm. It matters most [1]_.
    ``hidden_size``
        From half to twice its value, by its logarithm. It matters next [1]_.
    ``dropout``, ``recurrent_dropout``
        From 0 to 0.5. ``recurrent_dropout`` is left out for cells without recurrent weights.
    ``cell``
        "gru" or "lstm"; also "mingru" for one answer a sequence. Not of the language model, whose
        "lstm" was ahead wherever it was measured.
    ``pooling``
        "extremes", "max", "mean" or "concat", for one answer a sequence.
    ``num_layers``
        1 or 2, for sequences as answers and language models.

    All that the estimator is now lies inside. ``cell``, ``pooling`` and ``num_layers`` are only
    searched while they have their default values: what was set to something else stays, as does
    any parameter that is not in the space.

    Parameters
    ----------
    estimator : estimator
        One of this library's, or one that holds such: a ``Pipeline``, or whatever names what it
        holds in ``get_params``. Need not be fitted, and is not changed.

    Returns
    -------
    dict of str to optuna.distributions.BaseDistribution
        By the names that ``set_params`` of the estimator takes: in a pipeline with a step "rnn"
        ``rnn__lr``. An estimator that holds several networks has the parameters of each. A new
        dict, to be changed at will.

    Raises
    ------
    TypeError
        If the estimator is not of this library and holds none that is.
    ValueError
        If its parameters are no valid ones.

    Notes
    -----
    Of 30 points drawn at random one is in the best tenth of a space with a probability of
    ``1 - 0.9 ** 30``, 96%, however many parameters it has; those that do not matter cost random
    search nothing [2]_. What must be small is the part of the space that is bad: ranges are narrow.
    Methods that learn from trial to trial, as Optuna's, need few parameters as well.

    References
    ----------
    .. [1] Greff, K., Srivastava, R. K., Koutník, J., Steunebrink, B. R. and Schmidhuber, J. (2017).
           LSTM: a search space odyssey. IEEE Transactions on Neural Networks and Learning Systems
           28.
    .. [2] Bergstra, J. and Bengio, Y. (2012). Random search for hyper-parameter optimization.
           Journal of Machine Learning Research 13.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.model_selection import suggest_space
    >>> space = suggest_space(RNNClassifier(pooling="attention"))
    >>> for name, distribution in space.items():
    ...     print(name, distribution)
    lr FloatDistribution(high=0.03, log=True, low=0.001, step=None)
    hidden_size IntDistribution(high=128, log=True, low=32, step=1)
    dropout FloatDistribution(high=0.5, log=False, low=0.0, step=None)
    recurrent_dropout FloatDistribution(high=0.5, log=False, low=0.0, step=None)
    cell CategoricalDistribution(choices=('gru', 'lstm', 'mingru'))

    It is a dict, so that parts of it are replaced or taken out as of any other:

    >>> from optuna.distributions import FloatDistribution
    >>> space |= {"weight_decay": FloatDistribution(1e-4, 1.0, log=True)}
    >>> del space["cell"]

    Optuna draws points from it:

    >>> import optuna
    >>> study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    >>> params = study.ask(space).params
    >>> RNNClassifier(pooling="attention").set_params(**params).hidden_size
    86
    """
    networks = _networks_in(estimator)
    if not networks:
        raise TypeError(_refusal(estimator))
    return {
        prefix + name: distribution
        for prefix, network in networks.items()
        for name, distribution in _space_of(network).items()
    }


def _networks_in(estimator: Any) -> dict[str, BaseRecurrent]:
    """Return the networks that an estimator is or holds, by what their parameters begin with."""
    if isinstance(estimator, BaseRecurrent):
        return {"": estimator}
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return {}
    return {
        f"{name}__": value
        for name, value in estimator.get_params(deep=True).items()
        if isinstance(value, BaseRecurrent)
    }


def _refusal(estimator: Any) -> str:
    is_class = isinstance(estimator, type)
    repair = (
        "Pass an instance, with parentheses behind the name."
        if is_class
        else "Pass, for example, RNNClassifier() or a Pipeline with one as a step."
    )
    return (
        "The 'estimator' parameter of suggest_space must be an estimator of sklearn_rnn, or one "
        f"that holds such and has get_params. Got {estimator!r} instead. {repair}"
    )


def _space_of(network: BaseRecurrent) -> dict[str, BaseDistribution]:
    network._check_parameters()
    lr, hidden_size = float(network.lr), int(network.hidden_size)
    space: dict[str, BaseDistribution] = {
        "lr": FloatDistribution(_SLOWEST * lr, _FASTEST * lr, log=True),
        "hidden_size": IntDistribution(max(1, hidden_size // 2), 2 * hidden_size, log=True),
        "dropout": _share_dropped(network.dropout),
    }
    if _has_recurrent_weights(network):
        space["recurrent_dropout"] = _share_dropped(network.recurrent_dropout)
    space |= _choices_of(network)
    known = network.get_params(deep=False)
    return {name: distribution for name, distribution in space.items() if name in known}


def _share_dropped(now: float) -> FloatDistribution:
    return FloatDistribution(0.0, max(_DROPPED, float(now)))


def _has_recurrent_weights(network: BaseRecurrent) -> bool:
    cell = CELLS[network.cell] if isinstance(network.cell, str) else network.cell
    return cell.has_recurrent_weights


def _choices_of(network: BaseRecurrent) -> dict[str, BaseDistribution]:
    """Return what is chosen among a few, of parameters that have not been set."""
    choices: dict[str, tuple[Any, ...]] = {}
    if isinstance(network, BaseManyToOne):
        choices["cell"] = ("gru", "lstm", "mingru")
        choices["pooling"] = ("extremes", "max", "mean", "concat")
    elif not isinstance(network, RNNLanguageModel):
        choices["cell"] = ("gru", "lstm")
    if isinstance(network, BaseSeq2Seq | RNNLanguageModel):
        choices["num_layers"] = (1, 2)
    defaults = inspect.signature(type(network)).parameters
    return {
        name: CategoricalDistribution(among)
        for name, among in choices.items()
        if name in defaults and getattr(network, name) == defaults[name].default
        if defaults[name].default in among  # a subclass may have others
    }

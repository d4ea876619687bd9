"""All that a training is at a moment -> tensors and JSON, and back, with nothing pickled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from skorch import NeuralNet
from torch import Generator, Tensor

_TENSOR, _ITEMS, _TUPLE = "__tensor__", "__items__", "__tuple__"
_PLAIN = (str, bool, int, float, type(None))


def training_state(net: NeuralNet, callbacks: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an uninterrupted training would go on from, after the last epoch.

    Parameters
    ----------
    net : NeuralNet
        With ``batch_order``, the generator of the batches.
    callbacks : mapping of names to callbacks
        Those with ``state_dict`` and ``load_state_dict``.
    """
    return {
        "module": dict(net.module_.state_dict()),
        "optimizer": net.optimizer_.state_dict(),
        "generators": [random.get_state() for random in generators(net)],
        "callbacks": {name: callback.state_dict() for name, callback in callbacks.items()},
        "history": [{k: v for k, v in epoch.items() if k != "batches"} for epoch in net.history],
        "stopped": net.stop_requested,
    }


def restore_training(net: NeuralNet, callbacks: Mapping[str, Any], state: Mapping[str, Any]) -> int:
    """Put a net, which stands at its start, where it was stored; return the epochs added.

    Raises
    ------
    Exception
        Of any kind, where the state is not that of such a net.
    """
    if set(callbacks) != set(state["callbacks"]):
        raise ValueError("other callbacks")
    net.module_.load_state_dict(state["module"])
    net.optimizer_.load_state_dict(state["optimizer"])
    for random, stored in zip(generators(net), state["generators"], strict=True):
        random.set_state(stored)
    for name, callback in callbacks.items():
        callback.load_state_dict(state["callbacks"][name])
    n_before = len(net.history)
    del net.history[:]
    net.history.extend({**epoch, "batches": []} for epoch in state["history"])
    net.stop_requested = state["stopped"]
    return len(net.history) - n_before


def generators(net: NeuralNet) -> Iterator[Generator]:
    """Yield the generator of the batches and those of the network, each once."""
    yield net.batch_order
    own = {id(r): r for m in net.module_.modules() if (r := getattr(m, "generator", None))}
    yield from own.values()


def take_tensors_out(tree: Any) -> tuple[Any, dict[str, Tensor]]:
    """Return a tree of dicts, lists and tuples as JSON has it, and the tensors that were in it.

    The tensors are on the CPU and contiguous; those that were are not copied.

    Raises
    ------
    TypeError
        If there is anything else but texts, numbers, None and tensors.
    """
    tensors: dict[str, Tensor] = {}

    def plain(node: Any, path: str) -> Any:
        if isinstance(node, Tensor):
            tensors[path] = node.detach().cpu().contiguous()
            return {_TENSOR: path}
        if isinstance(node, np.generic):
            node = node.item()
        if isinstance(node, _PLAIN):
            return node
        if isinstance(node, tuple):
            return {_TUPLE: [plain(child, f"{path}/{i}") for i, child in enumerate(node)]}
        if isinstance(node, list):
            return [plain(child, f"{path}/{i}") for i, child in enumerate(node)]
        if isinstance(node, dict):
            children = {key: plain(child, f"{path}/{key}") for key, child in node.items()}
            if all(isinstance(key, str) and key[:2] != "__" for key in children):
                return children
            return {_ITEMS: [[plain(key, path), child] for key, child in children.items()]}
        raise TypeError(f"{path[1:]} holds {node!r}, of type {type(node).__name__}")

    return plain(tree, ""), tensors


def put_tensors_in(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return what :func:`take_tensors_out` was given."""
    if isinstance(tree, list):
        return [put_tensors_in(child, tensors) for child in tree]
    if not isinstance(tree, dict):
        return tree
    if _TENSOR in tree:
        return tensors[tree[_TENSOR]]
    if _TUPLE in tree:
        return tuple(put_tensors_in(tree[_TUPLE], tensors))
    if _ITEMS in tree:
        return dict(put_tensors_in(tree[_ITEMS], tensors))
    return {key: put_tensors_in(child, tensors) for key, child in tree.items()}

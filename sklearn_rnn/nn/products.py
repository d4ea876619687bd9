"""Matrix products whose rows don't depend on how many rows there are."""

from __future__ import annotations

from torch import Tensor, nn


def rowwise_linear(x: Tensor, layer: nn.Linear) -> Tensor:
    """Return ``layer(x)`` with the same bits for a row however many stand beside it.

    A product with a single column is a matrix-vector product, whose sums BLAS orders by the number
    of rows; a product and a sum along the row does not.
    """
    if layer.out_features > 1:
        return layer(x)
    return (x * layer.weight[0]).sum(dim=-1, keepdim=True) + layer.bias

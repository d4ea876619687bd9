"""Seeds of a fit, from ``random_state`` and from nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def spawn_seeds(random_state: int | np.random.RandomState | None, n_seeds: int) -> list[int]:
    """Return independent seeds.

    An int gives the same seeds each time, a ``RandomState`` is drawn from once, None takes entropy
    from the operating system: numpy's and torch's global generators are neither read nor moved.
    """
    if isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(np.iinfo(np.int32).max))
    return [int(s) for s in np.random.SeedSequence(random_state).generate_state(n_seeds)]


class FitGenerator(torch.Generator):
    """A torch generator whose pickles are equal while its state is.

    torch pickles a state under the address it happens to lie at. A fitted estimator would then
    pickle differently each time, and Dask, which knows objects by their pickle, would refuse it.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (str(self.device), self.get_state().numpy().tobytes())


def _restore(device: str, state: bytes) -> FitGenerator:
    restored = FitGenerator(device)
    restored.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    return restored


def generator(seed: int) -> torch.Generator:
    """Return a torch generator on CPU: draws are the same on every device."""
    return FitGenerator().manual_seed(seed)

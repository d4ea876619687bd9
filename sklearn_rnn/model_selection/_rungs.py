"""What a halving search goes by: candidates it knows again, trained on from rung to rung."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import floor, log
from pathlib import Path
from typing import Any

from sklearn_rnn.model_selection._folds import FoldFit, FoldResult, Judging, Split
from sklearn_rnn.model_selection._shared_data import SharedData, Unshared
from sklearn_rnn.training.checkpoint import BEGAN_ANEW
from sklearn_rnn.training.memory import freed_memory_kept

_logger = logging.getLogger("sklearn_rnn")


class Candidate(dict[str, Any]):
    """A candidate's parameters, known by a number: two may be equal, and each is trained.

    Parameters
    ----------
    params : mapping
    number : int
    """

    def __init__(self, params: Mapping[str, Any], number: int) -> None:
        super().__init__(params)
        self.number = number

    def copy(self) -> Candidate:
        """Return the same candidate; scikit-learn writes the epochs of a rung into it."""
        return Candidate(self, self.number)


@dataclass(frozen=True)
class Rung:
    """Where trainings are ended and judged.

    Attributes
    ----------
    n_epochs : int
        Of all trainings here.
    n_before : int
        Of the rung below; 0 at the first.
    folder : Path
        Of the search's checkpoints.
    """

    n_epochs: int
    n_before: int
    folder: Path

    def place(self, candidate: int, fold: int) -> Path:
        """Return where a training is stored here, so that no two share a file."""
        return self._folder_of(self.n_epochs) / f"candidate_{candidate}" / f"fold_{fold}"

    def take_over(self, place: Path) -> None:
        """Copy what the rung below has stored of a training, unless it is stored here already."""
        before = self._folder_of(self.n_before) / place.relative_to(self._folder_of(self.n_epochs))
        place.mkdir(parents=True, exist_ok=True)
        for file in before.glob("*.safetensors") if self.n_before else ():
            if not (place / file.name).exists():
                part = place / f"{file.stem}.{os.getpid()}.part"
                shutil.copyfile(file, part)
                os.replace(part, place / file.name)

    def clear_below(self) -> None:
        """Delete what the rung below has stored."""
        if self.n_before not in (0, self.n_epochs):
            shutil.rmtree(self._folder_of(self.n_before), ignore_errors=True)

    def _folder_of(self, n_epochs: int) -> Path:
        return self.folder / f"{n_epochs}_epochs"


def reach(
    estimator: Any,
    rows: SharedData | Unshared,
    split: Split,
    judging: Judging,
    rung: Rung,
    place: Path,
) -> tuple[FoldResult, bool]:
    """Train on to a rung, end the fit there and judge it.

    Parameters
    ----------
    estimator : estimator
        Of this library or a pipeline that ends in one. Stores its checkpoints at ``place``.
    rows, split, judging, rung, place

    Returns
    -------
    result : FoldResult
        Its times are those of this rung.
    anew : bool
        Whether training began anew, though the rung below had stored one.
    """
    rung.take_over(place)
    fit = FoldFit(estimator, rows.data, *split, judging)
    with _told_before(), freed_memory_kept():
        fit.advance()
        first = fit.n_epochs  # or those stored, which are less than the rung's if it stopped early
        fit.reach(rung.n_epochs)
    return fit.result, first < rung.n_before and fit.n_epochs > first


@contextmanager
def _told_before() -> Iterator[None]:
    """Keep quiet of callbacks that begin anew: the search has told once, for all rungs."""

    def is_new(record: logging.LogRecord) -> bool:
        return record.msg != BEGAN_ANEW

    _logger.addFilter(is_new)
    try:
        yield
    finally:
        _logger.removeFilter(is_new)


def epochs_of_last_rung(
    n_candidates: int,
    factor: float,
    min_resources: int,
    max_resources: int,
    *,
    exhaust: bool,
    aggressive: bool,
) -> int:
    """Return how many epochs scikit-learn's halving will give those that get furthest.

    Parameters
    ----------
    n_candidates : int
    factor : float
    min_resources, max_resources : int
    exhaust : bool
        Whether the first rung is as high as the last one allows.
    aggressive : bool
        Whether the first rung is repeated until few enough candidates are left.
    """
    n_required = 1 + floor(log(n_candidates, factor))
    first: float = min_resources
    if exhaust:
        first = max(min_resources, max_resources // factor ** (n_required - 1))
    n_possible = 1 + floor(log(max_resources // first, factor))
    last = n_possible - 1 if aggressive else min(n_possible, n_required) - 1
    return min(int(factor**last * first), max_resources)

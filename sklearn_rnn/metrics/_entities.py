"""Entities, such as names in a sentence, that labels like B-PER and I-PER mark."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from sklearn_rnn.metrics._reading import check_option, labelled_steps, labels_of

_SCHEMES = ("IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU")

Spans = set[tuple[str, int, int]]
"""Type, first and last step of the entities of a sequence."""


def entity_f1(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    scheme: str | None = None,
    average: str = "micro",
    zero_division: str | float = "warn",
) -> float:
    """Return the F1 score of entities: right is what has the right type, beginning and end.

    Entities are read by `seqeval <https://github.com/chakki-works/seqeval>`_, which is installed
    with ``pip install sklearn-rnn[seqeval]``.

    Parameters
    ----------
    y_true, y_pred : sequences of labels
        Texts such as "B-PER", "I-PER" and "O", in the forms of :func:`step_accuracy`. Steps without
        a label are left out; an entity goes on behind them.
    sample_weight : array-like of shape (n_samples,), default=None
        An entity weighs as its sequence.
    scheme : {"IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"} or None, default=None
        Takes only entities that follow the scheme to the letter. None reads labels as conlleval
        does: an I- without a B- begins an entity too.
    average : {"micro", "macro", "weighted"}, default="micro"
        The score over all entities, or the mean over their types.
    zero_division : {"warn", 0.0, 1.0, nan}, default="warn"
        The score if there are no entities. "warn" is 0 with a warning.

    Returns
    -------
    float
        From 0 to 1, the higher the better.

    Raises
    ------
    ImportError
        If seqeval is not installed.
    ValueError
        If lengths differ, no step has a label, or a parameter is out of range.
    TypeError
        If a label is not a text.

    Examples
    --------
    >>> from sklearn_rnn.metrics import entity_f1
    >>> y_true = [["B-PER", "I-PER", "O", "B-LOC"]]
    >>> y_pred = [["B-PER", "I-PER", "O", "O"]]
    >>> entity_f1(y_true, y_pred)
    0.6666666666666666
    """
    check_option("average", average, ("micro", "macro", "weighted"), "entity_f1")
    check_option("scheme", scheme, (*_SCHEMES, None), "entity_f1")
    steps = labelled_steps(y_true, y_pred, sample_weight)
    begins = np.unique(steps.rows, return_index=True)[1]
    found = [
        _spans(_texts(labels, name), begins, scheme)
        for labels, name in ((steps.true, "y_true"), (steps.pred, "y_pred"))
    ]
    # Each entity that is there or was predicted is a sample whose class is its type, or 0 for none:
    # the counts behind its F1 are then those of entities.
    true, pred, row = [0], [0], [0]
    types = {kind for spans in (*found[0], *found[1]) for kind, _, _ in spans}
    codes = {kind: code for code, kind in enumerate(sorted(types), start=1)}
    for sequence, (there, predicted) in enumerate(zip(*found, strict=True)):
        for span in there | predicted:
            true.append(codes[span[0]] if span in there else 0)
            pred.append(codes[span[0]] if span in predicted else 0)
            row.append(sequence)
    score = f1_score(
        true,
        pred,
        labels=list(codes.values()) or [1],
        average=average,
        sample_weight=steps.step_weight[begins][row],
        zero_division=zero_division,
    )
    return float(score)


def _texts(values: np.ndarray, name: str) -> list[str]:
    labels = labels_of(values, name).tolist()
    odd = next((label for label in labels if not isinstance(label, str)), None)
    if odd is not None:
        raise TypeError(
            f"{name} must hold texts such as 'B-PER', 'I-PER' and 'O'. Got {odd!r} instead."
        )
    return labels


def _spans(labels: list[str], begins: np.ndarray, scheme: str | None) -> list[Spans]:
    """Return the entities of each sequence."""
    try:
        import seqeval.scheme
        from seqeval.metrics.sequence_labeling import get_entities
    except ImportError as error:
        raise ImportError(
            "entity_f1 reads entities by seqeval, which is not installed. Install it with "
            "'pip install sklearn-rnn[seqeval]'."
        ) from error
    ends = [*begins[1:].tolist(), len(labels)]
    sequences = [labels[begin:end] for begin, end in zip(begins.tolist(), ends, strict=True)]
    if scheme is None:
        return [set(get_entities(sequence)) for sequence in sequences]
    strict = seqeval.scheme.Entities(sequences, getattr(seqeval.scheme, scheme))
    return [{(e.tag, e.start, e.end) for e in entities} for entities in strict.entities]

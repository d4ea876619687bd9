"""The Japanese Vowels data set."""

from importlib import resources

import numpy as np
from sklearn.utils import Bunch

_N_TRAIN = 270
_SPLITS = {"all": slice(None), "train": slice(None, _N_TRAIN), "test": slice(_N_TRAIN, None)}
_SPEAKERS = range(1, 10)
_COEFFICIENTS = range(1, 13)


def load_japanese_vowels(*, return_X_y=False, split="all"):
    """Load the Japanese Vowels data set: who of nine speakers said a vowel pair.

    Each of the 640 sequences is one utterance of /ae/, given as 12 LPC cepstrum coefficients
    at each of 7 to 29 steps. The data set is part of the package; nothing is downloaded.

    =================   =====================
    Classes                       9 speakers
    Sequences             640 (270 + 370)
    Steps                            7 to 29
    Channels                   12, real
    Missing values                      none
    =================   =====================

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    split : {"all", "train", "test"}, default="all"
        Which part of the source's own split to return: the 270 training sequences, the 370
        test sequences, or all 640 with the training sequences first. The order is that of the
        source: sorted by speaker within each part.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with these attributes:

        data : ndarray of shape (n_samples,), dtype=object
            The sequences, each a float32 array of shape (n_steps, 12). They are new arrays at
            every call and can be written to.
        target : ndarray of shape (n_samples,), dtype=int64
            The speaker of each sequence, 1 to 9.
        target_names : list of str
            The names of the speakers: ``target_names[0]`` is speaker 1.
        feature_names : list of str
            The names of the 12 channels.
        DESCR : str
            The description of the data set, with its source, licence and citation.
    (data, target) : tuple if ``return_X_y`` is True
        The two arrays described above.

    Raises
    ------
    ValueError
        If `split` is none of the three names.

    Notes
    -----
    Licence of the data: Creative Commons Attribution 4.0 International (CC BY 4.0),
    https://doi.org/10.24432/C5NS47.

    References
    ----------
    .. [1] M. Kudo, J. Toyama and M. Shimbo (1999). "Multidimensional curve classification using
       passing-through regions". Pattern Recognition Letters, 20(11-13), 1103-1111.

    Examples
    --------
    >>> from sklearn_rnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True, split="train")
    >>> X.shape, y.shape
    ((270,), (270,))
    >>> X[0].shape, X[1].shape
    ((20, 12), (26, 12))
    >>> y[0].item(), y[-1].item()
    (1, 9)
    """
    if not isinstance(split, str) or split not in _SPLITS:
        raise ValueError(
            "The 'split' parameter of load_japanese_vowels must be one of 'all', 'train' or "
            f"'test'. Got {split!r} instead."
        )
    folder = resources.files(__package__) / "data"
    with (folder / "japanese_vowels.npz").open("rb") as file, np.load(file) as stored:
        values, offsets, target = stored["values"], stored["offsets"], stored["target"]

    # Filled element by element: np.array would join sequences of one length into one array.
    data = np.empty(len(target), dtype=object)
    for i in range(len(target)):
        data[i] = values[offsets[i] : offsets[i + 1]].copy()
    data, target = data[_SPLITS[split]], target[_SPLITS[split]].astype(np.int64)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=[f"speaker_{i}" for i in _SPEAKERS],
        feature_names=[f"cepstrum_{i}" for i in _COEFFICIENTS],
        DESCR=(folder / "japanese_vowels.md").read_text(encoding="utf-8"),
    )

"""An ordinary transformer on the steps of sequences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import Tags, check_array, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from sklearn_rnn.data.nesting import nest
from sklearn_rnn.data.tables import check_not_lazy, is_frame, to_pandas, to_polars, with_null_lists
from sklearn_rnn.preprocessing._steps import (
    Steps,
    check_same_names,
    flat_columns,
    form_of,
    framed,
    read_steps,
)

_UNCHANGED: dict[str, Any] = {"dtype": None, "ensure_all_finite": False}
"""Checks of a table that leave the values to the transformer."""


def _inner_has(method: str) -> Any:
    """Let a method be there where the transformer has it."""

    def check(self: PerStep) -> bool:
        getattr(getattr(self, "transformer_", self.transformer), method)
        return True

    return available_if(check)


# What comes out is wrapped here, as scikit-learn would make one column of each step's number.
# scikit-learn has no types, so that mypy does not know the keyword.
class PerStep(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Fit an ordinary transformer on the steps of all sequences, and apply it to each step.

    The steps of all sequences are laid end to end as the rows of one table, and the transformer
    works on that: ``StandardScaler``, ``PCA``, ``SimpleImputer``, ``OneHotEncoder`` or any other
    that gives a row for each row. The result is cut into sequences of the same lengths.

    Parameters
    ----------
    transformer : transformer
        Has ``fit`` and ``transform``. For frames it gets a DataFrame whose columns are the list
        columns, or the fields of their structs, so it may be a ``ColumnTransformer``.

    Attributes
    ----------
    transformer_ : transformer
        The fitted clone.
    n_features_in_ : int
        Channels; for a 2-D X or a frame the number of columns.
    feature_names_in_ : ndarray of shape (n_columns,)
        Column names, if X was a frame whose columns are all strings.

    See Also
    --------
    sklearn.compose.ColumnTransformer : Selects the list columns of a frame that has others too.

    Notes
    -----
    What comes out is like what goes in. A list or 1-D object array of sequences gives a 1-D object
    array of (n_steps, n_outputs) arrays; a 3-D array gives one; a 2-D array (n_samples, n_steps)
    gives one, or a 3-D array if there are several outputs a step. A frame of list columns gives a
    pandas DataFrame with an Arrow list column for each output. After ``set_output`` of "pandas" or
    "polars" all do; a 2-D array gives ordinary columns then.

    Columns of vectors, such as 2-D arrays in the cells of pandas, are split into ``x_0``, ``x_1``
    and so on. Sparse results are made dense. There is no ``y`` at the steps: it is not passed on.
    A ``FeatureUnion`` belongs inside, as outside it would stack sequences upon each other.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_rnn.preprocessing import PerStep
    >>> X = [np.array([[1.0, 10.0], [3.0, 30.0]]), np.array([[2.0, 20.0]])]
    >>> for sequence in PerStep(StandardScaler()).fit_transform(X):
    ...     print(sequence.round(2))
    [[-1.22 -1.22]
     [ 1.22  1.22]]
    [[0. 0.]]

    Fields of a list column are called by their names:

    >>> import pandas as pd
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> visit, next_visit = {"ward": "a", "pulse": 60}, {"ward": "b", "pulse": 80}
    >>> patients = pd.DataFrame({"visits": [[visit, next_visit]]})
    >>> encode = make_column_transformer(
    ...     (OneHotEncoder(), ["ward"]), (StandardScaler(), ["pulse"])
    ... )
    >>> PerStep(encode).fit_transform(patients).iloc[0].map(list)
    onehotencoder__ward_a         [1.0, 0.0]
    onehotencoder__ward_b         [0.0, 1.0]
    standardscaler__pulse        [-1.0, 1.0]
    Name: 0, dtype: object
    """

    n_features_in_: int
    feature_names_in_: np.ndarray
    _form: str  # of X in fit, see Steps
    _names: list[str] | None  # of the channels
    _n_channels: int
    _row: Any  # the first step, to learn what the transformer returns where there are no steps

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer

    def fit(self, X: Any, y: None = None) -> Self:
        """Fit the transformer on the steps of all sequences.

        Parameters
        ----------
        X : sequences of n_samples
            In any form that the estimators read.
        y : None
            Ignored.

        Returns
        -------
        self : PerStep

        Raises
        ------
        TypeError
            If `transformer` is none, or X holds no sequences.
        ValueError
            If X can't be read, or the transformer can't.
        """
        self._fit(X, transforms=False)
        return self

    def fit_transform(self, X: Any, y: None = None) -> Any:
        """Fit the transformer on the steps of all sequences and return them transformed.

        Parameters
        ----------
        X : sequences of n_samples
        y : None
            Ignored.

        Returns
        -------
        sequences of n_samples
            As :meth:`transform` returns them.
        """
        steps, result = self._fit(X, transforms=True)
        return self._as_sequences(result, steps, self._container())

    def transform(self, X: Any) -> Any:
        """Transform each step.

        Parameters
        ----------
        X : sequences of n_samples
            In any form; channels as in ``fit``. Columns of frames are found by name.

        Returns
        -------
        sequences of n_samples
            An array, object array or frame of the same lengths, see Notes. All may have no steps.

        Raises
        ------
        ValueError
            If X can't be read, has other channels than in ``fit``, or the transformer did not
            return a row for each step.
        """
        check_is_fitted(self)
        steps = self._read(X, reset=False)
        is_empty = len(steps.values) == 0
        result = self.transformer_.transform(self._row if is_empty else self._rows(steps))
        return self._as_sequences(result, steps, self._container())

    @_inner_has("inverse_transform")
    def inverse_transform(self, X: Any) -> Any:
        """Undo the transformation of each step.

        Parameters
        ----------
        X : sequences of n_samples
            In any form; channels as the outputs of ``transform``.

        Returns
        -------
        sequences of n_samples
            In the form of X. Of a frame each channel is a list column; fields are not made one
            struct again.
        """
        check_is_fitted(self)
        form, X = form_of(X, nested_table=self._form == "2d")
        if form == "2d":
            X = check_array(X, ensure_min_features=0, **_UNCHANGED)
        steps = read_steps(form, X, may_lack_steps=True)
        if form == "3d" and self._form == "2d":
            steps = replace(steps, form="2d")
        if len(steps.values) == 0:
            values = _table(self.transformer_.transform(self._row))
            n_outputs = np.shape(values)[1]
            if steps.knows_channels and steps.n_channels != n_outputs:
                raise ValueError(
                    f"X has {steps.n_channels} channel(s), but PerStep returns {n_outputs}."
                )
        else:
            values = steps.values if steps.names is None else steps.values.to_pandas().to_numpy()
        result = self.transformer_.inverse_transform(values)
        return self._as_sequences(result, steps, "default", names=self._channel_names())

    @_inner_has("get_feature_names_out")
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the outputs.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the channels. For frames they must be those of ``fit``.

        Returns
        -------
        ndarray of shape (n_outputs,), dtype=object
            For a 2-D X with one output a step the names of its columns.
        """
        check_is_fitted(self)
        if self._form in ("frame", "2d"):
            columns = _check_feature_names_in(self, input_features)
            names = self.transformer_.get_feature_names_out()
            return columns if self._form == "2d" and len(names) == 1 else names
        return self.transformer_.get_feature_names_out(input_features)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose what ``transform`` and ``fit_transform`` return.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            A frame with a list column for each output, or as X was. None changes nothing.

        Returns
        -------
        self : PerStep

        Raises
        ------
        ValueError
            If it is none of these.
        """
        if transform is None:
            return self
        if transform not in ("default", "pandas", "polars"):
            raise ValueError(
                "The 'transform' parameter of set_output must be 'default', 'pandas' or 'polars'. "
                f"Got {transform!r} instead."
            )
        self._sklearn_output_config = {"transform": transform}
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if hasattr(self.transformer, "__sklearn_tags__"):
            inner = get_tags(self.transformer)
            tags.input_tags.allow_nan = inner.input_tags.allow_nan
            tags.input_tags.categorical = inner.input_tags.categorical
            tags.input_tags.string = inner.input_tags.string
            tags.input_tags.positive_only = inner.input_tags.positive_only
            tags.transformer_tags = inner.transformer_tags or tags.transformer_tags
            tags.no_validation = inner.no_validation
            tags.non_deterministic = inner.non_deterministic
        return tags

    # -- the way through --------------------------------------------------------------------------

    def _fit(self, X: Any, *, transforms: bool) -> tuple[Steps, Any]:
        """Fit the transformer; return the steps and, if wanted, what it makes of them."""
        has_all = all(hasattr(self.transformer, method) for method in ("fit", "transform"))
        if not has_all or isinstance(self.transformer, type):
            raise TypeError(
                "The 'transformer' parameter of PerStep must be an instance with 'fit' and "
                f"'transform'. Got {self.transformer!r} instead."
            )
        before = self.__dict__.copy()
        try:
            steps = self._read(X, reset=True)
            rows, transformer = self._rows(steps), clone(self.transformer)
            self._row = rows[:1].copy()
            if transforms and hasattr(transformer, "fit_transform"):
                result = transformer.fit_transform(rows)
            else:
                transformer.fit(rows)
                result = transformer.transform(rows) if transforms else None
            self.transformer_ = transformer
        except BaseException:  # a failed fit leaves all as it was
            self.__dict__ = before
            raise
        return steps, result

    def _read(self, X: Any, *, reset: bool) -> Steps:
        """Read X; with reset remember its features, else compare with them."""
        X = X if reset else self._with_null_lists(X)
        form, X = form_of(X, nested_table=reset or self._form == "2d")
        index = getattr(X, "index", None) if isinstance(X, pd.DataFrame) else None
        if form == "2d":
            if reset or self._form == "2d":
                X = validate_data(self, X, reset=reset, **_UNCHANGED)
            else:
                X = check_array(X, ensure_min_features=0, **_UNCHANGED)
        steps = replace(read_steps(form, X, may_lack_steps=not reset), index=index)
        if reset:
            self._form, self._names, self._n_channels = form, steps.names, steps.n_channels
            if form != "2d":
                self.n_features_in_ = len(steps.columns) or steps.n_channels
                self.__dict__.pop("feature_names_in_", None)
            if form == "frame":
                self.feature_names_in_ = np.array(steps.columns, dtype=object)
        elif not steps.knows_channels:
            if self._form == form == "frame":
                check_same_names(steps.columns, list(self.feature_names_in_), "PerStep")
        elif steps.names is not None and self._names is not None:
            check_same_names(steps.names, self._names, "PerStep")
        elif steps.n_channels != self._n_channels:
            raise ValueError(
                f"X has {steps.n_channels} channel(s), but PerStep was fitted with "
                f"{self._n_channels}. Pass sequences of shape (n_steps, {self._n_channels}); a 2-D "
                "array is read as (n_samples, n_steps), one channel."
            )
        return steps

    def _with_null_lists(self, X: Any) -> Any:
        """Return X with null sequences where a column of lists in fit holds nulls alone."""
        X = framed(X)
        check_not_lazy(X, "X")
        known = self._form == "frame" and is_frame(X)
        return with_null_lists(X, list(self.feature_names_in_)) if known else X

    def _rows(self, steps: Steps) -> Any:
        """Return the steps as the transformer takes them, with names if it was fitted on names."""
        if steps.names is None:
            named = self._names is not None
            return pd.DataFrame(steps.values, columns=self._names) if named else steps.values
        if self._names is None:
            return steps.values.to_pandas().to_numpy()
        return steps.values.select(self._names).to_pandas()

    def _container(self) -> str:
        own = getattr(self, "_sklearn_output_config", {})
        return own.get("transform", get_config()["transform_output"])

    def _as_sequences(
        self, result: Any, steps: Steps, container: str, names: list[str] | None = None
    ) -> Any:
        """Cut what the transformer returned into sequences."""
        result = _table(result)
        if len(steps.values) == 0:
            result = result[:0]  # of the row that stood in
        shape = np.shape(result)
        if len(shape) != 2 or shape[0] != len(steps.values):
            raise ValueError(
                f"{type(self.transformer_).__name__} returned an array of shape {shape} for "
                f"{len(steps.values)} steps. PerStep needs transformers that return a row for each."
            )
        if container == "default" and steps.form != "frame":
            return steps.cut(np.asarray(result))
        if steps.form == self._form == "2d" and shape[1] == 1:
            names = list(_check_feature_names_in(self, None))
            array = steps.cut(np.asarray(result))
            if container == "polars":
                return to_polars(flat_columns(array, names))
            return pd.DataFrame(array, columns=names, index=steps.index)
        table = nest(flat_columns(result, names or self._output_names(result)), steps.lengths)
        return to_polars(table) if container == "polars" else to_pandas(table, steps.index)

    def _output_names(self, result: Any) -> list[str]:
        """Return the names of the outputs, also of transformers that give none."""
        if is_frame(result):
            return list(result.columns)
        if hasattr(self.transformer_, "get_feature_names_out"):
            return list(self.transformer_.get_feature_names_out())
        n_outputs = np.shape(result)[1]
        if n_outputs == self._n_channels:
            return self._channel_names()
        prefix = type(self.transformer_).__name__.lower()
        return [f"{prefix}{i}" for i in range(n_outputs)]

    def _channel_names(self) -> list[str]:
        return self._names or [f"x{i}" for i in range(self._n_channels)]


def _table(result: Any) -> Any:
    """Return what a transformer returned as a frame or an array."""
    result = result.toarray() if sparse.issparse(result) else result
    return result if is_frame(result) else np.asarray(result)

"""What searches here do alike: reading and splitting rows, and fitting the best on all of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import Tags, assert_all_finite, get_tags, indexable
from sklearn.utils.validation import _check_method_params

from sklearn_rnn.model_selection._folds import Rows, Split
from sklearn_rnn.model_selection._pausing import fit_until


class SharedSearch(BaseSearchCV):
    """scikit-learn's searches, but for how candidates are evaluated."""

    def __sklearn_tags__(self) -> Tags:
        tags = deepcopy(get_tags(self.estimator))
        tags.array_api_support = False  # scores are taken together by numpy
        return tags

    def _read(self, X: Any, y: Any, params: dict[str, Any]) -> tuple[Rows, list[Split]]:
        """Return all rows with what comes with them, and the splits that judge all candidates."""
        X, y = indexable(X, y)
        routed = self._get_routed_params_for_fit(_check_method_params(X, params=params))
        splits = self._splits(X, y, routed.splitter.split)
        return Rows(X, y, routed.estimator.fit, routed.scorer.score), splits

    def _splits(self, X: Any, y: Any, split_params: Mapping[str, Any]) -> list[Split]:
        if y is None and get_tags(self).target_tags.required:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: "
                f"{type(self.estimator).__name__} learns from it."
            )
        if is_classifier(self.estimator) and isinstance(y, np.ndarray) and y.dtype.kind == "f":
            assert_all_finite(y, input_name="y")  # before labels are counted
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = [(np.asarray(a), np.asarray(b)) for a, b in cv.split(X, y, **split_params)]
        if not splits:
            raise ValueError("The 'cv' parameter must give one split at least. Got none.")
        self.n_splits_ = len(splits)
        return splits

    def _refit(self, rows: Rows, n_epochs: int | None = None) -> None:
        """Fit the best candidate on all rows; end after some epochs of all there are."""
        self.best_estimator_ = clone(self.estimator).set_params(
            **clone(self.best_params_, safe=False)
        )
        started = time.time()
        fit_until(n_epochs, self.best_estimator_, rows.X, rows.y, rows.fit_params)
        self.refit_time_ = time.time() - started
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_

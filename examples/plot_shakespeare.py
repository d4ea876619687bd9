"""
===========================================
Sonnets letter by letter: a language model
===========================================

A network reads Shakespeare's 154 sonnets character by character and learns to foretell the next.
Drawing a character, reading it and drawing the next makes it write. How surprised it is by a text
tells how well it has learned; at which letters it is surprised tells what it has learned.
"""

# %%
# The data
# --------
# Each sonnet is one sequence of some 600 characters, line ends included. Every tenth is held out.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNLanguageModel

# The gallery runs an example where it lies, and tells it no file name.
here = Path(__file__).parent if "__file__" in globals() else Path()
sonnets = (here / "sonnets.txt").read_text(encoding="utf-8").strip().split("\n\n")
held_out, known = sonnets[::10], [s for i, s in enumerate(sonnets) if i % 10]
print(f"{len(known)} sonnets to learn from, {len(held_out)} to judge by. The first lines of one:\n")
print("\n".join(known[16].splitlines()[:4]))

# %%
# Learning to foretell
# --------------------
# For training, texts are cut into windows of ``bptt_steps`` characters. The held-out sonnets are
# measured after each epoch, in bits per character: the logarithm, to base 2, of how many equally
# likely characters it is in doubt among.

model = RNNLanguageModel(max_epochs=30, random_state=0)
model.fit(known, X_val=held_out)
print(f"{len(model.classes_)} characters: {''.join(model.classes_)!r}")
print(f"bits per character of held-out sonnets: {model.bits_per_token(held_out):.2f}")
print(f"bits if all were equally likely: {np.log2(len(model.classes_) + 1):.2f}")

# %%
# Writing
# -------
# ``temperature`` sharpens or flattens what is drawn from. Near 0 the network repeats what it is
# surest of; at 1 it draws as often as it foretells; above, it gets daring. Many samples at once
# cost little more than one.

for temperature in (0.3, 0.7, 1.1):
    (text,) = model.sample(
        prompt="Shall I ", temperature=temperature, max_steps=220, random_state=0
    )
    print(f"--- temperature {temperature}\n{text}\n")

# %%
# A model may also be asked what comes next.

for beginning in ("And th", "I love th", "O! q"):
    (foretold,) = model.predict_next_proba([beginning])
    best = foretold.argsort()[::-1][:3]
    print(f"{beginning!r}:", *(f"{str(model.classes_[i])!r} {foretold[i]:.0%}" for i in best))

# %%
# Where is it surprised?
# ----------------------
# The likelihood of a text is a product over its characters, so each has a surprise of its own. The
# first letters of words carry most of it; once a word is under way, its end is no news. A text that
# is odd as a whole has a low likelihood. The order of lines hardly matters to this network, that of
# words does: it looks back some words, not some lines.

couplet = "\n".join(held_out[2].splitlines()[:2])
foretold = model.predict_next_proba([couplet[:i] for i in range(len(couplet))])
place = {character: i for i, character in enumerate(model.classes_)}
surprise = -np.log2([p[place[c]] for p, c in zip(foretold, couplet, strict=True)])

figure = plt.figure(figsize=(10, 7.5), layout="constrained")
axes = figure.subplot_mosaic([["curve", "texts"], ["line 0", "line 0"], ["line 1", "line 1"]])
epochs = model.history_["epoch"]
axes["curve"].plot(epochs, model.history_["train_loss"] / np.log(2), label="in training")
axes["curve"].plot(epochs, -np.array(model.validation_scores_) / np.log(2), label="held out")
axes["curve"].set(xlabel="epoch", ylabel="bits per character", title="Learning")
axes["curve"].legend(frameon=False)

others = {
    "learned from": known[:15],
    "held out": held_out,
    "lines in\nrandom order": [
        "\n".join(np.random.default_rng(0).permutation(s.splitlines())) for s in held_out
    ],
    "words in\nrandom order": [
        " ".join(np.random.default_rng(0).permutation(s.split())) for s in held_out
    ],
    "a changelog": ["Fix the build on old compilers. Drop support of what nobody uses."],
}
bits = [model.bits_per_token(texts) for texts in others.values()]
bars = axes["texts"].barh(list(others), bits, color="tab:gray")
axes["texts"].bar_label(bars, fmt="%.2f", padding=3)
axes["texts"].invert_yaxis()
axes["texts"].set(
    xlabel="bits per character", title="What it finds odd", xlim=(0, 1.15 * max(bits))
)

begin = 0
for number, line in enumerate(couplet.split("\n")):
    axis, of_line = axes[f"line {number}"], surprise[begin : begin + len(line)]
    axis.bar(range(len(line)), of_line, color=plt.get_cmap("viridis_r")(of_line / surprise.max()))
    axis.set_xticks(range(len(line)), list(line), fontfamily="monospace", fontsize=12)
    axis.tick_params(axis="x", length=0)
    axis.set(xlim=(-0.7, len(line) - 0.3), ylim=(0, 1.05 * surprise.max()), ylabel="bits")
    axis.spines[["top", "right"]].set_visible(False)
    begin += len(line) + 1
axes["line 0"].set_title("Surprise at each letter of two held-out lines")
plt.show()

# %%
# The training curve lies above the held-out one since dropout thins the network while it learns. Of
# the sonnets that it learned from it is a little less surprised than of those held out: 90,000
# characters are few, and some of them it knows by heart. More text is the best remedy.

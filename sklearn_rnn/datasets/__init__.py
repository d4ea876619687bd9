"""Real sequences of different lengths that come with the package."""

from sklearn_rnn.datasets._japanese_vowels import load_japanese_vowels

__all__ = ["load_japanese_vowels"]

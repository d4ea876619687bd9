"""Tests of sklearn_rnn, and measurements of its speed and accuracy in ``benchmarks``."""

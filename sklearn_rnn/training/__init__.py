"""Fitting a network: the only place that imports skorch."""

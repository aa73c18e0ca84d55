"""Hyperparameter search; the only package that imports optuna, and only where a search runs."""

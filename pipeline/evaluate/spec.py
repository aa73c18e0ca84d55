"""What predict and evaluate cells are asked: part of the preimage of their keys. Light to import."""

from typing import Any

from pipeline.data.spec import Setting


class Predict(Setting):
    """baseline: prefix of what the model is compared with; empty where there is nothing."""

    baseline: str = ""


class Evaluate(Setting):
    """evaluator: a file of pipeline/evaluate/evaluators. options: its keyword arguments."""

    evaluator: str
    options: dict[str, Any]

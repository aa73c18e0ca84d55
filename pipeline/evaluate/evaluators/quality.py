"""How often a classifier is right, also where classes are unequal (scikit-learn's definitions)."""

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import balanced_accuracy_score, f1_score

from pipeline.evaluate.subject import Subject

COSTS = False


def run(subject: Subject) -> Iterator[tuple[str, str, float]]:
    """(split, metric, value): accuracy, F1 averaged over classes, recall averaged over classes; all in [0, 1]."""
    for split, scores in subject.scores.items():
        y, predicted = subject.data.y[split], subject.task.decide(scores)
        every = np.arange(len(subject.data.classes))
        yield split, "accuracy", float((predicted == y).mean())
        yield split, "macro_f1", float(f1_score(y, predicted, labels=every, average="macro", zero_division=0.0))
        yield split, "balanced_accuracy", float(balanced_accuracy_score(y, predicted))

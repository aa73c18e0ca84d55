"""How good the answers are, by the measures that the task names, and which classes are taken for which."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from pipeline.evaluate.subject import Subject

NEEDS_MODEL = False


def run(subject: Subject) -> Iterator[tuple[str, str, Any]]:
    """(split, metric, value) of the task's `quality`; of classes also auroc, by the probabilities of a model that
    states some and the scores of another, and, on test, confusion: (K, K), true by predicted.

    Of texts all of test, as people compare them.
    """
    data, task = subject.data, subject.task
    for split, scores in subject.scores.items():
        for metric, value in task.quality(scores, data.y[split]):
            yield split, metric, value
        if data.classes:
            ranked = task.probabilities(scores) if subject.probabilistic else scores
            if (area := area_under_roc(ranked, data.y[split])) is not None:
                yield split, "auroc", area
    if counts := task.confusion(subject.scores["test"], data.y["test"]):
        yield "test", "confusion", counts
    if texts := task.written(subject.scores["test"], data.y["test"]):
        yield "test", "texts", texts


def area_under_roc(scores: np.ndarray, y: np.ndarray) -> float | None:
    """Of one class against the rest, mean over classes, of scores (N, K) and labels (N,); of two classes, the second's.

    None where no class has both items and others to tell them from. Hand and Till (2001) average over pairs instead.
    """
    classes = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    told = [y == number for number in classes]
    areas = [roc_auc_score(own, scores[:, k]) for k, own in zip(classes, told, strict=True) if 0 < own.sum() < len(y)]
    return float(np.mean(areas)) if areas else None

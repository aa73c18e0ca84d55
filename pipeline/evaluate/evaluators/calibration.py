"""Whether stated probabilities are what happens. Decision values are no probabilities and are left out."""

from collections.abc import Iterator

import numpy as np

from pipeline.evaluate.subject import Subject

COSTS = False
BINS = 15


def run(subject: Subject) -> Iterator[tuple[str, str, float]]:
    """(split, metric, value): nll, mean negative log likelihood in nats; ece, expected calibration error in [0, 1]."""
    if not (subject.predictor.probabilistic and subject.data.classes):
        return
    for split, scores in subject.scores.items():
        y, probabilities = subject.data.y[split], subject.task.probabilities(scores)
        chosen = probabilities[np.arange(len(y)), y]
        yield split, "nll", float(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).mean())
        yield split, "ece", expected_calibration_error(probabilities, y)


def expected_calibration_error(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Mean gap between confidence and accuracy over 15 equal bins (Guo et al. 2017, equation 3), of (N, K) and (N,)."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(y))

"""Whether stated probabilities are what happens. Decision values are no probabilities and are left out."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.evaluate.subject import Subject

NEEDS_MODEL = False


def run(subject: Subject, *, bins: Annotated[int, Field(ge=1)] = 15) -> Iterator[tuple[str, str, float]]:
    """(split, metric, value): nll, mean negative log likelihood in nats; ece, expected calibration error in [0, 1].

    bins: of equal width, for ece.
    """
    if not (subject.probabilistic and subject.data.classes):
        return
    for split, scores in subject.scores.items():
        y, probabilities = subject.data.y[split], subject.task.probabilities(scores)
        chosen = probabilities[np.arange(len(y)), y]
        yield split, "nll", float(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).mean())
        yield split, "ece", expected_calibration_error(probabilities, y, bins)


def expected_calibration_error(probabilities: np.ndarray, y: np.ndarray, bins: int) -> float:
    """Mean gap between confidence and accuracy over equal bins (Guo et al. 2017, equation 3), of (N, K) and (N,)."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(y))

"""How good the answers are, by the measures that the task names, and which classes are taken for which."""

from collections.abc import Iterator
from typing import Any

from pipeline.evaluate.subject import Subject

NEEDS_MODEL = False


def run(subject: Subject) -> Iterator[tuple[str, str, Any]]:
    """(split, metric, value) of the task's `quality`; of classes also confusion, on test: (K, K), true by predicted.

    Of texts all of test, as people compare them.
    """
    data, task = subject.data, subject.task
    for split, scores in subject.scores.items():
        for metric, value in task.quality(scores, data.y[split]):
            yield split, metric, value
    if counts := task.confusion(subject.scores["test"], data.y["test"]):
        yield "test", "confusion", counts
    if texts := task.written(subject.scores["test"], data.y["test"]):
        yield "test", "texts", texts

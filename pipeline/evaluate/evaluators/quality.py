"""How good the answers are, by the measures that the task names."""

from collections.abc import Iterator

from pipeline.evaluate.subject import Subject

COSTS = False


def run(subject: Subject) -> Iterator[tuple[str, str, float]]:
    """(split, metric, value) of `quality` of the task."""
    for split, scores in subject.scores.items():
        for metric, value in subject.task.quality(scores, subject.data.y[split]):
            yield split, metric, value

"""What a model weighs: trained parameters, operations of one prediction, bytes of the file that is kept."""

from collections.abc import Iterator

from pipeline.evaluate.subject import Subject

COSTS = False


def run(subject: Subject) -> Iterator[tuple[str, str, float]]:
    """("", metric, value): parameters, flops (forward, one item, 2 for a multiply-add) and bytes."""
    x = next(iter(subject.data.x.values()))[:1]
    for metric, value in (("parameters", subject.predictor.parameters()), ("flops", subject.predictor.flops(x))):
        if value is not None:
            yield "", metric, value
    yield "", "bytes", subject.predictor.file.stat().st_size

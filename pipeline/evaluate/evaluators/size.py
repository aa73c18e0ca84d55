"""What a model weighs: trained parameters, operations of one prediction, bytes of the file that is kept."""

from collections.abc import Iterator

from pipeline.evaluate.subject import Subject

NEEDS_MODEL = True


def run(subject: Subject) -> Iterator[tuple[str, str, int]]:
    """("", metric, value): parameters, flops (forward, one item, 2 for a multiply-add) and bytes."""
    x = next(iter(subject.data.x.values()))[:1]
    for metric, value in (("parameters", subject.model.parameters()), ("flops", subject.model.flops(x))):
        if value is not None:
            yield "", metric, value
    yield "", "bytes", subject.model.file.stat().st_size

"""How long one prediction takes: batch 1, warm, the profile's threads."""

import statistics
import time
from collections.abc import Iterator

from pipeline.evaluate.subject import Subject

COSTS = True
WARM_UP, RUNS, SECONDS = 10, 100, 0.5


def run(subject: Subject) -> Iterator[tuple[str, str, float]]:
    """("", "latency_ms", median) over 100 runs, or as many as fit into half a second (5 at least)."""
    x = next(iter(subject.data.x.values()))[:1]
    for _ in range(WARM_UP):
        subject.predictor.scores(x)
    times: list[float] = []
    while len(times) < RUNS and (sum(times) < SECONDS or len(times) < 5):
        started = time.perf_counter()
        subject.predictor.scores(x)
        times.append(time.perf_counter() - started)
    yield "", "latency_ms", round(1000 * statistics.median(times), 4)

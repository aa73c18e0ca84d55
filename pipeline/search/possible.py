"""Whether a row can have all that its space could give it, asked before the first trial."""

import random
from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from pipeline.config.loading import Params, ParamsError
from pipeline.config.rows import experiment_problems
from pipeline.search.space import Axis

MOST = 500  # combinations that are looked at; of more, so many by chance


def require_possible(params: Params, key: str, axes: dict[str, Axis]) -> None:
    """ParamsError names the first combination of choices and ends of ranges that the row can't have, and why."""
    row, where = params.experiments[key], ("search", key)
    own = {why for _, why in experiment_problems(params, where, row)}  # of the row as it stands: not the space's
    for values in _combinations({name: axis.ends for name, axis in axes.items()}):
        sections: dict[str, dict[str, Any]] = {"set": {**row.set}, "args": {**row.args}}
        for name, value in values.items():
            section, _, field = name.partition(".")
            sections[section][field] = value
        for place, why in experiment_problems(params, where, row.model_copy(update=sections)):
            if why in own:
                continue
            about = ".".join(map(str, place[2:]))
            told = ", ".join(f"{name} {value}" for name, value in values.items())
            raise ParamsError(
                f"params.yaml: search.{key}: a trial could have {told}, which can't be: {about and about + ': '}{why}"
            )


def _combinations(ends: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    if prod(map(len, ends.values())) <= MOST:
        every = product(*ends.values())
    else:
        chance = random.Random(0)
        every = (tuple(map(chance.choice, ends.values())) for _ in range(MOST))  # type: ignore[assignment]
    return (dict(zip(ends, values, strict=True)) for values in every)

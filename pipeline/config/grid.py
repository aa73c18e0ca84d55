"""The section `grids` of params.yaml: rows that are given together."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pipeline.introspection import Strict


class Shared(Strict):
    """Values of an experiment that several rows of a grid have in common."""

    recipe: str = ""
    view: str = ""
    args: dict[str, Any] = {}
    set: dict[str, Any] = {}
    only: list[str] = []
    start: dict[str, Any] | None = None
    tokens: str = ""
    on_request: bool = False
    seeds: dict[str, list[int]] = {}


class OfData(Shared):
    """Values of a grid's rows on one data set.

    data: its name in the section `data`, if that is not the name here. models: which of the grid's models have a row on
    it, all if it is left out.
    """

    data: str = ""
    models: Annotated[list[str], Field(min_length=1)] | None = None


class OfModel(Shared):
    """Values of a grid's rows of one model. model: its file, if that is not `models/` or `classical/` and the name."""

    model: str = ""


def _by_name(names: Any) -> Any:
    """`[iris, wine]` as `{iris: {}, wine: {}}`."""
    if not isinstance(names, list):
        return names
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{name!r} is no name; give values of an entry as a mapping, {{name: {{...}}}}")
        if names.count(name) > 1:
            raise ValueError(f"{name!r} stands there twice; keep one of the two")
    return {name: {} for name in names}


class Grid(Shared):
    """A row `<data>_<model>` for each pair of a data set and a model, named as they are here.

    data, models: a list of names, or a mapping from names to values. A row has the grid's values, over them its data
    set's, over them its model's, over them those of the entry of `experiments` that has the row's name. `args`, `set`
    and `start` are merged key by key; any other value replaces the one below it.
    """

    data: Annotated[dict[str, OfData], BeforeValidator(_by_name), Field(min_length=1)]
    models: Annotated[dict[str, OfModel], BeforeValidator(_by_name), Field(min_length=1)]

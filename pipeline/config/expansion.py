"""Grids of params.yaml written out as rows, each with the places where its values stand."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from pipeline import introspection
from pipeline.config.grid import Grid, Shared
from pipeline.config.messages import Location, Problem, unknown

Source = tuple[Location, dict[str, Any]]  # where values of a row stand, and the values
DEFAULTS: dict[str, Any] = {"view": "none", "args": {}, "set": {}}  # written out, so that an edit can change them
FOLDERS = ("models", "classical")
_adapter: TypeAdapter[dict[str, Grid]] = TypeAdapter(dict[str, Grid])


def expand(raw: dict[str, Any]) -> dict[str, Any]:
    """The sections with every row written out in `experiments`, those of grids first, and without `grids`.

    raw: the sections as params.yaml has them; it is left as it is. Raises pydantic's ValidationError where a grid is
    malformed.
    """
    return {name: section for name, section in Expansion.of(raw).sections.items() if name != "grids"}


@dataclass
class Expansion:
    """sections: as params.yaml has them, but with every row in `experiments`.

    sources: of each row that a grid makes, the strongest first. problems: what is wrong with names in grids.
    """

    sections: dict[str, Any]
    sources: dict[str, list[Source]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def of(cls, raw: dict[str, Any]) -> "Expansion":
        """Raises pydantic's ValidationError where a grid is malformed."""
        entries, rows = raw.get("experiments") or {}, dict[str, Any]()
        found = cls({**raw, "experiments": rows})
        if not isinstance(entries, dict):
            return cls(raw)
        for name, grid in _adapter.validate_python(raw.get("grids") or {}).items():
            found.problems += _unknown_models(name, grid)
            for row, sources in _rows(name, grid):
                if row in rows:
                    what = f"row {row} is made by grid {found.sources[row][-1][0][1]} too; rename one of the two"
                    found.problems.append((sources[0][0], what))
                    continue
                own = entries.get(row, {})
                if row in entries:
                    sources = [(("experiments", row), own if isinstance(own, dict) else {}), *sources]
                found.sources[row] = sources
                rows[row] = _merged(values for _, values in sources) if isinstance(own, dict) else own
        made = set(rows)
        for key, entry in entries.items():
            if key in made:
                continue
            if made and isinstance(entry, dict) and not {"data", "model", "recipe"} & set(entry):
                what = f"{unknown('row of a grid', str(key), made)}; a row of its own needs data, model and recipe"
                found.problems.append((("experiments", key), what))
            else:
                rows[key] = deepcopy({**DEFAULTS, **entry}) if isinstance(entry, dict) else entry
        return found

    def located(self, problems: Iterable[Problem]) -> Iterator[Problem]:
        """The same problems where they stand in params.yaml, which has no entry for most rows that a grid makes.

        A value that several rows share is told of once, with the first row for which it is wrong.
        """
        rows: dict[Problem, list[str]] = {}
        for where, what in problems:
            place, row = self._place(where)
            rows.setdefault((place, what), []).extend([row] if row else [])
        for (place, what), wrong in rows.items():
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            yield place, f"row {wrong[0]}{more}: {what}" if wrong else what

    def _place(self, where: Location) -> tuple[Location, str]:
        """(where in params.yaml, the row if that is in a grid)."""
        row = str(where[1]) if len(where) > 1 and where[0] == "experiments" else ""
        if row not in self.sources:
            return where, ""
        path = where[2:]
        place, _ = max(self.sources[row], key=lambda source: _depth(source[1], path))
        return (*place, *path), row if place[0] == "grids" else ""


def _rows(name: str, grid: Grid) -> Iterator[tuple[str, list[Source]]]:
    """Rows of a grid, by data set and then by model, and what each is made from, the strongest first."""
    models = {m: {"model": _model(m), **_values(given)} for m, given in grid.models.items()}
    for data, given in grid.data.items():
        for model in grid.models if given.models is None else [m for m in grid.models if m in given.models]:
            yield (
                f"{data}_{model}",
                [
                    (("grids", name, "models", model), models[model]),
                    (("grids", name, "data", data), {"data": data, **_values(given)}),
                    (("grids", name), _values(grid)),
                ],
            )


def _values(given: Shared) -> dict[str, Any]:
    """What is given of a row's values."""
    names = given.model_fields_set - ({"data", "models"} if isinstance(given, Grid) else {"models"})
    return {name: getattr(given, name) for name in type(given).model_fields if name in names}


def _model(name: str) -> str:
    """`models/lenet5` for lenet5, `classical/knn` for knn."""
    found = [folder for folder in FOLDERS if name in introspection.names(folder)]
    return f"{(found or FOLDERS)[0]}/{name}"


def _merged(sources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Of values from the strongest to the weakest: mappings are merged, of anything else the strongest counts."""
    row = {"data": "", "model": "", "recipe": "", **DEFAULTS}
    for values in reversed(list(sources)):
        for name, value in values.items():
            both = isinstance(value, dict) and isinstance(row.get(name), dict)
            row[name] = {**row[name], **value} if both else value
    return deepcopy(
        {name: value for name, value in row.items() if value != ""}
    )  # rows share nothing that an edit changes


def _unknown_models(name: str, grid: Grid) -> Iterator[Problem]:
    for data, given in grid.data.items():
        for index, model in enumerate(given.models or []):
            if model not in grid.models:
                place = ("grids", name, "data", data, "models", index)
                yield place, unknown("model of the grid", model, grid.models)


def _depth(values: Any, path: Location) -> int:
    """How many keys of the path, from its beginning, are there."""
    for depth, part in enumerate(path):
        if not isinstance(values, dict) or part not in values:
            return depth
        values = values[part]
    return len(path)

"""How a mistake in params.yaml is said: where it stands, what was given, and what is valid."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic import ValidationError

from pipeline import introspection
from pipeline.introspection import Strict

Location = tuple[str | int, ...]
Problem = tuple[Location, str]
KINDS = ("fit", "gradient")  # of recipes


def unknown(what: str, given: str, valid: Iterable[str]) -> str:
    """`unknown model 'lenet'; did you mean 'lenet5'? valid: ...`"""
    valid = sorted(valid)
    near = difflib.get_close_matches(given, valid, n=1, cutoff=0.5)
    near = near or [v for v in valid if given and (given in v or v in given)]
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return f"unknown {what} {given!r}{hint} valid: {', '.join(valid)}"


def explained(error: ValidationError, root: type[Strict], base: Location = ()) -> Iterator[Problem]:
    """What pydantic found in what stands at `base`, in the words of params.yaml, whose sections `root` has."""
    for problem in error.errors():
        where = base + problem["loc"]
        if where[0] == "recipes" and len(where) > 2 and where[2] in KINDS:
            where = where[:2] + where[3:]  # pydantic names the chosen branch of a union; params.yaml has no such key
        if problem["type"] == "union_tag_invalid":
            yield (*where, "kind"), unknown("kind", str(problem["input"]["kind"]), KINDS)
        elif problem["type"] == "union_tag_not_found":
            yield (*where, "kind"), f"Field required; valid: {', '.join(KINDS)}"
        elif problem["type"] == "extra_forbidden":
            yield where, unknown("key", str(where[-1]), _fields(root, where) - {str(where[-1])})
        else:
            shown = problem.get("input")
            given = "" if problem["type"] == "missing" or isinstance(shown, dict) else f" (given: {shown!r})"
            yield where, problem["msg"].removeprefix("Value error, ") + given


def option_problems(module: str, function: str, where: Location, given: Any) -> Iterator[Problem]:
    """What is wrong with the keyword arguments `given` for a function of a file that params.yaml names."""
    accepted = introspection.options(module, function)
    try:
        accepted.model_validate(given)
    except ValidationError as error:
        for location, what in explained(error, accepted, where):
            name = str(location[len(where)])
            known = name in accepted.model_fields or what.startswith("Field required")
            yield location, what if known else unknown(f"argument of {module}", name, accepted.model_fields)


def _fields(root: type[Strict], where: Location) -> set[str]:
    """Names that params.yaml may have at the level of `where`."""
    found = [root]
    for part in map(str, where[:-1]):
        inner = [s for f in found if part in f.model_fields for s in _sections(f.model_fields[part].annotation)]
        found = inner or found
    return {name for section in found for name in section.model_fields}


def _sections(annotation: Any) -> Iterator[type[Strict]]:
    """The strict sections that an annotation is made of, such as the values of a mapping by name."""
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)

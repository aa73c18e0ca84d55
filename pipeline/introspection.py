"""What a model file accepts, read without importing it.

A model's options are the keyword-only arguments of its `build` function (a reader's, of its `read`). Checking them must
not cost an import of torch (seconds) before a command that has nothing to do, so the annotations are read from the
source.
"""

import ast
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

PACKAGE = Path(__file__).parent
TYPES: dict[str, Any] = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "list": list,
    "Literal": Literal,
    "Annotated": Annotated,
    "Field": Field,
}


class Strict(BaseModel):
    """Base of every parameter section: unknown keys, silent conversions and infinite numbers are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def names(folder: str) -> list[str]:
    """Modules below `pipeline/<folder>`, each a thing that params.yaml can name.

    >>> "lenet5" in names("models")
    True
    """
    return list(_names(folder))


@lru_cache
def _names(folder: str) -> tuple[str, ...]:
    return tuple(sorted(p.stem for p in (PACKAGE / folder).glob("*.py") if not p.stem.startswith("_")))


def cards(of: str = "data") -> list[str]:
    """Names of the cards that ship, of data or of models' weights."""
    return sorted(p.stem for p in (PACKAGE / of / "cards").glob("*.yaml"))


@lru_cache
def card(path: str) -> dict[str, Any]:
    """What a card says, at a path below the project's folder."""
    from ruamel.yaml import YAML  # not where a registered model is served, which reads no cards

    found: dict[str, Any] = YAML(typ="safe").load((PACKAGE.parent / path).read_text(encoding="utf-8"))
    return found


@lru_cache
def _tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))


def constant(module: str, name: str, default: Any = ...) -> Any:
    """The literal that `module` (such as `models/lenet5`) assigns to `name` at its top level, alone or among others.

    ValueError where it does not and there is no `default`.
    """
    assignments = (node for node in _tree(module).body if isinstance(node, ast.Assign))
    for node in assignments:
        for target in node.targets:
            names, values = [target], [node.value]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                names, values = target.elts, node.value.elts
            for place, value in zip(names, values, strict=True):
                if isinstance(place, ast.Name) and place.id == name:
                    return ast.literal_eval(value)
    if default is not ...:
        return default
    raise ValueError(f"pipeline/{module}.py does not define {name}")


def refused(
    model: str,
    args: Mapping[str, Any],
    recipe: Mapping[str, Any],
    target: str,
    refit: bool,
    function: str = "build",
) -> str | None:
    """Why `model` can't be trained with these values, None where it can: the one reader of a file's `REQUIRES`.

    That is a tuple of (what has to be, why) or (what has to be, why, where): `({"target": ("class",)}, "there is no
    hard margin of numbers", {"margin": "hard"})`. Names are of arguments, of recipe fields, `target` (class or number)
    and `refit`; in `where`, True stands for anything but empty. function: whose arguments these are, of a method of
    compression its `apply`.
    """
    defaults = {name: field.default for name, field in options(model, function).model_fields.items()}
    values = {**defaults, **args, **recipe, "target": target, "refit": refit}
    for needed, why, *conditions in constant(model, "REQUIRES", ()):
        where = conditions[0] if conditions else {}
        if all(bool(values[k]) if wanted is True else values[k] == wanted for k, wanted in where.items()):
            for name, valid in needed.items():
                if values[name] not in valid:
                    given = "".join(f" with {k} {values[k]!r}" for k in where)
                    shown = ", ".join(repr(v) for v in valid)
                    return f"{model}{given}: {name} is {values[name]!r}, but {why}; valid: {shown}"
    return None


@lru_cache
def options(module: str, function: str) -> type[Strict]:
    """A strict pydantic model of the keyword-only arguments of `function` in `module`.

    Raises ValueError where the file lacks that function, or an annotation is not made of the names in `TYPES`.
    """
    found = next((n for n in _tree(module).body if isinstance(n, ast.FunctionDef) and n.name == function), None)
    if found is None:
        raise ValueError(f"pipeline/{module}.py has no function `{function}`")
    fields: dict[str, Any] = {}
    for argument, default in zip(found.args.kwonlyargs, found.args.kw_defaults, strict=True):
        if argument.annotation is None:
            raise ValueError(f"pipeline/{module}.py: {function}'s argument {argument.arg} has no annotation")
        kind = _evaluated(ast.unparse(argument.annotation), f"pipeline/{module}.py: {function}'s {argument.arg}")
        if default is None:
            fields[argument.arg] = (kind, ...)
        else:
            fields[argument.arg] = (kind, Field(default=ast.literal_eval(default)))
    return create_model(module, __base__=Strict, **fields)


def _evaluated(annotation: str, what: str) -> Any:
    try:
        return eval(annotation, {"__builtins__": {}}, TYPES)
    except (NameError, TypeError) as error:
        raise ValueError(f"{what} is annotated {annotation}; it may be made of {', '.join(TYPES)}") from error

"""The best trial as a recipe and a row of params.yaml beside the default: lines are added, none is touched."""

import json
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode

from pipeline.config import loading
from pipeline.config.loading import ParamsError
from pipeline.config.sections import Experiment, Params
from pipeline.search.subject import Values
from pipeline.training.recipe import resolve

PLAIN = re.compile(r"[a-z_][a-z0-9_/]*")  # strings that need no quotes
RESERVED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def promote(path: Path, key: str, values: Values, remark: str) -> list[str]:
    """Add recipe and experiment `<key>_tuned` right after what they derive from; returns the added lines.

    The experiment of a row that a grid makes, without an entry of its own, is added at the end of the section.

    values: by axis (`set.lr`, `args.hidden`). remark: the comment above the recipe. Nothing is added where both are
    there already. The new file is checked as a whole, then replaces the old at once. ParamsError where an entry of
    that name has other values, or the file is written so that a line can't be added.
    """
    known, name = loading.load(path), f"{key}_tuned"
    recipe, experiment = _wanted(known, key, values, YAML(typ="safe").load(path)["recipes"])
    if name in known.experiments and known.experiments[name] != Experiment(**experiment):
        raise _taken("experiments", name)
    if name in known.recipes and known.recipes[name] != resolve(known.recipes[name], recipe):
        raise _taken("recipes", name)
    path = path.resolve()  # a link stays a link
    with path.open(encoding="utf-8", newline="") as file:
        before = text = file.read()
    added: list[str] = []
    if name not in known.recipes:
        entry = [f"# {remark}", f"{name}:", *(f"  {field}: {_yaml(value)}" for field, value in recipe.items())]
        text = _insert(text, "recipes", known.experiments[key].recipe, entry, added)
    if name not in known.experiments:
        text = _insert(text, "experiments", key, [f"{name}: {_yaml(experiment)}"], added)
    if text != before:
        _check(before, text, name, recipe, experiment)
        _replace(path, text)
    return added


def _wanted(known: Params, key: str, values: Values, written: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(recipe, experiment): the row's own overrides and the searched ones become part of the recipe.

    written: recipes as the file has them, for the order of their fields.
    """
    row = known.experiments[key]
    changes = row.set | {n.removeprefix("set."): v for n, v in values.items() if n.startswith("set.")}
    resolved = resolve(known.recipes[row.recipe], changes).model_dump()
    recipe = {field: resolved[field] for field in [*written[row.recipe], *changes]}
    arguments = row.args | {n.removeprefix("args."): v for n, v in values.items() if n.startswith("args.")}
    kept = row.model_dump(exclude_none=True, exclude={n for n in ("on_request", "seeds") if not getattr(row, n)})
    return recipe, {**kept, "recipe": f"{key}_tuned", "args": arguments, "set": {}}


def _taken(section: str, name: str) -> ParamsError:
    return ParamsError(
        f"params.yaml: {section}.{name} is there already with other values; remove {name} from recipes "
        f"and from experiments, or rename it, then promote again"
    )


def _insert(text: str, section: str, after: str, entry: list[str], added: list[str]) -> str:
    """The text with the lines of `entry` below the entry `after` of `section` or, without one, below its last."""
    top = YAML().compose(text)
    pairs = _pairs(next((v for k, v in _pairs(top, "") if k.value == section), None), section)
    at = next((i for i, (k, _) in enumerate(pairs) if k.value == after), -1)
    lines = text.splitlines(keepends=True)
    first = pairs[at][0].start_mark
    starts = [k.start_mark.line for k, _ in [*pairs, *_pairs(top, "")]]
    end = min([line for line in starts if line > first.line], default=len(lines))
    while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
        end -= 1  # blank lines and comments belong to what follows
    newline = "\r\n" if lines[0].endswith("\r\n") else "\n"
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += newline
    indented = [" " * first.column + line for line in entry]
    added += indented
    return "".join([*lines[:end], *(line + newline for line in indented), *lines[end:]])


def _pairs(node: Any, section: str) -> list[tuple[Any, Any]]:
    if not isinstance(node, MappingNode) or node.flow_style or not node.value:
        raise ParamsError(
            f"params.yaml: {section or 'the file'} is not written as a block of entries, one below the other; "
            "write it so and promote again"
        )
    return node.value


def _check(before: str, after: str, name: str, recipe: dict[str, Any], experiment: dict[str, Any]) -> None:
    """ParamsError unless the new text is valid, and the old one but for the two entries."""
    old, new = (YAML(typ="safe").load(text) for text in (before, after))
    loading.parse(new, after)
    old["recipes"].setdefault(name, recipe)
    old["experiments"].setdefault(name, experiment)
    if old != new:
        raise ParamsError(
            f"params.yaml: adding {name} would have changed other entries; nothing was written. "
            f"Add by hand: recipe {_yaml(recipe)}, experiment {_yaml(experiment)}"
        )


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
    draft.chmod(path.stat().st_mode)
    draft.replace(path)


def _yaml(value: Any) -> str:
    """A JSON value in YAML's flow style, read the same by versions 1.1 and 1.2.

    >>> _yaml({"lr": 1e-05, "hidden": [16], "name": "relu", "clip": None})
    '{lr: 1.0e-05, hidden: [16], name: relu, clip: null}'
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_yaml(k)}: {_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, str) and (not PLAIN.fullmatch(value) or value in RESERVED):
        return json.dumps(value)
    if isinstance(value, float):
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
    return value if isinstance(value, str) else json.dumps(value)

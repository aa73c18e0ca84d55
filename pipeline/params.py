"""The only reader of params.yaml: strict sections, and errors that name key, line and the nearest valid name.

Importing this must stay cheap: every stage and every command with nothing to do pays for it.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field, PrivateAttr, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import SequenceNode

from pipeline import signature, views
from pipeline.data.section import Data
from pipeline.paths import PARAMS, ROOT
from pipeline.search.space import Space
from pipeline.signature import Strict
from pipeline.training.recipe import Fit, Gradient, Recipe, resolve

Location = tuple[str | int, ...]
KINDS = ("fit", "gradient")  # of recipes


class ParamsError(ValueError):
    """params.yaml can't be run; the message lists every problem."""


class Profile(Strict):
    """One scale of work. cell_minutes: on a machine without a GPU, a cell estimated longer is not run but reported."""

    seeds: Annotated[list[int], Field(min_length=1)]
    threads: Annotated[int, Field(ge=1)]
    precision: str = Field(pattern="^(32-true|bf16-mixed|16-mixed)$")
    cell_minutes: Annotated[float, Field(gt=0)]

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: list[int]) -> list[int]:
        if twice := sorted({s for s in seeds if seeds.count(s) > 1}):
            raise ValueError(f"seed {twice[0]} stands there twice; a second run of it would count as evidence")
        return seeds


class Experiment(Strict):
    """One row of the table; every key is given, because dvc.yaml reads it.

    args: the model's keyword arguments. set: recipe fields that this row changes. only: profiles that the row is in,
    all if it is left out; a network of a paper's full size is no row of a profile for minutes on two cores.
    """

    data: str
    model: str
    recipe: str
    view: str
    args: dict[str, Any]
    set: dict[str, Any]
    only: Annotated[list[str], Field(min_length=1)] | None = None

    @property
    def short(self) -> str:
        """The model's name without its folder."""
        return self.model.rpartition("/")[2]


class Variant(Strict):
    """A compressed form of every seed of an experiment. steps: `method` and that method's keyword arguments."""

    of: str
    steps: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=1)]


class Params(Strict):
    """The whole of params.yaml."""

    profile: str
    profiles: dict[str, Profile]
    data: dict[str, Data]
    recipes: dict[str, Recipe]
    experiments: dict[str, Experiment]
    variants: dict[str, Variant] = {}
    evaluators: Annotated[list[str], Field(min_length=1)]
    search: dict[str, Space] = {}
    _elsewhere: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def elsewhere(self) -> dict[str, str]:
        """Rows and variants of other profiles only, each with the experiment that it belongs to."""
        return self._elsewhere

    @property
    def active(self) -> Profile:
        return self.profiles[self.profile]

    def recipe_of(self, key: str) -> Gradient | Fit:
        """The recipe of an experiment with its overrides."""
        experiment = self.experiments[key]
        return resolve(self.recipes[experiment.recipe], experiment.set)

    def asked(self, key: str, profile: str) -> dict[str, Any]:
        """What an experiment or a variant is, resolved, in JSON values: results of anything else are not its results.

        Seeds are left out, since they are rows of their own.
        """
        variant = self.variants.get(key)
        owner = variant.of if variant else key
        experiment = self.experiments[owner]
        data = self.data[experiment.data]
        return {
            **experiment.model_dump(exclude={"set", "only"}),
            "recipe_resolved": self.recipe_of(owner).model_dump(),
            "budget": data.budget[profile].model_dump(),
            "source": data.model_dump(exclude={"budget"}),
            "threads": self.profiles[profile].threads,
            "precision": self.profiles[profile].precision,
            "steps": variant.steps if variant else None,
        }


def load(path: Path | None = None, profile: str | None = None) -> Params:
    """Read and check, for the active profile or another: rows of other profiles only are not in it.

    ParamsError lists all problems, each with its line.
    """
    path = path or PARAMS
    try:
        text = path.read_text(encoding="utf-8")
        raw = YAML(typ="safe").load(text)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ParamsError(f"{path.name}: {error}") from error
    if not isinstance(raw, dict):
        raise ParamsError(f"{path.name}: expected a mapping of sections, found {type(raw).__name__}")
    return parse(raw | ({"profile": profile} if profile else {}), text, path.name)


def parse(raw: dict[str, Any], text: str = "", name: str = "params.yaml") -> Params:
    """Check a mapping; `text` is where line numbers are looked up."""
    try:
        params = Params.model_validate(raw)
        problems: list[tuple[Location, str]] = list(_contradictions(params))
    except ValidationError as error:
        problems = list(_explained(error))
    if problems:
        lines = [f"{name}:{_line(text, where)}: {'.'.join(map(str, where))}: {what}" for where, what in problems]
        raise ParamsError("\n".join(lines))
    return _of_its_profile(params)


def _of_its_profile(params: Params) -> Params:
    rows = {k: e for k, e in params.experiments.items() if e.only is None or params.profile in e.only}
    variants = {k: v for k, v in params.variants.items() if v.of in rows}
    search = {k: s for k, s in params.search.items() if k in rows}
    found = params.model_copy(update={"experiments": rows, "variants": variants, "search": search})
    found._elsewhere = {k: k for k in params.experiments} | {k: v.of for k, v in params.variants.items()}
    for key in (*rows, *variants):
        del found._elsewhere[key]
    return found


def no_row(params: Params, key: str) -> str:
    """What to say where nothing that the active profile has is called `key`."""
    if key in params.elsewhere:
        return (
            f"{key} is no row of profile {params.profile} (see its `only`); name its own profile in params.yaml first"
        )
    return unknown("experiment", key, [*params.experiments, *params.variants])


def unknown(what: str, given: str, valid: Iterable[str]) -> str:
    """`unknown model 'lenet'; did you mean 'lenet5'? valid: ...`"""
    valid = sorted(valid)
    near = difflib.get_close_matches(given, valid, n=1, cutoff=0.5)
    near = near or [v for v in valid if given and (given in v or v in given)]
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return f"unknown {what} {given!r}{hint} valid: {', '.join(valid)}"


def _explained(error: ValidationError, base: Location = ()) -> Iterator[tuple[Location, str]]:
    for problem in error.errors():
        where = base + problem["loc"]
        if where[0] == "recipes" and len(where) > 2 and where[2] in KINDS:
            where = where[:2] + where[3:]  # pydantic names the chosen branch of a union; params.yaml has no such key
        if problem["type"] == "union_tag_invalid":
            yield (*where, "kind"), unknown("kind", str(problem["input"]["kind"]), KINDS)
        elif problem["type"] == "union_tag_not_found":
            yield (*where, "kind"), f"Field required; valid: {', '.join(KINDS)}"
        elif problem["type"] == "extra_forbidden":
            yield where, unknown("key", str(where[-1]), _fields(where) - {str(where[-1])})
        else:
            shown = problem.get("input")
            given = "" if problem["type"] == "missing" or isinstance(shown, dict) else f" (given: {shown!r})"
            yield where, problem["msg"].removeprefix("Value error, ") + given


def _fields(where: Location) -> set[str]:
    """Names that params.yaml may have at the level of `where`."""
    sections: dict[str, list[type[Strict]]] = {
        "profiles": [Profile],
        "data": [Data],
        "recipes": [Gradient, Fit],
        "experiments": [Experiment],
        "variants": [Variant],
        "search": [Space],
    }
    models: list[Any] = [Params] if len(where) == 1 else sections.get(str(where[0]), [Params])
    for part in where[2:-1]:
        inner = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        inner += [a for kind in inner for a in get_args(kind)]  # the values of a mapping by name
        models = [a for a in inner if isinstance(a, type) and issubclass(a, Strict)] or models
    return {name for model in models for name in model.model_fields}


def _contradictions(params: Params) -> Iterator[tuple[Location, str]]:
    """What is well formed but can't be run."""
    if params.profile not in params.profiles:
        yield ("profile",), unknown("profile", params.profile, params.profiles)
    for section in ("profiles", "data", "recipes", "experiments", "variants"):
        for key in getattr(params, section):
            if not re.fullmatch("[a-z0-9_]+", key):
                yield (section, key), f"name {key!r} must be made of a-z, 0-9 and _ (DVC reads a dot as nesting)"
    for key in sorted(set(params.experiments) & set(params.variants)):
        yield ("variants", key), "an experiment has this name already"
    for index, evaluator in enumerate(params.evaluators):
        if evaluator not in signature.names("evaluate/evaluators"):
            yield ("evaluators", index), unknown("evaluator", evaluator, signature.names("evaluate/evaluators"))
    for key, data in params.data.items():
        yield from _data_problems(params, ("data", key), data)
    for key, experiment in params.experiments.items():
        yield from _experiment_problems(params, ("experiments", key), experiment)
    for key, variant in params.variants.items():
        yield from _variant_problems(params, ("variants", key), variant)
    for key, space in params.search.items():
        yield from _search_problems(params, ("search", key), space)


def _data_problems(params: Params, where: Location, data: Data) -> Iterator[tuple[Location, str]]:
    for profile in sorted(set(params.profiles) ^ set(data.budget)):
        if profile in params.profiles:
            yield (*where, "budget"), f"no budget for profile {profile!r}"
        else:
            yield (*where, "budget", profile), unknown("profile", profile, params.profiles)
    if data.is_card and not (ROOT / data.source).is_file():
        cards = [f"pipeline/data/cards/{name}.yaml" for name in signature.cards()]
        yield (*where, "source"), unknown("card", data.source, cards)
    if data.task not in signature.names("tasks"):
        yield (*where, "task"), unknown("task", data.task, signature.names("tasks"))
    if data.reader not in signature.names("data/readers"):
        yield (*where, "reader"), unknown("reader", data.reader, signature.names("data/readers"))
    else:
        yield from _option_problems(f"data/readers/{data.reader}", "read", (*where, "options"), data.options)


def _experiment_problems(params: Params, where: Location, experiment: Experiment) -> Iterator[tuple[Location, str]]:
    folder, _, name = experiment.model.rpartition("/")
    models = _models()
    for index, profile in enumerate(experiment.only or []):
        if profile not in params.profiles:
            yield (*where, "only", index), unknown("profile", profile, params.profiles)
    if experiment.data not in params.data:
        yield (*where, "data"), unknown("data set", experiment.data, params.data)
    if experiment.recipe not in params.recipes:
        yield (*where, "recipe"), unknown("recipe", experiment.recipe, params.recipes)
    if experiment.view not in views.VIEWS:
        yield (*where, "view"), unknown("view", experiment.view, views.VIEWS)
    if experiment.model not in models:
        yield (*where, "model"), unknown("model", experiment.model, models)
        return
    yield from _option_problems(experiment.model, "build", (*where, "args"), experiment.args)
    known = experiment.data in params.data and params.data[experiment.data].task in signature.names("tasks")
    target = signature.constant(f"tasks/{params.data[experiment.data].task}", "TARGET") if known else "class"
    if experiment.recipe in params.recipes:
        recipe = params.recipes[experiment.recipe]
        needed = "gradient" if folder == "models" else "fit"
        if recipe.kind != needed:
            fits = [r for r, v in params.recipes.items() if v.kind == needed]
            yield (
                (*where, "recipe"),
                (
                    f"recipe {experiment.recipe!r} is of kind {recipe.kind}, but {experiment.model} "
                    f"needs kind {needed}; valid: {', '.join(fits) or 'none yet'}"
                ),
            )
        elif experiment.set.get("kind", needed) != needed:
            yield (
                (*where, "set", "kind"),
                f"an experiment can't change its recipe's kind ({needed}); name another recipe",
            )
        else:
            try:
                yield from _recipe_problems(where, resolve(recipe, experiment.set), target, experiment.data)
            except ValidationError as error:
                for location, what in _explained(error, ("recipes", experiment.recipe)):
                    yield (*where, "set", *location[2:]), what
    if experiment.data in params.data and params.data[experiment.data].reader in signature.names("data/readers"):
        yield from _input_problems(params, where, experiment)


def _recipe_problems(where: Location, recipe: Gradient | Fit, target: str, data: str) -> Iterator[tuple[Location, str]]:
    if target == "number" and recipe.sampling != "none":
        yield where, f"sampling {recipe.sampling!r} is for classes, but {data} has numbers; set it to none"
    if isinstance(recipe, Fit):
        return
    if target == "number" and recipe.label_smoothing:
        yield where, f"label_smoothing {recipe.label_smoothing} is for classes, but {data} has numbers; set it to 0.0"
    if recipe.last_layer == "bayesian" and recipe.weight_decay:
        yield where, f"last_layer bayesian has a prior instead of weight_decay {recipe.weight_decay}; set that to 0.0"


def _models() -> list[str]:
    return [f"{folder}/{name}" for folder in ("models", "classical") for name in signature.names(folder)]


def _input_problems(params: Params, where: Location, experiment: Experiment) -> Iterator[tuple[Location, str]]:
    given, takes = params.data[experiment.data].kind, signature.constant(experiment.model, "INPUTS")
    try:
        seen = views.kind(experiment.view, given) if experiment.view in views.VIEWS else takes[0]
    except ValueError as error:
        yield (*where, "view"), str(error)
        return
    if seen not in takes:
        fits = [v for (v, k), out in views.KINDS.items() if k == given and out in takes]
        advice = f"give it view {fits[0]!r}" if fits else f"models that fit: {', '.join(_fitting(given))}"
        yield (
            (*where, "model"),
            (
                f"{experiment.short} takes {' or '.join(takes)} input, but data set {experiment.data} "
                f"with view {experiment.view!r} gives {seen}; {advice}"
            ),
        )


def _fitting(kind: str) -> list[str]:
    """Models that can take data of `kind` in some view."""
    seen = {out for (_, given), out in views.KINDS.items() if given == kind}
    return [model for model in _models() if seen & set(signature.constant(model, "INPUTS"))]


def _variant_problems(params: Params, where: Location, variant: Variant) -> Iterator[tuple[Location, str]]:
    if variant.of not in params.experiments:
        yield (*where, "of"), unknown("experiment", variant.of, params.experiments)
    for index, step in enumerate(variant.steps):
        method, options = step.get("method"), {k: v for k, v in step.items() if k != "method"}
        spot = (*where, "steps", index)
        if method not in signature.names("compress/methods"):
            yield (*spot, "method"), unknown("method", str(method), signature.names("compress/methods"))
            continue
        yield from _option_problems(f"compress/methods/{method}", "apply", spot, options)
        takes = signature.constant(f"compress/methods/{method}", "TAKES")
        model = params.experiments[variant.of].model if variant.of in params.experiments else takes
        if not model.startswith(takes):
            yield (*where, "of"), f"{method} compresses {takes}/*, but {variant.of} is {model}"


def _search_problems(params: Params, where: Location, space: Space) -> Iterator[tuple[Location, str]]:
    if where[1] not in params.experiments:
        yield where, unknown("experiment", str(where[1]), params.experiments)
        return
    experiment = params.experiments[str(where[1])]
    if (
        experiment.data not in params.data
        or experiment.recipe not in params.recipes
        or experiment.model not in _models()
    ):
        return  # said where the experiment is
    recipe_fields = type(params.recipes[experiment.recipe]).model_fields
    for axis in set(space.set) - set(recipe_fields):
        yield (*where, "set", axis), unknown("recipe field", axis, recipe_fields)
    arguments = signature.options(experiment.model, "build").model_fields
    for axis in set(space.args) - set(arguments):
        yield (*where, "args", axis), unknown("model argument", axis, arguments)
    if params.data[experiment.data].split.refit:
        yield (
            where,
            f"data set {experiment.data} keeps its validation items in train (refit): nothing can be chosen on them",
        )
    if not space.set and not space.args:
        yield where, "nothing to search: give axes under set or args"


def _option_problems(module: str, function: str, where: Location, given: Any) -> Iterator[tuple[Location, str]]:
    accepted = signature.options(module, function)
    try:
        accepted.model_validate(given)
    except ValidationError as error:
        for location, what in _explained(error, where):
            name = str(location[len(where)])
            known = name in accepted.model_fields or what.startswith("Field required")
            yield location, what if known else unknown(f"argument of {module}", name, accepted.model_fields)


def _line(text: str, where: Location) -> int:
    """Line of a key in YAML text, or of the nearest key above it that is there."""
    node = YAML().compose(text) if text else None
    line = 1
    for part in where:
        if node is None or isinstance(node.value, str):
            break
        if isinstance(node, SequenceNode):
            found = node.value[part : part + 1] if isinstance(part, int) else []
            node = found[0] if found else None
            line = node.start_mark.line + 1 if node else line
        else:
            pairs = [(k, v) for k, v in node.value if getattr(k, "value", None) == str(part)]
            if not pairs:
                break
            line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
    return line

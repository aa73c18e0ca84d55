"""Why a row can't be run: names that do not exist, and data, model, recipe and view that don't fit together."""

from collections.abc import Iterator

from pydantic import ValidationError

from pipeline import introspection
from pipeline.config.messages import Location, Problem, explained, option_problems, unknown
from pipeline.config.recipes import augment_problems, recipe_problems
from pipeline.config.sections import STUDIES, Experiment, Params
from pipeline.config.starts import start_problems
from pipeline.config.tokens import position_problems, use_problems
from pipeline.data import views
from pipeline.training.recipe import Fit, Gradient, resolve


def experiment_problems(params: Params, where: Location, experiment: Experiment) -> Iterator[Problem]:
    """Of a row, of a point of a study or of a pretraining, which stands at `where`."""
    known = models()
    for index, profile in enumerate(experiment.only or []):
        if profile not in params.profiles and experiment.only != [STUDIES]:
            yield (*where, "only", index), unknown("profile", profile, [*params.profiles, STUDIES])
    for profile in experiment.seeds:
        if profile not in params.profiles:
            yield (*where, "seeds", profile), unknown("profile", profile, params.profiles)
    for name, given, valid in (
        ("data", experiment.data, params.data),
        ("recipe", experiment.recipe, params.recipes),
        ("view", experiment.view, views.VIEWS),
        ("model", experiment.model, known),
    ):
        if given not in valid:
            yield (*where, name), unknown("data set" if name == "data" else name, given, valid)
    if experiment.model not in known:
        return
    yield from option_problems(experiment.model, "build", (*where, "args"), experiment.args)
    if experiment.recipe in params.recipes:
        yield from _training_problems(params, where, experiment)
    if experiment.data in params.data and params.data[experiment.data].reader in introspection.names("data/readers"):
        yield from _input_problems(params, where, experiment)
        yield from use_problems(params, where, experiment.tokens, experiment.data, False)
        yield from position_problems(params, where, experiment)


def models() -> list[str]:
    """What `model` may be: files of networks and of classical models."""
    return [f"{folder}/{name}" for folder in ("models", "classical") for name in introspection.names(folder)]


def _training_problems(params: Params, where: Location, experiment: Experiment) -> Iterator[Problem]:
    """Of the row's recipe, where model and recipe are there."""
    recipe = params.recipes[experiment.recipe]
    needed = "gradient" if experiment.model.startswith("models/") else "fit"
    if recipe.kind != needed:
        fits = ", ".join(name for name, other in params.recipes.items() if other.kind == needed) or "none yet"
        what = f"is of kind {recipe.kind}, but {experiment.model} needs kind {needed}; valid: {fits}"
        yield (*where, "recipe"), f"recipe {experiment.recipe!r} {what}"
        return
    if experiment.set.get("kind", needed) != needed:
        what = f"an experiment can't change its recipe's kind ({needed}); name another recipe"
        yield (*where, "set", "kind"), what
        return
    try:
        resolved = resolve(recipe, experiment.set)
    except ValidationError as error:
        for location, what in explained(error, type(recipe)):
            yield (*where, "set", *location[1:]), what  # pydantic names the kind of the recipe first
        return
    yield from augment_problems((*where, "set", "augment"), experiment.set.get("augment", []))
    data = params.data.get(experiment.data)
    if data and data.task in introspection.names("tasks"):
        target = introspection.constant(f"tasks/{data.task}", "TARGET")
        yield from recipe_problems(where, resolved, target, experiment.data, data)
        if why := _refused(experiment, resolved, target, data.split.refit):
            yield where, why
    if experiment.start:
        yield from start_problems(params, (*where, "start"), experiment, experiment.start, resolved)


def _refused(experiment: Experiment, recipe: Gradient | Fit, target: str, refit: bool) -> str | None:
    try:
        introspection.options(experiment.model, "build").model_validate(experiment.args)
    except ValidationError:
        return None  # said where the arguments are
    return introspection.refused(experiment.model, experiment.args, recipe.model_dump(), target, refit)


def _input_problems(params: Params, where: Location, experiment: Experiment) -> Iterator[Problem]:
    given, takes = params.data[experiment.data].kind, introspection.constant(experiment.model, "INPUTS")
    try:
        seen = views.kind(experiment.view, given) if experiment.view in views.VIEWS else takes[0]
    except ValueError as error:
        yield (*where, "view"), str(error)
        return
    task = params.data[experiment.data].task
    target = introspection.constant(f"tasks/{task}", "TARGET") if task in introspection.names("tasks") else ""
    if target in ("tags", "sentence") and seen != "tokens":
        yield (
            (*where, "view"),
            f"task {task} is about words in their order, but {experiment.data} with view {experiment.view!r} has none",
        )
    elif target == "sentence" and not _writes(experiment.model):
        what = f"task {task} needs a model that writes sentences, which {experiment.short} does not"
        yield (*where, "model"), f"{what}; models that do: {', '.join(filter(_writes, models()))}"
    elif seen not in takes:
        fits = [v for (v, k), out in views.KINDS.items() if k == given and out in takes]
        advice = f"give it view {fits[0]!r}" if fits else f"models that fit: {', '.join(_fitting(given))}"
        reader = f"data/readers/{params.data[experiment.data].reader}"
        if given == "tabular" and "shape" in introspection.options(reader, "read").model_fields:
            advice += f"; if {experiment.data} holds images or series, say so with option `shape` of its reader"
        yield (
            (*where, "model"),
            (
                f"{experiment.short} takes {' or '.join(takes)} input, but data set {experiment.data} "
                f"with view {experiment.view!r} gives {seen}; {advice}"
            ),
        )


def _writes(model: str) -> bool:
    """Whether a model answers with sentences: it then takes no other targets."""
    return any("sentence" in needed.get("target", ()) for needed, *_ in introspection.constant(model, "REQUIRES", ()))


def _fitting(kind: str) -> list[str]:
    """Models that can take data of `kind` in some view."""
    seen = {out for (_, given), out in views.KINDS.items() if given == kind}
    return [model for model in models() if seen & set(introspection.constant(model, "INPUTS"))]

"""Why params.yaml can't be run, found before anything runs: names that do not exist, values that don't fit together."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pipeline import signature, views
from pipeline.data.section import Data
from pipeline.paths import ROOT
from pipeline.problems import Location, Problem, explained, unknown
from pipeline.search.space import Space
from pipeline.starts import recipe_of, start_problems
from pipeline.training.recipe import Fit, Gradient, resolve

if TYPE_CHECKING:
    from pipeline.params import Experiment, Params, Pretraining, Study, Variant


# Fields of recipes that a pretraining has no use for: its loss is its method's, its network's start is its own.
SUPERVISED = ["loss", "label_smoothing", "sampling", "initialisation", "last_layer", "mixup", "cutmix"]
SUPERVISED += ["best_weights", "swa", "micro_batch"]


def contradictions(params: "Params") -> Iterator[Problem]:
    """What is well formed but can't be run."""
    if params.profile not in params.profiles:
        yield ("profile",), unknown("profile", params.profile, params.profiles)
    for section in ("profiles", "data", "recipes", "experiments", "variants", "pretraining", "studies"):
        for key in getattr(params, section):
            if not re.fullmatch("[a-z0-9_]+", key):
                yield (section, key), f"name {key!r} must be made of a-z, 0-9 and _ (DVC reads a dot as nesting)"
    for section in ("variants", "pretraining"):
        for key in sorted(set(params.experiments) & set(getattr(params, section))):
            yield (section, key), "an experiment has this name already"
    for index, evaluator in enumerate(params.evaluators):
        if evaluator not in signature.names("evaluate/evaluators"):
            yield ("evaluators", index), unknown("evaluator", evaluator, signature.names("evaluate/evaluators"))
    for key, data in params.data.items():
        yield from _data_problems(params, ("data", key), data)
    for key, recipe in params.recipes.items():
        yield from _augment_problems(("recipes", key, "augment"), getattr(recipe, "augment", []))
    for key, experiment in params.experiments.items():
        yield from _experiment_problems(params, ("experiments", key), experiment)
        if experiment.start and not (experiment.start.is_card or experiment.start.is_version):
            yield (
                ("experiments", key, "start", "weights"),
                "a row may start from a card or a registered version, which stay what they are; what starts from "
                "another row or from a pretraining is a point of a study",
            )
    for key, variant in params.variants.items():
        yield from _variant_problems(params, ("variants", key), variant)
    for key, space in params.search.items():
        yield from _search_problems(params, ("search", key), space)
    for key, entry in params.pretraining.items():
        yield from _pretraining_problems(params, ("pretraining", key), entry)
    for key, study in params.studies.items():
        if study.of not in params.experiments:
            yield ("studies", key, "of"), unknown("experiment", study.of, params.experiments)
        yield from _study_problems(params, ("studies", key), study)


def _study_problems(params: "Params", where: Location, study: "Study") -> Iterator[Problem]:
    first: dict[str, int] = {}
    said: set[Problem] = set()
    points = list(params.varied(str(where[1])).experiments.values())
    for number, name in enumerate(study.names):
        spot = (*where, "vary", number)
        if (key := f"{where[1]}_{number + 1}") in {**params.experiments, **params.variants, **params.pretraining}:
            yield spot, f"the point is {key} in cells, and so is an entry of that name; rename one of the two"
        if first.setdefault(name, number) != number:
            yield spot, f"point {first[name]} is {name!r} too; give it a label of its own"
        if number >= len(points):
            continue  # its row is of another profile
        if study.kind in ("gradients", "ending") and points[number].model.startswith("classical/"):
            yield spot, f"{points[number].model} has no epochs and no gradients for kind {study.kind}"
        for location, what in _experiment_problems(params, spot, points[number]):
            own = location[len(spot) :]  # what the study asks of all its points is said once, and where it stands
            shared = (
                len(own) > 1 and own[0] in ("args", "set") and own[1] not in getattr(study.vary[number], str(own[0]))
            )
            problem = ((*where, *own) if shared else location, what)
            if problem not in said:
                yield problem
            said.add(problem)


def _data_problems(params: "Params", where: Location, data: Data) -> Iterator[Problem]:
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


def _experiment_problems(params: "Params", where: Location, experiment: "Experiment") -> Iterator[Problem]:
    folder, _, name = experiment.model.rpartition("/")
    models = _models()
    for index, profile in enumerate(experiment.only or []):
        if profile not in params.profiles and experiment.only != ["studies"]:
            yield (*where, "only", index), unknown("profile", profile, [*params.profiles, "studies"])
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
                resolved = resolve(recipe, experiment.set)
                yield from _recipe_problems(where, resolved, target, experiment.data)
                yield from _augment_problems((*where, "set", "augment"), experiment.set.get("augment", []))
                if isinstance(resolved, Gradient) and experiment.data in params.data:
                    yield from _kind_problems(where, resolved, experiment.data, params.data[experiment.data])
                    yield from _refit_problems(where, resolved, experiment.data, params.data[experiment.data])
                if known and (why := _refused(params, experiment, resolved, target)):
                    yield where, why
                if experiment.start:
                    yield from start_problems(params, (*where, "start"), experiment, experiment.start, resolved)
            except ValidationError as error:
                for location, what in explained(error, type(params), ("recipes", experiment.recipe)):
                    yield (*where, "set", *location[2:]), what
    if experiment.data in params.data and params.data[experiment.data].reader in signature.names("data/readers"):
        yield from _input_problems(params, where, experiment)


def _recipe_problems(where: Location, recipe: Gradient | Fit, target: str, data: str) -> Iterator[Problem]:
    numbers = f"but {data} has numbers"
    if target == "number" and recipe.sampling != "none":
        yield where, f"sampling {recipe.sampling!r} is for classes, {numbers}; set it to none"
    if isinstance(recipe, Fit):
        return
    fitting = [k for k, targets in signature.constant("training/losses", "TARGETS").items() if target in targets]
    if recipe.loss not in ("default", *fitting):
        others = f"classes, {numbers}" if target == "number" else f"numbers, but {data} has classes"
        yield where, f"loss {recipe.loss!r} is for {others}; valid: default, {', '.join(fitting)}"
    if target == "number" and recipe.label_smoothing:
        yield where, f"label_smoothing {recipe.label_smoothing} is for classes, {numbers}; set it to 0.0"
    for name in ("mixup", "cutmix"):
        if target == "number" and getattr(recipe, name):
            yield where, f"{name} {getattr(recipe, name)} mixes labels of classes, {numbers}; set it to 0.0"
    if recipe.last_layer == "bayesian":
        yield from _bayesian_problems(where, recipe)


def _bayesian_problems(where: Location, recipe: Gradient) -> Iterator[Problem]:
    for name, off in {"weight_decay": "0.0", "l1": "0.0", "l2": "0.0", "max_norm": "null"}.items():
        if value := getattr(recipe, name):
            yield where, f"last_layer bayesian has a prior instead of {name} {value}; set that to {off}"
    if recipe.label_smoothing:
        smoothing = recipe.label_smoothing
        yield where, f"last_layer bayesian needs its task's likelihood, not label_smoothing {smoothing}; set it to 0.0"
    if recipe.loss != "default":
        yield where, f"last_layer bayesian needs its task's likelihood, not loss {recipe.loss!r}; set that to default"


def _refit_problems(where: Location, recipe: Gradient, name: str, data: Data) -> Iterator[Problem]:
    """What goes by validation items, where they were trained on."""
    if not data.split.refit:
        return
    choices = {
        f"patience {recipe.patience}": (recipe.patience, "null"),
        "best_weights true": (recipe.best_weights, "false"),
        "schedule plateau": (recipe.schedule == "plateau", "another"),
    }
    for what, (asked, off) in choices.items():
        if asked:
            yield (
                where,
                f"{what} goes by validation items, but {name} keeps them in train (refit): nothing can be chosen on "
                f"them; set it to {off}",
            )


def _augment_problems(where: Location, steps: list[dict[str, Any]]) -> Iterator[Problem]:
    for index, step in enumerate(steps):
        name, options = step.get("name"), {k: v for k, v in step.items() if k != "name"}
        if name not in (known := signature.names("data/augmentations")):
            yield (*where, index, "name"), unknown("augmentation", str(name), known)
        else:
            yield from _option_problems(f"data/augmentations/{name}", "build", (*where, index), options)


def _kind_problems(where: Location, recipe: Gradient, name: str, data: Data) -> Iterator[Problem]:
    """What the items of data set `name`, before any view, can't be augmented or mixed with."""
    if not (recipe.augment or recipe.cutmix) or data.reader not in signature.names("data/readers"):
        return  # an unknown reader is told of where the data is
    known = signature.names("data/augmentations")
    takes = {name: signature.constant(f"data/augmentations/{name}", "KINDS") for name in known}
    fits = [name for name in known if data.kind in takes[name]]
    for step in recipe.augment:
        augmentation = str(step.get("name"))
        if augmentation in known and augmentation not in fits:
            kinds, advice = " and ".join(takes[augmentation]), ", ".join(fits) or "none"
            yield (
                where,
                f"augmentation {augmentation!r} is for {kinds} data, but {name} is {data.kind}; valid: {advice}",
            )
    if recipe.cutmix and data.kind != "image":
        yield where, f"cutmix {recipe.cutmix} is for image data, but {name} is {data.kind}; use mixup, or set it to 0.0"


def _pretraining_problems(params: "Params", where: Location, entry: "Pretraining") -> Iterator[Problem]:
    yield from _experiment_problems(params, where, entry)
    if entry.start:
        yield (*where, "start"), "a pretraining starts from chance; leave it out"
    methods = signature.names("pretraining/methods")
    if entry.method not in methods:
        yield (*where, "method"), unknown("method", entry.method, methods)
        return
    module = f"pretraining/methods/{entry.method}"
    yield from _option_problems(module, "wrap", (*where, "options"), entry.options)
    if recipe := recipe_of(params, entry):
        for name in SUPERVISED:
            if (given := getattr(recipe, name)) != (off := Gradient.model_fields[name].default):
                shown = "null" if off is None else str(off).lower()
                yield where, f"{entry.method} knows no {name}, but it is {given}; set it to {shown}"
    models = signature.constant(module, "MODELS", None) or [m for m in _models() if m.startswith("models/")]
    if entry.model not in models:
        yield (*where, "model"), unknown(f"model for {entry.method}", entry.model, models)
    data = params.data.get(entry.data)
    if data and data.reader in signature.names("data/readers") and data.kind != "image":
        yield (*where, "data"), f"{entry.method} is of images, but {entry.data} is {data.kind}"


def _refused(params: "Params", experiment: "Experiment", recipe: Gradient | Fit, target: str) -> str | None:
    try:
        signature.options(experiment.model, "build").model_validate(experiment.args)
    except ValidationError:
        return None  # said where the arguments are
    refit = params.data[experiment.data].split.refit
    return signature.refused(experiment.model, experiment.args, recipe.model_dump(), target, refit)


def _models() -> list[str]:
    return [f"{folder}/{name}" for folder in ("models", "classical") for name in signature.names(folder)]


def _input_problems(params: "Params", where: Location, experiment: "Experiment") -> Iterator[Problem]:
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


def _variant_problems(params: "Params", where: Location, variant: "Variant") -> Iterator[Problem]:
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


def _search_problems(params: "Params", where: Location, space: Space) -> Iterator[Problem]:
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


def _option_problems(module: str, function: str, where: Location, given: Any) -> Iterator[Problem]:
    accepted = signature.options(module, function)
    try:
        accepted.model_validate(given)
    except ValidationError as error:
        for location, what in explained(error, accepted, where):
            name = str(location[len(where)])
            known = name in accepted.model_fields or what.startswith("Field required")
            yield location, what if known else unknown(f"argument of {module}", name, accepted.model_fields)

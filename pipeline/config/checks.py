"""Why params.yaml can't be run, found before anything runs: names that do not exist, values that don't fit together."""

import re
from collections.abc import Iterator

from pipeline import introspection
from pipeline.config.messages import Location, Problem, option_problems, unknown
from pipeline.config.recipes import augment_problems
from pipeline.config.rows import experiment_problems, models
from pipeline.config.sections import Params, Variant
from pipeline.config.studies import pretraining_problems, study_problems
from pipeline.config.tokens import tokenizer_problems, use_problems
from pipeline.data.section import Data
from pipeline.paths import ROOT
from pipeline.search.space import Space


def contradictions(params: Params) -> Iterator[Problem]:
    """What is well formed but can't be run."""
    if params.profile not in params.profiles:
        yield ("profile",), unknown("profile", params.profile, params.profiles)
    for section in (
        "profiles",
        "data",
        "tokenizers",
        "recipes",
        "grids",
        "experiments",
        "variants",
        "pretraining",
        "studies",
    ):
        for key in getattr(params, section):
            if not re.fullmatch("[a-z0-9_]+", key):
                yield (section, key), f"name {key!r} must be made of a-z, 0-9 and _ (DVC reads a dot as nesting)"
    for section in ("variants", "pretraining"):
        for key in sorted(set(params.experiments) & set(getattr(params, section))):
            yield (section, key), "an experiment has this name already"
    known = introspection.names("evaluate/evaluators")
    for evaluator, options in params.evaluators.items():
        if evaluator not in known:
            yield ("evaluators", evaluator), unknown("evaluator", evaluator, known)
        else:
            yield from option_problems(f"evaluate/evaluators/{evaluator}", "run", ("evaluators", evaluator), options)
    for key, tokens in params.tokenizers.items():
        yield from tokenizer_problems(("tokenizers", key), tokens)
    for key, data in params.data.items():
        yield from _data_problems(params, ("data", key), data)
        yield from use_problems(params, ("data", key), data.tokens, key, True)
    for key, recipe in params.recipes.items():
        yield from augment_problems(("recipes", key, "augment"), getattr(recipe, "augment", []))
    for key, experiment in params.experiments.items():
        yield from experiment_problems(params, ("experiments", key), experiment)
        if (start := experiment.start) and not (start.is_card or start.is_folder or start.is_version):
            yield (
                ("experiments", key, "start", "weights"),
                "a row may start from a card, a folder (`./name`) or a registered version, which stay what they are; "
                "what starts from another row or from a pretraining is a point of a study",
            )
    for key, variant in params.variants.items():
        yield from variant_problems(params, ("variants", key), variant)
    for key, space in params.search.items():
        yield from _search_problems(params, ("search", key), space)
    for key, entry in params.pretraining.items():
        yield from pretraining_problems(params, ("pretraining", key), entry)
    for key, study in params.studies.items():
        yield from study_problems(params, ("studies", key), study)


def _data_problems(params: Params, where: Location, data: Data) -> Iterator[Problem]:
    for profile in sorted(set(params.profiles) ^ set(data.budget)):
        if profile in params.profiles:
            yield (*where, "budget"), f"no budget for profile {profile!r}"
        else:
            yield (*where, "budget", profile), unknown("profile", profile, params.profiles)
    if data.is_card and not (ROOT / data.source).is_file():
        cards = [f"pipeline/data/cards/{name}.yaml" for name in introspection.cards()]
        yield (*where, "source"), unknown("card", data.source, cards)
    if data.task not in introspection.names("tasks"):
        yield (*where, "task"), unknown("task", data.task, introspection.names("tasks"))
    if data.reader not in introspection.names("data/readers"):
        yield (*where, "reader"), unknown("reader", data.reader, introspection.names("data/readers"))
    else:
        yield from option_problems(f"data/readers/{data.reader}", "read", (*where, "options"), data.options)
        valid = ("refuse", "drop") if data.kind == "tokens" else ("refuse",)
        if data.kind != "tabular" and data.missing not in valid:
            of = "tables and texts" if data.missing == "drop" else "tables"
            what = f"missing {data.missing!r} is for {of}, but {data.reader} reads {data.kind} data here"
            yield (*where, "missing"), f"{what}; valid: {', '.join(valid)}"
    numbers = (
        data.task in introspection.names("tasks") and introspection.constant(f"tasks/{data.task}", "TARGET") != "class"
    )
    if numbers and data.options.get("classes"):
        yield (
            (*where, "options", "classes"),
            f"task {data.task} predicts numbers, which have no classes; leave them out",
        )


def variant_problems(params: Params, where: Location, variant: Variant) -> Iterator[Problem]:
    if variant.of not in params.experiments:
        yield (*where, "of"), unknown("experiment", variant.of, params.experiments)
        return
    kept = "skops" if params.experiments[variant.of].model.startswith("classical/") else "safetensors"
    left, data = f"{variant.of} is kept as {kept}", params.data.get(params.experiments[variant.of].data)
    for index, step in enumerate(variant.steps):
        method, options = step.get("method"), {k: v for k, v in step.items() if k != "method"}
        spot = (*where, "steps", index)
        if method not in introspection.names("compress/methods"):
            yield (*spot, "method"), unknown("method", str(method), introspection.names("compress/methods"))
            return
        yield from option_problems(f"compress/methods/{method}", "apply", spot, options)
        module = f"compress/methods/{method}"
        if data and data.task in introspection.names("tasks"):
            target = introspection.constant(f"tasks/{data.task}", "TARGET")
            if why := introspection.refused(module, options, {}, target, data.split.refit, "apply"):
                yield spot, f"{why}; {variant.of} has data of {data.task}: leave this variant out"
        if kept not in (takes := introspection.constant(module, "TAKES")):
            yield spot, f"{method} takes {' or '.join(takes)}, but {left}{_before(kept, takes)}"
        kept = introspection.constant(module, "MAKES")
        left = f"the step before it, {method}, leaves {kept}"


def _before(kept: str, takes: tuple[str, ...]) -> str:
    """What to do where a step can't take what is there: the step that would come between."""
    for method in introspection.names("compress/methods"):
        module = f"compress/methods/{method}"
        fits = kept in introspection.constant(module, "TAKES")
        if fits and introspection.constant(module, "MAKES") in takes:
            return f"; put {{method: {method}}} before it"
    return ""


def _search_problems(params: Params, where: Location, space: Space) -> Iterator[Problem]:
    if where[1] not in params.experiments:
        yield where, unknown("experiment", str(where[1]), params.experiments)
        return
    experiment = params.experiments[str(where[1])]
    if (
        experiment.data not in params.data
        or experiment.recipe not in params.recipes
        or experiment.model not in models()
    ):
        return  # said where the experiment is
    recipe_fields = type(params.recipes[experiment.recipe]).model_fields
    for axis in set(space.set) - set(recipe_fields):
        yield (*where, "set", axis), unknown("recipe field", axis, recipe_fields)
    arguments = introspection.options(experiment.model, "build").model_fields
    for axis in set(space.args) - set(arguments):
        yield (*where, "args", axis), unknown("model argument", axis, arguments)
    if params.data[experiment.data].split.refit:
        yield (
            where,
            f"data set {experiment.data} keeps its validation items in train (refit): nothing can be chosen on them",
        )
    if not space.set and not space.args:
        yield where, "nothing to search: give axes under set or args"

"""Why a study or a pretraining can't be run."""

from collections.abc import Iterator

from pipeline import introspection
from pipeline.config.messages import Location, Problem, option_problems, unknown
from pipeline.config.rows import experiment_problems, models
from pipeline.config.sections import Params, Pretraining, Study
from pipeline.config.starts import recipe_of
from pipeline.training.recipe import Gradient

# Fields of recipes that a pretraining has no use for: its loss is its method's, its network's start is its own.
SUPERVISED = ["loss", "label_smoothing", "sampling", "initialisation", "last_layer", "mixup", "cutmix"]
SUPERVISED += ["best_weights", "swa", "micro_batch"]


def study_problems(params: Params, where: Location, study: Study) -> Iterator[Problem]:
    if study.of not in params.experiments:
        yield (*where, "of"), unknown("experiment", study.of, params.experiments)
    if study.kind not in (kinds := introspection.names("report/studies")):
        yield (*where, "kind"), unknown("kind of study", study.kind, kinds)
        return
    networks_only = introspection.constant(f"report/studies/{study.kind}", "NETWORKS_ONLY", False)
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
        if networks_only and points[number].model.startswith("classical/"):
            yield spot, f"{points[number].model} has no epochs and no gradients for kind {study.kind}"
        for location, what in experiment_problems(params, spot, points[number]):
            own = location[len(spot) :]  # what the study asks of all its points is said once, and where it stands
            shared = (
                len(own) > 1 and own[0] in ("args", "set") and own[1] not in getattr(study.vary[number], str(own[0]))
            )
            problem = ((*where, *own) if shared else location, what)
            if problem not in said:
                yield problem
            said.add(problem)


def pretraining_problems(params: Params, where: Location, entry: Pretraining) -> Iterator[Problem]:
    yield from experiment_problems(params, where, entry)
    if entry.start:
        yield (*where, "start"), "a pretraining starts from random weights; leave it out"
    methods = introspection.names("pretraining/methods")
    if entry.method not in methods:
        yield (*where, "method"), unknown("method", entry.method, methods)
        return
    module = f"pretraining/methods/{entry.method}"
    yield from option_problems(module, "wrap", (*where, "options"), entry.options)
    if recipe := recipe_of(params, entry):
        for name in SUPERVISED:
            if (given := getattr(recipe, name)) != (off := Gradient.model_fields[name].default):
                shown = "null" if off is None else str(off).lower()
                yield where, f"{entry.method} knows no {name}, but it is {given}; set it to {shown}"
    valid = introspection.constant(module, "MODELS", None) or [m for m in models() if m.startswith("models/")]
    if entry.model not in valid:
        yield (*where, "model"), unknown(f"model for {entry.method}", entry.model, valid)
    data = params.data.get(entry.data)
    if data and data.reader in introspection.names("data/readers") and data.kind != "image":
        yield (*where, "data"), f"{entry.method} is of images, but {entry.data} is {data.kind}"

"""The learning-rate range test of a row, and its plot."""

from pipeline import paths
from pipeline.build.repro import alone
from pipeline.cells.store import require_sound
from pipeline.config import loading
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan
from pipeline.training.spec import Spec


def lr_range(experiment: str) -> int:
    """Train for a few hundred updates with a growing rate; prints the rate that the losses suggest."""
    plan = Plan(loading.load())
    if experiment not in plan.params.experiments:
        raise loading.ParamsError(loading.no_row(plan.params, experiment))
    recipe = plan.params.recipe_of(experiment)
    if recipe.kind != "gradient":
        raise loading.ParamsError(f"{experiment} is no network: there is no learning rate to test")
    cell = plan.train(experiment, plan.params.seeds_of(experiment)[0])
    with alone():
        Run(executor(1)).fill(cell.inputs.values())
    from pipeline.data import dataset  # seconds of imports, and only now is it known that they are needed
    from pipeline.report import range_plot
    from pipeline.training import range_test
    from pipeline.training.vocabulary import require_tokens

    spec = cell.spec
    assert isinstance(spec, Spec)
    for parent in cell.inputs.values():
        require_sound(parent.folder)
    data = dataset.load(cell.inputs["data"].folder, spec.budget, spec.seed, ("train", "validation"))
    begun = {name: cell.inputs[name].folder for name in ("start", "features") if name in cell.inputs}
    try:
        if spec.start:
            require_tokens(spec.start, begun["start"], cell.inputs["data"].folder)
        found = range_test.run(spec, data, **begun)
    except ValueError as error:
        raise loading.ParamsError(f"{experiment}: {error}") from None
    path = paths.reports(plan.params.profile) / f"lr_range_{experiment}"
    path.parent.mkdir(parents=True, exist_ok=True)
    made = range_plot.draw(path, f"{experiment}: learning-rate range test", found)
    print(f"loss falls from {found.smooth[0]:.4g} to {min(found.smooth):.4g} within {len(found.rates)} updates")
    print(f"suggested lr {found.suggestion:.2g}, the row has {recipe.lr:g}; plot: {made.relative_to(paths.ROOT)}")
    return 0

"""Compress every seed of one variant and evaluate what came out: `python -m stages.compress VARIANT`."""

from pipeline import params, paths, stage
from pipeline.evaluate.collect import collect
from pipeline.plan import Plan


def main(variant: str) -> None:
    plan = Plan(params.load())
    if stage.left_out(plan, variant, *(f(plan.params.profile, variant) for f in (paths.artifacts, paths.results))):
        return
    compressed = [plan.compress(variant, seed) for seed in plan.profile.seeds]
    evaluated = {seed: plan.evaluate(variant, seed) for seed in plan.profile.seeds}
    stage.fill([*compressed, *evaluated.values()])
    stage.link(compressed)
    collect(plan.params, variant, evaluated)


if __name__ == "__main__":
    stage.run(main)

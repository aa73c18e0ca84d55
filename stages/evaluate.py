"""Evaluate every seed of one experiment on validation and test: `python -m stages.evaluate EXPERIMENT`."""

from pipeline import params, paths, stage
from pipeline.evaluate.collect import collect
from pipeline.plan import Plan


def main(experiment: str) -> None:
    plan = Plan(params.load())
    if stage.left_out(plan, experiment, paths.results(plan.params.profile, experiment)):
        return
    made = {seed: plan.evaluate(experiment, seed) for seed in plan.profile.seeds}
    stage.fill(made.values())
    collect(plan.params, experiment, made)


if __name__ == "__main__":
    stage.run(main)

"""Evaluate every seed of one experiment on validation and test: `python -m stages.evaluate EXPERIMENT`."""

from pipeline import params, stage
from pipeline.evaluate.collect import collect
from pipeline.plan import Plan


def main(experiment: str) -> None:
    plan = Plan(params.load())
    made = {seed: plan.evaluate(experiment, seed) for seed in plan.profile.seeds}
    stage.fill(made.values())
    collect(plan.params, experiment, made)


if __name__ == "__main__":
    stage.run(main)

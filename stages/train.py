"""Train every seed of one experiment, network or classical: `python -m stages.train EXPERIMENT`."""

from pipeline import params, paths, stage
from pipeline.plan import Plan


def main(experiment: str) -> None:
    plan = Plan(params.load())
    if stage.left_out(plan, experiment, paths.artifacts(plan.params.profile, experiment)):
        return
    made = [plan.train(experiment, seed) for seed in plan.profile.seeds]
    stage.refuse_too_dear(plan, experiment)
    stage.fill(made)
    stage.link(made)


if __name__ == "__main__":
    stage.run(main)

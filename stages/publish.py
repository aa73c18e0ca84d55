"""Bring the registry up to the files of finished runs: `python -m stages.publish`."""

from pipeline.config import loading
from pipeline.run import invocation


def main() -> None:
    from pipeline.tracking.publish import publish, summary  # only now is this process tied to its DVC

    print(summary(publish(loading.load())))


if __name__ == "__main__":
    invocation.stage(main)

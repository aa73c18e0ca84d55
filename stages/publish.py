"""Bring the registry up to the files of finished runs: `python -m stages.publish`."""

import sys

from pipeline import params, stage


def main() -> None:
    # Takes seconds, and only now is this process tied to its DVC.
    from pipeline.tracking.ledger import LedgerError
    from pipeline.tracking.publish import publish, summary
    from pipeline.tracking.store import StoreError

    try:
        print(summary(publish(params.load())))
    except (LedgerError, StoreError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    stage.run(main)

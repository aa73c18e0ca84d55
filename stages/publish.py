"""Bring the registry up to the files of finished runs: `python -m stages.publish`."""

import sys

from pipeline import params, stage
from pipeline.tracking.ledger import LedgerError
from pipeline.tracking.publish import publish, summary
from pipeline.tracking.store import StoreError


def main() -> None:
    try:
        print(summary(publish(params.load())))
    except (LedgerError, StoreError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    stage.run(main)

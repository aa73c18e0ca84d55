"""Bring the registry up to the files of finished runs: `python -m stages.publish`."""

import sys

from pipeline.config import loading
from pipeline.run import invocation


def main() -> None:
    # Only now is this process tied to its DVC.
    from pipeline.tracking.ledger import LedgerError
    from pipeline.tracking.publish import publish, summary
    from pipeline.tracking.records import StoreError

    try:
        print(summary(publish(loading.load())))
    except (LedgerError, StoreError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    invocation.stage(main)

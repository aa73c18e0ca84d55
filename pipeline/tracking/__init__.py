"""The registry: files are the truth, MLflow is a projection of them that can be thrown away and made again.

    publish.py   whether there is anything to do, and the receipt
    project.py   the flow: results and cells -> ledger -> store -> aliases
    records.py   what results and cells say of a run, and where a model's files are
    ledger.py    registry.jsonl, the append-only list in Git of all versions and aliases
    database.py  mlflow.db before MLflow opens it: whole, and at home in its folder
    store.py     runs in MLflow;  models.py  registered versions;  figures.py  their pictures
    signature.py what MLflow is told of a model's input and output, with an example
    loader.py    what a served model runs; copied into each version, with the sources that it needs
    commands.py  the user interface, serving, and finding a version's files by its locator

Nothing else in the project imports mlflow. Its settings are read when it is imported, so they are made here, before any
module below can import it: no usage statistics, nothing unpickled, no background jobs in the server.
"""

import os

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
os.environ.update(ENVIRONMENT)

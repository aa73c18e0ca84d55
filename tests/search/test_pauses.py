"""What an executor says of a cell that pauses, which a search goes on with later."""

import json

import pytest

from tests.search.conftest import Laboratory

CODE = """
import json
from dataclasses import replace
from pipeline.cells.cell import PAUSED, Execution, read_json
from pipeline.config import loading
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan
asked = Plan(loading.load()).trial("digits_mlp", 7, {{}})
for pause in (1, None):
    cells = [cell := replace(asked, execution=Execution(pause=pause))]
    (ended,) = Run(executor({jobs})).flow(lambda: cells.pop() if cells else None)
    epochs = len(read_json(cell.folder / PAUSED)["history"]) if pause else cell.result["epochs"]["run"]
    print(json.dumps([ended.problem, ended.cell.complete, epochs]))
"""


@pytest.mark.parametrize("jobs", [0, 1], ids=["in this process", "forked"])
def test_it_has_no_result_and_no_problem_and_goes_on(laboratory: Laboratory, jobs: int) -> None:
    said = laboratory.python(CODE.format(jobs=jobs)).splitlines()
    found = [json.loads(line) for line in said if line.startswith("[")]
    assert found == [[None, False, 1], [None, True, 2]]

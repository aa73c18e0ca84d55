"""Which studies a command makes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import scratch
from tests import test_studies as studies


def test_a_study_of_a_row_on_request_is_made_where_it_or_its_part_is_asked_for(fresh: Callable[..., Path]) -> None:
    def requested(sections: dict[str, Any]) -> None:
        studies.edit(sections)
        sections["experiments"]["iris_mlp"]["on_request"] = True
        sections["data"]["iris"]["part"] = "flowers"

    project = fresh(requested)
    assert "train" not in scratch.cli(project, "study").stdout
    with pytest.raises(RuntimeError, match="unknown part of the build 'flower'; did you mean 'flowers'"):
        scratch.cli(project, "study", "--task", "flower")
    assert "[22/22]" in scratch.cli(project, "study", "--task", "flowers").stdout and len(studies.lines(project)) == 4
    assert not any((project / "studies/cells/laptop").iterdir())
    again = scratch.cli(project, "study").stdout
    assert "train" not in again and any((project / "studies/cells/laptop").iterdir()), "DVC has it from then on"
